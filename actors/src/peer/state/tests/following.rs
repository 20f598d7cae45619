//! What a client follows: slots, subscriptions, and connections that begin, fail and are taken up again.

use super::*;

#[test]
fn slots_are_offered_ahead_of_need() {
    let mut peer = Peer::new(&[]);
    assert!(peer.out.is_empty(), "nobody publishes: no connection");
    let publish = |peer: &mut Peer, count: u128| {
        let tracks: Vec<_> = (0..count).map(|n| (n + 50, n + 2, VIDEO)).collect();
        peer.state.catalogue(catalogue(&tracks), &peer.ids, &mut peer.out);
    };
    publish(&mut peer, 1);
    assert_eq!(peer.negotiate(), 2);
    peer.out.clear();
    publish(&mut peer, 2);
    publish(&mut peer, 3);
    publish(&mut peer, 5);
    assert_eq!(peer.offers(), 1, "one at a time");
    assert_eq!(peer.made(), 4);
    let number = Negotiation(2);
    assert_eq!(
        peer.ask(at(0), ClientMessage::Answer { negotiation: Negotiation(1), sdp: "v=0".into() }),
        Some(Err(ErrorCode::NegotiationStale))
    );
    peer.ask(at(0), ClientMessage::Answer { negotiation: number, sdp: "v=0".into() });
    let connection = peer.state.subscribe.unwrap().connection;
    let refused =
        Outcome::Accepted { connection, ask: AskId(peer.asks), result: Err(TransportError::Sdp("no".into())) };
    peer.state.done(at(0), refused, &mut peer.out);
    assert_eq!(peer.answer_to(AskId(peer.asks), 0), Some(Err(ErrorCode::SdpRefused)));
    assert_eq!(peer.offers(), 1, "the offer still waits for a good answer");
    peer.ask(at(0), ClientMessage::Answer { negotiation: number, sdp: "v=0".into() });
    let accepted = Outcome::Accepted { connection, ask: AskId(peer.asks), result: Ok(Vec::new()) };
    peer.state.done(at(0), accepted, &mut peer.out);
    assert_eq!(peer.made(), 8, "five are there, and the next");
    assert_eq!(peer.ask(at(0), ClientMessage::Slots { pairs: 25 }), Some(Err(ErrorCode::TooMany)));
}

#[test]
fn a_client_may_ask_for_slots_before_anyone_publishes() {
    let mut peer = Peer::new(&[]);
    assert_eq!(peer.ask(at(0), ClientMessage::RestartIce), Some(Err(ErrorCode::SlotNotFound)));
    assert_eq!(peer.ask(at(0), ClientMessage::Slots { pairs: 3 }), Some(Ok(ServerMessage::Ok)));
    assert_eq!(peer.negotiate(), 4);
    peer.out.clear();
    assert_eq!(peer.ask(at(0), ClientMessage::RestartIce), Some(Ok(ServerMessage::Ok)));
    assert!(matches!(peer.out.last(), Some(Effect::Op(Op::Offer { restart_ice: true, pairs: 4, .. }))));
}

#[test]
fn subscriptions_are_checked_and_bound_without_sdp() {
    let mut peer = Peer::new(&[(50, 2, VIDEO), (51, 2, AUDIO), (52, ME, VIDEO)]);
    peer.made();
    peer.out.clear();
    for (what, message, code) in [
        ("no such track", subscribe(9, 0), ErrorCode::TrackNotFound),
        ("one's own", subscribe(52, 0), ErrorCode::Invalid),
        ("not offered", subscribe(50, 2), ErrorCode::SlotNotFound),
    ] {
        assert_eq!(peer.ask(at(0), message), Some(Err(code)), "{what}");
    }
    assert_eq!(peer.ask(at(0), subscribe(50, 0)), Some(Ok(ServerMessage::Ok)));
    assert_eq!(peer.orders(), [], "the client has not accepted the slot yet");
    let connection = peer.state.subscribe.unwrap().connection;
    let bind = |kind, track: Option<u128>| RouterOrder::Bind {
        connection,
        slot: SlotKey { index: SlotIndex(0), kind },
        bound: track.map(|track| Bound { track: TrackId(Uuid::from_u128(track)), size: None }),
    };
    peer.ask(at(0), ClientMessage::Answer { negotiation: Negotiation(1), sdp: "v=0".into() });
    let slots = vec![slot(0, VIDEO), slot(0, AUDIO)];
    let accepted = Outcome::Accepted { connection, ask: AskId(peer.asks), result: Ok(slots) };
    peer.state.done(at(0), accepted, &mut peer.out);
    assert_eq!(peer.orders(), [bind(VIDEO, Some(50))]);
    peer.ask(at(0), subscribe(51, 0));
    let unsubscribe = Unsubscribe { slot: SlotIndex(0), kind: VIDEO };
    peer.ask(at(0), ClientMessage::Unsubscribe(unsubscribe));
    assert_eq!(peer.orders(), [bind(AUDIO, Some(51)), bind(VIDEO, None)]);
    let key = SlotKey { index: SlotIndex(0), kind: AUDIO };
    let track = TrackId(Uuid::from_u128(51));
    let layer = Some("h".into());
    peer.state.media(&Event::SlotLive { connection, slot: key, track, layer }, &mut peer.out);
    peer.state.media(&Event::SlotIdle { connection: ConnectionId(1), slot: key }, &mut peer.out);
    assert_eq!(
        peer.told(),
        [ServerMessage::SlotLive { slot: SlotIndex(0), kind: AUDIO, track, layer: Some("h".into()) }],
        "and none of a stranger's"
    );
}

