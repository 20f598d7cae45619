//! What needs a hand inside: a writer held up, a database with a limit, a damaged file.
//!
//! **Invariant:** nothing here waits for a time to pass; a writer is held by a job of the test's own.

use std::sync::mpsc::{Sender, channel};

use rookery_actors::seams::{AccountStore, ChatStore, Direction, PageBound};
use rookery_schemas::ids::{Epoch, Nonce, PeerId, RoomId, Seq, UnixMillis, UserId};
use rookery_schemas::rows::{Claim, MessageRow, UserRow};
use rookery_schemas::signal::ChatMessage;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

const NEWEST: PageBound = PageBound { seq: Seq(u64::MAX >> 1), direction: Direction::Older };

fn open(folder: &TempDir) -> Result<Arc<SqliteStore>, OpenError> {
    SqliteStore::open(folder.path()).map(Arc::new)
}

fn row(seq: u64, text: &str) -> MessageRow {
    let message = ChatMessage {
        seq: Seq(seq),
        nonce: Nonce(Uuid::new_v4()),
        peer: PeerId(Uuid::new_v4()),
        user: None,
        display_name: String::new(),
        text: text.to_owned(),
        at: UnixMillis(0),
    };
    MessageRow { epoch: Epoch(1), message }
}

fn user() -> UserRow {
    let id = UserId(Uuid::new_v4());
    UserRow {
        id,
        email: String::new(),
        username: String::new(),
        display_name: String::new(),
        password_hash: String::new(),
        password_changed_at: UnixMillis(0),
        created_at: UnixMillis(0),
    }
}

/// Lets the event loop go on until `done`.
async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

/// A job that keeps the writer busy until the sender is dropped.
async fn hold(store: &Arc<SqliteStore>) -> (Sender<()>, JoinHandle<Result<(), StoreError>>) {
    let (release, released) = channel::<()>();
    let (begun, begin) = tokio::sync::oneshot::channel();
    let store = Arc::clone(store);
    let held = tokio::spawn(async move {
        let work = move |_: &Connection| {
            let _ = begun.send(());
            let _ = released.recv();
            Ok(())
        };
        store.write(work).await
    });
    begin.await.expect("the writer takes the job");
    (release, held)
}

fn append(store: &Arc<SqliteStore>, room: RoomId, rows: Vec<MessageRow>) -> JoinHandle<Result<(), StoreError>> {
    let store = Arc::clone(store);
    tokio::spawn(async move { store.append(room, &rows).await })
}

#[tokio::test]
async fn writes_that_wait_share_one_commit() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let (release, held) = hold(&store).await;
    let room = RoomId(Uuid::new_v4());
    let waiting: Vec<_> = (1..=10).map(|seq| append(&store, room, vec![row(seq, "")])).collect();
    until(|| store.stats().queued == 10).await;
    drop(release);
    held.await??;
    for write in waiting {
        write.await??;
    }
    let stats = store.stats();
    assert_eq!((stats.commits, stats.jobs), (2, 11));
    assert_eq!(store.page(room, NEWEST, 50).await?.len(), 10);
    Ok(())
}

#[tokio::test]
async fn a_write_that_fails_undoes_nothing_but_itself() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let (release, held) = hold(&store).await;
    let room = RoomId(Uuid::new_v4());
    let name = |text: &str| (Claim::Email(text.into()), Claim::Username(text.into()));
    let (first, second) = (user(), user());
    let make = |row: UserRow, (email, username): (Claim, Claim)| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.create_user(row, email, username).await })
    };
    let before = append(&store, room, vec![row(1, "")]);
    until(|| store.stats().queued == 1).await;
    let made = make(first.clone(), name("a"));
    until(|| store.stats().queued == 2).await;
    let refused = make(second.clone(), (name("b").0, name("a").1));
    until(|| store.stats().queued == 3).await;
    let after = append(&store, room, vec![row(2, "")]);
    until(|| store.stats().queued == 4).await;
    drop(release);
    held.await??;
    before.await??;
    made.await??;
    assert!(matches!(refused.await?, Err(StoreError::Taken(_))));
    after.await??;
    assert_eq!(store.stats().commits, 2, "all four shared one");
    assert_eq!(store.user(first.id).await?, Some(first));
    assert_eq!(store.user(second.id).await?, None);
    assert_eq!(store.user_by_claim(&name("b").0).await?, None, "its first half was undone too");
    assert_eq!(store.last_seq(room).await?, Seq(2));
    Ok(())
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let (release, held) = hold(&store).await;
    let room = RoomId(Uuid::new_v4());
    let waiting: Vec<_> = (1..).take(QUEUE_MAX).map(|seq| append(&store, room, vec![row(seq, "")])).collect();
    until(|| store.stats().queued == QUEUE_MAX).await;
    let refused = store.append(room, &[row(9_999, "")]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.stats().refused, 1);
    drop(release);
    held.await??;
    for write in waiting {
        write.await??;
    }
    assert_eq!(store.last_seq(room).await?, Seq(u64::try_from(QUEUE_MAX)?), "nothing of the refused one");
    Ok(())
}

