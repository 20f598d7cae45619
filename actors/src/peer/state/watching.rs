//! The subscribe connection: the server offers slots ahead of need, the client binds tracks to them.
//!
//! **Invariant:** there is room for every present publication of others and for one more, up to
//! [`SLOT_PAIRS_MAX`], offered or on its way, unless the client has closed the connection.

use rookery_media::{ConnectionId, SendSlot, SlotKey};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::Negotiation;
use rookery_schemas::limits::SLOT_PAIRS_MAX;
use rookery_schemas::signal::{Connection, ServerMessage, Subscribe, Unsubscribe};

use super::publishing::check_sdp;
use super::{Gone, PeerState, ok, personal};
use crate::env::FreshIds;
use crate::now::Now;
use crate::peer::effect::{AskId, Effect, Op};
use crate::peer::slots::Bound;
use crate::router::RouterOrder;
use crate::transport::{Offered, TransportError};

impl PeerState {
    /// Offers slots for what is published by others and for the next one; opens the connection when first needed.
    pub(super) fn make_room(&mut self, ids: &dyn FreshIds, out: &mut Vec<Effect>) {
        let need = self.catalogue.pairs_for(self.seated.info.peer);
        if !self.takes_media || (self.subscribe.is_none() && (need == 0 || self.subscribe_held)) {
            return;
        }
        self.negotiating.want(need.saturating_add(1));
        if self.subscribe.is_none() {
            self.open(Connection::Subscribe, ids, out);
        }
        self.offer_next(out);
    }

    fn offer_next(&mut self, out: &mut Vec<Effect>) {
        if let Some(link) = self.subscribe
            && let Some(offer) = self.negotiating.next()
        {
            let (pairs, restart_ice) = (offer.pairs, offer.restart_ice);
            out.push(Effect::Op(Op::Offer { connection: link.connection, pairs, restart_ice }));
        }
    }

    pub(super) fn want_slots(
        &mut self,
        ask: AskId,
        pairs: u16,
        ids: &dyn FreshIds,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if pairs > SLOT_PAIRS_MAX {
            return Err(ErrorCode::TooMany.into());
        }
        ok(ask, out);
        if pairs > 0 {
            self.subscribe_held = false;
            self.negotiating.want(pairs);
            if self.subscribe.is_none() {
                self.open(Connection::Subscribe, ids, out);
            }
            self.offer_next(out);
        }
        Ok(())
    }

    pub(super) fn restart_ice(&mut self, now: Now, ask: AskId, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        if self.subscribe.is_none() {
            let why = "There is no subscribe connection to restart.";
            return Err(Refusal::because(ErrorCode::SlotNotFound, why));
        }
        ok(ask, out);
        self.negotiating.want_restart();
        // An offer that waits comes first; the client may never have got it.
        if let Some(offer) = self.negotiating.tell_again(now.elapsed) {
            out.push(personal(ServerMessage::SubscribeOffer(offer)));
        }
        self.offer_next(out);
        Ok(())
    }

    pub(super) fn offered(
        &mut self,
        now: Now,
        connection: ConnectionId,
        result: Result<Offered, TransportError>,
        out: &mut Vec<Effect>,
    ) {
        if !self.is(Connection::Subscribe, connection) {
            return;
        }
        match result {
            Ok(Offered { sdp, slots }) => {
                if let Some(offer) = self.negotiating.made(now.elapsed, sdp, slots) {
                    out.push(personal(ServerMessage::SubscribeOffer(offer)));
                }
            }
            Err(error) => {
                tracing::warn!(peer = %self.seated.info.peer, %error, "no offer could be made");
                self.give_up(Connection::Subscribe, Gone::Failed, out);
            }
        }
    }

    pub(super) fn answer(
        &mut self,
        ask: AskId,
        negotiation: Negotiation,
        sdp: String,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        check_sdp(&sdp)?;
        let link = self.subscribe.ok_or(ErrorCode::NegotiationStale)?;
        self.negotiating.answered(negotiation)?;
        out.push(Effect::Op(Op::Accept { connection: link.connection, ask, sdp }));
        Ok(())
    }

    pub(super) fn accepted(&mut self, ask: AskId, slots: &[SendSlot], out: &mut Vec<Effect>) {
        ok(ask, out);
        self.negotiating.accepted();
        for (slot, bound) in self.slots.accepted(self.negotiating.pairs(), slots) {
            self.bind(slot, Some(bound), out);
        }
        self.offer_next(out);
    }

    pub(super) fn subscribe(&mut self, ask: AskId, subscribe: Subscribe, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let Subscribe { track, slot, size } = subscribe;
        let published = self.catalogue.tracks.get(&track).ok_or(ErrorCode::TrackNotFound)?;
        if published.peer == self.seated.info.peer {
            return Err(Refusal::because(ErrorCode::Invalid, "This is your own track."));
        }
        let (key, bound) = (SlotKey { index: slot, kind: published.kind }, Bound { track, size });
        if self.slots.bind(self.negotiating.pairs(), key, bound)? {
            self.bind(key, Some(bound), out);
        }
        ok(ask, out);
        Ok(())
    }

    pub(super) fn unsubscribe(
        &mut self,
        ask: AskId,
        unsubscribe: Unsubscribe,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let key = SlotKey { index: unsubscribe.slot, kind: unsubscribe.kind };
        if self.slots.unbind(self.negotiating.pairs(), key)? {
            self.bind(key, None, out);
        }
        ok(ask, out);
        Ok(())
    }

    fn bind(&self, slot: SlotKey, bound: Option<Bound>, out: &mut Vec<Effect>) {
        if let Some(link) = self.subscribe {
            out.push(Effect::Router(RouterOrder::Bind { connection: link.connection, slot, bound }));
        }
    }
}
