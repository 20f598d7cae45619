//! What a gateway does for all its sockets together: renews their seats, and hears and says which devices were signed out.
//!
//! **Invariant:** a seat is renewed as long as a socket holds it, and no longer; whatever is missed here is made up for by
//! something slower (a seat lapses, a socket looks at its own device when it renews its tokens).

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use rookery_actors::seams::Bus;
use rookery_schemas::bus::{
    SEAT_RENEWED_EVERY, SEATS_PER_RENEWAL_MAX, SIGN_OUT_SUBJECT, SeatRef, SeatRenewal, SignOut, seats_subject,
};
use rookery_schemas::ids::NodeId;
use tokio::time::MissedTickBehavior;

use super::WsDeps;

/// Renewals under way at once: one owner that does not answer holds up no other.
const RENEWALS_AT_ONCE: usize = 32;
/// How long an owner may take to take one. The next comes in any case.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two tries to listen on a bus that does not let us.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// How long saying may take, and how often it is tried.
const SAY_TIMEOUT: Duration = Duration::from_secs(1);
const SAY_TRIES: u32 = 5;

/// Begins all of it; it ends soon after the last user of `deps`.
pub(super) fn begin(deps: &Arc<WsDeps>) {
    tokio::spawn(renew_seats(Arc::downgrade(deps)));
    tokio::spawn(hear_sign_outs(Arc::downgrade(deps)));
}

async fn renew_seats(deps: Weak<WsDeps>) {
    let mut tick = tokio::time::interval(SEAT_RENEWED_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(deps) = deps.upgrade() else { return };
        tell_owners(&deps, deps.sockets.renewal()).await;
    }
}

/// Tells each owner which of its seats have a WebSocket here, and whether their clients are quiet.
async fn tell_owners(deps: &WsDeps, SeatRenewal { seats, quiet, n }: SeatRenewal) {
    let mut by_owner: HashMap<NodeId, Vec<SeatRef>> = HashMap::new();
    for seat in seats {
        by_owner.entry(deps.owners.home(seat.room)).or_default().push(seat);
    }
    let mut batches = Vec::new();
    for (node, seats) in by_owner {
        let batch = |seats: &[SeatRef]| (node.clone(), SeatRenewal { seats: seats.to_vec(), quiet, n });
        batches.extend(seats.chunks(SEATS_PER_RENEWAL_MAX).map(batch));
    }
    let telling = batches.into_iter().map(|(node, renewal)| renew(deps.bus.clone(), node, renewal));
    stream::iter(telling).for_each_concurrent(RENEWALS_AT_ONCE, |telling| telling).await;
}

/// The client of these seats has fallen silent, or is heard again. Returns at once.
pub(super) fn mark_seats(deps: &Arc<WsDeps>, seats: Vec<SeatRef>, heard: bool) {
    let renewal = deps.sockets.mark(seats, heard);
    if !renewal.seats.is_empty() {
        let deps = Arc::clone(deps);
        tokio::spawn(async move { tell_owners(&deps, renewal).await });
    }
}

async fn renew(bus: Arc<dyn Bus>, node: NodeId, renewal: SeatRenewal) {
    let body = match serde_json::to_vec(&renewal) {
        Ok(body) => Bytes::from(body),
        Err(error) => return tracing::error!(%error, "a renewal of seats could not be written"),
    };
    let asked = async { bus.request(&seats_subject(&node), body, RENEWAL_TIMEOUT).await?.await };
    match tokio::time::timeout(RENEWAL_TIMEOUT, asked).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%node, %error, "an owner did not take a renewal of seats"),
        Err(_) => tracing::debug!(%node, "an owner did not take a renewal of seats in time"),
    }
}

async fn hear_sign_outs(deps: Weak<WsDeps>) {
    loop {
        let Some(bus) = deps.upgrade().map(|deps| deps.bus.clone()) else { return };
        match bus.subscribe(SIGN_OUT_SUBJECT).await {
            Ok(mut heard) => {
                while let Some(message) = heard.next().await {
                    let Some(deps) = deps.upgrade() else { return };
                    if message.missed > 0 {
                        tracing::warn!(missed = message.missed, "sign-outs were missed");
                    }
                    match serde_json::from_slice::<SignOut>(&message.payload) {
                        Ok(which) => deps.sockets.sign_out(&which),
                        Err(error) => tracing::error!(%error, "a sign-out cannot be read"),
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "sign-outs cannot be heard"),
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

/// Tells every gateway that devices were signed out; returns at once.
pub fn announce_sign_out(bus: Arc<dyn Bus>, which: SignOut) {
    tokio::spawn(async move {
        let Ok(body) = serde_json::to_vec(&which).map(Bytes::from) else {
            return tracing::error!("a sign-out could not be written");
        };
        for _ in 0..SAY_TRIES {
            match tokio::time::timeout(SAY_TIMEOUT, bus.publish(SIGN_OUT_SUBJECT, body.clone())).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::warn!(%error, "a sign-out was not said"),
                Err(_) => tracing::warn!("a sign-out was not said in time"),
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    });
}
