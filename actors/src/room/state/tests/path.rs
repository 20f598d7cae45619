//! Which way media goes, and what is relayed.

use rookery_schemas::ids::LinkNumber;
use rookery_schemas::signal::{DescriptionKind, DirectPayload, DirectSend, MediaPath};

use super::*;

/// Links of epoch 5 are counted from here.
const BASE: u64 = 5 << 20;

impl Room {
    pub(super) fn come(&mut self, now: Now, n: u128, role: Role, direct: bool) {
        let ticket = JoinTicket { user: Some(user(n)), role, ..ticket(n) };
        let join = RoomCommand::Join { ticket, srtp: SrtpProfile::Gcm, direct };
        assert!(self.ask(now, join).is_none(), "the store is asked first");
        self.is_member(now, role);
    }

    fn is_member(&mut self, now: Now, role: Role) {
        let before = self.out.len();
        self.desk(now, |op| {
            let DeskOp::Member { ask, user } = *op else { panic!("{op:?}") };
            DeskResult::Member { ask, found: Ok(Some(member(user, role))) }
        });
        assert!(matches!(self.answer_to(self.asks, before), Some(Ok(RoomReply::Attached(_)))));
    }

    fn come_back(&mut self, now: Now, n: u128, keep_media: bool, role: Role) {
        self.come_back_with(now, n, keep_media, role, None);
    }

    fn come_back_with(&mut self, now: Now, n: u128, keep_media: bool, role: Role, link: Option<u64>) {
        let attachment = self.state.roster.get(peer(n)).map_or(1, |seat| seat.attachment.0);
        let token = ResumeToken { user: Some(user(n)), role: Role::Member, ..token(n, attachment) };
        let link = link.map(LinkNumber);
        let resume =
            RoomCommand::Resume { token, srtp: SrtpProfile::Gcm, keep_media, direct: true, link, retake: false };
        assert!(self.ask(now, resume).is_none());
        self.is_member(now, role);
    }

    pub(super) fn leaves(&mut self, now: Now, n: u128) {
        let attachment = self.state.roster.get(peer(n)).unwrap().attachment;
        let answer = self.ask(now, RoomCommand::Leave { peer: peer(n), attachment });
        assert!(matches!(answer, Some(Ok(RoomReply::Done))));
    }

    fn path(&self) -> MediaPath {
        self.state.snapshot().path
    }

    fn link(&self) -> Option<u64> {
        match self.path() {
            MediaPath::Direct { link, .. } => Some(link.0 - BASE),
            MediaPath::Sfu => None,
        }
    }
}

pub(super) fn couple() -> Room {
    let mut room = Room::wake(row());
    room.come(at(1), HOST, Role::Host, true);
    room.come(at(1), 2, Role::Member, true);
    room
}

fn failed(n: u128, link: u64) -> RoomCommand {
    RoomCommand::DirectFailed { peer: peer(n), attachment: Attachment(1), link: LinkNumber(BASE + link) }
}

fn says(from: u128, to: u128, link: u64) -> RoomCommand {
    let payload = DirectPayload::Description { kind: DescriptionKind::Offer, sdp: "v=0".into() };
    let message = DirectSend { to: peer(to), link: LinkNumber(BASE + link), payload };
    RoomCommand::Direct { peer: peer(from), attachment: Attachment(1), message }
}

#[test]
fn two_who_can_are_connected_directly_and_all_are_told() {
    let mut room = couple();
    let path = MediaPath::Direct { link: LinkNumber(BASE + 1), peers: [peer(HOST), peer(2)] };
    assert_eq!(room.path(), path);
    assert!(room.told().contains(&ServerMessage::PathChanged { path }));
}

#[test]
fn who_is_connected_directly() {
    // kind, roles, whether each can
    let (meeting, watch) = (RoomKind::Meeting, RoomKind::Watch);
    for (kind, roles, can, direct) in [
        (meeting, [Role::Host, Role::Member], [true, true], true),
        (meeting, [Role::Member, Role::Member], [true, true], true),
        (meeting, [Role::Host, Role::Guest], [true, true], false),
        (meeting, [Role::Host, Role::Member], [true, false], false),
        (meeting, [Role::Host, Role::Member], [false, false], false),
        (watch, [Role::Host, Role::Member], [true, true], false),
    ] {
        let mut room = Room::wake(RoomRow { kind, ..row() });
        room.come(at(1), 1, roles[0], can[0]);
        assert_eq!(room.link(), None, "one alone has nobody to be connected to");
        room.come(at(1), 2, roles[1], can[1]);
        assert_eq!(room.link().is_some(), direct, "{kind:?} {roles:?} {can:?}");
    }
}

