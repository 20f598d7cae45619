//! What a gateway is told, as plain data; the node fills it from its own configuration.
//!
//! **Invariant:** every field has a default that is safe for the open Internet.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use rookery_schemas::limits::ROOM_PEERS_DEFAULT;

/// Everything a gateway is told.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Where the main listener binds; port 0 takes a free one. 127.0.0.1:8080.
    pub listen: SocketAddr,
    /// Certificate files, for HTTPS and WSS. None: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// What people type, e.g. `https://meet.example`, without a slash at its end. None: taken from each request's `Host`.
    pub public_url: Option<String>,
    /// Peers whose forwarding headers are believed. None.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins besides our own whose pages may call us, e.g. `https://app.example`. None.
    pub allowed_origins: Vec<String>,
    /// WebSocket addresses of every gateway, e.g. `wss://a.example/ws`. Empty: the one of each request's `Host`.
    pub gateways: Vec<String>,
    /// STUN and TURN servers, and how their users are known.
    pub ice: IceConfig,
    /// Connections at once; more are closed at once, so that those there are keep their pace. 10,000.
    pub connections_max: usize,
    /// Connections at once of one address (an IPv6 /64), trusted proxies and loopback apart. 1,000: a large office behind
    /// one address fits.
    pub connections_per_address_max: usize,
    /// Bytes of a request's body. 64 KiB.
    pub body_bytes_max: usize,
    /// From a connection's or request's first moment to the end of its headers; idle connections close after it too. 10 s.
    pub header_timeout: Duration,
    /// From the end of the headers to the answer. 10 s.
    pub request_timeout: Duration,
    /// How long requests and sockets may take to end when the gateway stops. 30 s.
    pub drain_timeout: Duration,
    /// How long an answer over the bus may take. 2 s.
    pub bus_timeout: Duration,
    /// Signing in.
    pub auth: AuthConfig,
    /// How much one caller may ask for.
    pub limits: LimitsConfig,
    /// People in a meeting whose maker named no number. 100.
    pub peers_default: u32,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            tls: None,
            public_url: None,
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
            gateways: Vec::new(),
            ice: IceConfig::default(),
            connections_max: 10_000,
            connections_per_address_max: 1_000,
            body_bytes_max: 64 * 1024,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            bus_timeout: Duration::from_secs(2),
            auth: AuthConfig::default(),
            limits: LimitsConfig::default(),
            peers_default: ROOM_PEERS_DEFAULT,
        }
    }
}

impl GatewayConfig {
    /// Whether people reach us by HTTPS: by our own certificate, or through a proxy that has one.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.tls.is_some() || self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }
}

/// PEM files for HTTPS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// How often the files are looked at. 5 s.
    pub poll: Duration,
}

/// STUN and TURN servers told to clients.
#[derive(Clone, Default)]
pub struct IceConfig {
    /// `stun:` and `turn:` addresses (RFC 7064, 7065). None: our media port answers STUN itself.
    pub urls: Vec<String>,
    /// The secret shared with the TURN servers, for time-limited credentials (`use-auth-secret` of coturn).
    pub turn_secret: Option<String>,
    /// How long such credentials live; default (zero) is 12 h, longer than a call.
    pub turn_lifetime: Duration,
}

impl std::fmt::Debug for IceConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceConfig").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Signing in.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// Life of a refresh token, and of a device without use. 7 days.
    pub refresh_lifetime: Duration,
    /// The former refresh token is still taken for this long, for two tabs at once. 10 s.
    pub refresh_grace: Duration,
    /// Memory of one password hash, KiB. 19,456 (OWASP's first choice for argon2id).
    pub argon2_memory_kib: u32,
    /// Passes of one password hash. 2.
    pub argon2_passes: u32,
    /// Hashes computed at once. One for each core.
    pub hashes_at_once: usize,
    /// Hashes waiting for their turn; more are refused as `overloaded`. 64: about two seconds' work of two cores.
    pub hashes_waiting_max: usize,
    /// Failed sign-ins of one account before each further one costs time. 5.
    pub failures_free: u32,
    /// The same of one address. 20.
    pub address_failures_free: u32,
    /// The first wait; it doubles with each failure. 1 s.
    pub lockout_first: Duration,
    /// The longest wait. 15 min.
    pub lockout_max: Duration,
    /// Failures are forgotten after this long without another. 24 h.
    pub lockout_forget: Duration,
    /// How long a device that signed in is known, and so spared from lockout. 180 days.
    pub device_lifetime: Duration,
}

impl Default for AuthConfig {
    fn default() -> Self {
        const DAY: u64 = 24 * 3_600;
        Self {
            refresh_lifetime: Duration::from_secs(7 * DAY),
            refresh_grace: Duration::from_secs(10),
            argon2_memory_kib: 19_456,
            argon2_passes: 2,
            hashes_at_once: std::thread::available_parallelism().map_or(1, usize::from),
            hashes_waiting_max: 64,
            failures_free: 5,
            address_failures_free: 20,
            lockout_first: Duration::from_secs(1),
            lockout_max: Duration::from_secs(15 * 60),
            lockout_forget: Duration::from_secs(DAY),
            device_lifetime: Duration::from_secs(180 * DAY),
        }
    }
}

/// How much one caller may ask for. A limit of n in a time lets n through at once and then one each n-th of that time.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// New accounts of one address in an hour. 10.
    pub registrations_per_hour: u32,
    /// Sign-ins, good or bad, of one address in a minute. 60.
    pub logins_per_minute: u32,
    /// New rooms of one address in an hour. 5.
    pub rooms_per_hour: u32,
    /// Failed passwords of one room and address in a minute. 10.
    pub room_passwords_per_minute: u32,
    /// Joins of one user, or one guest's address, in a second. 5.
    pub joins_per_second: u32,
    /// Requests of one user, or of one address without one, in a minute. 100.
    pub requests_per_minute: u32,
    /// Callers remembered by each limit; the least recently seen is forgotten first. 100,000: 15 MB.
    pub callers_max: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            registrations_per_hour: 10,
            logins_per_minute: 60,
            rooms_per_hour: 5,
            room_passwords_per_minute: 10,
            joins_per_second: 5,
            requests_per_minute: 100,
            callers_max: 100_000,
        }
    }
}
