//! A disk that fails, hangs or is full: nothing is acknowledged that is not safe, and the store heals by itself.
//!
//! Each test starts itself again under `shim/disk.c`, which makes syncing and writing the database's files fail on command.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rookery_actors::conformance::{Outcome, Unexpected};
use rookery_actors::seams::{ChatStore, StoreError};
use rookery_node::store::{Health, SqliteStore};
use rookery_schemas::ids::{Epoch, Nonce, PeerId, RoomId, Seq, UnixMillis};
use rookery_schemas::rows::MessageRow;
use rookery_schemas::signal::ChatMessage;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// The file that says how the disk is. Set for the process under the shim.
const DISK: &str = "ROOKERY_DISK";

/// Five times what healing may take: a look a second, and reopening.
const PATIENCE: Duration = Duration::from_secs(10);

/// The disk of this process.
struct Disk(PathBuf);

impl Disk {
    fn is(&self, command: &str) -> std::io::Result<()> {
        // In one step, so that the shim never reads half a command.
        let next = self.0.with_extension("next");
        std::fs::write(&next, command)?;
        std::fs::rename(next, &self.0)
    }
}

/// Runs `scenario` in a process of its own under the shim.
fn under_the_shim<F: Future<Output = Outcome>>(test: &str, scenario: impl FnOnce(Disk, TempDir) -> F) -> Outcome {
    if let Some(disk) = std::env::var_os(DISK) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        return runtime.block_on(scenario(Disk(disk.into()), TempDir::new()?));
    }
    let folder = TempDir::new()?;
    let shim = folder.path().join("disk.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim/disk.c");
    let compiled = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .args([&shim, &source])
        .arg("-ldl")
        .status()?;
    assert!(compiled.success(), "the shim does not compile");
    let ended = Command::new(std::env::current_exe()?)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("LD_PRELOAD", &shim)
        .env(DISK, folder.path().join("disk"))
        .status()?;
    assert!(ended.success(), "{test} failed under the shim: {ended}");
    Ok(())
}

fn row(seq: u64) -> MessageRow {
    let message = ChatMessage {
        seq: Seq(seq),
        nonce: Nonce(Uuid::from_u128(u128::from(seq))),
        peer: PeerId(Uuid::nil()),
        user: None,
        display_name: "Guest".into(),
        text: format!("message {seq}"),
        at: UnixMillis(1),
    };
    MessageRow { epoch: Epoch(1), message }
}

const ROOM: RoomId = RoomId(Uuid::nil());

async fn until(what: &str, done: impl Fn() -> bool) -> Result<(), Unexpected> {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        if Instant::now() > deadline {
            return Err(format!("{what} took longer than {PATIENCE:?}").into());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

fn is_unavailable<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable(_)))
}

#[test]
fn nothing_is_acknowledged_before_it_is_synced() -> Outcome {
    under_the_shim("nothing_is_acknowledged_before_it_is_synced", |disk, folder| async move {
        let store = Arc::new(SqliteStore::open(folder.path())?);
        store.append(ROOM, &[row(1)]).await?;

        disk.is("sync-hangs")?;
        let writer = Arc::clone(&store);
        let mut late = tokio::spawn(async move { writer.append(ROOM, &[row(2)]).await });
        assert!(timeout(Duration::from_millis(700), &mut late).await.is_err(), "acknowledged without a sync");
        disk.is("well")?;
        timeout(PATIENCE, late).await???;

        // For longer than a caller waits: it is told that nobody knows, and the row is there once the disk goes on.
        disk.is("sync-hangs")?;
        let asked_at = Instant::now();
        let unknown = store.append(ROOM, &[row(3)]).await;
        assert!(matches!(unknown, Err(StoreError::Unknown(_))), "{unknown:?}");
        assert!(asked_at.elapsed() < Duration::from_secs(5), "after {:?}", asked_at.elapsed());
        assert_eq!(store.last_seq(ROOM).await?, Seq(2), "reads go on, and see nothing that is not safe");
        disk.is("well")?;
        store.append(ROOM, &[row(3), row(4)]).await?;
        assert_eq!(store.last_seq(ROOM).await?, Seq(4));
        assert_eq!((store.stats().reopened, store.stats().late), (0, 1));
        store.close().await;
        Ok(())
    })
}

