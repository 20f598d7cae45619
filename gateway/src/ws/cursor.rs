//! Where a socket is in a room's events, and what to do about gaps. Pure.
//!
//! **Invariant:** of one epoch, what is forwarded has each number once, in order; of a lower epoch, nothing is.

use std::collections::VecDeque;

use bytes::Bytes;
use rookery_schemas::bus::EventFrame;
use rookery_schemas::ids::{Epoch, EventNumber};
use rookery_schemas::limits::EVENTS_KEPT;

/// Bytes of events that wait for a gap to be filled; beyond it they are let go, and fetched again.
const WAITING_BYTES_MAX: usize = 1024 * 1024;
/// After so many refills that did not help, a snapshot is asked for.
const REFILLS_MAX: u32 = 3;

/// What the shell does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Send this body as it is.
    Forward(Bytes),
    /// Ask the owner for what is missing, the later the more often it has been tried.
    Fill {
        /// The epoch that is known; 0 asks for a snapshot in any case.
        epoch: Epoch,
        /// The last event that is known.
        after: EventNumber,
        /// From 0.
        attempt: u32,
    },
}

/// The position.
#[derive(Debug)]
pub(super) struct Cursor {
    epoch: Epoch,
    last: EventNumber,
    filling: Option<Filling>,
}

#[derive(Debug, Default)]
struct Filling {
    waiting: VecDeque<EventFrame>,
    bytes: usize,
    /// Something that waited had to be let go.
    lost: bool,
    attempt: u32,
}

enum Verdict {
    Forward(Bytes),
    Drop,
    Gap(EventFrame),
}

