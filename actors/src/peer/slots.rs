//! What is bound to which slot of the subscribe connection.
//!
//! **Invariant:** a slot that the client has accepted carries in the media plane what is bound to it here; what is bound
//! before that waits.

use std::collections::{HashMap, HashSet};

use rookery_media::{SendSlot, SlotKey};
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::TrackId;
use rookery_schemas::signal::WantedSize;

use crate::catalogue::Catalogue;

/// One bound slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) track: TrackId,
    pub(crate) size: Option<WantedSize>,
}

/// The slots of one subscribe connection.
#[derive(Debug, Default)]
pub(super) struct Slots {
    ready: HashSet<SlotKey>,
    /// Pairs of the last accepted offer.
    answered: u16,
    /// At most two for each offered pair.
    bound: HashMap<SlotKey, Bound>,
}

impl Slots {
    /// Binds; true if the media plane is to be told now, false if the slot is not ready yet.
    ///
    /// # Errors
    /// `slot_not_found` if the slot was not offered or the client refused it.
    pub(super) fn bind(&mut self, offered: u16, key: SlotKey, bound: Bound) -> Result<bool, ErrorCode> {
        let ready = self.find(offered, key)?;
        self.bound.insert(key, bound);
        Ok(ready)
    }

    /// Empties a slot; true if the media plane is to be told.
    ///
    /// # Errors
    /// `slot_not_found` if the slot was not offered or the client refused it.
    pub(super) fn unbind(&mut self, offered: u16, key: SlotKey) -> Result<bool, ErrorCode> {
        let ready = self.find(offered, key)?;
        self.bound.remove(&key);
        Ok(ready)
    }

    fn find(&self, offered: u16, key: SlotKey) -> Result<bool, ErrorCode> {
        let ready = self.ready.contains(&key);
        let refused = !ready && key.index.0 < self.answered;
        if key.index.0 >= offered || refused { Err(ErrorCode::SlotNotFound) } else { Ok(ready) }
    }

    /// The client has accepted these, of an offer of `pairs`; what waited for them is to be bound now.
    pub(super) fn accepted(&mut self, pairs: u16, slots: &[SendSlot]) -> Vec<(SlotKey, Bound)> {
        self.answered = pairs;
        let fresh: Vec<SlotKey> = slots.iter().map(|slot| slot.key).filter(|key| self.ready.insert(*key)).collect();
        let refused = |key: &SlotKey| key.index.0 < pairs && !self.ready.contains(key);
        self.bound.retain(|key, _| !refused(key));
        fresh.into_iter().filter_map(|key| self.bound.get(&key).map(|bound| (key, *bound))).collect()
    }

    /// Forgets tracks that are no longer published; the media plane empties their slots by itself.
    pub(super) fn keep_published(&mut self, catalogue: &Catalogue) {
        self.bound.retain(|_, bound| catalogue.tracks.contains_key(&bound.track));
    }

    /// Every accepted slot and what is bound to it.
    pub(super) fn all(&self) -> Vec<(SlotKey, Option<Bound>)> {
        self.ready.iter().map(|key| (*key, self.bound.get(key).copied())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rookery_media::ExtensionIds;
    use rookery_schemas::ids::SlotIndex;
    use rookery_schemas::signal::MediaKind;
    use uuid::Uuid;

    fn key(index: u16, kind: MediaKind) -> SlotKey {
        SlotKey { index: SlotIndex(index), kind }
    }

    fn slot(key: SlotKey) -> SendSlot {
        let extensions = ExtensionIds::default();
        SendSlot { key, mid: "0".into(), ssrc: 1, rtx_ssrc: None, codecs: Vec::new(), extensions }
    }

    #[test]
    fn what_is_bound_before_the_answer_waits_for_it() {
        let (video, audio) = (key(0, MediaKind::Video), key(0, MediaKind::Audio));
        let bound = |n| Bound { track: TrackId(Uuid::from_u128(n)), size: None };
        let mut slots = Slots::default();
        assert_eq!(slots.bind(2, key(2, MediaKind::Video), bound(1)), Err(ErrorCode::SlotNotFound), "not offered");
        assert_eq!(slots.bind(2, video, bound(1)), Ok(false));
        assert_eq!(slots.bind(2, audio, bound(2)), Ok(false));
        assert_eq!(slots.accepted(2, &[slot(video), slot(key(1, MediaKind::Audio))]), [(video, bound(1))]);
        assert_eq!(slots.bind(2, audio, bound(2)), Err(ErrorCode::SlotNotFound), "the client refused that line");
        assert_eq!(slots.bind(2, video, bound(3)), Ok(true));
        assert_eq!(slots.accepted(2, &[slot(video)]), [], "nothing new is ready");
        slots.keep_published(&Catalogue::default());
        assert!(slots.all().contains(&(video, None)) && slots.all().len() == 2);
        assert_eq!(slots.unbind(2, video), Ok(true));
        assert_eq!(slots.unbind(3, key(2, MediaKind::Video)), Ok(false), "offered, and not answered yet");
    }
}
