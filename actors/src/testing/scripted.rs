//! A store in memory that goes wrong where a test says so.
//!
//! **Invariant:** with an empty script it is a [`MemoryStore`], which it also dereferences to.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Deref;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rookery_schemas::ids::{FamilyId, RoomId, Seq, Slug, UnixMillis, UserId};
use rookery_schemas::rows::{
    Banned, Claim, FamilyRow, MemberRow, MessageRow, OwnerRow, RoomRow, SealRow, SigningKeyRow, UserRow,
};
use tokio::sync::Notify;

use super::MemoryStore;
use crate::seams::{
    AccountStore, ChatStore, OwnershipStore, PageBound, RoomChange, RoomQuery, RoomStore, RotateOutcome, StoreError,
    Taken,
};

/// What happens to one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
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

/// What goes wrong from now on; may be changed at any moment.
#[derive(Debug, Default)]
pub struct Script {
    /// Nothing works.
    pub down: bool,
    /// Owners cannot be read.
    pub owners_down: bool,
    /// Whoever asks for an account panics.
    pub panics: bool,
    /// So many of the next writes, appends apart, are done and answered with "unknown".
    pub unknown_writes: u32,
    /// So many of the next rooms find their slug taken.
    pub slugs_taken: u32,
    /// What happens to the next appends.
    pub faults: VecDeque<Fault>,
    /// How long each append takes.
    pub append_takes: Duration,
    /// Calls that wait before they do anything, by the names of their methods, until [`ScriptedStore::release`].
    pub held: HashSet<&'static str>,
    /// Calls begun, by the names of their methods.
    pub calls: HashMap<&'static str, usize>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct ScriptedStore {
    inner: MemoryStore,
    /// The script. Not to be held over an await.
    pub script: Mutex<Script>,
    released: Notify,
}

impl Deref for ScriptedStore {
    type Target = MemoryStore;

    fn deref(&self) -> &MemoryStore {
        &self.inner
    }
}

impl ScriptedStore {
    /// How many calls of a method have begun.
    #[must_use]
    pub fn calls(&self, name: &str) -> usize {
        self.script.lock().calls.get(name).copied().unwrap_or_default()
    }

    /// Lets every held call go on, and holds none from now on.
    pub fn release(&self) {
        self.script.lock().held.clear();
        self.released.notify_waiters();
    }

    async fn begin(&self, name: &'static str) -> Result<(), StoreError> {
        *self.script.lock().calls.entry(name).or_default() += 1;
        loop {
            // Made before the look, so that a release in between is not missed.
            let released = self.released.notified();
            if !self.script.lock().held.contains(name) {
                break;
            }
            released.await;
        }
        let down = self.script.lock().down;
        // What a real error may say, and no client may hear.
        if down { Err(StoreError::Unavailable("10.1.2.3:9042 refused".into())) } else { Ok(()) }
    }

    async fn read<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.begin(name).await?;
        work.await
    }

    async fn write<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.begin(name).await?;
        let done = work.await?;
        let lost = take(&mut self.script.lock().unknown_writes);
        if lost { Err(StoreError::Unknown("timed out".into())) } else { Ok(done) }
    }
}

fn take(count: &mut u32) -> bool {
    let left = count.checked_sub(1);
    *count = left.unwrap_or(0);
    left.is_some()
}

#[async_trait]
impl AccountStore for ScriptedStore {
    async fn create_user(&self, user: UserRow, email: Claim, username: Claim) -> Result<(), StoreError> {
        self.write("create_user", self.inner.create_user(user, email, username)).await
    }
    async fn user_by_claim(&self, claim: &Claim) -> Result<Option<UserRow>, StoreError> {
        self.read("user_by_claim", self.inner.user_by_claim(claim)).await
    }
    async fn set_display_name(&self, id: UserId, display_name: &str) -> Result<(), StoreError> {
        self.write("set_display_name", self.inner.set_display_name(id, display_name)).await
    }
    async fn create_family(&self, family: FamilyRow) -> Result<(), StoreError> {
        self.write("create_family", self.inner.create_family(family)).await
    }
    async fn family(&self, id: FamilyId) -> Result<Option<FamilyRow>, StoreError> {
        self.read("family", self.inner.family(id)).await
    }
    async fn revoke_family(&self, id: FamilyId) -> Result<(), StoreError> {
        self.write("revoke_family", self.inner.revoke_family(id)).await
    }
    async fn signing_keys(&self, limit: u8) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.read("signing_keys", self.inner.signing_keys(limit)).await
    }
    async fn add_signing_key(&self, key: SigningKeyRow, newest: Option<&str>) -> Result<bool, StoreError> {
        self.read("add_signing_key", self.inner.add_signing_key(key, newest)).await
    }
    async fn user(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        assert!(!self.script.lock().panics, "at address 0xdeadbeef");
        self.read("user", self.inner.user(id)).await
    }
    async fn set_password(
        &self,
        id: UserId,
        password_hash: &str,
        at: UnixMillis,
        keep: Option<FamilyId>,
    ) -> Result<(), StoreError> {
        self.write("set_password", self.inner.set_password(id, password_hash, at, keep)).await
    }
    async fn rotate(
        &self,
        id: FamilyId,
        presented: [u8; 32],
        next: [u8; 32],
        now: UnixMillis,
        expires_at: UnixMillis,
        grace_ms: i64,
    ) -> Result<RotateOutcome, StoreError> {
        self.write("rotate", self.inner.rotate(id, presented, next, now, expires_at, grace_ms)).await
    }
}

