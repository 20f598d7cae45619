//! What the host lets others send: read from the row, told to all, and what is not allowed ended at once.

use rookery_schemas::signal::{Allowed, MediaPath, RoomInfo};

use super::path::couple;
use super::*;

const NO_CAMERA: Allowed = Allowed { microphone: true, camera: false, screen: true };

fn restricted(allowed: Allowed) -> RoomRow {
    RoomRow { allowed, ..row() }
}

impl Room {
    fn publishes(&mut self, now: Now, info: TrackInfo) {
        let born = self.state.roster.get(info.peer).unwrap().born.unwrap();
        self.state.fact(now, info.peer, born, PeerFact::Announced(info), &mut self.out).unwrap();
    }

    fn changes(&mut self, now: Now, row: RoomRow) {
        assert!(self.ask(now, RoomCommand::Changed).is_none(), "the row is read first");
        self.reads(now, row);
    }

    fn tracks(&self) -> Vec<TrackId> {
        self.state.snapshot().tracks.into_iter().map(|track| track.track).collect()
    }

    fn catalogue_says(&self) -> Option<(usize, Allowed)> {
        self.out.iter().rev().find_map(|effect| match effect {
            Effect::Catalogue(catalogue) => Some((catalogue.tracks.len(), catalogue.allowed)),
            _ => None,
        })
    }
}

fn of(n: u128, by: u128, source: SourceKind) -> TrackInfo {
    TrackInfo { source, kind: source.media(), ..track(n, by) }
}

fn id(n: u128) -> TrackId {
    TrackId(Uuid::from_u128(n))
}

#[test]
fn what_is_not_allowed_any_more_ends_for_all_but_the_host() {
    let mut room = Room::wake(row());
    room.join_as(at(1), HOST, Role::Host);
    room.join_as(at(1), 2, Role::Member);
    room.join_guest(at(1), 3);
    for (n, by, source) in [
        (10, HOST, SourceKind::Camera),
        (20, 2, SourceKind::Camera),
        (21, 2, SourceKind::Microphone),
        (30, 3, SourceKind::Camera),
        (31, 3, SourceKind::Screen),
    ] {
        room.publishes(at(1), of(n, by, source));
    }
    room.told();
    room.changes(at(2), restricted(NO_CAMERA));
    assert_eq!(room.catalogue_says(), Some((3, NO_CAMERA)), "their actors hear of it");
    let RoomRow { id: room_id, slug, name, kind, .. } = row();
    let info = RoomInfo { id: room_id, slug, name, kind, allowed: NO_CAMERA };
    let ended = |n| ServerMessage::TrackUnpublished { track: id(n) };
    assert_eq!(room.told(), [ServerMessage::RoomUpdated { room: info.clone() }, ended(20), ended(30)]);
    assert_eq!((room.tracks(), room.state.snapshot().room), (vec![id(10), id(21), id(31)], info));
    room.publishes(at(3), of(22, 2, SourceKind::Camera));
    assert!(!room.tracks().contains(&id(22)), "announced before its actor had heard of it");
    let gone = PeerFact::Ended(id(20));
    room.state.fact(at(3), peer(2), Attachment(1), gone, &mut room.out).unwrap();
    assert!(room.told().is_empty(), "told once");

    room.changes(at(4), row());
    assert_eq!(room.catalogue_says(), Some((3, Allowed::default())));
    assert!(matches!(&room.told()[..], [ServerMessage::RoomUpdated { room }] if room.allowed.everything()));
    room.publishes(at(5), of(23, 2, SourceKind::Camera));
    assert!(room.tracks().contains(&id(23)));
}

#[test]
fn a_new_name_is_told_and_ends_nothing() {
    let mut room = Room::wake(row());
    room.join_guest(at(1), 2);
    room.publishes(at(1), track(20, 2));
    room.told();
    room.changes(at(2), RoomRow { name: "New".into(), description: "Of no interest here".into(), ..row() });
    assert!(matches!(&room.told()[..], [ServerMessage::RoomUpdated { room }] if room.name == "New"));
    room.changes(at(3), RoomRow { name: "New".into(), peers_max: 2, ..row() });
    assert!(room.told().is_empty(), "nothing that anybody sees");
    assert_eq!(room.tracks(), [id(20)]);
}

