//! Media of an independent stack passes through the transports and the plane: each codec, both SRTP profiles, loss, ICE
//! restarts. That it is decrypted on the far side proves that both sides of each connection have the same keys.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{DEADLINE, Server, WORKER, until};
use rookery_actors::transport::{PeerTransport, TransportEvent};
use rookery_loadtest::dtls::{SRTP_CM, SRTP_GCM};
use rookery_loadtest::{AudioSpec, Media, MediaOptions, MediaStats, Origin, TrackSpec, VideoSpec, Weather};
use rookery_media::{Command, ConnectionId, SlotKey};
use rookery_schemas::ids::{SlotIndex, TrackId};
use rookery_schemas::signal::{Codec, Connection, MediaKind, SrtpProfile};

/// A publisher and a viewer at one server, every track of the one bound to a slot of the other.
struct Call {
    server: Server,
    publisher: Media,
    viewer: Media,
    publish: (ConnectionId, Arc<dyn PeerTransport>),
    subscribe: (ConnectionId, Arc<dyn PeerTransport>),
}

impl Call {
    async fn with(specs: &[TrackSpec], options: &MediaOptions) -> Self {
        let server = Server::start();
        let publisher = Media::open(&MediaOptions { down: Weather::default(), ..*options }).await.unwrap();
        let viewer = Media::open(&MediaOptions { up: Weather::default(), ..*options }).await.unwrap();
        let publish = server.open(Connection::Publish, options.srtp).await;
        let subscribe = server.open(Connection::Subscribe, options.srtp).await;
        let (offer, mids) = publisher.offer(specs).await.unwrap();
        let answered = publish.1.answer(&offer).await.unwrap();
        assert_eq!(answered.lines.len(), specs.len());
        publisher.take_answer(answered.sdp).await.unwrap();
        let call = Self { server, publisher, viewer, publish, subscribe };
        let videos = specs.iter().filter(|spec| spec.kind() == MediaKind::Video).count();
        call.negotiate(u16::try_from(videos).unwrap().max(1), false).await;

        // what is sent before would wait, and come too late to be sent again
        call.publisher.connected(DEADLINE).await.unwrap();
        call.viewer.connected(DEADLINE).await.unwrap();
        let (mut video, mut audio) = (0, 0);
        for (number, (spec, mid)) in (0_u16..).zip(specs.iter().zip(&mids)) {
            let track = TrackId(uuid::Uuid::from_u128(u128::from(number) + 1));
            let next = if spec.kind() == MediaKind::Video { &mut video } else { &mut audio };
            let slot = SlotKey { index: SlotIndex(*next), kind: spec.kind() };
            *next += 1;
            let (connection, muted) = (call.publish.0, false);
            call.send(Command::Publish { connection, mid: mid.clone(), track, muted });
            call.send(Command::Bind { connection: call.subscribe.0, slot, track: Some(track), size: None });
            call.publisher.start(mid, *spec, Origin { sender: 1, track: number }).await.unwrap();
        }
        call
    }

    fn send(&self, command: Command) {
        self.server.media.plane.send(WORKER, command).unwrap();
    }

    async fn negotiate(&self, pairs: u16, restart: bool) {
        let offered = self.subscribe.1.offer(pairs, restart).await.unwrap();
        let answer = self.viewer.answer(offered.sdp).await.unwrap();
        assert_eq!(self.subscribe.1.accept(&answer).await.unwrap().len(), 2 * usize::from(pairs));
    }

