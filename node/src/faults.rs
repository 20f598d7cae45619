//! Making an actor fail on purpose, for operators and tests who want to see that calls go on.
//!
//! **Invariant:** served on the operators' listener only, and only where `admin.faults` says so.

use std::sync::{Arc, Weak};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use rookery_actors::{Rooms, Target};
use rookery_schemas::ids::{PeerId, RoomId};

/// `POST /faults/{room}/{target}`, where target is `room`, `router` or a peer's id.
pub(crate) fn routes(rooms: &Arc<Rooms>) -> Router {
    // weak: a listener that still answers must not keep the rooms from ending
    Router::new().route("/faults/{room}/{target}", post(inject)).with_state(Arc::downgrade(rooms))
}

async fn inject(State(rooms): State<Weak<Rooms>>, Path((room, target)): Path<(RoomId, String)>) -> StatusCode {
    let target = match target.as_str() {
        "room" => Target::Room,
        "router" => Target::Router,
        peer => match peer.parse::<PeerId>() {
            Ok(peer) => Target::Peer(peer),
            Err(_) => return StatusCode::NOT_FOUND,
        },
    };
    match rooms.upgrade().map(|rooms| rooms.inject(room, target)) {
        Some(Ok(())) => StatusCode::ACCEPTED,
        Some(Err(_)) | None => StatusCode::SERVICE_UNAVAILABLE,
    }
}
