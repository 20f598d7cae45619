//! The order of a room's chat: what is accepted, what is being written, what is known.
//!
//! One batch is written at a time. Its rows get their numbers when it is formed, so that a batch of which nothing was
//! written gives its numbers back, and one of unknown outcome keeps them until it is known.
//!
//! **Invariant:** a message is acknowledged and announced only after its row is durable and this owner was seen to own the
//! room after that, in the order of `seq`; a number is never given to two rows that may both exist; of one (sender, nonce)
//! there is at most one message, whichever seat the sender has.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Epoch, Nonce, Seq, UnixMillis};
use rookery_schemas::rows::{MessageRow, Sender};
use rookery_schemas::signal::{ChatAck, ChatMessage, ChatSend, PeerInfo};

use super::AskId;
use super::takeover::{BATCH_MAX, Takeover};
use crate::now::Now;

/// Messages of a room that wait to be written. Beyond it the sender is told that the room is overloaded.
pub(crate) const PENDING_MAX: usize = 1_024;

/// Messages whose nonces are remembered: 1 MB a room at the most.
pub(crate) const KNOWN_MAX: usize = 10_000;

/// How long nonces are remembered: a client retries for less long than that.
pub(crate) const KNOWN_FOR_MS: i64 = 10 * 60 * 1_000;

/// How long an asker is kept waiting before it is told `unknown` or `store_unavailable`.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Rows to be written together. `number` names the batch when its outcome comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    pub(crate) rows: Arc<[MessageRow]>,
}

/// What became of a batch, as the writer found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchOutcome {
    /// Durable, and a read of the owner begun after that showed this owner.
    Durable,
    /// Nothing was written by any attempt.
    NothingWritten,
    /// Another owner has the room; whether it was written is not known.
    OwnerLost,
}

/// What accepting a message came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// It is stored already.
    Stored(ChatAck),
    /// It waits, or joined the same message that does.
    Waits,
    /// It is refused.
    Refused(ErrorCode),
}

/// What a batch's outcome means for those who asked, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) acknowledged: Vec<(AskId, ChatAck)>,
    pub(crate) announced: Vec<ChatMessage>,
    pub(crate) refused: Vec<(AskId, ErrorCode)>,
    pub(crate) owner_lost: bool,
}

#[derive(Debug)]
struct Waiting {
    message: ChatMessage,
    asks: Vec<AskId>,
    since: Duration,
}

impl Waiting {
    fn sender(&self) -> Sender {
        Sender::new(self.message.user, self.message.peer)
    }
}

#[derive(Debug)]
struct InFlight {
    number: u64,
    messages: Vec<Waiting>,
}

/// The chat of one room under one epoch.
#[derive(Debug)]
pub(crate) struct Chat {
    epoch: Epoch,
    /// The last acknowledged message.
    last: Seq,
    /// Everything after it, to `last`, is in `known`.
    floor: Seq,
    known: HashMap<(Sender, Nonce), (Seq, UnixMillis)>,
    order: VecDeque<(Seq, UnixMillis, Sender, Nonce)>,
    pending: VecDeque<Waiting>,
    in_flight: Option<InFlight>,
    batches: u64,
}

impl Chat {
    /// Takes the chat over where the former owners left it.
    pub(crate) fn new(epoch: Epoch, found: &Takeover, now: Now) -> Self {
        let last = Seq(found.first_seq.0.saturating_sub(1));
        let read_from = found.recent.first().map_or(found.first_seq, |row| row.message.seq);
        let mut chat = Self {
            epoch,
            last,
            floor: Seq(read_from.0.saturating_sub(1)),
            known: HashMap::new(),
            order: VecDeque::new(),
            pending: VecDeque::new(),
            in_flight: None,
            batches: 0,
        };
        for row in &found.recent {
            chat.remember(&row.message);
        }
        chat.forget(now);
        chat
    }

    /// The last message that everyone may see.
    pub(crate) fn last(&self) -> Seq {
        self.last
    }

