//! A process killed while it writes, twenty times over: what it acknowledged is stored, and what is stored is in order.
//!
//! The test starts itself again as the writer. The writer takes its rooms over as an owner does (claim, tail, seal), writes
//! into all of them at once and says each number after `append` returned. The test reads some of that, kills it at a random
//! moment, opens the store and checks the books.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures_util::future::try_join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rookery_actors::conformance::{Outcome, Unexpected};
use rookery_actors::seams::{ChatStore, Direction, OwnershipStore, PageBound};
use rookery_node::store::{OpenError, SqliteStore};
use rookery_schemas::ids::{Epoch, Incarnation, Nonce, PeerId, RoomId, Seq, UnixMillis};
use rookery_schemas::rows::{MessageRow, OwnerRow, SealRow};
use rookery_schemas::signal::ChatMessage;
use tempfile::TempDir;
use uuid::Uuid;

/// Set for the writer: the folder of the store.
const WRITER: &str = "ROOKERY_TEST_WRITER";
const ROOMS: u8 = 6;
const KILLS: u64 = 20;

const fn room(number: u8) -> RoomId {
    RoomId(Uuid::from_bytes([number; 16]))
}

/// A row whose every field follows from where it belongs, so that a torn one would show.
fn row(number: u8, epoch: Epoch, seq: Seq) -> MessageRow {
    let text = format!("{number}/{epoch}/{seq} ").repeat(usize::from(number) * 40 + 1);
    let id = Uuid::from_u64_pair(epoch.0, seq.0);
    let message = ChatMessage {
        seq,
        nonce: Nonce(id),
        peer: PeerId(id),
        user: None,
        display_name: number.to_string(),
        text,
        at: UnixMillis(7),
    };
    MessageRow { epoch, message }
}

/// Owns and writes one room for ever.
async fn write_room(store: Arc<SqliteStore>, number: u8) -> Outcome {
    let room = room(number);
    let before = store.owner(room).await?;
    let epoch = before.as_ref().map_or(Epoch(1), |owner| owner.epoch.next());
    let mine = OwnerRow { epoch, node: "writer".parse()?, incarnation: Incarnation(rand::random()) };
    if store.claim(room, before.as_ref(), mine.clone()).await? != mine {
        return Err("another one owns the room".into());
    }
    let mut next = store.last_seq(room).await?.next();
    store.seal(room, SealRow { epoch, first_seq: next }).await?;
    loop {
        let mut rows = Vec::new();
        for _ in 0..rand::rng().random_range(1..5) {
            rows.push(row(number, epoch, next));
            next = next.next();
        }
        store.append(room, &rows).await?;
        let mut out = std::io::stdout().lock();
        for row in &rows {
            // Whole lines only, and an end as soon as nobody listens.
            writeln!(out, "acked {number} {epoch} {}", row.message.seq)?;
        }
        out.flush()?;
    }
}

async fn write_until_killed(folder: &Path) -> Outcome {
    let store = Arc::new(SqliteStore::open(folder)?);
    let rooms = (1..=ROOMS).map(|number| tokio::spawn(write_room(Arc::clone(&store), number)));
    for ended in try_join_all(rooms).await? {
        ended?;
    }
    Ok(())
}

/// What was acknowledged: room, number, and the epoch in which.
type Acked = BTreeMap<(u8, Seq), Epoch>;

/// Runs the writer until it has said `lines` numbers, kills it, and notes all that it said until then.
fn run_and_kill(folder: &Path, lines: usize, acked: &mut Acked) -> Outcome {
    let mut writer = Command::new(std::env::current_exe()?)
        .args(["--exact", "a_killed_writer_loses_nothing_it_acknowledged", "--nocapture", "--test-threads=1"])
        .env(WRITER, folder)
        .stdout(Stdio::piped())
        .spawn()?;
    let out = writer.stdout.take().ok_or("the writer has an output")?;
    let mut said = 0;
    for line in BufReader::new(out).lines() {
        let line = line?;
        let mut words = line.split(' ');
        if words.next() != Some("acked") {
            continue;
        }
        let mut word = || words.next().ok_or("a number");
        let (number, epoch, seq) = (word()?.parse()?, Epoch(word()?.parse()?), Seq(word()?.parse()?));
        assert_eq!(acked.insert((number, seq), epoch), None, "{number}/{seq} was acknowledged twice");
        said += 1;
        if said == lines {
            assert!(matches!(SqliteStore::open(folder), Err(OpenError::InUse(_))), "one process at a time");
            // SIGKILL. What is still in the pipe was acknowledged too: the loop goes on to its end.
            writer.kill()?;
        }
    }
    writer.wait()?;
    if said < lines { Err(format!("the writer ended by itself after {said}").into()) } else { Ok(()) }
}

/// All that a room shows, page by page.
async fn history(store: &SqliteStore, room: RoomId) -> Result<Vec<MessageRow>, Unexpected> {
    let mut rows: Vec<MessageRow> = Vec::new();
    loop {
        let seq = rows.last().map_or(Seq(0), |row| row.message.seq);
        let page = store.page(room, PageBound { seq, direction: Direction::Newer }, 500).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

/// Returns how many rows are stored.
async fn check_the_books(folder: &Path, acked: &Acked) -> Result<usize, Unexpected> {
    let store = SqliteStore::open(folder)?;
    let mut stored = 0;
    for number in 1..=ROOMS {
        let rows = history(&store, room(number)).await?;
        for (shown, seq) in rows.iter().zip((1..).map(Seq)) {
            assert_eq!(shown, &row(number, shown.epoch, seq), "room {number}: no gap, no tear");
        }
        assert!(rows.is_sorted_by_key(|row| row.epoch), "room {number}: one owner after another");
        for ((_, seq), epoch) in acked.range((number, Seq(0))..(number + 1, Seq(0))) {
            let shown = usize::try_from(seq.0 - 1).ok().and_then(|index| rows.get(index));
            assert_eq!(shown.map(|row| row.epoch), Some(*epoch), "room {number}: {seq} was acknowledged");
        }
        stored += rows.len();
    }
    store.close().await;
    Ok(stored)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_writer_loses_nothing_it_acknowledged() -> Outcome {
    if let Some(folder) = std::env::var_os(WRITER) {
        return write_until_killed(Path::new(&folder)).await;
    }
    let folder = TempDir::new()?;
    let mut acked = Acked::new();
    let mut stored = 0;
    for kill in 0..KILLS {
        let lines = StdRng::seed_from_u64(kill).random_range(1..400);
        run_and_kill(folder.path(), lines, &mut acked)?;
        stored = check_the_books(folder.path(), &acked).await?;
        assert!(stored >= acked.len(), "kill {kill}");
    }
    eprintln!("{KILLS} kills: {} acknowledged, {stored} stored", acked.len());
    Ok(())
}
