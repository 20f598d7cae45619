//! The server offers slots and the client receives: pairs, growth, the answer's payload types, ICE restart.

use std::collections::HashSet;

use crate::support::{Client, Seen, Server, ufrag};
use rookery_actors::transport::{TransportError, TransportEvent};
use rookery_media::SendSlot;
use rookery_schemas::ids::SlotIndex;
use rookery_schemas::limits::SLOT_PAIRS_MAX;
use rookery_schemas::signal::{Codec, Connection, MediaKind, SrtpProfile};
use webrtc::peer_connection::RTCIceConnectionState;

fn ssrcs(slots: &[SendSlot]) -> Vec<u32> {
    slots.iter().flat_map(|slot| [Some(slot.ssrc), slot.rtx_ssrc]).flatten().collect()
}

/// The first word of `a=msid` of each m-section.
fn streams(sdp: &str) -> Vec<String> {
    let msid = |line: &str| Some(line.strip_prefix("a=msid:")?.split(' ').next()?.to_owned());
    sdp.lines().filter_map(msid).collect()
}

#[tokio::test]
async fn two_pairs_connect_and_grow_to_four() {
    let server = Server::start();
    let (id, transport) = server.open(Connection::Subscribe, SrtpProfile::Gcm).await;
    let mut client = Client::gcm().await;
    let offered = transport.offer(2, false).await.unwrap();
    assert_eq!(server.credentials(), [ufrag(&offered.sdp)]);
    assert_eq!(offered.slots.iter().map(|pair| pair.slot).collect::<Vec<_>>(), [SlotIndex(0), SlotIndex(1)]);
    assert_eq!(offered.sdp.matches("a=sendonly").count(), 4);
    assert_eq!(offered.sdp.matches("a=ssrc-group:FID").count(), 2);
    // video i and audio i are one stream, no two pairs are
    assert_eq!(streams(&offered.sdp), ["slot0", "slot0", "slot1", "slot1"]);
    for codec in ["VP8/90000", "H264/90000", "VP9/90000", "AV1/90000", "opus/48000/2"] {
        assert!(offered.sdp.contains(codec), "{codec} is not offered");
    }

    let answer = client.answer(&offered.sdp).await;
    let first = transport.accept(&answer).await.unwrap();
    assert_eq!(server.seen().last(), Some(&Seen::Send(first.clone())));
    let kinds: Vec<_> = first.iter().map(|slot| (slot.key.index.0, slot.key.kind, slot.rtx_ssrc.is_some())).collect();
    let (video, audio) = (MediaKind::Video, MediaKind::Audio);
    assert_eq!(kinds, [(0, video, true), (0, audio, false), (1, video, true), (1, audio, false)]);
    for pair in &offered.slots {
        let mids: Vec<_> = first.iter().filter(|slot| slot.key.index == pair.slot).map(|slot| &slot.mid).collect();
        assert_eq!(mids, [&pair.video_mid, &pair.audio_mid]);
    }
    let codecs: HashSet<Codec> = first[0].codecs.iter().map(|payload| payload.codec).collect();
    assert_eq!(codecs, HashSet::from([Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1]));
    assert!(first[0].codecs.iter().all(|payload| payload.rtx.is_some()));
    client.connected().await;
    server.told(id, TransportEvent::Connected).await;

    let grown = client.subscribe_to(&*transport, 4, false).await;
    assert_eq!(grown[..4], first[..], "what there was stays as it was");
    assert_eq!(grown.len(), 8);
    let all = ssrcs(&grown);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "an SSRC stands twice");
    assert_eq!(server.credentials()[0], server.credentials()[1]);

    // fewer than there are: the same again
    let again = transport.offer(1, false).await.unwrap();
    assert_eq!(again.slots.len(), 4);
    assert_eq!(streams(&again.sdp).iter().collect::<HashSet<_>>().len(), 4);
    assert_eq!(server.media.plane.stats().control_media_refused, 0, "the library sent media");
    transport.close().await;
}

#[tokio::test]
async fn the_server_restarts_ice_and_the_client_connects_again() {
    let server = Server::start();
    let (id, transport) = server.open(Connection::Subscribe, SrtpProfile::Gcm).await;
    let mut client = Client::gcm().await;
    let first = client.subscribe_to(&*transport, 1, false).await;
    client.connected().await;
    let before = client.state.borrow().ice.len();
    let restarted = client.subscribe_to(&*transport, 1, true).await;
    assert_eq!(restarted, first);
    let ufrags = server.credentials();
    assert_ne!(ufrags[0], ufrags[1]);
    client.until("connected again", |state| state.ice[before..].contains(&RTCIceConnectionState::Connected)).await;
    assert_eq!(server.events_of(id), [TransportEvent::Connected]);
    transport.close().await;
}

