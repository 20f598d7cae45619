//! How a setting's text or TOML becomes a value.
//!
//! **Invariant:** a problem is one sentence that names what was expected.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use rookery_schemas::ids::NodeId;

/// Something a setting can hold.
pub trait Value: Sized {
    /// Reads it from the command line or the environment.
    ///
    /// # Errors
    /// A sentence saying what was expected.
    fn from_text(text: &str) -> Result<Self, String>;

    /// Reads it from a file; by default from the text that the TOML value prints as.
    ///
    /// # Errors
    /// A sentence saying what was expected.
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            toml::Value::Integer(number) => Self::from_text(&number.to_string()),
            toml::Value::Float(number) => Self::from_text(&number.to_string()),
            toml::Value::Boolean(flag) => Self::from_text(&flag.to_string()),
            other => Err(format!("a {} is not expected here", other.type_str())),
        }
    }
}

macro_rules! by_parsing {
    ($($type:ty: $what:literal),* $(,)?) => {$(
        impl Value for $type {
            fn from_text(text: &str) -> Result<Self, String> {
                text.trim().parse().map_err(|_| format!(concat!("{:?} is not ", $what), text))
            }
        }
    )*};
}

by_parsing! {
    u8: "a whole number from 0 to 255",
    u16: "a whole number from 0 to 65535",
    u32: "a whole number",
    u64: "a whole number",
    bool: "true or false",
    IpAddr: "an IP address",
    NodeId: "a node name (1 to 63 of a-z, 0-9 and '-')",
}

impl Value for String {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("a path is expected".to_owned()) } else { Ok(text.into()) }
    }
}

impl Value for IpNet {
    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| format!("{text:?} is not an address or network like 10.0.0.0/8"))
    }
}

/// An empty text is `None`.
impl<T: Value> Value for Option<T> {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() { Ok(None) } else { T::from_text(text).map(Some) }
    }
}

/// Written with commas, or as a TOML array.
impl<T: Value> Value for Vec<T> {
    fn from_text(text: &str) -> Result<Self, String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(T::from_text).collect()
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Array(items) => items.iter().map(T::from_toml).collect(),
            toml::Value::String(text) => Self::from_text(text),
            other => Err(format!("a list is expected, not a {}", other.type_str())),
        }
    }
}

/// A time span, written with its unit: `500ms`, `10s`, `15m`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub std::time::Duration);

impl Value for Duration {
    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor_ms = match text.get(digits.len()..) {
            Some("ms") => 1,
            Some("s") => 1_000,
            Some("m") => 60_000,
            Some("h") => 3_600_000,
            Some("d") => 86_400_000,
            _ => 0,
        };
        let millis = digits.trim().parse::<u64>().ok().and_then(|n| n.checked_mul(factor_ms)).filter(|_| factor_ms > 0);
        millis
            .map(|ms| Self(std::time::Duration::from_millis(ms)))
            .ok_or_else(|| format!("{text:?} is not a time span like 500ms, 10s, 15m, 2h or 7d"))
    }
}

/// Something that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl Value for Secret {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

/// The address of a STUN or TURN server (RFC 7064, 7065).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServerUrl(pub String);

impl Value for IceServerUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let known = ["stun:", "stuns:", "turn:", "turns:"].iter().any(|scheme| text.starts_with(scheme));
        if known { Ok(Self(text.to_owned())) } else { Err(format!("{text:?} is not a stun: or turn: address")) }
    }
}
