//! The peer's two connections: opening, health, and giving up.
//!
//! **Invariant:** the router knows of a connection before it is opened, and that it is gone before it is closed.

use rookery_media::ConnectionId;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::signal::{Connection, ServerMessage};

use super::{PeerState, personal, refuse};
use crate::env::FreshIds;
use crate::peer::effect::{AskId, Effect, Op};
use crate::peer::slots::Slots;
use crate::room::{MediaHealth, PeerFact};
use crate::router::RouterOrder;
use crate::transport::TransportError;

/// Why a client is asked to attach again.
pub(super) const CONNECTION_LOST: &str = "a media connection failed";

/// One open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) connection: ConnectionId,
    pub(super) connected: bool,
    pub(super) silent: bool,
}

/// Why a connection is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// It failed: the client is asked to attach again.
    Failed,
    /// The client's profile does not fit, and it is told so.
    Profile,
    /// The client closed it, or its request was told already.
    Quietly,
}

impl PeerState {
    pub(super) fn link(&self, kind: Connection) -> Option<Link> {
        match kind {
            Connection::Publish => self.publish,
            Connection::Subscribe => self.subscribe,
        }
    }

    pub(super) fn is(&self, kind: Connection, connection: ConnectionId) -> bool {
        self.link(kind).is_some_and(|link| link.connection == connection)
    }

    pub(super) fn kind_of(&self, connection: ConnectionId) -> Option<Connection> {
        [Connection::Publish, Connection::Subscribe].into_iter().find(|kind| self.is(*kind, connection))
    }

    /// Opens a connection; the router knows of it before anything can come of it.
    pub(super) fn open(&mut self, kind: Connection, ids: &dyn FreshIds, out: &mut Vec<Effect>) -> ConnectionId {
        let connection = ids.connection();
        let link = Some(Link { connection, connected: false, silent: false });
        match kind {
            Connection::Publish => self.publish = link,
            Connection::Subscribe => self.subscribe = link,
        }
        out.push(Effect::Router(RouterOrder::Opened { peer: self.seated.info.peer, connection }));
        out.push(Effect::Op(Op::Open { connection, kind, srtp: self.srtp }));
        connection
    }

    pub(super) fn op_failed(
        &mut self,
        kind: Connection,
        connection: ConnectionId,
        ask: AskId,
        error: &TransportError,
        out: &mut Vec<Effect>,
    ) {
        let (code, gone) = match error {
            TransportError::Sdp(_) => (ErrorCode::SdpRefused, None),
            // The refusal tells the client what to do.
            TransportError::SrtpProfile(_) => (ErrorCode::SrtpProfile, Some(Gone::Quietly)),
            TransportError::Closed | TransportError::Failed(_) => (ErrorCode::Internal, Some(Gone::Failed)),
        };
        refuse(ask, code, out);
        if let Some(gone) = gone.filter(|_| self.is(kind, connection)) {
            self.give_up(kind, gone, out);
        }
    }

    /// Closes a connection and everything on it, at once in the media plane.
    pub(super) fn give_up(&mut self, kind: Connection, gone: Gone, out: &mut Vec<Effect>) {
        let link = match kind {
            Connection::Publish => self.publish.take(),
            Connection::Subscribe => self.subscribe.take(),
        };
        let Some(Link { connection, .. }) = link else { return };
        out.push(Effect::Router(RouterOrder::Closed(connection)));
        out.push(Effect::Op(Op::Close { connection }));
        match kind {
            Connection::Publish => {
                self.lines.clear();
                self.end_all(out);
            }
            Connection::Subscribe => {
                self.slots = Slots::default();
                self.negotiating.reset();
                self.subscribe_held = true;
            }
        }
        match gone {
            Gone::Failed => out.push(personal(ServerMessage::Reattach { reason: CONNECTION_LOST.to_owned() })),
            Gone::Profile => out.push(personal(ServerMessage::Error(ErrorCode::SrtpProfile.into()))),
            Gone::Quietly => {}
        }
        self.health_changed(out);
    }

    pub(super) fn link_changed(&mut self, connection: ConnectionId, change: impl Fn(&mut Link), out: &mut Vec<Effect>) {
        let links = [&mut self.publish, &mut self.subscribe].into_iter().flatten();
        links.filter(|link| link.connection == connection).for_each(change);
        self.health_changed(out);
    }

    fn health_changed(&mut self, out: &mut Vec<Effect>) {
        let connected = |link: Option<Link>| link.filter(|link| link.connected);
        let links = [connected(self.publish), connected(self.subscribe)];
        let up = links.iter().flatten().any(|link| !link.silent);
        // whoever sends is missed as soon as that stops; whoever only receives, when its reports do
        let silent = links.iter().flatten().next().is_some_and(|first| first.silent);
        let health = MediaHealth { up, silent };
        if std::mem::replace(&mut self.health, health) != health {
            out.push(Effect::Room(PeerFact::Media(health)));
        }
    }
}
