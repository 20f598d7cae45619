//! Lists of rooms.
//!
//! **Invariant:** as in [`super`].

use std::sync::Arc;

use rookery_schemas::ids::{RoomId, Seq, UserId};
use rookery_schemas::rest::RoomScope;
use rookery_schemas::rows::{Banned, MemberRow, RoomRow};
use rookery_schemas::signal::{Role, RoomKind};

use super::{NOW, Subject, later, room, stored_user, word};
use crate::conformance::Outcome;
use crate::seams::{RoomChange, RoomCursor, RoomQuery, StoreError};

fn mine(viewer: UserId) -> RoomQuery {
    RoomQuery { viewer, scope: RoomScope::Mine, kind: None, text: None, after: None, limit: 50 }
}

async fn ids(store: &Subject, query: &RoomQuery) -> Result<Vec<RoomId>, StoreError> {
    Ok(store.rooms(query).await?.into_iter().map(|room| room.id).collect())
}

/// Those that one is a member of, most recently used first; closed ones too, deleted ones never.
pub async fn own_rooms_are_listed_by_last_use(store: &Arc<Subject>) -> Outcome {
    let (owner, member) = (stored_user(&**store).await?.id, stored_user(&**store).await?.id);
    let first = RoomRow { active_at: later(1), ..room(owner) };
    let closed = RoomRow { active_at: later(2), closed_at: Some(later(3)), kind: RoomKind::Chat, ..room(owner) };
    let deleted = RoomRow { active_at: later(9), deleted: true, ..room(owner) };
    let foreign = RoomRow { active_at: later(8), public: true, ..room(member) };
    for made in [&first, &closed, &deleted, &foreign] {
        store.create_room(made.clone()).await?;
    }
    assert_eq!(store.rooms(&mine(owner)).await?, [closed.clone(), first.clone()]);
    store.touch_room(first.id, later(5)).await?;
    assert_eq!(ids(&**store, &mine(owner)).await?, [first.id, closed.id]);
    for (kind, want) in
        [(RoomKind::Meeting, vec![first.id]), (RoomKind::Chat, vec![closed.id]), (RoomKind::Watch, vec![])]
    {
        assert_eq!(ids(&**store, &RoomQuery { kind: Some(kind), ..mine(owner) }).await?, want, "{kind:?}");
    }

    assert_eq!(ids(&**store, &mine(member)).await?, [foreign.id]);
    let joined = MemberRow { room: first.id, user: member, role: Role::Member, joined_at: NOW, read_seq: Seq(0) };
    store.add_member(joined).await?;
    assert_eq!(ids(&**store, &mine(member)).await?, [foreign.id, first.id]);
    store.ban(first.id, Banned::User(member)).await?;
    assert_eq!(ids(&**store, &mine(member)).await?, [foreign.id]);
    Ok(())
}

/// The public ones, whoever asks; none that is not public (any more).
pub async fn public_rooms_are_listed_for_everyone(store: &Arc<Subject>) -> Outcome {
    let (owner, viewer) = (stored_user(&**store).await?.id, stored_user(&**store).await?.id);
    let mark = word();
    let public = RoomRow { public: true, name: mark.clone(), active_at: later(1), ..room(owner) };
    let private = RoomRow { name: mark.clone(), ..room(owner) };
    let deleted = RoomRow { public: true, deleted: true, name: mark.clone(), ..room(owner) };
    for made in [&public, &private, &deleted] {
        store.create_room(made.clone()).await?;
    }
    let query = RoomQuery { scope: RoomScope::Public, text: Some(mark), ..mine(viewer) };
    assert_eq!(store.rooms(&query).await?, std::slice::from_ref(&public));
    let listed = |public| RoomChange { public: Some(public), ..RoomChange::default() };
    store.update_room(private.id, &listed(true)).await?;
    store.touch_room(private.id, later(2)).await?;
    assert_eq!(ids(&**store, &query).await?, [private.id, public.id]);
    store.update_room(public.id, &listed(false)).await?;
    assert_eq!(ids(&**store, &query).await?, [private.id]);
    Ok(())
}

