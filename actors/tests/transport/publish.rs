//! A client offers and sends: it is answered, connects, renegotiates, restarts ICE, and its end is noticed.

use crate::support::{Client, Seen, Server, ufrag, until};
use rookery_actors::transport::TransportEvent;
use rookery_schemas::signal::{Codec, Connection, MediaKind, SrtpProfile};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use webrtc::peer_connection::{RTCIceConnectionState, SrtpProtectionProfile};

#[tokio::test]
async fn an_offer_is_answered_and_connects_under_each_profile() {
    let server = Server::start();
    let profiles = [
        (SrtpProfile::Gcm, SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm),
        (SrtpProfile::Cm, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80),
    ];
    for (ours, theirs) in profiles {
        let (id, transport) = server.open(Connection::Publish, ours).await;
        let mut client = Client::new(theirs).await;
        client.add_track("mic", RtpCodecKind::Audio, 11).await;
        client.add_track("camera", RtpCodecKind::Video, 22).await;
        let answer = transport.answer(&client.offer().await).await.unwrap();

        // the ufrag was registered, the lines were handed over, before the answer was
        assert_eq!(server.credentials().last(), Some(&ufrag(&answer.sdp)));
        assert_eq!(server.seen().last(), Some(&Seen::Receive(answer.lines.clone())));
        let kinds: Vec<_> = answer.lines.iter().map(|line| (line.kind, line.codecs[0].codec)).collect();
        assert_eq!(kinds, [(MediaKind::Audio, Codec::Opus), (MediaKind::Video, Codec::Vp8)]);
        assert!(
            answer.lines.iter().all(|line| line.extensions.mid.is_some() && line.extensions.transport_cc.is_some())
        );
        assert_eq!(answer.lines.iter().map(|line| line.ssrcs[0]).collect::<Vec<_>>(), [11, 22]);
        assert_eq!(answer.sdp.matches("a=recvonly").count(), 2);
        assert_eq!(answer.sdp.matches("a=setup:passive").count(), 2);
        assert!(answer.sdp.contains("a=ice-lite") && answer.sdp.contains("a=rtcp-mux"));

        client.take_answer(&answer.sdp).await;
        client.connected().await;
        server.told(id, TransportEvent::Connected).await;
        transport.close().await;
    }
    assert_eq!(server.media.plane.stats().control_media_refused, 0, "the library sent media");
}

