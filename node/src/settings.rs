//! One table of settings, told to each part in its own words.
//!
//! **Invariant:** every setting ends up in exactly one part; parts know nothing of the table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::time::Duration;

use rookery_cluster_config::config::Config;
use rookery_gateway::GatewayConfig;
use rookery_gateway::config::{AuthConfig, IceConfig, LimitsConfig, TlsFiles};
use rookery_gateway::ws::WsConfig;

/// How often certificate files are looked at.
const TLS_POLL: Duration = Duration::from_secs(5);

/// The gateway's part. `media` are the addresses of the first worker.
#[must_use]
pub(crate) fn gateway(config: &Config, media: &[SocketAddr]) -> GatewayConfig {
    let (http, limits, auth) = (&config.http, &config.limits, &config.auth);
    GatewayConfig {
        listen: SocketAddr::new(reachable(http.bind), http.port),
        tls: tls(config),
        public_url: http.public_url.as_ref().map(|_| config.public_url()),
        trusted_proxies: http.trusted_proxies.clone(),
        allowed_origins: http.allowed_origins.clone(),
        gateways: http.gateways.clone(),
        ice: IceConfig {
            urls: ice_urls(config, media),
            turn_secret: config.media.turn_secret.as_ref().map(|secret| secret.0.clone()),
            turn_lifetime: config.media.turn_lifetime.0,
        },
        connections_max: http.connections_max as usize,
        body_bytes_max: http.body_bytes_max as usize,
        request_timeout: http.request_timeout.0,
        drain_timeout: config.node.drain.0,
        auth: AuthConfig {
            refresh_lifetime: auth.refresh_lifetime.0,
            refresh_grace: auth.refresh_grace.0,
            argon2_memory_kib: auth.argon2_memory_kib,
            argon2_passes: auth.argon2_passes,
            ..AuthConfig::default()
        },
        limits: LimitsConfig {
            registrations_per_hour: limits.registrations_per_hour,
            logins_per_minute: limits.logins_per_minute,
            rooms_per_hour: limits.rooms_per_hour,
            room_passwords_per_minute: limits.room_passwords_per_minute,
            joins_per_second: limits.joins_per_second,
            requests_per_minute: limits.requests_per_minute,
            ..LimitsConfig::default()
        },
        peers_default: config.room.peers_default,
        ..GatewayConfig::default()
    }
}

/// The certificate's files.
#[must_use]
pub(crate) fn tls(config: &Config) -> Option<TlsFiles> {
    let files = config.tls.certificate.clone().zip(config.tls.key.clone());
    files.map(|(certificate, key)| TlsFiles { certificate, key, poll: TLS_POLL })
}

/// The sockets' part.
#[must_use]
pub(crate) fn websocket(config: &Config) -> WsConfig {
    let told = &config.websocket;
    let at_least_one = |value: u32| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
    WsConfig {
        sockets_max: told.sockets_max as usize,
        sockets_per_user_max: told.sockets_per_user_max as usize,
        messages_per_second: at_least_one(told.messages_per_second),
        messages_burst: at_least_one(told.messages_burst),
        queue_bytes_max: told.queue_bytes_max as usize,
        stall_max: told.stall_timeout.0,
        direct: config.media.direct,
        ..WsConfig::default()
    }
}

/// The servers that are named, else our own media port, which tells whoever asks how it is seen: two people behind routers
/// need that to find each other. One address of each family is enough.
fn ice_urls(config: &Config, media: &[SocketAddr]) -> Vec<String> {
    let told = &config.media;
    if !told.ice_servers.is_empty() || !told.direct {
        return told.ice_servers.iter().map(|url| url.0.clone()).collect();
    }
    let public = media.first().into_iter().flat_map(|first| {
        let port = first.port();
        told.public_addresses.iter().map(move |ip| SocketAddr::new(*ip, port))
    });
    let bound = media.iter().copied().filter(|_| told.public_addresses.is_empty());
    let reached: Vec<SocketAddr> = public.chain(bound).filter(|at| !at.ip().is_loopback()).collect();
    let first = |v6: bool| reached.iter().find(move |at| at.is_ipv6() == v6);
    [first(false), first(true)].into_iter().flatten().map(|at| format!("stun:{at}")).collect()
}

/// `::` where the system has IPv6, else the same for IPv4.
fn reachable(bind: IpAddr) -> IpAddr {
    let any_v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    if bind == any_v6 && TcpListener::bind(SocketAddr::new(any_v6, 0)).is_err() {
        return IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    }
    bind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_of_our_own_port_where_no_server_is_named() -> Result<(), std::net::AddrParseError> {
        let at = |all: &[&str]| all.iter().map(|one| one.parse()).collect::<Result<Vec<SocketAddr>, _>>();
        let media = at(&["192.0.2.7:9000", "198.51.100.7:9000", "[2001:db8::7]:9000", "127.0.0.1:9000"])?;
        let mut config = Config::default();
        assert_eq!(ice_urls(&config, &media), ["stun:192.0.2.7:9000", "stun:[2001:db8::7]:9000"]);
        assert!(ice_urls(&config, &at(&["127.0.0.1:9000"])?).is_empty());
        config.media.public_addresses = vec!["203.0.113.9".parse()?];
        assert_eq!(ice_urls(&config, &media), ["stun:203.0.113.9:9000"]);
        config.media.direct = false;
        assert!(ice_urls(&config, &media).is_empty());
        Ok(())
    }
}
