//! STUN and TURN servers as clients are told of them.
//!
//! **Invariant:** no lasting TURN password leaves the server: credentials are made for one person and run out.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rookery_schemas::ids::UnixMillis;
use rookery_schemas::signal::IceServer;

use crate::config::IceConfig;

/// Longer than most calls: TURN checks the time when an allocation is made or refreshed. A client of a longer one asks again.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(12 * 3_600);

/// One entry for all STUN addresses, one for all TURN addresses with credentials of their own
/// (draft-uberti-behave-turn-rest-00, which coturn calls `use-auth-secret`).
pub(crate) fn servers(config: &IceConfig, who: &str, now: UnixMillis) -> Vec<IceServer> {
    let (turn, stun): (Vec<String>, Vec<String>) =
        config.urls.iter().cloned().partition(|url| url.starts_with("turn:") || url.starts_with("turns:"));
    let mut servers = Vec::new();
    if !stun.is_empty() {
        servers.push(IceServer { urls: stun, username: None, credential: None, lifetime_ms: None });
    }
    if !turn.is_empty() {
        let lifetime = if config.turn_lifetime.is_zero() { LIFETIME_DEFAULT } else { config.turn_lifetime };
        let credentials = config.turn_secret.as_deref().map(|secret| credentials(lifetime, secret, who, now));
        let lifetime_ms = credentials.as_ref().and_then(|_| u64::try_from(lifetime.as_millis()).ok());
        let (username, credential) = credentials.unzip();
        servers.push(IceServer { urls: turn, username, credential, lifetime_ms });
    }
    servers
}

fn credentials(lifetime: Duration, secret: &str, who: &str, now: UnixMillis) -> (String, String) {
    let ends = (now.0 / 1_000).saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
    let username = format!("{ends}:{who}");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let credential = STANDARD.encode(hmac::sign(&key, username.as_bytes()));
    (username, credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turn_users_are_made_for_a_time() {
        let config = IceConfig {
            urls: vec!["stun:a".into(), "turn:b?transport=udp".into(), "turns:c".into()],
            turn_secret: Some("north".into()),
            turn_lifetime: Duration::from_secs(60),
        };
        let made = servers(&config, "u1", UnixMillis(1_000_000));
        assert_eq!(
            made[0],
            IceServer { urls: vec!["stun:a".into()], username: None, credential: None, lifetime_ms: None }
        );
        assert_eq!(made[1].urls, ["turn:b?transport=udp", "turns:c"]);
        assert_eq!((made[1].username.as_deref(), made[1].lifetime_ms), (Some("1060:u1"), Some(60_000)));
        // printf 1060:u1 | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(made[1].credential.as_deref(), Some("Pg/4ahlPdTNpYR9S4NJGNAxteIA="));
        assert!(servers(&IceConfig::default(), "u1", UnixMillis(0)).is_empty());
    }
}
