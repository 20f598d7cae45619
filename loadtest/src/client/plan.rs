//! Which track goes to which slot, if a client wants to see and hear everyone.
//!
//! **Invariant:** a plan binds no half twice, and the camera and microphone of one peer share a pair, since a browser
//! keeps lips in step by it.

use std::collections::{BTreeMap, BTreeSet};

use rookery_schemas::ids::{PeerId, SlotIndex, TrackId};
use rookery_schemas::limits::SLOT_PAIRS_MAX;
use rookery_schemas::signal::{SourceKind, TrackInfo};

use super::view::{Half, View};

/// A track and the pair it is to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Which track.
    pub track: TrackId,
    /// Which pair.
    pub slot: SlotIndex,
    /// Which half of it.
    pub half: Half,
}

/// What is to be done to receive everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be bound now.
    pub bindings: Vec<Binding>,
    /// Pairs needed in all; more than there are: ask for slots, then plan again.
    pub pairs: u16,
}

impl Plan {
    /// Plans to receive all tracks that are not `me`'s.
    #[must_use]
    pub fn everyone(view: &View, me: PeerId) -> Self {
        let wanted: Vec<&TrackInfo> = view.tracks.values().filter(|track| track.peer != me).collect();
        // Groups that have a pair already keep it.
        let mut pairs: BTreeMap<(PeerId, bool), SlotIndex> = BTreeMap::new();
        for ((slot, _), bound) in &view.bound {
            if let Some(track) = view.tracks.get(bound) {
                pairs.insert(group(track), *slot);
            }
        }
        let mut taken: BTreeSet<SlotIndex> = view.bound.keys().map(|(slot, _)| *slot).collect();
        let mut halves: BTreeSet<(SlotIndex, Half)> = view.bound.keys().copied().collect();
        let mut plan = Self::default();
        for track in wanted.into_iter().filter(|track| view.slot_of(track.track).is_none()) {
            let half = Half::from(track.kind);
            // A second camera of the same peer needs a pair of its own.
            let own = pairs.get(&group(track)).copied().filter(|slot| !halves.contains(&(*slot, half)));
            let Some(slot) = own.or_else(|| (0..SLOT_PAIRS_MAX).map(SlotIndex).find(|slot| !taken.contains(slot)))
            else {
                continue;
            };
            pairs.insert(group(track), slot);
            taken.insert(slot);
            halves.insert((slot, half));
            plan.bindings.push(Binding { track: track.track, slot, half });
        }
        plan.pairs = taken.last().map_or(0, |slot| slot.0 + 1);
        plan
    }

    /// The bindings that fit the first `pairs` pairs.
    pub fn within(&self, pairs: usize) -> impl Iterator<Item = Binding> + '_ {
        self.bindings.iter().copied().filter(move |binding| usize::from(binding.slot.0) < pairs)
    }
}

/// A peer's face and voice belong together, and so do its screen and the screen's sound.
fn group(track: &TrackInfo) -> (PeerId, bool) {
    (track.peer, matches!(track.source, SourceKind::Screen | SourceKind::ScreenAudio))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::view::tests::{empty, track};
    use super::*;

    fn view(tracks: &[(u128, u128, SourceKind)]) -> View {
        let mut view = empty();
        for (id, peer, source) in tracks {
            let info = track(*id, *peer, *source);
            view.tracks.insert(info.track, info);
        }
        view
    }

    const ME: PeerId = PeerId(Uuid::from_u128(99));

    #[test]
    fn face_and_voice_share_a_pair_and_a_screen_has_its_own() {
        let view = view(&[
            (1, 1, SourceKind::Camera),
            (2, 1, SourceKind::Microphone),
            (3, 1, SourceKind::Screen),
            (4, 2, SourceKind::Microphone),
            (5, 99, SourceKind::Camera),
        ]);
        let plan = Plan::everyone(&view, ME);
        let slots: Vec<u16> = plan.bindings.iter().map(|binding| binding.slot.0).collect();
        assert_eq!((slots, plan.pairs), (vec![0, 0, 1, 2], 3));
        assert_eq!(plan.within(1).count(), 2);
    }

    #[test]
    fn what_is_bound_stays_and_freed_pairs_are_used_again() {
        let mut view = view(&[(1, 1, SourceKind::Camera), (2, 2, SourceKind::Camera), (3, 2, SourceKind::Microphone)]);
        for binding in Plan::everyone(&view, ME).bindings {
            view.bound.insert((binding.slot, binding.half), binding.track);
        }
        assert_eq!(Plan::everyone(&view, ME), Plan { bindings: Vec::new(), pairs: 2 });
        let gone = TrackId(Uuid::from_u128(1));
        view.tracks.remove(&gone);
        view.bound.retain(|_, bound| *bound != gone);
        let late = track(9, 9, SourceKind::Camera);
        view.tracks.insert(late.track, late.clone());
        let expected = Binding { track: late.track, slot: SlotIndex(0), half: Half::Video };
        assert_eq!(Plan::everyone(&view, ME).bindings, [expected]);
    }
}
