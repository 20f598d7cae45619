//! A store in memory that follows a script of faults.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rookery_actors::seams::{
    AccountStore, ChatStore, Direction, OwnershipStore, PageBound, RoomQuery, RoomStore, RotateOutcome, StoreError,
};
use rookery_schemas::ids::{Epoch, FamilyId, RoomId, Seq, Slug, UnixMillis, UserId};
use rookery_schemas::rows::{
    Banned, Claim, FamilyRow, MemberRow, MessageRow, OwnerRow, RoomRow, SealRow, SigningKeyRow, UserRow,
};

/// What happens to one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It works.
    None,
    /// It is written, and the answer is lost.
    WrittenUnknown,
    /// It is not written, and that is not known.
    LostUnknown,
    /// The first half is written, and the answer is lost.
    HalfUnknown,
    /// It is refused.
    Unavailable,
}

#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) rooms: HashMap<RoomId, RoomRow>,
    pub(crate) members: HashMap<(RoomId, UserId), MemberRow>,
    pub(crate) bans: HashSet<(RoomId, Banned)>,
    pub(crate) owners: HashMap<RoomId, OwnerRow>,
    pub(crate) seals: HashMap<RoomId, Vec<SealRow>>,
    pub(crate) messages: HashMap<RoomId, BTreeMap<(Seq, Epoch), MessageRow>>,
    /// Consumed by appends, in order.
    pub(crate) faults: VecDeque<Fault>,
    /// Everything but the above is unavailable.
    pub(crate) down: bool,
    /// Owners cannot be read.
    pub(crate) owners_down: bool,
    /// How long each append takes.
    pub(crate) append_takes: Duration,
    pub(crate) appends: usize,
    pub(crate) owner_reads: usize,
}

#[derive(Default)]
pub(crate) struct FakeStore(pub(crate) Mutex<Tables>);

impl FakeStore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn up(&self) -> Result<parking_lot::MutexGuard<'_, Tables>, StoreError> {
        let tables = self.0.lock();
        if tables.down { Err(StoreError::Unavailable("this is a test".into())) } else { Ok(tables) }
    }

    /// What readers see of a room, by the rule of seals, written down anew here.
    pub(crate) fn visible(&self, room: RoomId) -> Vec<MessageRow> {
        let tables = self.0.lock();
        let seals = tables.seals.get(&room).cloned().unwrap_or_default();
        let rows = tables.messages.get(&room).into_iter().flat_map(BTreeMap::values);
        let hidden =
            |row: &MessageRow| seals.iter().any(|seal| seal.epoch > row.epoch && row.message.seq >= seal.first_seq);
        rows.filter(|row| !hidden(row)).cloned().collect()
    }
}

#[async_trait]
impl OwnershipStore for FakeStore {
    async fn owner(&self, room: RoomId) -> Result<Option<OwnerRow>, StoreError> {
        let mut tables = self.up()?;
        if tables.owners_down {
            return Err(StoreError::Unavailable("this is a test".into()));
        }
        tables.owner_reads += 1;
        Ok(tables.owners.get(&room).cloned())
    }

    async fn claim(&self, room: RoomId, expected: Option<&OwnerRow>, next: OwnerRow) -> Result<OwnerRow, StoreError> {
        let mut tables = self.up()?;
        if tables.owners.get(&room) == expected {
            tables.owners.insert(room, next);
        }
        Ok(tables.owners[&room].clone())
    }

    async fn seal(&self, room: RoomId, seal: SealRow) -> Result<(), StoreError> {
        self.up()?.seals.entry(room).or_default().push(seal);
        Ok(())
    }

    async fn seals(&self, room: RoomId) -> Result<Vec<SealRow>, StoreError> {
        Ok(self.up()?.seals.get(&room).cloned().unwrap_or_default())
    }
}

#[async_trait]
impl ChatStore for FakeStore {
    async fn append(&self, room: RoomId, rows: &[MessageRow]) -> Result<(), StoreError> {
        let takes = self.0.lock().append_takes;
        tokio::time::sleep(takes).await;
        let mut tables = self.up()?;
        tables.appends += 1;
        let fault = tables.faults.pop_front().unwrap_or(Fault::None);
        let count = match fault {
            Fault::None | Fault::WrittenUnknown => rows.len(),
            Fault::HalfUnknown => rows.len() / 2,
            Fault::LostUnknown | Fault::Unavailable => 0,
        };
        let table = tables.messages.entry(room).or_default();
        for row in &rows[..count] {
            table.insert((row.message.seq, row.epoch), row.clone());
        }
        match fault {
            Fault::None => Ok(()),
            Fault::Unavailable => Err(StoreError::Unavailable("this is a test".into())),
            _ => Err(StoreError::Unknown("this is a test".into())),
        }
    }

    async fn tail(&self, room: RoomId, from: Seq, limit: u32) -> Result<Vec<MessageRow>, StoreError> {
        let tables = self.up()?;
        let rows = tables.messages.get(&room).map(|rows| rows.range((from, Epoch(0))..).map(|(_, row)| row.clone()));
        Ok(rows.into_iter().flatten().take(limit as usize).collect())
    }

