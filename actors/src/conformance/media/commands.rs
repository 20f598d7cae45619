//! Commands: in order, whole, and holding what they were given for exactly as long as it is open.
//!
//! **Invariant:** as in [`super`].

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use rookery_media::{Command, ConnectionId, ControlLink, SlotKey, WorkerIndex};
use rookery_schemas::ids::{RoomId, SlotIndex, TrackId};
use rookery_schemas::signal::MediaKind;
use uuid::Uuid;

use super::{Subject, let_go, settled, sink, unused, workers};
use crate::conformance::{Outcome, Unexpected};
use crate::seams::MediaError;

const FIRST: WorkerIndex = WorkerIndex(0);

/// An id that no other connection of this process has.
fn connection() -> ConnectionId {
    static LAST: AtomicU64 = AtomicU64::new(1 << 32);
    ConnectionId(LAST.fetch_add(1, Ordering::Relaxed))
}

/// Opens a room whose sink nobody else holds.
fn open_room(
    plane: &Subject,
    worker: WorkerIndex,
    room: RoomId,
) -> Result<Weak<dyn rookery_media::EventSink>, MediaError> {
    let (sink, seen) = sink();
    plane.send(worker, Command::OpenRoom { room, sink })?;
    Ok(seen)
}

/// Opens a connection whose link nobody else holds.
fn connect(plane: &Subject, room: RoomId, connection: ConnectionId) -> Result<Weak<ControlLink>, MediaError> {
    let link = plane.link(FIRST);
    let seen = Arc::downgrade(&link);
    plane.send(FIRST, Command::OpenConnection { room, connection, link })?;
    Ok(seen)
}

/// There is at least one, and no two are reached at the same place.
pub async fn each_worker_has_an_address_of_its_own(plane: &Arc<Subject>) -> Outcome {
    assert!(plane.workers() >= 1);
    let mut seen = HashSet::new();
    for worker in workers(&**plane) {
        let addrs = plane.addrs(worker);
        assert!(!addrs.is_empty(), "{worker:?}");
        for addr in addrs {
            assert!(addr.port() > 0 && seen.insert(addr), "{addr} of {worker:?}");
        }
    }
    Ok(())
}

/// No address, and no command.
pub async fn a_worker_that_is_not_there_takes_nothing(plane: &Arc<Subject>) -> Outcome {
    let nobody = WorkerIndex(plane.workers());
    assert!(plane.addrs(nobody).is_empty());
    let (sink, seen) = sink();
    let refused = plane.send(nobody, Command::OpenRoom { room: unused(), sink });
    assert!(refused.is_err());
    assert_eq!(seen.strong_count(), 0, "what is refused is given up at once");
    Ok(())
}

/// From its opening to its closing, and not longer.
pub async fn a_room_holds_its_sink_while_it_is_open(plane: &Arc<Subject>) -> Outcome {
    for worker in workers(&**plane) {
        let room = unused();
        let seen = open_room(&**plane, worker, room)?;
        settled(&**plane, worker).await?;
        assert!(seen.strong_count() > 0, "open in {worker:?}");
        plane.send(worker, Command::CloseRoom { room })?;
        let_go(&seen).await?;
    }
    Ok(())
}

/// An actor that was restarted opens its room again: events go to the new sink, and what is connected stays so.
pub async fn opening_a_room_again_replaces_its_sink_and_nothing_else(plane: &Arc<Subject>) -> Outcome {
    let room = unused();
    let first = open_room(&**plane, FIRST, room)?;
    let link = connect(&**plane, room, connection())?;
    let second = open_room(&**plane, FIRST, room)?;
    let_go(&first).await?;
    settled(&**plane, FIRST).await?;
    assert!(second.strong_count() > 0 && link.strong_count() > 0);
    plane.send(FIRST, Command::CloseRoom { room })?;
    let_go(&second).await?;
    let_go(&link).await
}

/// From its opening to its closing, and not longer; its room goes on.
pub async fn a_connection_holds_its_link_while_it_is_open(plane: &Arc<Subject>) -> Outcome {
    let (room, one, two) = (unused(), connection(), connection());
    let sink = open_room(&**plane, FIRST, room)?;
    let (first, second) = (connect(&**plane, room, one)?, connect(&**plane, room, two)?);
    settled(&**plane, FIRST).await?;
    assert!(first.strong_count() > 0 && second.strong_count() > 0);
    plane.send(FIRST, Command::CloseConnection { connection: one })?;
    let_go(&first).await?;
    settled(&**plane, FIRST).await?;
    assert!(second.strong_count() > 0 && sink.strong_count() > 0, "the others stay");
    plane.send(FIRST, Command::CloseRoom { room })?;
    let_go(&second).await
}

/// All of its connections, and nobody else's.
pub async fn a_room_that_closes_closes_what_is_in_it(plane: &Arc<Subject>) -> Outcome {
    let (room, other) = (unused(), unused());
    let (_sink, _other) = (open_room(&**plane, FIRST, room)?, open_room(&**plane, FIRST, other)?);
    let mut inside = Vec::new();
    for _ in 0..10 {
        inside.push(connect(&**plane, room, connection())?);
    }
    let outside = connect(&**plane, other, connection())?;
    plane.send(FIRST, Command::CloseRoom { room })?;
    for link in &inside {
        let_go(link).await?;
    }
    settled(&**plane, FIRST).await?;
    assert!(outside.strong_count() > 0);
    plane.send(FIRST, Command::CloseRoom { room: other })?;
    let_go(&outside).await
}

