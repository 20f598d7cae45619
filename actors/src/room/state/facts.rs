//! What the room hears of its peers' actors.
//!
//! **Invariant:** a fact counts only if it is of the actor that the seat has now.

use rookery_schemas::ids::{Attachment, PeerId};
use rookery_schemas::signal::ServerMessage;

use super::{Error, RoomState};
use crate::now::Now;
use crate::room::effect::{Effect, PeerFact};

/// Why a peer whose actor failed is asked to attach again.
const ACTOR_FAILED: &str = "the server lost this connection";

impl RoomState {
    /// Something that the actor born at `born` says.
    ///
    /// # Errors
    /// [`Error`] if an event cannot be encoded.
    pub(crate) fn fact(
        &mut self,
        now: Now,
        peer: PeerId,
        born: Attachment,
        fact: PeerFact,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        if self.roster.get(peer).is_none_or(|seat| seat.born != Some(born)) {
            return Ok(());
        }
        match fact {
            // Its actor has not heard yet that it may not, and will end it.
            PeerFact::Announced(track) if !self.permits(&track) => Ok(()),
            PeerFact::Announced(track) => {
                self.tracks.insert(track.track, track.clone());
                self.publish_catalogue(out);
                self.announce(ServerMessage::TrackPublished { track }, out)
            }
            PeerFact::Changed(track) => match self.tracks.get_mut(&track.track) {
                Some(known) if *known != track => {
                    *known = track.clone();
                    self.announce(ServerMessage::TrackUpdated { track }, out)
                }
                _ => Ok(()),
            },
            PeerFact::Ended(track) => match self.tracks.remove(&track) {
                Some(_) => {
                    self.publish_catalogue(out);
                    self.announce(ServerMessage::TrackUnpublished { track }, out)
                }
                None => Ok(()),
            },
            PeerFact::Media(media) => {
                if let Some(seat) = self.roster.get_mut(peer) {
                    seat.media = media;
                }
                self.seat_changed(now, peer, out)
            }
        }
    }

    /// The actor born at `born` failed: its seat is kept, and its client asked to attach again.
    ///
    /// # Errors
    /// [`Error`] if an event cannot be encoded.
    pub(crate) fn peer_failed(
        &mut self,
        now: Now,
        peer: PeerId,
        born: Attachment,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        let Some(seat) = self.roster.get_mut(peer).filter(|seat| seat.born == Some(born)) else { return Ok(()) };
        seat.born = None;
        let attachment = seat.attachment;
        self.end_tracks_of(peer, out)?;
        self.seat_changed(now, peer, out)?;
        let message = Box::new(ServerMessage::Reattach { reason: ACTOR_FAILED.to_owned() });
        out.push(Effect::Personal { peer, attachment, message });
        Ok(())
    }
}
