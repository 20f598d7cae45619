//! Carries a room's media events from the worker's thread to the router, which may be starting anew.
//!
//! **Invariant:** giving an event never waits; of one kind of news about one thing only the newest is kept, so that the
//! queue is bounded by what there is in the room.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use ractor::ActorRef;
use rookery_media::{ConnectionId, Event, EventSink, SlotKey};
use rookery_schemas::ids::TrackId;

use super::RouterMessage;
use crate::metrics::Metrics;

/// Events kept at the most: a room of a thousand with 48 slots each fits. Beyond it new things are dropped
/// and counted.
const EVENTS_MAX: usize = 65_536;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum About {
    Address(ConnectionId),
    Liveness(ConnectionId),
    Codec(TrackId),
    Slot(ConnectionId, SlotKey),
    Levels,
    ActiveSpeaker,
}

fn about(event: &Event) -> About {
    match event {
        Event::Connected { connection, .. } => About::Address(*connection),
        Event::Silent { connection } | Event::Heard { connection } => About::Liveness(*connection),
        Event::TrackStarted { track, .. } => About::Codec(*track),
        Event::SlotLive { connection, slot, .. } | Event::SlotIdle { connection, slot } => {
            About::Slot(*connection, *slot)
        }
        Event::Levels { .. } => About::Levels,
        Event::ActiveSpeaker { .. } => About::ActiveSpeaker,
    }
}

#[derive(Default)]
struct Waiting {
    next: u64,
    place: HashMap<About, u64>,
    events: BTreeMap<u64, Event>,
    router: Option<ActorRef<RouterMessage>>,
    told: bool,
}

/// The events of one room that its router has not taken yet. Outlives the router.
pub(crate) struct EventQueue {
    waiting: Mutex<Waiting>,
    metrics: Arc<Metrics>,
}

impl EventQueue {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { waiting: Mutex::default(), metrics }
    }

    /// From now on this router is told when there is something.
    pub(super) fn serve(&self, router: ActorRef<RouterMessage>) {
        let mut waiting = self.waiting.lock();
        waiting.router = Some(router);
        waiting.told = false;
    }

    /// Everything that waits, in the order in which it happened.
    pub(super) fn take(&self) -> Vec<Event> {
        let mut waiting = self.waiting.lock();
        waiting.told = false;
        waiting.place.clear();
        std::mem::take(&mut waiting.events).into_values().collect()
    }
}

impl EventSink for EventQueue {
    fn event(&self, event: Event) {
        let mut waiting = self.waiting.lock();
        let about = about(&event);
        match waiting.place.get(&about).copied() {
            Some(at) => {
                waiting.events.remove(&at);
            }
            None if waiting.events.len() >= EVENTS_MAX => {
                self.metrics.media_events_dropped.inc();
                return;
            }
            None => {}
        }
        let at = waiting.next;
        waiting.next += 1;
        waiting.place.insert(about, at);
        waiting.events.insert(at, event);
        if !waiting.told
            && let Some(router) = &waiting.router
        {
            // One message wakes the router for all that waits by then; a router that has failed is succeeded by one that
            // looks by itself.
            let _ = router.send_message(RouterMessage::Events);
            waiting.told = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_newest_of_each_kind_in_order() {
        let queue = EventQueue::new(Arc::new(Metrics::new().unwrap()));
        let (one, two) = (ConnectionId(1), ConnectionId(2));
        let track = TrackId(Uuid::from_u128(1));
        for event in [
            Event::Silent { connection: one },
            Event::Levels { levels: vec![(track, 3)] },
            Event::Silent { connection: two },
            Event::Heard { connection: one },
            Event::Levels { levels: vec![(track, 9)] },
        ] {
            queue.event(event);
        }
        let left = [
            Event::Silent { connection: two },
            Event::Heard { connection: one },
            Event::Levels { levels: vec![(track, 9)] },
        ];
        assert_eq!(queue.take(), left);
        assert_eq!(queue.take(), []);
    }
}