impl Cursor {
    /// At a snapshot.
    pub(super) fn at(epoch: Epoch, n: EventNumber) -> Self {
        Self { epoch, last: n, filling: None }
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The bus delivered an event; `missed` others were dropped just before it.
    pub(super) fn take(&mut self, frame: EventFrame, missed: u64) -> Vec<Effect> {
        if let Some(filling) = &mut self.filling {
            filling.wait(frame, missed);
            return Vec::new();
        }
        // What was dropped had lower numbers than this one, so a number tells. Without one, only the owner can.
        let blind = missed > 0 && frame.n == EventNumber(0);
        match self.judge(frame) {
            Verdict::Gap(frame) => {
                let mut filling = Filling::default();
                filling.wait(frame, 0);
                vec![self.fill(filling)]
            }
            Verdict::Forward(body) if blind => vec![Effect::Forward(body), self.fill(Filling::default())],
            Verdict::Forward(body) => vec![Effect::Forward(body)],
            Verdict::Drop if blind => vec![self.fill(Filling::default())],
            Verdict::Drop => Vec::new(),
        }
    }

    /// The owner sent what was missing.
    pub(super) fn filled(&mut self, frames: Vec<EventFrame>) -> Vec<Effect> {
        let Some(filling) = self.filling.take() else { return Vec::new() };
        let before = self.last;
        let mut effects = Vec::with_capacity(frames.len());
        for frame in frames {
            match self.judge(frame) {
                Verdict::Forward(body) => effects.push(Effect::Forward(body)),
                Verdict::Drop => {}
                // The owner left something out: it is asked again below, or for a snapshot.
                Verdict::Gap(_) => break,
            }
        }
        let attempt = if self.last > before { 0 } else { filling.attempt + 1 };
        self.drain(Filling { attempt, ..filling }, &mut effects);
        effects
    }

    /// The owner sent a snapshot. False: it is of an older epoch, and was not taken; [`Cursor::failed`] comes next.
    /// The caller sends the snapshot before it performs the effects.
    pub(super) fn reset(&mut self, epoch: Epoch, n: EventNumber) -> Option<Vec<Effect>> {
        if epoch < self.epoch {
            return None;
        }
        let filling = self.filling.take().unwrap_or_default();
        (self.epoch, self.last) = (epoch, n);
        let mut effects = Vec::new();
        self.drain(Filling { attempt: 0, lost: false, ..filling }, &mut effects);
        Some(effects)
    }

    /// The owner did not answer, or not usefully.
    pub(super) fn failed(&mut self) -> Vec<Effect> {
        let Some(filling) = self.filling.take() else { return Vec::new() };
        let attempt = filling.attempt + 1;
        vec![self.fill(Filling { attempt, ..filling })]
    }

    fn judge(&mut self, frame: EventFrame) -> Verdict {
        if frame.epoch > self.epoch {
            return Verdict::Gap(frame);
        }
        let current = frame.epoch == self.epoch;
        if current && frame.n == EventNumber(0) {
            return Verdict::Forward(frame.body);
        }
        if !current || frame.n <= self.last {
            return Verdict::Drop;
        }
        if frame.n == self.last.next() {
            self.last = frame.n;
            return Verdict::Forward(frame.body);
        }
        Verdict::Gap(frame)
    }

    fn drain(&mut self, mut filling: Filling, effects: &mut Vec<Effect>) {
        while let Some(frame) = filling.waiting.pop_front() {
            match self.judge(frame) {
                Verdict::Forward(body) => effects.push(Effect::Forward(body)),
                Verdict::Drop => {}
                Verdict::Gap(frame) => {
                    filling.waiting.push_front(frame);
                    effects.push(self.fill(filling));
                    return;
                }
            }
        }
        if filling.lost {
            let attempt = filling.attempt;
            effects.push(self.fill(Filling { attempt, ..Filling::default() }));
        }
    }

    fn fill(&mut self, filling: Filling) -> Effect {
        let attempt = filling.attempt;
        self.filling = Some(filling);
        if attempt >= REFILLS_MAX {
            return Effect::Fill { epoch: Epoch(0), after: EventNumber(0), attempt };
        }
        Effect::Fill { epoch: self.epoch, after: self.last, attempt }
    }
}

impl Filling {
    fn wait(&mut self, frame: EventFrame, missed: u64) {
        self.lost |= missed > 0;
        if self.waiting.len() >= EVENTS_KEPT || self.bytes + frame.body.len() > WAITING_BYTES_MAX {
            self.waiting.clear();
            self.bytes = 0;
            self.lost = true;
        }
        self.bytes += frame.body.len();
        self.waiting.push_back(frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(epoch: u64, n: u64) -> EventFrame {
        EventFrame { epoch: Epoch(epoch), n: EventNumber(n), body: Bytes::from(format!("{epoch}/{n}")) }
    }

    fn forward(epoch: u64, n: u64) -> Effect {
        Effect::Forward(event(epoch, n).body)
    }

    fn fill(epoch: u64, after: u64, attempt: u32) -> Effect {
        Effect::Fill { epoch: Epoch(epoch), after: EventNumber(after), attempt }
    }

    fn cursor() -> Cursor {
        Cursor::at(Epoch(2), EventNumber(5))
    }

    #[test]
    fn events_without_a_gap_are_judged_one_by_one() {
        for (frame, missed, effects) in [
            (event(2, 6), 0, vec![forward(2, 6)]),
            (event(2, 5), 0, vec![]),
            (event(2, 6), 4, vec![forward(2, 6)]),
            (event(2, 8), 0, vec![fill(2, 5, 0)]),
            (event(2, 0), 0, vec![forward(2, 0)]),
            (event(2, 0), 1, vec![forward(2, 0), fill(2, 5, 0)]),
            (event(1, 9), 0, vec![]),
            (event(1, 0), 0, vec![]),
            (event(1, 0), 3, vec![fill(2, 5, 0)]),
            (event(3, 1), 0, vec![fill(2, 5, 0)]),
            (event(3, 0), 0, vec![fill(2, 5, 0)]),
        ] {
            assert_eq!(cursor().take(frame.clone(), missed), effects, "{frame:?}, {missed} missed");
        }
    }

    #[test]
    fn a_gap_is_filled_before_what_follows_it() {
        let mut cursor = cursor();
        assert_eq!(cursor.take(event(2, 8), 0), [fill(2, 5, 0)]);
        assert_eq!(cursor.take(event(2, 9), 0), []);
        assert_eq!(
            cursor.filled(vec![event(2, 5), event(2, 6), event(2, 7), event(2, 8)]),
            [forward(2, 6), forward(2, 7), forward(2, 8), forward(2, 9)]
        );
        assert_eq!(cursor.take(event(2, 10), 0), [forward(2, 10)]);
    }

    #[test]
    fn refills_that_do_not_help_end_in_a_snapshot() {
        let mut cursor = cursor();
        assert_eq!(cursor.take(event(2, 8), 0), [fill(2, 5, 0)]);
        assert_eq!(cursor.filled(vec![]), [fill(2, 5, 1)]);
        assert_eq!(cursor.failed(), [fill(2, 5, 2)]);
        assert_eq!(cursor.filled(vec![event(2, 7)]), [fill(0, 0, 3)]);
        assert_eq!(cursor.reset(Epoch(2), EventNumber(7)), Some(vec![forward(2, 8)]));
        assert_eq!(cursor.take(event(2, 9), 0), [forward(2, 9)]);
    }

    #[test]
    fn a_new_epoch_means_a_snapshot_and_an_old_one_nothing() {
        let mut cursor = cursor();
        assert_eq!(cursor.take(event(3, 2), 0), [fill(2, 5, 0)]);
        assert_eq!(cursor.take(event(2, 6), 0), []);
        assert_eq!(cursor.reset(Epoch(1), EventNumber(90)), None);
        assert_eq!(cursor.failed(), [fill(2, 5, 1)]);
        assert_eq!(cursor.reset(Epoch(3), EventNumber(1)), Some(vec![forward(3, 2)]));
        assert_eq!(cursor.epoch(), Epoch(3));
        assert_eq!(cursor.take(event(2, 7), 0), []);
    }

    #[test]
    fn what_waits_is_bounded_and_fetched_again_when_let_go() {
        let mut cursor = cursor();
        cursor.take(event(2, 7), 0);
        for n in 8..=(8 + EVENTS_KEPT as u64) {
            assert_eq!(cursor.take(event(2, n), 0), []);
        }
        let last = 8 + EVENTS_KEPT as u64;
        let effects = cursor.filled(vec![event(2, 6), event(2, 7), event(2, 8)]);
        assert_eq!(effects.last(), Some(&fill(2, 8, 0)));
        let rest: Vec<_> = (9..=last).map(|n| event(2, n)).collect();
        let effects = cursor.filled(rest);
        assert_eq!(effects.len() as u64, last - 8 + 1);
        assert_eq!(effects.last(), Some(&fill(2, last, 0)));
        assert_eq!(cursor.filled(vec![]), []);
        assert_eq!(cursor.take(event(2, last + 1), 0), [forward(2, last + 1)]);
    }
}
