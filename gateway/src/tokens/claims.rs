//! What is written into tokens.
//!
//! **Invariant:** every claim has exactly one type; a number written as text, or a list in place of one audience, is no claim.

use rookery_schemas::bus::{JoinTicket, ResumeToken};
use rookery_schemas::ids::{FamilyId, RequestId, RoomId, UserId};
use serde::{Deserialize, Serialize};

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// REST requests of a signed-in user.
    Access,
    /// Opening a WebSocket.
    Ws,
    /// Entering a room.
    Join,
    /// Taking a seat up again.
    Resume,
}

impl Audience {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "rookery:access",
            Self::Ws => "rookery:ws",
            Self::Join => "rookery:join",
            Self::Resume => "rookery:resume",
        }
    }
}

/// The registered claims (RFC 7519, section 4.1). Times in whole seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) iat: u64,
    pub(super) exp: u64,
    pub(super) jti: RequestId,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims<T> {
    #[serde(flatten)]
    pub(super) envelope: Envelope,
    #[serde(flatten)]
    pub(super) body: T,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AccessBody {
    pub(super) sub: UserId,
    pub(super) username: String,
    pub(super) fam: FamilyId,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WsBody {
    pub(super) sub: UserId,
    pub(super) fam: FamilyId,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct JoinBody {
    pub(super) room: RoomId,
    pub(super) seat: JoinTicket,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ResumeBody {
    pub(super) room: RoomId,
    pub(super) seat: ResumeToken,
}
