//! WebSockets: `GET /ws?ticket=`, one for each client, many rooms over it.
//!
//! A socket is opened by a ticket, used once ([`Tokens::verify_ws_ticket`]), or without one to resume a seat. It then speaks
//! the messages of [`rookery_schemas::signal`]; what they mean to a client is on the protocol page, `schemas/PROTOCOL.md`.
//! Rooms are elsewhere: the gateway carries requests to their owners and media nodes over the bus, and events back.
//!
//! Read `session.rs` for the life of a socket, `chores.rs` for what is done for all of them together, `cursor.rs` for what makes events gapless, `outbox.rs` for slow readers.
//!
//! **Invariant:** a socket knows no room's state but numbers: what a room is, its owner says.

mod admission;
mod chores;
mod close;
mod config;
mod cursor;
mod frames;
mod history;
mod incoming;
mod link;
mod metrics;
mod origin;
mod outbox;
mod owners;
mod seat;
mod session;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use rookery_actors::seams::{Bus, ChatStore, KvError, RoomStore};
use rookery_schemas::error::{ErrorCode, Refusal};
use rookery_schemas::ids::RequestId;
use rookery_schemas::limits::{CLIENT_FRAME_BYTES_MAX, SERVER_FRAME_BYTES_MAX};
use rookery_schemas::signal::IceServer;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use uuid::Uuid;

pub use admission::Sockets;
pub use chores::announce_sign_out;
pub use close::Cut;
pub use config::WsConfig;
pub use metrics::WsMetrics;
pub use owners::{AskError, Asked, Owners};

use crate::clock::Clock;
use crate::config::GatewayConfig;
use crate::context::RequestContext;
use crate::problem::Refused;
use crate::tokens::Tokens;
use admission::Pass;
use metrics::JoinPhase;
use session::{Identity, Session};

/// Where used tickets are kept on the bus, so that one opens one socket in the whole cluster.
const TICKETS_BUCKET: &str = "ws-tickets";
/// How long: a ticket's life and the clocks' leeway, twice.
const TICKETS_KEPT: Duration = Duration::from_secs(70);
/// How long the bus may take to say whether a ticket is unused.
const TICKET_CHECK_MAX: Duration = Duration::from_secs(2);
/// Bytes read at once; each socket holds so many. Most messages are far smaller.
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// Bytes gathered before they are written.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;
/// Beyond this a frame is not even read to its end, and the socket is cut. Up to it, it is refused and the socket lives.
const HARD_FRAME_BYTES_MAX: usize = 2 * CLIENT_FRAME_BYTES_MAX;

/// Makes the list of STUN and TURN servers for someone.
pub type IceServers = dyn Fn(&str) -> Vec<IceServer> + Send + Sync;

/// What sockets stand on.
pub struct WsDeps {
    /// The gateway's configuration: origins, trusted addresses, other gateways.
    pub gateway: GatewayConfig,
    /// The bounds.
    pub config: WsConfig,
    /// The time.
    pub clock: Clock,
    /// Signed tokens.
    pub tokens: Arc<Tokens>,
    /// Events, personal messages, used tickets.
    pub bus: Arc<dyn Bus>,
    /// Rooms' owners and peers' nodes.
    pub owners: Owners,
    /// Members and their read markers.
    pub rooms: Arc<dyn RoomStore>,
    /// History.
    pub chat: Arc<dyn ChatStore>,
    /// STUN and TURN servers for someone, named by account or seat.
    pub ice_servers: Arc<IceServers>,
    /// What is counted.
    pub metrics: WsMetrics,
    /// The open sockets.
    pub sockets: Sockets,
    /// Cancelled when the node stops: sockets are closed with 1001.
    pub stop: CancellationToken,
}

/// `GET /ws`, to be merged into any router. Begins what is done for all sockets together, within the present runtime.
pub fn routes<S: Clone + Send + Sync + 'static>(deps: Arc<WsDeps>) -> Router<S> {
    chores::begin(&deps);
    Router::new().route("/ws", get(open)).with_state(deps)
}

#[derive(Deserialize)]
struct Opening {
    ticket: Option<String>,
}