#[test]
fn an_older_attachment_is_refused() {
    let mut peer = Peer::new(&[]);
    peer.state.attach(at(0), seating(2, false, &[]), &peer.ids, &mut peer.out);
    let offer = || ClientMessage::Offer { sdp: "v=0".into() };
    assert_eq!(peer.ask_as(at(0), 1, offer()), Some(Err(ErrorCode::Superseded)));
    assert_eq!(peer.ask_as(at(0), 2, offer()), None);
    assert_eq!((peer.state.attachment(), peer.state.identity().1), (Attachment(2), Attachment(1)));
}

#[test]
fn media_is_kept_or_begun_anew_by_attaching() {
    for keep in [true, false] {
        let mut peer = Peer::new(&[(50, 2, VIDEO)]);
        let track = peer.publish(at(0), "0", VIDEO);
        let publish = peer.offer(&[("0", VIDEO)]);
        let remote = "127.0.0.1:9".parse().unwrap();
        peer.state.media(&Event::Connected { connection: publish, remote }, &mut peer.out);
        peer.made();
        let subscribe = peer.state.subscribe.unwrap().connection;
        peer.out.clear();
        peer.state.attach(at(1), seating(2, keep, &[(50, 2, VIDEO)]), &peer.ids, &mut peer.out);
        if keep {
            assert!(matches!(&peer.told()[..], [ServerMessage::SubscribeOffer(_)]), "the waiting offer is told again");
            assert_eq!((peer.facts(), peer.orders()), (vec![], vec![]));
        } else {
            assert!(peer.facts().contains(&PeerFact::Ended(track)));
            assert_eq!(peer.offers(), 1, "slots are offered anew");
            let orders = peer.orders();
            for closed in [publish, subscribe] {
                assert!(orders.contains(&RouterOrder::Closed(closed)), "{orders:?}");
            }
            assert_eq!(peer.state.publish, None);
        }
    }
}

