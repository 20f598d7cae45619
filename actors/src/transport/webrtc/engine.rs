//! The codecs that the library believes in: Opus, and VP8 with retransmissions.
//!
//! Which codecs and extensions are really negotiated is written into the descriptions around it
//! ([`crate::transport::sdp`]); the library keeps a copy of all that it knows for every m-line, so it is told little.
//!
//! **Invariant:** payload types are those that [`crate::transport::sdp::for_library`] hands it.

use ::webrtc::error::Result;
use ::webrtc::peer_connection::MediaEngine;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};

/// Opus at 48 kHz.
pub(super) fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

/// VP8.
pub(super) fn vp8() -> RTCRtpCodec {
    video(MIME_TYPE_VP8, "")
}

fn video(mime_type: &str, fmtp: &str) -> RTCRtpCodec {
    let (mime_type, sdp_fmtp_line) = (mime_type.to_owned(), fmtp.to_owned());
    RTCRtpCodec { mime_type, clock_rate: 90_000, channels: 0, sdp_fmtp_line, rtcp_feedback: Vec::new() }
}

/// One for each connection: the library keeps in it what was negotiated.
pub(super) fn media_engine() -> Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    let codecs = [
        (opus(), 111, RtpCodecKind::Audio),
        (vp8(), 96, RtpCodecKind::Video),
        // without it no ssrc-group:FID is written
        (video(MIME_TYPE_RTX, "apt=96"), 97, RtpCodecKind::Video),
    ];
    for (rtp_codec, payload_type, kind) in codecs {
        engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, kind)?;
    }
    Ok(engine)
}
