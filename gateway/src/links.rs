//! The addresses that people and clients are given.
//!
//! **Invariant:** a configured address wins; else the one that the request itself was sent to, which only its sender sees.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use rookery_schemas::ids::Slug;

use crate::origin::host;
use crate::problem::Refused;
use crate::state::AppState;

/// Where this gateway is, as the caller sees it.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    base: String,
    gateways: Vec<String>,
}

impl Links {
    /// Where people go to enter a room.
    pub(crate) fn room(&self, slug: &Slug) -> String {
        format!("{}/r/{slug}", self.base)
    }

    /// WebSocket addresses, best first.
    pub(crate) fn gateways(&self) -> Vec<String> {
        self.gateways.clone()
    }
}

impl FromRequestParts<AppState> for Links {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refused> {
        let config = &state.config;
        let base = config.public_url.as_deref().map_or_else(
            || {
                let scheme = if config.secure() { "https" } else { "http" };
                let host = host(&parts.headers, &parts.uri).unwrap_or_else(|| config.listen.to_string());
                format!("{scheme}://{host}")
            },
            |url| url.trim_end_matches('/').to_owned(),
        );
        let gateways = if config.gateways.is_empty() {
            // http becomes ws, https becomes wss.
            vec![format!("{}/ws", base.replacen("http", "ws", 1))]
        } else {
            config.gateways.clone()
        };
        Ok(Self { base, gateways })
    }
}
