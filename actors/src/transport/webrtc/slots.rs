//! The slot pairs of a subscribe connection: m-lines offered before they are needed, each with its own SSRCs.
//!
//! Video i and audio i share one msid stream id, because a browser keeps the lips of one stream in step; no two pairs share
//! one, or it would pair strangers.
//!
//! **Invariant:** an SSRC lives once in an association, for one slot; pairs are only added.

use std::collections::HashSet;
use std::sync::Arc;

use ::webrtc::error::Result;
use ::webrtc::media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP};
use ::webrtc::peer_connection::PeerConnection;
use rookery_media::SlotKey;
use rookery_schemas::ids::SlotIndex;
use rookery_schemas::signal::{MediaKind, SlotPair};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use super::engine;
use crate::transport::sdp::{Description, PlannedSlot};

/// All slots of one connection.
#[derive(Default)]
pub(super) struct Slots {
    /// Video and audio of pair 0, then of pair 1, ...
    planned: Vec<PlannedSlot>,
    used: HashSet<u32>,
}

impl Slots {
    /// Video and audio of each pair in turn.
    pub(super) fn planned(&self) -> &[PlannedSlot] {
        &self.planned
    }

    /// How many pairs there are.
    pub(super) fn pairs(&self) -> u16 {
        u16::try_from(self.planned.len() / 2).unwrap_or(u16::MAX)
    }

    /// Adds the next pair. `codecs` are those that its video offers; empty leaves the choice to the library.
    pub(super) async fn add(&mut self, pc: &dyn PeerConnection, codecs: &[RTCRtpCodecParameters]) -> Result<()> {
        let index = SlotIndex(self.pairs());
        let video = PlannedSlot {
            key: SlotKey { index, kind: MediaKind::Video },
            ssrc: self.fresh_ssrc(),
            rtx_ssrc: Some(self.fresh_ssrc()),
        };
        let audio =
            PlannedSlot { key: SlotKey { index, kind: MediaKind::Audio }, ssrc: self.fresh_ssrc(), rtx_ssrc: None };
        add_transceiver(pc, &video, codecs).await?;
        // a pair counts once both halves exist; if the second fails, so does the connection
        add_transceiver(pc, &audio, &[]).await?;
        self.planned.extend([video, audio]);
        Ok(())
    }

    /// The pairs with the mids that our offer gives them.
    pub(super) fn pairs_in(&self, offer: &Description<'_>) -> Option<Vec<SlotPair>> {
        let mid = |slot: &PlannedSlot| {
            let section = offer.sections.iter().find(|section| section.ssrcs.contains(&slot.ssrc));
            section.map(|section| section.mid.to_owned())
        };
        let pair = |pair: &[PlannedSlot]| match pair {
            [video, audio] => Some(SlotPair { slot: video.key.index, video_mid: mid(video)?, audio_mid: mid(audio)? }),
            _ => None,
        };
        self.planned.chunks(2).map(pair).collect()
    }

    fn fresh_ssrc(&mut self) -> u32 {
        loop {
            let ssrc = rand::random();
            if ssrc != 0 && self.used.insert(ssrc) {
                return ssrc;
            }
        }
    }
}

/// The video codecs that a client takes: after its answer the library knows no other, and refuses to offer one.
pub(super) fn accepted_codecs(answer: &Description<'_>) -> Vec<RTCRtpCodecParameters> {
    let accepted = |codec: &RTCRtpCodecParameters| {
        let video = answer.sections.iter().filter(|section| section.media == "video" && !section.rejected);
        video.flat_map(|section| &section.formats).any(|format| {
            let name = codec.rtp_codec.mime_type.rsplit('/').next().unwrap_or_default();
            format.number == codec.payload_type && format.name().eq_ignore_ascii_case(name)
        })
    };
    engine::video_codecs().into_iter().filter(accepted).collect()
}

async fn add_transceiver(pc: &dyn PeerConnection, slot: &PlannedSlot, codecs: &[RTCRtpCodecParameters]) -> Result<()> {
    let (kind, codec, letter) = match slot.key.kind {
        MediaKind::Video => {
            let first = codecs.first().cloned().or_else(|| engine::video_codecs().into_iter().next());
            (RtpCodecKind::Video, first.map(|codec| codec.rtp_codec).unwrap_or_default(), 'v')
        }
        MediaKind::Audio => (RtpCodecKind::Audio, engine::opus(), 'a'),
    };
    // the library writes ssrc-group:FID only for retransmissions that are named
    let coding = RTCRtpCodingParameters {
        ssrc: Some(slot.ssrc),
        rtx: slot.rtx_ssrc.map(|ssrc| RTCRtpRtxParameters { ssrc }),
        ..Default::default()
    };
    let encoding = RTCRtpEncodingParameters { codec, rtp_coding_parameters: coding, ..Default::default() };
    let (stream, id) = (format!("slot{}", slot.key.index.0), format!("slot{}{letter}", slot.key.index.0));
    let track = MediaStreamTrack::new(stream.clone(), id.clone(), id, kind, vec![encoding]);
    let track: Arc<dyn TrackLocal> = Arc::new(TrackLocalStaticRTP::new(track));
    let init = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Sendonly,
        streams: vec![stream],
        send_encodings: Vec::new(),
    };
    let transceiver = pc.add_transceiver_from_track(track, Some(init)).await?;
    if !codecs.is_empty() {
        // the library would offer the track's codec alone
        transceiver.set_codec_preferences(codecs.to_vec()).await?;
    }
    Ok(())
}