#[tokio::test]
async fn a_write_not_committed_in_time_is_unknown_and_not_begun_later() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let (release, held) = hold(&store).await;
    let room = RoomId(Uuid::new_v4());
    // From here the clock jumps whenever everyone waits, so a caller's patience ends at once.
    tokio::time::pause();
    let late = store.append(room, &[row(1, "")]).await;
    assert!(matches!(late, Err(StoreError::Unknown(_))), "{late:?}");
    assert!(matches!(held.await?, Err(StoreError::Unknown(_))), "begun, and not known how it ends");
    drop(release);
    store.close().await;
    tokio::time::resume();
    let store = open(&folder)?;
    assert_eq!(store.last_seq(room).await?, Seq(0));
    Ok(())
}

#[tokio::test]
async fn closing_does_what_waits_and_takes_no_more() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let (release, held) = hold(&store).await;
    let room = RoomId(Uuid::new_v4());
    let waiting: Vec<_> = (1..=300).map(|seq| append(&store, room, vec![row(seq, "")])).collect();
    until(|| store.stats().queued == 300).await;
    let closing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.close().await }
    });
    until(|| store.health() == Health::Stopped).await;
    let refused = store.append(room, &[row(301, "")]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    drop(release);
    held.await??;
    for write in waiting {
        write.await??;
    }
    closing.await?;
    store.close().await;
    assert!(matches!(store.last_seq(room).await, Err(StoreError::Unavailable(_))));
    let store = open(&folder)?;
    assert_eq!((store.last_seq(room).await?, store.health()), (Seq(300), Health::Ready));
    Ok(())
}

async fn limit_pages(store: &SqliteStore, spare: u32) -> Result<(), StoreError> {
    let work = move |db: &Connection| {
        let pages: u32 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
        db.pragma_update(None, "max_page_count", pages + spare)?;
        Ok(())
    };
    store.write(work).await
}

#[tokio::test]
async fn a_full_disk_refuses_what_does_not_fit_and_heals() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let (room, small_room) = (RoomId(Uuid::new_v4()), RoomId(Uuid::new_v4()));
    store.append(room, &[row(1, "kept")]).await?;
    limit_pages(&store, 4).await?;

    let (release, held) = hold(&store).await;
    let big = append(&store, room, (2..50).map(|seq| row(seq, &"x".repeat(4_000))).collect());
    until(|| store.stats().queued == 1).await;
    let small = append(&store, small_room, vec![row(1, "fits")]);
    until(|| store.stats().queued == 2).await;
    drop(release);
    held.await??;
    for refused in [big.await?, small.await?] {
        assert_eq!(
            refused.err().map(|error| error.to_string()).as_deref(),
            Some("the store is unavailable: the disk is full")
        );
    }
    assert_eq!((store.health(), store.stats().full, store.stats().failed), (Health::Full, 1, 1));
    assert!(!store.health().is_ready());
    assert_eq!(store.last_seq(room).await?, Seq(1), "reads go on, and nothing of the refused write is there");
    assert_eq!(store.last_seq(small_room).await?, Seq(0), "nor of the one that shared its transaction");
    store.append(small_room, &[row(1, "fits")]).await?;
    assert_eq!(store.health(), Health::Full, "one small write is no sign of room");

    store.recheck();
    let still = store.append(room, &[row(2, &"x".repeat(100_000))]).await;
    assert!(matches!(still, Err(StoreError::Unavailable(_))), "{still:?}");
    assert_eq!(store.health(), Health::Full, "looked at and still full");

    limit_pages(&store, 1_000).await?;
    store.recheck();
    store.append(room, &[row(2, &"x".repeat(100_000))]).await?;
    until(|| store.health() == Health::Ready).await;
    assert_eq!(store.last_seq(room).await?, Seq(2));
    assert_eq!(store.stats().reopened, 0, "a full disk is no reason to close the database");
    Ok(())
}

