//! What is published in a room and what may be, as its peers need to know it.
//!
//! **Invariant:** a value of its whole state; a newer one replaces it, so that none can be missed.

use std::collections::HashMap;

use rookery_schemas::ids::{PeerId, TrackId};
use rookery_schemas::signal::{Allowed, MediaKind};

/// One publication in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) peer: PeerId,
    pub(crate) kind: MediaKind,
}

/// Every publication of a room, and what those who are not its host may publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalogue {
    pub(crate) tracks: HashMap<TrackId, Published>,
    pub(crate) allowed: Allowed,
}

impl Catalogue {
    /// Slot pairs that hold all publications of others: one for each peer's first video and audio, further ones for
    /// what more it sends.
    pub(crate) fn pairs_for(&self, viewer: PeerId) -> u16 {
        let mut halves: HashMap<PeerId, (u16, u16)> = HashMap::new();
        for published in self.tracks.values().filter(|published| published.peer != viewer) {
            let (video, audio) = halves.entry(published.peer).or_default();
            match published.kind {
                MediaKind::Video => *video = video.saturating_add(1),
                MediaKind::Audio => *audio = audio.saturating_add(1),
            }
        }
        halves.values().fold(0, |sum, (video, audio)| sum.saturating_add(*video.max(audio)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_pair_for_each_peer_and_more_for_more_tracks() {
        let peer = |n| PeerId(Uuid::from_u128(n));
        let (video, audio) = (MediaKind::Video, MediaKind::Audio);
        for (tracks, pairs) in [
            (vec![], 0),
            (vec![(1, video), (1, audio)], 0),
            (vec![(2, video), (2, audio)], 1),
            (vec![(2, video), (3, audio)], 2),
            (vec![(2, video), (2, audio), (2, video)], 2),
            (vec![(1, video), (2, audio), (2, audio), (3, video)], 3),
        ] {
            let tracks: HashMap<_, _> = tracks
                .into_iter()
                .enumerate()
                .map(|(i, (by, kind))| (TrackId(Uuid::from_u128(i as u128)), Published { peer: peer(by), kind }))
                .collect();
            let catalogue = Catalogue { tracks, allowed: Allowed::default() };
            assert_eq!(catalogue.pairs_for(peer(1)), pairs, "{catalogue:?}");
        }
    }
}
