//! Sources one after the other that take their time: who is asked at once, and what that costs.

use super::*;
use crate::model::{Capabilities, Change};
use crate::source::{
    Call, CustomerRef, CustomerSource, ListPlan, Page, Position, SourceError, SourceErrorKind,
    SourceStatus, Unsupported, Written,
};
use async_trait::async_trait;

/// How long each page takes. The clock of these tests only goes while everybody waits.
const PAGE: Duration = Duration::from_secs(1);

/// How long a window may take.
const ALL: Duration = Duration::from_secs(1_000);

/// A source whose pages take their time; one that hangs gives none, and none comes after the time of the window.
struct Slow {
    inner: Arc<MemorySource>,
    hangs: bool,
    since: tokio::time::Instant,
}

#[async_trait]
impl CustomerSource for Slow {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn status(&self) -> SourceStatus {
        self.inner.status()
    }

    fn plan(&self, filter: &Filter, order: Option<Order>) -> Result<ListPlan, Unsupported> {
        self.inner.plan(filter, order)
    }

    async fn list(
        &self,
        call: &Call,
        plan: &ListPlan,
        at: &Position,
        size: u32,
    ) -> Result<Page, SourceError> {
        let page = self.inner.list(call, plan, at, size).await;
        let over = self.since + ALL;
        let comes = tokio::time::Instant::now() + PAGE;
        if self.hangs || comes > over {
            tokio::time::sleep_until(over).await;
            return Err(SourceError::new(SourceErrorKind::Timeout, "too late"));
        }
        tokio::time::sleep_until(comes).await;
        page
    }

    async fn fetch(
        &self,
        call: &Call,
        ids: &[LocalId],
    ) -> Vec<Result<Option<CustomerRef>, SourceError>> {
        self.inner.fetch(call, ids).await
    }

    async fn write(&self, call: &Call, change: &Change) -> Written {
        self.inner.write(call, change).await
    }
}

/// Sources with so many customers that a search for an e-mail address finds, and as many that it does not.
fn slow(found: &[usize]) -> World {
    let shape = Shape {
        total: TotalKind::Exact,
        ..Shape::new(Paging::Page(Sizes { min: 1, max: 50 }))
    };
    let rows = |many: &usize| {
        let customers = (0..2 * many).map(|number| Customer {
            email: (number % 2 == 0).then(|| "a@b.c".into()),
            ..customer(number)
        });
        customers.map(|one| row(Kind::Shown, one)).collect()
    };
    let lists = found.iter().map(rows).collect::<Vec<Vec<_>>>();
    let sources = lists
        .into_iter()
        .map(|rows| MemorySource::new(shape.clone(), rows));
    let mut world = World::new(sources.collect());
    world.asked.on_failure = SourceFailurePolicy::Skip;
    world.asked.want.total = true;
    slow_down(&mut world, None);
    world
}

/// Lets the sources take their time, and one of them hang.
fn slow_down(world: &mut World, hangs: Option<usize>) {
    for (asked, source) in world.asked.sources.iter_mut().zip(&world.sources) {
        let entry = &asked.entry;
        asked.entry = Arc::new(SourceEntry {
            key: entry.key.clone(),
            name: entry.name.clone(),
            adapter: entry.adapter.clone(),
            rank: entry.rank,
            source: Arc::new(Slow {
                inner: Arc::clone(source),
                hangs: Some(entry.rank) == hangs,
                since: tokio::time::Instant::now(),
            }),
        });
    }
}

fn searched(mut world: World) -> World {
    for source in &mut world.asked.sources {
        source.filter.email = Some("a@b.c".to_owned());
    }
    world
}

/// A window of two rows, and how many pages' time it took.
async fn window(world: &World) -> (Connection, u64) {
    let started = tokio::time::Instant::now();
    let operation = Arc::new(Operation::new("test", Instant::now() + ALL));
    let asked = Asked {
        first: Some(2),
        ..world.asked.clone()
    };
    let connection = world.connector.connect(asked, &operation).await.unwrap();
    (connection, started.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn sources_that_are_only_counted_are_counted_at_once() {
    let world = slow(&[3, 1, 1, 1, 1, 1]);
    let (connection, took) = window(&world).await;
    assert_eq!(connection.total, Some(16));
    assert_eq!((took, world.take_calls()), (2, 6));
}

#[tokio::test(start_paused = true)]
async fn a_search_that_finds_nothing_asks_ever_more_sources_at_once() {
    let world = searched(slow(&[0; 8]));
    let (connection, took) = window(&world).await;
    assert_eq!((ids(&connection).len(), connection.total), (0, Some(0)));
    assert!(!connection.page_info.has_next);
    assert_eq!(
        (took, world.take_calls()),
        (4, 8),
        "1, 2, 4 and the last one"
    );
    let mut strict = searched(slow(&[0; 8]));
    strict.asked.on_failure = SourceFailurePolicy::Fail;
    let (_, took) = window(&strict).await;
    assert_eq!((took, strict.take_calls()), (8, 8), "nothing is read ahead");
    let whole = slow(&[0; 8]);
    let (_, took) = window(&whole).await;
    assert_eq!((took, whole.take_calls()), (8, 8), "that is no search");
}

/// What was asked ahead and is not needed changes nothing: neither the rows nor the total nor what follows.
#[tokio::test(start_paused = true)]
async fn what_a_search_asked_for_in_vain_is_left_aside() {
    let world = searched(slow(&[0, 3, 4]));
    let (connection, took) = window(&world).await;
    let came: Vec<usize> = connection
        .edges
        .iter()
        .map(|edge| edge.source.rank)
        .collect();
    assert_eq!((came, connection.total), (vec![1, 1], Some(7)));
    assert!(connection.page_info.has_next);
    assert_eq!(
        (took, world.take_calls()),
        (3, 4),
        "the last one was asked ahead, and counted"
    );
    let world = searched(slow(&[0, 1, 4]));
    let (connection, _) = window(&world).await;
    let came: Vec<usize> = connection
        .edges
        .iter()
        .map(|edge| edge.source.rank)
        .collect();
    assert_eq!((came, connection.total), (vec![1, 2], Some(5)));
}

/// A source that hangs has its share of the time among those that are asked together, and no other share after that.
#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_in_a_search_leaves_time_to_the_next() {
    let mut world = searched(slow(&[0, 1, 3]));
    slow_down(&mut world, Some(1));
    let (connection, _) = window(&world).await;
    let came: Vec<usize> = connection
        .edges
        .iter()
        .map(|edge| edge.source.rank)
        .collect();
    assert_eq!(came, [2, 2]);
}

/// One source that tells no total leaves none to tell, so the others are not asked for theirs.
#[tokio::test]
async fn where_there_can_be_no_total_nobody_is_asked_for_a_part_of_it() {
    let numbered = Paging::Page(Sizes { min: 1, max: 50 });
    let told = Shape {
        total: TotalKind::Exact,
        ..Shape::new(numbered)
    };
    let untold = Shape::new(Paging::Token(chain(Some(Sizes { min: 1, max: 3 }))));
    let source = |shape: &Shape| MemorySource::new(Shape::clone(shape), plain_rows(9));
    for shapes in [[&untold, &told, &told], [&told, &told, &untold]] {
        let mut world = World::new(shapes.map(source).into());
        world.asked.want.total = true;
        let connection = world.first(2, None).unwrap();
        assert_eq!((connection.total, world.take_calls()), (None, 1));
    }
}
