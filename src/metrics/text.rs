//! Figures in the OpenMetrics text format, which Prometheus reads.

use super::Latency;
use super::latency::Seen;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{self, DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;

/// The labels of one figure.
pub(super) type Labels = Vec<(&'static str, String)>;

/// One figure.
pub(super) enum Figure {
    Count(u64),
    Level(u64),
    Times(Seen),
}

/// Figures of one name.
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    figures: Vec<(Labels, Figure)>,
}

/// All of them as text.
pub(super) fn text(families: Vec<Family>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families)));
    let mut text = String::new();
    // Into memory: this cannot fail.
    let _ = encoding::text::encode(&mut text, &registry);
    text
}

pub(super) fn count(name: &'static str, help: &'static str, figures: Vec<(Labels, u64)>) -> Family {
    let figures = figures.into_iter();
    Family {
        name,
        help,
        kind: MetricType::Counter,
        figures: figures
            .map(|(labels, value)| (labels, Figure::Count(value)))
            .collect(),
    }
}

pub(super) fn level(name: &'static str, help: &'static str, figures: Vec<(Labels, u64)>) -> Family {
    let figures = figures.into_iter();
    Family {
        name,
        help,
        kind: MetricType::Gauge,
        figures: figures
            .map(|(labels, value)| (labels, Figure::Level(value)))
            .collect(),
    }
}

pub(super) fn histogram(
    name: &'static str,
    help: &'static str,
    figures: Vec<(Labels, &Latency)>,
) -> Family {
    let figures = figures.into_iter();
    Family {
        name,
        help,
        kind: MetricType::Histogram,
        figures: figures
            .map(|(labels, latency)| (labels, Figure::Times(latency.seen())))
            .collect(),
    }
}

pub(super) struct Families(Vec<Family>);

impl fmt::Debug for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Families")
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let mut metric =
                encoder.encode_descriptor(family.name, family.help, None, family.kind)?;
            for (labels, figure) in &family.figures {
                if labels.is_empty() {
                    write(&mut metric, figure)?;
                } else {
                    write(&mut metric.encode_family(labels)?, figure)?;
                }
            }
        }
        Ok(())
    }
}

fn write(metric: &mut MetricEncoder<'_>, figure: &Figure) -> fmt::Result {
    match figure {
        Figure::Count(value) => metric.encode_counter::<NoLabelSet, _, u64>(value, None),
        Figure::Level(value) => metric.encode_gauge(value),
        Figure::Times(seen) => {
            metric.encode_histogram::<NoLabelSet>(seen.seconds, seen.count, &seen.buckets, None)
        }
    }
}
