//! The direct way between two people: which way a room's media goes, and what the two say to each other through the server.
//!
//! **Invariant:** what is relayed goes to the one peer that it names, and only as part of the room's present link.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{LinkNumber, PeerId};

/// Which way a room's media goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum MediaPath {
    /// Through the server.
    #[default]
    Sfu,
    /// Between the two who are here; their connections to the server stay, with nothing on them.
    Direct {
        /// A new number is a new connection between them.
        link: LinkNumber,
        /// The two, the lower id first: that one is the polite side of the negotiation.
        peers: [PeerId; 2],
    },
}

/// To the other end of the direct link, through the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DirectSend {
    /// The other end.
    pub to: PeerId,
    /// The link that it belongs to; refused with `direct_stale` if that is not the present one.
    pub link: LinkNumber,
    /// What is said.
    pub payload: DirectPayload,
}

/// What the two ends of a direct link tell each other before it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum DirectPayload {
    /// A session description.
    Description {
        /// Which of the two.
        kind: DescriptionKind,
        /// RFC 8866, at most 10,000 lines.
        sdp: String,
    },
    /// A candidate, RFC 8839.
    Candidate {
        /// The candidate line, without `a=`; empty means that no more will come.
        candidate: String,
        /// The m-line's mid.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        mid: Option<String>,
    },
}

/// Which side of a negotiation a description is (RFC 8829).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DescriptionKind {
    /// Begins one.
    Offer,
    /// Ends one.
    Answer,
}
