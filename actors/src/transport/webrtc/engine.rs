//! What is negotiated: codecs, their feedback, header extensions.
//!
//! **Invariant:** payload types are ours only in offers of a first negotiation; afterwards, and in answers, the client's
//! numbers hold.

use ::webrtc::error::Result;
use ::webrtc::peer_connection::MediaEngine;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_AV1, MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8, MIME_TYPE_VP9,
};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};

use crate::transport::sdp::{
    EXTENSION_ABS_SEND_TIME, EXTENSION_AUDIO_LEVEL, EXTENSION_MID, EXTENSION_REPAIRED_RID, EXTENSION_RID,
    EXTENSION_TRANSPORT_CC,
};

/// Video codecs in the order of our offers, with their payload types: each is followed by its retransmissions'. VP8 first,
/// since everyone has it. Two H264: constrained baseline as browsers name it, and baseline as cameras and Firefox do.
const VIDEO: [(&str, u8, &str); 5] = [
    (MIME_TYPE_VP8, 96, ""),
    (MIME_TYPE_H264, 98, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    (MIME_TYPE_H264, 100, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
    (MIME_TYPE_VP9, 102, "profile-id=0"),
    (MIME_TYPE_AV1, 104, "level-idx=5;profile=0;tier=0"),
];
const OPUS_PAYLOAD_TYPE: u8 = 111;

fn feedback(kinds: &[(&str, &str)]) -> Vec<RTCPFeedback> {
    kinds.iter().map(|(typ, parameter)| RTCPFeedback { typ: (*typ).into(), parameter: (*parameter).into() }).collect()
}

/// Opus at 48 kHz with in-band error correction.
pub(super) fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: feedback(&[("transport-cc", "")]),
    }
}

/// Every video codec with its retransmissions, most wanted first.
pub(super) fn video_codecs() -> Vec<RTCRtpCodecParameters> {
    let codec = |mime: &str, fmtp: String, rtcp_feedback| RTCRtpCodec {
        mime_type: mime.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: fmtp,
        rtcp_feedback,
    };
    let both = |(mime, payload_type, fmtp): (&str, u8, &str)| {
        let wanted = feedback(&[("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("transport-cc", "")]);
        [
            RTCRtpCodecParameters { rtp_codec: codec(mime, fmtp.to_owned(), wanted), payload_type },
            RTCRtpCodecParameters {
                rtp_codec: codec(MIME_TYPE_RTX, format!("apt={payload_type}"), Vec::new()),
                payload_type: payload_type + 1,
            },
        ]
    };
    VIDEO.into_iter().flat_map(both).collect()
}

/// One for each connection: the library keeps in it what was negotiated.
pub(super) fn media_engine() -> Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    let opus = RTCRtpCodecParameters { rtp_codec: opus(), payload_type: OPUS_PAYLOAD_TYPE };
    engine.register_codec(opus, RtpCodecKind::Audio)?;
    for codec in video_codecs() {
        engine.register_codec(codec, RtpCodecKind::Video)?;
    }
    let both = [RtpCodecKind::Audio, RtpCodecKind::Video];
    let video = [RtpCodecKind::Video];
    let extensions: [(&str, &[RtpCodecKind]); 6] = [
        (EXTENSION_MID, &both),
        (EXTENSION_RID, &video),
        (EXTENSION_REPAIRED_RID, &video),
        (EXTENSION_AUDIO_LEVEL, &[RtpCodecKind::Audio]),
        (EXTENSION_TRANSPORT_CC, &both),
        (EXTENSION_ABS_SEND_TIME, &video),
    ];
    for (uri, kinds) in extensions {
        for kind in kinds {
            engine.register_header_extension(RTCRtpHeaderExtensionCapability { uri: uri.to_owned() }, *kind, None)?;
        }
    }
    Ok(engine)
}