#[tokio::test]
async fn a_damaged_file_is_found_and_stays_refused() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let room = RoomId(Uuid::new_v4());
    for seq in 1..=200 {
        store.append(room, &[row(seq, &"x".repeat(3_000))]).await?;
    }
    store.close().await;
    let file = folder.path().join("store/rookery.db");
    let mut bytes = std::fs::read(&file)?;
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xff);
    std::fs::write(&file, bytes)?;

    let store = open(&folder)?;
    let read = store.page(room, NEWEST, 50).await;
    assert!(matches!(read, Err(StoreError::Damaged(_))), "{read:?}");
    until(|| matches!(store.health(), Health::Damaged(_))).await;
    assert!(matches!(store.append(room, &[row(201, "")]).await, Err(StoreError::Damaged(_))));
    assert!(matches!(store.last_seq(room).await, Err(StoreError::Damaged(_))));
    store.close().await;
    let again = open(&folder);
    assert!(matches!(again, Err(OpenError::Damaged(_))), "it is remembered: {again:?}");
    Ok(())
}

/// Beyond the pages that the log may have, readers are waited for and it starts anew.
#[tokio::test]
async fn the_log_is_moved_into_the_database() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let room = RoomId(Uuid::new_v4());
    for seq in (1..=2_400).step_by(200) {
        store.append(room, &(seq..seq + 200).map(|seq| row(seq, "text")).collect::<Vec<_>>()).await?;
    }
    // Checkpoints are made after the answers: closing waits for the last.
    store.close().await;
    let stats = store.stats();
    assert!(stats.checkpoints >= 2 && stats.log_pages > 0, "{stats:?}");
    assert!(!folder.path().join("store/rookery.db-wal").exists(), "closing leaves one file");
    Ok(())
}

/// A seal or a row that says otherwise than what is stored is a mistake of its writer's, and changes nothing.
#[tokio::test]
async fn a_stored_row_is_never_replaced() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let room = RoomId(Uuid::new_v4());
    let first = row(1, "first");
    store.append(room, std::slice::from_ref(&first)).await?;
    let refused = store.append(room, &[row(1, "second"), row(2, "third")]).await;
    assert!(matches!(refused, Err(StoreError::Damaged(_))), "{refused:?}");
    assert_eq!(store.page(room, NEWEST, 50).await?, [first]);
    assert_eq!(store.health(), Health::Ready);
    Ok(())
}

/// A read that keeps its connection until the sender is dropped.
async fn hold_reader(store: &Arc<SqliteStore>) -> (Sender<()>, JoinHandle<Result<(), StoreError>>) {
    let (release, released) = channel::<()>();
    let (begun, begin) = tokio::sync::oneshot::channel();
    let store = Arc::clone(store);
    let held = tokio::spawn(async move {
        let work = move |_: &Connection| {
            let _ = begun.send(());
            let _ = released.recv();
            Ok(())
        };
        store.read(work).await
    });
    begin.await.expect("a reader takes the job");
    (release, held)
}

#[tokio::test]
async fn reads_are_bounded_in_number_and_time() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let room = RoomId(Uuid::new_v4());
    let mut held = Vec::new();
    for _ in 0..readers::READERS {
        held.push(hold_reader(&store).await);
    }
    let waiting: Vec<_> = (readers::READERS..READS_WAITING_MAX)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.last_seq(room).await })
        })
        .collect();
    until(|| store.stats().reads_waiting == READS_WAITING_MAX).await;
    let refused = store.last_seq(room).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.stats().refused, 1);

    tokio::time::pause();
    // A little more, since timers are rounded up; and a held thread keeps the clock from going on by itself.
    tokio::time::advance(PATIENCE + Duration::from_millis(10)).await;
    for read in waiting {
        let late = read.await?;
        assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
    }
    tokio::time::resume();
    for (release, read) in held {
        drop(release);
        // Its caller had given up too.
        assert!(read.await?.is_err());
    }
    assert_eq!(store.last_seq(room).await?, Seq(0), "the readers are back");
    assert_eq!(store.stats().reads_waiting, 0);
    Ok(())
}

/// What a read finds wrong closes the database for all, once the reads in progress are done.
#[tokio::test]
async fn a_suspect_database_is_reopened_when_its_readers_are_done() -> Outcome {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    let room = RoomId(Uuid::new_v4());
    store.append(room, &[row(1, "")]).await?;
    let (release, held) = hold_reader(&store).await;
    let failed = store
        .read(|_| {
            Err::<(), _>(
                rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_READ), None)
                    .into(),
            )
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    until(|| matches!(store.health(), Health::Checking(_))).await;
    assert!(matches!(store.append(room, &[row(2, "")]).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.last_seq(room).await, Err(StoreError::Unavailable(_))));
    // So that a kill from here on does not forget it.
    until(|| folder.path().join("store/unchecked").exists()).await;
    drop(release);
    held.await??;
    until(|| store.health() == Health::Ready).await;
    assert_eq!((store.stats().reopened, store.stats().disk_errors), (1, 1));
    assert!(!folder.path().join("store/unchecked").exists());
    store.append(room, &[row(2, "")]).await?;
    assert_eq!(store.last_seq(room).await?, Seq(2));
    Ok(())
}