/// Opens a socket. Refusals that a foreign page could cause are HTTP answers; one of a ticket is told over the socket, with
/// its code in the close frame, since a page cannot read why a handshake failed.
async fn open(
    State(deps): State<Arc<WsDeps>>,
    context: Option<Extension<RequestContext>>,
    headers: HeaderMap,
    uri: Uri,
    query: Result<Query<Opening>, axum::extract::rejection::QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let ticket = match query {
        Ok(Query(Opening { ticket })) => ticket,
        Err(_) => return Refused::new(ErrorCode::Malformed).into_response(),
    };
    if !origin::allowed(&headers, &uri, ticket.is_some(), &deps.gateway) {
        return Refused::new(ErrorCode::OriginRefused).into_response();
    }
    let Ok(upgrade) = upgrade else {
        return Refused::because(ErrorCode::Malformed, "This address speaks WebSocket.").into_response();
    };
    let address = context.as_ref().map(|Extension(context)| context.client);
    let mut pass = match deps.sockets.enter(address, &deps.config) {
        Ok(pass) => pass,
        Err(code) => return Refused::new(code).into_response(),
    };
    let id = RequestId(Uuid::now_v7());
    let who = match ticket {
        Some(ticket) => {
            let who = admit(&deps, id, &mut pass, &ticket).await;
            deps.metrics.join(JoinPhase::Socket, who.as_ref().err().map(|refusal| refusal.code));
            who.map(Some)
        }
        None => Ok(None),
    };
    let gateways = gateways(&deps.gateway, &headers, &uri);
    let span = tracing::info_span!("socket", connection = %id);
    upgrade
        .max_message_size(HARD_FRAME_BYTES_MAX)
        .max_frame_size(HARD_FRAME_BYTES_MAX)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES + 2 * SERVER_FRAME_BYTES_MAX)
        .on_upgrade(move |socket| {
            async move {
                match who {
                    Ok(who) => {
                        let (session, writer) = Session::new(deps, id, pass, who, gateways);
                        session.run(writer, socket).await;
                    }
                    Err(refusal) => turn_away(&deps, pass, socket, refusal).await,
                }
            }
            .instrument(span)
        })
}

/// Who opens a socket with this ticket, which is used up by it.
async fn admit(deps: &WsDeps, id: RequestId, pass: &mut Pass, ticket: &str) -> Result<Identity, Refusal> {
    let opening = deps.tokens.verify_ws_ticket(ticket)?;
    let key = opening.id.to_string();
    let mark = deps.bus.kv_put(TICKETS_BUCKET, &key, Bytes::new(), None, Some(TICKETS_KEPT));
    match tokio::time::timeout(TICKET_CHECK_MAX, mark).await {
        Ok(Ok(_)) => {}
        Ok(Err(KvError::Conflict { .. })) => {
            return Err(Refusal::because(ErrorCode::TicketInvalid, "This ticket was used before."));
        }
        Ok(Err(KvError::Bus(error))) => {
            tracing::warn!(%error, "a ticket cannot be used up");
            return Err(Refusal::new(ErrorCode::Overloaded));
        }
        Err(_) => return Err(Refusal::new(ErrorCode::Overloaded)),
    }
    if let Some(user) = opening.user {
        // Counted first, looked at then: a sign-out from here on finds the socket.
        pass.belongs_to(user, opening.family, id, &deps.config)?;
        if let Some(family) = opening.family {
            match deps.tokens.signed_in(user, family).await {
                Ok(true) => {}
                Ok(false) => return Err(Refusal::new(ErrorCode::SignedOut)),
                // Chat and calls outlive a store that is away; the device is looked at again.
                Err(error) => tracing::warn!(%error, "a socket's device could not be looked at"),
            }
        }
    }
    Ok(Identity { user: opening.user, family: opening.family, signed_in: opening.user.is_some() })
}

/// Says why, and closes.
async fn turn_away(deps: &WsDeps, pass: Pass, mut socket: WebSocket, refusal: Refusal) {
    let cut = Cut::Because(refusal.code);
    tracing::info!(code = %refusal.code, "socket turned away");
    deps.metrics.error(refusal.code);
    let goodbye = async {
        let _ = socket.send(Message::Text(frames::error(None, None, refusal))).await;
        let _ = socket.send(Message::Close(Some(cut.frame()))).await;
        while socket.recv().await.is_some_and(|message| message.is_ok()) {}
    };
    let _ = tokio::time::timeout(deps.config.close_grace, goodbye).await;
    drop(pass);
}

/// The WebSocket addresses told to clients: the configured ones, or the one that this request came by.
fn gateways(config: &GatewayConfig, headers: &HeaderMap, uri: &Uri) -> Arc<[String]> {
    if !config.gateways.is_empty() {
        return config.gateways.clone().into();
    }
    let scheme = if config.secure() { "wss" } else { "ws" };
    crate::origin::host(headers, uri).map(|host| format!("{scheme}://{host}/ws")).into_iter().collect()
}
