//! Transports over the `webrtc` crate: its SDP, ICE-lite, DTLS and SCTP as control plane, the worker's port as its wire.
//!
//! Three hooks keep media out of the library: a runtime whose sockets are the worker's port ([`socket`]), a crypto provider
//! that hears the DTLS-SRTP exporter ([`tap`]), and an empty interceptor registry, so that it has no RTCP to send.
//!
//! **Invariant:** one connection of ours is one DTLS association with one SRTP profile; the library makes no socket that
//! outlives the call, sends nothing but through its link, and no panic of its leaves this module.

mod connection;
mod early;
mod engine;
mod handler;
mod slots;
mod socket;
mod tap;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ::webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, RTCCertificate, RTCConfigurationBuilder, Registry, SettingEngine,
    SettingEngineBuilder, SrtpProtectionProfile,
};
use async_trait::async_trait;
use rookery_media::{Command, ConnectionId, ControlLink, WorkerIndex};
use rookery_schemas::signal::SrtpProfile;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::certificate::CertificateParams;
use rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc_crypto::{RTCCryptoProvider as _, SignatureScheme, providers::AwsLcRsProvider};
use tokio_util::task::TaskTracker;

use self::connection::{Parts, WebrtcTransport, guarded};
use self::handler::{Handler, Notices};
use self::socket::LinkRuntime;
use self::tap::Tap;
use super::sdp::host_candidates;
use super::{OpenTransport, PeerTransport, TransportError, Transports};
use crate::seams::{MediaError, MediaPlane};

/// Log directives (of `tracing-subscriber`'s `EnvFilter`) that silence what clients can make the library say at will: three
/// warnings for every ClientHello, one for every stray datagram. What matters is reported as events.
pub const LOG_DIRECTIVES: &[&str] = &[
    "webrtc=error",
    "webrtc::peer_connection::driver=off",
    "rtc=error",
    "rtc_ice=error",
    "rtc_dtls=error",
    "rtc_sctp=error",
    "rtc_stun=error",
    "rtc_srtp=error",
    "rtc_datachannel=error",
];

/// ICE counts a client as gone for the moment after this long without STUN. The library sees no media, only consent
/// checks, which Firefox sends every 4 to 6 s; its default of 5 s flaps.
const ICE_DISCONNECTED: Duration = Duration::from_secs(12);
/// ... and as failed this much later.
const ICE_FAILED: Duration = Duration::from_secs(25);
/// How often the library sends checks of its own.
const ICE_KEEPALIVE: Duration = Duration::from_secs(2);
/// Bytes that a client may have in flight on data channels; nothing is expected there.
const DATA_BUFFER_BYTES: u32 = 64 * 1024;
/// Bytes of one message on a data channel.
const DATA_MESSAGE_BYTES: u32 = 16 * 1024;
/// How often a command that must not be lost is offered to a worker whose queue is full.
const COMMAND_TRIES: usize = 100;
/// The pause between; a worker empties its queue within microseconds.
const COMMAND_PAUSE: Duration = Duration::from_millis(10);

/// What transports are opened with.
#[derive(Clone, Debug, Default)]
pub struct WebrtcConfig {
    /// Addresses at which the media ports are reached from outside (1:1 NAT with the same port), written into every
    /// description before the workers' own.
    pub public_addrs: Vec<IpAddr>,
}

/// Opens [`PeerTransport`]s over the `webrtc` crate.
pub struct WebrtcTransports {
    media: Arc<dyn MediaPlane>,
    config: WebrtcConfig,
    /// One ECDSA P-256 key for the life of the process: signing one for each connection would cost as much as opening it.
    certificate: RTCCertificate,
    tasks: TaskTracker,
}

impl WebrtcTransports {
    /// Transports over a media plane; makes the certificate.
    ///
    /// # Errors
    /// [`TransportError::Failed`] if no certificate can be made.
    pub fn new(media: Arc<dyn MediaPlane>, config: WebrtcConfig) -> Result<Self, TransportError> {
        let failed = |e: String| TransportError::Failed(e);
        let subject = CertificateParams::new(vec!["rookery".to_owned()]).map_err(|e| failed(e.to_string()))?;
        let crypto = AwsLcRsProvider::new();
        let certificate = RTCCertificate::generate(crypto.crypto(), SignatureScheme::EcdsaP256Sha256, subject)
            .map_err(|e| failed(e.to_string()))?;
        Ok(Self { media, config, certificate, tasks: TaskTracker::new() })
    }

