//! A call by the independent client, and what is looked at in it.

use std::time::Duration;

use rookery_loadtest::stats::TrackStats;
use rookery_loadtest::{Api, AudioSpec, Client, ClientOptions, MediaOptions, MediaStats, TrackSpec, VideoSpec};
use rookery_schemas::rest::{Join, Room};
use rookery_schemas::signal::{Codec, SrtpProfile};

use crate::node::{Node, guest, meeting};

/// Far more than anything here takes.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) fn both() -> [TrackSpec; 2] {
    [TrackSpec::Audio(AudioSpec::default()), TrackSpec::Video(VideoSpec::default())]
}

pub(crate) fn over(srtp: SrtpProfile) -> ClientOptions {
    ClientOptions { media: MediaOptions { srtp, ..MediaOptions::default() }, ..ClientOptions::default() }
}

/// Ada publishes, Ben follows her; returns when he gets all of it.
pub(crate) async fn call(node: &Node, options: ClientOptions) -> (Api, Room, Client, Client) {
    let ada = node.user("ada").await;
    let room = ada.create_room(&meeting("Call")).await.unwrap();
    let publisher = Client::enter(&ada, room.slug.as_str(), &Join::default(), options).await.unwrap();
    publisher.publish(&both()).await.unwrap();
    let follower = Client::enter(&node.api(), room.slug.as_str(), &guest("Ben"), options).await.unwrap();
    follow(&follower, 2).await;
    (ada, room, publisher, follower)
}

pub(crate) async fn follow(follower: &Client, tracks: usize) {
    follower.until(SOON, "the publications", |view| view.tracks.len() >= tracks).await.unwrap();
    follower.follow_everyone(SOON).await.unwrap();
    follower.until(SOON, "live slots", |view| view.live.len() >= tracks).await.unwrap();
}

/// The video track that comes in.
pub(crate) fn video(stats: &MediaStats) -> &TrackStats {
    &stats.tracks.iter().find(|track| track.codec != Codec::Opus).expect("a video track is received").stats
}

/// The audio track that comes in; its frames are packets.
pub(crate) fn audio(stats: &MediaStats) -> &TrackStats {
    &stats.tracks.iter().find(|track| track.codec == Codec::Opus).expect("an audio track is received").stats
}

/// Pictures that became complete while `time` passed.
pub(crate) async fn frames_during(client: &Client, time: Duration) -> u64 {
    let before = video(&client.received().await.unwrap()).frames_complete;
    tokio::time::sleep(time).await;
    video(&client.received().await.unwrap()).frames_complete - before
}