#[test]
fn a_third_person_moves_all_to_the_server_for_as_long_as_anybody_is_there() {
    let mut room = couple();
    room.told();
    room.join_guest(at(2), 3);
    assert_eq!(room.path(), MediaPath::Sfu);
    let told = room.told();
    assert!(matches!(told[0], ServerMessage::PeerJoined { .. }), "{told:?}");
    assert_eq!(told[1], ServerMessage::PathChanged { path: MediaPath::Sfu });
    room.leaves(at(3), 3);
    assert_eq!(room.path(), MediaPath::Sfu, "two again, but not anew");
    room.leaves(at(3), 2);
    room.come(at(4), 4, Role::Member, true);
    assert_eq!(room.path(), MediaPath::Sfu);
    room.leaves(at(5), 4);
    room.leaves(at(5), HOST);
    room.come(at(6), 5, Role::Member, true);
    room.come(at(6), 6, Role::Member, true);
    assert_eq!(room.link(), Some(2), "empty in between");
}

#[test]
fn one_of_two_leaving_ends_the_link_and_the_next_begins_another() {
    let mut room = couple();
    room.leaves(at(2), 2);
    assert_eq!(room.path(), MediaPath::Sfu);
    room.come(at(3), 3, Role::Member, true);
    assert_eq!(room.link(), Some(2));
}

#[test]
fn a_link_that_is_no_use_is_given_up_while_the_same_two_are_there() {
    let mut room = couple();
    assert_eq!(room.code(at(2), failed(2, 7)), Some(ErrorCode::DirectStale));
    assert_eq!(room.code(at(2), failed(9, 1)), Some(ErrorCode::NotJoined));
    assert_eq!(room.link(), Some(1));
    assert!(matches!(room.ask(at(2), failed(2, 1)), Some(Ok(RoomReply::Done))));
    assert_eq!(room.path(), MediaPath::Sfu);
    assert_eq!(room.code(at(2), failed(HOST, 1)), Some(ErrorCode::DirectStale), "the other one finds the same");
    room.come_back(at(3), 2, false, Role::Member);
    assert_eq!(room.path(), MediaPath::Sfu);
    room.tick(at(3));
    assert_eq!(room.path(), MediaPath::Sfu);
}

/// How the second person is away, and how the two are together again.
#[derive(Clone, Copy, Debug)]
enum Away {
    LostAndBack,
    AnotherCame,
}

impl Room {
    fn goes(&mut self, now: Now, away: Away) {
        match away {
            Away::LostAndBack => {
                let attachment = self.state.roster.get(peer(2)).unwrap().attachment;
                self.ask(now, RoomCommand::Detach { peer: peer(2), attachment });
            }
            Away::AnotherCame => self.leaves(now, 2),
        }
    }

    fn returns(&mut self, now: Now, away: Away) {
        match away {
            Away::LostAndBack => self.come_back(now, 2, false, Role::Member),
            Away::AnotherCame => self.come(now, 4, Role::Member, true),
        }
    }
}

#[test]
fn a_link_of_which_an_end_was_lost_or_left_is_followed_by_another() {
    for away in [Away::LostAndBack, Away::AnotherCame] {
        // The other end finds that out after the room, or before it.
        for told_first in [true, false] {
            let mut room = couple();
            if told_first {
                room.goes(at(2), away);
                room.ask(at(3), failed(HOST, 1));
            } else {
                room.ask(at(2), failed(HOST, 1));
                room.goes(at(3), away);
            }
            assert_eq!(room.path(), MediaPath::Sfu, "{away:?} {told_first}");
            room.returns(at(4), away);
            assert_eq!(room.link(), Some(2), "{away:?} {told_first}");
        }
    }
}

#[test]
fn what_latches_a_room_does_so_also_after_a_link_was_of_no_use() {
    let mut room = couple();
    room.ask(at(2), failed(HOST, 1));
    room.join_guest(at(3), 3);
    room.leaves(at(4), 3);
    for away in [Away::LostAndBack, Away::AnotherCame] {
        room.goes(at(5), away);
        room.returns(at(6), away);
        assert_eq!(room.path(), MediaPath::Sfu, "{away:?}");
    }
}

#[test]
fn a_lost_socket_leaves_the_link_and_a_new_client_gets_a_new_one() {
    let mut room = couple();
    let born = room.state.roster.get(peer(2)).unwrap().born.unwrap();
    let up = PeerFact::Media(MediaHealth { up: true, silent: false });
    room.state.fact(at(2), peer(2), born, up, &mut room.out).unwrap();
    room.ask(at(2), RoomCommand::Detach { peer: peer(2), attachment: Attachment(1) });
    assert_eq!(room.link(), Some(1), "sound and picture go on without a socket");
    room.come_back(at(3), 2, true, Role::Member);
    assert_eq!(room.link(), Some(1));
    room.told();
    room.come_back(at(4), 2, false, Role::Member);
    assert_eq!(room.link(), Some(2));
    let paths = room.told().into_iter().filter(|told| matches!(told, ServerMessage::PathChanged { .. })).count();
    assert_eq!(paths, 1);
}

#[test]
fn a_client_that_begins_anew_with_the_server_may_keep_the_link() {
    let mut room = couple();
    room.come_back_with(at(2), 2, false, Role::Member, Some(BASE + 1));
    assert_eq!(room.link(), Some(1), "only the server's connections were lost");
    room.come_back_with(at(3), 2, false, Role::Member, Some(BASE + 7));
    assert_eq!(room.link(), Some(2), "it has another one than the room");
    room.come_back_with(at(4), 2, true, Role::Member, None);
    assert_eq!(room.link(), Some(2));
}