#[test]
fn a_failing_sync_ends_acknowledgements_until_the_disk_is_well() -> Outcome {
    under_the_shim("a_failing_sync_ends_acknowledgements_until_the_disk_is_well", |disk, folder| async move {
        let store = SqliteStore::open(folder.path())?;
        store.append(ROOM, &[row(1)]).await?;

        disk.is("sync-fails")?;
        let unknown = store.append(ROOM, &[row(2)]).await;
        assert!(matches!(unknown, Err(StoreError::Unknown(_))), "{unknown:?}");
        // It is closed, opened and found unwell again and again, and takes nothing meanwhile.
        for _ in 0..20 {
            assert!(!store.health().is_ready(), "{:?}", store.health());
            let refused = store.append(ROOM, &[row(2)]).await;
            assert!(is_unavailable(&refused), "{refused:?}");
            store.recheck();
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(store.stats().reopened, 0);
        assert!(matches!(store.health(), Health::Checking(_)), "{:?}", store.health());
        assert!(is_unavailable(&store.last_seq(ROOM).await), "what the disk may not have is not read either");

        disk.is("well")?;
        until("healing by itself", || store.health().is_ready()).await?;
        assert_eq!(store.stats().reopened, 1);
        store.append(ROOM, &[row(2), row(3)]).await?;
        assert_eq!(store.last_seq(ROOM).await?, Seq(3));
        let stats = store.stats();
        assert_eq!((stats.unknown, stats.queued), (1, 0), "{stats:?}");
        store.close().await;
        Ok(())
    })
}

#[test]
fn a_disk_that_fails_under_the_database_itself_is_noticed() -> Outcome {
    under_the_shim("a_disk_that_fails_under_the_database_itself_is_noticed", |disk, folder| async move {
        let store = SqliteStore::open(folder.path())?;
        disk.is("main-fails")?;
        // The log takes them; moving them into the database fails.
        let mut acked = 0;
        while store.health().is_ready() && acked < 20_000 {
            let rows: Vec<MessageRow> = (acked + 1..=acked + 100).map(row).collect();
            if store.append(ROOM, &rows).await.is_ok() {
                acked += 100;
            }
        }
        assert!(matches!(store.health(), Health::Checking(_)), "{:?} after {acked}", store.health());
        let refused = store.append(ROOM, &[row(acked + 1)]).await;
        assert!(is_unavailable(&refused), "{refused:?}");
        disk.is("well")?;
        until("healing by itself", || store.health().is_ready()).await?;
        assert!(store.last_seq(ROOM).await? >= Seq(acked), "what was acknowledged from the log is there");
        store.close().await;
        let store = SqliteStore::open(folder.path())?;
        assert!(store.last_seq(ROOM).await? >= Seq(acked));
        store.close().await;
        Ok(())
    })
}

#[test]
fn a_full_disk_refuses_writes_and_heals_by_itself() -> Outcome {
    under_the_shim("a_full_disk_refuses_writes_and_heals_by_itself", |disk, folder| async move {
        let store = SqliteStore::open(folder.path())?;
        store.append(ROOM, &[row(1)]).await?;
        disk.is("full")?;
        for _ in 0..5 {
            let refused = store.append(ROOM, &[row(2)]).await;
            assert!(is_unavailable(&refused), "{refused:?}");
            assert!(refused.is_err_and(|error| error.to_string().contains("the disk is full")));
            assert_eq!(store.health(), Health::Full);
            assert_eq!(store.last_seq(ROOM).await?, Seq(1), "reads go on");
            store.recheck();
        }
        disk.is("well")?;
        until("healing by itself", || store.health().is_ready()).await?;
        assert_eq!(store.last_seq(ROOM).await?, Seq(1), "what was refused did not appear");
        store.append(ROOM, &[row(2)]).await?;
        assert_eq!((store.last_seq(ROOM).await?, store.stats().reopened), (Seq(2), 0));
        store.close().await;

        Ok(())
    })
}

#[test]
fn a_node_killed_on_a_full_disk_serves_what_it_has_when_it_is_back() -> Outcome {
    under_the_shim("a_node_killed_on_a_full_disk_serves_what_it_has_when_it_is_back", |disk, folder| async move {
        let store = SqliteStore::open(folder.path())?;
        store.append(ROOM, &[row(1), row(2)]).await?;
        // What a kill leaves: the database, its log and the log's index as they are now.
        let killed = TempDir::new()?;
        std::fs::create_dir(killed.path().join("store"))?;
        for name in ["rookery.db", "rookery.db-wal", "rookery.db-shm"] {
            std::fs::copy(folder.path().join("store").join(name), killed.path().join("store").join(name))?;
        }
        store.close().await;

        disk.is("full")?;
        let store = SqliteStore::open(killed.path())?;
        assert_eq!(store.last_seq(ROOM).await?, Seq(2));
        assert!(is_unavailable(&store.append(ROOM, &[row(3)]).await));
        assert_eq!(store.health(), Health::Full);
        disk.is("well")?;
        until("healing by itself", || store.health().is_ready()).await?;
        store.append(ROOM, &[row(3)]).await?;
        assert_eq!(store.last_seq(ROOM).await?, Seq(3));
        store.close().await;
        Ok(())
    })
}
