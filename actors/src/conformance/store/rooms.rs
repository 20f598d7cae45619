//! Rooms and who belongs to them.
//!
//! **Invariant:** as in [`super`].

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{self, TryStreamExt};
use rookery_schemas::ids::{PeerId, RoomId, Seq, Slug, UserId};
use rookery_schemas::rest::PatchAllowed;
use rookery_schemas::rows::{Banned, MemberRow, RoomRow};
use rookery_schemas::signal::{Allowed, Role, RoomKind};
use uuid::Uuid;

use super::{NOW, Subject, later, room, stored_room, stored_user};
use crate::conformance::Outcome;
use crate::seams::{BANS_PER_ROOM_MAX, RoomChange, StoreError, Taken};

/// How often two writes are made at the same time: each order comes up.
const ROUNDS: usize = 24;

/// Every field, of every kind, found by id and slug; its owner is its host.
pub async fn a_room_is_what_was_written(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    for kind in [RoomKind::Meeting, RoomKind::Chat, RoomKind::Direct, RoomKind::Watch] {
        let plain = RoomRow { kind, ..room(owner) };
        let full = RoomRow {
            kind,
            description: "line\n\"quoted\" 100% \u{1f426}".into(),
            password_hash: Some("$argon2id$".into()),
            peers_max: 1_000,
            public: true,
            allowed: Allowed { microphone: true, camera: false, screen: false },
            ad_hoc: true,
            expires_at: Some(later(5)),
            closed_at: Some(later(6)),
            deleted: true,
            active_at: later(7),
            ..room(owner)
        };
        for made in [plain, full] {
            store.create_room(made.clone()).await?;
            assert_eq!(store.room(made.id).await?.as_ref(), Some(&made));
            assert_eq!(store.room_by_slug(&made.slug).await?.as_ref(), Some(&made));
            let host = MemberRow {
                room: made.id,
                user: owner,
                role: Role::Host,
                joined_at: made.created_at,
                read_seq: Seq(0),
            };
            assert_eq!(store.member(made.id, owner).await?, Some(host));
            store.create_room(made).await?;
        }
    }
    assert_eq!(store.room(RoomId(Uuid::new_v4())).await?, None);
    assert_eq!(store.room_by_slug(&Slug::from_letters(rand::random())).await?, None);
    Ok(())
}

/// A second room of a slug is refused and leaves nothing, also when the first was deleted.
pub async fn a_slug_is_given_once(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let first = stored_room(&**store, owner).await?;
    for deleted in [false, true] {
        if deleted {
            store.delete_room(first.id, NOW).await?;
        }
        let second = RoomRow { slug: first.slug.clone(), ..room(owner) };
        let refused = store.create_room(second.clone()).await;
        assert!(matches!(refused, Err(StoreError::Taken(Taken::Slug))), "{refused:?}");
        assert_eq!(store.room(second.id).await?, None);
        assert_eq!(store.member(second.id, owner).await?, None);
    }
    Ok(())
}

/// Each column by itself, all at once, and none.
pub async fn an_update_changes_what_it_names(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let made = stored_room(&**store, owner).await?;
    let mut want = made.clone();
    want.name = "New name".into();
    let change = RoomChange { name: Some(want.name.clone()), ..RoomChange::default() };
    store.update_room(made.id, &change).await?;
    assert_eq!(store.room(made.id).await?.as_ref(), Some(&want));
    let others = RoomChange {
        name: None,
        description: Some("New description".into()),
        password_hash: Some(Some("$argon2id$".into())),
        peers_max: Some(2),
        public: Some(true),
        allowed: PatchAllowed { camera: Some(false), ..PatchAllowed::default() },
        expires_at: Some(Some(later(1))),
    };
    want = RoomRow {
        description: "New description".into(),
        password_hash: Some("$argon2id$".into()),
        peers_max: 2,
        public: true,
        allowed: Allowed { camera: false, ..Allowed::default() },
        expires_at: Some(later(1)),
        ..want
    };
    store.update_room(made.id, &others).await?;
    assert_eq!(store.room(made.id).await?.as_ref(), Some(&want));
    store.update_room(made.id, &RoomChange::default()).await?;
    assert_eq!(store.room(made.id).await?.as_ref(), Some(&want), "nothing was named");
    let back =
        RoomChange { password_hash: Some(None), public: Some(false), expires_at: Some(None), ..RoomChange::default() };
    store.update_room(made.id, &back).await?;
    want = RoomRow { password_hash: None, public: false, expires_at: None, ..want };
    assert_eq!(store.room(made.id).await?, Some(want));
    let nowhere = RoomId(Uuid::new_v4());
    store.update_room(nowhere, &others).await?;
    assert_eq!(store.room(nowhere).await?, None, "an update makes no room");
    Ok(())
}

