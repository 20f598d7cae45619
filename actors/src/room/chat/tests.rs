use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use rookery_schemas::ids::PeerId;
use rookery_schemas::signal::Role;
use uuid::Uuid;

use super::*;

fn sender(n: u128) -> PeerInfo {
    PeerInfo {
        peer: PeerId(Uuid::from_u128(n)),
        user: None,
        display_name: format!("P{n}"),
        role: Role::Guest,
        joined_at: UnixMillis(0),
        reconnecting: false,
    }
}

fn sent(nonce: u128, seen: u64) -> ChatSend {
    ChatSend { nonce: Nonce(Uuid::from_u128(nonce)), text: format!("m{nonce}"), seen: Seq(seen) }
}

fn at(seconds: u64) -> Now {
    Now { elapsed: Duration::from_secs(seconds), unix: UnixMillis(i64::try_from(seconds).unwrap() * 1_000) }
}

fn empty() -> Chat {
    Chat::new(Epoch(1), &Takeover { first_seq: Seq(1), recent: Vec::new() }, at(0))
}

fn seqs(batch: &Batch) -> Vec<u64> {
    batch.rows.iter().map(|row| row.message.seq.0).collect()
}

/// Accepts messages with the nonces given, each asked for by the ask of the same number.
fn accept(chat: &mut Chat, nonces: std::ops::RangeInclusive<u64>) {
    for n in nonces {
        assert_eq!(chat.accept(at(0), AskId(n), &sender(1), sent(n.into(), 0)), Accepted::Waits, "{n}");
    }
}

#[test]
fn acknowledged_in_order_and_only_when_durable() {
    let mut chat = empty();
    accept(&mut chat, 1..=2);
    let first = chat.next_batch().unwrap();
    accept(&mut chat, 3..=3);
    assert_eq!((seqs(&first), chat.next_batch(), chat.last()), (vec![1, 2], None, Seq(0)), "one batch at a time");
    assert_eq!(chat.settle(first.number + 1, BatchOutcome::Durable), Settled::default(), "of no batch of ours");
    let settled = chat.settle(first.number, BatchOutcome::Durable);
    let acks: Vec<_> = settled.acknowledged.iter().map(|(ask, ack)| (ask.0, ack.seq.0)).collect();
    assert_eq!((acks, settled.announced.len(), chat.last()), (vec![(1, 1), (2, 2)], 2, Seq(2)));
    assert_eq!(chat.settle(first.number, BatchOutcome::Durable), Settled::default(), "told twice");
    assert_eq!(seqs(&chat.next_batch().unwrap()), [3]);
}

#[test]
fn numbers_of_what_was_not_written_are_given_again() {
    let mut chat = empty();
    accept(&mut chat, 1..=2);
    let first = chat.next_batch().unwrap();
    let settled = chat.settle(first.number, BatchOutcome::NothingWritten);
    let refused = [(AskId(1), ErrorCode::StoreUnavailable), (AskId(2), ErrorCode::StoreUnavailable)];
    assert_eq!((settled.refused, chat.is_idle()), (refused.to_vec(), true));
    accept(&mut chat, 2..=2);
    assert_eq!(seqs(&chat.next_batch().unwrap()), [1], "the same nonce is a new message now");
}

#[test]
fn a_lost_owner_acknowledges_nothing() {
    let mut chat = empty();
    accept(&mut chat, 1..=1);
    let batch = chat.next_batch().unwrap();
    accept(&mut chat, 2..=2);
    let settled = chat.settle(batch.number, BatchOutcome::OwnerLost);
    assert_eq!(settled.refused, [(AskId(1), ErrorCode::Unknown), (AskId(2), ErrorCode::Unknown)]);
    assert!(settled.owner_lost && settled.acknowledged.is_empty() && settled.announced.is_empty());
}

