//! What one [`Media`] sends arrives at another through a forwarder: every codec, both SRTP profiles, repaired under loss.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "support/leg.rs"]
mod leg;

use std::time::Duration;

use leg::{Leg, LegEvent};
use rookery_loadtest::dtls::{SRTP_CM, SRTP_GCM};
use rookery_loadtest::rtc::ReceivedTrack;
use rookery_loadtest::{AudioSpec, Media, MediaOptions, MediaStats, Origin, TrackSpec, VideoSpec, Weather};
use rookery_schemas::signal::{Codec, MediaKind, SrtpProfile};
use tokio::sync::mpsc;

const WITHIN: Duration = Duration::from_secs(20);

/// A publisher, a forwarder, and a viewer of everything that the publisher sends.
struct Call {
    publisher: Media,
    viewer: Media,
}

impl Call {
    async fn with(specs: &[TrackSpec], options: &MediaOptions) -> Self {
        let (to_sfu, mut from_publisher) = mpsc::channel(4_096);
        let (to_us, mut from_viewer) = mpsc::channel(4_096);
        let (ingress, egress) = (Leg::open(to_sfu).await, Leg::open(to_us).await);
        let publisher = Media::open(&MediaOptions { down: Weather::default(), ..*options }).await.unwrap();
        let viewer = Media::open(&MediaOptions { up: Weather::default(), ..*options }).await.unwrap();

        let (offer, sent_mids) = publisher.offer(specs).await.unwrap();
        publisher.take_answer(ingress.accept(offer).await).await.unwrap();
        let kinds = specs.iter().map(|spec| match spec.kind() {
            MediaKind::Audio => str0m::media::MediaKind::Audio,
            MediaKind::Video => str0m::media::MediaKind::Video,
        });
        let (offer, slot_mids) = egress.offer(kinds.collect()).await;
        assert!(offer.contains("a=setup:actpass"), "the forwarder offers as ours does: {offer}");
        let answer = viewer.answer(offer).await.unwrap();
        assert!(answer.contains("a=setup:active") && answer.contains("a=recvonly"), "{answer}");
        egress.take_answer(answer).await;
        publisher.connected(WITHIN).await.unwrap();
        viewer.connected(WITHIN).await.unwrap();

        let pairs: Vec<(String, String)> = sent_mids.iter().cloned().zip(slot_mids).collect();
        let back = pairs.clone();
        let out = egress.clone();
        tokio::spawn(async move {
            while let Some(event) = from_publisher.recv().await {
                if let LegEvent::Rtp(mut packet) = event {
                    packet.mid = pairs.iter().find(|(sent, _)| *sent == packet.mid).unwrap().1.clone();
                    out.send(packet);
                }
            }
        });
        tokio::spawn(async move {
            while let Some(event) = from_viewer.recv().await {
                if let LegEvent::KeyWanted(mid) = event {
                    ingress.want_key(back.iter().find(|(_, slot)| *slot == mid).unwrap().0.clone());
                }
            }
        });
        for (number, (spec, mid)) in specs.iter().zip(&sent_mids).enumerate() {
            let origin = Origin { sender: 5, track: u16::try_from(number).unwrap() };
            publisher.start(mid, *spec, origin).await.unwrap();
        }
        Self { publisher, viewer }
    }

