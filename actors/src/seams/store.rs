//! What lasts: accounts, rooms, ownership and chat.
//!
//! **Invariant:** a write that returned `Ok` is durable and is seen by every read begun after; a write that returned
//! [`StoreError::Unknown`] may or may not appear later; after any other error it never appears.

use async_trait::async_trait;
use rookery_schemas::ids::{FamilyId, RoomId, Seq, Slug, UnixMillis, UserId};
use rookery_schemas::rest::{PatchAllowed, RoomScope};
use rookery_schemas::rows::{
    Banned, Claim, FamilyRow, MemberRow, MessageRow, OwnerRow, RoomRow, SealRow, SigningKeyRow, UserRow,
};
use rookery_schemas::signal::RoomKind;

/// Rows of one [`ChatStore::append`] at the most: a group of waiting messages, 4 MB if all are of the longest.
pub const APPEND_ROWS_MAX: usize = 256;
/// Families of one account at the most: more devices than a person has, few enough to revoke in one step.
pub const FAMILIES_PER_USER_MAX: usize = 50;
/// People put out of one room at the most: an owner keeps them all in memory.
pub const BANS_PER_ROOM_MAX: usize = 10_000;

/// Why the store did not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written: the store cannot be reached, is full, or is not ready.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It may or may not have been written.
    #[error("the outcome of the write is unknown: {0}")]
    Unknown(String),
    /// Another row has this claim or slug; nothing was written.
    #[error("{0:?} is taken")]
    Taken(Taken),
    /// What is stored cannot be read: a person must look.
    #[error("the stored data is damaged: {0}")]
    Damaged(String),
}

/// What another row has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The e-mail address.
    Email,
    /// The username.
    Username,
    /// The room's slug.
    Slug,
}

/// What came of presenting a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotateOutcome {
    /// It was the current one and has been replaced.
    Rotated(FamilyRow),
    /// It was the one before, within the grace: nothing changed.
    Grace(FamilyRow),
    /// It was an older one: the family is revoked now.
    Reused,
    /// No such family, or one that is revoked or over.
    Gone,
}

/// Which way a page goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The newest messages before the bound.
    Older,
    /// The oldest messages after the bound.
    Newer,
}

/// Where a page of history begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageBound {
    /// Not contained itself. For "the newest page": `Older` than `Seq(u64::MAX >> 1)`.
    pub seq: Seq,
    /// Which way.
    pub direction: Direction,
}

/// What of a room is changed, column by column: `None` leaves a column as it is, so that two who change different ones at the
/// same time do not undo each other. What ends a room is not here ([`RoomStore::close_room`] and its neighbours).
///
/// In CQL each is a plain write of its cell with the writer's time: of two changes of one column the later wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomChange {
    /// Its title.
    pub name: Option<String>,
    /// More about it.
    pub description: Option<String>,
    /// PHC string; `Some(None)`: no password any more.
    pub password_hash: Option<Option<String>>,
    /// People inside at the most.
    pub peers_max: Option<u32>,
    /// Listed for everyone.
    pub public: Option<bool>,
    /// What those who are not its host may send; each is a column of its own.
    pub allowed: PatchAllowed,
    /// When it ends by itself; `Some(None)`: never. Leaves an ad-hoc room's end alone, which is its owner's
    /// ([`RoomStore::set_ad_hoc_end`]).
    pub expires_at: Option<Option<UnixMillis>>,
}

/// Where a page of rooms begins: after this room, by last use and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomCursor {
    /// The last room's `active_at`.
    pub active_at: UnixMillis,
    /// Its id.
    pub room: RoomId,
}

/// Which rooms to list. Deleted ones never are.
#[derive(Clone, Debug)]
pub struct RoomQuery {
    /// Who asks.
    pub viewer: UserId,
    /// Own or public ones.
    pub scope: RoomScope,
    /// Only this kind.
    pub kind: Option<RoomKind>,
    /// Only rooms whose name or description contain this, by the words' beginnings, case and accents folded.
    pub text: Option<String>,
    /// Where to go on.
    pub after: Option<RoomCursor>,
    /// 1 to 50.
    pub limit: u16,
}

