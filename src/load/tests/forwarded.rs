//! Sources of which each caller has their own: bounded, remade when they come again, and of one epoch.

use super::*;
use crate::load::ForwardedSource;
use crate::source::Brought;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

const KEY: [u8; 32] = [7; 32];

fn forwarded(most: usize) -> (ForwardedSource, Arc<AtomicUsize>) {
    let (made, writes) = (Arc::new(AtomicUsize::new(0)), Arc::<AtomicU64>::default());
    let (count, counted, store) = (
        Arc::clone(&made),
        Arc::clone(&writes),
        Store::new(1_000_000),
    );
    let headers = BTreeMap::from([("api_key".to_owned(), Box::from("x-key"))]);
    let source = ForwardedSource::new(
        Told::new(true),
        headers,
        most,
        writes,
        Box::new(move |vars| {
            count.fetch_add(1, Ordering::SeqCst);
            if vars["api_key"] == "odd" {
                return None;
            }
            let (store, counted) = (store.clone(), Arc::clone(&counted));
            let caching = caching(Some(LONG));
            let cached = CachedSource::counting(Told::new(true), caching, store, counted);
            Some(Arc::new(cached))
        }),
    );
    (source, made)
}

fn brought(text: &str) -> Brought {
    Brought::new(&KEY, [("x-key", Some(text)), ("x-other", Some("else"))])
}

#[tokio::test]
async fn only_so_many_are_kept_ready_and_the_oldest_goes() {
    let (source, made) = forwarded(3);
    for number in 0..50 {
        assert!(source.seen_by(&brought(&number.to_string())).is_some());
        assert!(source.ready() <= 3);
    }
    assert_eq!((made.load(Ordering::SeqCst), source.ready()), (50, 3));
    for number in [48, 49, 48] {
        source.seen_by(&brought(&number.to_string()));
    }
    assert_eq!(made.load(Ordering::SeqCst), 50, "these were ready");
    source.seen_by(&brought("0"));
    assert_eq!(made.load(Ordering::SeqCst), 51, "this one was not");
}

#[tokio::test]
async fn whatever_is_no_credential_is_refused_and_not_kept() {
    let (source, _) = forwarded(3);
    assert!(source.seen_by(&Brought::default()).is_none());
    let unusable = Brought::new(&KEY, [("x-key", None)]);
    for brought in [brought("odd"), unusable] {
        let seen = source.seen_by(&brought).unwrap();
        let found = seen.fetch(&call(false), &[id("1")]).await;
        let error = found.into_iter().next().unwrap().unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Unauthenticated);
        assert_eq!(seen.credential(), None);
    }
    let found = source.fetch(&call(false), &[id("1"), id("2")]).await;
    assert!(found.len() == 2 && found.iter().all(Result::is_err));
    assert_eq!(source.ready(), 0);
}

#[tokio::test]
async fn a_write_by_one_moves_all_and_no_epoch_comes_again() {
    let (source, _) = forwarded(1);
    let one = source.seen_by(&brought("one")).unwrap();
    let before = source.epoch();
    one.write(&call(false), &Change::Delete { id: id("9") })
        .await;
    let other = source.seen_by(&brought("other")).unwrap();
    let remade = source.seen_by(&brought("one")).unwrap();
    for epoch in [source.epoch(), one.epoch(), other.epoch(), remade.epoch()] {
        assert_eq!(epoch, before + 1);
    }
    assert_ne!(one.credential(), other.credential());
    assert_eq!(one.credential(), remade.credential());
}