    /// True if nothing waits or is being written.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.in_flight.is_none()
    }

    /// Takes a message of `sender`, whose text has been validated.
    pub(crate) fn accept(&mut self, now: Now, ask: AskId, sender: &PeerInfo, sent: ChatSend) -> Accepted {
        self.forget(now);
        let (key, nonce) = (Sender::new(sender.user, sender.peer), sent.nonce);
        if let Some((seq, at)) = self.known.get(&(key, nonce)) {
            return Accepted::Stored(ChatAck { nonce, seq: *seq, at: *at });
        }
        let in_flight = self.in_flight.iter_mut().flat_map(|batch| batch.messages.iter_mut());
        let same = |waiting: &&mut Waiting| waiting.sender() == key && waiting.message.nonce == nonce;
        if let Some(waiting) = in_flight.chain(self.pending.iter_mut()).find(same) {
            waiting.asks.push(ask);
            return Accepted::Waits;
        }
        // Were it a retry, the first one's number would be above `seen`: below the floor nobody can tell.
        if sent.seen < self.floor {
            return Accepted::Refused(ErrorCode::NonceExpired);
        }
        if self.pending.len() >= PENDING_MAX {
            return Accepted::Refused(ErrorCode::Overloaded);
        }
        let message = ChatMessage {
            seq: Seq(0),
            nonce,
            peer: sender.peer,
            user: sender.user,
            display_name: sender.display_name.clone(),
            text: sent.text,
            at: now.unix,
        };
        self.pending.push_back(Waiting { message, asks: vec![ask], since: now.elapsed });
        Accepted::Waits
    }

    /// The next rows to write, if none are being written: all that wait, up to [`BATCH_MAX`].
    pub(crate) fn next_batch(&mut self) -> Option<Batch> {
        if self.in_flight.is_some() || self.pending.is_empty() {
            return None;
        }
        let count = self.pending.len().min(BATCH_MAX);
        let mut seq = self.last;
        let mut messages: Vec<Waiting> = self.pending.drain(..count).collect();
        for waiting in &mut messages {
            seq = seq.next();
            waiting.message.seq = seq;
        }
        let row = |waiting: &Waiting| MessageRow { epoch: self.epoch, message: waiting.message.clone() };
        let rows = messages.iter().map(row).collect();
        self.batches += 1;
        self.in_flight = Some(InFlight { number: self.batches, messages });
        Some(Batch { number: self.batches, rows })
    }

    /// Applies what became of batch `number`; an outcome of any other batch changes nothing.
    pub(crate) fn settle(&mut self, number: u64, outcome: BatchOutcome) -> Settled {
        let mut settled = Settled::default();
        let Some(batch) = self.in_flight.take_if(|batch| batch.number == number) else { return settled };
        match outcome {
            BatchOutcome::Durable => {
                for waiting in batch.messages {
                    let ChatMessage { nonce, seq, at, .. } = waiting.message;
                    self.last = seq;
                    self.remember(&waiting.message);
                    settled.acknowledged.extend(waiting.asks.into_iter().map(|ask| (ask, ChatAck { nonce, seq, at })));
                    settled.announced.push(waiting.message);
                }
            }
            BatchOutcome::NothingWritten => refuse(&mut settled, batch.messages, ErrorCode::StoreUnavailable),
            BatchOutcome::OwnerLost => {
                settled.owner_lost = true;
                refuse(&mut settled, batch.messages, ErrorCode::Unknown);
                refuse(&mut settled, self.pending.drain(..), ErrorCode::Unknown);
            }
        }
        settled
    }

    /// Answers those who have waited for long: rows being written stay so, messages that only wait are dropped.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<(AskId, ErrorCode)> {
        let mut settled = Settled::default();
        let old = |waiting: &Waiting| now.elapsed.saturating_sub(waiting.since) >= PATIENCE;
        for waiting in self.in_flight.iter_mut().flat_map(|batch| batch.messages.iter_mut()).filter(|w| old(w)) {
            settled.refused.extend(waiting.asks.drain(..).map(|ask| (ask, ErrorCode::Unknown)));
        }
        while let Some(waiting) = self.pending.pop_front_if(|waiting| old(waiting)) {
            refuse(&mut settled, [waiting], ErrorCode::StoreUnavailable);
        }
        settled.refused
    }

    fn remember(&mut self, message: &ChatMessage) {
        let ChatMessage { seq, at, nonce, .. } = message;
        let sender = Sender::new(message.user, message.peer);
        self.known.insert((sender, *nonce), (*seq, *at));
        self.order.push_back((*seq, *at, sender, *nonce));
    }

    fn forget(&mut self, now: Now) {
        while let Some((seq, at, sender, nonce)) = self.order.front().copied()
            && (self.order.len() > KNOWN_MAX || now.unix.0.saturating_sub(at.0) > KNOWN_FOR_MS)
        {
            self.order.pop_front();
            self.known.remove(&(sender, nonce));
            self.floor = seq;
        }
    }
}

fn refuse(settled: &mut Settled, messages: impl IntoIterator<Item = Waiting>, code: ErrorCode) {
    for waiting in messages {
        settled.refused.extend(waiting.asks.into_iter().map(|ask| (ask, code)));
    }
}

#[cfg(test)]
mod tests;
