//! Figures that the media plane and the store keep by themselves, shown at `/metrics`.
//!
//! **Invariant:** reading them costs the workers nothing: they publish, this reads.

use prometheus::core::{AtomicU64, Collector, Desc, GenericCounter};
use prometheus::proto::MetricFamily;
use prometheus::{IntGauge, Registry};
use rookery_media::{Plane, PlaneStats};

use crate::store::SqliteStore;
use std::sync::Arc;

/// Figures of the plane that go up and down; all others only grow.
const GAUGES: [&str; 11] = [
    "rooms",
    "connections",
    "tracks",
    "sources",
    "slots",
    "slots_live",
    "routes",
    "loss_256ths",
    "loss_reports",
    "rtt_us",
    "rtt_reports",
];

enum Figure {
    Gauge(IntGauge),
    Counter(GenericCounter<AtomicU64>),
}

impl Figure {
    fn new(name: &str, help: &str, gauge: bool) -> Result<Self, prometheus::Error> {
        if gauge {
            IntGauge::new(name, help).map(Self::Gauge)
        } else {
            GenericCounter::new(format!("{name}_total"), help).map(Self::Counter)
        }
    }

    fn set(&self, value: u64) {
        match self {
            Self::Gauge(gauge) => gauge.set(i64::try_from(value).unwrap_or(i64::MAX)),
            Self::Counter(counter) => counter.inc_by(value.saturating_sub(counter.get())),
        }
    }

    fn collector(&self) -> &dyn Collector {
        match self {
            Self::Gauge(gauge) => gauge,
            Self::Counter(counter) => counter,
        }
    }
}

/// Figures that are read from elsewhere when they are asked for.
struct Figures<R> {
    figures: Vec<Figure>,
    read: R,
}

impl<R: Fn() -> Vec<u64> + Send + Sync> Collector for Figures<R> {
    fn desc(&self) -> Vec<&Desc> {
        self.figures.iter().flat_map(|figure| figure.collector().desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for (figure, value) in self.figures.iter().zip((self.read)()) {
            figure.set(value);
        }
        self.figures.iter().flat_map(|figure| figure.collector().collect()).collect()
    }
}

fn plane_values(stats: &PlaneStats) -> Vec<u64> {
    let mut values = Vec::new();
    stats.each(|_, value| values.push(value));
    values
}

/// Registers the figures of the media plane as `rookery_media_*`.
///
/// # Errors
/// If a name is taken.
pub(crate) fn register_media(registry: &Registry, plane: &Plane) -> Result<(), prometheus::Error> {
    let mut figures = Vec::new();
    PlaneStats::default().each(|name, _| {
        let help = format!("Media plane: {}", name.replace('_', " "));
        figures.push(Figure::new(&format!("rookery_media_{name}"), &help, GAUGES.contains(&name)));
    });
    let figures = figures.into_iter().collect::<Result<_, _>>()?;
    let plane = plane.clone();
    registry.register(Box::new(Figures { figures, read: move || plane_values(&plane.stats()) }))
}

/// Registers the figures of the store as `rookery_store_*`.
///
/// # Errors
/// If a name is taken.
pub(crate) fn register_store(registry: &Registry, store: Arc<SqliteStore>) -> Result<(), prometheus::Error> {
    let figures = [
        ("commits", "Transactions committed", false),
        ("writes", "Writes in them", false),
        ("queued", "Writes that wait", true),
        ("refused", "Requests refused because a queue was full", false),
        ("failed", "Transactions that failed with nothing written", false),
        ("unknown", "Transactions whose outcome is not known", false),
        ("disk_errors", "Errors of the disk", false),
        ("reads", "Reads done", false),
        ("reads_waiting", "Reads that wait or run", true),
    ];
    let figures = figures
        .into_iter()
        .map(|(name, help, gauge)| Figure::new(&format!("rookery_store_{name}"), help, gauge))
        .collect::<Result<_, _>>()?;
    let read = move || {
        let stats = store.stats();
        let gauge = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        vec![
            stats.commits,
            stats.jobs,
            gauge(stats.queued),
            stats.refused,
            stats.failed,
            stats.unknown,
            stats.disk_errors,
            stats.reads,
            gauge(stats.reads_waiting),
        ]
    };
    registry.register(Box::new(Figures { figures, read }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_grow_to_what_is_read_and_gauges_follow_it() {
        let registry = Registry::new();
        let values = Arc::new(parking_lot::Mutex::new(vec![5, 5]));
        let read = {
            let values = values.clone();
            move || values.lock().clone()
        };
        let figures = vec![Figure::new("a", "a", false).unwrap(), Figure::new("b", "b", true).unwrap()];
        registry.register(Box::new(Figures { figures, read })).unwrap();
        let text = || prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert!(text().contains("a_total 5") && text().contains("b 5"), "{}", text());
        *values.lock() = vec![7, 2];
        assert!(text().contains("a_total 7") && text().contains("b 2"), "{}", text());
    }
}
