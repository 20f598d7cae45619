-- What one node keeps by itself. Ids are UUIDs of 16 bytes, times milliseconds since 1970, epochs and seqs from 1.
-- A migration, once released, is never edited: the next change is the next file.

CREATE TABLE users (
  id                  BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  email               TEXT    NOT NULL,
  username            TEXT    NOT NULL,
  display_name        TEXT    NOT NULL,
  password_hash       TEXT    NOT NULL,
  password_changed_at INTEGER NOT NULL,
  created_at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The folded names that only one account may have.
CREATE TABLE claims (
  kind TEXT NOT NULL CHECK (kind IN ('email', 'username')),
  name TEXT NOT NULL,
  user BLOB NOT NULL REFERENCES users (id),
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_by_user ON claims (user);

-- Signed-in devices. Tokens are kept as SHA-256 only.
CREATE TABLE families (
  id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  user       BLOB    NOT NULL REFERENCES users (id),
  current    BLOB    NOT NULL CHECK (length(current) = 32),
  previous   BLOB    CHECK (length(previous) = 32),
  rotated_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked    INTEGER NOT NULL CHECK (revoked IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX families_by_user ON families (user, rotated_at);

-- The order of `number` is the order of adding, whatever the clock said.
CREATE TABLE signing_keys (
  number     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  kid        TEXT    NOT NULL UNIQUE,
  pkcs8      BLOB    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- `number` only ties a room to its words in room_words.
CREATE TABLE rooms (
  number        INTEGER NOT NULL PRIMARY KEY,
  id            BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
  slug          TEXT    NOT NULL UNIQUE,
  name          TEXT    NOT NULL,
  description   TEXT    NOT NULL,
  kind          TEXT    NOT NULL CHECK (kind IN ('meeting', 'chat', 'direct', 'watch')),
  owner         BLOB    NOT NULL REFERENCES users (id),
  password_hash TEXT,
  peers_max     INTEGER NOT NULL,
  public        INTEGER NOT NULL CHECK (public IN (0, 1)),
  ad_hoc        INTEGER NOT NULL CHECK (ad_hoc IN (0, 1)),
  expires_at    INTEGER,
  closed_at     INTEGER,
  deleted       INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  created_at    INTEGER NOT NULL,
  active_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX rooms_listed ON rooms (active_at DESC, id DESC) WHERE public = 1 AND deleted = 0;
CREATE INDEX rooms_ending ON rooms (expires_at) WHERE expires_at IS NOT NULL AND closed_at IS NULL AND deleted = 0;

CREATE VIRTUAL TABLE room_words USING fts5 (
  name, description, content = 'rooms', content_rowid = 'number',
  tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3'
);

CREATE TRIGGER room_words_added AFTER INSERT ON rooms BEGIN
  INSERT INTO room_words (rowid, name, description) VALUES (new.number, new.name, new.description);
END;

CREATE TRIGGER room_words_changed AFTER UPDATE OF name, description ON rooms
WHEN old.name IS NOT new.name OR old.description IS NOT new.description BEGIN
  INSERT INTO room_words (room_words, rowid, name, description)
    VALUES ('delete', old.number, old.name, old.description);
  INSERT INTO room_words (rowid, name, description) VALUES (new.number, new.name, new.description);
END;

CREATE TABLE members (
  room      BLOB    NOT NULL REFERENCES rooms (id),
  user      BLOB    NOT NULL REFERENCES users (id),
  role      TEXT    NOT NULL CHECK (role IN ('guest', 'member', 'host')),
  joined_at INTEGER NOT NULL,
  read_seq  INTEGER NOT NULL,
  PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_by_user ON members (user, room);

-- Guests (peers) first where the oldest must go, so the kind comes before the number.
CREATE TABLE bans (
  number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  room   BLOB    NOT NULL REFERENCES rooms (id),
  kind   TEXT    NOT NULL CHECK (kind IN ('peer', 'user')),
  who    BLOB    NOT NULL CHECK (length(who) = 16),
  UNIQUE (room, kind, who)
) STRICT;

CREATE INDEX bans_by_age ON bans (room, kind, number);

-- Who owns a room: changed by compare-and-set only. `incarnation` is 64 random bits, kept as a signed number.
CREATE TABLE room_owner (
  room        BLOB    NOT NULL PRIMARY KEY CHECK (length(room) = 16),
  epoch       INTEGER NOT NULL,
  node        TEXT    NOT NULL,
  incarnation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Where each epoch begins: rows of earlier epochs at or beyond first_seq are ghosts.
CREATE TABLE room_epochs (
  room      BLOB    NOT NULL CHECK (length(room) = 16),
  epoch     INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  PRIMARY KEY (room, epoch)
) STRICT, WITHOUT ROWID;

CREATE INDEX room_epochs_by_seq ON room_epochs (room, first_seq, epoch);

-- Chat in the order in which it is read. No reference to rooms: an owner writes here a thousand times a second.
CREATE TABLE messages (
  room         BLOB    NOT NULL CHECK (length(room) = 16),
  bucket       INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  epoch        INTEGER NOT NULL,
  nonce        BLOB    NOT NULL CHECK (length(nonce) = 16),
  peer         BLOB    NOT NULL CHECK (length(peer) = 16),
  user         BLOB    CHECK (length(user) = 16),
  display_name TEXT    NOT NULL,
  text         TEXT    NOT NULL,
  at           INTEGER NOT NULL,
  PRIMARY KEY (room, bucket, seq, epoch)
) STRICT, WITHOUT ROWID;

-- A row is written and removed here to find out whether a full disk has room again.
CREATE TABLE probe (filler BLOB NOT NULL) STRICT;