/// A second one of the same id, and one in no room, are let go at once; the first stays.
pub async fn a_connection_is_opened_once_and_in_a_room_that_is_open(plane: &Arc<Subject>) -> Outcome {
    let (room, id) = (unused(), connection());
    let _sink = open_room(&**plane, FIRST, room)?;
    let first = connect(&**plane, room, id)?;
    let_go(&connect(&**plane, room, id)?).await?;
    let_go(&connect(&**plane, unused(), connection())?).await?;
    settled(&**plane, FIRST).await?;
    assert!(first.strong_count() > 0);
    plane.send(FIRST, Command::CloseRoom { room })?;
    let_go(&first).await?;
    let_go(&connect(&**plane, room, connection())?).await
}

/// Every command that can name what is not there: taken, and without effect on what is.
pub async fn what_names_nothing_changes_nothing(plane: &Arc<Subject>) -> Outcome {
    let room = unused();
    let sink = open_room(&**plane, FIRST, room)?;
    let link = connect(&**plane, room, connection())?;
    let nobody = connection();
    let track = TrackId(Uuid::new_v4());
    let slot = SlotKey { index: SlotIndex(0), kind: MediaKind::Video };
    for command in [
        Command::CloseRoom { room: unused() },
        Command::CloseConnection { connection: nobody },
        Command::Credentials { connection: nobody, ufrag: "ufrag".into() },
        Command::Receive { connection: nobody, lines: Vec::new() },
        Command::Send { connection: nobody, slots: Vec::new() },
        Command::Publish { connection: nobody, mid: "0".into(), track, muted: false },
        Command::Unpublish { track },
        Command::Mute { track, muted: true },
        Command::Bind { connection: nobody, slot, track: Some(track), size: None },
    ] {
        plane.send(FIRST, command)?;
    }
    settled(&**plane, FIRST).await?;
    assert!(sink.strong_count() > 0 && link.strong_count() > 0);
    plane.send(FIRST, Command::CloseRoom { room })?;
    let_go(&link).await
}

/// Open, close, open again: what was opened last is what there is.
pub async fn commands_are_carried_out_in_their_order(plane: &Arc<Subject>) -> Outcome {
    let room = unused();
    let mut closed = Vec::new();
    for _ in 0..50 {
        let sink = open_room(&**plane, FIRST, room)?;
        let id = connection();
        closed.push((sink, connect(&**plane, room, id)?, connect(&**plane, room, connection())?));
        plane.send(FIRST, Command::CloseConnection { connection: id })?;
        plane.send(FIRST, Command::CloseRoom { room })?;
    }
    let last = open_room(&**plane, FIRST, room)?;
    let link = connect(&**plane, room, connection())?;
    settled(&**plane, FIRST).await?;
    assert!(last.strong_count() > 0 && link.strong_count() > 0);
    let held = |(sink, one, two): &(Weak<dyn rookery_media::EventSink>, Weak<ControlLink>, Weak<ControlLink>)| {
        sink.strong_count() + one.strong_count() + two.strong_count()
    };
    assert_eq!(closed.iter().map(held).sum::<usize>(), 0);
    plane.send(FIRST, Command::CloseRoom { room })?;
    let_go(&link).await
}

/// A room is one worker's: another worker's of the same id is another room.
pub async fn rooms_of_two_workers_do_not_mix(plane: &Arc<Subject>) -> Outcome {
    let room = unused();
    let mut open = Vec::new();
    for worker in workers(&**plane) {
        open.push((worker, open_room(&**plane, worker, room)?));
    }
    while let Some((worker, seen)) = open.pop() {
        plane.send(worker, Command::CloseRoom { room })?;
        let_go(&seen).await?;
        assert!(open.iter().all(|(_, other)| other.strong_count() > 0));
    }
    Ok(())
}

/// Each that was taken is carried out; one that was refused, because too many waited, has changed nothing.
pub async fn commands_of_many_threads_are_taken_or_refused_whole(plane: &Arc<Subject>) -> Outcome {
    let senders = (0..4).map(|_| {
        let plane = Arc::clone(plane);
        tokio::task::spawn_blocking(move || {
            let mut taken = Vec::new();
            for _ in 0..2_000 {
                let room = unused();
                let (sink, seen) = sink();
                match plane.send(FIRST, Command::OpenRoom { room, sink }) {
                    Ok(()) => taken.push((room, seen)),
                    Err(MediaError::Overloaded(FIRST)) => assert_eq!(seen.strong_count(), 0),
                    Err(other) => return Err(other),
                }
            }
            Ok(taken)
        })
    });
    let senders: Vec<_> = senders.collect();
    let mut all = 0;
    for sender in senders {
        let taken = sender.await??;
        all += taken.len();
        for (room, seen) in taken {
            close_patiently(&**plane, room).await?;
            let_go(&seen).await?;
        }
    }
    assert!(all > 0, "some were taken");
    Ok(())
}

async fn close_patiently(plane: &Subject, room: RoomId) -> Result<(), Unexpected> {
    loop {
        match plane.send(FIRST, Command::CloseRoom { room }) {
            Err(MediaError::Overloaded(_)) => tokio::task::yield_now().await,
            done => return Ok(done?),
        }
    }
}
