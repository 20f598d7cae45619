//! A store in memory: each call is one step under one lock.
//!
//! **Invariant:** what one way only goes (closed, deleted, last use, a read marker, a ban) never goes back.

mod accounts;
mod rooms;

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use parking_lot::Mutex;
use rookery_schemas::ids::{Epoch, FamilyId, RoomId, Seq, UserId};
use rookery_schemas::rows::{
    Banned, Claim, FamilyRow, MemberRow, MessageRow, OwnerRow, RoomRow, SealRow, SigningKeyRow, UserRow,
};

use crate::seams::{APPEND_ROWS_MAX, ChatStore, Direction, OwnershipStore, PageBound, StoreError};

/// Everything that is stored, for tests to look at and to set up.
#[derive(Debug, Default)]
pub struct Rows {
    /// Accounts.
    pub users: HashMap<UserId, UserRow>,
    /// Whose each name is.
    pub claims: HashMap<Claim, UserId>,
    /// Devices.
    pub families: HashMap<FamilyId, FamilyRow>,
    /// Signing keys, the one added last first.
    pub keys: Vec<SigningKeyRow>,
    /// Rooms.
    pub rooms: HashMap<RoomId, RoomRow>,
    /// Who belongs where.
    pub members: HashMap<(RoomId, UserId), MemberRow>,
    /// Who was put out, the first first.
    pub bans: HashMap<RoomId, Vec<Banned>>,
    /// Who owns what.
    pub owners: HashMap<RoomId, OwnerRow>,
    /// Where epochs begin.
    pub seals: HashMap<RoomId, BTreeMap<Epoch, Seq>>,
    /// Chat, ghosts included.
    pub messages: HashMap<RoomId, BTreeMap<(Seq, Epoch), MessageRow>>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// The rows. Not to be held over an await.
    pub rows: Mutex<Rows>,
}

impl MemoryStore {
    /// What readers see of a room's chat.
    #[must_use]
    pub fn visible(&self, room: RoomId) -> Vec<MessageRow> {
        let rows = self.rows.lock();
        let hidden = |row: &&MessageRow| {
            let ghost = |(epoch, first): (&Epoch, &Seq)| *epoch > row.epoch && row.message.seq >= *first;
            rows.seals.get(&room).is_some_and(|seals| seals.iter().any(ghost))
        };
        rows.messages.get(&room).into_iter().flat_map(BTreeMap::values).filter(|row| !hidden(row)).cloned().collect()
    }
}

#[async_trait]
impl OwnershipStore for MemoryStore {
    async fn owner(&self, room: RoomId) -> Result<Option<OwnerRow>, StoreError> {
        Ok(self.rows.lock().owners.get(&room).cloned())
    }

    async fn claim(&self, room: RoomId, expected: Option<&OwnerRow>, next: OwnerRow) -> Result<OwnerRow, StoreError> {
        let mut rows = self.rows.lock();
        match rows.owners.get(&room) {
            Some(stored) if Some(stored) != expected || stored.epoch >= next.epoch => return Ok(stored.clone()),
            None if expected.is_some() => {
                return Err(StoreError::Damaged(format!("{room} was expected to have an owner and has none")));
            }
            _ => {}
        }
        rows.owners.insert(room, next.clone());
        Ok(next)
    }

    async fn seal(&self, room: RoomId, seal: SealRow) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        let stored = *rows.seals.entry(room).or_default().entry(seal.epoch).or_insert(seal.first_seq);
        if stored == seal.first_seq {
            return Ok(());
        }
        Err(StoreError::Damaged(format!("epoch {} of {room} begins at {stored} already", seal.epoch)))
    }

    async fn seals(&self, room: RoomId) -> Result<Vec<SealRow>, StoreError> {
        let rows = self.rows.lock();
        let seals = rows.seals.get(&room).into_iter().flatten();
        Ok(seals.map(|(epoch, first_seq)| SealRow { epoch: *epoch, first_seq: *first_seq }).collect())
    }
}

#[async_trait]
impl ChatStore for MemoryStore {
    async fn append(&self, room: RoomId, new: &[MessageRow]) -> Result<(), StoreError> {
        if new.len() > APPEND_ROWS_MAX {
            return Err(StoreError::Unavailable(format!("{} rows at once, {APPEND_ROWS_MAX} are taken", new.len())));
        }
        let mut rows = self.rows.lock();
        let table = rows.messages.entry(room).or_default();
        for row in new {
            let stored = table.entry((row.message.seq, row.epoch)).or_insert_with(|| row.clone());
            if stored != row {
                return Err(StoreError::Damaged(format!("message {} is stored with other contents", row.message.seq)));
            }
        }
        Ok(())
    }

    async fn tail(&self, room: RoomId, from: Seq, limit: u32) -> Result<Vec<MessageRow>, StoreError> {
        let rows = self.rows.lock();
        let tail = rows.messages.get(&room).map(|rows| rows.range((from, Epoch(0))..));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(tail.into_iter().flatten().take(limit).map(|(_, row)| row.clone()).collect())
    }

    async fn page(&self, room: RoomId, bound: PageBound, limit: u16) -> Result<Vec<MessageRow>, StoreError> {
        let mut rows = self.visible(room);
        let limit = usize::from(limit);
        match bound.direction {
            Direction::Older => {
                rows.retain(|row| row.message.seq < bound.seq);
                Ok(rows.split_off(rows.len().saturating_sub(limit)))
            }
            Direction::Newer => {
                rows.retain(|row| row.message.seq > bound.seq);
                rows.truncate(limit);
                Ok(rows)
            }
        }
    }

    async fn last_seq(&self, room: RoomId) -> Result<Seq, StoreError> {
        Ok(self.visible(room).last().map_or(Seq(0), |row| row.message.seq))
    }
}
