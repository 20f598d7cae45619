//! From outcomes to figures.
//!
//! **Invariant:** every figure names its unit, and a run whose own lag would spoil it says so (`generator_late`).

use std::collections::BTreeMap;
use std::fmt;

use super::peer::Outcome;
use crate::rtc::MediaStats;
use crate::stats::Histogram;

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Lower case, with underscores.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit, or `count`.
    pub unit: &'static str,
}

impl fmt::Display for Figure {
    /// `figure NAME VALUE UNIT`, as scripts read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "figure {} {:.3} {}", self.name, self.value, self.unit)
    }
}

/// What all clients measured.
#[derive(Clone, Debug, Default)]
pub struct Report {
    clients: u64,
    join_us: Histogram,
    first_media_us: Histogram,
    first_picture_us: Histogram,
    latency_us: Histogram,
    ping_us: Histogram,
    sums: Sums,
    errors: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Default)]
struct Sums {
    packets_sent: u64,
    frames_sent: u64,
    frames_skipped: u64,
    packets_received: u64,
    bytes_received: u64,
    packets_lost: u64,
    packets_recovered: u64,
    packets_duplicated: u64,
    packets_unstamped: u64,
    frames_complete: u64,
    frames_partial: u64,
    frames_missing: u64,
    tracks_received: u64,
    packet_gap_us_max: u64,
    frame_gap_us_max: u64,
    late_us_max: u64,
    event_gaps: u64,
}

impl Report {
    /// Errors by name.
    #[must_use]
    pub fn errors(&self) -> &BTreeMap<String, u64> {
        &self.errors
    }

    pub(super) fn count_error(&mut self, name: &str) {
        *self.errors.entry(name.to_owned()).or_default() += 1;
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.clients += 1;
        if let Some(joined) = outcome.joined_us {
            self.join_us.record(joined.saturating_sub(outcome.began_us));
        }
        self.ping_us.merge(&outcome.pings_us);
        self.sums.event_gaps += outcome.event_gaps;
        outcome.errors.iter().for_each(|error| self.count_error(error));
        if let Some(sent) = &outcome.sent {
            self.add_sent(sent);
        }
        if let Some(received) = &outcome.received {
            self.add_received(received, outcome.began_us);
        }
    }

    fn add_sent(&mut self, stats: &MediaStats) {
        let sums = &mut self.sums;
        for sent in stats.sent.values() {
            sums.packets_sent += sent.source.packets;
            sums.frames_sent += sent.source.frames;
            sums.frames_skipped += sent.source.skipped;
            sums.late_us_max = sums.late_us_max.max(sent.source.late_us_max);
        }
    }

    fn add_received(&mut self, stats: &MediaStats, began_us: u64) {
        let sums = &mut self.sums;
        for slot in stats.slots.values() {
            sums.packets_lost += slot.lost();
            sums.packets_recovered += slot.recovered;
            sums.packets_unstamped += slot.unstamped;
        }
        for track in &stats.tracks {
            let stats = &track.stats;
            sums.tracks_received += 1;
            sums.packets_received += stats.packets;
            sums.bytes_received += stats.bytes;
            sums.packets_duplicated += stats.duplicates;
            sums.frames_complete += stats.frames_complete;
            sums.frames_partial += stats.frames_partial;
            sums.frames_missing += stats.frames_missing;
            sums.packet_gap_us_max = sums.packet_gap_us_max.max(stats.packet_gap_us_max);
            sums.frame_gap_us_max = sums.frame_gap_us_max.max(stats.frame_gap_us_max);
            self.latency_us.merge(&stats.latency_us);
        }
        let first = stats.tracks.iter().filter_map(|track| track.stats.first_us).min();
        let picture = stats.tracks.iter().filter_map(|track| track.stats.first_picture_us).min();
        first.into_iter().for_each(|at| self.first_media_us.record(at.saturating_sub(began_us)));
        picture.into_iter().for_each(|at| self.first_picture_us.record(at.saturating_sub(began_us)));
    }

    /// Every figure, errors last.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let sums = &self.sums;
        let mut figures = Vec::new();
        let counts = [
            ("clients", self.clients),
            ("joined", self.join_us.count()),
            ("packets_sent", sums.packets_sent),
            ("frames_sent", sums.frames_sent),
            ("frames_skipped", sums.frames_skipped),
            ("tracks_received", sums.tracks_received),
            ("packets_received", sums.packets_received),
            ("packets_lost", sums.packets_lost),
            ("packets_recovered", sums.packets_recovered),
            ("packets_duplicated", sums.packets_duplicated),
            ("packets_unstamped", sums.packets_unstamped),
            ("frames_complete", sums.frames_complete),
            ("frames_partial", sums.frames_partial),
            ("frames_missing", sums.frames_missing),
            ("event_gaps", sums.event_gaps),
            ("bytes_received", sums.bytes_received),
        ];
        figures.extend(counts.map(|(name, value)| Figure {
            name: name.to_owned(),
            value: float(value),
            unit: "count",
        }));
        for (name, histogram) in [
            ("join", &self.join_us),
            ("first_media", &self.first_media_us),
            ("first_picture", &self.first_picture_us),
            ("latency", &self.latency_us),
            ("ping", &self.ping_us),
        ] {
            figures.extend(spread(name, histogram));
        }
        for (name, us) in [
            ("packet_gap_max", sums.packet_gap_us_max),
            ("frame_gap_max", sums.frame_gap_us_max),
            ("generator_late_max", sums.late_us_max),
        ] {
            figures.push(Figure { name: name.to_owned(), value: float(us) / 1_000.0, unit: "ms" });
        }
        let errors = self.errors.iter();
        figures.extend(errors.map(|(name, count)| Figure {
            name: format!("error_{name}"),
            value: float(*count),
            unit: "count",
        }));
        figures
    }
}

fn spread(name: &str, us: &Histogram) -> Vec<Figure> {
    if us.count() == 0 {
        return Vec::new();
    }
    [("p50", us.p50()), ("p95", us.p95()), ("p99", us.p99()), ("max", us.max())]
        .map(|(which, value)| Figure { name: format!("{name}_{which}"), value: float(value) / 1_000.0, unit: "ms" })
        .to_vec()
}

/// Counts of one run are far below 2^52, where a float is still exact.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_lines_that_scripts_can_read() {
        let mut report = Report::default();
        let outcome = Outcome { began_us: 1_000, joined_us: Some(21_000), ..Outcome::default() };
        report.add(&outcome);
        report.count_error("room_full");
        let lines: Vec<String> = report.figures().iter().map(ToString::to_string).collect();
        assert!(lines.contains(&"figure joined 1.000 count".to_owned()));
        assert!(lines.contains(&"figure join_p50 20.000 ms".to_owned()), "{lines:?}");
        assert!(lines.contains(&"figure error_room_full 1.000 count".to_owned()));
    }
}
