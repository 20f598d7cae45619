//! How loud each source is, who is named, and who is the active speaker.
//!
//! **Invariant:** a room says something only when it changed, and at most every [`LEVELS_EVERY`].

use std::time::Duration;

use rookery_schemas::ids::TrackId;

use crate::{clock::Now, event::LEVELS_MAX};

/// Between two announcements of a room: 5 a second.
pub(crate) const LEVELS_EVERY: Duration = Duration::from_millis(200);
/// The time constant of a source's level.
const SMOOTHING_MS: f32 = 200.0;
/// The time constant by which the active speaker is judged: a word, not a syllable.
const SPEECH_MS: f32 = 600.0;
/// Quieter than this is not heard: -67 dBov, a quiet room's noise.
const AUDIBLE: f32 = 60.0;
/// Another must be louder by this (dB) ...
const LOUDER: f32 = 4.0;
/// ... for this long to take over; a silent speaker is replaced at once.
const TAKEOVER: Duration = Duration::from_millis(600);
/// Packets stopped (mute without our knowing, discontinuous transmission): the level falls to nothing.
const STALE: Duration = Duration::from_millis(400);

/// One audio source's loudness.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Level {
    short: f32,
    long: f32,
    at: Now,
}

impl Level {
    /// A packet carried RFC 6464's byte: bit 7 is voice activity, the rest is -dBov.
    #[inline]
    pub(crate) fn heard(&mut self, byte: u8, now: Now) {
        let loud = f32::from(127 - (byte & 0x7F));
        let passed = now.since(self.at).as_secs_f32() * 1_000.0;
        self.at = now;
        self.short += (loud - self.short) * (passed / (passed + SMOOTHING_MS));
        self.long += (loud - self.long) * (passed / (passed + SPEECH_MS));
    }

    pub(crate) fn silence(&mut self) {
        *self = Self { at: self.at, ..Self::default() };
    }

    /// Whether it was heard a moment ago.
    pub(crate) fn fresh(&self, now: Now) -> bool {
        now.since(self.at) < STALE
    }
}

/// What a room has announced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Announced {
    levels: Vec<(TrackId, u8)>,
    speaker: Option<TrackId>,
    challenger: Option<(TrackId, Now)>,
}

/// What a room is to announce now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) levels: Option<Vec<(TrackId, u8)>>,
    pub(crate) speaker: Option<Option<TrackId>>,
}

impl Announced {
    /// Judges all unmuted audio tracks of a room.
    pub(crate) fn judge(&mut self, tracks: impl Iterator<Item = (TrackId, Level)> + Clone, now: Now) -> News {
        let mut loudest: Vec<(TrackId, u8)> = Vec::new();
        for (track, level) in tracks.clone().filter(|(_, level)| level.fresh(now) && level.short >= AUDIBLE) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "60 to 127")]
            let value = level.short.round() as u8;
            let at = loudest.iter().position(|(_, other)| *other < value).unwrap_or(loudest.len());
            if at < LEVELS_MAX {
                loudest.insert(at, (track, value));
                loudest.truncate(LEVELS_MAX);
            }
        }
        let levels = (loudest != self.levels).then(|| {
            self.levels.clone_from(&loudest);
            loudest
        });
        let speaker = self.speaker(tracks, now);
        News {
            levels,
            speaker: (speaker != self.speaker).then(|| std::mem::replace(&mut self.speaker, speaker)).map(|_| speaker),
        }
    }

    fn speaker(&mut self, tracks: impl Iterator<Item = (TrackId, Level)> + Clone, now: Now) -> Option<TrackId> {
        let long = |level: &Level| if level.fresh(now) { level.long } else { 0.0 };
        let current = self.speaker.and_then(|speaker| tracks.clone().find(|(track, _)| *track == speaker));
        let loudest = tracks.max_by(|a, b| long(&a.1).total_cmp(&long(&b.1))).filter(|(_, l)| long(l) >= AUDIBLE);
        let here = current.map(|(track, _)| track);
        let Some((best, best_level)) = loudest else { return here };
        let held = current.map_or(0.0, |(_, level)| long(&level));
        if here == Some(best) || (held >= AUDIBLE && long(&best_level) < held + LOUDER) {
            self.challenger = None;
            return here;
        }
        let since = match self.challenger {
            Some((challenger, since)) if challenger == best => since,
            _ => now,
        };
        self.challenger = Some((best, since));
        if held < AUDIBLE || now.since(since) >= TAKEOVER {
            self.challenger = None;
            return Some(best);
        }
        here
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn track(n: u128) -> TrackId {
        TrackId(Uuid::from_u128(n))
    }

    /// Runs tracks with one level byte each for a while, in steps of 20 ms, and collects the news.
    fn run(state: &mut (Announced, Vec<Level>, u64), bytes: &[u8], for_ms: u64) -> Vec<News> {
        let mut news = Vec::new();
        let (announced, levels, clock) = state;
        levels.resize(bytes.len(), Level::default());
        let until = *clock + for_ms;
        while *clock < until {
            *clock += 20;
            let now = Now::at(Duration::from_millis(*clock));
            for (level, byte) in levels.iter_mut().zip(bytes).filter(|(_, byte)| **byte != 255) {
                level.heard(*byte, now);
            }
            if *clock % 200 == 0 {
                let tracks = (0..).map(track).zip(levels.iter().copied());
                news.push(announced.judge(tracks, now));
            }
        }
        news.retain(|n| *n != News::default());
        news
    }

    fn speakers(news: &[News]) -> Vec<Option<TrackId>> {
        news.iter().filter_map(|n| n.speaker).collect()
    }

    #[test]
    fn the_loudest_are_named_in_order_and_silence_once() {
        let mut state = (Announced::default(), Vec::new(), 10_000);
        let news = run(&mut state, &[40, 10, 127, 20, 30, 35, 25], 2_000);
        let last = news.iter().rev().find_map(|n| n.levels.clone()).unwrap();
        assert_eq!(last.iter().map(|l| l.0).collect::<Vec<_>>(), [1, 3, 6, 4, 5].map(track));
        assert_eq!(last[0].1, 117);
        let news = run(&mut state, &[127; 7], 5_000);
        assert_eq!(news.last().unwrap().levels, Some(vec![]));
        assert_eq!(run(&mut state, &[127; 7], 2_000), [], "nothing new");
    }

    #[test]
    fn a_speaker_is_not_replaced_by_a_cough_but_by_speech() {
        let mut state = (Announced::default(), Vec::new(), 10_000);
        assert_eq!(speakers(&run(&mut state, &[30, 127], 2_000)), [Some(track(0))]);
        assert_eq!(speakers(&run(&mut state, &[30, 10], 200)), []);
        assert_eq!(speakers(&run(&mut state, &[30, 127], 2_000)), []);
        assert_eq!(speakers(&run(&mut state, &[30, 10], 3_000)), [Some(track(1))]);
        assert_eq!(speakers(&run(&mut state, &[127, 127], 5_000)), [], "the last one stays");
        assert_eq!(speakers(&run(&mut state, &[30, 255], 1_500)), [Some(track(0))], "at once where nobody speaks");
    }

    #[test]
    fn a_speaker_that_is_gone_is_unnamed() {
        let mut state = (Announced::default(), Vec::new(), 10_000);
        run(&mut state, &[30], 1_000);
        assert_eq!(speakers(&run(&mut state, &[], 400)), [None]);
    }
}