#[tokio::test]
async fn candidates_are_the_workers_addresses_and_the_public_ones_first() {
    let server = Server::on(&["127.0.0.1", "::1"], &["203.0.113.7"]);
    let (_, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let client = Client::gcm().await;
    client.add_track("camera", RtpCodecKind::Video, 1).await;
    let answer = transport.answer(&client.offer().await).await.unwrap();
    let addrs = server.media.plane.local_addrs(crate::support::WORKER).to_vec();
    let candidates: Vec<&str> = answer.sdp.lines().filter(|line| line.starts_with("a=candidate")).collect();
    assert_eq!(
        candidates,
        [
            format!("a=candidate:1 1 udp 2130706431 203.0.113.7 {} typ host", addrs[0].port()),
            format!("a=candidate:2 1 udp 2130706175 127.0.0.1 {} typ host", addrs[0].port()),
            format!("a=candidate:3 1 udp 2130705919 ::1 {} typ host", addrs[1].port()),
        ]
    );
    assert_eq!(answer.sdp.matches("a=end-of-candidates").count(), 1);
    transport.close().await;
}

#[tokio::test]
async fn a_client_connects_over_ipv6() {
    let server = Server::on(&["127.0.0.1", "::1"], &[]);
    let (id, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let mut client = Client::on(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, "[::1]:0").await;
    client.add_track("camera", RtpCodecKind::Video, 1).await;
    client.publish_to(&*transport).await;
    client.connected().await;
    server.told(id, TransportEvent::Connected).await;
    transport.close().await;
}

#[tokio::test]
async fn a_further_track_rests_and_goes_on_within_one_connection() {
    let server = Server::start();
    let (id, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let mut client = Client::gcm().await;
    client.add_track("mic", RtpCodecKind::Audio, 1).await;
    client.publish_to(&*transport).await;
    client.connected().await;
    client.add_track("camera", RtpCodecKind::Video, 2).await;
    let offer = client.offer().await;
    let answer = transport.answer(&offer).await.unwrap();
    client.take_answer(&answer.sdp).await;
    assert_eq!(answer.lines.iter().map(|line| line.kind).collect::<Vec<_>>(), [MediaKind::Audio, MediaKind::Video]);
    assert_eq!(server.credentials()[0], server.credentials()[1], "no restart, the same ufrag");

    // the page sets a transceiver inactive for a while, or takes its track away (recvonly), and back
    for resting in ["a=inactive", "a=recvonly"] {
        let rested = transport.answer(&offer.replacen("a=sendrecv", resting, 1)).await.unwrap();
        assert_eq!(rested.lines.iter().map(|line| line.kind).collect::<Vec<_>>(), [MediaKind::Video], "{resting}");
        assert!(rested.sdp.contains("a=inactive") && !rested.sdp.contains("m=audio 0"), "{}", rested.sdp);
        let back = transport.answer(&offer).await.unwrap();
        assert_eq!(back.lines, answer.lines, "after {resting}");
    }
    assert_eq!(server.events_of(id), [TransportEvent::Connected]);
    transport.close().await;
}

#[tokio::test]
async fn each_line_is_answered_with_its_own_codecs_and_one_without_any_is_rejected() {
    let server = Server::start();
    let (_, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let client = Client::gcm().await;
    for ssrc in 1..=3 {
        client.add_track(&format!("camera{ssrc}"), RtpCodecKind::Video, ssrc).await;
    }
    let offer = client.offer().await;
    let mut sections: Vec<String> = offer.split_inclusive("\r\nm=").map(str::to_owned).collect();
    for (section, codec) in sections[1..].iter_mut().zip(["H265", "AV1", "VP9"]) {
        assert!(section.contains("VP8/90000"), "the client's lines are of one codec");
        *section = section.replace("VP8/90000", &format!("{codec}/90000"));
    }
    let answer = transport.answer(&sections.concat()).await.unwrap();
    let codecs: Vec<_> = answer.lines.iter().map(|line| (line.mid.as_str(), line.codecs[0].codec)).collect();
    assert_eq!(codecs, [("1", Codec::Av1), ("2", Codec::Vp9)]);
    assert!(answer.sdp.contains("m=video 0 ") && answer.sdp.contains("a=group:BUNDLE 1 2\r\n"), "{}", answer.sdp);
    transport.close().await;
}

#[tokio::test]
async fn the_client_restarts_ice_and_a_data_channel_lives_on() {
    let server = Server::start();
    let (id, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let mut client = Client::gcm().await;
    client.add_track("camera", RtpCodecKind::Video, 1).await;
    let channel = client.pc.create_data_channel("probe", None).await.unwrap();
    client.publish_to(&*transport).await;
    client.connected().await;
    crate::support::opened(&*channel).await;
    let before = client.state.borrow().ice.len();

    client.pc.restart_ice().await.unwrap();
    client.publish_to(&*transport).await;
    let ufrags = server.credentials();
    assert_eq!(ufrags.len(), 2);
    assert_ne!(ufrags[0], ufrags[1], "a restart has new credentials");
    client.until("connected again", |state| state.ice[before..].contains(&RTCIceConnectionState::Connected)).await;
    channel.send_text("still here").await.unwrap();
    until("the server acknowledges what was sent", || {
        futures_util::FutureExt::now_or_never(channel.outstanding_bytes()).is_some_and(|bytes| bytes.unwrap() == 0)
    })
    .await;
    assert_eq!(server.events_of(id), [TransportEvent::Connected]);
    transport.close().await;
}

#[tokio::test]
async fn a_client_that_closes_is_noticed_at_once() {
    let server = Server::start();
    let (id, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let mut client = Client::gcm().await;
    client.add_track("camera", RtpCodecKind::Video, 1).await;
    client.publish_to(&*transport).await;
    client.connected().await;
    server.told(id, TransportEvent::Connected).await;
    client.pc.close().await.unwrap();
    server.told(id, TransportEvent::ClosedByClient).await;
    let refused = transport.answer("v=0").await;
    assert!(matches!(refused, Err(rookery_actors::transport::TransportError::Closed)), "{refused:?}");
    transport.close().await;
}

#[tokio::test]
async fn the_server_closing_is_noticed_by_the_client_and_is_no_news_here() {
    let server = Server::start();
    let (id, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let client = Client::gcm().await;
    client.add_track("camera", RtpCodecKind::Video, 1).await;
    let channel = client.pc.create_data_channel("probe", None).await.unwrap();
    client.publish_to(&*transport).await;
    crate::support::opened(&*channel).await;
    transport.close().await;
    transport.close().await;
    let ended = async {
        while channel.poll().await.is_some_and(|e| !matches!(e, webrtc::data_channel::DataChannelEvent::OnClose)) {}
    };
    tokio::time::timeout(crate::support::DEADLINE, ended).await.expect("close_notify reaches the client");
    assert_eq!(server.events_of(id), [TransportEvent::Connected]);
}

#[tokio::test]
async fn a_client_without_the_profile_is_refused_by_name() {
    let server = Server::start();
    let (id, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let mut client = Client::new(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80).await;
    client.add_track("camera", RtpCodecKind::Video, 1).await;
    client.publish_to(&*transport).await;
    server.told(id, TransportEvent::SrtpProfileRefused).await;
    assert!(!client.state.borrow_and_update().connected);
    assert_eq!(server.events_of(id), [TransportEvent::SrtpProfileRefused]);
    transport.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_comes_fails_in_time() {
    let server = Server::start();
    let (id, transport) = server.open(Connection::Publish, SrtpProfile::Gcm).await;
    let client = Client::gcm().await;
    client.add_track("camera", RtpCodecKind::Video, 1).await;
    let offer = client.offer().await;
    let started = tokio::time::Instant::now();
    transport.answer(&offer).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(server.events_of(id).len(), 1, "{:?}", server.events_of(id));
    assert!(matches!(server.events_of(id)[0], TransportEvent::Failed(_)));
    assert!(started.elapsed() >= std::time::Duration::from_secs(12));
    transport.close().await;
}
