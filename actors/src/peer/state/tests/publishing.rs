//! What a client sends: announced once it is negotiated, checked, and ended where the host does not allow it.

use super::*;

#[test]
fn a_track_is_announced_once_its_m_line_is_negotiated() {
    let mut peer = Peer::new(&[]);
    let early = peer.publish(at(0), "0", VIDEO);
    assert_eq!(peer.facts(), [], "published before the offer: not yet");
    let connection = peer.offer(&[("0", VIDEO), ("1", AUDIO)]);
    let late = peer.publish(at(0), "1", AUDIO);
    let announced: Vec<_> = peer
        .facts()
        .into_iter()
        .map(|fact| match fact {
            PeerFact::Announced(TrackInfo { track, .. }) => track,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(announced, [early, late]);
    let orders = peer.orders();
    assert!(matches!(orders[0], RouterOrder::Opened { connection: opened, .. } if opened == connection));
    let published =
        |order: &RouterOrder, wanted| matches!(order, RouterOrder::Publish { track, .. } if *track == wanted);
    assert!(published(&orders[1], early) && published(&orders[2], late), "{orders:?}");
    peer.offer(&[("1", AUDIO)]);
    assert!(peer.facts().contains(&PeerFact::Ended(early)), "its m-line is gone");
    assert!(peer.orders().contains(&RouterOrder::Unpublish(early)));
}

#[test]
fn a_track_whose_offer_does_not_come_is_dropped() {
    let mut peer = Peer::new(&[]);
    peer.publish(at(0), "0", VIDEO);
    assert_eq!(peer.state.deadline(), Some(NEGOTIATED_WITHIN));
    peer.state.wake(at(9), &mut peer.out);
    assert_eq!(peer.told(), []);
    peer.state.wake(at(10), &mut peer.out);
    assert!(matches!(&peer.told()[..], [ServerMessage::Error(refusal)] if refusal.code == ErrorCode::TrackNotFound));
    assert_eq!((peer.state.deadline(), peer.facts()), (None, vec![]));
    peer.publish(at(11), "0", AUDIO);
    peer.offer(&[("0", VIDEO)]);
    assert_eq!((peer.told().len(), peer.facts()), (2, vec![]), "the m-line is of the other kind");
}

#[test]
fn publications_are_checked() {
    let publish = |mid: &str, kind| {
        ClientMessage::Publish(Publish { mid: mid.into(), kind, source: SourceKind::Screen, muted: false })
    };
    let mut peer = Peer::new(&[]);
    peer.offer(&[("7", VIDEO)]);
    for (what, mid, kind, code) in [
        ("no mid", "", VIDEO, ErrorCode::Invalid),
        ("a long mid", "12345678901234567", VIDEO, ErrorCode::Invalid),
        ("a mid with a line break", "a\r\nb", VIDEO, ErrorCode::Invalid),
        ("the other kind", "7", AUDIO, ErrorCode::Invalid),
    ] {
        assert_eq!(peer.ask(at(0), publish(mid, kind)), Some(Err(code)), "{what}");
    }
    for n in 0..TRACKS_PER_PEER_MAX {
        peer.publish(at(0), &n.to_string(), VIDEO);
    }
    assert_eq!(peer.ask(at(0), publish("0", VIDEO)), Some(Err(ErrorCode::Invalid)), "that mid is taken");
    assert_eq!(peer.ask(at(0), publish("99", VIDEO)), Some(Err(ErrorCode::TooMany)));
    let foreign = TrackId(Uuid::from_u128(9));
    for message in [ClientMessage::Unpublish { track: foreign }, ClientMessage::Mute { track: foreign, muted: true }] {
        assert_eq!(peer.ask(at(0), message), Some(Err(ErrorCode::TrackNotFound)));
    }
    let mut chat = Peer::seated(Seating { takes_media: false, ..seating(1, false, &[(5, 2, VIDEO)]) });
    assert!(chat.out.is_empty(), "no slots are offered");
    for message in [publish("0", VIDEO), ClientMessage::Offer { sdp: "v=0".into() }, subscribe(5, 0)] {
        assert_eq!(chat.ask(at(0), message), Some(Err(ErrorCode::KindRefusesMedia)));
    }
}

fn allowing(allowed: Allowed) -> Arc<Catalogue> {
    Arc::new(Catalogue { allowed, ..Catalogue::default() })
}

#[test]
fn what_the_host_does_not_allow_is_refused_and_ended() {
    let no_camera = Allowed { camera: false, ..Allowed::default() };
    let publish = |source: SourceKind, mid: &str| {
        ClientMessage::Publish(Publish { mid: mid.into(), kind: source.media(), source, muted: false })
    };
    let mut peer = Peer::new(&[]);
    let (camera, voice) = (peer.publish(at(0), "0", VIDEO), peer.publish(at(0), "1", AUDIO));
    peer.offer(&[("0", VIDEO), ("1", AUDIO), ("3", VIDEO)]);
    let waiting = peer.publish(at(0), "2", VIDEO);
    peer.out.clear();
    peer.state.catalogue(allowing(no_camera), &peer.ids, &mut peer.out);
    assert_eq!(peer.facts(), [PeerFact::Ended(camera)], "the one without an m-line was told to nobody");
    assert_eq!(peer.orders(), [RouterOrder::Unpublish(camera)]);
    for track in [camera, waiting] {
        let unmute = ClientMessage::Mute { track, muted: false };
        assert_eq!(peer.ask(at(0), unmute), Some(Err(ErrorCode::TrackNotFound)));
    }
    assert_eq!(peer.ask(at(0), publish(SourceKind::Camera, "0")), Some(Err(ErrorCode::NotAllowed)));
    assert!(matches!(peer.ask(at(0), publish(SourceKind::Screen, "3")), Some(Ok(ServerMessage::Published { .. }))));
    assert_eq!(peer.ask(at(0), ClientMessage::Mute { track: voice, muted: true }), Some(Ok(ServerMessage::Ok)));
    assert!(
        !peer
            .state
            .relearn()
            .orders
            .iter()
            .any(|order| matches!(order, RouterOrder::Publish { track, .. } if *track == camera))
    );
    assert!(peer.state.relearn().orders.contains(&RouterOrder::Unpublish(camera)), "a new router hears of it too");

    let mut host = seating(2, true, &[]);
    host.seated.info.role = Role::Host;
    host.catalogue = allowing(no_camera);
    peer.state.attach(at(1), host, &peer.ids, &mut peer.out);
    let theirs = match peer.ask_as(at(1), 2, publish(SourceKind::Camera, "0")) {
        Some(Ok(ServerMessage::Published { track })) => track,
        other => panic!("{other:?}"),
    };
    peer.out.clear();
    let seated = Seating { catalogue: allowing(no_camera), ..seating(3, true, &[]) };
    peer.state.attach(at(2), seated, &peer.ids, &mut peer.out);
    assert_eq!(peer.facts(), [PeerFact::Ended(theirs)], "a host no more");
    peer.state.catalogue(allowing(Allowed::default()), &peer.ids, &mut peer.out);
    let again = peer.ask_as(at(2), 3, publish(SourceKind::Camera, "0"));
    assert!(matches!(again, Some(Ok(ServerMessage::Published { .. }))), "{again:?}");
}

#[test]
fn muting_and_codecs_are_told_once() {
    let mut peer = Peer::new(&[]);
    let track = peer.publish(at(0), "0", VIDEO);
    peer.offer(&[("0", VIDEO)]);
    peer.out.clear();
    for muted in [true, true, false] {
        assert_eq!(peer.ask(at(0), ClientMessage::Mute { track, muted }), Some(Ok(ServerMessage::Ok)));
    }
    for codec in [Codec::Vp8, Codec::Vp8, Codec::H264] {
        peer.state.media(&Event::TrackStarted { track, codec }, &mut peer.out);
    }
    let changed: Vec<_> = peer
        .facts()
        .into_iter()
        .map(|fact| match fact {
            PeerFact::Changed(info) => (info.muted, info.codec),
            other => panic!("{other:?}"),
        })
        .collect();
    let (vp8, h264) = (Some(Codec::Vp8), Some(Codec::H264));
    assert_eq!(changed, [(true, None), (false, None), (false, vp8), (false, h264)]);
    let mutes = [RouterOrder::Mute { track, muted: true }, RouterOrder::Mute { track, muted: false }];
    assert_eq!(peer.orders(), mutes);
}

#[test]
fn a_source_has_its_own_kind_of_track() {
    for (source, fits) in [
        (SourceKind::Camera, VIDEO),
        (SourceKind::Screen, VIDEO),
        (SourceKind::Microphone, AUDIO),
        (SourceKind::ScreenAudio, AUDIO),
    ] {
        for kind in [AUDIO, VIDEO] {
            let mut peer = Peer::new(&[]);
            let publish = Publish { mid: "0".into(), kind, source, muted: false };
            let answer = peer.ask(at(0), ClientMessage::Publish(publish)).unwrap();
            if kind == fits {
                assert!(matches!(answer, Ok(ServerMessage::Published { .. })), "{source:?} {kind:?}: {answer:?}");
            } else {
                assert_eq!(answer, Err(ErrorCode::Invalid), "{source:?} {kind:?}");
                assert!(peer.state.publications.is_empty());
            }
        }
    }
}
