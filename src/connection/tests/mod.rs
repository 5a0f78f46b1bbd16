//! Connections over sources in memory, held against the list they should show.

mod backward;
mod between;
mod bounds;
mod budgets;
mod depths;
mod drift;
mod ends;
mod forward;
mod grouped;
mod keys;
mod liars;
mod merged;

use super::*;
use crate::model::{Customer, LocalId};
use crate::source::memory::{MemorySource, PastEnd, Shape};
use crate::source::{Paging, Row, Sizes, TotalKind, Walk};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// What a list is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Shown,
    Gone,
    Unreadable,
}

pub(super) fn customer(number: usize) -> Customer {
    Customer::bare(LocalId::new(format!("c{number:05}")).unwrap())
}

pub(super) fn row(kind: Kind, customer: Customer) -> Row {
    let customer = Arc::new(customer);
    match kind {
        Kind::Shown => Row::Customer {
            customer,
            key: None,
        },
        Kind::Gone => Row::Gone {
            customer,
            key: None,
        },
        Kind::Unreadable => Row::Unreadable {
            reason: "no id",
            key: None,
        },
    }
}

pub(super) fn plain_rows(count: usize) -> Vec<Row> {
    (0..count)
        .map(|number| row(Kind::Shown, customer(number)))
        .collect()
}

/// The ids that a connection over these rows should show.
pub(super) fn shown(rows: &[Row]) -> Vec<String> {
    rows.iter()
        .filter_map(|row| match row {
            Row::Customer { customer, .. } => Some(customer.id.to_string()),
            _ => None,
        })
        .collect()
}

pub(super) fn ids(connection: &Connection) -> Vec<String> {
    connection
        .edges
        .iter()
        .map(|edge| edge.customer.id.to_string())
        .collect()
}

pub(super) struct World {
    pub(super) connector: Connector,
    pub(super) sources: Vec<Arc<MemorySource>>,
    pub(super) asked: Asked,
}

impl World {
    pub(super) fn new(sources: Vec<MemorySource>) -> Self {
        Self::with(sources, Limits::default())
    }

    pub(super) fn with(sources: Vec<MemorySource>, limits: Limits) -> Self {
        let sources: Vec<Arc<MemorySource>> = sources.into_iter().map(Arc::new).collect();
        let asked = sources
            .iter()
            .enumerate()
            .map(|(rank, source)| AskedSource {
                entry: Arc::new(SourceEntry {
                    key: format!("s{rank}").into(),
                    name: "memory".into(),
                    adapter: "memory".into(),
                    rank,
                    source: Arc::clone(source) as Arc<dyn crate::source::CustomerSource>,
                }),
                filter: Filter::default(),
            });
        let asked = Asked {
            sources: asked.collect(),
            order: None,
            first: None,
            after: None,
            last: None,
            before: None,
            on_failure: SourceFailurePolicy::Fail,
            unsupported: UnsupportedFilterPolicy::Refuse,
            want: Want {
                total: false,
                has_next: true,
                has_previous: true,
                cursors: true,
            },
        };
        Self {
            connector: Connector::new(limits, b"secret"),
            sources,
            asked,
        }
    }

    pub(super) fn one(shape: Shape, rows: Vec<Row>) -> Self {
        Self::new(vec![MemorySource::new(shape, rows)])
    }

    pub(super) fn connect(&self, asked: Asked) -> Result<Connection, ConnectionError> {
        let operation = Arc::new(Operation::new(
            "test",
            Instant::now() + Duration::from_secs(60),
        ));
        // Sources in memory are never pending.
        futures_util::FutureExt::now_or_never(self.connector.connect(asked, &operation))
            .expect("no source waits")
    }

    pub(super) fn first(
        &self,
        rows: usize,
        after: Option<&str>,
    ) -> Result<Connection, ConnectionError> {
        self.connect(Asked {
            first: i32::try_from(rows).ok(),
            after: after.map(str::to_owned),
            ..self.asked.clone()
        })
    }

    pub(super) fn last(
        &self,
        rows: usize,
        before: Option<&str>,
    ) -> Result<Connection, ConnectionError> {
        self.connect(Asked {
            last: i32::try_from(rows).ok(),
            before: before.map(str::to_owned),
            ..self.asked.clone()
        })
    }

    /// The rows next to a cursor's.
    pub(super) fn beyond(
        &self,
        cursor: Option<&str>,
        rows: usize,
        forward: bool,
    ) -> Result<Connection, ConnectionError> {
        if forward {
            self.first(rows, cursor)
        } else {
            self.last(rows, cursor)
        }
    }