/// Two who change different columns at the same time both have their way, in whatever order it happens.
pub async fn changes_of_different_columns_do_not_undo_each_other(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    for round in 0..ROUNDS {
        let made = stored_room(&**store, owner).await?;
        let want = RoomRow {
            name: format!("Name {round}"),
            description: format!("Description {round}"),
            peers_max: 7,
            public: true,
            password_hash: Some("$argon2id$".into()),
            allowed: Allowed { microphone: true, camera: false, screen: false },
            ..made.clone()
        };
        let (name, description) = (Some(want.name.clone()), Some(want.description.clone()));
        let nothing = PatchAllowed::default();
        let changes = [
            RoomChange { name, ..RoomChange::default() },
            RoomChange { description, ..RoomChange::default() },
            RoomChange { peers_max: Some(7), public: Some(true), ..RoomChange::default() },
            RoomChange { password_hash: Some(want.password_hash.clone()), ..RoomChange::default() },
            RoomChange { allowed: PatchAllowed { camera: Some(false), ..nothing }, ..RoomChange::default() },
            RoomChange { allowed: PatchAllowed { screen: Some(false), ..nothing }, ..RoomChange::default() },
        ];
        let writes = changes.map(|change| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.update_room(made.id, &change).await })
        });
        for write in writes {
            write.await??;
        }
        assert_eq!(store.room(made.id).await?, Some(want), "round {round}");
    }
    Ok(())
}

/// A room that was closed, deleted or used beside a change, or before it, stays so; and the change is there.
pub async fn a_change_beside_an_end_takes_nothing_back(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let change = RoomChange {
        name: Some("Late".into()),
        expires_at: Some(Some(later(1_000))),
        public: Some(true),
        ..RoomChange::default()
    };
    for round in 0..ROUNDS {
        let made = RoomRow { expires_at: Some(later(1)), ..room(owner) };
        store.create_room(made.clone()).await?;
        let changing = {
            let (store, change) = (Arc::clone(store), change.clone());
            tokio::spawn(async move { store.update_room(made.id, &change).await })
        };
        let ending = {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                match round % 3 {
                    0 => store.close_room(made.id, later(2)).await,
                    1 => store.delete_room(made.id, later(2)).await,
                    _ => store.touch_room(made.id, later(2)).await,
                }
            })
        };
        changing.await??;
        ending.await??;
        store.update_room(made.id, &change).await?;
        let want = RoomRow {
            name: "Late".into(),
            public: true,
            expires_at: Some(later(1_000)),
            closed_at: (round % 3 != 2).then_some(later(2)),
            deleted: round % 3 == 1,
            active_at: if round % 3 == 2 { later(2) } else { made.active_at },
            ..made.clone()
        };
        assert_eq!(store.room(made.id).await?, Some(want), "round {round}");
    }
    Ok(())
}

