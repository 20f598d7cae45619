//! Rooms, their lists and who belongs to them.
//!
//! **Invariant:** a change writes the columns that it names, and no others.

use async_trait::async_trait;
use rookery_schemas::ids::{RoomId, Seq, Slug, UnixMillis, UserId};
use rookery_schemas::limits::AD_HOC_ENDS_AFTER;
use rookery_schemas::rest::RoomScope;
use rookery_schemas::rows::{Banned, MemberRow, RoomRow};
use rookery_schemas::signal::Role;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::{MemoryStore, Rows};
use crate::seams::{BANS_PER_ROOM_MAX, RoomChange, RoomQuery, RoomStore, StoreError, Taken};

/// Words of a search that count.
const WORDS_MAX: usize = 8;

impl Rows {
    fn banned(&self, room: RoomId, who: &Banned) -> bool {
        self.bans.get(&room).is_some_and(|bans| bans.contains(who))
    }

    fn add_member(&mut self, member: MemberRow) -> bool {
        if self.banned(member.room, &Banned::User(member.user)) {
            return false;
        }
        self.members.entry((member.room, member.user)).or_insert(member);
        true
    }
}

#[async_trait]
impl RoomStore for MemoryStore {
    async fn create_room(&self, room: RoomRow) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        if rows.rooms.values().any(|other| other.slug == room.slug && other.id != room.id) {
            return Err(StoreError::Taken(Taken::Slug));
        }
        if !rows.rooms.contains_key(&room.id) {
            let (id, user, joined_at) = (room.id, room.owner, room.created_at);
            rows.rooms.insert(id, room);
            rows.add_member(MemberRow { room: id, user, role: Role::Host, joined_at, read_seq: Seq(0) });
        }
        Ok(())
    }

    async fn room(&self, id: RoomId) -> Result<Option<RoomRow>, StoreError> {
        Ok(self.rows.lock().rooms.get(&id).cloned())
    }

    async fn room_by_slug(&self, slug: &Slug) -> Result<Option<RoomRow>, StoreError> {
        Ok(self.rows.lock().rooms.values().find(|room| room.slug == *slug).cloned())
    }

    async fn update_room(&self, id: RoomId, change: &RoomChange) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        let Some(room) = rows.rooms.get_mut(&id) else { return Ok(()) };
        let RoomChange { name, description, password_hash, peers_max, public, allowed, expires_at } = change.clone();
        room.name = name.unwrap_or_else(|| room.name.clone());
        room.description = description.unwrap_or_else(|| room.description.clone());
        room.password_hash = password_hash.unwrap_or_else(|| room.password_hash.clone());
        room.peers_max = peers_max.unwrap_or(room.peers_max);
        room.public = public.unwrap_or(room.public);
        room.allowed = allowed.applied_to(room.allowed);
        if !room.ad_hoc {
            room.expires_at = expires_at.unwrap_or(room.expires_at);
        }
        Ok(())
    }

    async fn touch_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        if let Some(room) = self.rows.lock().rooms.get_mut(&id) {
            room.active_at = room.active_at.max(at);
        }
        Ok(())
    }

    async fn set_ad_hoc_end(&self, id: RoomId, expires_at: Option<UnixMillis>) -> Result<(), StoreError> {
        if let Some(room) = self.rows.lock().rooms.get_mut(&id).filter(|room| room.ad_hoc) {
            room.expires_at = expires_at;
        }
        Ok(())
    }

    async fn close_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        if let Some(room) = self.rows.lock().rooms.get_mut(&id) {
            room.closed_at.get_or_insert(at);
        }
        Ok(())
    }

    async fn end_room(&self, id: RoomId, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
        let mut rows = self.rows.lock();
        let Some(room) = rows.rooms.get_mut(&id) else { return Ok(None) };
        if room.expires_at.is_some_and(|end| end <= now) {
            room.closed_at.get_or_insert(now);
        }
        Ok(room.closed_at)
    }

    async fn delete_room(&self, id: RoomId, at: UnixMillis) -> Result<(), StoreError> {
        if let Some(room) = self.rows.lock().rooms.get_mut(&id) {
            room.closed_at.get_or_insert(at);
            room.deleted = true;
        }
        Ok(())
    }

    async fn rooms(&self, query: &RoomQuery) -> Result<Vec<RoomRow>, StoreError> {
        let rows = self.rows.lock();
        let asked = query.text.as_deref().map(asked).unwrap_or_default();
        let fits = |room: &&RoomRow| {
            let listed = match query.scope {
                RoomScope::Mine => rows.members.contains_key(&(room.id, query.viewer)),
                RoomScope::Public => room.public,
            };
            let texts = [words(&room.name), words(&room.description)];
            let found = asked.iter().all(|phrase| texts.iter().any(|text| contains(text, phrase)));
            let after = query.after.is_none_or(|at| (room.active_at, room.id) < (at.active_at, at.room));
            listed && found && after && !room.deleted && query.kind.is_none_or(|kind| kind == room.kind)
        };
        let mut found: Vec<RoomRow> = rows.rooms.values().filter(fits).cloned().collect();
        found.sort_by_key(|room| std::cmp::Reverse((room.active_at, room.id)));
        found.truncate(usize::from(query.limit));
        Ok(found)
    }

    async fn rooms_past_their_end(&self, now: UnixMillis, limit: u16) -> Result<Vec<RoomRow>, StoreError> {
        let rows = self.rows.lock();
        let over = |room: &&RoomRow| {
            room.closed_at.is_none() && !room.deleted && room.expires_at.is_some_and(|end| end <= now)
        };
        let mut found: Vec<RoomRow> = rows.rooms.values().filter(over).cloned().collect();
        found.sort_by_key(|room| room.expires_at);
        let unused_since = now.before(AD_HOC_ENDS_AFTER);
        let endless = |room: &&RoomRow| {
            let open = room.closed_at.is_none() && !room.deleted;
            open && room.ad_hoc && room.expires_at.is_none() && room.active_at <= unused_since
        };
        let mut unused: Vec<RoomRow> = rows.rooms.values().filter(endless).cloned().collect();
        unused.sort_by_key(|room| room.active_at);
        found.append(&mut unused);
        found.truncate(usize::from(limit));
        Ok(found)
    }

    async fn add_member(&self, member: MemberRow) -> Result<bool, StoreError> {
        Ok(self.rows.lock().add_member(member))
    }

    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<MemberRow>, StoreError> {
        Ok(self.rows.lock().members.get(&(room, user)).cloned())
    }

    async fn set_read(&self, room: RoomId, user: UserId, seq: Seq) -> Result<(), StoreError> {
        if let Some(member) = self.rows.lock().members.get_mut(&(room, user)) {
            member.read_seq = member.read_seq.max(seq);
        }
        Ok(())
    }

    async fn ban(&self, room: RoomId, who: Banned) -> Result<(), StoreError> {
        let mut rows = self.rows.lock();
        if let Banned::User(user) = &who {
            rows.members.remove(&(room, *user));
        }
        if rows.banned(room, &who) {
            return Ok(());
        }
        let bans = rows.bans.entry(room).or_default();
        bans.push(who);
        if bans.len() > BANS_PER_ROOM_MAX {
            let oldest = bans.iter().position(|who| matches!(who, Banned::Peer(_))).unwrap_or(0);
            bans.remove(oldest);
        }
        Ok(())
    }

    async fn bans(&self, room: RoomId) -> Result<Vec<Banned>, StoreError> {
        Ok(self.rows.lock().bans.get(&room).cloned().unwrap_or_default())
    }
}

/// The words of a text, folded.
fn words(text: &str) -> Vec<String> {
    let folded: String = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What is asked for: each typed word is a run of words, of which the last may go on.
fn asked(text: &str) -> Vec<Vec<String>> {
    let typed = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    typed.take(WORDS_MAX).map(words).collect()
}

fn contains(text: &[String], phrase: &[String]) -> bool {
    let Some((last, before)) = phrase.split_last() else { return false };
    text.windows(phrase.len())
        .any(|run| run.split_last().is_some_and(|(end, start)| start == before && end.starts_with(last.as_str())))
}