#[test]
fn a_connection_that_fails_is_closed_and_the_client_told() {
    for (event, told) in [
        (TransportEvent::Failed("ice"), Some(None)),
        (TransportEvent::SrtpProfileRefused, Some(Some(ErrorCode::SrtpProfile))),
        (TransportEvent::ClosedByClient, None),
    ] {
        let mut peer = Peer::new(&[(50, 2, VIDEO)]);
        let connection = peer.state.subscribe.unwrap().connection;
        peer.out.clear();
        peer.state.transport(connection, &event, &mut peer.out);
        let said: Vec<_> = peer
            .told()
            .into_iter()
            .map(|message| match message {
                ServerMessage::Reattach { .. } => None,
                ServerMessage::Error(refusal) => Some(refusal.code),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(said, told.into_iter().collect::<Vec<_>>(), "{event:?}");
        assert!(peer.out.iter().any(|effect| matches!(effect, Effect::Op(Op::Close { .. }))));
        peer.out.clear();
        peer.state.catalogue(catalogue(&[(50, 2, VIDEO), (51, 3, VIDEO)]), &peer.ids, &mut peer.out);
        assert_eq!(peer.offers(), 0, "not again by itself");
        let late = Outcome::Offered { connection, result: Err(TransportError::Closed) };
        peer.state.done(at(0), late, &mut peer.out);
        assert!(peer.out.is_empty(), "late news of it is none");
        peer.state.attach(at(1), seating(2, false, &[(50, 2, VIDEO)]), &peer.ids, &mut peer.out);
        assert_eq!(peer.offers(), 1, "but when the client attaches again");
    }
}

#[test]
fn refused_offers_leave_the_connection_and_failed_ones_do_not() {
    for (error, code, lives) in [
        (TransportError::Sdp("bad".into()), ErrorCode::SdpRefused, true),
        (TransportError::SrtpProfile(SrtpProfile::Gcm), ErrorCode::SrtpProfile, false),
        (TransportError::Failed("bug".into()), ErrorCode::Internal, false),
    ] {
        let mut peer = Peer::new(&[]);
        peer.ask(at(0), ClientMessage::Offer { sdp: "v=0".into() });
        let connection = peer.state.publish.unwrap().connection;
        let outcome = Outcome::Answered { connection, ask: AskId(peer.asks), result: Err(error) };
        peer.state.done(at(0), outcome, &mut peer.out);
        assert_eq!(peer.answer_to(AskId(peer.asks), 0), Some(Err(code)));
        assert_eq!(peer.state.publish.is_some(), lives, "{code}");
    }
    let mut peer = Peer::new(&[]);
    let sdp = "a=b\n".repeat(10_001);
    assert_eq!(peer.ask(at(0), ClientMessage::Offer { sdp }), Some(Err(ErrorCode::SdpRefused)));
    let sdp = "x".repeat(70_000);
    assert_eq!(peer.ask(at(0), ClientMessage::Offer { sdp }), Some(Err(ErrorCode::TooLarge)));
    assert_eq!(peer.state.publish, None);
}

#[test]
fn the_room_hears_of_silence_and_of_its_end() {
    let mut peer = Peer::new(&[]);
    let connection = peer.offer(&[("0", VIDEO)]);
    peer.out.clear();
    let remote = "127.0.0.1:9".parse().unwrap();
    for event in [
        Event::Connected { connection, remote },
        Event::Silent { connection },
        Event::Heard { connection },
        Event::Silent { connection: ConnectionId(1) },
    ] {
        peer.state.media(&event, &mut peer.out);
    }
    let media = |up| PeerFact::Media(MediaHealth { up, silent: !up });
    assert_eq!(peer.facts(), [media(true), media(false), media(true)]);
}

#[test]
fn everything_can_be_learned_again() {
    let mut peer = Peer::new(&[(50, 2, VIDEO)]);
    let gone = peer.publish(at(0), "0", VIDEO);
    let kept = peer.publish(at(0), "1", AUDIO);
    peer.publish(at(0), "9", AUDIO);
    let publish = peer.offer(&[("0", VIDEO), ("1", AUDIO)]);
    peer.ask(at(0), ClientMessage::Unpublish { track: gone });
    assert_eq!(peer.made(), 2);
    peer.ask(at(0), subscribe(50, 1));
    peer.ask(at(0), ClientMessage::Answer { negotiation: Negotiation(1), sdp: "v=0".into() });
    let connection = peer.state.subscribe.unwrap().connection;
    let accepted = Outcome::Accepted { connection, ask: AskId(peer.asks), result: Ok(vec![slot(1, VIDEO)]) };
    peer.state.done(at(0), accepted, &mut peer.out);
    let learned = peer.state.relearn();
    assert_eq!(learned.connections, [publish, connection]);
    let bound = Some(Bound { track: TrackId(Uuid::from_u128(50)), size: None });
    let me = PeerId(Uuid::from_u128(ME));
    let orders = [
        RouterOrder::Unpublish(gone),
        RouterOrder::Publish { connection: publish, mid: "1".into(), track: kept, peer: me, kind: AUDIO, muted: false },
        RouterOrder::Mute { track: kept, muted: false },
        RouterOrder::Bind { connection, slot: SlotKey { index: SlotIndex(1), kind: VIDEO }, bound },
    ];
    assert_eq!(learned.orders, orders);
    let report = peer.state.report();
    let tracks: Vec<_> = report.tracks.iter().map(|track| track.track).collect();
    assert_eq!((tracks, report.born, report.seated.attachment), (vec![kept], Attachment(1), Attachment(1)));
}
