//! Offers on the subscribe connection: one at a time, each named by a number, told again while unanswered.
//!
//! **Invariant:** at most one offer is made, waits or is being accepted; what is wanted meanwhile makes the next one.

use std::time::Duration;

use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::Negotiation;
use rookery_schemas::limits::SLOT_PAIRS_MAX;
use rookery_schemas::signal::{SlotPair, SubscribeOffer};

/// Pairs of the first offers: 55 kB of server memory and a millisecond of the browser's time each, so few at first.
const FIRST_STEPS: [u16; 3] = [2, 4, 8];

/// Pairs added at once beyond them.
const STEP: u16 = 8;

/// An offer that was not answered is told again after this, doubled each time: its gateway may have begun to listen for
/// this attachment only after it was sent.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// And this often at the most; a client that comes back is told in any case.
const TELL_AGAIN_MAX: u32 = 4;

/// Pairs to offer so that `need` fit: 2, 4, 8, then eight more at a time, at most [`SLOT_PAIRS_MAX`].
pub(super) fn pairs_for(need: u16) -> u16 {
    let step = FIRST_STEPS.into_iter().find(|step| need <= *step);
    step.unwrap_or_else(|| need.div_ceil(STEP).saturating_mul(STEP)).min(SLOT_PAIRS_MAX)
}

/// An offer to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MakeOffer {
    pub(super) pairs: u16,
    pub(super) restart_ice: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    Quiet,
    Making,
    Waiting { offer: Box<SubscribeOffer>, tell_at: Option<Duration>, told: u32 },
    Accepting { offer: Box<SubscribeOffer> },
}

/// The negotiation of one subscribe connection after another; numbers go on.
#[derive(Debug)]
pub(super) struct Negotiating {
    number: Negotiation,
    phase: Phase,
    pairs: u16,
    wanted: u16,
    restart_ice: bool,
}

impl Negotiating {
    pub(super) fn new() -> Self {
        Self { number: Negotiation(0), phase: Phase::Quiet, pairs: 0, wanted: 0, restart_ice: false }
    }

    /// The connection is gone; the next one begins without slots.
    pub(super) fn reset(&mut self) {
        *self = Self { number: self.number, ..Self::new() };
    }

    /// Pairs offered so far.
    pub(super) fn pairs(&self) -> u16 {
        self.pairs
    }

    /// Wants room for `need` pairs.
    pub(super) fn want(&mut self, need: u16) {
        self.wanted = self.wanted.max(pairs_for(need));
    }

    /// Wants an ICE restart.
    pub(super) fn want_restart(&mut self) {
        self.restart_ice = true;
    }

    /// The offer to make now, if one is wanted and none is under way.
    pub(super) fn next(&mut self) -> Option<MakeOffer> {
        if self.phase != Phase::Quiet || (self.wanted <= self.pairs && !self.restart_ice) {
            return None;
        }
        self.phase = Phase::Making;
        let restart_ice = std::mem::take(&mut self.restart_ice);
        Some(MakeOffer { pairs: self.wanted.max(self.pairs), restart_ice })
    }

    /// The offer was made; this is what the client is told.
    pub(super) fn made(&mut self, now: Duration, sdp: String, slots: Vec<SlotPair>) -> Option<SubscribeOffer> {
        if self.phase != Phase::Making {
            return None;
        }
        self.number = self.number.next();
        self.pairs = u16::try_from(slots.len()).unwrap_or(u16::MAX);
        let offer = SubscribeOffer { negotiation: self.number, sdp, slots };
        let tell_at = Some(now + TELL_AGAIN);
        self.phase = Phase::Waiting { offer: Box::new(offer.clone()), tell_at, told: 1 };
        Some(offer)
    }

    /// An answer to offer `number` has come.
    ///
    /// # Errors
    /// `negotiation_stale` unless that offer waits for one.
    pub(super) fn answered(&mut self, number: Negotiation) -> Result<(), ErrorCode> {
        match std::mem::replace(&mut self.phase, Phase::Quiet) {
            Phase::Waiting { offer, .. } if offer.negotiation == number => {
                self.phase = Phase::Accepting { offer };
                Ok(())
            }
            other => {
                self.phase = other;
                Err(ErrorCode::NegotiationStale)
            }
        }
    }

    /// The answer was taken.
    pub(super) fn accepted(&mut self) {
        if matches!(self.phase, Phase::Accepting { .. }) {
            self.phase = Phase::Quiet;
        }
    }

