//! What is stored, one struct for each table's row, the same for SQLite and CQL.
//!
//! **Invariant:** a row holds no plain secret: passwords as argon2id strings, tokens as SHA-256.

use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, FamilyId, Incarnation, NodeId, Nonce, PeerId, RoomId, Seq, Slug, UnixMillis, UserId};
use crate::signal::{Allowed, ChatMessage, Role, RoomKind};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// Its id.
    pub id: UserId,
    /// As typed.
    pub email: String,
    /// As typed.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// PHC string, argon2id.
    pub password_hash: String,
    /// Access tokens issued before it are refused after a password change.
    pub password_changed_at: UnixMillis,
    /// When it was made.
    pub created_at: UnixMillis,
}

/// A name that only one account may have: the folded form of an e-mail address or username.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Claim {
    /// Lower-cased, NFKC.
    Email(String),
    /// Lower-cased skeleton, so that look-alikes are one name.
    Username(String),
}

/// A signed-in device: a family of refresh tokens of which one is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyRow {
    /// Its id, part of the token.
    pub id: FamilyId,
    /// Whose.
    pub user: UserId,
    /// SHA-256 of the valid token's secret.
    pub current: [u8; 32],
    /// SHA-256 of the one before, accepted for a grace of 10 s.
    pub previous: Option<[u8; 32]>,
    /// When `current` replaced `previous`.
    pub rotated_at: UnixMillis,
    /// When the family's last token runs out.
    pub expires_at: UnixMillis,
    /// Set by sign-out, password change or reuse.
    pub revoked: bool,
}

/// A key that signs access tokens, tickets and resume tokens. Two are valid at a time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyRow {
    /// Key id, in the token's header.
    pub kid: String,
    /// Ed25519, PKCS #8 v2 DER. Secret.
    pub pkcs8: Vec<u8>,
    /// When it was made; the newest signs.
    pub created_at: UnixMillis,
}

impl std::fmt::Debug for SigningKeyRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKeyRow").field("kid", &self.kid).field("pkcs8", &"(secret)").finish_non_exhaustive()
    }
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRow {
    /// Its id.
    pub id: RoomId,
    /// Its short name.
    pub slug: Slug,
    /// Its title.
    pub name: String,
    /// More about it.
    pub description: String,
    /// What it is for.
    pub kind: RoomKind,
    /// Who made it, and is its host.
    pub owner: UserId,
    /// PHC string, argon2id, where a password is asked for.
    pub password_hash: Option<String>,
    /// People inside at the most.
    pub peers_max: u32,
    /// Listed for everyone.
    pub public: bool,
    /// What those who are not its host may send.
    pub allowed: Allowed,
    /// Made by "new meeting": ends one hour after the last one left.
    pub ad_hoc: bool,
    /// When it ends by itself. Its host's to say; for an ad-hoc room its owner's, and nobody else's.
    pub expires_at: Option<UnixMillis>,
    /// Closed by the host, or expired: history stays, read-only.
    pub closed_at: Option<UnixMillis>,
    /// Deleted: as if it were not there.
    pub deleted: bool,
    /// When it was made.
    pub created_at: UnixMillis,
    /// Last use, for the order of lists: creation, join or message.
    pub active_at: UnixMillis,
}

/// Someone who belongs to a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRow {
    /// Where.
    pub room: RoomId,
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: Role,
    /// Since when.
    pub joined_at: UnixMillis,
    /// The last message read.
    pub read_seq: Seq,
}

/// Someone put out of a room.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Banned {
    /// An account.
    User(UserId),
    /// A guest's seat, so that its resume token is worthless.
    Peer(PeerId),
}

/// Who owns a room. Changed by compare-and-set only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRow {
    /// The term.
    pub epoch: Epoch,
    /// Which node.
    pub node: NodeId,
    /// Which start of it.
    pub incarnation: Incarnation,
}

/// Where an epoch of a room's chat begins: rows of earlier epochs at or beyond `first_seq` are ghosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealRow {
    /// The term.
    pub epoch: Epoch,
    /// Its first message's number.
    pub first_seq: Seq,
}

/// A stored chat message. Key: (room, seq / 4096), (seq, epoch).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRow {
    /// The owner's term that wrote it.
    pub epoch: Epoch,
    /// What clients see of it; its `seq` is the row's.
    pub message: ChatMessage,
}

impl MessageRow {
    /// Messages in one bucket: 4,096 rows of <= 16 kB stay well under the 100 MB that a CQL partition should not exceed.
    pub const PER_BUCKET: u64 = 4_096;

    /// The bucket of a message.
    #[must_use]
    pub const fn bucket(seq: Seq) -> u64 {
        seq.0 / Self::PER_BUCKET
    }

    /// What makes a retry the same message.
    #[must_use]
    pub const fn sender_and_nonce(&self) -> (Sender, Nonce) {
        (Sender::new(self.message.user, self.message.peer), self.message.nonce)
    }
}

/// Who sent a message, as far as its nonce counts: an account is the same sender in every seat that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// An account.
    User(UserId),
    /// A guest, who is nobody but its seat.
    Peer(PeerId),
}

impl Sender {
    /// The sender in the seat of `peer`.
    #[must_use]
    pub const fn new(user: Option<UserId>, peer: PeerId) -> Self {
        match user {
            Some(user) => Self::User(user),
            None => Self::Peer(peer),
        }
    }
}