/// A room whose end has come is closed by it, one whose end was moved or taken away is not, and one that is closed stays as it
/// was closed.
pub async fn an_end_closes_only_what_is_over(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    for (expires_at, closed_at, want) in [
        (Some(later(9)), None, None),
        (None, None, None),
        (Some(later(5)), None, Some(later(5))),
        (Some(later(1)), None, Some(later(5))),
        (Some(later(1)), Some(later(2)), Some(later(2))),
        (None, Some(later(2)), Some(later(2))),
    ] {
        let made = RoomRow { expires_at, closed_at, ..room(owner) };
        store.create_room(made.clone()).await?;
        assert_eq!(store.end_room(made.id, later(5)).await?, want, "{expires_at:?}, {closed_at:?}");
        assert_eq!(store.room(made.id).await?, Some(RoomRow { closed_at: want, ..made }));
    }
    assert_eq!(store.end_room(RoomId(Uuid::new_v4()), NOW).await?, None);
    // Beside a change of the end: what is told is what is stored, whichever came first.
    for round in 0..ROUNDS {
        let made = RoomRow { expires_at: Some(later(1)), ..room(owner) };
        store.create_room(made.clone()).await?;
        let moving = {
            let store = Arc::clone(store);
            let change = RoomChange { expires_at: Some(Some(later(1_000))), ..RoomChange::default() };
            tokio::spawn(async move { store.update_room(made.id, &change).await })
        };
        let told = store.end_room(made.id, later(5)).await?;
        moving.await??;
        let want = RoomRow { expires_at: Some(later(1_000)), closed_at: told, ..made.clone() };
        assert_eq!(store.room(made.id).await?, Some(want), "round {round}");
    }
    Ok(())
}

/// An ad-hoc room's end is its owner's, every other room's is its host's: neither writes what the other does.
pub async fn an_ad_hoc_end_is_the_owners_alone(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    for ad_hoc in [true, false] {
        let made = RoomRow { ad_hoc, expires_at: Some(later(1)), ..room(owner) };
        store.create_room(made.clone()).await?;
        let hosts = RoomChange { expires_at: Some(Some(later(2))), ..RoomChange::default() };
        for (expires_at, want) in [(Some(later(3)), Some(later(3))), (None, None)] {
            store.update_room(made.id, &hosts).await?;
            store.set_ad_hoc_end(made.id, expires_at).await?;
            store.update_room(made.id, &hosts).await?;
            let want = if ad_hoc { want } else { Some(later(2)) };
            assert_eq!(store.room(made.id).await?, Some(RoomRow { expires_at: want, ..made.clone() }));
        }
    }
    store.set_ad_hoc_end(RoomId(Uuid::new_v4()), None).await?;
    Ok(())
}

/// Deleting closes too, and is for ever.
pub async fn a_room_is_deleted_for_ever(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    for closed_at in [None, Some(later(1))] {
        let made = RoomRow { closed_at, ..room(owner) };
        store.create_room(made.clone()).await?;
        store.delete_room(made.id, later(2)).await?;
        store.delete_room(made.id, later(3)).await?;
        let want = RoomRow { deleted: true, closed_at: Some(closed_at.unwrap_or(later(2))), ..made.clone() };
        assert_eq!(store.room(made.id).await?, Some(want));
    }
    store.delete_room(RoomId(Uuid::new_v4()), NOW).await?;
    Ok(())
}

/// The time of last use never goes back.
pub async fn use_only_moves_forward(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let made = stored_room(&**store, owner).await?;
    for (at, want) in [(later(10), later(10)), (later(5), later(10)), (NOW, later(10)), (later(11), later(11))] {
        store.touch_room(made.id, at).await?;
        assert_eq!(store.room(made.id).await?.map(|room| room.active_at), Some(want));
    }
    store.touch_room(RoomId(Uuid::new_v4()), NOW).await?;
    Ok(())
}

/// The first closing stays; nothing else changes.
pub async fn a_room_is_closed_once(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let made = stored_room(&**store, owner).await?;
    store.close_room(made.id, later(1)).await?;
    store.close_room(made.id, later(2)).await?;
    assert_eq!(store.room(made.id).await?, Some(RoomRow { closed_at: Some(later(1)), ..made }));
    store.close_room(RoomId(Uuid::new_v4()), NOW).await?;
    Ok(())
}

