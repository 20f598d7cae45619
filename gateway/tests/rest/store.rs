//! A store in memory that keeps the promises of the seam, and fails where a test says so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use rookery_actors::seams::{
    AccountStore, ChatStore, Direction, OwnershipStore, PageBound, RoomQuery, RoomStore, RotateOutcome, StoreError,
    Taken,
};
use rookery_schemas::ids::{FamilyId, RoomId, Seq, Slug, UnixMillis, UserId};
use rookery_schemas::rest::RoomScope;
use rookery_schemas::rows::{
    Banned, Claim, FamilyRow, MemberRow, MessageRow, OwnerRow, RoomRow, SealRow, SigningKeyRow, UserRow,
};
use rookery_schemas::signal::Role;

/// Everything that is stored.
#[derive(Default)]
pub struct Rows {
    pub users: HashMap<UserId, UserRow>,
    pub claims: HashMap<Claim, UserId>,
    pub families: HashMap<FamilyId, FamilyRow>,
    pub keys: Vec<SigningKeyRow>,
    pub rooms: HashMap<RoomId, RoomRow>,
    pub members: HashMap<(RoomId, UserId), MemberRow>,
    pub bans: HashMap<RoomId, Vec<Banned>>,
    pub messages: HashMap<RoomId, Vec<MessageRow>>,
}

/// See the module.
#[derive(Default)]
pub struct MemoryStore {
    pub rows: Mutex<Rows>,
    /// Nothing works while set.
    pub down: AtomicBool,
    /// Whoever asks for an account panics while set.
    pub panics: AtomicBool,
    /// So many of the next writes are done and answered with "unknown".
    pub unknown_writes: AtomicU32,
    /// So many of the next rooms find their slug taken.
    pub slugs_taken: AtomicU32,
}

impl MemoryStore {
    fn up(&self) -> Result<(), StoreError> {
        let down = self.down.load(Ordering::SeqCst);
        if down { Err(StoreError::Unavailable("10.1.2.3:9042 refused".into())) } else { Ok(()) }
    }

    fn written(&self) -> Result<(), StoreError> {
        if take(&self.unknown_writes) { Err(StoreError::Unknown("timed out".into())) } else { Ok(()) }
    }
}

fn take(count: &AtomicU32) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn create_user(&self, user: UserRow, email: Claim, username: Claim) -> Result<(), StoreError> {
        self.up()?;
        let mut rows = self.rows.lock();
        for (claim, what) in [(&email, Taken::Email), (&username, Taken::Username)] {
            if rows.claims.get(claim).is_some_and(|owner| *owner != user.id) {
                return Err(StoreError::Taken(what));
            }
        }
        rows.claims.insert(email, user.id);
        rows.claims.insert(username, user.id);
        rows.users.insert(user.id, user);
        self.written()
    }
    async fn user(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        assert!(!self.panics.load(Ordering::SeqCst), "at address 0xdeadbeef");
        self.up()?;
        Ok(self.rows.lock().users.get(&id).cloned())
    }
    async fn user_by_claim(&self, claim: &Claim) -> Result<Option<UserRow>, StoreError> {
        self.up()?;
        let rows = self.rows.lock();
        Ok(rows.claims.get(claim).and_then(|id| rows.users.get(id)).cloned())
    }
    async fn set_display_name(&self, id: UserId, display_name: &str) -> Result<(), StoreError> {
        self.up()?;
        if let Some(user) = self.rows.lock().users.get_mut(&id) {
            user.display_name = display_name.into();
        }
        self.written()
    }
    async fn set_password(
        &self,
        id: UserId,
        password_hash: &str,
        at: UnixMillis,
        keep: Option<FamilyId>,
    ) -> Result<(), StoreError> {
        self.up()?;
        let mut rows = self.rows.lock();
        if let Some(user) = rows.users.get_mut(&id) {
            user.password_hash = password_hash.into();
            user.password_changed_at = at;
        }
        for family in rows.families.values_mut().filter(|family| family.user == id && Some(family.id) != keep) {
            family.revoked = true;
        }
        self.written()
    }
    async fn create_family(&self, family: FamilyRow) -> Result<(), StoreError> {
        self.up()?;
        self.rows.lock().families.insert(family.id, family);
        self.written()
    }
    async fn family(&self, id: FamilyId) -> Result<Option<FamilyRow>, StoreError> {
        self.up()?;
        Ok(self.rows.lock().families.get(&id).cloned())
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
        self.up()?;
        let mut rows = self.rows.lock();
        let family = rows.families.get_mut(&id).filter(|family| !family.revoked && family.expires_at > now);
        let Some(family) = family else { return Ok(RotateOutcome::Gone) };
        if family.current == presented {
            family.previous = Some(family.current);
            (family.current, family.rotated_at, family.expires_at) = (next, now, expires_at);
            self.written()?;
            return Ok(RotateOutcome::Rotated(family.clone()));
        }
        if family.previous == Some(presented) && (now.0 - family.rotated_at.0).abs() <= grace_ms {
            return Ok(RotateOutcome::Grace(family.clone()));
        }
        family.revoked = true;
        Ok(RotateOutcome::Reused)
    }
    async fn revoke_family(&self, id: FamilyId) -> Result<(), StoreError> {
        self.up()?;
        if let Some(family) = self.rows.lock().families.get_mut(&id) {
            family.revoked = true;
        }
        self.written()
    }
    async fn signing_keys(&self, limit: u8) -> Result<Vec<SigningKeyRow>, StoreError> {
        self.up()?;
        Ok(self.rows.lock().keys.iter().take(usize::from(limit)).cloned().collect())
    }
    async fn add_signing_key(&self, key: SigningKeyRow, newest: Option<&str>) -> Result<bool, StoreError> {
        self.up()?;
        let mut rows = self.rows.lock();
        let won = rows.keys.first().map(|key| key.kid.as_str()) == newest;
        if won {
            rows.keys.insert(0, key);
        }
        Ok(won)
    }
}

