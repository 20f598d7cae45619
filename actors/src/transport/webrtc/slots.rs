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
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters, RtpCodecKind,
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

    /// Adds the next pair.
    pub(super) async fn add(&mut self, pc: &dyn PeerConnection) -> Result<()> {
        let index = SlotIndex(self.pairs());
        let video = PlannedSlot {
            key: SlotKey { index, kind: MediaKind::Video },
            ssrc: self.fresh_ssrc(),
            rtx_ssrc: Some(self.fresh_ssrc()),
        };
        let audio =
            PlannedSlot { key: SlotKey { index, kind: MediaKind::Audio }, ssrc: self.fresh_ssrc(), rtx_ssrc: None };
        add_transceiver(pc, &video).await?;
        // a pair counts once both halves exist; if the second fails, so does the connection
        add_transceiver(pc, &audio).await?;
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

async fn add_transceiver(pc: &dyn PeerConnection, slot: &PlannedSlot) -> Result<()> {
    let (kind, codec, letter) = match slot.key.kind {
        MediaKind::Video => (RtpCodecKind::Video, engine::vp8(), 'v'),
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
    pc.add_transceiver_from_track(track, Some(init)).await?;
    Ok(())
}
