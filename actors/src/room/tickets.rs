//! Which join tickets were used.
//!
//! **Invariant:** a ticket admits at most once while it could still be valid.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use rookery_schemas::ids::RequestId;

/// How long a used ticket's id is kept: tickets live 30 s, and two gateways' clocks differ.
const KEPT: Duration = Duration::from_secs(90);

/// Ids kept at the most: 90 s of a hundred joins a second. Beyond it joins are refused as overloaded.
const USED_MAX: usize = 10_000;

/// What became of presenting a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It was not used before, and is now.
    First,
    /// It was used.
    Again,
    /// Too many are kept.
    Full,
}

/// The used tickets of one epoch.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    used: HashMap<RequestId, Duration>,
    order: VecDeque<(Duration, RequestId)>,
}

impl Tickets {
    /// Uses a ticket up.
    pub(crate) fn take(&mut self, now: Duration, id: RequestId) -> Use {
        while let Some((at, id)) = self.order.front().copied()
            && now.saturating_sub(at) > KEPT
        {
            self.order.pop_front();
            // One that was given back and taken again is kept by its later entry.
            if self.used.get(&id) == Some(&at) {
                self.used.remove(&id);
            }
        }
        if self.used.contains_key(&id) {
            return Use::Again;
        }
        if self.order.len() >= USED_MAX {
            return Use::Full;
        }
        self.used.insert(id, now);
        self.order.push_back((now, id));
        Use::First
    }

    /// Makes a ticket good again whose join failed by no fault of its own.
    pub(crate) fn give_back(&mut self, id: RequestId) {
        self.used.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn once_while_it_counts() {
        let id = |n: usize| RequestId(Uuid::from_u128(n as u128));
        let mut tickets = Tickets::default();
        assert_eq!(tickets.take(Duration::ZERO, id(1)), Use::First);
        assert_eq!(tickets.take(Duration::from_secs(30), id(1)), Use::Again);
        tickets.give_back(id(1));
        assert_eq!(tickets.take(Duration::from_secs(60), id(1)), Use::First);
        assert_eq!(tickets.take(Duration::from_secs(120), id(1)), Use::Again, "its first entry's age does not free it");
        assert_eq!(tickets.take(KEPT + Duration::from_secs(121), id(1)), Use::First);
    }

    #[test]
    fn full_refuses_and_recovers() {
        let id = |n: usize| RequestId(Uuid::from_u128(n as u128));
        let mut tickets = Tickets::default();
        for n in 0..USED_MAX {
            assert_eq!(tickets.take(Duration::ZERO, id(n)), Use::First);
        }
        assert_eq!(tickets.take(Duration::ZERO, id(USED_MAX)), Use::Full);
        assert_eq!(tickets.take(KEPT * 2, id(USED_MAX)), Use::First);
        assert_eq!(tickets.used.len(), 1);
    }
}