/// Open ones whose end has come, the first to end first; no others.
pub async fn rooms_past_their_end_come_oldest_first(store: &Arc<Subject>) -> Outcome {
    // Long before anyone else's rooms end.
    let end = |ms: i64| Some(rookery_schemas::ids::UnixMillis(1_000 + ms));
    let owner = stored_user(&**store).await?.id;
    let base = room(owner);
    let second = RoomRow { expires_at: end(20), ..base.clone() };
    let first = RoomRow { expires_at: end(10), ..room(owner) };
    let at_the_moment = RoomRow { expires_at: end(30), ..room(owner) };
    let others = [
        RoomRow { expires_at: end(31), ..room(owner) },
        RoomRow { expires_at: None, ..room(owner) },
        RoomRow { expires_at: end(1), closed_at: Some(NOW), ..room(owner) },
        RoomRow { expires_at: end(1), deleted: true, ..room(owner) },
    ];
    for made in [&second, &first, &at_the_moment].into_iter().chain(&others) {
        store.create_room(made.clone()).await?;
    }
    let now = end(30).ok_or("a time")?;
    let found = store.rooms_past_their_end(now, 100).await?;
    let found: Vec<RoomRow> = found.into_iter().filter(|room| room.owner == owner).collect();
    assert_eq!(found, [first.clone(), second, at_the_moment]);
    assert_eq!(store.rooms_past_their_end(now, 1).await?.len(), 1);
    store.close_room(first.id, NOW).await?;
    let found = store.rooms_past_their_end(now, 100).await?;
    assert!(found.iter().all(|room| room.id != first.id));
    Ok(())
}

/// Open ad-hoc rooms without an end that nobody has used for an hour, after those whose end has come; no others.
pub async fn unused_ad_hoc_rooms_come_after_those_past_their_end(store: &Arc<Subject>) -> Outcome {
    // Long before anyone else's rooms are used.
    let at = |ms: i64| rookery_schemas::ids::UnixMillis(1_000 + ms);
    let hour = i64::try_from(rookery_schemas::limits::AD_HOC_ENDS_AFTER.as_millis())?;
    let owner = stored_user(&**store).await?.id;
    let endless = |active| RoomRow { ad_hoc: true, expires_at: None, active_at: at(active), ..room(owner) };
    let (second, first) = (endless(500), endless(400));
    let ended = RoomRow { expires_at: Some(at(600)), ..room(owner) };
    let others = [
        endless(501),
        RoomRow { ad_hoc: false, ..endless(1) },
        RoomRow { expires_at: Some(at(hour + 501)), ..endless(1) },
        RoomRow { closed_at: Some(NOW), ..endless(1) },
        RoomRow { deleted: true, ..endless(1) },
    ];
    for made in [&second, &first, &ended].into_iter().chain(&others) {
        store.create_room(made.clone()).await?;
    }
    let now = at(hour + 500);
    let found = store.rooms_past_their_end(now, 100).await?;
    let found: Vec<RoomRow> = found.into_iter().filter(|room| room.owner == owner).collect();
    assert_eq!(found, [ended, first.clone(), second.clone()]);
    store.touch_room(first.id, at(501)).await?;
    store.set_ad_hoc_end(second.id, Some(at(hour + 501))).await?;
    let found = store.rooms_past_their_end(now, 100).await?;
    assert!(found.iter().all(|room| room.id != first.id && room.id != second.id));
    Ok(())
}

/// Adding someone who is a member changes nothing; a member of one room is none of another.
pub async fn a_member_is_added_once(store: &Arc<Subject>) -> Outcome {
    let (owner, guest) = (stored_user(&**store).await?.id, stored_user(&**store).await?.id);
    let (here, there) = (stored_room(&**store, owner).await?, stored_room(&**store, owner).await?);
    let member = MemberRow { room: here.id, user: guest, role: Role::Member, joined_at: later(3), read_seq: Seq(4) };
    assert!(store.add_member(member.clone()).await?);
    let again = MemberRow { role: Role::Host, joined_at: later(9), read_seq: Seq(0), ..member.clone() };
    assert!(store.add_member(again).await?, "it is one");
    assert_eq!(store.member(here.id, guest).await?, Some(member));
    assert_eq!(store.member(there.id, guest).await?, None);
    store
        .add_member(MemberRow { room: here.id, user: owner, role: Role::Member, joined_at: NOW, read_seq: Seq(0) })
        .await?;
    assert_eq!(store.member(here.id, owner).await?.map(|member| member.role), Some(Role::Host));
    Ok(())
}

