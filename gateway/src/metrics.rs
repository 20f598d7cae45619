//! What a gateway counts.
//!
//! **Invariant:** labels come from fixed sets (route templates, methods, status codes, error codes): no caller can make a new
//! series.

use axum::http::Method;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

/// Buckets in seconds around the promise of 200 ms, with the hash of a sign-in above.
const LATENCY_BUCKETS: &[f64] = &[0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 10.0];

/// The gateway's metrics, all registered.
#[derive(Clone)]
pub struct Metrics {
    /// Where they are registered, for more (sockets) and for `/metrics`.
    pub registry: Registry,
    /// Seconds from a request's headers to its answer's, by route, method and status.
    pub requests: HistogramVec,
    /// Refusals by code, over HTTP.
    pub errors: IntCounterVec,
    /// Joins by phase (`ticket`) and code (`ok` or an error code).
    pub joins: IntCounterVec,
    /// Sign-ins and their like by what came of them: `login`, `refresh` ... and a code.
    pub sign_ins: IntCounterVec,
    /// Open TCP connections.
    pub connections: IntGauge,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// If a name is registered already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            registry: registry.clone(),
            requests: HistogramVec::new(
                HistogramOpts::new("rookery_http_request_seconds", "Time from a request's headers to its answer's")
                    .buckets(LATENCY_BUCKETS.to_vec()),
                &["route", "method", "status"],
            )?,
            errors: IntCounterVec::new(Opts::new("rookery_errors_total", "Refusals by code"), &["interface", "code"])?,
            joins: IntCounterVec::new(Opts::new("rookery_joins_total", "Joins by phase and code"), &["phase", "code"])?,
            sign_ins: IntCounterVec::new(
                Opts::new("rookery_sign_ins_total", "Sign-ins, refreshes and their like, by code"),
                &["what", "code"],
            )?,
            connections: IntGauge::new("rookery_http_connections", "Open TCP connections")?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.errors.clone()))?;
        registry.register(Box::new(metrics.joins.clone()))?;
        registry.register(Box::new(metrics.sign_ins.clone()))?;
        registry.register(Box::new(metrics.connections.clone()))?;
        Ok(metrics)
    }

    /// A refusal over `interface`, `http` or `ws`.
    pub fn refused(&self, interface: &'static str, code: rookery_schemas::error::ErrorCode) {
        self.errors.with_label_values(&[interface, code.as_str()]).inc();
    }
}

/// A method as a label: unknown ones share one.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
