//! Session descriptions (RFC 8866): what the media plane needs is read from them, and what concerns media is written into
//! them: codecs, header extensions, candidates.
//!
//! A description of a client is parsed and checked here, and written anew for the library, so that what is wrong with it is
//! refused with a sentence and the connection stays as it was. The library's own descriptions get the worker's addresses
//! and the codecs that are really served.
//!
//! **Invariant:** pure, and bounded for every input: no more than [`SDP_BYTES_MAX`] bytes, [`SDP_LINES_MAX`] lines and
//! [`SECTION_ITEMS_MAX`] entries of a kind in an m-section are ever kept.

mod candidates;
mod check;
mod codecs;
mod handed;
mod negotiated;
mod parse;

pub use candidates::{CANDIDATES_MAX, check_candidate, host_candidates, with_candidates};
pub use check::{check_answer, check_offer};
pub use codecs::{with_answered_codecs, with_offered_codecs};
pub use handed::for_library;
pub use negotiated::{PlannedSlot, receive_lines, send_slots};

/// Bytes of one description. An answer to 48 m-lines (24 slot pairs) has 58 kB.
pub const SDP_BYTES_MAX: usize = 256 * 1024;
/// Lines of one description. An answer to 128 m-lines has 5,000.
pub const SDP_LINES_MAX: usize = 9_999;
/// Bytes of one line. The longest that browsers write (formats of an m-line, fmtp, msid) have 300.
pub const SDP_LINE_BYTES_MAX: usize = 2_048;
/// m-lines of a client's offer: tracks of one peer, recycled ones and a data channel.
pub const OFFER_SECTIONS_MAX: usize = 32;
/// Payload types, extensions, SSRCs or rids of one m-section; a payload type is a number below 128.
pub const SECTION_ITEMS_MAX: usize = 128;
/// Feedback attributes of one m-section: five for each payload type of Chromium.
pub const FEEDBACK_MAX: usize = 512;
/// Characters of a mid; the media plane matches them against a header extension of that size.
pub const MID_CHARS_MAX: usize = 16;
/// Characters of a layer's name (rid), for the same reason; it is told to those who get the layer.
pub const RID_CHARS_MAX: usize = 16;

/// `a=sendrecv` and its like (RFC 8866 6.7), as written by the description's own side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways, also when nothing is written.
    #[default]
    SendRecv,
    /// The writer sends.
    SendOnly,
    /// The writer receives.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// Whether the writer of the description may send.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer of the description may receive.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// `a=setup` (RFC 8842 5): who opens the DTLS association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The writer opens it or waits, as the answer says.
    ActPass,
    /// The writer opens it.
    Active,
    /// The writer waits.
    Passive,
    /// Neither, or something unknown.
    Other,
}

/// Transport attributes of the session or of one m-section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Security<'a> {
    /// `a=ice-ufrag`.
    pub ufrag: Option<&'a str>,
    /// `a=ice-pwd`.
    pub pwd: Option<&'a str>,
    /// `a=fingerprint:sha-256`, the value.
    pub sha256: Option<&'a str>,
    /// `a=setup`.
    pub setup: Option<Setup>,
}

impl<'a> Security<'a> {
    /// What holds for an m-section: its own attributes, else the session's.
    #[must_use]
    pub fn or(self, session: Self) -> Self {
        Self {
            ufrag: self.ufrag.or(session.ufrag),
            pwd: self.pwd.or(session.pwd),
            sha256: self.sha256.or(session.sha256),
            setup: self.setup.or(session.setup),
        }
    }
}

/// One payload type of an m-line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format<'a> {
    /// Its number, 0 to 127.
    pub number: u8,
    /// `a=rtpmap`'s encoding with its rate, e.g. `VP8/90000`; empty without one.
    pub encoding: &'a str,
    /// `a=fmtp`'s parameters; empty without them.
    pub fmtp: &'a str,
}

impl<'a> Format<'a> {
    /// The encoding's name, e.g. `VP8`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.encoding.split('/').next().unwrap_or_default()
    }

    /// A parameter of the fmtp line.
    #[must_use]
    pub fn parameter(&self, key: &str) -> Option<&'a str> {
        let mut pairs = self.fmtp.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }
}

/// One m-section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section<'a> {
    /// `audio`, `video`, `application` or anything else.
    pub media: &'a str,
    /// The transport protocol, e.g. `UDP/TLS/RTP/SAVPF`.
    pub protocol: &'a str,
    /// Port 0: rejected, or stopped.
    pub rejected: bool,
    /// `a=mid`; empty without one.
    pub mid: &'a str,
    /// Which way media goes, if it is said; see [`Section::direction`].
    pub said_direction: Option<Direction>,
    /// `a=rtcp-mux`.
    pub rtcp_mux: bool,
    /// Payload types, most wanted first; none for data channels.
    pub formats: Vec<Format<'a>>,
    /// Feedback that its writer wants (RFC 4585), of a payload type or of all: `nack pli`.
    pub feedback: Vec<(Option<u8>, &'a str)>,
    /// Header extensions: id 1 to 255 and URI.
    pub extensions: Vec<(u8, &'a str)>,
    /// SSRCs in the order of first mention.
    pub ssrcs: Vec<u32>,
    /// `a=ssrc-group:FID`: (media, retransmission).
    pub fid: Vec<(u32, u32)>,
    /// `a=simulcast:send`'s rids in their order (the first of alternatives), else `a=rid:... send` in theirs.
    pub rids: Vec<&'a str>,
    /// Transport attributes of its own.
    pub security: Security<'a>,
}

impl Section<'_> {
    /// Which way media goes.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.said_direction.unwrap_or_default()
    }

    /// Whether it is sound or pictures.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        matches!(self.media, "audio" | "video")
    }

    /// Whether it is a data channel's.
    #[must_use]
    pub fn is_data(&self) -> bool {
        self.media == "application"
    }
}

/// A parsed description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description<'a> {
    /// Transport attributes of the session.
    pub security: Security<'a>,
    /// `a=ice-lite`.
    pub ice_lite: bool,
    /// mids of the first `a=group:BUNDLE`.
    pub bundle: Vec<&'a str>,
    /// The m-sections in their order.
    pub sections: Vec<Section<'a>>,
}

impl<'a> Description<'a> {
    /// Reads a description.
    ///
    /// # Errors
    /// [`TransportError::Sdp`](super::TransportError::Sdp) for what is no SDP, or is over one of this module's limits.
    pub fn parse(text: &'a str) -> Result<Self, super::TransportError> {
        parse::description(text)
    }

    /// The ufrag under which its writer is checked: the first m-section's that is not rejected, else the session's.
    #[must_use]
    pub fn ufrag(&self) -> Option<&'a str> {
        let section = self.sections.iter().find(|section| !section.rejected);
        section.map_or(Security::default(), |section| section.security).or(self.security).ufrag
    }
}

pub(super) fn refused(why: impl Into<String>) -> super::TransportError {
    super::TransportError::Sdp(why.into())
}

#[cfg(test)]
mod tests;
