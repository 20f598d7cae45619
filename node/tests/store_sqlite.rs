//! The embedded store keeps the promises of `Store`, and gains by committing in groups.

use std::sync::Arc;

use futures_util::stream::{self, TryStreamExt};
use rookery_actors::conformance::{Opened, Outcome};
use rookery_actors::seams::{ChatStore, Store, StoreError};
use rookery_node::store::SqliteStore;
use rookery_schemas::ids::{Epoch, Nonce, PeerId, RoomId, Seq, UnixMillis};
use rookery_schemas::rows::MessageRow;
use rookery_schemas::signal::ChatMessage;
use tempfile::TempDir;
use tokio::time::Instant;
use uuid::Uuid;

async fn open() -> Opened<dyn Store, TempDir> {
    let folder = TempDir::new()?;
    Ok((Arc::new(SqliteStore::open(folder.path())?), folder))
}

rookery_actors::store_conformance!(tokio::test(flavor = "multi_thread"), open());

fn row(seq: u64) -> MessageRow {
    let message = ChatMessage {
        seq: Seq(seq),
        nonce: Nonce(Uuid::new_v4()),
        peer: PeerId(Uuid::new_v4()),
        user: None,
        display_name: "Guest".into(),
        text: "words ".repeat(20),
        at: UnixMillis(1),
    };
    MessageRow { epoch: Epoch(1), message }
}

/// Prints what group commit gives here; asserts only that writes that wait share a commit.
#[tokio::test(flavor = "multi_thread")]
async fn writes_at_once_share_commits() -> Outcome {
    for writers in [1, 64] {
        let folder = TempDir::new()?;
        let store = SqliteStore::open(folder.path())?;
        let rooms: Vec<RoomId> = (0..writers).map(|_| RoomId(Uuid::new_v4())).collect();
        let (before, started) = (store.stats(), Instant::now());
        let each = 2_000 / writers;
        stream::iter(rooms.into_iter().map(Ok))
            .try_for_each_concurrent(None, |room| {
                let store = &store;
                async move {
                    for seq in 1..=each {
                        store.append(room, &[row(seq)]).await?;
                    }
                    Ok::<_, StoreError>(())
                }
            })
            .await?;
        let (after, took) = (store.stats(), started.elapsed().as_secs_f64());
        let (commits, jobs) = (after.commits - before.commits, after.jobs - before.jobs);
        eprintln!(
            "{writers} writers: {:.0} commits/s, {:.0} messages/s, {:.1} messages a commit",
            f64::from(u32::try_from(commits)?) / took,
            f64::from(u32::try_from(jobs)?) / took,
            f64::from(u32::try_from(jobs)?) / f64::from(u32::try_from(commits)?),
        );
        assert_eq!(jobs, each * writers);
        assert!(if writers == 1 { commits == jobs } else { commits < jobs }, "{commits} commits of {jobs} writes");
        assert_eq!((after.queued, after.reads_waiting, after.failed, after.unknown), (0, 0, 0, 0));
        store.close().await;
    }
    Ok(())
}
