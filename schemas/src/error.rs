//! What a client is told when something is refused: a stable code and a sentence.
//!
//! **Invariant:** a code, once published, keeps its meaning; codes are only added.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[$meta:meta])* $variant:ident = $text:literal, $status:literal, $sentence:literal;)*) => {
        /// Every reason for a refusal, the same over HTTP and WebSocket.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
        pub enum ErrorCode {
            $($(#[$meta])* #[serde(rename = $text)] $variant,)*
        }

        impl ErrorCode {
            /// All of them, in the order of the protocol page.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it is written, e.g. `room_full`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The HTTP status that goes with it (RFC 9110).
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The sentence that is said where nothing more exact is known.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }
        }
    };
}

codes! {
    /// The body, a field or an id is malformed; the answer names the field.
    Invalid = "invalid", 422, "Something in this request is not as it should be.";
    /// Not JSON, or not of this message's shape.
    Malformed = "malformed", 400, "This is not a message that we know.";
    /// The body or frame is larger than allowed.
    TooLarge = "too_large", 413, "This is too large.";
    /// The method is not one of this route's.
    MethodNotAllowed = "method_not_allowed", 405, "This address does not take that method.";
    /// The content type is not `application/json`.
    UnsupportedMediaType = "unsupported_media_type", 415, "Only application/json is taken here.";
    /// No such route.
    NotFound = "not_found", 404, "There is nothing here.";
    /// The request was not answered in time.
    Timeout = "timeout", 503, "This took too long. Please try again.";
    /// No or a bad access token.
    Unauthorized = "unauthorized", 401, "Please sign in.";
    /// The access token's time is over: refresh it.
    TokenExpired = "token_expired", 401, "Your session needs a refresh.";
    /// The device was signed out, or its password changed elsewhere, while its socket was open.
    SignedOut = "signed_out", 401, "This device was signed out.";
    /// The caller may not do this.
    Forbidden = "forbidden", 403, "You may not do that.";
    /// A request that a foreign page could have forged.
    Csrf = "csrf", 403, "This request did not come from Rookery's own page.";
    /// The Origin is not one of ours.
    OriginRefused = "origin_refused", 403, "Connections from that page are not taken.";
    /// Wrong e-mail, username or password; which of them is not said.
    BadCredentials = "bad_credentials", 401, "That name or password is not right.";
    /// Too many failed sign-ins; `retry_after_ms` says when to try again.
    LockedOut = "locked_out", 429, "Too many failed attempts. Please wait a little.";
    /// The e-mail address has an account.
    EmailTaken = "email_taken", 409, "There is an account with this e-mail address.";
    /// The username has an account.
    UsernameTaken = "username_taken", 409, "This username is taken.";
    /// The password is too short, too long, common or the e-mail address.
    WeakPassword = "weak_password", 422, "This password is too easy to guess.";
    /// No, an unknown, a used or an expired refresh token; a reused one has ended all of its family.
    RefreshRefused = "refresh_refused", 401, "Please sign in again.";
    /// Too many requests; `retry_after_ms` says when to try again.
    RateLimited = "rate_limited", 429, "That was too fast. Please wait a moment.";
    /// No such room, or one that the caller may not know of.
    RoomNotFound = "room_not_found", 404, "There is no such room.";
    /// The room is at its limit of people.
    RoomFull = "room_full", 409, "This room is full.";
    /// The host has closed the room.
    RoomClosed = "room_closed", 410, "This room was closed by its host.";
    /// The room's time is over.
    RoomExpired = "room_expired", 410, "This room has ended.";
    /// A password is needed to enter.
    PasswordRequired = "password_required", 403, "This room asks for a password.";
    /// The room's password was not right.
    PasswordWrong = "password_wrong", 403, "That is not this room's password.";
    /// This kind of room is not built yet.
    KindUnsupported = "kind_unsupported", 422, "This kind of room is not available yet.";
    /// A `chat` room takes no publications.
    KindRefusesMedia = "kind_refuses_media", 409, "This room is for text only.";
    /// The caller was put out of this room.
    Banned = "banned", 403, "The host has removed you from this room.";
    /// The room exists only for members.
    MembersOnly = "members_only", 403, "Only members may do that.";
    /// The ticket is unknown, used or forged.
    TicketInvalid = "ticket_invalid", 401, "This ticket cannot be used. Please join again.";
    /// The ticket's time or its room's epoch is over.
    TicketExpired = "ticket_expired", 401, "This ticket is too old. Please join again.";
    /// The resume token is forged, too old, or its peer has left.
    ResumeRefused = "resume_refused", 401, "This call cannot be taken up again. Please join again.";
    /// The socket has no such joined room.
    NotJoined = "not_joined", 409, "Join the room first.";
    /// The socket has joined this room already.
    AlreadyJoined = "already_joined", 409, "This room is joined already.";
    /// A newer attachment of the same peer has taken over.
    Superseded = "superseded", 409, "You joined again elsewhere.";
    /// The named peer is not in the room.
    PeerNotFound = "peer_not_found", 404, "That person is not here.";
    /// The named track is not published here.
    TrackNotFound = "track_not_found", 404, "That track is not published here.";
    /// The named slot was not offered.
    SlotNotFound = "slot_not_found", 404, "That slot was not offered.";
    /// The slot is of the other kind.
    SlotKind = "slot_kind", 409, "That slot does not carry this kind of track.";
    /// The session description was refused.
    SdpRefused = "sdp_refused", 422, "This session description was refused.";
    /// The client's SRTP profile does not fit; join again with `cm`.
    SrtpProfile = "srtp_profile", 409, "Join again with the other SRTP profile.";
    /// An answer to an offer that is not the pending one.
    NegotiationStale = "negotiation_stale", 409, "This answer is for an older offer.";
    /// The direct link that is meant is not, or no longer, the room's.
    DirectStale = "direct_stale", 409, "That direct connection is over.";
    /// The host does not let others send from this kind of source.
    NotAllowed = "not_allowed", 403, "The host does not allow that in this room.";
    /// More tracks, slots or connections than one peer may have.
    TooMany = "too_many", 409, "That is more than one person may have.";
    /// The message's nonce is older than what is remembered.
    NonceExpired = "nonce_expired", 409, "This message is too old to be retried.";
    /// Whether the message was stored is not known; retry with the same nonce.
    Unknown = "unknown", 503, "It is not known yet whether this was stored.";
    /// The store cannot take this now; retry with the same nonce.
    StoreUnavailable = "store_unavailable", 503, "Storage cannot be reached at the moment.";
    /// The room's owner cannot be reached now.
    OwnerUnavailable = "owner_unavailable", 503, "This room cannot be reached at the moment.";
    /// The service has no room for this now.
    Overloaded = "overloaded", 503, "The service is busy. Please try again.";
    /// The reader was too slow, and its socket was cut.
    SlowReader = "slow_reader", 503, "Your connection was too slow to keep up.";
    /// Something of ours went wrong; it is logged under the request id.
    Internal = "internal", 500, "Something went wrong on our side.";
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal as it travels: over the bus, and in the `error` message to clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The stable code.
    pub code: ErrorCode,
    /// A sentence for people, in English; clients translate by the code.
    pub message: String,
    /// When trying again makes sense, ms from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A refusal that says just the code's sentence.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Self { code, message: code.sentence().to_owned(), retry_after_ms: None }
    }

    /// A refusal with a more exact sentence.
    #[must_use]
    pub fn because(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}
