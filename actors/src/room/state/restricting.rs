//! What the host lets others send.
//!
//! **Invariant:** nothing that is not allowed is in `tracks`, and every catalogue says what is; a change is told to nobody
//! before the store has it, since it is read from there.

use rookery_schemas::ids::TrackId;
use rookery_schemas::signal::{RoomInfo, ServerMessage, TrackInfo};

use super::{Error, RoomState};
use crate::now::Now;
use crate::room::effect::Effect;

impl RoomState {
    /// The room's public face.
    pub(super) fn info(&self) -> RoomInfo {
        let row = &self.row;
        RoomInfo { id: row.id, slug: row.slug.clone(), name: row.name.clone(), kind: row.kind, allowed: row.allowed }
    }

    /// The row was read anew: tells what is new of it, and ends what is not allowed any more.
    pub(super) fn look_again(&mut self, now: Now, before: &RoomInfo, out: &mut Vec<Effect>) -> Result<(), Error> {
        let room = self.info();
        if room == *before {
            return Ok(());
        }
        let restricted = room.allowed != before.allowed;
        self.announce(ServerMessage::RoomUpdated { room }, out)?;
        if restricted {
            tracing::info!(allowed = ?self.row.allowed, "what people may send was changed");
            self.end_forbidden(out)?;
            self.repath(now, out)?;
        }
        Ok(())
    }

    /// Whether its sender may send this. Of whoever is not here it makes no difference.
    pub(super) fn permits(&self, track: &TrackInfo) -> bool {
        let seat = self.roster.get(track.peer);
        seat.is_none_or(|seat| self.row.allowed.permits(seat.info.role, track.source))
    }

    /// The catalogue has their peers' actors end them, at once in the media plane.
    fn end_forbidden(&mut self, out: &mut Vec<Effect>) -> Result<(), Error> {
        let forbidden = self.tracks.values().filter(|track| !self.permits(track));
        let mut ended: Vec<TrackId> = forbidden.map(|track| track.track).collect();
        ended.sort();
        self.tracks.retain(|track, _| !ended.contains(track));
        self.publish_catalogue(out);
        ended.into_iter().try_for_each(|track| self.announce(ServerMessage::TrackUnpublished { track }, out))
    }
}
