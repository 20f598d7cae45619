//! What was measured: histograms, and the counters of tracks and slots.
//!
//! **Invariant:** memory is bounded whatever arrives; a figure never improves because something was forgotten.

mod histogram;
mod slot;
mod track;

pub use histogram::Histogram;
pub use slot::{SlotMeter, SlotStats};
pub use track::{Arrival, FRAME_PACKETS_MAX, TrackMeter, TrackStats};