    async fn page(&self, room: RoomId, bound: PageBound, limit: u16) -> Result<Vec<MessageRow>, StoreError> {
        drop(self.up()?);
        let mut rows = self.visible(room);
        match bound.direction {
            Direction::Older => {
                rows.retain(|row| row.message.seq < bound.seq);
                Ok(rows.split_off(rows.len().saturating_sub(limit.into())))
            }
            Direction::Newer => {
                rows.retain(|row| row.message.seq > bound.seq);
                rows.truncate(limit.into());
                Ok(rows)
            }
        }
    }

    async fn last_seq(&self, room: RoomId) -> Result<Seq, StoreError> {
        drop(self.up()?);
        Ok(self.visible(room).last().map_or(Seq(0), |row| row.message.seq))
    }
}

#[async_trait]
impl RoomStore for FakeStore {
    async fn create_room(&self, room: RoomRow) -> Result<(), StoreError> {
        self.up()?.rooms.insert(room.id, room);
        Ok(())
    }

    async fn room(&self, id: RoomId) -> Result<Option<RoomRow>, StoreError> {
        Ok(self.up()?.rooms.get(&id).cloned())
    }

    async fn room_by_slug(&self, _slug: &Slug) -> Result<Option<RoomRow>, StoreError> {
        Ok(None)
    }

    async fn update_room(&self, room: &RoomRow) -> Result<(), StoreError> {
        self.up()?.rooms.insert(room.id, room.clone());
        Ok(())
    }

    async fn touch_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        if let Some(row) = self.up()?.rooms.get_mut(&id) {
            row.active_at = row.active_at.max(at);
        }
        Ok(())
    }

    async fn close_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        if let Some(row) = self.up()?.rooms.get_mut(&id) {
            row.closed_at.get_or_insert(at);
        }
        Ok(())
    }

    async fn rooms(&self, _query: &RoomQuery) -> Result<Vec<RoomRow>, StoreError> {
        Ok(Vec::new())
    }

    async fn rooms_past_their_end(&self, now: UnixMillis, limit: u16) -> Result<Vec<RoomRow>, StoreError> {
        let tables = self.up()?;
        let past = |row: &&RoomRow| row.closed_at.is_none() && row.expires_at.is_some_and(|end| end <= now);
        Ok(tables.rooms.values().filter(past).take(limit.into()).cloned().collect())
    }

    async fn add_member(&self, member: MemberRow) -> Result<(), StoreError> {
        self.up()?.members.entry((member.room, member.user)).or_insert(member);
        Ok(())
    }

    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<MemberRow>, StoreError> {
        Ok(self.up()?.members.get(&(room, user)).cloned())
    }

    async fn set_read(&self, _room: RoomId, _user: UserId, _seq: Seq) -> Result<(), StoreError> {
        Ok(())
    }

    async fn ban(&self, room: RoomId, who: Banned) -> Result<(), StoreError> {
        let mut tables = self.up()?;
        if let Banned::User(user) = &who {
            tables.members.remove(&(room, *user));
        }
        tables.bans.insert((room, who));
        Ok(())
    }

    async fn bans(&self, room: RoomId) -> Result<Vec<Banned>, StoreError> {
        Ok(self.up()?.bans.iter().filter(|(of, _)| *of == room).map(|(_, who)| who.clone()).collect())
    }
}

/// Actors have no business with accounts: whoever asks is told that there is no such store.
fn not_for_actors<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("actors have no business with accounts".into()))
}

#[async_trait]
impl AccountStore for FakeStore {
    async fn create_user(&self, _: UserRow, _: Claim, _: Claim) -> Result<(), StoreError> {
        not_for_actors()
    }
    async fn user(&self, _: UserId) -> Result<Option<UserRow>, StoreError> {
        not_for_actors()
    }
    async fn user_by_claim(&self, _: &Claim) -> Result<Option<UserRow>, StoreError> {
        not_for_actors()
    }
    async fn set_display_name(&self, _: UserId, _: &str) -> Result<(), StoreError> {
        not_for_actors()
    }
    async fn set_password(&self, _: UserId, _: &str, _: UnixMillis, _: Option<FamilyId>) -> Result<(), StoreError> {
        not_for_actors()
    }
    async fn create_family(&self, _: FamilyRow) -> Result<(), StoreError> {
        not_for_actors()
    }
    async fn family(&self, _: FamilyId) -> Result<Option<FamilyRow>, StoreError> {
        not_for_actors()
    }
    async fn rotate(
        &self,
        _: FamilyId,
        _: [u8; 32],
        _: [u8; 32],
        _: UnixMillis,
        _: UnixMillis,
        _: i64,
    ) -> Result<RotateOutcome, StoreError> {
        not_for_actors()
    }
    async fn revoke_family(&self, _: FamilyId) -> Result<(), StoreError> {
        not_for_actors()
    }
    async fn signing_keys(&self, _: u8) -> Result<Vec<SigningKeyRow>, StoreError> {
        not_for_actors()
    }
    async fn add_signing_key(&self, _: SigningKeyRow, _: Option<&str>) -> Result<bool, StoreError> {
        not_for_actors()
    }
}
