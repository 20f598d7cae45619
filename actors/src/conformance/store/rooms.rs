//! Rooms and who belongs to them.
//!
//! **Invariant:** as in [`super`].

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{self, TryStreamExt};
use rookery_schemas::ids::{PeerId, RoomId, Seq, Slug, UserId};
use rookery_schemas::rows::{Banned, MemberRow, RoomRow};
use rookery_schemas::signal::{Role, RoomKind};
use uuid::Uuid;

use super::{NOW, Subject, later, room, stored_room, stored_user};
use crate::conformance::Outcome;
use crate::seams::{BANS_PER_ROOM_MAX, StoreError, Taken};

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
        store.update_room(&RoomRow { deleted, ..first.clone() }).await?;
        let second = RoomRow { slug: first.slug.clone(), ..room(owner) };
        let refused = store.create_room(second.clone()).await;
        assert!(matches!(refused, Err(StoreError::Taken(Taken::Slug))), "{refused:?}");
        assert_eq!(store.room(second.id).await?, None);
        assert_eq!(store.member(second.id, owner).await?, None);
    }
    Ok(())
}

/// All fields but id, slug, kind, owner and time of making.
pub async fn an_update_changes_what_may_change(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let made = stored_room(&**store, owner).await?;
    let want = RoomRow {
        name: "New name".into(),
        description: "New description".into(),
        password_hash: Some("$argon2id$".into()),
        peers_max: 2,
        public: true,
        ad_hoc: true,
        expires_at: Some(later(1)),
        active_at: later(3),
        ..made.clone()
    };
    let asked = RoomRow {
        slug: Slug::from_letters(rand::random()),
        kind: RoomKind::Chat,
        owner: UserId(Uuid::new_v4()),
        created_at: later(4),
        ..want.clone()
    };
    store.update_room(&asked).await?;
    assert_eq!(store.room(made.id).await?.as_ref(), Some(&want));
    let back = RoomRow { password_hash: None, expires_at: None, public: false, ..want };
    store.update_room(&back).await?;
    assert_eq!(store.room(made.id).await?, Some(back));
    let nowhere = room(owner);
    store.update_room(&nowhere).await?;
    assert_eq!(store.room(nowhere.id).await?, None, "an update makes no room");
    Ok(())
}

/// An edit begun before the room was closed, deleted or used again resurrects nothing.
pub async fn an_update_takes_nothing_back(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let made = stored_room(&**store, owner).await?;
    store.update_room(&RoomRow { deleted: true, ..made.clone() }).await?;
    store.close_room(made.id, later(1)).await?;
    store.touch_room(made.id, later(2)).await?;
    store.update_room(&RoomRow { name: "Late".into(), ..made.clone() }).await?;
    store.update_room(&RoomRow { name: "Later".into(), closed_at: Some(later(9)), ..made.clone() }).await?;
    let want =
        RoomRow { name: "Later".into(), deleted: true, closed_at: Some(later(1)), active_at: later(2), ..made.clone() };
    assert_eq!(store.room(made.id).await?, Some(want));
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

/// Adding someone who is a member changes nothing; a member of one room is none of another.
pub async fn a_member_is_added_once(store: &Arc<Subject>) -> Outcome {
    let (owner, guest) = (stored_user(&**store).await?.id, stored_user(&**store).await?.id);
    let (here, there) = (stored_room(&**store, owner).await?, stored_room(&**store, owner).await?);
    let member = MemberRow { room: here.id, user: guest, role: Role::Member, joined_at: later(3), read_seq: Seq(4) };
    store.add_member(member.clone()).await?;
    store.add_member(MemberRow { role: Role::Host, joined_at: later(9), read_seq: Seq(0), ..member.clone() }).await?;
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
