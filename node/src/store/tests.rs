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

/// A store in a folder of its own, and a room in it.
fn scene() -> Result<(TempDir, Arc<SqliteStore>, RoomId), Box<dyn std::error::Error + Send + Sync>> {
    let folder = TempDir::new()?;
    let store = open(&folder)?;
    Ok((folder, store, RoomId(Uuid::new_v4())))
}

fn unavailable<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
}

fn damaged<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Damaged(_))), "{outcome:?}");
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

/// Who is kept busy.
#[derive(Clone, Copy)]
enum Hand {
    Writer,
    Reader,
}

/// A job that keeps the writer or one of the readers busy until the sender is dropped.
async fn hold(store: &Arc<SqliteStore>, hand: Hand) -> (Sender<()>, JoinHandle<Result<(), StoreError>>) {
    let (release, released) = channel::<()>();
    let (begun, begin) = tokio::sync::oneshot::channel();
    let store = Arc::clone(store);
    let held = tokio::spawn(async move {
        let work = move |_: &Connection| {
            let _ = begun.send(());
            let _ = released.recv();
            Ok(())
        };
        match hand {
            Hand::Writer => store.write(work).await,
            Hand::Reader => store.read(work).await,
        }
    });
    begin.await.expect("the job is taken");
    (release, held)
}

fn append(store: &Arc<SqliteStore>, room: RoomId, rows: Vec<MessageRow>) -> JoinHandle<Result<(), StoreError>> {
    let store = Arc::clone(store);
    tokio::spawn(async move { store.append(room, &rows).await })
}

/// What comes while the writer is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    /// One write more than may wait.
    OneMore,
    /// The store is closed.
    Close,
}

/// What waits is done, in as few commits as there can be, and what comes too late is refused at once.
#[tokio::test]
async fn what_waits_is_written_whatever_comes_then() -> Outcome {
    for (waiting, then, commits) in [(10, Then::Nothing, 2), (QUEUE_MAX, Then::OneMore, 5), (300, Then::Close, 3)] {
        let (folder, store, room) = scene()?;
        let (release, held) = hold(&store, Hand::Writer).await;
        let writes: Vec<_> = (1..).take(waiting).map(|seq| append(&store, room, vec![row(seq, "")])).collect();
        until(|| store.stats().queued == waiting).await;
        let closing = (then == Then::Close).then(|| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.close().await })
        });
        if let Some(closing) = &closing {
            assert!(!closing.is_finished());
            until(|| store.health() == Health::Stopped).await;
        }
        if then != Then::Nothing {
            unavailable(store.append(room, &[row(9_999, "")]).await);
        }
        assert_eq!(store.stats().refused, u64::from(then == Then::OneMore));
        drop(release);
        held.await??;
        for write in writes {
            write.await??;
        }
        let stats = store.stats();
        assert_eq!((stats.commits, stats.jobs), (commits, u64::try_from(waiting)? + 1), "{then:?}");
        if let Some(closing) = closing {
            closing.await?;
            unavailable(store.last_seq(room).await);
        }
        store.close().await;
        let store = open(&folder)?;
        let last = Seq(u64::try_from(waiting)?);
        assert_eq!((store.last_seq(room).await?, store.health()), (last, Health::Ready), "{then:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_write_that_fails_undoes_nothing_but_itself() -> Outcome {
    let (_folder, store, room) = scene()?;
    let (release, held) = hold(&store, Hand::Writer).await;
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
async fn a_write_not_committed_in_time_is_unknown_and_not_begun_later() -> Outcome {
    let (folder, store, room) = scene()?;
    let (release, held) = hold(&store, Hand::Writer).await;
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
    let (_folder, store, room) = scene()?;
    let small_room = RoomId(Uuid::new_v4());
    store.append(room, &[row(1, "kept")]).await?;
    limit_pages(&store, 4).await?;

    let (release, held) = hold(&store, Hand::Writer).await;
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
    unavailable(store.append(room, &[row(2, &"x".repeat(100_000))]).await);
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
    let (folder, store, room) = scene()?;
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
    damaged(store.page(room, NEWEST, 50).await);
    until(|| matches!(store.health(), Health::Damaged(_))).await;
    damaged(store.append(room, &[row(201, "")]).await);
    damaged(store.last_seq(room).await);
    store.close().await;
    let again = open(&folder);
    assert!(matches!(again, Err(OpenError::Damaged(_))), "it is remembered: {again:?}");
    Ok(())
}

/// Beyond the pages that the log may have, readers are waited for and it starts anew.
#[tokio::test]
async fn the_log_is_moved_into_the_database() -> Outcome {
    let (folder, store, room) = scene()?;
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
    let (_folder, store, room) = scene()?;
    let first = row(1, "first");
    store.append(room, std::slice::from_ref(&first)).await?;
    damaged(store.append(room, &[row(1, "second"), row(2, "third")]).await);
    assert_eq!(store.page(room, NEWEST, 50).await?, [first]);
    assert_eq!(store.health(), Health::Ready);
    Ok(())
}

#[tokio::test]
async fn reads_are_bounded_in_number_and_time() -> Outcome {
    let (_folder, store, room) = scene()?;
    let mut held = Vec::new();
    for _ in 0..readers::READERS {
        held.push(hold(&store, Hand::Reader).await);
    }
    let waiting: Vec<_> = (readers::READERS..READS_WAITING_MAX)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.last_seq(room).await })
        })
        .collect();
    until(|| store.stats().reads_waiting == READS_WAITING_MAX).await;
    unavailable(store.last_seq(room).await);
    assert_eq!(store.stats().refused, 1);

    tokio::time::pause();
    // A little more, since timers are rounded up; and a held thread keeps the clock from going on by itself.
    tokio::time::advance(PATIENCE + Duration::from_millis(10)).await;
    for read in waiting {
        unavailable(read.await?);
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
    let (folder, store, room) = scene()?;
    store.append(room, &[row(1, "")]).await?;
    let (release, held) = hold(&store, Hand::Reader).await;
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
    unavailable(store.append(room, &[row(2, "")]).await);
    unavailable(store.last_seq(room).await);
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