#[async_trait]
impl RoomStore for ScriptedStore {
    async fn create_room(&self, room: RoomRow) -> Result<(), StoreError> {
        let taken = take(&mut self.script.lock().slugs_taken);
        if taken {
            return Err(StoreError::Taken(Taken::Slug));
        }
        self.write("create_room", self.inner.create_room(room)).await
    }
    async fn room(&self, id: RoomId) -> Result<Option<RoomRow>, StoreError> {
        self.read("room", self.inner.room(id)).await
    }
    async fn room_by_slug(&self, slug: &Slug) -> Result<Option<RoomRow>, StoreError> {
        self.read("room_by_slug", self.inner.room_by_slug(slug)).await
    }
    async fn update_room(&self, id: RoomId, change: &RoomChange) -> Result<(), StoreError> {
        self.write("update_room", self.inner.update_room(id, change)).await
    }
    async fn touch_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        self.write("touch_room", self.inner.touch_room(id, at)).await
    }
    async fn set_ad_hoc_end(&self, id: RoomId, expires_at: Option<UnixMillis>) -> Result<(), StoreError> {
        self.write("set_ad_hoc_end", self.inner.set_ad_hoc_end(id, expires_at)).await
    }
    async fn close_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        self.write("close_room", self.inner.close_room(id, at)).await
    }
    async fn end_room(&self, id: RoomId, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
        self.write("end_room", self.inner.end_room(id, now)).await
    }
    async fn delete_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        self.write("delete_room", self.inner.delete_room(id, at)).await
    }
    async fn rooms(&self, query: &RoomQuery) -> Result<Vec<RoomRow>, StoreError> {
        self.read("rooms", self.inner.rooms(query)).await
    }
    async fn rooms_past_their_end(&self, now: UnixMillis, limit: u16) -> Result<Vec<RoomRow>, StoreError> {
        self.read("rooms_past_their_end", self.inner.rooms_past_their_end(now, limit)).await
    }
    async fn add_member(&self, member: MemberRow) -> Result<bool, StoreError> {
        self.write("add_member", self.inner.add_member(member)).await
    }
    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<MemberRow>, StoreError> {
        self.read("member", self.inner.member(room, user)).await
    }
    async fn set_read(&self, room: RoomId, user: UserId, seq: Seq) -> Result<(), StoreError> {
        self.write("set_read", self.inner.set_read(room, user, seq)).await
    }
    async fn ban(&self, room: RoomId, who: Banned) -> Result<(), StoreError> {
        self.write("ban", self.inner.ban(room, who)).await
    }
    async fn bans(&self, room: RoomId) -> Result<Vec<Banned>, StoreError> {
        self.read("bans", self.inner.bans(room)).await
    }
}

#[async_trait]
impl OwnershipStore for ScriptedStore {
    async fn owner(&self, room: RoomId) -> Result<Option<OwnerRow>, StoreError> {
        let down = self.script.lock().owners_down;
        if down {
            return Err(StoreError::Unavailable("this is a test".into()));
        }
        self.read("owner", self.inner.owner(room)).await
    }
    async fn claim(&self, room: RoomId, expected: Option<&OwnerRow>, next: OwnerRow) -> Result<OwnerRow, StoreError> {
        self.write("claim", self.inner.claim(room, expected, next)).await
    }
    async fn seal(&self, room: RoomId, seal: SealRow) -> Result<(), StoreError> {
        self.write("seal", self.inner.seal(room, seal)).await
    }
    async fn seals(&self, room: RoomId) -> Result<Vec<SealRow>, StoreError> {
        self.read("seals", self.inner.seals(room)).await
    }
}

#[async_trait]
impl ChatStore for ScriptedStore {
    async fn append(&self, room: RoomId, rows: &[MessageRow]) -> Result<(), StoreError> {
        let takes = self.script.lock().append_takes;
        tokio::time::sleep(takes).await;
        self.begin("append").await?;
        let fault = self.script.lock().faults.pop_front().unwrap_or(Fault::None);
        let count = match fault {
            Fault::None | Fault::WrittenUnknown => rows.len(),
            Fault::HalfUnknown => rows.len() / 2,
            Fault::LostUnknown | Fault::Unavailable => 0,
        };
        self.inner.append(room, rows.get(..count).unwrap_or_default()).await?;
        match fault {
            Fault::None => Ok(()),
            Fault::Unavailable => Err(StoreError::Unavailable("this is a test".into())),
            _ => Err(StoreError::Unknown("this is a test".into())),
        }
    }
    async fn tail(&self, room: RoomId, from: Seq, limit: u32) -> Result<Vec<MessageRow>, StoreError> {
        self.read("tail", self.inner.tail(room, from, limit)).await
    }
    async fn page(&self, room: RoomId, bound: PageBound, limit: u16) -> Result<Vec<MessageRow>, StoreError> {
        self.read("page", self.inner.page(room, bound, limit)).await
    }
    async fn last_seq(&self, room: RoomId) -> Result<Seq, StoreError> {
        self.read("last_seq", self.inner.last_seq(room)).await
    }
}
