//! One media connection: a str0m endpoint in RTP mode, its UDP socket, its weather, its sources and meters, in one task.
//!
//! **Invariant:** nothing outside the task touches the endpoint; what is asked of it goes through one bounded queue.

mod driver;
mod inbox;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rookery_schemas::signal::{Codec, SrtpProfile};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::Error;
use crate::shim::{ShimStats, Weather};
use crate::source::{SourceStats, TrackSpec};
use crate::stamp::Origin;
use crate::stats::{SlotStats, TrackStats};
use driver::Driver;

/// Things asked of the task at once; a full queue makes the asker wait, which is one of ours.
const ASKED_MAX: usize = 32;

/// How a media connection is made.
#[derive(Clone, Copy, Debug)]
pub struct MediaOptions {
    /// The address to bind and to name as candidate.
    pub local: IpAddr,
    /// The one SRTP profile that DTLS offers.
    pub srtp: SrtpProfile,
    /// From this client to the server.
    pub up: Weather,
    /// From the server to this client.
    pub down: Weather,
    /// For the weather's chances; each connection takes its own from it.
    pub seed: u64,
    /// Send to other machines.
    pub allow_remote: bool,
    /// Estimate the way's bandwidth from the server's feedback, beginning with this many bits a second. Pacing follows
    /// the estimate then; without it, everything is sent as it is made.
    pub estimate_from_bps: Option<u64>,
}

impl Default for MediaOptions {
    fn default() -> Self {
        Self {
            local: IpAddr::V4(Ipv4Addr::LOCALHOST),
            srtp: SrtpProfile::Gcm,
            up: Weather::default(),
            down: Weather::default(),
            seed: 1,
            allow_remote: false,
            estimate_from_bps: None,
        }
    }
}

/// How a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaState {
    /// Not connected yet.
    New,
    /// ICE and DTLS are up.
    Connected,
    /// ICE gets no answers any more; it may come back.
    Disconnected,
    /// Over, and why.
    Ended(String),
}

/// A media connection; it ends when this is dropped, without a word to the server.
#[derive(Debug)]
pub struct Media {
    asked: mpsc::Sender<Ask>,
    state: watch::Receiver<MediaState>,
    local: SocketAddr,
    task: JoinHandle<()>,
}

type Ask = Box<dyn FnOnce(&mut Driver) + Send>;

impl Drop for Media {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One track that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedTrack {
    /// On which m-line.
    pub mid: String,
    /// Whose, by its stamps.
    pub origin: Origin,
    /// How it was last coded.
    pub codec: Codec,
    /// What was seen of it.
    pub stats: TrackStats,
}

/// One track that was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SentTrack {
    /// What was made.
    pub source: SourceStats,
    /// NACKs that came back.
    pub nacks: u64,
    /// PLIs and FIRs that came back.
    pub key_frame_requests: u64,
    /// By the last receiver report.
    pub round_trip: Option<Duration>,
    /// Share lost, by the last receiver report.
    pub loss: Option<f32>,
}

/// Datagrams of one connection, before (in) and after (out) its weather.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireStats {
    /// Datagrams that the socket gave.
    pub datagrams_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Datagrams that the socket took.
    pub datagrams_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Datagrams that the socket could not take.
    pub blocked: u64,
    /// Datagrams to other machines that were held back.
    pub remote_refused: u64,
    /// Datagrams that were not STUN, DTLS, SRTP or SRTCP.
    pub not_understood: u64,
}

/// Everything that one connection has counted.
#[derive(Clone, Debug, Default)]
pub struct MediaStats {
    /// The SRTP profile of the server's ServerHello: [`crate::dtls::SRTP_GCM`] or [`crate::dtls::SRTP_CM`].
    pub srtp: Option<u16>,
    /// By mid.
    pub slots: BTreeMap<String, SlotStats>,
    /// By mid, then origin.
    pub tracks: Vec<ReceivedTrack>,
    /// By mid.
    pub sent: BTreeMap<String, SentTrack>,
    /// The weather towards the server.
    pub up: ShimStats,
    /// The weather from the server.
    pub down: ShimStats,
    /// The socket.
    pub wire: WireStats,
    /// The estimate of what the way to the server carries, bits a second.
    pub estimate_bps: Option<u64>,
    /// Stamps whose packet says by its codec's marks another thing about key frames than the stamp.
    pub marks_changed: u64,
}

impl Media {
    /// Binds a socket and starts the task.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the address cannot be bound.
    pub async fn open(options: &MediaOptions) -> Result<Self, Error> {
        let (state_now, state) = watch::channel(MediaState::New);
        let (asked, asks) = mpsc::channel(ASKED_MAX);
        let driver = Driver::open(options, state_now).await?;
        let local = driver.local();
        let task = tokio::spawn(driver.run(asks));
        Ok(Self { asked, state, local, task })
    }

    /// The bound address.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// How it is now.
    #[must_use]
    pub fn state(&self) -> MediaState {
        self.state.borrow().clone()
    }

