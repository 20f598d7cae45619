//! Bodies of the REST interface under `/api/v1`. JSON, camelCase.
//!
//! **Invariant:** what comes in is bounded and validated here (garde); what goes out names no internal.

use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::ids::{PeerId, RoomId, Seq, Slug, UnixMillis, UserId};
use crate::limits::{
    DISPLAY_NAME_CHARS_MAX, PASSWORD_CHARS, ROOM_DESCRIPTION_CHARS_MAX, ROOM_NAME_CHARS_MAX, ROOM_PASSWORD_CHARS,
    ROOM_PEERS_MAX,
};
use crate::signal::{Allowed, ChatMessage, IceServer, Role, RoomKind};
use crate::visible::displayable;

/// `POST auth/register`.
#[derive(Clone, Serialize, Deserialize, TS, ToSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Register {
    /// RFC 5321, at most 254 characters.
    #[garde(length(chars, max = 254), email)]
    pub email: String,
    /// 3 to 32 of letters, digits, `_`, `-` and `.`.
    #[garde(length(chars, min = 3, max = 32), pattern(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"))]
    pub username: String,
    /// 10 to 128 characters, not a common one, not the e-mail address.
    #[garde(skip)]
    pub password: String,
    /// What others see; the username if absent.
    #[garde(inner(custom(displayable), length(chars, min = 1, max = DISPLAY_NAME_CHARS_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub display_name: Option<String>,
}

/// `POST auth/login`.
#[derive(Clone, Serialize, Deserialize, TS, ToSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Login {
    /// E-mail address or username.
    #[garde(length(chars, min = 1, max = 254))]
    pub login: String,
    /// At most 128 characters.
    #[garde(length(chars, min = 1, max = *PASSWORD_CHARS.end()))]
    pub password: String,
}

/// `POST auth/password`: signs out every other device.
#[derive(Clone, Serialize, Deserialize, TS, ToSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangePassword {
    /// The present one.
    #[garde(length(chars, min = 1, max = *PASSWORD_CHARS.end()))]
    pub current: String,
    /// By the rules of registration.
    #[garde(skip)]
    pub new: String,
}

/// The answer to register, login and refresh; the refresh token is in a cookie.
#[derive(Clone, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// EdDSA JWT, 15 minutes, for `Authorization: Bearer`.
    pub access_token: String,
    /// When it runs out.
    pub expires_at: UnixMillis,
    /// Who is signed in.
    pub user: Me,
}

/// `GET me`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The account.
    pub id: UserId,
    /// Its address.
    pub email: String,
    /// Its name for signing in.
    pub username: String,
    /// What others see.
    pub display_name: String,
}

/// `PATCH me`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, TS, ToSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchMe {
    /// 1 to 64 characters.
    #[garde(inner(custom(displayable), length(chars, min = 1, max = DISPLAY_NAME_CHARS_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub display_name: Option<String>,
}

/// `POST rooms`.
#[derive(Clone, Serialize, Deserialize, TS, ToSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRoom {
    /// 1 to 100 characters.
    #[garde(custom(displayable), length(chars, min = 1, max = ROOM_NAME_CHARS_MAX))]
    pub name: String,
    /// At most 1,000 characters.
    #[garde(inner(length(chars, max = ROOM_DESCRIPTION_CHARS_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub description: Option<String>,
    /// `meeting` or `chat`; others are refused with `kind_unsupported`.
    #[garde(skip)]
    pub kind: RoomKind,
    /// 4 to 128 characters.
    #[garde(inner(length(chars, min = *ROOM_PASSWORD_CHARS.start(), max = *ROOM_PASSWORD_CHARS.end())))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub password: Option<String>,
    /// 2 to 1,000, 100 if absent.
    #[garde(inner(range(min = 2, max = ROOM_PEERS_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub max_peers: Option<u32>,
    /// When it ends by itself, in the future. Not for ad-hoc meetings, which end by themselves.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub expires_at: Option<UnixMillis>,
    /// Listed for everyone.
    #[garde(skip)]
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub public: bool,
    /// A meeting started on the spot: ends one hour after the last one left.
    #[garde(skip)]
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub ad_hoc: bool,
}

/// `PATCH rooms/{room}`, by its host. Absent fields stay as they are; `null` takes a password or an end away.
#[derive(Clone, Default, Serialize, Deserialize, TS, ToSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchRoom {
    /// 1 to 100 characters.
    #[garde(inner(custom(displayable), length(chars, min = 1, max = ROOM_NAME_CHARS_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub name: Option<String>,
    /// At most 1,000 characters.
    #[garde(inner(length(chars, max = ROOM_DESCRIPTION_CHARS_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub description: Option<String>,
    /// 4 to 128 characters, or `null`.
    #[garde(inner(inner(length(chars, min = *ROOM_PASSWORD_CHARS.start(), max = *ROOM_PASSWORD_CHARS.end()))))]
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "string | null")]
    #[schema(value_type = Option<String>)]
    pub password: Option<Option<String>>,
    /// 2 to 1,000.
    #[garde(inner(range(min = 2, max = ROOM_PEERS_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub max_peers: Option<u32>,
    /// In the future, or `null`. Not for ad-hoc meetings, which end by themselves.
    #[garde(skip)]
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number | null")]
    #[schema(value_type = Option<i64>)]
    pub expires_at: Option<Option<UnixMillis>>,
    /// Listed for everyone.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub public: Option<bool>,
    /// What those who are not its host may send; each by itself.
    #[garde(skip)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub allowed: Option<PatchAllowed>,
}