/// Accounts, devices and keys.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Makes an account with its two claims, all or nothing. The same once more is no error, so that an unknown outcome
    /// can be tried again.
    async fn create_user(&self, user: UserRow, email: Claim, username: Claim) -> Result<(), StoreError>;
    /// The account, if there is one.
    async fn user(&self, id: UserId) -> Result<Option<UserRow>, StoreError>;
    /// The account that has this claim.
    async fn user_by_claim(&self, claim: &Claim) -> Result<Option<UserRow>, StoreError>;
    /// Changes what others see; nothing if there is no such account.
    async fn set_display_name(&self, id: UserId, display_name: &str) -> Result<(), StoreError>;
    /// Changes the password and revokes every family but `keep`, all or nothing.
    async fn set_password(
        &self,
        id: UserId,
        password_hash: &str,
        at: UnixMillis,
        keep: Option<FamilyId>,
    ) -> Result<(), StoreError>;
    /// Makes a family. An account keeps at most [`FAMILIES_PER_USER_MAX`]; the one that was rotated longest ago goes. The
    /// same once more is no error.
    async fn create_family(&self, family: FamilyRow) -> Result<(), StoreError>;
    /// The family, if there is one.
    async fn family(&self, id: FamilyId) -> Result<Option<FamilyRow>, StoreError>;
    /// Presents a token's hash and, if it is the current one, replaces it by `next`; one atomic step. The grace is counted
    /// from `rotated_at`, to either side, since clocks step back.
    async fn rotate(
        &self,
        id: FamilyId,
        presented: [u8; 32],
        next: [u8; 32],
        now: UnixMillis,
        expires_at: UnixMillis,
        grace_ms: i64,
    ) -> Result<RotateOutcome, StoreError>;
    /// Ends a family; nothing if there is none.
    async fn revoke_family(&self, id: FamilyId) -> Result<(), StoreError>;
    /// The signing keys, the one added last first, at most `limit`.
    async fn signing_keys(&self, limit: u8) -> Result<Vec<SigningKeyRow>, StoreError>;
    /// Adds a signing key if the newest one is still `newest` (its kid); returns whether it was added.
    async fn add_signing_key(&self, key: SigningKeyRow, newest: Option<&str>) -> Result<bool, StoreError>;
}

