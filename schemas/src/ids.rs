//! Identities, counters and units, each a type of its own so that none is taken for another.
//!
//! **Invariant:** an id's text form is canonical: parsing and printing it again gives the same text.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// One room, whatever its kind.
    RoomId
}
uuid_id! {
    /// One account.
    UserId
}
uuid_id! {
    /// One participant of one room. Survives re-attachment: a reconnected client keeps its id.
    PeerId
}
uuid_id! {
    /// One published track. Given by the server, never used again.
    TrackId
}
uuid_id! {
    /// Chosen by the sender of a chat message; the same nonce twice is one message.
    Nonce
}
uuid_id! {
    /// One refresh-token family: one signed-in device.
    FamilyId
}
uuid_id! {
    /// One HTTP request or WebSocket, named in logs and problem answers.
    RequestId
}

macro_rules! counter {
    ($(#[$meta:meta])* $name:ident, $inner:ty) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(#[ts(type = "number")] pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $name {
            /// The next one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }
    };
}

counter! {
    /// One term of ownership of a room; each owner has a higher one than the last. From 1.
    Epoch, u64
}
counter! {
    /// Position of a room event within its epoch, gapless, from 1. Not a chat [`Seq`].
    EventNumber, u64
}
counter! {
    /// Position of a chat message in its room, gapless, from 1, continued across epochs.
    Seq, u64
}
counter! {
    /// How often a peer has attached, from 1. Messages of a lower one are dropped: the newest wins.
    Attachment, u32
}
counter! {
    /// A pair of slots (one video, one audio) of a subscribe connection, from 0.
    SlotIndex, u16
}
counter! {
    /// One offer of the server on a subscribe connection; the answer names it. From 1.
    Negotiation, u32
}
counter! {
    /// One direct connection between the two people of a room: its epoch and a count, so that a link that outlived its epoch
    /// is not taken for another.
    LinkNumber, u64
}

/// Random at each start of a node's process: a changed one is the death of the old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub u64);

/// A node's configured name, 1 to 63 of `a-z`, `0-9` and `-`: it is part of bus subjects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId(String);

/// Why a text is no [`NodeId`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a node id is 1 to 63 of a-z, 0-9 and '-', not {0:?}")]
pub struct NodeIdError(String);

impl NodeId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NodeId {
    type Error = NodeIdError;

    fn try_from(text: String) -> Result<Self, NodeIdError> {
        let fits = (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text)) } else { Err(NodeIdError(text)) }
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        Self::try_from(text.to_owned())
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, for people's eyes; nothing is ordered by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(transparent)]
pub struct UnixMillis(#[ts(type = "number")] pub i64);

impl UnixMillis {
    /// This much later.
    #[must_use]
    pub fn after(self, later: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(later.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This much earlier.
    #[must_use]
    pub fn before(self, earlier: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(earlier.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A room's short public name: three groups of lower-case letters, 3-4-3, like `abc-defg-hij`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[ts(type = "string")]
#[schema(value_type = String, pattern = "^[a-z]{3}-[a-z]{4}-[a-z]{3}$")]
pub struct Slug(String);

/// Why a text is no [`Slug`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a slug is three groups of letters like abc-defg-hij")]
pub struct SlugError;

impl Slug {
    /// Letters in each group.
    pub const GROUPS: [usize; 3] = [3, 4, 3];

    /// Makes a slug from ten letters given as numbers 0 to 25 (taken modulo 26).
    #[must_use]
    pub fn from_letters(letters: [u8; 10]) -> Self {
        let mut text = String::with_capacity(12);
        for (i, letter) in letters.into_iter().enumerate() {
            if i == 3 || i == 7 {
                text.push('-');
            }
            text.push(char::from(b'a' + letter % 26));
        }
        Self(text)
    }

    /// The slug as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = SlugError;

    fn try_from(text: String) -> Result<Self, SlugError> {
        let groups: Vec<&str> = text.split('-').collect();
        let fits = groups.len() == Self::GROUPS.len()
            && groups
                .iter()
                .zip(Self::GROUPS)
                .all(|(group, len)| group.len() == len && group.bytes().all(|b| b.is_ascii_lowercase()));
        if fits { Ok(Self(text)) } else { Err(SlugError) }
    }
}

impl FromStr for Slug {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, SlugError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_three_groups_of_letters() {
        for (text, fits) in [
            ("abc-defg-hij", true),
            ("abc-defg-hi", false),
            ("Abc-defg-hij", false),
            ("abc-defg-hij-", false),
            ("abcdefghij", false),
            ("ab1-defg-hij", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Slug>().is_ok(), fits, "{text:?}");
        }
        let made = Slug::from_letters([0, 1, 2, 3, 4, 5, 6, 7, 8, 255]);
        assert_eq!(made.as_str().parse::<Slug>(), Ok(made.clone()));
    }

    #[test]
    fn node_ids_are_safe_in_a_subject() {
        for (text, fits) in [("node-1", true), ("", false), ("a.b", false), ("*", false), ("A", false), (">", false)] {
            assert_eq!(text.parse::<NodeId>().is_ok(), fits, "{text:?}");
        }
    }
}