#[test]
fn a_row_that_cannot_be_read_changes_nothing_until_it_can() {
    let mut room = Room::wake(row());
    room.join_guest(at(1), 2);
    room.publishes(at(1), track(20, 2));
    room.told();
    room.ask(at(2), RoomCommand::Changed);
    room.desk(at(2), |op| {
        let DeskOp::Row { ask } = *op else { panic!("{op:?}") };
        DeskResult::Row { ask, found: Err(ErrorCode::StoreUnavailable) }
    });
    assert!(room.told().is_empty() && room.tracks() == [id(20)]);
    room.tick(at(7));
    room.reads(at(7), restricted(NO_CAMERA));
    assert!(room.tracks().is_empty());
}

#[test]
fn a_room_that_starts_anew_knows_from_its_row() {
    let info = |n: u128, role| PeerInfo {
        peer: peer(n),
        user: Some(user(n)),
        display_name: format!("P{n}"),
        role,
        joined_at: UnixMillis(1),
        reconnecting: false,
    };
    let report = |n: u128, role| PeerReport {
        seated: Seated { info: info(n, role), attachment: Attachment(1), connected: true },
        srtp: SrtpProfile::Gcm,
        born: Attachment(1),
        media: MediaHealth { up: true, silent: false },
        tracks: vec![of(n * 10, n, SourceKind::Camera), of(n * 10 + 1, n, SourceKind::Microphone)],
    };
    let reports = vec![report(HOST, Role::Host), report(2, Role::Member)];
    let room = Room::wake_with(restricted(NO_CAMERA), reports);
    assert_eq!(room.tracks(), [id(10), id(11), id(21)]);
    assert_eq!(room.catalogue_says(), Some((3, NO_CAMERA)), "so that the actor of the other ends its camera");
}

#[test]
fn who_comes_in_hears_what_is_allowed() {
    let mut room = Room::wake(restricted(NO_CAMERA));
    room.join_guest(at(1), 2);
    let seated = room.out.iter().find_map(|effect| match effect {
        Effect::Seat(seating) => Some(seating.catalogue.allowed),
        _ => None,
    });
    assert_eq!(seated, Some(NO_CAMERA));
    assert_eq!(room.state.snapshot().room.allowed, NO_CAMERA);
}

#[test]
fn while_anything_is_restricted_media_goes_through_the_server_and_stays_there() {
    let mut room = couple();
    assert!(matches!(room.state.snapshot().path, MediaPath::Direct { .. }));
    room.publishes(at(1), of(20, 2, SourceKind::Camera));
    room.told();
    room.changes(at(2), restricted(NO_CAMERA));
    let told = room.told();
    assert!(matches!(told[0], ServerMessage::RoomUpdated { .. }), "{told:?}");
    assert_eq!(told[1], ServerMessage::TrackUnpublished { track: id(20) });
    assert_eq!(told[2], ServerMessage::PathChanged { path: MediaPath::Sfu });
    room.changes(at(3), row());
    assert_eq!(room.state.snapshot().path, MediaPath::Sfu, "what was moved once stays");
    room.leaves(at(4), 2);
    room.leaves(at(4), HOST);
    room.come(at(5), 5, Role::Member, true);
    room.come(at(5), 6, Role::Member, true);
    assert!(matches!(room.state.snapshot().path, MediaPath::Direct { .. }), "empty in between");
}

#[test]
fn two_who_meet_under_a_restriction_stay_with_the_server_when_it_is_lifted() {
    let mut room = Room::wake(restricted(NO_CAMERA));
    room.come(at(1), HOST, Role::Host, true);
    room.come(at(1), 2, Role::Member, true);
    assert_eq!(room.state.snapshot().path, MediaPath::Sfu);
    room.changes(at(2), row());
    assert_eq!(room.state.snapshot().path, MediaPath::Sfu);
}