    /// The answer was refused: the offer waits for a better one.
    pub(super) fn refused(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Quiet) {
            Phase::Accepting { offer } => {
                self.phase = Phase::Waiting { offer, tell_at: None, told: TELL_AGAIN_MAX };
            }
            other => self.phase = other,
        }
    }

    /// The offer that waits, to be told to a client that may not have it.
    pub(super) fn tell_again(&mut self, now: Duration) -> Option<SubscribeOffer> {
        let Phase::Waiting { offer, tell_at, told } = &mut self.phase else { return None };
        *told = 1;
        *tell_at = Some(now + TELL_AGAIN);
        Some(offer.as_ref().clone())
    }

    /// When [`Negotiating::due`] should be asked.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Waiting { tell_at, .. } => *tell_at,
            _ => None,
        }
    }

    /// The offer, if it is time to tell it again.
    pub(super) fn due(&mut self, now: Duration) -> Option<SubscribeOffer> {
        let Phase::Waiting { offer, tell_at, told } = &mut self.phase else { return None };
        if tell_at.is_none_or(|at| now < at) {
            return None;
        }
        *tell_at = (*told < TELL_AGAIN_MAX).then(|| now + TELL_AGAIN * 2_u32.saturating_pow(*told));
        *told += 1;
        Some(offer.as_ref().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_schemas::ids::SlotIndex;

    fn slots(pairs: u16) -> Vec<SlotPair> {
        let pair = |i| SlotPair { slot: SlotIndex(i), video_mid: format!("v{i}"), audio_mid: format!("a{i}") };
        (0..pairs).map(pair).collect()
    }

    #[test]
    fn pairs_grow_in_steps() {
        for (need, pairs) in [(0, 2), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (9, 16), (17, 24), (24, 24), (200, 24)] {
            assert_eq!(pairs_for(need), pairs, "{need}");
        }
    }

    #[test]
    fn growth_while_an_offer_waits_makes_the_next_one() {
        let mut negotiating = Negotiating::new();
        assert_eq!(negotiating.next(), None, "nothing wanted");
        negotiating.want(2);
        assert_eq!(negotiating.next(), Some(MakeOffer { pairs: 2, restart_ice: false }));
        assert_eq!(negotiating.next(), None, "one at a time");
        let offer = negotiating.made(Duration::ZERO, "o1".into(), slots(2)).unwrap();
        negotiating.want(3);
        negotiating.want_restart();
        assert_eq!((offer.negotiation, negotiating.next()), (Negotiation(1), None));
        assert_eq!(negotiating.answered(Negotiation(2)), Err(ErrorCode::NegotiationStale));
        assert_eq!(negotiating.answered(Negotiation(1)), Ok(()));
        assert_eq!(negotiating.answered(Negotiation(1)), Err(ErrorCode::NegotiationStale), "once");
        negotiating.refused();
        assert_eq!(negotiating.answered(Negotiation(1)), Ok(()), "a refused answer may be mended");
        negotiating.accepted();
        assert_eq!(negotiating.next(), Some(MakeOffer { pairs: 4, restart_ice: true }));
        let offer = negotiating.made(Duration::ZERO, "o2".into(), slots(4)).unwrap();
        assert_eq!((offer.negotiation, negotiating.pairs()), (Negotiation(2), 4));
        negotiating.reset();
        assert_eq!((negotiating.pairs(), negotiating.next()), (0, None));
        negotiating.want(1);
        negotiating.next();
        assert_eq!(negotiating.made(Duration::ZERO, "o3".into(), slots(2)).unwrap().negotiation, Negotiation(3));
    }

    #[test]
    fn an_unanswered_offer_is_told_again_a_few_times() {
        let mut negotiating = Negotiating::new();
        negotiating.want(1);
        negotiating.next();
        negotiating.made(Duration::ZERO, "o".into(), slots(2));
        let mut told = Vec::new();
        while let Some(at) = negotiating.deadline() {
            assert_eq!(negotiating.due(at - Duration::from_millis(1)), None);
            assert_eq!(negotiating.due(at).map(|offer| offer.sdp), Some("o".to_owned()));
            told.push(at.as_secs());
        }
        assert_eq!(told, [1, 3, 7, 15]);
        assert!(negotiating.tell_again(Duration::from_secs(60)).is_some());
        assert_eq!(negotiating.deadline(), Some(Duration::from_secs(61)));
    }
}