#[test]
fn a_nonce_is_one_message() {
    let mut chat = empty();
    accept(&mut chat, 1..=1);
    let again = |chat: &mut Chat, ask, by| chat.accept(at(1), AskId(ask), &sender(by), sent(1, 0));
    assert_eq!(again(&mut chat, 2, 1), Accepted::Waits, "it joins the one that waits");
    let batch = chat.next_batch().unwrap();
    assert_eq!(again(&mut chat, 3, 1), Accepted::Waits, "and the one being written");
    assert_eq!(again(&mut chat, 4, 2), Accepted::Waits, "another sender's is another message");
    let settled = chat.settle(batch.number, BatchOutcome::Durable);
    let acks: Vec<_> = settled.acknowledged.iter().map(|(ask, ack)| (ask.0, ack.seq.0)).collect();
    assert_eq!((acks, settled.announced.len()), (vec![(1, 1), (2, 1), (3, 1)], 1));
    let Accepted::Stored(ack) = again(&mut chat, 5, 1) else { panic!("it is stored") };
    assert_eq!((ack.seq, ack.at), (Seq(1), UnixMillis(0)));
    assert_eq!(seqs(&chat.next_batch().unwrap()), [2]);
}

#[test]
fn what_is_older_than_the_window_cannot_be_retried() {
    let mut chat = empty();
    accept(&mut chat, 1..=3);
    let batch = chat.next_batch().unwrap();
    chat.settle(batch.number, BatchOutcome::Durable);
    let late = at(601);
    for (what, nonce, seen, accepted) in [
        ("a retry of a forgotten one", 1, 0, Accepted::Refused(ErrorCode::NonceExpired)),
        ("one that had seen too little to tell", 9, 2, Accepted::Refused(ErrorCode::NonceExpired)),
        ("one that had seen all that is forgotten", 10, 3, Accepted::Waits),
    ] {
        assert_eq!(chat.accept(late, AskId(9), &sender(1), sent(nonce, seen)), accepted, "{what}");
    }
}

#[test]
fn a_taken_over_chat_remembers_its_nonces() {
    let mut former = empty();
    accept(&mut former, 1..=4);
    let rows = former.next_batch().unwrap().rows;
    let recent = rows[2..].to_vec();
    let mut chat = Chat::new(Epoch(2), &Takeover { first_seq: Seq(5), recent }, at(10));
    assert_eq!((chat.last(), chat.floor), (Seq(4), Seq(2)));
    assert!(
        matches!(chat.accept(at(10), AskId(1), &sender(1), sent(4, 0)), Accepted::Stored(ack) if ack.seq == Seq(4))
    );
    let refused = Accepted::Refused(ErrorCode::NonceExpired);
    assert_eq!(chat.accept(at(10), AskId(1), &sender(1), sent(1, 1)), refused, "it was not read back so far");
    assert_eq!(chat.accept(at(10), AskId(1), &sender(1), sent(7, 4)), Accepted::Waits);
    assert_eq!(seqs(&chat.next_batch().unwrap()), [5]);
}

