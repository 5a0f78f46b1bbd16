//! What the store may take, and what it says it takes.

use super::super::cache::{Key, Said, Scope};
use super::*;
use crate::model::Native;
use bytes::Bytes;

const MIB: u64 = 1 << 20;

fn key(number: u32) -> Key {
    Key::Customer {
        scope: Scope {
            source: 0,
            epoch: 0,
        },
        id: id(&number.to_string()),
    }
}

fn customer(number: u32) -> Customer {
    Customer {
        name: Some(format!("Customer {number}").into()),
        email: Some(format!("customer.{number}@example.com").into()),
        ..Customer::bare(id(&number.to_string()))
    }
}

#[test]
fn a_hundred_thousand_customers_stay_within_sixteen_mebibytes() {
    let store = Store::new(16 * MIB);
    let mut most = 0;
    for number in 0..100_000 {
        let said = Said::Customer(Some(Arc::new(customer(number))));
        store.keep(key(number), said, Instant::now(), &LONG);
        if number % 10_000 == 0 {
            most = most.max(store.settled_bytes());
        }
    }
    let (bytes, entries) = (store.settled_bytes(), store.settled_entries());
    assert!(bytes.max(most) <= 16 * MIB, "{bytes} {most}");
    assert!(bytes > 15 * MIB, "it is used, too: {bytes}");
    let each = bytes / entries;
    let least = size_of::<Customer>() as u64;
    assert!(
        (least + 400..least + 900).contains(&each),
        "{each} for each of {entries}"
    );
    assert!(store.get(&key(99_999)).is_some(), "the newest is there");
    assert!(store.get(&key(0)).is_none(), "the oldest went first");
}

#[tokio::test]
async fn a_record_is_weighed_with_its_own_text_and_not_with_the_whole_answer() {
    let told = Told::new(true);
    told.body.store(100_000, Ordering::SeqCst);
    let store = Store::new(16 * MIB);
    let inner: Arc<dyn CustomerSource> = Arc::clone(&told) as Arc<dyn CustomerSource>;
    let source = CachedSource::new(inner, caching(Some(LONG)), store.clone());
    let ids: Vec<_> = (0..100).map(|number| id(&number.to_string())).collect();
    let shown = source.fetch(&call(false), &ids).await;
    let native = shown[7].as_ref().unwrap().as_ref().unwrap().native.clone();
    assert_eq!(native.as_ref().map(Native::weight), Some(100_000));
    let bytes = store.settled_bytes();
    assert!(bytes < 100 * 5_000, "{bytes}");
    let kept = read_native(&source, "7").await;
    assert_eq!(kept.weight(), 1_000);
    let plan = source.plan(&Filter::default(), None).unwrap();
    source
        .list(&call(false), &plan, &Position::Start, 20)
        .await
        .unwrap();
    let page = store.settled_bytes() - bytes;
    assert!(
        (100_000..110_000).contains(&page),
        "a page holds its answer: {page}"
    );
}

async fn read_native(source: &CachedSource, customer: &str) -> Native {
    let found = source.fetch(&call(false), &[id(customer)]).await.remove(0);
    found.unwrap().unwrap().native.clone().unwrap()
}

/// An answer of so many bytes, whose records are a hundredth of it each.
pub(super) fn native(size: usize, index: usize) -> Option<Native> {
    let find = |body: &Bytes, index: usize| {
        let each = body.len() / 100;
        Some(body.slice(index * each..(index + 1) * each))
    };
    let text = "1".to_owned() + &" ".repeat(99);
    let body = Bytes::from(text.repeat(size / 100));
    (size > 0).then(|| Native::new(body, index, Arc::new(find)))
}

#[test]
fn a_page_is_not_kept_longer_than_its_way_on_is_good() {
    let store = Store::new(MIB);
    let times = Times {
        ttl: Duration::from_secs(100),
        ..LONG
    };
    for (lasts, most) in [(None, 3_800), (Some(50), 50), (Some(1_000), 1_000)] {
        let page = Page {
            lasts: lasts.map(Duration::from_secs),
            ..Page::default()
        };
        store.keep(key(1), Said::Page(Arc::new(page)), Instant::now(), &times);
        let kept = store.get(&key(1)).unwrap();
        let usable = kept.usable_until.saturating_duration_since(Instant::now());
        assert!(
            usable.as_secs() <= most && usable.as_secs() + 12 > most.min(3_700),
            "{usable:?}"
        );
        let fresh = kept.fresh_until.saturating_duration_since(Instant::now());
        assert!(fresh.as_secs() <= most.min(100), "{fresh:?}");
    }
}