/// What of [`Allowed`] is changed; what is absent stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchAllowed {
    /// Voices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub microphone: Option<bool>,
    /// Faces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub camera: Option<bool>,
    /// Screens, with their sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub screen: Option<bool>,
}

impl PatchAllowed {
    /// What becomes of `before`.
    #[must_use]
    pub fn applied_to(self, before: Allowed) -> Allowed {
        Allowed {
            microphone: self.microphone.unwrap_or(before.microphone),
            camera: self.camera.unwrap_or(before.camera),
            screen: self.screen.unwrap_or(before.screen),
        }
    }
}

/// A room as its readers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its short name.
    pub slug: Slug,
    /// Where people go.
    pub url: String,
    /// Its title.
    pub name: String,
    /// More about it.
    pub description: String,
    /// What it is for.
    pub kind: RoomKind,
    /// Whether a password is asked for.
    pub has_password: bool,
    /// People inside at the most.
    pub max_peers: u32,
    /// Listed for everyone.
    pub public: bool,
    /// What those who are not its host may send.
    pub allowed: Allowed,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub expires_at: Option<UnixMillis>,
    /// When it ended; its history can still be read by members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub closed_at: Option<UnixMillis>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// What the caller is in it; absent for those who never joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub role: Option<Role>,
    /// Who is inside now.
    pub inside: Inside,
    /// The last message; for members only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub last_message: Option<ChatMessage>,
    /// Messages after the caller's read marker.
    #[ts(type = "number")]
    pub unread: u64,
}

/// Who is inside a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Inside {
    /// How many.
    pub peers: u32,
    /// The first few names, at most eight.
    pub names: Vec<String>,
}

/// `GET rooms`: a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomList {
    /// Most recently used first.
    pub rooms: Vec<Room>,
    /// For the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<String>,
}

/// Which rooms `GET rooms` lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomScope {
    /// Those the caller is a member of.
    #[default]
    Mine,
    /// Those listed for everyone.
    Public,
}

/// `POST rooms/{room}/join`.
#[derive(Clone, Default, Serialize, Deserialize, TS, ToSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Join {
    /// A guest's name; members have theirs.
    #[garde(inner(custom(displayable), length(chars, min = 1, max = DISPLAY_NAME_CHARS_MAX)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub display_name: Option<String>,
    /// Where one is asked for.
    #[garde(inner(length(chars, max = *ROOM_PASSWORD_CHARS.end())))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub password: Option<String>,
}

/// The answer to a join.
#[derive(Clone, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinAnswer {
    /// For `join` over the WebSocket (and, for guests, for opening it): 30 s, used once.
    pub ticket: String,
    /// The seat that it is for.
    pub peer: PeerId,
    /// What the caller may do.
    pub role: Role,
    /// The room.
    pub room: Room,
    /// For the client's connections.
    pub ice_servers: Vec<IceServer>,
    /// WebSocket addresses, best first.
    pub gateways: Vec<String>,
}

/// `POST ws-ticket`.
#[derive(Clone, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WsTicket {
    /// For `GET /ws?ticket=`: 30 s, used once.
    pub ticket: String,
    /// When it runs out.
    pub expires_at: UnixMillis,
}

/// `GET rooms/{room}/messages`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// Oldest first.
    pub messages: Vec<ChatMessage>,
    /// `before` for the page of older ones; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub older: Option<Seq>,
    /// `after` for the page of newer ones; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub newer: Option<Seq>,
}

/// RFC 9457, `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable address for this code on the protocol page.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// The code's sentence.
    pub title: String,
    /// What is wrong in this case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub detail: Option<String>,
    /// The stable code.
    pub code: crate::error::ErrorCode,
    /// The request, for support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub request_id: Option<String>,
    /// When trying again makes sense, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "number")]
    pub retry_after_ms: Option<u64>,
    /// Fields that were refused, where the code is `invalid` or `weak_password`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<FieldProblem>>", optional)]
    pub fields: Vec<FieldProblem>,
}

/// One refused field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldProblem {
    /// Its path, e.g. `displayName`.
    pub field: String,
    /// A sentence.
    pub message: String,
}

/// Serde's `Option<Option<T>>` with `null` told apart from absence.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}