#[tokio::test]
async fn payload_types_and_growth_follow_the_answer_of_a_client_without_h264() {
    let server = Server::start();
    let (_, transport) = server.open(Connection::Subscribe, SrtpProfile::Gcm).await;
    let client = Client::gcm().await;
    let offered = transport.offer(1, false).await.unwrap();
    let without = |sdp: &str| {
        let h264: HashSet<String> = ["98", "99", "100", "101"].map(str::to_owned).into();
        let kept = |line: &&str| {
            let number = line.split([':', ' ']).nth(1).unwrap_or_default();
            !(["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().any(|word| line.starts_with(word)) && h264.contains(number))
        };
        let short = |line: &str| {
            let video = line.starts_with("m=video");
            line.split(' ').filter(|word| !(video && h264.contains(*word))).collect::<Vec<_>>().join(" ") + "\r\n"
        };
        sdp.lines().filter(kept).map(short).collect::<String>()
    };
    let answer = without(&client.answer(&offered.sdp).await);
    assert!(!answer.contains("H264"));
    let slots = transport.accept(&answer).await.unwrap();
    let codecs: Vec<Codec> = slots[0].codecs.iter().map(|payload| payload.codec).collect();
    assert!(!codecs.contains(&Codec::H264) && codecs.contains(&Codec::Vp9), "{codecs:?}");
    let grown = transport.offer(3, false).await.unwrap();
    assert_eq!(grown.slots.len(), 3);
    let last = grown.sdp.rsplit("m=video").next().unwrap();
    assert!(last.contains("VP9/90000") && last.contains("H264"), "a further slot offers everything again: {last}");
    transport.close().await;
}

#[tokio::test]
async fn a_rejected_slot_is_not_used_and_the_others_are() {
    let server = Server::start();
    let (_, transport) = server.open(Connection::Subscribe, SrtpProfile::Gcm).await;
    let client = Client::gcm().await;
    let offered = transport.offer(2, false).await.unwrap();
    let answer = client.answer(&offered.sdp).await;
    let mid = &offered.slots[1].video_mid;
    let mut sections: Vec<String> = answer.split("m=").map(str::to_owned).collect();
    let rejected = sections.iter_mut().find(|section| section.contains(&format!("a=mid:{mid}\r\n"))).unwrap();
    *rejected = rejected.replacen("video 9", "video 0", 1);
    let slots = transport.accept(&sections.join("m=")).await.unwrap();
    assert_eq!(slots.len(), 3);
    assert!(slots.iter().all(|slot| &slot.mid != mid));
    transport.close().await;
}

#[tokio::test]
async fn an_offer_that_was_never_answered_gives_way_to_the_next() {
    let server = Server::start();
    let (id, transport) = server.open(Connection::Subscribe, SrtpProfile::Gcm).await;
    transport.offer(1, false).await.unwrap();
    let mut client = Client::gcm().await;
    let slots = client.subscribe_to(&*transport, 2, false).await;
    assert_eq!(slots.len(), 4);
    client.connected().await;
    server.told(id, TransportEvent::Connected).await;
    transport.offer(3, true).await.unwrap();
    assert_eq!(client.subscribe_to(&*transport, 4, false).await.len(), 8);
    transport.close().await;
}

#[tokio::test]
async fn answers_that_do_not_fit_are_refused_and_change_nothing() {
    let server = Server::start();
    let (_, transport) = server.open(Connection::Subscribe, SrtpProfile::Gcm).await;
    let client = Client::gcm().await;
    let offered = transport.offer(1, false).await.unwrap();
    let answer = client.answer(&offered.sdp).await;
    let cut = &answer[..answer.rfind("m=").unwrap()];
    let bad = [
        answer.replace("a=setup:active", "a=setup:passive"),
        answer.replace("a=mid:0", "a=mid:7"),
        answer.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1"),
        answer.replace("v=0\r\n", "v=0\r\na=ice-lite\r\n"),
        cut.to_owned(),
        offered.sdp.clone(),
    ];
    for answer in bad {
        let refused = transport.accept(&answer).await;
        assert!(matches!(refused, Err(TransportError::Sdp(_))), "{refused:?} for {answer}");
    }
    assert!(!server.seen().iter().any(|seen| matches!(seen, Seen::Send(_))));
    assert_eq!(transport.accept(&answer).await.unwrap().len(), 2);
    let late = transport.accept(&answer).await;
    assert!(matches!(late, Err(TransportError::Sdp(_))), "an answer without an offer: {late:?}");
    transport.close().await;
}

#[tokio::test]
async fn no_more_pairs_than_there_may_be() {
    let server = Server::start();
    let (_, transport) = server.open(Connection::Subscribe, SrtpProfile::Gcm).await;
    let offered = transport.offer(u16::MAX, false).await.unwrap();
    assert_eq!(offered.slots.len(), usize::from(SLOT_PAIRS_MAX));
    transport.close().await;
}
