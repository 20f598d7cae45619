//! The server's side of one media connection, for tests: an ICE-lite str0m endpoint that hands every RTP packet out and
//! sends every one it is given under its own SSRC and numbers, as a forwarder does.
//!
//! **Invariant:** payloads pass unchanged.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

/// What a leg says.
#[derive(Clone, Debug)]
pub(crate) enum LegEvent {
    /// A packet came.
    Rtp(Forward),
    /// The client wants a key frame on this m-line.
    KeyWanted(String),
}

/// A packet to be sent on.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    pub(crate) mid: String,
    pub(crate) codec: Codec,
    pub(crate) payload: Arc<[u8]>,
    pub(crate) marker: bool,
    pub(crate) time: u32,
}

type Ask = Box<dyn FnOnce(&mut Core) + Send>;

/// A handle to the server's side of a connection.
#[derive(Clone)]
pub(crate) struct Leg {
    asks: mpsc::Sender<Ask>,
}

struct Core {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    pending: Option<SdpPendingOffer>,
    sequences: HashMap<String, u64>,
    events: mpsc::Sender<LegEvent>,
}

impl Leg {
    pub(crate) async fn open(events: mpsc::Sender<LegEvent>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.writable().await.unwrap();
        let local = socket.local_addr().unwrap();
        let mut rtc = RtcConfig::new()
            .set_rtp_mode(true)
            .set_ice_lite(true)
            .set_crypto_provider(Arc::new(str0m::crypto::from_feature_flags()))
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .enable_h264(true)
            .enable_vp9(true)
            .enable_av1(true)
            .build(now());
        rtc.add_local_candidate(Candidate::host(local, Protocol::Udp).unwrap());
        let (asks, asked) = mpsc::channel(4_096);
        let core = Core { rtc, socket, local, pending: None, sequences: HashMap::new(), events };
        tokio::spawn(core.run(asked));
        Self { asks }
    }

    /// Answers a client's offer.
    pub(crate) async fn accept(&self, sdp: String) -> String {
        self.ask(move |core| {
            let offer = SdpOffer::from_sdp_string(&sdp).unwrap();
            core.rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string()
        })
        .await
    }

    /// Offers m-lines to a client: the description, and the mids in order.
    pub(crate) async fn offer(&self, kinds: Vec<MediaKind>) -> (String, Vec<String>) {
        self.ask(move |core| {
            let mut changes = core.rtc.sdp_api();
            let add = |kind: &MediaKind| changes.add_media(*kind, Direction::SendOnly, None, None, None).to_string();
            let mids = kinds.iter().map(add).collect();
            let (offer, pending) = changes.apply().unwrap();
            core.pending = Some(pending);
            (offer.to_sdp_string(), mids)
        })
        .await
    }

    pub(crate) async fn take_answer(&self, sdp: String) {
        self.ask(move |core| {
            let pending = core.pending.take().unwrap();
            core.rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&sdp).unwrap()).unwrap();
        })
        .await;
    }

    /// Sends a packet on; one too many for the queue is lost, as on any network.
    pub(crate) fn send(&self, packet: Forward) {
        let _ = self.asks.try_send(Box::new(move |core| core.write(packet)));
    }

    /// Asks the client for a key frame.
    pub(crate) fn want_key(&self, mid: String) {
        let _ = self.asks.try_send(Box::new(move |core| {
            let mut direct = core.rtc.direct_api();
            if let Some(stream) = direct.stream_rx_by_mid(Mid::from(mid.as_str()), None) {
                stream.request_keyframe(KeyframeRequestKind::Pli);
            }
        }));
    }

    async fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&mut Core) -> T + Send + 'static) -> T {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Box::new(move |core| drop(reply.send(ask(core))))).await.ok().unwrap();
        answer.await.unwrap()
    }
}

impl Core {
    async fn run(mut self, mut asked: mpsc::Receiver<Ask>) {
        let mut buffer = vec![0; 2_000];
        loop {
            self.rtc.handle_input(Input::Timeout(now())).unwrap();
            let due = self.poll();
            tokio::select! {
                ask = asked.recv() => match ask {
                    Some(ask) => ask(&mut self),
                    None => return,
                },
                read = self.socket.recv_from(&mut buffer) => {
                    let Ok((bytes, from)) = read else { continue };
                    let Ok(receive) = Receive::new(Protocol::Udp, from, self.local, &buffer[..bytes]) else { continue };
                    self.rtc.handle_input(Input::Receive(now(), receive)).unwrap();
                }
                () = tokio::time::sleep_until(due.into()) => {}
            }
        }
    }

    fn poll(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(due) => return due,
                Output::Transmit(out) => drop(self.socket.try_send_to(&out.contents, out.destination)),
                Output::Event(Event::RtpPacket(packet)) => {
                    let pt = packet.header.payload_type;
                    let codec = self.rtc.codec_config().find(|params| params.pt() == pt).unwrap().spec().codec;
                    let mid = self.rtc.direct_api().stream_rx(&packet.header.ssrc).unwrap().mid().to_string();
                    let (payload, marker, time) = (packet.payload, packet.header.marker, packet.header.timestamp);
                    let _ = self.events.try_send(LegEvent::Rtp(Forward { mid, codec, payload, marker, time }));
                }
                Output::Event(Event::KeyframeRequest(wanted)) => {
                    let _ = self.events.try_send(LegEvent::KeyWanted(wanted.mid.to_string()));
                }
                Output::Event(_) => {}
            }
        }
    }

    fn write(&mut self, packet: Forward) {
        let mid = Mid::from(packet.mid.as_str());
        let Some(media) = self.rtc.media(mid) else { return };
        let accepted = media.remote_pts().to_vec();
        let params = self.rtc.codec_config().params().iter();
        let mut fitting =
            params.filter(|params| accepted.contains(&params.pt()) && params.spec().codec == packet.codec);
        let Some(pt) = fitting.next().map(|params| params.pt()) else { return };
        let seq = self.sequences.entry(packet.mid.clone()).or_insert(100);
        *seq += 1;
        let write = RtpWrite::new(pt, (*seq).into(), packet.time, now(), packet.payload)
            .marker(packet.marker)
            .nackable(packet.codec != Codec::Opus);
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            stream.write_rtp(write);
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
