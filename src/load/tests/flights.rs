//! Reads that are shared while they are under way: who pays, who waits how long, and who may join.

use super::*;

#[tokio::test]
async fn two_hundred_identical_reads_are_one_call_and_only_its_starter_pays() {
    let told = Told::new(false);
    let source = cached(&told, None);
    let readers: Vec<_> = (0..200)
        .map(|_| {
            let (source, call) = (Arc::clone(&source), call(false));
            tokio::spawn(async move {
                let said = list(&source, &call).await;
                (said, call.calls())
            })
        })
        .collect();
    settle().await;
    told.gate.add_permits(1);
    let mut paid = 0;
    for reader in readers {
        let (said, calls) = reader.await.unwrap();
        assert_eq!(said, Ok("1".into()));
        paid += calls;
    }
    assert_eq!(told.lists.load(Ordering::SeqCst), 1);
    assert_eq!(paid, 1, "joining a flight costs nothing");
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_fail_the_others() {
    let told = Told::new(false);
    let source = cached(&told, Some(LONG));
    let spawn = || {
        let source = Arc::clone(&source);
        tokio::spawn(async move { read(&source, "1").await })
    };
    let first = spawn();
    settle().await;
    let second = spawn();
    settle().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    told.gate.add_permits(1);
    assert_eq!(second.await.unwrap(), Ok(Some("1".into())));
    assert_eq!(told.asked().len(), 1);
}

#[tokio::test]
async fn the_deadline_of_who_asked_first_is_not_the_others() {
    let told = Told::new(false);
    let source = cached(&told, Some(LONG));
    let hurried = {
        let source = Arc::clone(&source);
        tokio::spawn(async move {
            let deadline = Instant::now() + Duration::from_millis(30);
            let call = Call::new(Arc::new(Operation::new("hurried", deadline)));
            (
                list(&source, &call).await,
                read_by(&source, "1", &call).await,
            )
        })
    };
    settle().await;
    let patient = {
        let source = Arc::clone(&source);
        tokio::spawn(async move { list(&source, &call(false)).await })
    };
    let late = Err(SourceErrorKind::Timeout);
    assert_eq!(
        hurried.await.unwrap(),
        (late.clone(), Err(SourceErrorKind::Timeout))
    );
    told.gate.add_permits(2);
    assert_eq!(patient.await.unwrap(), Ok("1".into()));
    assert_eq!(told.lists.load(Ordering::SeqCst), 1, "the flight went on");
}

/// Whoever joins the read of an operation that has used up its calls pays for one of its own.
#[tokio::test]
async fn the_budget_of_who_asked_first_is_not_the_others() {
    let told = Told::new(false);
    let source = cached(&told, Some(LONG));
    let asks = |budget: u32| {
        let source = Arc::clone(&source);
        let operation = Operation::new("test", Instant::now() + Duration::from_secs(60));
        let call = Call::new(Arc::new(operation.spending(CallBudget::of(budget))));
        tokio::spawn(
            async move { tokio::join!(list(&source, &call), read_by(&source, "2", &call)) },
        )
    };
    let spent = asks(0);
    settle().await;
    let other = asks(2);
    settle().await;
    told.gate.add_permits(100);
    let refused = SourceErrorKind::OverBudget;
    assert_eq!(spent.await.unwrap(), (Err(refused), Err(refused)));
    assert_eq!(other.await.unwrap(), (Ok("1".into()), Ok(Some("1".into()))));
}

#[tokio::test]
async fn who_asks_for_news_joins_no_older_read_and_the_newer_answer_is_kept() {
    let told = Told::new(false);
    let source = cached(&told, Some(LONG));
    let spawn = |fresh| {
        let source = Arc::clone(&source);
        tokio::spawn(async move { read_by(&source, "1", &call(fresh)).await })
    };
    let old = spawn(false);
    settle().await;
    told.number.store(2, Ordering::SeqCst);
    told.overtakes.store(true, Ordering::SeqCst);
    assert_eq!(spawn(true).await.unwrap(), Ok(Some("2".into())));
    told.gate.add_permits(1);
    assert_eq!(old.await.unwrap(), Ok(Some("1".into())));
    assert_eq!(told.asked().len(), 2);
    assert_eq!(
        read(&source, "1").await,
        Ok(Some("2".into())),
        "not the older one, though it landed later"
    );
}

#[tokio::test]
async fn ids_that_are_under_way_are_joined_and_only_the_others_asked_for() {
    let told = Told::new(false);
    let source = cached(&told, None);
    let spawn = |ids: &'static [&'static str]| {
        let source = Arc::clone(&source);
        tokio::spawn(async move {
            let ids: Vec<_> = ids.iter().map(|text| id(text)).collect();
            let call = call(false);
            let found = source.fetch(&call, &ids).await;
            let ids: Vec<_> = found
                .into_iter()
                .map(|found| found.unwrap().unwrap().id.to_string())
                .collect();
            (ids, call.calls())
        })
    };
    let first = spawn(&["1", "2"]);
    settle().await;
    let second = spawn(&["3", "2"]);
    settle().await;
    let third = spawn(&["1", "3"]);
    settle().await;
    told.gate.add_permits(10);
    assert_eq!(first.await.unwrap(), (vec!["1".into(), "2".into()], 1));
    assert_eq!(second.await.unwrap(), (vec!["3".into(), "2".into()], 1));
    assert_eq!(third.await.unwrap(), (vec!["1".into(), "3".into()], 0));
    assert_eq!(told.asked(), [vec!["1", "2"], vec!["3"]]);
}