    /// Waits until it is connected.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`], or [`Error::MediaEnded`].
    pub async fn connected(&self, within: Duration) -> Result<(), Error> {
        self.until(within, "media connection", |state| *state == MediaState::Connected).await
    }

    /// Waits until it is as wanted.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`], or [`Error::MediaEnded`] if it ended otherwise.
    pub async fn until(
        &self,
        within: Duration,
        what: &'static str,
        wanted: impl Fn(&MediaState) -> bool,
    ) -> Result<(), Error> {
        let mut state = self.state.clone();
        let reached = state.wait_for(|state| wanted(state) || matches!(state, MediaState::Ended(_)));
        let now = match tokio::time::timeout(within, reached).await {
            Err(_) => return Err(Error::Timeout { what, after: within }),
            Ok(Err(_)) => return Err(Error::MediaEnded("its task is gone".to_owned())),
            Ok(Ok(now)) => now.clone(),
        };
        match now {
            now if wanted(&now) => Ok(()),
            MediaState::Ended(why) => Err(Error::MediaEnded(why)),
            MediaState::New | MediaState::Connected | MediaState::Disconnected => Ok(()),
        }
    }

    /// An offer with one more m-line for each track, and their mids in order.
    ///
    /// # Errors
    ///
    /// [`Error::Sdp`] if an offer is pending or there is nothing to offer; [`Error::MediaEnded`].
    pub async fn offer(&self, tracks: &[TrackSpec]) -> Result<(String, Vec<String>), Error> {
        let kinds: Vec<_> = tracks.iter().map(TrackSpec::kind).collect();
        self.ask(move |driver| driver.offer(&kinds)).await?
    }

    /// An offer with fresh ICE credentials (RFC 8445 section 9).
    ///
    /// # Errors
    ///
    /// As [`Media::offer`].
    pub async fn offer_ice_restart(&self) -> Result<String, Error> {
        self.ask(Driver::offer_ice_restart).await?
    }

    /// Takes the answer to the pending offer.
    ///
    /// # Errors
    ///
    /// [`Error::Sdp`] if none is pending or it is refused.
    pub async fn take_answer(&self, sdp: String) -> Result<(), Error> {
        self.ask(move |driver| driver.take_answer(&sdp)).await?
    }

    /// Takes the server's offer and answers it, active in DTLS.
    ///
    /// # Errors
    ///
    /// [`Error::Sdp`] if it is refused.
    pub async fn answer(&self, sdp: String) -> Result<String, Error> {
        self.ask(move |driver| driver.answer(&sdp)).await?
    }

    /// Starts sending on an m-line of an answered offer.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if there is no such m-line, or the server did not accept the codec.
    pub async fn start(&self, mid: &str, spec: TrackSpec, origin: Origin) -> Result<(), Error> {
        let mid = mid.to_owned();
        self.ask(move |driver| driver.start(mid, spec, origin)).await?
    }

    /// Stops sending for a while, or goes on with a key frame.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if nothing was started there.
    pub async fn pause(&self, mid: &str, paused: bool) -> Result<(), Error> {
        let mid = mid.to_owned();
        self.ask(move |driver| driver.pause(&mid, paused)).await?
    }

    /// Stops sending for good.
    ///
    /// # Errors
    ///
    /// [`Error::MediaEnded`].
    pub async fn stop(&self, mid: &str) -> Result<(), Error> {
        let mid = mid.to_owned();
        self.ask(move |driver| driver.stop(&mid)).await
    }

    /// Asks the server for a key frame on a received m-line, by PLI.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if nothing was received there yet.
    pub async fn ask_key_frame(&self, mid: &str) -> Result<(), Error> {
        let mid = mid.to_owned();
        self.ask(move |driver| driver.ask_key_frame(&mid)).await?
    }

    /// Changes the weather.
    ///
    /// # Errors
    ///
    /// [`Error::MediaEnded`].
    pub async fn set_weather(&self, up: Weather, down: Weather) -> Result<(), Error> {
        self.ask(move |driver| driver.set_weather(up, down)).await
    }

    /// Everything counted so far.
    ///
    /// # Errors
    ///
    /// [`Error::MediaEnded`].
    pub async fn stats(&self) -> Result<MediaStats, Error> {
        self.ask(|driver| driver.stats()).await
    }

    /// Forgets what was received, to measure from here on.
    ///
    /// # Errors
    ///
    /// [`Error::MediaEnded`].
    pub async fn forget_received(&self) -> Result<(), Error> {
        self.ask(Driver::forget_received).await
    }

    /// Says goodbye by DTLS and ends.
    ///
    /// # Errors
    ///
    /// [`Error::MediaEnded`] if it has.
    pub async fn close(&self) -> Result<(), Error> {
        self.ask(Driver::close).await
    }

    async fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&mut Driver) -> T + Send + 'static) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let ask: Ask = Box::new(move |driver| drop(reply.send(ask(driver))));
        let ended = || match self.state() {
            MediaState::Ended(why) => Error::MediaEnded(why),
            _ => Error::MediaEnded("its task is gone".to_owned()),
        };
        self.asked.send(ask).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())
    }
}
