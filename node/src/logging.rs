//! Log lines: for a terminal or as JSON, with the spans' ids, on standard error.
//!
//! **Invariant:** libraries that warn for every handshake are held to errors, unless the filter names them; and whatever the
//! filter says, libraries say nothing below `info`: there they show what passes through them, tokens and messages too.

use rookery_cluster_config::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What our own crates' names begin with.
const OURS: &str = "rookery";

/// Starts logging for the whole process, once.
///
/// # Errors
/// A sentence, if the filter cannot be read or logging was started before.
pub fn start(log: &Log) -> Result<(), String> {
    let quiet = rookery_actors::transport::webrtc::LOG_DIRECTIVES.join(",");
    let filter = EnvFilter::try_new(format!("{quiet},{}", log.filter))
        .map_err(|problem| format!("log.filter: {:?} is not a filter: {problem}", log.filter))?;
    let cap = Targets::new().with_default(LevelFilter::INFO).with_target(OURS, LevelFilter::TRACE);
    let registry = tracing_subscriber::registry().with(cap).with(filter);
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    match log.format {
        LogFormat::Human => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(|problem| problem.to_string())
}