    /// Waits until the viewer's counters are as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&MediaStats) -> bool) -> MediaStats {
        let deadline = tokio::time::Instant::now() + WITHIN;
        loop {
            let stats = self.viewer.stats().await.unwrap();
            if wanted(&stats) {
                return stats;
            }
            assert!(tokio::time::Instant::now() < deadline, "no {what}: {stats:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn track(stats: &MediaStats, number: u16) -> &ReceivedTrack {
    stats.tracks.iter().find(|track| track.origin == Origin { sender: 5, track: number }).unwrap()
}

fn video(codec: Codec) -> TrackSpec {
    TrackSpec::Video(VideoSpec { codec, fps: 30, packets: 4, bytes: 900, ..VideoSpec::default() })
}

async fn voice_and_camera_cross_under(srtp: SrtpProfile, id: u16) {
    let options = MediaOptions { srtp, ..MediaOptions::default() };
    let call = Call::with(&[TrackSpec::Audio(AudioSpec::default()), video(Codec::Vp8)], &options).await;
    let stats = call
        .until("a second of sound and pictures", |stats| {
            stats.tracks.len() == 2 && stats.tracks.iter().all(|track| track.stats.frames_complete >= 30)
        })
        .await;
    assert_eq!(stats.srtp, Some(id));
    assert_eq!(call.publisher.stats().await.unwrap().srtp, Some(id));
    assert_eq!((stats.marks_changed, stats.wire.not_understood), (0, 0));
    let (voice, camera) = (track(&stats, 0), track(&stats, 1));
    assert_eq!((voice.codec, camera.codec), (Codec::Opus, Codec::Vp8));
    assert_eq!((camera.stats.first_frame, camera.stats.key_frames), (Some(0), 1));
    for slot in stats.slots.values() {
        assert_eq!((slot.unstamped, slot.lost(), slot.ssrcs.len()), (0, 0, 1), "{slot:?}");
    }
    for track in [voice, camera] {
        let seen = &track.stats;
        assert_eq!((seen.duplicates, seen.late, seen.frames_partial, seen.frames_missing), (0, 0, 0, 0));
        assert!(seen.latency_us.p50() < 1_000_000, "{seen:?}");
        assert!(seen.first_us <= seen.first_picture_us || track.codec == Codec::Opus);
    }
}

#[tokio::test]
async fn gcm_is_all_that_is_offered_and_works() {
    voice_and_camera_cross_under(SrtpProfile::Gcm, SRTP_GCM).await;
}

#[tokio::test]
async fn cm_is_all_that_is_offered_and_works() {
    voice_and_camera_cross_under(SrtpProfile::Cm, SRTP_CM).await;
}

#[tokio::test]
async fn every_codec_crosses_and_a_key_frame_can_be_asked_for() {
    let codecs = [Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1];
    let call = Call::with(&codecs.map(video), &MediaOptions::default()).await;
    let stats = call
        .until("pictures of each codec", |stats| {
            stats.tracks.len() == 4 && stats.tracks.iter().all(|track| track.stats.frames_complete >= 15)
        })
        .await;
    for (number, codec) in codecs.into_iter().enumerate() {
        let track = track(&stats, u16::try_from(number).unwrap());
        assert_eq!((track.codec, track.stats.key_frames, track.stats.frames_partial), (codec, 1, 0));
    }
    assert_eq!(stats.marks_changed, 0);
    for slot in stats.slots.keys() {
        call.viewer.ask_key_frame(slot).await.unwrap();
    }
    let stats = call
        .until("second key frame of each", |stats| stats.tracks.iter().all(|track| track.stats.key_frames >= 2))
        .await;
    assert!(stats.tracks.iter().all(|track| track.stats.key_frames == 2), "{stats:#?}");
    let sent = call.publisher.stats().await.unwrap().sent;
    assert!(sent.values().all(|sent| sent.source.key_frames_asked == 1), "{sent:#?}");
}

#[tokio::test]
async fn loss_both_ways_is_repaired_and_reordering_and_duplicates_do_no_harm() {
    let rough = Weather {
        loss: 0.05,
        duplicate: 0.02,
        reorder: 0.02,
        reorder_by: Duration::from_millis(5),
        delay: Duration::from_millis(5),
        ..Weather::default()
    };
    let options = MediaOptions { up: rough, down: rough, seed: 11, ..MediaOptions::default() };
    let call = Call::with(&[video(Codec::Vp8)], &options).await;
    // 240 frames of 4 packets: some 40 are lost on each way.
    let stats = call
        .until("eight seconds of pictures", |stats| {
            stats.tracks.first().is_some_and(|track| track.stats.last_frame >= Some(240))
        })
        .await;
    let seen = &track(&stats, 0).stats;
    assert_eq!((seen.duplicates, seen.frames_missing), (0, 0), "{stats:#?}");
    assert!(seen.frames_partial <= 5, "nearly all is repaired: {stats:#?}");
    let slot = stats.slots.values().next().unwrap();
    assert!(slot.recovered >= 10 && slot.nacks > 0 && slot.reordered > 0, "{slot:?}");
    assert!(stats.down.lost > 10 && stats.down.duplicated > 5, "{:?}", stats.down);
    let sent = call.publisher.stats().await.unwrap();
    assert!(sent.up.lost > 10 && sent.sent.values().all(|sent| sent.nacks > 0), "{sent:#?}");
}

#[tokio::test]
async fn a_silent_network_is_noticed_and_a_pause_is_no_loss() {
    let call = Call::with(&[video(Codec::Vp9)], &MediaOptions::default()).await;
    let flowing = |least: u64| move |stats: &MediaStats| stats.tracks.iter().any(|t| t.stats.frames_complete >= least);
    call.until("pictures", flowing(5)).await;
    let mid = call.publisher.stats().await.unwrap().sent.keys().next().unwrap().clone();
    call.publisher.pause(&mid, true).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    call.publisher.pause(&mid, false).await.unwrap();
    let stats = call.until("pictures after the pause", |stats| track(stats, 0).stats.key_frames >= 2).await;
    let seen = &track(&stats, 0).stats;
    assert_eq!((seen.frames_missing, seen.frames_partial), (0, 0));
    assert!(seen.frame_gap_us_max >= 250_000, "{seen:?}");

    call.viewer.set_weather(Weather::blackout(), Weather::blackout()).await.unwrap();
    let before = call.viewer.stats().await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let after = call.viewer.stats().await.unwrap();
    assert_eq!(track(&after, 0).stats.packets, track(&before, 0).stats.packets);
    assert!(track(&after, 0).stats.packet_gap_us_max >= 350_000);
    call.viewer.close().await.unwrap();
    call.viewer.until(WITHIN, "end", |state| matches!(state, rookery_loadtest::MediaState::Ended(_))).await.unwrap();
}
