//! What is offered, answered, and sent on the m-lines that came of it.
//!
//! **Invariant:** towards the server's offers this end is active in DTLS, since the server never is.

use rookery_schemas::signal::{Codec, MediaKind};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind as RtcKind, Mid, Pt};

use super::{Driver, KEPT_FOR, KEPT_PACKETS, Sending, from_rtc};
use crate::rtc::SentTrack;
use crate::source::{Source, TrackSpec};
use crate::stamp::Origin;
use crate::{Error, clock};

impl Driver {
    pub(in crate::rtc) fn offer(&mut self, kinds: &[MediaKind]) -> Result<(String, Vec<String>), Error> {
        let mut changes = self.rtc.sdp_api();
        let mids: Vec<String> = kinds
            .iter()
            .map(|kind| {
                let kind = match kind {
                    MediaKind::Audio => RtcKind::Audio,
                    MediaKind::Video => RtcKind::Video,
                };
                changes.add_media(kind, Direction::SendOnly, None, None, None).to_string()
            })
            .collect();
        let (offer, pending) = changes.apply().ok_or_else(|| Error::Sdp("there is nothing to offer".to_owned()))?;
        self.pending = Some(pending);
        Ok((offer.to_sdp_string(), mids))
    }

    pub(in crate::rtc) fn offer_ice_restart(&mut self) -> Result<String, Error> {
        let mut changes = self.rtc.sdp_api();
        changes.ice_restart(true);
        let (offer, pending) = changes.apply().ok_or_else(|| Error::Sdp("there is nothing to offer".to_owned()))?;
        self.pending = Some(pending);
        Ok(offer.to_sdp_string())
    }

    pub(in crate::rtc) fn take_answer(&mut self, sdp: &str) -> Result<(), Error> {
        let pending = self.pending.take().ok_or_else(|| Error::Sdp("no offer is pending".to_owned()))?;
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| Error::Sdp(error.to_string()))?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        self.codecs.clear();
        Ok(())
    }

    pub(in crate::rtc) fn answer(&mut self, sdp: &str) -> Result<String, Error> {
        // To actpass this stack answers passive; the server is always DTLS server, and we are to be active.
        let sdp = sdp.replace("a=setup:actpass", "a=setup:passive");
        let offer = SdpOffer::from_sdp_string(&sdp).map_err(|error| Error::Sdp(error.to_string()))?;
        let answer = self.rtc.sdp_api().accept_offer(offer)?;
        self.codecs.clear();
        Ok(answer.to_sdp_string())
    }

    pub(in crate::rtc) fn start(&mut self, mid: String, spec: TrackSpec, origin: Origin) -> Result<(), Error> {
        let payload_type = self.payload_type(Mid::from(mid.as_str()), spec.codec())?;
        let mut direct = self.rtc.direct_api();
        let stream = direct
            .stream_tx_by_mid(Mid::from(mid.as_str()), None)
            .ok_or(Error::Missing("outgoing stream on this m-line"))?;
        if spec.kind() == MediaKind::Video {
            // Without the cap on retransmissions: how much is lost is what is being tested.
            stream.set_rtx_cache(KEPT_PACKETS, KEPT_FOR, None);
        }
        let source = Source::new(spec, origin, clock::now());
        self.outgoing.insert(mid, Sending { source, payload_type, feedback: SentTrack::default() });
        Ok(())
    }

    /// The payload type that the server accepted for `codec`; of H.264's several, one with packetisation mode 1.
    fn payload_type(&self, mid: Mid, codec: Codec) -> Result<Pt, Error> {
        let media = self.rtc.media(mid).ok_or(Error::Missing("m-line of this mid"))?;
        let accepted = media.remote_pts();
        self.rtc
            .codec_config()
            .params()
            .iter()
            .filter(|params| accepted.contains(&params.pt()) && from_rtc(params.spec().codec) == Some(codec))
            .find(|params| codec != Codec::H264 || params.spec().format.packetization_mode == Some(1))
            .map(|params| params.pt())
            .ok_or(Error::Missing("payload type for this codec: the server did not accept it"))
    }

    pub(in crate::rtc) fn pause(&mut self, mid: &str, paused: bool) -> Result<(), Error> {
        let sending = self.outgoing.get_mut(mid).ok_or(Error::Missing("track on this m-line"))?;
        sending.source.pause(paused, clock::now());
        Ok(())
    }

    pub(in crate::rtc) fn stop(&mut self, mid: &str) {
        self.outgoing.remove(mid);
    }

    pub(in crate::rtc) fn ask_key_frame(&mut self, mid: &str) -> Result<(), Error> {
        let mut direct = self.rtc.direct_api();
        let stream =
            direct.stream_rx_by_mid(Mid::from(mid), None).ok_or(Error::Missing("incoming stream on this m-line"))?;
        stream.request_keyframe(KeyframeRequestKind::Pli);
        Ok(())
    }
}