    async fn until(&self, what: &str, wanted: impl Fn(&MediaStats) -> bool) -> MediaStats {
        let deadline = tokio::time::Instant::now() + 2 * DEADLINE;
        loop {
            let stats = self.viewer.stats().await.unwrap();
            if wanted(&stats) {
                return stats;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "no {what}: {stats:#?}, {:#?}",
                self.server.media.plane.stats()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Closes both connections and sees that nothing is left.
    async fn end(self) {
        self.publish.1.close().await;
        self.subscribe.1.close().await;
        assert_eq!(self.server.media.plane.stats().control_media_refused, 0, "the library sent media");
        until("nothing is left", || {
            let stats = self.server.media.plane.stats();
            self.server.transports.tasks() == 0
                && (stats.connections, stats.routes, stats.slots, stats.tracks) == (0, 0, 0, 0)
        })
        .await;
    }
}

fn video(codec: Codec) -> TrackSpec {
    TrackSpec::Video(VideoSpec { codec, fps: 30, packets: 4, bytes: 900, ..VideoSpec::default() })
}

fn frames(stats: &MediaStats) -> Vec<u64> {
    let mut frames: Vec<_> =
        stats.tracks.iter().map(|track| (track.origin.track, track.stats.frames_complete)).collect();
    frames.sort_unstable();
    frames.into_iter().map(|(_, frames)| frames).collect()
}

fn all_have(stats: &MediaStats, tracks: usize, least: u64) -> bool {
    stats.tracks.len() == tracks && frames(stats).iter().all(|frames| *frames >= least)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_codec_passes_under_each_profile() {
    let specs: Vec<TrackSpec> = std::iter::once(TrackSpec::Audio(AudioSpec::default()))
        .chain([Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1].map(video))
        .collect();
    for (srtp, id) in [(SrtpProfile::Gcm, SRTP_GCM), (SrtpProfile::Cm, SRTP_CM)] {
        let call = Call::with(&specs, &MediaOptions { srtp, ..MediaOptions::default() }).await;
        let stats = call.until("half a second of each", |stats| all_have(stats, specs.len(), 15)).await;
        assert_eq!((stats.srtp, call.publisher.stats().await.unwrap().srtp), (Some(id), Some(id)));
        assert_eq!((stats.marks_changed, stats.wire.not_understood), (0, 0), "payloads pass unchanged");
        for track in &stats.tracks {
            let codec =
                if track.origin.track == 0 { Codec::Opus } else { specs_codec(specs[usize::from(track.origin.track)]) };
            assert_eq!((track.codec, track.stats.duplicates), (codec, 0));
        }
        let plane = call.server.media.plane.stats();
        assert_eq!((plane.drop_unauthentic, plane.seal_refused), (0, 0), "{plane:#?}");
        call.end().await;
    }
}

fn specs_codec(spec: TrackSpec) -> Codec {
    match spec {
        TrackSpec::Video(video) => video.codec,
        TrackSpec::Audio(_) => Codec::Opus,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loss_on_both_ways_is_repaired() {
    let rough = Weather { loss: 0.05, delay: Duration::from_millis(5), ..Weather::default() };
    let options = MediaOptions { up: rough, down: rough, seed: 3, ..MediaOptions::default() };
    let call = Call::with(&[video(Codec::Vp8)], &options).await;
    let stats =
        call.until("six seconds", |stats| stats.tracks.first().is_some_and(|t| t.stats.last_frame >= Some(180))).await;
    let seen = &stats.tracks[0].stats;
    println!("{} complete, {} partial, {} missing", seen.frames_complete, seen.frames_partial, seen.frames_missing);
    assert!(stats.slots.values().any(|slot| slot.recovered > 5), "retransmissions arrive: {stats:#?}");
    assert!(seen.frames_partial + seen.frames_missing <= 10, "nearly all is repaired: {stats:#?}");
    call.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ice_restarts_of_either_side_and_growth_let_media_flow() {
    let call = Call::with(&[TrackSpec::Audio(AudioSpec::default()), video(Codec::Vp8)], &MediaOptions::default()).await;
    let mut seen = call.until("media", |stats| all_have(stats, 2, 15)).await;

    let offer = call.publisher.offer_ice_restart().await.unwrap();
    let answered = call.publish.1.answer(&offer).await.unwrap();
    call.publisher.take_answer(answered.sdp).await.unwrap();
    let before = frames(&seen);
    seen = call.until("media after the publisher's", |now| grown(&before, now)).await;

    call.negotiate(1, true).await;
    let before = frames(&seen);
    seen = call.until("media after the server's", |now| grown(&before, now)).await;

    call.negotiate(4, false).await;
    let before = frames(&seen);
    seen = call.until("media after growth", |now| grown(&before, now)).await;

    assert_eq!(seen.marks_changed, 0);
    let gap = seen.tracks.iter().map(|track| track.stats.frame_gap_us_max).max();
    println!("longest gap between frames: {gap:?} us");
    for connection in [call.publish.0, call.subscribe.0] {
        assert_eq!(call.server.events_of(connection), [TransportEvent::Connected]);
    }
    call.end().await;
}

/// Ten more frames of each.
fn grown(before: &[u64], now: &MediaStats) -> bool {
    frames(now).iter().zip(before).all(|(now, before)| *now >= before + 10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_the_other_profile_is_refused_by_name_on_both_connections() {
    let server = Server::start();
    let options = MediaOptions { srtp: SrtpProfile::Cm, ..MediaOptions::default() };
    let (publisher, viewer) = (Media::open(&options).await.unwrap(), Media::open(&options).await.unwrap());
    let (publish_id, publish) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let (subscribe_id, subscribe) = server.open(Connection::Subscribe, SrtpProfile::Gcm).await;
    let (offer, _) = publisher.offer(&[video(Codec::Vp8)]).await.unwrap();
    publisher.take_answer(publish.answer(&offer).await.unwrap().sdp).await.unwrap();
    let answer = viewer.answer(subscribe.offer(1, false).await.unwrap().sdp).await.unwrap();
    subscribe.accept(&answer).await.unwrap();
    for id in [publish_id, subscribe_id] {
        server.told(id, TransportEvent::SrtpProfileRefused).await;
        assert_eq!(server.events_of(id), [TransportEvent::SrtpProfileRefused]);
    }
    publish.close().await;
    subscribe.close().await;
}
