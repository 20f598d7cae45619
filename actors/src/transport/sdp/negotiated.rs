//! What the media plane is told after a negotiation.
//!
//! **Invariant:** payload types and extension ids come from the answer, whoever wrote it: only the answer says what both
//! sides know.

use rookery_media::{ExtensionIds, PayloadType, ReceiveLine, SendSlot, SlotKey};
use rookery_schemas::signal::{Codec, MediaKind};

use super::{Description, Format, Section};

/// `urn:ietf:params:rtp-hdrext:sdes:mid` (RFC 9143).
pub(super) const EXTENSION_MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// RFC 8852.
pub(super) const EXTENSION_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
/// RFC 8852, of retransmissions.
pub(super) const EXTENSION_REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
/// RFC 6464.
pub(super) const EXTENSION_AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// draft-holmer-rmcat-transport-wide-cc-extensions-01.
pub(super) const EXTENSION_TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// The library of Chromium, docs/native-code/rtp-hdrext/abs-send-time.
pub(super) const EXTENSION_ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

/// Ids above this need two-byte headers (RFC 8285 4.3), which the media plane does not write.
pub(super) const EXTENSION_ID_MAX: u8 = 14;

/// A slot as it was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedSlot {
    /// Which.
    pub key: SlotKey,
    /// Its SSRC.
    pub ssrc: u32,
    /// The SSRC of its retransmissions; sound has none.
    pub rtx_ssrc: Option<u32>,
}

/// The m-lines on which the client sends, from our answer and its offer, in the order of the offer. Lines that nothing is
/// sent on, and those without a codec that both know, are left out.
#[must_use]
pub fn receive_lines(answer: &Description<'_>, offer: &Description<'_>) -> Vec<ReceiveLine> {
    let pairs = offer.sections.iter().filter_map(|theirs| {
        let ours = answer.sections.iter().find(|ours| ours.mid == theirs.mid)?;
        let both = !theirs.rejected && !ours.rejected && theirs.direction().sends() && ours.direction().receives();
        both.then_some((ours, theirs))
    });
    let line = |(ours, theirs): (&Section<'_>, &Section<'_>)| {
        Some(ReceiveLine {
            mid: theirs.mid.to_owned(),
            kind: kind(theirs)?,
            codecs: Some(payload_types(ours)).filter(|codecs| !codecs.is_empty())?,
            extensions: extensions(ours),
            ssrcs: theirs.ssrcs.clone(),
            fid: theirs.fid.clone(),
            rids: theirs.rids.iter().map(|rid| (*rid).to_owned()).collect(),
        })
    };
    pairs.filter_map(line).collect()
}

/// The slots that the client takes, from its answer and our offer, in the order of `planned`. One whose m-line was rejected
/// or has no codec left is not among them.
#[must_use]
pub fn send_slots(answer: &Description<'_>, offer: &Description<'_>, planned: &[PlannedSlot]) -> Vec<SendSlot> {
    let slot = |planned: &PlannedSlot| {
        let ours = offer.sections.iter().find(|section| section.ssrcs.contains(&planned.ssrc))?;
        let theirs = answer.sections.iter().find(|section| section.mid == ours.mid)?;
        let taken = !theirs.rejected && theirs.direction().receives() && kind(theirs) == Some(planned.key.kind);
        Some(SendSlot {
            key: planned.key,
            mid: ours.mid.to_owned(),
            ssrc: planned.ssrc,
            rtx_ssrc: planned.rtx_ssrc,
            codecs: Some(payload_types(theirs)).filter(|codecs| taken && !codecs.is_empty())?,
            extensions: extensions(theirs),
        })
    };
    planned.iter().filter_map(slot).collect()
}

fn kind(section: &Section<'_>) -> Option<MediaKind> {
    match section.media {
        "audio" => Some(MediaKind::Audio),
        "video" => Some(MediaKind::Video),
        _ => None,
    }
}

/// The payload types of an m-section that carry a codec of ours.
fn payload_types(section: &Section<'_>) -> Vec<PayloadType> {
    let rtx = |number: u8| {
        let repair = section.formats.iter().find(|format| repaired(format) == Some(number));
        repair.map(|format| format.number)
    };
    let payload_type = |format: &Format<'_>| {
        let codec = codec(format)?;
        let (number, fmtp) = (format.number, format.fmtp.to_owned());
        Some(PayloadType { number, codec, rtx: rtx(number), fmtp })
    };
    section.formats.iter().filter_map(payload_type).collect()
}

/// What a payload type carries, if it is of a codec, rate and profile that is served.
pub(super) fn codec(format: &Format<'_>) -> Option<Codec> {
    let is = |parameter: &str, value: &str| format.parameter(parameter).is_none_or(|found| found.trim() == value);
    match format.encoding.to_ascii_lowercase().as_str() {
        "opus/48000/2" => Some(Codec::Opus),
        "vp8/90000" => Some(Codec::Vp8),
        // baseline, which every viewer decodes; the higher profiles are many, and few have them all
        "h264/90000" if format.parameter("packetization-mode") == Some("1") => {
            format.parameter("profile-level-id").is_some_and(|id| id.starts_with("42")).then_some(Codec::H264)
        }
        "vp9/90000" if is("profile-id", "0") => Some(Codec::Vp9),
        "av1/90000" if is("profile", "0") => Some(Codec::Av1),
        _ => None,
    }
}

/// Which payload type a payload type retransmits (RFC 4588 8.1).
pub(super) fn repaired(format: &Format<'_>) -> Option<u8> {
    let apt = format.parameter("apt").filter(|_| format.encoding.eq_ignore_ascii_case("rtx/90000"));
    apt.and_then(|apt| apt.parse().ok())
}

fn extensions(section: &Section<'_>) -> ExtensionIds {
    let id = |uri: &str| {
        let found = section.extensions.iter().find(|(_, found)| *found == uri);
        found.map(|(id, _)| *id).filter(|id| (1..=EXTENSION_ID_MAX).contains(id))
    };
    ExtensionIds {
        mid: id(EXTENSION_MID),
        rid: id(EXTENSION_RID),
        repaired_rid: id(EXTENSION_REPAIRED_RID),
        audio_level: id(EXTENSION_AUDIO_LEVEL),
        transport_cc: id(EXTENSION_TRANSPORT_CC),
        abs_send_time: id(EXTENSION_ABS_SEND_TIME),
    }
}