#[test]
fn a_link_outlives_the_node_that_made_it_if_both_still_have_it() {
    let former = (4 << 20) + 9;
    // what each still has, and which link follows
    for (one, other, wanted) in [
        (Some(former), Some(former), former),
        (Some(former), Some(former - 1), BASE + 1),
        (Some(former), None, BASE + 1),
        (None, None, BASE + 1),
        // None of this epoch can have been made before it.
        (Some(BASE + 3), Some(BASE + 3), BASE + 1),
    ] {
        let mut room = Room::wake(row());
        room.come_back_with(at(1), 1, false, Role::Member, one);
        assert_eq!(room.path(), MediaPath::Sfu, "nobody to be connected to");
        room.come_back_with(at(1), 2, false, Role::Member, other);
        let path = MediaPath::Direct { link: LinkNumber(wanted), peers: [peer(1), peer(2)] };
        assert_eq!(room.path(), path, "{one:?} {other:?}");
        room.come_back(at(2), 2, false, Role::Member);
        let fresh = LinkNumber(if wanted == former { BASE + 1 } else { BASE + 2 });
        assert_eq!(room.path(), MediaPath::Direct { link: fresh, peers: [peer(1), peer(2)] });
    }
}

#[test]
fn who_is_no_member_any_more_is_moved_to_the_server() {
    let mut room = couple();
    room.come_back(at(2), 2, false, Role::Guest);
    assert_eq!(room.path(), MediaPath::Sfu);
    room.come_back(at(3), 2, false, Role::Member);
    assert_eq!(room.path(), MediaPath::Sfu, "for good");
}

#[test]
fn a_room_that_starts_anew_with_people_inside_stays_with_the_server() {
    let info = |n: u128| PeerInfo {
        peer: peer(n),
        user: Some(user(n)),
        display_name: format!("P{n}"),
        role: Role::Member,
        joined_at: UnixMillis(1),
        reconnecting: false,
    };
    let report = |n: u128| PeerReport {
        seated: Seated { info: info(n), attachment: Attachment(1), connected: true },
        srtp: SrtpProfile::Gcm,
        born: Attachment(1),
        media: MediaHealth { up: true, silent: false },
        tracks: Vec::new(),
    };
    let mut room = Room::wake_with(row(), vec![report(1), report(2)]);
    room.come_back(at(1), 1, false, Role::Member);
    room.come_back(at(1), 2, false, Role::Member);
    assert_eq!(room.path(), MediaPath::Sfu);
}

#[test]
fn what_one_end_says_reaches_the_newest_attachment_of_the_other_and_nobody_else() {
    let mut room = couple();
    room.come_back(at(2), 2, false, Role::Member);
    room.told();
    let answer = room.ask(at(3), says(HOST, 2, 2));
    assert!(matches!(answer, Some(Ok(RoomReply::Done))), "{answer:?}");
    let said = room.said_to(peer(2));
    let [(attachment, ServerMessage::Direct { from, link, .. })] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((*attachment, *from, *link), (Attachment(2), peer(HOST), LinkNumber(BASE + 2)));
    assert!(room.said_to(peer(HOST)).is_empty());
    assert!(room.told().is_empty(), "the others hear nothing of it");
}

#[test]
fn what_belongs_to_no_link_is_refused() {
    let mut room = couple();
    for (from, to, link, code) in [
        (HOST, 2, 9, ErrorCode::DirectStale),
        (HOST, HOST, 1, ErrorCode::PeerNotFound),
        (HOST, 3, 1, ErrorCode::PeerNotFound),
        (3, 2, 1, ErrorCode::NotJoined),
    ] {
        assert_eq!(room.code(at(2), says(from, to, link)), Some(code), "{from} {to} {link}");
    }
    room.join_guest(at(3), 3);
    assert_eq!(room.code(at(3), says(HOST, 2, 1)), Some(ErrorCode::DirectStale));
    assert_eq!(room.code(at(3), says(3, 2, 1)), Some(ErrorCode::DirectStale));
}

#[test]
fn who_is_silent_towards_the_server_on_the_direct_link_is_not_away() {
    let mut room = couple();
    room.told();
    let silent = || PeerFact::Media(MediaHealth { up: false, silent: true });
    room.state.fact(at(10), peer(2), Attachment(1), silent(), &mut room.out).unwrap();
    room.tick(at(20));
    assert!(room.told().is_empty(), "nobody is told anything");
    room.ask(at(20), RoomCommand::Detach { peer: peer(2), attachment: Attachment(1) });
    room.come_back(at(21), 2, true, Role::Member);
    assert_eq!(room.link(), Some(1), "its connections go on, silent as they are");
    room.told();
    room.join_guest(at(25), 3);
    room.tick(at(27));
    let away = |told: Vec<ServerMessage>| {
        told.into_iter().filter(|told| matches!(told, ServerMessage::PeerUpdated { peer } if peer.reconnecting)).count()
    };
    assert_eq!(away(room.told()), 0, "it has a moment to be heard again");
    room.tick(at(28));
    assert_eq!(away(room.told()), 1, "and was not");
}