/// Rooms and who belongs to them.
#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Makes a room, with its owner as host member, all or nothing. The same once more is no error.
    async fn create_room(&self, room: RoomRow) -> Result<(), StoreError>;
    /// The room, deleted ones too.
    async fn room(&self, id: RoomId) -> Result<Option<RoomRow>, StoreError>;
    /// The room of a slug, deleted ones too.
    async fn room_by_slug(&self, slug: &Slug) -> Result<Option<RoomRow>, StoreError>;
    /// Writes the columns that `change` names, and no others; nothing if there is no such room.
    async fn update_room(&self, id: RoomId, change: &RoomChange) -> Result<(), StoreError>;
    /// Marks the room as used at `at`, if that is later than what is stored. In CQL `at` is the write's timestamp too.
    async fn touch_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError>;
    /// Sets when an ad-hoc room ends, for its owner; nothing for any other room. In CQL under the owner's timestamp
    /// (epoch << 32 | n): nobody else writes that cell.
    async fn set_ad_hoc_end(&self, id: RoomId, expires_at: Option<UnixMillis>) -> Result<(), StoreError>;
    /// Closes the room unless it is closed; history stays. Closed rooms stay closed, whoever writes what after or beside it. In
    /// CQL the cell is written under a timestamp that falls as `at` grows, so that the earliest closing stays, without LWT.
    async fn close_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError>;
    /// Closes the room if its end has come by `now`, and returns its `closed_at`: `None` says that it is open, because its
    /// end was moved meanwhile. In CQL a read and then the write of [`RoomStore::close_room`]: an end that is moved in between
    /// came too late.
    async fn end_room(&self, id: RoomId, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError>;
    /// Marks the room as deleted, for ever, and closes it at `at` unless it is closed. Nothing else ever writes that cell.
    async fn delete_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError>;
    /// A page of rooms, most recently used first: by (active_at, id), descending.
    async fn rooms(&self, query: &RoomQuery) -> Result<Vec<RoomRow>, StoreError>;
    /// Open rooms whose end has come, oldest first; then open ad-hoc rooms without an end that were last used
    /// [`AD_HOC_ENDS_AFTER`](rookery_schemas::limits::AD_HOC_ENDS_AFTER) ago or earlier, the longest ago first: whoever was inside may be gone with their node. At most
    /// `limit` in all: for the sweep.
    async fn rooms_past_their_end(&self, now: UnixMillis, limit: u16) -> Result<Vec<RoomRow>, StoreError>;
    /// Adds a member, or does nothing if it is one. Returns false, and adds nobody, if the user was put out
    /// ([`RoomStore::ban`]), whichever began first. In CQL a ban is a cell of the member's own row which is never written
    /// otherwise, and a row that has it is no member: the order of the two writes then does not matter.
    async fn add_member(&self, member: MemberRow) -> Result<bool, StoreError>;
    /// What a user is in a room; nothing if it was put out.
    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<MemberRow>, StoreError>;
    /// Moves a read marker forward, never back.
    async fn set_read(&self, room: RoomId, user: UserId, seq: Seq) -> Result<(), StoreError>;
    /// Puts someone out for good and ends its membership. Beyond [`BANS_PER_ROOM_MAX`] the oldest goes, guests' seats
    /// first: their tokens have long run out.
    async fn ban(&self, room: RoomId, who: Banned) -> Result<(), StoreError>;
    /// Everyone put out of a room, at most [`BANS_PER_ROOM_MAX`].
    async fn bans(&self, room: RoomId) -> Result<Vec<Banned>, StoreError>;
}

/// Who owns a room.
#[async_trait]
pub trait OwnershipStore: Send + Sync {
    /// The present owner. Linearisable: sees every claim that returned before.
    async fn owner(&self, room: RoomId) -> Result<Option<OwnerRow>, StoreError>;
    /// Takes the room over if its owner is still `expected` and `next` has a higher epoch. Returns what is stored afterwards
    /// (the caller's own row where it won). Linearisable.
    async fn claim(&self, room: RoomId, expected: Option<&OwnerRow>, next: OwnerRow) -> Result<OwnerRow, StoreError>;
    /// Writes where an epoch begins. Once for each epoch: the same once more is no error, another `first_seq` changes
    /// nothing and is [`StoreError::Damaged`].
    async fn seal(&self, room: RoomId, seal: SealRow) -> Result<(), StoreError>;
    /// All seals of a room, by epoch.
    async fn seals(&self, room: RoomId) -> Result<Vec<SealRow>, StoreError>;
}

/// Chat.
#[async_trait]
pub trait ChatStore: Send + Sync {
    /// Writes rows of one room and epoch, in order, at most [`APPEND_ROWS_MAX`]; durable when it returns. The same once more
    /// is no error. After [`StoreError::Unknown`] the first few of them may be there without the others.
    async fn append(&self, room: RoomId, rows: &[MessageRow]) -> Result<(), StoreError>;
    /// Every row from `from` on, ghosts included, in the order of (seq, epoch); for a takeover. At most `limit`.
    async fn tail(&self, room: RoomId, from: Seq, limit: u32) -> Result<Vec<MessageRow>, StoreError>;
    /// A page of visible rows, oldest first, at most `limit`: rows of an epoch at or beyond a later epoch's first are hidden.
    async fn page(&self, room: RoomId, bound: PageBound, limit: u16) -> Result<Vec<MessageRow>, StoreError>;
    /// The number of the last visible row, 0 if there is none.
    async fn last_seq(&self, room: RoomId) -> Result<Seq, StoreError>;
}

/// Everything that lasts.
pub trait Store: AccountStore + RoomStore + OwnershipStore + ChatStore + 'static {}

impl<T: AccountStore + RoomStore + OwnershipStore + ChatStore + 'static> Store for T {}
