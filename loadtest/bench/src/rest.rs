//! How long the REST interface takes under load, sign-in apart, which is slow on purpose.
//!
//! **Invariant:** a request that was refused is no figure.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use rookery_loadtest::api::Call;
use rookery_loadtest::stats::Histogram;
use rookery_loadtest::{Api, clock};
use rookery_schemas::rest::Join;
use tokio::task::JoinSet;

use crate::figures::{count, figure, void};
use crate::node::Node;
use crate::room::Room;

const REQUESTS_PER_SECOND: u32 = 200;
const TIME: Duration = Duration::from_secs(10);

/// Requests of each kind in turn.
pub(crate) async fn measure(rookery: &Path) -> anyhow::Result<()> {
    let node = Node::start(rookery).await?;
    let host = Arc::new(node.account("rest").await?);
    let slug = Room::of(&host, "Rest").await?;
    let routes: [(&'static str, Call); 5] = [
        ("me", Call::new(Method::GET, "me")),
        ("rooms", Call::new(Method::GET, "rooms")),
        ("room", Call::new(Method::GET, format!("rooms/{slug}"))),
        ("messages", Call::new(Method::GET, format!("rooms/{slug}/messages"))),
        ("join", Call::new(Method::POST, format!("rooms/{slug}/join")).json(&Join::default())),
    ];
    host.join(slug.as_str(), &Join::default()).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / REQUESTS_PER_SECOND);
    let end = tokio::time::Instant::now() + TIME;
    let mut waiting: JoinSet<anyhow::Result<(&'static str, u64, u16)>> = JoinSet::new();
    let mut times: HashMap<&'static str, Histogram> = HashMap::new();
    let mut turn = 0_usize;
    while tokio::time::Instant::now() < end {
        ticks.tick().await;
        let Some((name, call)) = routes.get(turn % routes.len()).cloned() else { break };
        turn += 1;
        waiting.spawn(ask(host.clone(), name, call));
    }
    let mut refused = 0;
    while let Some(done) = waiting.join_next().await {
        let (name, us, status) = done??;
        refused += u32::from(!(200..300).contains(&status));
        times.entry(name).or_default().record(us);
    }
    for (name, _) in &routes {
        let Some(times) = times.get(name) else { continue };
        println!(
            "rest {name}: {} requests, p50 {} us, p95 {} us, longest {} us",
            times.count(),
            times.p50(),
            times.p95(),
            times.max()
        );
        if refused > 0 {
            void(&format!("rest_{name}_p95"), "requests were refused");
        } else {
            figure(&format!("rest_{name}_p95"), count(times.p95()) / 1e3, "ms");
        }
    }
    Ok(())
}

async fn ask(api: Arc<Api>, name: &'static str, call: Call) -> anyhow::Result<(&'static str, u64, u16)> {
    let began = clock::micros();
    let answer = api.call(call).await?;
    Ok((name, clock::micros() - began, answer.status))
}
