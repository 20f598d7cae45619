//! What every [`MediaPlane`](crate::seams::MediaPlane) promises to the actors; what becomes of packets is its own tests' part.
//!
//! **Invariant:** a case sees only what anyone can see from outside: what the plane holds on to, and what it lets go.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rookery_media::{Command, Event, EventSink, WorkerIndex};
use rookery_schemas::ids::RoomId;
use uuid::Uuid;

use super::Unexpected;
use crate::seams::MediaPlane;

pub mod commands;

/// What the cases are run on.
pub type Subject = dyn MediaPlane;

/// Makes a test of each case: `media_conformance!(attribute of the test, future of an Opened<dyn MediaPlane, _>)`.
///
/// The tests need threads: `tokio::test(flavor = "multi_thread")`.
#[macro_export]
macro_rules! media_conformance {
    ($test:meta, $open:expr) => {
        $crate::conformance_cases! { $test, $open, media;
            commands::{
                each_worker_has_an_address_of_its_own,
                a_worker_that_is_not_there_takes_nothing,
                a_room_holds_its_sink_while_it_is_open,
                opening_a_room_again_replaces_its_sink_and_nothing_else,
                a_connection_holds_its_link_while_it_is_open,
                a_room_that_closes_closes_what_is_in_it,
                a_connection_is_opened_once_and_in_a_room_that_is_open,
                what_names_nothing_changes_nothing,
                commands_are_carried_out_in_their_order,
                rooms_of_two_workers_do_not_mix,
                commands_of_many_threads_are_taken_or_refused_whole,
            }
        }
    };
}

/// Longer than any plane that works takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A sink that hears nothing.
struct Deaf;

impl EventSink for Deaf {
    fn event(&self, _event: Event) {}
}

fn sink() -> (Arc<dyn EventSink>, Weak<dyn EventSink>) {
    let sink: Arc<dyn EventSink> = Arc::new(Deaf);
    let seen = Arc::downgrade(&sink);
    (sink, seen)
}

fn unused() -> RoomId {
    RoomId(Uuid::new_v4())
}

/// Waits until the plane has let go of something.
async fn let_go<T: ?Sized>(what: &Weak<T>) -> Result<(), Unexpected> {
    let gone = async {
        while what.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.map_err(|_| "the plane does not let go".into())
}

/// Waits until a worker has carried out everything that it was sent before.
async fn settled(plane: &Subject, worker: WorkerIndex) -> Result<(), Unexpected> {
    let (room, (sink, seen)) = (unused(), sink());
    plane.send(worker, Command::OpenRoom { room, sink })?;
    plane.send(worker, Command::CloseRoom { room })?;
    let_go(&seen).await
}

/// Every worker of the plane.
fn workers(plane: &Subject) -> impl Iterator<Item = WorkerIndex> {
    (0..plane.workers()).map(WorkerIndex)
}
