//! What sockets and tokens ask of a store, in memory. Everything else is unavailable.

use std::collections::HashMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use rookery_actors::seams::{
    AccountStore, ChatStore, Direction, PageBound, RoomQuery, RoomStore, RotateOutcome, StoreError,
};
use rookery_schemas::ids::{FamilyId, RoomId, Seq, Slug, UnixMillis, UserId};
use rookery_schemas::rows::{Banned, Claim, FamilyRow, MemberRow, MessageRow, RoomRow, SigningKeyRow, UserRow};

/// See the module.
#[derive(Default)]
pub struct FakeStore {
    /// Newest first.
    pub keys: Mutex<Vec<SigningKeyRow>>,
    /// Rooms.
    pub rooms: Mutex<HashMap<RoomId, RoomRow>>,
    /// Members.
    pub members: Mutex<HashMap<(RoomId, UserId), MemberRow>>,
    /// Messages, by number.
    pub messages: Mutex<HashMap<RoomId, Vec<MessageRow>>>,
    /// When accounts changed their passwords; others never did.
    pub password_changes: Mutex<HashMap<UserId, UnixMillis>>,
    /// Nothing works while true.
    pub down: Mutex<bool>,
}

impl FakeStore {
    fn up(&self) -> Result<(), StoreError> {
        if *self.down.lock() { Err(StoreError::Unavailable("down".into())) } else { Ok(()) }
    }
}

fn unused<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("not used by sockets".into()))
}

#[async_trait]
impl AccountStore for FakeStore {
    async fn create_user(&self, _: UserRow, _: Claim, _: Claim) -> Result<(), StoreError> {
        unused()
    }
    async fn user(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        self.up()?;
        let password_changed_at = self.password_changes.lock().get(&id).copied().unwrap_or_default();
        Ok(Some(UserRow {
            id,
            email: String::new(),
            username: String::new(),
            display_name: String::new(),
            password_hash: String::new(),
            password_changed_at,
            created_at: UnixMillis(0),
        }))
    }
    async fn user_by_claim(&self, _: &Claim) -> Result<Option<UserRow>, StoreError> {
        unused()
    }
    async fn set_display_name(&self, _: UserId, _: &str) -> Result<(), StoreError> {
        unused()
    }
    async fn set_password(&self, _: UserId, _: &str, _: UnixMillis, _: Option<FamilyId>) -> Result<(), StoreError> {
        unused()
    }
    async fn create_family(&self, _: FamilyRow) -> Result<(), StoreError> {
        unused()
    }
    async fn family(&self, _: FamilyId) -> Result<Option<FamilyRow>, StoreError> {
        unused()
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
        unused()
    }
    async fn revoke_family(&self, _: FamilyId) -> Result<(), StoreError> {
        unused()
    }
    async fn signing_keys(&self, limit: u8) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.up()?;
        Ok(self.keys.lock().iter().take(usize::from(limit)).cloned().collect())
    }
    async fn add_signing_key(&self, key: SigningKeyRow, newest: Option<&str>) -> Result<bool, StoreError> {
        self.up()?;
        let mut keys = self.keys.lock();
        let won = keys.first().map(|key| key.kid.as_str()) == newest;
        if won {
            keys.insert(0, key);
        }
        Ok(won)
    }
}

#[async_trait]
impl RoomStore for FakeStore {
    async fn create_room(&self, _: RoomRow) -> Result<(), StoreError> {
        unused()
    }
    async fn room(&self, id: RoomId) -> Result<Option<RoomRow>, StoreError> {
        self.up()?;
        Ok(self.rooms.lock().get(&id).cloned())
    }
    async fn room_by_slug(&self, _: &Slug) -> Result<Option<RoomRow>, StoreError> {
        unused()
    }
    async fn update_room(&self, _: &RoomRow) -> Result<(), StoreError> {
        unused()
    }
    async fn touch_room(&self, _: RoomId, _: UnixMillis) -> Result<(), StoreError> {
        unused()
    }
    async fn close_room(&self, _: RoomId, _: UnixMillis) -> Result<(), StoreError> {
        unused()
    }
    async fn rooms(&self, _: &RoomQuery) -> Result<Vec<RoomRow>, StoreError> {
        unused()
    }
    async fn rooms_past_their_end(&self, _: UnixMillis, _: u16) -> Result<Vec<RoomRow>, StoreError> {
        unused()
    }
    async fn add_member(&self, _: MemberRow) -> Result<(), StoreError> {
        unused()
    }
    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<MemberRow>, StoreError> {
        self.up()?;
        Ok(self.members.lock().get(&(room, user)).cloned())
    }
    async fn set_read(&self, room: RoomId, user: UserId, seq: Seq) -> Result<(), StoreError> {
        self.up()?;
        if let Some(member) = self.members.lock().get_mut(&(room, user)) {
            member.read_seq = member.read_seq.max(seq);
        }
        Ok(())
    }
    async fn ban(&self, _: RoomId, _: Banned) -> Result<(), StoreError> {
        unused()
    }
    async fn bans(&self, _: RoomId) -> Result<Vec<Banned>, StoreError> {
        unused()
    }
}

#[async_trait]
impl ChatStore for FakeStore {
    async fn append(&self, _: RoomId, _: &[MessageRow]) -> Result<(), StoreError> {
        unused()
    }
    async fn tail(&self, _: RoomId, _: Seq, _: u32) -> Result<Vec<MessageRow>, StoreError> {
        unused()
    }
    async fn page(&self, room: RoomId, bound: PageBound, limit: u16) -> Result<Vec<MessageRow>, StoreError> {
        self.up()?;
        let messages = self.messages.lock();
        let all = messages.get(&room).map(Vec::as_slice).unwrap_or_default();
        let limit = usize::from(limit);
        Ok(match bound.direction {
            Direction::Newer => all.iter().filter(|row| row.message.seq > bound.seq).take(limit).cloned().collect(),
            Direction::Older => {
                let before: Vec<_> = all.iter().filter(|row| row.message.seq < bound.seq).cloned().collect();
                before[before.len().saturating_sub(limit)..].to_vec()
            }
        })
    }
    async fn last_seq(&self, room: RoomId) -> Result<Seq, StoreError> {
        self.up()?;
        let messages = self.messages.lock();
        Ok(messages.get(&room).and_then(|all| all.last()).map_or(Seq(0), |row| row.message.seq))
    }
}
