//! The task that reads what the server says unasked, and the one that pings.
//!
//! **Invariant:** offers are answered one after the other, in the order they came.

use std::sync::Arc;
use std::time::Duration;

use rookery_schemas::signal::{ClientMessage, ServerMessage, SubscribeOffer};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

use super::Shared;
use super::media::connection;
use crate::socket::{Events, Socket};
use crate::{Error, clock};

/// A gateway that has not answered a ping for this long is dead.
const PONG_TIME: Duration = Duration::from_millis(1_500);
/// Errors remembered; the first ones tell the most.
const ERRORS_MAX: usize = 32;

pub(super) async fn run(shared: Arc<Shared>, socket: Socket, mut events: Events) {
    loop {
        let frame = tokio::select! {
            // The socket's end is told last: what came before it is read first.
            biased;
            event = events.recv() => match event {
                Ok(frame) => frame,
                Err(RecvError::Lagged(missed)) => {
                    shared.view.send_modify(|view| view.events_missed += missed);
                    continue;
                }
                Err(RecvError::Closed) => break,
            },
            closed = socket.closed() => {
                shared.view.send_modify(|view| view.socket_closed = Some(closed));
                break;
            }
        };
        if frame.room.is_some_and(|room| room != shared.room) {
            continue;
        }
        shared.view.send_modify(|view| view.apply(&frame));
        if let ServerMessage::SubscribeOffer(offer) = &frame.message
            && shared.options.answers_offers
        {
            let answered = answer(&shared, &socket, offer).await;
            shared.view.send_modify(|view| match answered {
                Ok(()) => {
                    view.answered = Some(offer.negotiation);
                    view.slots.clone_from(&offer.slots);
                }
                Err(error) if view.negotiation_errors.len() < ERRORS_MAX => {
                    view.negotiation_errors.push(error.to_string());
                }
                Err(_) => {}
            });
        }
    }
}

async fn answer(shared: &Shared, socket: &Socket, offer: &SubscribeOffer) -> Result<(), Error> {
    let media = connection(&mut *shared.receiving.lock().await, &shared.options.media).await?;
    let sdp = media.answer(offer.sdp.clone()).await?;
    let message = ClientMessage::Answer { negotiation: offer.negotiation, sdp };
    socket.request(Some(shared.room), message).await.map(drop)
}

pub(super) async fn ping(shared: Arc<Shared>, socket: Socket, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let at = clock::micros();
        let Ok(reply) = socket.begin(None, ClientMessage::Ping { at }) else { return };
        match reply.wait_for(PONG_TIME).await {
            Ok(_) => shared.ping_us.lock().record(clock::micros().saturating_sub(at)),
            Err(Error::Closed(_)) => return,
            Err(_) => shared.view.send_modify(|view| view.pings_missed += 1),
        }
    }
}