/// Forward, never back, and only for members.
pub async fn a_read_marker_only_moves_forward(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let made = stored_room(&**store, owner).await?;
    for (seq, want) in [(5, 5), (3, 5), (6, 6)] {
        store.set_read(made.id, owner, Seq(seq)).await?;
        assert_eq!(store.member(made.id, owner).await?.map(|member| member.read_seq), Some(Seq(want)));
    }
    let nobody = UserId(Uuid::new_v4());
    store.set_read(made.id, nobody, Seq(1)).await?;
    assert_eq!(store.member(made.id, nobody).await?, None);
    Ok(())
}

/// Accounts and guests' seats, of one room; twice is once.
pub async fn a_ban_ends_membership(store: &Arc<Subject>) -> Outcome {
    let (owner, user) = (stored_user(&**store).await?.id, stored_user(&**store).await?.id);
    let (here, there) = (stored_room(&**store, owner).await?, stored_room(&**store, owner).await?);
    for room in [here.id, there.id] {
        store.add_member(MemberRow { room, user, role: Role::Member, joined_at: NOW, read_seq: Seq(0) }).await?;
    }
    // The same bits as an account and as a seat are two different things.
    let bans = [Banned::User(user), Banned::Peer(PeerId(user.0)), Banned::Peer(PeerId(Uuid::new_v4()))];
    for who in bans.iter().chain(&bans) {
        store.ban(here.id, who.clone()).await?;
    }
    let found = store.bans(here.id).await?;
    assert_eq!(found.len(), bans.len());
    assert_eq!(HashSet::<Banned>::from_iter(found), HashSet::from(bans));
    assert_eq!(store.member(here.id, user).await?, None);
    assert!(store.member(there.id, user).await?.is_some() && store.bans(there.id).await?.is_empty());
    assert!(store.member(here.id, owner).await?.is_some());
    Ok(())
}

/// Whoever is put out while it is being made a member is none afterwards, whichever was first.
pub async fn someone_put_out_becomes_no_member(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let made = stored_room(&**store, owner).await?;
    for round in 0..ROUNDS {
        let user = stored_user(&**store).await?.id;
        let member = MemberRow { room: made.id, user, role: Role::Member, joined_at: NOW, read_seq: Seq(0) };
        let adding = {
            let (store, member) = (Arc::clone(store), member.clone());
            tokio::spawn(async move { store.add_member(member).await })
        };
        store.ban(made.id, Banned::User(user)).await?;
        adding.await??;
        assert_eq!(store.member(made.id, user).await?, None, "round {round}");
        assert!(!store.add_member(member).await?);
        assert_eq!(store.member(made.id, user).await?, None);
    }
    Ok(())
}

/// Beyond the bound the oldest seat goes; accounts stay.
pub async fn bans_are_bounded_and_guests_go_first(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let made = stored_room(&**store, owner).await?;
    let account = Banned::User(UserId(Uuid::new_v4()));
    let oldest = Banned::Peer(PeerId(Uuid::new_v4()));
    store.ban(made.id, account.clone()).await?;
    store.ban(made.id, oldest.clone()).await?;
    let more = (0..BANS_PER_ROOM_MAX - 2).map(|_| Ok(Banned::Peer(PeerId(Uuid::new_v4()))));
    stream::iter(more).try_for_each_concurrent(256, |who| store.ban(made.id, who)).await?;
    let full: HashSet<Banned> = store.bans(made.id).await?.into_iter().collect();
    assert!(full.len() == BANS_PER_ROOM_MAX && full.contains(&account) && full.contains(&oldest), "{}", full.len());
    let newest = Banned::Peer(PeerId(Uuid::new_v4()));
    store.ban(made.id, newest.clone()).await?;
    let kept: HashSet<Banned> = store.bans(made.id).await?.into_iter().collect();
    assert_eq!(kept.len(), BANS_PER_ROOM_MAX);
    assert!(kept.contains(&account) && kept.contains(&newest) && !kept.contains(&oldest));
    Ok(())
}