    /// The rows that all sources should show together, grouped.
    pub(super) fn expected(&self) -> Vec<String> {
        self.sources
            .iter()
            .flat_map(|source| shown(&source.rows()))
            .collect()
    }

    /// Whether every row is one of the connection. Where some are left out, a source's word that rows follow may mean those.
    pub(super) fn shows_all(&self) -> bool {
        let rows = self.sources.iter().map(|source| source.rows().len());
        rows.sum::<usize>() == self.expected().len()
    }

    pub(super) fn take_calls(&self) -> usize {
        self.sources
            .iter()
            .map(|source| source.take_asked().len())
            .sum()
    }
}

/// A chain of pages, each of which stands for a row.
pub(super) fn chain(sizes: Option<Sizes>) -> Walk {
    Walk {
        sizes,
        size_locked: false,
        prev: false,
        dangling: false,
        anchored: true,
    }
}

pub(super) fn sizes() -> impl Strategy<Value = Sizes> {
    (1u32..4, 0u32..30, any::<bool>()).prop_map(|(min, room, fixed)| {
        if fixed {
            Sizes {
                min: min + room,
                max: min + room,
            }
        } else {
            Sizes {
                min,
                max: min + room,
            }
        }
    })
}

fn walk() -> impl Strategy<Value = Walk> {
    (proptest::option::of(sizes()), any::<[bool; 4]>()).prop_map(
        |(sizes, [size_locked, prev, dangling, anchored])| Walk {
            sizes,
            size_locked,
            prev,
            dangling,
            anchored,
        },
    )
}

pub(super) fn paging() -> impl Strategy<Value = Paging> {
    prop_oneof![
        sizes().prop_map(Paging::Page),
        sizes().prop_map(Paging::Offset),
        walk().prop_map(Paging::Token),
        walk().prop_map(Paging::Link),
        (sizes(), any::<bool>()).prop_map(|(sizes, before)| Paging::Keyset { sizes, before }),
        Just(Paging::None),
    ]
}

pub(super) fn shape() -> impl Strategy<Value = Shape> {
    let total = prop_oneof![
        3 => Just(TotalKind::Exact),
        2 => Just(TotalKind::None),
        1 => Just(TotalKind::UpperBound),
        1 => (0u64..60).prop_map(TotalKind::Capped),
    ];
    let past_end = prop_oneof![
        Just(PastEnd::Empty),
        Just(PastEnd::Refused),
        Just(PastEnd::ClampedTold),
        Just(PastEnd::ClampedSilently)
    ];
    (paging(), total, past_end, any::<bool>(), 1u32..12).prop_map(
        |(paging, total, past_end, tells_more, own_size)| Shape {
            total,
            past_end,
            tells_more,
            own_size,
            ..Shape::new(paging)
        },
    )
}

pub(super) fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    let kind =
        prop_oneof![8 => Just(Kind::Shown), 1 => Just(Kind::Gone), 1 => Just(Kind::Unreadable)];
    let plain = (0..most).prop_map(plain_rows);
    let mixed = proptest::collection::vec(kind, 0..most).prop_map(|kinds| {
        kinds
            .into_iter()
            .enumerate()
            .map(|(number, kind)| row(kind, customer(number)))
            .collect()
    });
    prop_oneof![plain, mixed]
}

/// Rows of several sources, told apart by their ids.
pub(super) fn apart(lists: Vec<Vec<Row>>) -> Vec<Vec<Row>> {
    let mut number = 0;
    lists
        .into_iter()
        .map(|rows| {
            rows.into_iter()
                .map(|old| {
                    number += 1;
                    let kind = match old {
                        Row::Customer { .. } => Kind::Shown,
                        Row::Gone { .. } => Kind::Gone,
                        Row::Unreadable { .. } => Kind::Unreadable,
                    };
                    row(kind, customer(number))
                })
                .collect()
        })
        .collect()
}

pub(super) fn world(sources: usize) -> impl Strategy<Value = World> {
    proptest::collection::vec((shape(), rows(70)), 1..=sources).prop_map(|listed| {
        let (shapes, lists): (Vec<_>, Vec<_>) = listed.into_iter().unzip();
        let sources = shapes
            .into_iter()
            .zip(apart(lists))
            .map(|(shape, mut rows)| {
                // Where nothing tells the last page from its repetition, only its ids can.
                if shape.past_end == PastEnd::ClampedSilently {
                    rows.retain(|row| !matches!(row, Row::Unreadable { .. }));
                }
                MemorySource::new(shape, rows)
            });
        World::new(sources.collect())
    })
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.sources).finish()
    }
}
