//! One client of a load: enters, publishes, follows everyone, and leaves when the time is over.
//!
//! **Invariant:** whatever it meets ends in its [`Outcome`], never in a silent stop.

use std::time::{Duration, Instant};

use rookery_schemas::ids::Slug;
use rookery_schemas::rest::Join;

use super::Load;
use crate::client::{Client, ClientOptions};
use crate::rtc::{MediaOptions, MediaStats};
use crate::stats::Histogram;
use crate::{Api, Error, TrackSpec, clock};

/// A step of following others may take this long; slots are negotiated in it.
const STEP_TIME: Duration = Duration::from_secs(15);
/// How long the last packets may still be on their way before the figures are read.
const SETTLE_TIME: Duration = Duration::from_millis(500);

/// What one client met.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) began_us: u64,
    pub(super) joined_us: Option<u64>,
    pub(super) sent: Option<MediaStats>,
    pub(super) received: Option<MediaStats>,
    pub(super) pings_us: Histogram,
    pub(super) event_gaps: u64,
    pub(super) errors: Vec<String>,
}

pub(super) async fn run(load: Load, api: Api, slug: Slug, number: usize, end: Instant) -> Outcome {
    let mut outcome = Outcome { began_us: clock::micros(), ..Outcome::default() };
    if let Err(error) = live(&load, &api, &slug, number, end, &mut outcome).await {
        outcome.errors.push(name_of(&error));
    }
    outcome
}

async fn live(
    load: &Load,
    api: &Api,
    slug: &Slug,
    number: usize,
    end: Instant,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let join = Join { display_name: Some(format!("Guest {number}")), password: None };
    let client = Client::enter(api, slug.as_str(), &join, options(load, number)).await?;
    outcome.joined_us = Some(client.entered_us().1);
    let specs: Vec<TrackSpec> = [load.audio.map(TrackSpec::Audio), load.video.map(TrackSpec::Video)]
        .into_iter()
        .flatten()
        .filter(|_| number < load.publishers)
        .collect();
    let lived = tokio::try_join!(publish(&client, &specs), stay(&client, load.follows, end));
    tokio::time::sleep(SETTLE_TIME).await;
    outcome.sent = client.sent().await.ok();
    outcome.received = client.received().await.ok();
    outcome.pings_us = client.pings_us();
    outcome.event_gaps = client.look(|view| view.event_gaps + view.events_missed);
    outcome.errors.extend(client.look(|view| view.negotiation_errors.clone()).iter().map(|_| "negotiation".to_owned()));
    lived?;
    client.leave().await
}

fn options(load: &Load, number: usize) -> ClientOptions {
    let media = MediaOptions {
        local: load.local,
        srtp: load.srtp,
        up: load.up,
        down: load.down,
        seed: load.seed.wrapping_add(number as u64),
        allow_remote: load.allow_remote,
        estimate_from_bps: None,
    };
    ClientOptions { media, ..ClientOptions::default() }
}

async fn publish(client: &Client, specs: &[TrackSpec]) -> Result<(), Error> {
    if !specs.is_empty() {
        client.publish(specs).await?;
    }
    Ok(())
}

/// Is there until the end; follows the others, or not.
async fn stay(client: &Client, follows: bool, end: Instant) -> Result<(), Error> {
    if follows {
        return follow(client, end).await;
    }
    let left = end.saturating_duration_since(clock::now());
    // Nobody waits for anything: until the end, or until the socket is gone.
    let _timeout = client.until(left, "end", |view| view.socket_closed.is_some()).await;
    client.look(|view| view.socket_closed.clone()).map_or(Ok(()), |closed| Err(Error::Closed(closed)))
}

/// Follows whoever publishes until the end, or until the socket is gone.
async fn follow(client: &Client, end: Instant) -> Result<(), Error> {
    loop {
        // Noted first: what is published while others are being followed is a change already.
        let known = client.look(|view| view.tracks.keys().copied().collect::<Vec<_>>());
        client.follow_everyone(STEP_TIME).await?;
        let left = end.saturating_duration_since(clock::now());
        let changed =
            client.until(left, "change", |view| !view.tracks.keys().eq(&known) || view.socket_closed.is_some()).await;
        if changed.is_err() {
            return Ok(());
        }
        if let Some(closed) = client.look(|view| view.socket_closed.clone()) {
            return Err(Error::Closed(closed));
        }
    }
}

/// A short name to count an error by: the server's code where there is one.
fn name_of(error: &Error) -> String {
    match (error.code(), error) {
        (Some(code), _) => code.to_string(),
        (_, Error::Timeout { what, .. }) => format!("timeout_{}", what.replace(' ', "_")),
        (_, Error::Closed(closed)) => format!("closed_{}", closed.code.unwrap_or(0)),
        (_, Error::Http(_)) => "http".to_owned(),
        (_, Error::WebSocket(_)) => "websocket".to_owned(),
        (_, Error::MediaEnded(_)) => "media_ended".to_owned(),
        _ => "other".to_owned(),
    }
}
