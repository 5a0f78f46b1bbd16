//! What a write makes unseen, also where reads were under way when it came.

use super::*;

#[tokio::test]
async fn after_a_write_nobody_sees_the_past() {
    let told = Told::new(true);
    let source = cached(&told, Some(LONG));
    assert_eq!(read(&source, "1").await, Ok(Some("1".into())));
    assert_eq!(list(&source, &call(false)).await, Ok("1".into()));
    source
        .write(&call(false), &Change::Delete { id: id("9") })
        .await;
    assert_eq!(read(&source, "1").await, Ok(Some("2".into())));
    assert_eq!(list(&source, &call(false)).await, Ok("2".into()));
}

#[tokio::test]
async fn a_read_that_a_write_overtook_is_not_kept_and_not_joined() {
    let told = Told::new(false);
    let source = cached(&told, Some(LONG));
    let early = {
        let source = Arc::clone(&source);
        tokio::spawn(async move { (read(&source, "1").await, list(&source, &call(false)).await) })
    };
    settle().await;
    source
        .write(&call(false), &Change::Delete { id: id("9") })
        .await;
    let late = {
        let source = Arc::clone(&source);
        tokio::spawn(async move { (read(&source, "1").await, list(&source, &call(false)).await) })
    };
    settle().await;
    told.gate.add_permits(100);
    assert_eq!(
        early.await.unwrap().0,
        Ok(Some("1".into())),
        "it began before"
    );
    assert_eq!(
        late.await.unwrap(),
        (Ok(Some("2".into())), Ok("2".into())),
        "it began after"
    );
    assert_eq!(
        read(&source, "1").await,
        Ok(Some("2".into())),
        "the early answer is not kept for later readers"
    );
}

#[tokio::test]
async fn a_write_that_breaks_off_counts_as_a_write() {
    let told = Told::new(true);
    let source = cached(&told, Some(LONG));
    read(&source, "1").await.unwrap();
    told.number.store(5, Ordering::SeqCst);
    let (caller, change) = (call(false), Change::Delete { id: id("9") });
    drop(source.write(&caller, &change));
    assert_eq!(
        read(&source, "1").await,
        Ok(Some("1".into())),
        "never begun"
    );
    let mut writing = Box::pin(source.write(&caller, &change));
    let _ = futures_util::poll!(writing.as_mut());
    drop(writing);
    assert_eq!(read(&source, "1").await, Ok(Some("6".into())));
}

#[tokio::test]
async fn a_write_that_was_refused_before_anything_was_sent_forgets_nothing() {
    let told = Told::new(true);
    let source = cached(&told, Some(LONG));
    read(&source, "1").await.unwrap();
    *told.outcome.lock().unwrap() = WriteOutcome::NotApplied;
    let change = Change::Delete { id: id("9") };
    source.write(&call(false), &change).await;
    assert_eq!(read(&source, "1").await, Ok(Some("1".into())));
    assert_eq!(told.asked().len(), 1);
}

#[tokio::test]
async fn a_write_nobody_knows_of_may_still_come_true() {
    let told = Told::new(true);
    let inner: Arc<dyn CustomerSource> = Arc::clone(&told) as Arc<dyn CustomerSource>;
    let caching = Caching {
        patience: Duration::from_millis(50),
        ..caching(Some(LONG))
    };
    let source = CachedSource::new(inner, caching, Store::new(1_000_000));
    *told.outcome.lock().unwrap() = WriteOutcome::Unknown;
    read(&source, "1").await.unwrap();
    let change = Change::Delete { id: id("9") };
    source.write(&call(false), &change).await;
    assert_eq!(read(&source, "1").await, Ok(Some("2".into())));
    told.number.store(3, Ordering::SeqCst);
    assert_eq!(
        read(&source, "1").await,
        Ok(Some("2".into())),
        "kept for a moment"
    );
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(read(&source, "1").await, Ok(Some("3".into())));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_only_accepted_is_looked_for_again_and_again_for_a_while() {
    let told = Told::new(true);
    let inner: Arc<dyn CustomerSource> = Arc::clone(&told) as Arc<dyn CustomerSource>;
    let caching = Caching {
        patience: Duration::from_secs(20),
        ..caching(Some(LONG))
    };
    let source = CachedSource::new(inner, caching, Store::new(1_000_000));
    told.later.store(true, Ordering::SeqCst);
    let change = Change::Delete { id: id("9") };
    source.write(&call(false), &change).await;
    let mut forgotten = Vec::new();
    let mut epoch = source.epoch();
    for second in 1..=40 {
        tokio::time::sleep(Duration::from_millis(1_001)).await;
        if source.epoch() != epoch {
            epoch = source.epoch();
            forgotten.push(second);
        }
    }
    assert_eq!(forgotten, [1, 2, 6, 20]);
}
