//! The table of settings.
//!
//! **Invariant:** the structs, their defaults, their names and their help are made from the one table below.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use ipnet::IpNet;
use rookery_schemas::ids::NodeId;
use rookery_schemas::limits::{ROOM_PEERS_MAX, SERVER_FRAME_BYTES_MAX};

use super::{Duration, IceServerUrl, Key, Secret, Value};

macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])*
        $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])* $name:ident: $type:ty = $default:literal; )*
        }
    )*) => {
        /// Everything a node is told.
        #[derive(Clone, Debug)]
        pub struct Config {
            $( $(#[doc = $section_doc])* pub $section: $Section, )*
        }

        $(
            $(#[doc = $section_doc])*
            #[derive(Clone, Debug)]
            pub struct $Section {
                $( $(#[doc = $doc])* pub $name: $type, )*
            }
        )*

        /// Every setting, in the order of the table.
        pub const KEYS: &[Key] = &[
            $($( Key {
                path: concat!(stringify!($section), ".", stringify!($name)),
                default: $default,
                meaning: concat!($($doc),*),
            }, )*)*
        ];

        impl Default for Config {
            fn default() -> Self {
                Self {
                    $( $section: $Section {
                        $( $name: default::<$type>($default), )*
                    }, )*
                }
            }
        }

        impl Config {
            /// Sets one setting; `None` if there is no such.
            pub(super) fn set(&mut self, path: &str, value: &toml::Value) -> Option<Result<(), String>> {
                match path {
                    $($(
                        concat!(stringify!($section), ".", stringify!($name)) => {
                            Some(<$type as Value>::from_toml(value).map(|value| self.$section.$name = value))
                        }
                    )*)*
                    _ => None,
                }
            }
        }
    };
}

#[expect(clippy::panic, reason = "a default that does not parse is a mistake in the table; a test reads each")]
fn default<T: Value>(text: &str) -> T {
    match T::from_text(text) {
        Ok(value) => value,
        Err(problem) => panic!("a default of the table does not parse: {problem}"),
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

impl Value for LogFormat {
    fn from_text(text: &str) -> Result<Self, String> {
        match text.trim() {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            other => Err(format!("{other:?} is not human or json")),
        }
    }
}

settings! {
    /// This process.
    node: Node {
        /// This node's name, unique in its cluster.
        id: NodeId = "node-1";
        /// Folder for everything that lasts; made if absent, readable by its owner only.
        data: PathBuf = "data";
        /// How long a stopping node lets requests and calls end.
        drain: Duration = "30s";
    }
    /// The main listener.
    http: Http {
        /// Address to listen on; `::` takes IPv4 and IPv6.
        bind: IpAddr = "::";
        /// TCP port.
        port: u16 = "8080";
        /// What people type, e.g. https://meet.example; from `port` if empty.
        public_url: Option<String> = "";
        /// Proxies whose X-Forwarded-For is believed, as addresses or networks.
        trusted_proxies: Vec<IpNet> = "";
        /// Other origins whose pages may call this one, e.g. https://app.example.
        allowed_origins: Vec<String> = "";
        /// WebSocket addresses of every gateway, e.g. wss://a.meet.example/ws; this one's own if empty.
        gateways: Vec<String> = "";
        /// Connections at once; more are closed at once.
        connections_max: u32 = "10000";
        /// Bytes of a request's body.
        body_bytes_max: u32 = "65536";
        /// Time for one request, from its first byte to its answer.
        request_timeout: Duration = "10s";
    }
    /// HTTPS and WSS, where both files are given.
    tls: Tls {
        /// PEM file with the certificate and its chain; read again when it changes.
        certificate: Option<PathBuf> = "";
        /// PEM file with the private key; read again when it changes.
        key: Option<PathBuf> = "";
    }
    /// The listener for operators: /metrics.
    admin: Admin {
        /// Address to listen on; loopback keeps it private.
        bind: IpAddr = "127.0.0.1";
        /// TCP port; 0 means http.port + 1000.
        port: u16 = "0";
        /// Let operators make a room's actors fail by POST /faults/ROOM/TARGET, to see that calls go on.
        faults: bool = "false";
    }
    /// Voice and pictures.
    media: Media {
        /// Addresses to bind; empty means every address family of this machine.
        bind: Vec<IpAddr> = "";
        /// First UDP port, worker i uses port + i; 0 means one that follows from http.port.
        port: u16 = "0";
        /// Media threads; 0 means one for each core, at most 16.
        workers: u16 = "0";
        /// Pin each thread to a core.
        pin_cores: bool = "false";
        /// Addresses that clients reach this node at, where they are not this machine's own (NAT).
        public_addresses: Vec<IpAddr> = "";
        /// Two people alone in a meeting, both with an account, are connected to each other directly. They learn each other's
        /// addresses by it.
        direct: bool = "true";
        /// STUN and TURN servers told to clients; this node's own media port, which answers STUN, if empty.
        ice_servers: Vec<IceServerUrl> = "";
        /// Secret shared with the TURN servers, for credentials that run out (coturn: use-auth-secret).
        turn_secret: Option<Secret> = "";
        /// How long such credentials are good; clients of longer calls get fresh ones.
        turn_lifetime: Duration = "12h";
    }
    /// One client's socket.
    websocket: WebSocket {
        /// Messages a second from one socket.
        messages_per_second: u32 = "50";
        /// Messages at once from one socket.
        messages_burst: u32 = "200";
        /// Sockets of this node.
        sockets_max: u32 = "10000";
        /// Sockets of one user.
        sockets_per_user_max: u32 = "20";
        /// Bytes waiting for one slow reader.
        queue_bytes_max: u32 = "1048576";
        /// A socket whose reader takes nothing for this long is cut.
        stall_timeout: Duration = "10s";
    }
    /// Rooms.
    room: Room {
        /// People in a meeting whose maker named no number.
        peers_default: u32 = "100";
    }
    /// Accounts and tokens.
    auth: Auth {
        /// Who issues the tokens; the public address if empty.
        issuer: Option<String> = "";
        /// Life of a refresh token.
        refresh_lifetime: Duration = "7d";
        /// The former refresh token is still taken for this long, for two tabs at once.
        refresh_grace: Duration = "10s";
        /// Memory of one password hash, KiB (argon2id).
        argon2_memory_kib: u32 = "19456";
        /// Passes of one password hash.
        argon2_passes: u32 = "2";
    }
    /// How much one caller may ask for, of each node: a cluster's nodes do not count together.
    limits: Limits {
        /// New accounts of one address in an hour.
        registrations_per_hour: u32 = "10";
        /// Sign-ins, good or bad, of one address in a minute.
        logins_per_minute: u32 = "60";
        /// New rooms of one address in an hour.
        rooms_per_hour: u32 = "5";
        /// Failed passwords of one room and address in a minute.
        room_passwords_per_minute: u32 = "10";
        /// Joins of one user or guest's address in a second.
        joins_per_second: u32 = "5";
        /// Requests of one user, or of one address without one, in a minute.
        requests_per_minute: u32 = "100";
    }
    /// What is written to standard error.
    log: Log {
        /// `human` or `json`.
        format: LogFormat = "human";
        /// As in RUST_LOG: `info`, or `info,rookery_actors=debug`.
        filter: String = "info";
    }
}

/// From the main port to the admin port: upwards, or downwards where there is no such port.
const ADMIN_PORT_APART: u16 = 1_000;

/// KiB of one password hash: 8 for its one lane at the least (RFC 9106, section 3.1), and 4 GiB.
const ARGON2_MEMORY_KIB: RangeInclusive<u32> = 8..=4_194_304;

/// People of a meeting at the least.
const ROOM_PEERS_MIN: u32 = 2;

/// UDP ports kept apart for one node by [`Config::media_port`]: as many workers fit.
const MEDIA_PORTS_PER_NODE: u16 = 16;

impl Config {
    /// The admin port, following `http.port` unless named.
    #[must_use]
    pub fn admin_port(&self) -> u16 {
        match self.admin.port {
            0 if self.http.port == 0 => 0,
            0 => self.http.port.checked_add(ADMIN_PORT_APART).unwrap_or_else(|| self.http.port - ADMIN_PORT_APART),
            named => named,
        }
    }

    /// The first media port, following `http.port` unless named: below the range that systems give to clients (32768 on
    /// Linux), with [`MEDIA_PORTS_PER_NODE`] between neighbours so that two nodes run side by side.
    #[must_use]
    pub fn media_port(&self) -> u16 {
        match self.media.port {
            0 if self.http.port == 0 => 0,
            0 => 10_000 + self.http.port % 1_024 * MEDIA_PORTS_PER_NODE,
            named => named,
        }
    }

    /// Whether HTTPS is served.
    #[must_use]
    pub fn https(&self) -> bool {
        self.tls.certificate.is_some()
    }

    /// What people type, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> String {
        self.http.public_url.as_deref().map_or_else(
            || format!("{}://localhost:{}", if self.https() { "https" } else { "http" }, self.http.port),
            |url| url.trim_end_matches('/').to_owned(),
        )
    }

    /// Settings that do not fit together, a sentence each.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            problems.push("tls.certificate and tls.key go together: give both or neither".to_owned());
        }
        if self.media.workers > MEDIA_PORTS_PER_NODE && self.media.port == 0 {
            problems.push(format!("media.workers above {MEDIA_PORTS_PER_NODE} needs media.port"));
        }
        if u32::from(self.media_port()) + u32::from(self.media.workers) > 65_536 {
            problems.push("media.port + media.workers is beyond 65535".to_owned());
        }
        let urls = self.http.public_url.iter().chain(&self.http.allowed_origins);
        for url in urls.filter(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            problems.push(format!("{url:?} is not an address like https://meet.example"));
        }
        for url in self.http.gateways.iter().filter(|url| !url.starts_with("ws://") && !url.starts_with("wss://")) {
            problems.push(format!("http.gateways: {url:?} is not an address like wss://meet.example/ws"));
        }
        if self.http.port != 0 && self.admin_port() == self.http.port {
            problems.push("admin.port must be another than http.port".to_owned());
        }
        problems.extend(self.out_of_range());
        problems
    }

    fn out_of_range(&self) -> Vec<String> {
        let (http, websocket, limits, auth) = (&self.http, &self.websocket, &self.limits, &self.auth);
        let any = 1..=u32::MAX;
        let frame = u32::try_from(SERVER_FRAME_BYTES_MAX).unwrap_or(u32::MAX);
        let numbers = [
            ("http.connections_max", http.connections_max, any.clone()),
            ("http.body_bytes_max", http.body_bytes_max, any.clone()),
            ("websocket.messages_per_second", websocket.messages_per_second, any.clone()),
            ("websocket.messages_burst", websocket.messages_burst, any.clone()),
            ("websocket.sockets_max", websocket.sockets_max, any.clone()),
            ("websocket.sockets_per_user_max", websocket.sockets_per_user_max, any.clone()),
            ("websocket.queue_bytes_max", websocket.queue_bytes_max, frame..=u32::MAX),
            ("room.peers_default", self.room.peers_default, ROOM_PEERS_MIN..=ROOM_PEERS_MAX),
            ("limits.registrations_per_hour", limits.registrations_per_hour, any.clone()),
            ("limits.logins_per_minute", limits.logins_per_minute, any.clone()),
            ("limits.rooms_per_hour", limits.rooms_per_hour, any.clone()),
            ("limits.room_passwords_per_minute", limits.room_passwords_per_minute, any.clone()),
            ("limits.joins_per_second", limits.joins_per_second, any.clone()),
            ("limits.requests_per_minute", limits.requests_per_minute, any.clone()),
            ("auth.argon2_memory_kib", auth.argon2_memory_kib, ARGON2_MEMORY_KIB),
            ("auth.argon2_passes", auth.argon2_passes, any),
        ];
        let spans = [
            ("http.request_timeout", http.request_timeout),
            ("websocket.stall_timeout", websocket.stall_timeout),
            ("auth.refresh_lifetime", auth.refresh_lifetime),
        ];
        let numbers =
            numbers.into_iter().filter(|(_, value, range)| !range.contains(value)).map(|(name, _, range)| match range
                .into_inner()
            {
                (least, u32::MAX) => format!("{name} must be at least {least}"),
                (least, most) => format!("{name} must be from {least} to {most}"),
            });
        let spans = spans.into_iter().filter(|(_, span)| span.0.is_zero());
        numbers.chain(spans.map(|(name, _)| format!("{name} must be longer than 0s"))).collect()
    }
}