#[async_trait]
impl RoomStore for MemoryStore {
    async fn create_room(&self, room: RoomRow) -> Result<(), StoreError> {
        self.up()?;
        let mut rows = self.rows.lock();
        if take(&self.slugs_taken) || rows.rooms.values().any(|other| other.slug == room.slug && other.id != room.id) {
            return Err(StoreError::Taken(Taken::Slug));
        }
        let (id, user, joined_at) = (room.id, room.owner, room.created_at);
        let host = MemberRow { room: id, user, role: Role::Host, joined_at, read_seq: Seq(0) };
        rows.members.insert((id, user), host);
        rows.rooms.insert(id, room);
        self.written()
    }
    async fn room(&self, id: RoomId) -> Result<Option<RoomRow>, StoreError> {
        self.up()?;
        Ok(self.rows.lock().rooms.get(&id).cloned())
    }
    async fn room_by_slug(&self, slug: &Slug) -> Result<Option<RoomRow>, StoreError> {
        self.up()?;
        Ok(self.rows.lock().rooms.values().find(|room| room.slug == *slug).cloned())
    }
    async fn update_room(&self, room: &RoomRow) -> Result<(), StoreError> {
        self.up()?;
        self.rows.lock().rooms.insert(room.id, room.clone());
        self.written()
    }
    async fn touch_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        self.up()?;
        if let Some(room) = self.rows.lock().rooms.get_mut(&id) {
            room.active_at = room.active_at.max(at);
        }
        self.written()
    }
    async fn close_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        self.up()?;
        if let Some(room) = self.rows.lock().rooms.get_mut(&id) {
            room.closed_at = room.closed_at.or(Some(at));
        }
        self.written()
    }
    async fn rooms(&self, query: &RoomQuery) -> Result<Vec<RoomRow>, StoreError> {
        self.up()?;
        let rows = self.rows.lock();
        let words = |text: &str| text.to_lowercase();
        let fits = |room: &&RoomRow| {
            let scope = match query.scope {
                RoomScope::Mine => rows.members.contains_key(&(room.id, query.viewer)),
                RoomScope::Public => room.public,
            };
            let text = query.text.as_deref().is_none_or(|text| {
                let all = format!("{} {}", words(&room.name), words(&room.description));
                all.split_whitespace().any(|word| word.starts_with(&words(text)))
            });
            let after = query.after.is_none_or(|at| (room.active_at, room.id) < (at.active_at, at.room));
            scope && text && after && !room.deleted && query.kind.is_none_or(|kind| kind == room.kind)
        };
        let mut found: Vec<RoomRow> = rows.rooms.values().filter(fits).cloned().collect();
        found.sort_by_key(|room| std::cmp::Reverse((room.active_at, room.id)));
        found.truncate(usize::from(query.limit));
        Ok(found)
    }
    async fn rooms_past_their_end(&self, _: UnixMillis, _: u16) -> Result<Vec<RoomRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn add_member(&self, member: MemberRow) -> Result<(), StoreError> {
        self.up()?;
        self.rows.lock().members.entry((member.room, member.user)).or_insert(member);
        self.written()
    }
    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<MemberRow>, StoreError> {
        self.up()?;
        Ok(self.rows.lock().members.get(&(room, user)).cloned())
    }
    async fn set_read(&self, room: RoomId, user: UserId, seq: Seq) -> Result<(), StoreError> {
        self.up()?;
        if let Some(member) = self.rows.lock().members.get_mut(&(room, user)) {
            member.read_seq = member.read_seq.max(seq);
        }
        Ok(())
    }
    async fn ban(&self, room: RoomId, who: Banned) -> Result<(), StoreError> {
        self.up()?;
        let mut rows = self.rows.lock();
        if let Banned::User(user) = &who {
            rows.members.remove(&(room, *user));
        }
        rows.bans.entry(room).or_default().push(who);
        Ok(())
    }
    async fn bans(&self, room: RoomId) -> Result<Vec<Banned>, StoreError> {
        self.up()?;
        Ok(self.rows.lock().bans.get(&room).cloned().unwrap_or_default())
    }
}

#[async_trait]
impl OwnershipStore for MemoryStore {
    async fn owner(&self, _: RoomId) -> Result<Option<OwnerRow>, StoreError> {
        Ok(None)
    }
    async fn claim(&self, _: RoomId, _: Option<&OwnerRow>, next: OwnerRow) -> Result<OwnerRow, StoreError> {
        Ok(next)
    }
    async fn seal(&self, _: RoomId, _: SealRow) -> Result<(), StoreError> {
        Ok(())
    }
    async fn seals(&self, _: RoomId) -> Result<Vec<SealRow>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl ChatStore for MemoryStore {
    async fn append(&self, room: RoomId, new: &[MessageRow]) -> Result<(), StoreError> {
        self.up()?;
        self.rows.lock().messages.entry(room).or_default().extend_from_slice(new);
        Ok(())
    }
    async fn tail(&self, _: RoomId, _: Seq, _: u32) -> Result<Vec<MessageRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn page(&self, room: RoomId, bound: PageBound, limit: u16) -> Result<Vec<MessageRow>, StoreError> {
        self.up()?;
        let rows = self.rows.lock();
        let all = rows.messages.get(&room).map(Vec::as_slice).unwrap_or_default();
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
        let rows = self.rows.lock();
        Ok(rows.messages.get(&room).and_then(|all| all.last()).map_or(Seq(0), |row| row.message.seq))
    }
}
