//! The task of one media connection: feeds datagrams, time and frames to the endpoint, and carries out what it says.
//!
//! **Invariant:** after each input the endpoint is polled until it asks for time; in RTP mode it holds one packet only.

mod negotiate;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rookery_schemas::signal::Codec;
use str0m::bwe::{Bitrate, BweKind};
use str0m::change::SdpPendingOffer;
use str0m::format::Codec as RtcCodec;
use str0m::media::{Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig, RtcError};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

use super::inbox::{Inbox, Packet};
use super::{Ask, MediaOptions, MediaState, MediaStats, SentTrack, WireStats};
use crate::shim::{Shim, Weather};
use crate::source::{Source, TrackSpec};
use crate::{Error, clock, dtls};

/// Bytes of a datagram; the endpoint takes no larger one.
const DATAGRAM_BYTES_MAX: usize = 2_000;
/// Datagrams read before sources and timers get their turn.
const READ_AT_ONCE: usize = 64;
/// Asked of the kernel, which grants what it allows: bursts of many publishers must not be lost in our own socket.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Packets kept for NACKs, and for how long: 2 s of 2 Mbit/s, as browsers do.
const KEPT_PACKETS: usize = 1_024;
const KEPT_FOR: Duration = Duration::from_secs(3);
/// Packets of a stream until which its retransmission's SSRC is looked for.
const LOOKS_MAX: u8 = 100;
const STATS_EVERY: Duration = Duration::from_millis(250);

type Datagram = (SocketAddr, Vec<u8>);

pub(super) struct Driver {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    allow_remote: bool,
    up: Shim<Datagram>,
    down: Shim<Datagram>,
    pending: Option<SdpPendingOffer>,
    outgoing: BTreeMap<String, Sending>,
    inbox: Inbox,
    streams: HashMap<u32, Stream>,
    retransmissions: HashSet<u32>,
    codecs: HashMap<u8, Codec>,
    wire: WireStats,
    srtp: Option<u16>,
    estimate_bps: Option<u64>,
    rtc_due: Instant,
    state: watch::Sender<MediaState>,
}

struct Sending {
    source: Source,
    payload_type: Pt,
    feedback: SentTrack,
}

/// What is known of a received SSRC.
struct Stream {
    mid: Arc<str>,
    has_rtx: bool,
    looks: u8,
}

