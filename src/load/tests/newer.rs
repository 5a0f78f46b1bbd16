//! What was said last is what holds, also where it may not be kept; and what began long ago is not taken for new.

use super::*;
use crate::load::Load;
use crate::source::{SourceEntry, Sources};

/// Kept for long as a customer, not at all where there is none.
const NO_ABSENCE: Times = Times {
    absent_ttl: Duration::ZERO,
    ..LONG
};
/// Fresh for a moment and usable for long.
const BRIEF: Times = Times {
    absent_ttl: Duration::ZERO,
    ..SHORT
};

fn unkept(keep: bool, fresh: Option<Duration>) -> Option<Arc<Stamp>> {
    let reuse = Reuse {
        keep,
        fresh,
        stands_in: true,
    };
    Some(Arc::new(Stamp {
        reuse,
        ..Stamp::default()
    }))
}

#[tokio::test]
async fn a_customer_that_is_gone_does_not_come_back() {
    let told = Told::new(true);
    let source = cached(&told, Some(NO_ABSENCE));
    assert_eq!(read(&source, "1").await, Ok(Some("1".into())));
    told.empty.store(true, Ordering::SeqCst);
    assert_eq!(read_by(&source, "1", &call(true)).await, Ok(None));
    assert_eq!(read(&source, "1").await, Ok(None), "out of the cache");

    let told = Told::new(true);
    let source = cached(&told, Some(BRIEF));
    assert_eq!(read(&source, "1").await, Ok(Some("1".into())));
    tokio::time::sleep(Duration::from_millis(40)).await;
    told.empty.store(true, Ordering::SeqCst);
    assert_eq!(read(&source, "1").await, Ok(None));
    told.failing.store(true, Ordering::SeqCst);
    let down = Err(SourceErrorKind::Unavailable);
    assert_eq!(read(&source, "1").await, down, "in place of an error");
}

#[tokio::test]
async fn after_a_refusal_nothing_older_stands_in() {
    let told = Told::new(true);
    let source = cached(&told, Some(BRIEF));
    assert_eq!(read(&source, "1").await, Ok(Some("1".into())));
    assert_eq!(list(&source, &call(false)).await, Ok("1".into()));
    tokio::time::sleep(Duration::from_millis(40)).await;
    told.failing.store(true, Ordering::SeqCst);
    *told.fault.lock().unwrap() = SourceErrorKind::Forbidden;
    let refused = SourceErrorKind::Forbidden;
    assert_eq!(read(&source, "1").await, Err(refused));
    assert_eq!(list(&source, &call(false)).await, Err(refused));
    *told.fault.lock().unwrap() = SourceErrorKind::Unavailable;
    let down = SourceErrorKind::Unavailable;
    assert_eq!(read(&source, "1").await, Err(down));
    assert_eq!(list(&source, &call(false)).await, Err(down));
}

/// What the CRM never got to say displaces nothing.
#[tokio::test]
async fn what_the_crm_did_not_say_leaves_what_it_said() {
    for fault in [
        SourceErrorKind::Timeout,
        SourceErrorKind::Malformed,
        SourceErrorKind::OverBudget,
    ] {
        let told = Told::new(true);
        let source = cached(&told, Some(LONG));
        read(&source, "1").await.unwrap();
        list(&source, &call(false)).await.unwrap();
        told.failing.store(true, Ordering::SeqCst);
        *told.fault.lock().unwrap() = fault;
        assert_eq!(read_by(&source, "1", &call(true)).await, Err(fault));
        assert_eq!(list(&source, &call(true)).await, Err(fault));
        assert_eq!(read(&source, "1").await, Ok(Some("1".into())));
        assert_eq!(list(&source, &call(false)).await, Ok("1".into()));
    }
}

#[tokio::test]
async fn what_may_not_be_kept_takes_the_place_of_what_was() {
    for stamp in [unkept(false, None), unkept(true, Some(Duration::ZERO))] {
        let told = Told::new(true);
        let source = cached(&told, Some(LONG));
        read(&source, "1").await.unwrap();
        list(&source, &call(false)).await.unwrap();
        told.number.store(2, Ordering::SeqCst);
        *told.stamp.lock().unwrap() = stamp;
        let new = Some("2".to_owned());
        assert_eq!(read_by(&source, "1", &call(true)).await, Ok(new.clone()));
        assert_eq!(list(&source, &call(true)).await, Ok("2".into()));
        assert_eq!(read(&source, "1").await, Ok(new));
        assert_eq!(list(&source, &call(false)).await, Ok("2".into()));
    }
}

/// Who joins a read that began long ago gets an answer of that time.
#[tokio::test]
async fn a_page_that_was_joined_is_as_old_as_its_question() {
    let told = Told::new(false);
    let source = cached(&told, Some(LONG));
    let asks = |call: Call| {
        let source = Arc::clone(&source);
        tokio::spawn(async move { list(&source, &call).await })
    };
    let first = asks(call(false));
    settle().await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let joins = call(false);
    let second = asks(joins.clone());
    settle().await;
    told.gate.add_permits(1);
    assert_eq!(first.await.unwrap(), Ok("1".into()));
    assert_eq!(second.await.unwrap(), Ok("1".into()));
    assert_eq!(told.lists.load(Ordering::SeqCst), 1, "it was joined");
    joins.read_page(Instant::now());
    assert!(joins.has_read_apart());
}

/// Where no read can be shared, what is about to grow stale is renewed all the same.
#[tokio::test]
async fn reads_in_the_background_need_no_room_to_be_joined() {
    let told = Told::new(true);
    let inner: Arc<dyn CustomerSource> = Arc::clone(&told) as Arc<dyn CustomerSource>;
    let caching = Caching {
        flights: 0,
        ..caching(Some(Times {
            ahead: Some(0),
            ..LONG
        }))
    };
    let source = CachedSource::new(inner, caching, Store::new(1_000_000));
    for number in 1..=3 {
        told.number.store(number, Ordering::SeqCst);
        read(&source, "1").await.unwrap();
        list(&source, &call(false)).await.unwrap();
        settle().await;
    }
    assert_eq!(read(&source, "1").await, Ok(Some("3".into())));
    assert_eq!(list(&source, &call(false)).await, Ok("3".into()));
}

/// Ids that a batch under way has, and others: the others are not kept waiting for it.
#[tokio::test]
async fn a_batch_is_asked_for_while_another_is_under_way() {
    let told = Told::new(false);
    let entry = Arc::new(SourceEntry {
        key: "told".into(),
        name: "told".into(),
        adapter: "told".into(),
        rank: 0,
        source: Arc::clone(&told) as Arc<dyn CustomerSource>,
    });
    let operation = Operation::new("test", Instant::now() + Duration::from_secs(60));
    let sources = Sources::new(vec![Arc::clone(&entry)]);
    let load = Arc::new(Load::new(sources, Arc::new(operation)));
    let asks = |ids: [&'static str; 2]| {
        let (load, entry) = (Arc::clone(&load), Arc::clone(&entry));
        tokio::spawn(async move { load.customers(&entry, ids.map(id).into()).await.len() })
    };
    let first = asks(["1", "2"]);
    settle().await;
    let second = asks(["1", "3"]);
    settle().await;
    assert_eq!(told.asked(), [vec!["1", "2"], vec!["3"]]);
    told.gate.add_permits(2);
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (2, 2));
}
