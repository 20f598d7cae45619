//! Log lines: for a terminal or as JSON, with the spans' ids, on standard error.
//!
//! **Invariant:** libraries are held to warnings, and those that warn for every handshake to errors, unless the filter names
//! them.

use rookery_cluster_config::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries that say at `warn` or `info` what is normal to us: three lines for every ClientHello, for one.
const QUIET: &str = "rtc=error,rtc_ice=error,rtc_dtls=error,rtc_sctp=error,rtc_mdns=error,webrtc=error,hyper=warn,rustls=warn";

/// Starts logging for the whole process, once.
///
/// # Errors
/// A sentence, if the filter cannot be read or logging was started before.
pub fn start(log: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", log.filter))
        .map_err(|problem| format!("log.filter: {:?} is not a filter: {problem}", log.filter))?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match log.format {
        LogFormat::Human => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(|problem| problem.to_string())
}