impl Driver {
    pub(super) async fn open(options: &MediaOptions, state: watch::Sender<MediaState>) -> Result<Self, Error> {
        let socket = bind(options.local)?;
        let local = socket.local_addr()?;
        // From here on `try_send_to` knows that the socket can be written to.
        socket.writable().await?;
        let now = clock::now();
        let mut rtc = config(options).build(now);
        let candidate = Candidate::host(local, Protocol::Udp).map_err(RtcError::from)?;
        rtc.add_local_candidate(candidate);
        let seed = options.seed ^ u64::from(local.port());
        Ok(Self {
            rtc,
            socket,
            local,
            allow_remote: options.allow_remote,
            up: Shim::new(options.up, seed),
            down: Shim::new(options.down, seed.rotate_left(32)),
            pending: None,
            outgoing: BTreeMap::new(),
            inbox: Inbox::default(),
            streams: HashMap::new(),
            retransmissions: HashSet::new(),
            codecs: HashMap::new(),
            wire: WireStats::default(),
            srtp: None,
            estimate_bps: None,
            rtc_due: now,
            state,
        })
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        let why = loop {
            if let Err(error) = self.settle() {
                break error.to_string();
            }
            if !self.rtc.is_alive() {
                break "closed".to_owned();
            }
            let due = self.due();
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(ask) => ask(&mut self),
                    None => break "dropped".to_owned(),
                },
                read = self.socket.recv_from(&mut buffer) => {
                    if let Err(error) = self.read(read.ok(), &mut buffer) {
                        break error.to_string();
                    }
                }
                () = tokio::time::sleep_until(due.into()) => {}
            }
        };
        self.state.send_replace(MediaState::Ended(why));
    }

    /// Takes the datagram that was read, and those that wait behind it.
    fn read(&mut self, first: Option<(usize, SocketAddr)>, buffer: &mut [u8]) -> Result<(), RtcError> {
        // An error here is an ICMP message about an earlier datagram: ICE has its own means to notice.
        let mut next = first;
        for _ in 0..READ_AT_ONCE {
            let Some((bytes, from)) = next else { return Ok(()) };
            self.wire.datagrams_in += 1;
            self.wire.bytes_in += bytes as u64;
            let now = clock::now();
            let datagram = buffer.get(..bytes).unwrap_or_default();
            if self.down.is_idle() {
                self.down.passed();
                self.input(from, datagram, now)?;
            } else {
                self.down.take((from, datagram.to_vec()), bytes, now);
            }
            next = self.socket.try_recv_from(buffer).ok();
        }
        Ok(())
    }

    /// Does everything that is due.
    fn settle(&mut self) -> Result<(), RtcError> {
        let now = clock::now();
        while let Some((from, datagram)) = self.down.give(now) {
            self.input(from, &datagram, now)?;
        }
        self.make_frames(now);
        self.rtc.handle_input(Input::Timeout(now))?;
        self.poll(now, false)?;
        while let Some((to, datagram)) = self.up.give(now) {
            self.transmit(to, &datagram);
        }
        Ok(())
    }

    fn due(&self) -> Instant {
        let sources = self.outgoing.values().filter_map(|sending| sending.source.due());
        sources.chain(self.up.due()).chain(self.down.due()).fold(self.rtc_due, Instant::min)
    }

    fn input(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) -> Result<(), RtcError> {
        if self.srtp.is_none() {
            self.srtp = dtls::chosen_srtp(datagram);
        }
        let recovered = self.is_retransmission(datagram);
        match Receive::new(Protocol::Udp, from, self.local, datagram) {
            Ok(receive) => self.rtc.handle_input(Input::Receive(now, receive))?,
            Err(_) => self.wire.not_understood += 1,
        }
        self.poll(now, recovered)
    }

    /// Whether it is SRTP on an SSRC that the session description names as retransmission: RTP headers are in the clear.
    fn is_retransmission(&self, datagram: &[u8]) -> bool {
        let is_srtp = datagram.len() > 12
            && matches!(datagram.first(), Some(128..=191))
            && datagram.get(1).is_some_and(|second| !(192..=223).contains(second));
        let ssrc = datagram.get(8..).and_then(|rest| rest.first_chunk()).map(|bytes| u32::from_be_bytes(*bytes));
        is_srtp && ssrc.is_some_and(|ssrc| self.retransmissions.contains(&ssrc))
    }

    fn poll(&mut self, now: Instant, recovered: bool) -> Result<(), RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(due) => {
                    self.rtc_due = due;
                    return Ok(());
                }
                Output::Transmit(transmit) => self.send(transmit.destination, &transmit.contents, now),
                Output::Event(event) => self.event(event, now, recovered),
            }
        }
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8], now: Instant) {
        if !to.ip().is_loopback() && !self.allow_remote {
            self.wire.remote_refused += 1;
        } else if self.up.is_idle() {
            self.up.passed();
            self.transmit(to, datagram);
        } else {
            self.up.take((to, datagram.to_vec()), datagram.len(), now);
        }
    }

    fn transmit(&mut self, to: SocketAddr, datagram: &[u8]) {
        match self.socket.try_send_to(datagram, to) {
            Ok(_) => {
                self.wire.datagrams_out += 1;
                self.wire.bytes_out += datagram.len() as u64;
            }
            Err(_) => self.wire.blocked += 1,
        }
    }

    fn event(&mut self, event: Event, now: Instant, recovered: bool) {
        match event {
            Event::Connected => drop(self.state.send_replace(MediaState::Connected)),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.state.send_replace(MediaState::Disconnected);
            }
            Event::IceConnectionStateChange(IceConnectionState::Connected | IceConnectionState::Completed)
                if *self.state.borrow() == MediaState::Disconnected =>
            {
                self.state.send_replace(MediaState::Connected);
            }
            Event::KeyframeRequest(request) => {
                if let Some(sending) = self.outgoing.get_mut(&*request.mid) {
                    sending.source.key_frame_asked();
                }
            }
            Event::RtpPacket(packet) => self.received(&packet, now, recovered),
            Event::MediaIngressStats(stats) => self.inbox.feedback(&stats.mid, stats.nacks, stats.plis + stats.firs),
            Event::MediaEgressStats(stats) => {
                if let Some(sending) = self.outgoing.get_mut(&*stats.mid) {
                    let feedback = &mut sending.feedback;
                    (feedback.nacks, feedback.key_frame_requests) = (stats.nacks, stats.plis + stats.firs);
                    feedback.round_trip = stats.rtt.or(feedback.round_trip);
                    feedback.loss = stats.loss.or(feedback.loss);
                }
            }
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => {
                self.estimate_bps = Some(estimate.as_u64());
            }
            _ => {}
        }
    }

    fn received(&mut self, packet: &RtpPacket, now: Instant, recovered: bool) {
        let header = &packet.header;
        let (ssrc, payload_type) = (*header.ssrc, *header.payload_type);
        let looks = self.streams.get(&ssrc).map_or(0, |stream| stream.looks);
        if looks == 0 || (looks < LOOKS_MAX && self.streams.get(&ssrc).is_some_and(|stream| !stream.has_rtx)) {
            // Again for a while, since the retransmission's SSRC may be learned later than the first packet.
            let mut direct = self.rtc.direct_api();
            let Some(stream) = direct.stream_rx(&header.ssrc) else { return };
            let rtx = stream.rtx().map(|rtx| *rtx);
            let known = Stream { mid: Arc::from(&*stream.mid()), has_rtx: rtx.is_some(), looks: looks + 1 };
            self.streams.insert(ssrc, known);
            self.retransmissions.extend(rtx);
        }
        let codec = self.codec_of(payload_type);
        let (Some(codec), Some(stream)) = (codec, self.streams.get(&ssrc)) else { return };
        let packet = Packet {
            mid: &stream.mid,
            codec,
            seq: *packet.seq_no,
            time: header.timestamp,
            ssrc,
            payload_type,
            recovered,
            payload: &packet.payload,
        };
        self.inbox.arrived(&packet, clock::micros_of(now));
    }

    fn codec_of(&mut self, payload_type: u8) -> Option<Codec> {
        if let Some(codec) = self.codecs.get(&payload_type) {
            return Some(*codec);
        }
        let params = self.rtc.codec_config().find(|params| *params.pt() == payload_type)?;
        let codec = from_rtc(params.spec().codec)?;
        self.codecs.insert(payload_type, codec);
        Some(codec)
    }

    fn make_frames(&mut self, now: Instant) {
        for (mid, sending) in &mut self.outgoing {
            let packets = sending.source.make(now);
            if packets.is_empty() {
                continue;
            }
            let mut direct = self.rtc.direct_api();
            let Some(stream) = direct.stream_tx_by_mid(Mid::from(mid.as_str()), None) else { continue };
            for packet in packets {
                let mut write = RtpWrite::new(sending.payload_type, packet.seq.into(), packet.time, now, packet.bytes);
                write = write.marker(packet.marker);
                write = match sending.source.spec() {
                    TrackSpec::Video(_) => write.nackable(true),
                    TrackSpec::Audio(audio) => write.ext_vals(ExtensionValues {
                        audio_level: Some(audio.level_dbov),
                        voice_activity: Some(audio.level_dbov > -60),
                        ..ExtensionValues::default()
                    }),
                };
                stream.write_rtp(write);
            }
        }
    }

    pub(super) fn set_weather(&mut self, up: Weather, down: Weather) {
        self.up.set(up);
        self.down.set(down);
    }

    pub(super) fn forget_received(&mut self) {
        self.inbox = Inbox::default();
    }

    pub(super) fn close(&mut self) {
        if let Err(error) = self.rtc.close() {
            tracing::debug!(%error, "closing a media connection failed");
        }
    }

    pub(super) fn stats(&self) -> MediaStats {
        let sent = |sending: &Sending| SentTrack { source: sending.source.stats(), ..sending.feedback };
        MediaStats {
            srtp: self.srtp,
            slots: self.inbox.slots(),
            tracks: self.inbox.tracks(clock::micros()),
            sent: self.outgoing.iter().map(|(mid, sending)| (mid.clone(), sent(sending))).collect(),
            up: self.up.stats(),
            down: self.down.stats(),
            wire: self.wire,
            estimate_bps: self.estimate_bps,
            marks_changed: self.inbox.marks_changed(),
        }
    }
}

fn config(options: &MediaOptions) -> RtcConfig {
    RtcConfig::new()
        .set_rtp_mode(true)
        .set_crypto_provider(dtls::only(options.srtp))
        .set_stats_interval(Some(STATS_EVERY))
        .enable_bwe(options.estimate_from_bps.map(Bitrate::bps))
        .clear_codecs()
        .enable_opus(true, false)
        .enable_vp8(true)
        .enable_h264(true)
        .enable_vp9(true)
        .enable_av1(true)
}

fn bind(local: IpAddr) -> Result<UdpSocket, Error> {
    let domain = if local.is_ipv4() { socket2::Domain::IPV4 } else { socket2::Domain::IPV6 };
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(local, 0).into())?;
    Ok(UdpSocket::from_std(socket.into())?)
}

fn from_rtc(codec: RtcCodec) -> Option<Codec> {
    match codec {
        RtcCodec::Opus => Some(Codec::Opus),
        RtcCodec::Vp8 => Some(Codec::Vp8),
        RtcCodec::H264 => Some(Codec::H264),
        RtcCodec::Vp9 => Some(Codec::Vp9),
        RtcCodec::Av1 => Some(Codec::Av1),
        _ => None,
    }
}