#[test]
fn what_waits_is_bounded_in_number_and_time() {
    let mut chat = empty();
    accept(&mut chat, 1..=1);
    chat.next_batch().unwrap();
    let most = PENDING_MAX as u64;
    accept(&mut chat, 2..=most + 1);
    let refused = Accepted::Refused(ErrorCode::Overloaded);
    assert_eq!(chat.accept(at(0), AskId(0), &sender(1), sent(5_000, 0)), refused);
    assert_eq!(chat.tick(at(9)), []);
    let told = chat.tick(at(10));
    assert_eq!(told[0], (AskId(1), ErrorCode::Unknown), "it is being written, and stays so");
    assert_eq!(told.len(), PENDING_MAX + 1);
    assert!(told[1..].iter().all(|(_, code)| *code == ErrorCode::StoreUnavailable));
    assert!(chat.pending.is_empty() && chat.in_flight.is_some());
    assert_eq!(chat.tick(at(11)), []);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send { by: u8, nonce: u8 },
    Settle(BatchOutcome),
    Later(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let settle = prop_oneof![3 => Just(BatchOutcome::Durable), 1 => Just(BatchOutcome::NothingWritten)];
    let step = prop_oneof![
        4 => (0..3_u8, 0..24_u8).prop_map(|(by, nonce)| Step::Send { by, nonce }),
        2 => settle.prop_map(Step::Settle),
        1 => (0..400_u16).prop_map(Step::Later),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// Whatever comes in whatever order: numbers are gapless and given once, every ask is answered once, and a sender's
    /// nonce has one number for as long as the sender tells what it had seen.
    #[test]
    fn chat_stays_in_order(steps in steps()) {
        let mut chat = empty();
        let (mut asks, mut now, mut writing) = (0_u64, 0_u64, None::<Batch>);
        let mut answered: BTreeMap<u64, u32> = BTreeMap::new();
        let mut stored: Vec<MessageRow> = Vec::new();
        let mut number_of: HashMap<(u8, u8), Seq> = HashMap::new();
        // What each sender had seen when it first sent a nonce: a retry says the same.
        let mut seen_at: HashMap<(u8, u8), u64> = HashMap::new();
        let mut asked_for: HashMap<u64, (u8, u8)> = HashMap::new();
        for step in steps {
            match step {
                Step::Later(seconds) => {
                    now += u64::from(seconds);
                    for (ask, _) in chat.tick(at(now)) {
                        *answered.entry(ask.0).or_default() += 1;
                    }
                }
                Step::Send { by, nonce } => {
                    asks += 1;
                    asked_for.insert(asks, (by, nonce));
                    let seen = *seen_at.entry((by, nonce)).or_insert(chat.last().0);
                    match chat.accept(at(now), AskId(asks), &sender(by.into()), sent(nonce.into(), seen)) {
                        Accepted::Stored(ack) => {
                            prop_assert_eq!(number_of.get(&(by, nonce)), Some(&ack.seq));
                            *answered.entry(asks).or_default() += 1;
                        }
                        Accepted::Waits => {}
                        Accepted::Refused(_) => *answered.entry(asks).or_default() += 1,
                    }
                    if writing.is_none() {
                        writing = chat.next_batch();
                    }
                }
                Step::Settle(outcome) => {
                    let Some(batch) = writing.take() else { continue };
                    if outcome == BatchOutcome::Durable {
                        stored.extend(batch.rows.iter().cloned());
                    }
                    let settled = chat.settle(batch.number, outcome);
                    // Also those whose askers were told `unknown` meanwhile.
                    for message in &settled.announced {
                        let byte = |id: Uuid| u8::try_from(id.as_u128()).unwrap();
                        let whose = (byte(message.peer.0), byte(message.nonce.0));
                        prop_assert_eq!(number_of.insert(whose, message.seq), None, "one number a nonce");
                    }
                    for (ask, ack) in settled.acknowledged {
                        *answered.entry(ask.0).or_default() += 1;
                        let whose = asked_for[&ask.0];
                        prop_assert_eq!(number_of.get(&whose), Some(&ack.seq));
                    }
                    for (ask, _) in settled.refused {
                        *answered.entry(ask.0).or_default() += 1;
                    }
                    let last = stored.last().map_or(Seq(0), |row| row.message.seq);
                    prop_assert_eq!(chat.last(), last);
                    writing = chat.next_batch();
                }
            }
        }
        prop_assert!(stored.iter().zip(1..).all(|(row, seq)| row.message.seq == Seq(seq)), "gapless");
        let mut keys: Vec<_> = stored.iter().map(MessageRow::sender_and_nonce).collect();
        let distinct: std::collections::HashSet<_> = keys.drain(..).collect();
        prop_assert_eq!(distinct.len(), stored.len(), "one row a nonce");
        if let Some(batch) = writing {
            for (ask, _) in chat.settle(batch.number, BatchOutcome::OwnerLost).refused {
                *answered.entry(ask.0).or_default() += 1;
            }
        }
        prop_assert_eq!(answered.len() as u64, asks, "every ask is answered");
        prop_assert!(answered.values().all(|times| *times == 1), "once");
    }
}
