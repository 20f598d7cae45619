//! Chat, as far as the room has a say in it; its order is [`Chat`](crate::room::chat::Chat)'s.
//!
//! **Invariant:** acknowledgement first, then the event, both in the order of `seq`.

use garde::Validate;
use rookery_schemas::bus::RoomReply;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Attachment, PeerId};
use rookery_schemas::signal::{ChatSend, ServerMessage};

use super::{Error, RoomState, answer, refuse};
use crate::now::Now;
use crate::room::chat::{Accepted, BatchOutcome};
use crate::room::effect::{AskId, Effect};

impl RoomState {
    pub(super) fn chat(
        &mut self,
        now: Now,
        ask: AskId,
        peer: PeerId,
        attachment: Attachment,
        sent: ChatSend,
        out: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        if let Some(code) = self.shut(now) {
            return Err(code);
        }
        let sender = self.seat(peer, attachment)?.info.clone();
        sent.validate().map_err(|_| ErrorCode::Invalid)?;
        match self.chat.accept(now, ask, &sender, sent) {
            Accepted::Stored(ack) => answer(ask, RoomReply::Message(ServerMessage::ChatAck(ack)), out),
            Accepted::Waits => self.write_next(out),
            Accepted::Refused(code) => return Err(code),
        }
        Ok(())
    }

    /// The writer is done with batch `number`.
    ///
    /// # Errors
    /// [`Error`] if an event cannot be encoded.
    pub(crate) fn written(
        &mut self,
        now: Now,
        number: u64,
        outcome: BatchOutcome,
        out: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        let settled = self.chat.settle(number, outcome);
        let any = !settled.announced.is_empty();
        for (ask, ack) in settled.acknowledged {
            answer(ask, RoomReply::Message(ServerMessage::ChatAck(ack)), out);
        }
        for message in settled.announced {
            self.announce(ServerMessage::Chat { message }, out)?;
        }
        for (ask, code) in settled.refused {
            refuse(ask, code, out);
        }
        if settled.owner_lost {
            out.push(Effect::StepDown);
            return Ok(());
        }
        self.write_next(out);
        if any {
            self.touch(now, out);
        }
        Ok(())
    }

    fn write_next(&mut self, out: &mut Vec<Effect>) {
        if let Some(batch) = self.chat.next_batch() {
            out.push(Effect::Append(batch));
        }
    }
}
