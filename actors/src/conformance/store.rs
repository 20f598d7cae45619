//! What every [`Store`](crate::seams::Store) promises.
//!
//! **Invariant:** each case lives on accounts and rooms of its own, and finds them among any number of others.

use rand::Rng;
use rookery_schemas::ids::{
    Epoch, FamilyId, Incarnation, NodeId, Nonce, PeerId, RoomId, Seq, Slug, UnixMillis, UserId,
};
use rookery_schemas::rows::{Claim, FamilyRow, MessageRow, OwnerRow, RoomRow, SealRow, UserRow};
use rookery_schemas::signal::{ChatMessage, RoomKind};
use uuid::Uuid;

use super::Unexpected;
use crate::seams::StoreError;

pub mod accounts;
pub mod chat;
pub mod lists;
pub mod ownership;
pub mod rooms;

/// What the cases are run on.
pub type Subject = dyn crate::seams::Store;

/// Makes a test of each case: `store_conformance!(attribute of the test, future of an Opened<dyn Store, _>)`.
///
/// The tests need threads: `tokio::test(flavor = "multi_thread")`.
#[macro_export]
macro_rules! store_conformance {
    ($test:meta, $open:expr) => {
        $crate::conformance_cases! { $test, $open, store;
            accounts::{
                an_account_is_what_was_written,
                an_account_has_both_claims_or_is_not_made,
                making_the_same_account_again_is_no_error,
                of_sign_ups_at_once_one_gets_the_name,
                a_display_name_can_change,
                a_new_password_ends_all_sessions_but_one,
                a_family_is_what_was_written,
                an_account_keeps_the_fifty_families_used_last,
                a_current_token_rotates,
                the_token_before_is_good_for_the_grace,
                an_older_token_ends_the_family,
                a_family_that_is_over_is_gone,
                of_rotations_at_once_one_wins,
                signing_keys_are_added_one_after_another,
            }
            rooms::{
                a_room_is_what_was_written,
                a_slug_is_given_once,
                an_update_changes_what_it_names,
                changes_of_different_columns_do_not_undo_each_other,
                a_change_beside_an_end_takes_nothing_back,
                an_end_closes_only_what_is_over,
                an_ad_hoc_end_is_the_owners_alone,
                a_room_is_deleted_for_ever,
                use_only_moves_forward,
                a_room_is_closed_once,
                rooms_past_their_end_come_oldest_first,
                unused_ad_hoc_rooms_come_after_those_past_their_end,
                a_member_is_added_once,
                a_read_marker_only_moves_forward,
                a_ban_ends_membership,
                someone_put_out_becomes_no_member,
                bans_are_bounded_and_guests_go_first,
            }
            lists::{
                own_rooms_are_listed_by_last_use,
                public_rooms_are_listed_for_everyone,
                pages_meet_without_gap_or_repetition,
                text_finds_words_by_their_beginning,
                text_is_never_a_query,
            }
            ownership::{
                a_room_has_no_owner_until_claimed,
                a_claim_needs_the_owner_it_expects,
                a_claim_needs_a_higher_epoch,
                of_claims_at_once_one_wins_each_epoch,
                an_owner_read_sees_every_claim_before_it,
                a_seal_is_written_once,
            }
            chat::{
                a_message_is_what_was_written,
                appending_again_is_no_error,
                too_many_rows_are_refused,
                what_was_appended_is_seen_by_the_next_read,
                pages_go_both_ways,
                pages_cross_buckets,
                the_tail_has_ghosts_and_pages_do_not,
                any_history_reads_as_the_rule_says,
            }
        }
    };
}

/// A time as good as any.
const NOW: UnixMillis = UnixMillis(1_760_000_000_000);

fn later(ms: i64) -> UnixMillis {
    UnixMillis(NOW.0 + ms)
}

/// A word that nothing else contains.
fn word() -> String {
    let mut rng = rand::rng();
    (0..16).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect()
}

fn user() -> UserRow {
    let name = word();
    UserRow {
        id: UserId(Uuid::new_v4()),
        email: format!("{name}@Example.org"),
        username: format!("Ü {name}"),
        display_name: "Ünï \u{1f426} \"'%_\\".into(),
        password_hash: "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA".into(),
        password_changed_at: NOW,
        created_at: NOW,
    }
}

fn claims(user: &UserRow) -> (Claim, Claim) {
    (Claim::Email(user.email.to_lowercase()), Claim::Username(user.username.to_lowercase()))
}

async fn stored_user(store: &Subject) -> Result<UserRow, StoreError> {
    let user = user();
    let (email, username) = claims(&user);
    store.create_user(user.clone(), email, username).await?;
    Ok(user)
}

fn family(user: UserId) -> FamilyRow {
    FamilyRow {
        id: FamilyId(Uuid::new_v4()),
        user,
        current: rand::random(),
        previous: None,
        rotated_at: NOW,
        expires_at: later(7 * 86_400_000),
        revoked: false,
    }
}

fn room(owner: UserId) -> RoomRow {
    RoomRow {
        id: RoomId(Uuid::new_v4()),
        slug: Slug::from_letters(rand::random()),
        name: "Réunion \u{1f389} d'équipe".into(),
        description: String::new(),
        kind: RoomKind::Meeting,
        owner,
        password_hash: None,
        peers_max: 100,
        public: false,
        allowed: Default::default(),
        ad_hoc: false,
        expires_at: None,
        closed_at: None,
        deleted: false,
        created_at: NOW,
        active_at: NOW,
    }
}

async fn stored_room(store: &Subject, owner: UserId) -> Result<RoomRow, StoreError> {
    let room = room(owner);
    store.create_room(room.clone()).await?;
    Ok(room)
}

fn owner_row(epoch: u64, node: &str) -> Result<OwnerRow, Unexpected> {
    Ok(OwnerRow { epoch: Epoch(epoch), node: node.parse::<NodeId>()?, incarnation: Incarnation(rand::random()) })
}

fn seal(epoch: u64, first_seq: u64) -> SealRow {
    SealRow { epoch: Epoch(epoch), first_seq: Seq(first_seq) }
}

fn message(epoch: u64, seq: u64) -> MessageRow {
    MessageRow {
        epoch: Epoch(epoch),
        message: ChatMessage {
            seq: Seq(seq),
            nonce: Nonce(Uuid::new_v4()),
            peer: PeerId(Uuid::new_v4()),
            user: None,
            display_name: "Guest".into(),
            text: format!("message {seq} of epoch {epoch}"),
            at: NOW,
        },
    }
}