    /// Tasks of all connections that still run: one for each open connection, one for each data channel.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// The library's side of a connection; from here on its task runs.
    async fn build(&self, how: &OpenTransport, link: Arc<ControlLink>, notices: Arc<Notices>) -> BuildResult {
        let families = |v4: bool| link.local_addrs().iter().any(|addr| addr.is_ipv4() == v4);
        let (ipv4, ipv6) = (families(true), families(false));
        // only named: the library binds a socket for a moment and derives its own candidates from it
        let names =
            [ipv4.then_some("127.0.0.1:0"), ipv6.then_some("[::1]:0")].into_iter().flatten().collect::<Vec<_>>();
        let tap = Arc::new(Tap::new(link.clone(), how.srtp));
        let runtime = LinkRuntime::new(link, notices.clone(), self.tasks.clone());
        let builder = PeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new().with_certificates(vec![self.certificate.clone()]).build(),
            )
            .with_setting_engine(settings(how.srtp, tap))
            .with_media_engine(engine::media_engine().map_err(|e| TransportError::Failed(e.to_string()))?)
            .with_interceptor_registry(Registry::new())
            .with_runtime(Arc::new(runtime))
            .with_handler(Arc::new(Handler::new(notices, self.tasks.clone())))
            .with_udp_addrs(names);
        let built = guarded("open", builder.build()).await?;
        Ok(Arc::new(built))
    }
}

type BuildResult = Result<Arc<dyn PeerConnection>, TransportError>;

fn settings(srtp: SrtpProfile, tap: Arc<Tap>) -> SettingEngine {
    // exactly one: the library takes the client's first that is allowed
    let profile = match srtp {
        SrtpProfile::Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        SrtpProfile::Cm => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    };
    SettingEngineBuilder::new()
        .with_lite(true)
        .with_include_loopback_candidate(true)
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_answering_dtls_role(RTCDtlsRole::Server)
        .with_srtp_protection_profiles(vec![profile])
        .with_ice_timeouts(Some(ICE_DISCONNECTED), Some(ICE_FAILED), Some(ICE_KEEPALIVE))
        // its sockets are the worker's port, before and after a restart
        .with_discard_local_candidates_during_ice_restart(false)
        .with_sctp_max_receive_buffer_size(DATA_BUFFER_BYTES)
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(DATA_MESSAGE_BYTES))
        .with_crypto_provider(tap)
        .build()
}

#[async_trait]
impl Transports for WebrtcTransports {
    async fn open(&self, how: OpenTransport) -> Result<Arc<dyn PeerTransport>, TransportError> {
        let link = self.media.link(how.worker);
        let notices = Arc::new(Notices::new(how.connection, how.events.clone()));
        let opening = Command::OpenConnection { room: how.room, connection: how.connection, link: link.clone() };
        self.media.send(how.worker, opening).map_err(|e| media_failed(&e))?;
        let pc = match self.build(&how, link, notices.clone()).await {
            Ok(pc) => pc,
            Err(error) => {
                close_connection(&*self.media, how.worker, how.connection).await;
                return Err(error);
            }
        };
        let candidates = host_candidates(&self.media.addrs(how.worker), &self.config.public_addrs);
        let media = self.media.clone();
        Ok(Arc::new(WebrtcTransport::new(Parts { how, media, pc, notices, candidates })))
    }
}

fn media_failed(error: &MediaError) -> TransportError {
    TransportError::Failed(error.to_string())
}

/// Frees a connection's entry at its worker, waiting while the worker's queue is full.
async fn close_connection(media: &dyn MediaPlane, worker: WorkerIndex, connection: ConnectionId) {
    for _ in 0..COMMAND_TRIES {
        match media.send(worker, Command::CloseConnection { connection }) {
            Err(MediaError::Overloaded(_)) => tokio::time::sleep(COMMAND_PAUSE).await,
            Ok(()) | Err(MediaError::Stopped) => return,
        }
    }
    tracing::error!(connection = connection.0, worker = worker.0, "media connection could not be closed");
}
