//! The room's events: numbered, finished as frames once, and kept for gateways that missed some.
//!
//! **Invariant:** numbers of an epoch are gapless from 1, and a number's frame never changes.

use std::collections::VecDeque;

use bytes::Bytes;
use rookery_schemas::bus::EventFrame;
use rookery_schemas::ids::{Epoch, EventNumber, RoomId};
use rookery_schemas::limits::EVENTS_KEPT;
use rookery_schemas::signal::{ServerFrame, ServerMessage};

/// Bytes kept at the most: 1,024 long chat messages would be 16 MB a room.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Bytes of one refill; more is answered by a snapshot. A NATS message holds 1 MB, JSON in JSON grows.
const REFILL_BYTES_MAX: usize = 384 << 10;

/// The events of one epoch.
#[derive(Debug)]
pub(crate) struct Events {
    room: RoomId,
    epoch: Epoch,
    n: EventNumber,
    kept: VecDeque<Bytes>,
    kept_bytes: usize,
}

impl Events {
    pub(crate) fn new(room: RoomId, epoch: Epoch) -> Self {
        Self { room, epoch, n: EventNumber(0), kept: VecDeque::new(), kept_bytes: 0 }
    }

    /// The last event's number, 0 before the first.
    pub(crate) fn last(&self) -> EventNumber {
        self.n
    }

    /// Makes the next event.
    ///
    /// # Errors
    /// If the message has no JSON form; then no number was used.
    pub(crate) fn number(&mut self, message: ServerMessage) -> Result<EventFrame, serde_json::Error> {
        let n = self.n.next();
        let body = self.body(Some(n), message)?;
        self.n = n;
        self.kept_bytes += body.len();
        self.kept.push_back(body.clone());
        while self.kept.len() > EVENTS_KEPT || self.kept_bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_bytes -= oldest.len();
        }
        Ok(EventFrame { epoch: self.epoch, n, body })
    }

    /// Makes a frame that nobody refills.
    ///
    /// # Errors
    /// If the message has no JSON form.
    pub(crate) fn unnumbered(&self, message: ServerMessage) -> Result<EventFrame, serde_json::Error> {
        Ok(EventFrame { epoch: self.epoch, n: EventNumber(0), body: self.body(None, message)? })
    }

    /// The frames after `after`, oldest first; `None` where a snapshot is needed.
    pub(crate) fn since(&self, epoch: Epoch, after: EventNumber) -> Option<Vec<String>> {
        let missed = usize::try_from(self.n.0.checked_sub(after.0)?).ok()?;
        if epoch != self.epoch || missed > self.kept.len() {
            return None;
        }
        let frames = self.kept.range(self.kept.len() - missed..);
        if frames.clone().map(Bytes::len).sum::<usize>() > REFILL_BYTES_MAX {
            return None;
        }
        frames.map(|body| String::from_utf8(body.to_vec()).ok()).collect()
    }

    fn body(&self, n: Option<EventNumber>, message: ServerMessage) -> Result<Bytes, serde_json::Error> {
        let frame = ServerFrame { room: Some(self.room), re: None, epoch: Some(self.epoch), n, message };
        serde_json::to_vec(&frame).map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn events() -> Events {
        Events::new(RoomId(Uuid::from_u128(1)), Epoch(3))
    }

    #[test]
    fn numbers_are_gapless_and_frames_complete() -> Result<(), serde_json::Error> {
        let mut events = events();
        for n in 1..=3 {
            let frame = events.number(ServerMessage::Ok)?;
            assert_eq!((frame.epoch, frame.n), (Epoch(3), EventNumber(n)));
            let parsed: ServerFrame = serde_json::from_slice(&frame.body)?;
            assert_eq!(
                (parsed.epoch, parsed.n, parsed.room),
                (Some(Epoch(3)), Some(EventNumber(n)), Some(events.room))
            );
        }
        let frame = events.unnumbered(ServerMessage::Ok)?;
        assert_eq!((frame.n, events.last()), (EventNumber(0), EventNumber(3)));
        Ok(())
    }

    #[test]
    fn refills_what_is_kept_and_nothing_else() -> Result<(), serde_json::Error> {
        let mut events = events();
        for _ in 0..EVENTS_KEPT + 10 {
            events.number(ServerMessage::Ok)?;
        }
        let last = events.last().0;
        for (epoch, after, frames) in [
            (3, last, Some(0)),
            (3, last - 1, Some(1)),
            (3, 10, Some(EVENTS_KEPT)),
            (3, 9, None),
            (3, last + 1, None),
            (2, last, None),
        ] {
            let got = events.since(Epoch(epoch), EventNumber(after)).map(|frames| frames.len());
            assert_eq!(got, frames, "{epoch} {after}");
        }
        let one = events.since(Epoch(3), EventNumber(last - 1)).unwrap();
        assert!(one[0].contains(&format!("\"n\":{last}")), "{one:?}");
        Ok(())
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes() -> Result<(), serde_json::Error> {
        let mut events = events();
        let sdp = "x".repeat(64 << 10);
        for _ in 0..200 {
            events.number(ServerMessage::Answer { sdp: sdp.clone() })?;
        }
        assert!(events.kept_bytes <= KEPT_BYTES_MAX && events.kept.len() > 32);
        assert_eq!(events.since(Epoch(3), EventNumber(180)), None, "too much for one refill");
        assert_eq!(events.since(Epoch(3), EventNumber(198)).map(|f| f.len()), Some(2));
        Ok(())
    }
}