/// Page after page, each room once, also where many were used at the same moment.
pub async fn pages_meet_without_gap_or_repetition(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let mark = word();
    let mut want = Vec::new();
    for number in 0..23 {
        let made = RoomRow { active_at: later(number / 6), public: true, name: mark.clone(), ..room(owner) };
        store.create_room(made.clone()).await?;
        want.push((made.active_at, made.id));
    }
    want.sort_unstable();
    want.reverse();
    for scope in [RoomScope::Mine, RoomScope::Public] {
        for limit in [1, 4, 6, 22, 23, 50] {
            let mut query = RoomQuery { scope, limit, text: Some(mark.clone()), ..mine(owner) };
            let mut found = Vec::new();
            loop {
                let page = store.rooms(&query).await?;
                assert!(page.len() <= usize::from(limit));
                let Some(last) = page.last() else { break };
                query.after = Some(RoomCursor { active_at: last.active_at, room: last.id });
                found.extend(page.iter().map(|room| (room.active_at, room.id)));
            }
            assert_eq!(found, want, "{scope:?}, {limit} a page");
        }
    }
    Ok(())
}

/// In name or description, all words asked for, by their beginnings, case and accents folded; also after an edit.
pub async fn text_finds_words_by_their_beginning(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let made = RoomRow {
        name: "Crème Brûlée-Club".into(), description: "Každý pátek о ПИРОГЕ".into(), ..room(owner)
    };
    store.create_room(made.clone()).await?;
    let finds = |text: &str| RoomQuery { text: Some(text.to_owned()), ..mine(owner) };
    for (text, found) in [
        ("crème", true),
        ("CREME", true),
        ("cre", true),
        ("brulee", true),
        ("club", true),
        ("patek club", true),
        ("kazdy creme br", true),
        ("пирог", true),
        ("", true),
        ("  ", true),
        ("reme", false),
        ("cremes", false),
        ("creme soup", false),
    ] {
        assert_eq!(ids(&**store, &finds(text)).await?.len(), usize::from(found), "{text:?}");
    }
    store.update_room(made.id, &RoomChange { name: Some("Soup".into()), ..RoomChange::default() }).await?;
    for (text, found) in [("soup", true), ("pátek", true), ("creme", false)] {
        assert_eq!(ids(&**store, &finds(text)).await?.len(), usize::from(found), "{text:?} after the edit");
    }
    Ok(())
}

/// Operators, columns, wildcards and quotes in the text are nothing but text.
pub async fn text_is_never_a_query(store: &Arc<Subject>) -> Outcome {
    let owner = stored_user(&**store).await?.id;
    let made = RoomRow { name: "plain or near and not".into(), description: String::new(), ..room(owner) };
    store.create_room(made.clone()).await?;
    for (text, found) in [
        ("plain OR soup", false),
        ("soup OR plain", false),
        ("NOT soup", false),
        ("plain NOT near", true),
        ("name:plain", false),
        ("NEAR(plain near)", false),
        ("*", false),
        ("%", false),
        ("_lain", false),
        ("pl*n", false),
        ("plain*", true),
        ("\"plain\"", true),
        ("\"", false),
        ("plain\"", true),
        ("plain\0near", true),
        ("'; DROP TABLE rooms; --", false),
        ("^plain", true),
        ("-plain", true),
        ("{name}", false),
        ("\u{1f426}", false),
        ("((((((((", false),
    ] {
        let query = RoomQuery { text: Some(text.to_owned()), ..mine(owner) };
        assert_eq!(ids(&**store, &query).await?.len(), usize::from(found), "{text:?}");
    }
    let endless = RoomQuery { text: Some("plain ".repeat(100_000)), ..mine(owner) };
    assert_eq!(ids(&**store, &endless).await?, [made.id]);
    Ok(())
}
