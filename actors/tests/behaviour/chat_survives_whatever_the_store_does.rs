//! Whatever outcomes the store gives, and however often rooms fail and owners change: what was acknowledged is stored
//! exactly once under the number that was told, visible rows are gapless, and everyone hears them in order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use proptest::prelude::*;
use rookery_actors::Target;
use rookery_schemas::ids::{Nonce, Seq};
use rookery_schemas::signal::ServerMessage;
use uuid::Uuid;

use crate::fake_store::{FakeStore, Fault};
use crate::world::{World, acknowledged, room_row};

#[derive(Clone, Debug)]
enum Step {
    /// As many messages at once; each may be a retry of one that was answered `unknown`.
    Send(u8),
    Faults(Vec<Fault>),
    CrashRoom,
    /// The node goes, without a word, and another takes over.
    TakeOver,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fault = prop_oneof![
        Just(Fault::None),
        Just(Fault::WrittenUnknown),
        Just(Fault::LostUnknown),
        Just(Fault::HalfUnknown),
        Just(Fault::Unavailable),
    ];
    let step = prop_oneof![
        5 => (1..6_u8).prop_map(Step::Send),
        3 => prop::collection::vec(fault, 1..4).prop_map(Step::Faults),
        1 => Just(Step::CrashRoom),
        1 => Just(Step::TakeOver),
    ];
    prop::collection::vec(step, 1..14)
}

async fn run(steps: Vec<Step>) {
    let store = FakeStore::new();
    let row = room_row();
    store.0.lock().rooms.insert(row.id, row.clone());
    let mut incarnation = 1;
    let mut world = World::on(Arc::clone(&store), row.id, incarnation).await;
    let mut sender = world.join("Sender").await;
    let mut acked: HashMap<Nonce, Seq> = HashMap::new();
    let mut in_doubt: Vec<(Nonce, u64)> = Vec::new();
    let mut heard: BTreeMap<u64, Nonce> = BTreeMap::new();
    let (mut fresh, mut last_seen) = (0, 0);
    for step in steps {
        match step {
            Step::Faults(faults) => store.0.lock().faults.extend(faults),
            Step::CrashRoom => world.inject(Target::Room).await,
            Step::TakeOver => {
                listen(&world, &mut heard);
                incarnation += 1;
                let next = World::on(Arc::clone(&store), row.id, incarnation).await;
                drop(std::mem::replace(&mut world, next));
                world.settle().await;
                sender.attachment = world.resume(&sender, false).await.attachment;
            }
            Step::Send(count) => {
                let mut asked = Vec::new();
                for _ in 0..count {
                    let (nonce, seen) = in_doubt.pop().unwrap_or_else(|| {
                        fresh += 1;
                        (Nonce(Uuid::from_u128(fresh)), last_seen)
                    });
                    let message = world.chat_of(&sender, nonce, &nonce.to_string(), seen);
                    asked.push((nonce, seen, world.asking(message).await));
                }
                for (nonce, seen, asked) in asked {
                    match acknowledged(asked.await.unwrap()) {
                        Ok(ack) => {
                            assert_eq!(*acked.entry(nonce).or_insert(ack.seq), ack.seq);
                            last_seen = last_seen.max(ack.seq.0);
                        }
                        Err(_) => in_doubt.push((nonce, seen)),
                    }
                }
            }
        }
    }
    world.settle().await;
    listen(&world, &mut heard);
    let visible = store.visible(row.id);
    let numbers: Vec<u64> = visible.iter().map(|row| row.message.seq.0).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "gapless");
    let nonces: HashSet<Nonce> = visible.iter().map(|row| row.message.nonce).collect();
    assert_eq!(nonces.len(), visible.len(), "one message a nonce");
    for (nonce, seq) in &acked {
        let stored = &visible[usize::try_from(seq.0).unwrap() - 1].message;
        assert_eq!(stored.nonce, *nonce, "what was acknowledged is stored under the number that was told");
    }
    for (seq, nonce) in &heard {
        assert_eq!(visible[usize::try_from(*seq).unwrap() - 1].message.nonce, *nonce, "what was heard is stored");
    }
}

/// Notes what this node has told its room; numbers only grow.
fn listen(world: &World, heard: &mut BTreeMap<u64, Nonce>) {
    let mut last = 0;
    for frame in world.events() {
        if let ServerMessage::Chat { message } = frame.message {
            assert!(message.seq.0 > last, "in order");
            last = message.seq.0;
            let known = *heard.entry(message.seq.0).or_insert(message.nonce);
            assert_eq!(known, message.nonce, "a number is told for one message");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn chat_survives_whatever_the_store_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(steps));
    }
}
