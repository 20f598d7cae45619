//! Who may open the store, what it opens, and what it leaves for others to see.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rookery_actors::conformance::Outcome;
use rookery_actors::seams::AccountStore;
use rookery_node::store::{Health, OpenError, SqliteStore};
use rookery_schemas::ids::{UnixMillis, UserId};
use rookery_schemas::rows::{Claim, UserRow};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

fn user() -> UserRow {
    UserRow {
        id: UserId(Uuid::new_v4()),
        email: "ada@example.org".into(),
        username: "ada".into(),
        display_name: "Ada".into(),
        password_hash: "$argon2id$".into(),
        password_changed_at: UnixMillis(1),
        created_at: UnixMillis(1),
    }
}

/// Opens the file as a person with `sqlite3` would.
fn file(folder: &TempDir) -> rusqlite::Result<Connection> {
    Connection::open(folder.path().join("store/rookery.db"))
}

fn refused(folder: &TempDir) -> String {
    match SqliteStore::open(folder.path()) {
        Ok(_) => "it was opened".into(),
        Err(error) => error.to_string(),
    }
}

fn mode(path: &Path) -> std::io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() -> Outcome {
    let folder = TempDir::new()?;
    let made = user();
    let store = SqliteStore::open(folder.path())?;
    store.create_user(made.clone(), Claim::Email("ada".into()), Claim::Username("ada".into())).await?;
    store.close().await;
    assert_eq!(store.health(), Health::Stopped);
    // Twice more, so that the second opening has found nothing to do.
    for _ in 0..2 {
        let store = SqliteStore::open(folder.path())?;
        assert_eq!(store.user(made.id).await?.as_ref(), Some(&made));
        assert_eq!(store.health(), Health::Ready);
        store.close().await;
    }
    Ok(())
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_done() -> Outcome {
    let folder = TempDir::new()?;
    let store = SqliteStore::open(folder.path())?;
    assert!(matches!(SqliteStore::open(folder.path()), Err(OpenError::InUse(_))));
    let why = refused(&folder);
    assert!(why.ends_with("is in use by another process") && !why.contains('\n'), "{why}");
    store.set_display_name(UserId(Uuid::new_v4()), "the first goes on").await?;
    store.close().await;
    SqliteStore::open(folder.path())?.close().await;
    Ok(())
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_alone() -> Outcome {
    let folder = TempDir::new()?;
    SqliteStore::open(folder.path())?.close().await;
    file(&folder)?.pragma_update(None, "user_version", 1_000)?;
    assert!(matches!(SqliteStore::open(folder.path()), Err(OpenError::Newer { found: 1_000, .. })));
    let why = refused(&folder);
    assert!(why.contains("version 1000") && !why.contains('\n'), "{why}");
    let version: u32 = file(&folder)?.pragma_query_value(None, "user_version", |row| row.get(0))?;
    assert_eq!(version, 1_000);
    Ok(())
}

#[tokio::test]
async fn a_foreign_database_is_refused_and_left_alone() -> Outcome {
    let folder = TempDir::new()?;
    fs::create_dir(folder.path().join("store"))?;
    file(&folder)?.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")?;
    assert!(matches!(SqliteStore::open(folder.path()), Err(OpenError::Foreign(_))));
    let tables: Vec<String> = file(&folder)?
        .prepare("SELECT name FROM sqlite_schema")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    assert_eq!(tables, ["theirs"]);

    fs::write(folder.path().join("store/rookery.db"), "no database at all ".repeat(1_000))?;
    let why = refused(&folder);
    assert!(why.contains("not a database") && !why.contains('\n'), "{why}");
    Ok(())
}

#[tokio::test]
async fn nobody_else_can_read_the_files() -> Outcome {
    let folder = TempDir::new()?;
    let data = folder.path().join("deep/data");
    let store = SqliteStore::open(&data)?;
    store.create_user(user(), Claim::Email("ada".into()), Claim::Username("ada".into())).await?;
    let inside: Vec<_> = fs::read_dir(data.join("store"))?.collect::<Result<_, _>>()?;
    assert!(inside.len() >= 4, "the lock, the database, its log and the log's index: {inside:?}");
    for entry in &inside {
        assert_eq!(mode(&entry.path())?, 0o600, "{entry:?}");
    }
    assert_eq!((mode(&data)?, mode(&data.join("store"))?), (0o700, 0o700));
    store.close().await;

    // A restored backup or a careless hand: put right at the next start, but only what is ours.
    fs::set_permissions(data.join("store"), Permissions::from_mode(0o755))?;
    fs::set_permissions(data.join("store/rookery.db"), Permissions::from_mode(0o644))?;
    fs::set_permissions(&data, Permissions::from_mode(0o755))?;
    let store = SqliteStore::open(&data)?;
    assert_eq!(mode(&data.join("store"))?, 0o700);
    assert_eq!(mode(&data.join("store/rookery.db"))?, 0o600);
    assert_eq!(mode(&data)?, 0o755, "the folder around it is its owner's");
    store.close().await;
    Ok(())
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() -> Outcome {
    let folder = TempDir::new()?;
    DirBuilder::new().mode(0o700).create(folder.path().join("data"))?;
    fs::write(folder.path().join("data/store"), "a file where the folder should be")?;
    let error = SqliteStore::open(&folder.path().join("data")).err().ok_or("it was opened")?;
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");
    let why = error.to_string();
    assert!(why.contains("data/store") && !why.contains('\n'), "{why}");
    Ok(())
}

/// Every promise about durability stands on these four.
#[tokio::test]
async fn the_database_is_kept_as_it_must_be() -> Outcome {
    let folder = TempDir::new()?;
    let store = SqliteStore::open(folder.path())?;
    let db = file(&folder)?;
    let journal: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    assert_eq!(journal, "wal");
    let loose: Vec<String> = db
        .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite%'")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    assert!(loose.is_empty(), "these hold more than their columns say: {loose:?}");
    let broken: Option<String> = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    assert_eq!(broken.as_deref(), Some("ok"));
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    assert_eq!(version, 3);
    store.close().await;
    Ok(())
}
