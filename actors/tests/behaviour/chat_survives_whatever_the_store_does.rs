//! Whatever outcomes the store gives, however slow it is, and however often rooms fail and owners change in the middle of
//! a write: what was acknowledged is stored under the number that was told, everything that is retried until it is
//! acknowledged is stored exactly once, visible rows are gapless, and everyone hears them in order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rookery_actors::Target;
use rookery_schemas::bus::RoomAnswer;
use rookery_schemas::error::ErrorCode;
use rookery_schemas::ids::{Nonce, Seq};
use rookery_schemas::signal::ServerMessage;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::world::{Client, World, acknowledged, room_row};
use rookery_actors::testing::{Fault, ScriptedStore};

#[derive(Clone, Debug)]
enum Step {
    /// As many messages at once, without waiting for their answers; retries of what is in doubt come first.
    Send(u8),
    /// Waits for every answer.
    Collect,
    /// Time passes.
    Wait(u16),
    Faults(Vec<Fault>),
    /// Appends take as long from now on, ms.
    Slow(u16),
    CrashRoom,
    /// Another start of the node takes over, while the old one goes on and does not know.
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
        6 => (1..6_u8).prop_map(Step::Send),
        2 => Just(Step::Collect),
        3 => (1..150_u16).prop_map(Step::Wait),
        3 => prop::collection::vec(fault, 1..4).prop_map(Step::Faults),
        2 => (0..120_u16).prop_map(Step::Slow),
        1 => Just(Step::CrashRoom),
        2 => Just(Step::TakeOver),
    ];
    prop::collection::vec(step, 1..24)
}

/// One sender, the owners that its room has had, and all that is known of its messages.
struct Run {
    store: Arc<ScriptedStore>,
    /// The last is the owner; the others may still think that they are.
    owners: Vec<World>,
    sender: Client,
    asked: Vec<(Nonce, JoinHandle<RoomAnswer>)>,
    /// What the sender had seen when it first sent each nonce.
    seen: HashMap<Nonce, u64>,
    in_doubt: Vec<Nonce>,
    acked: HashMap<Nonce, Seq>,
    last_seen: u64,
}

impl Run {
    async fn new() -> Self {
        let store = Arc::new(ScriptedStore::default());
        store.rows.lock().rooms.insert(room_row().id, room_row());
        let world = World::on(Arc::clone(&store), room_row().id, 1).await;
        let sender = world.join("Sender").await;
        let (asked, seen, in_doubt, acked) = (Vec::new(), HashMap::new(), Vec::new(), HashMap::new());
        Self { store, owners: vec![world], sender, asked, seen, in_doubt, acked, last_seen: 0 }
    }

    fn owner(&self) -> &World {
        self.owners.last().unwrap()
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Faults(faults) => self.store.script.lock().faults.extend(faults),
            Step::Slow(ms) => self.store.script.lock().append_takes = Duration::from_millis(ms.into()),
            Step::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms.into())).await,
            Step::CrashRoom => self.owner().inject(Target::Room).await,
            Step::TakeOver => {
                let incarnation = self.owners.len() as u64 + 1;
                self.owners.push(World::on(Arc::clone(&self.store), room_row().id, incarnation).await);
                self.attach().await;
            }
            Step::Collect => self.collect().await,
            Step::Send(count) => {
                for _ in 0..count {
                    let nonce = self.in_doubt.pop().unwrap_or_else(|| {
                        let nonce = Nonce(Uuid::from_u128(self.seen.len() as u128));
                        self.seen.insert(nonce, self.last_seen);
                        nonce
                    });
                    let message = self.owner().chat_of(&self.sender, nonce, &nonce.to_string(), self.seen[&nonce]);
                    let asking = self.owner().asking(message).await;
                    self.asked.push((nonce, asking));
                }
            }
        }
    }

    async fn attach(&mut self) {
        self.sender.attachment = self.owner().resume(&self.sender, false).await.attachment;
    }

    async fn collect(&mut self) {
        for (nonce, asked) in std::mem::take(&mut self.asked) {
            match acknowledged(asked.await.unwrap()) {
                Ok(ack) => {
                    assert_eq!(*self.acked.entry(nonce).or_insert(ack.seq), ack.seq, "one number a nonce");
                    self.last_seen = self.last_seen.max(ack.seq.0);
                }
                Err(code) => {
                    let expected = [
                        ErrorCode::Unknown,
                        ErrorCode::StoreUnavailable,
                        ErrorCode::NotJoined,
                        ErrorCode::OwnerUnavailable,
                    ];
                    assert!(expected.contains(&code), "{code}");
                    self.in_doubt.push(nonce);
                }
            }
        }
    }

    /// The store is well again, and the client retries until it knows of everything.
    async fn finish(mut self) {
        self.collect().await;
        self.store.script.lock().faults.clear();
        tokio::time::sleep(Duration::from_secs(30)).await;
        self.attach().await;
        let mut rounds = 0;
        while !self.in_doubt.is_empty() {
            rounds += 1;
            assert!(rounds <= 20, "a well store acknowledges");
            let count = u8::try_from(self.in_doubt.len().min(50)).unwrap();
            self.step(Step::Send(count)).await;
            self.collect().await;
        }
        assert_eq!(self.acked.len(), self.seen.len(), "everything is acknowledged in the end");
        let visible = self.store.visible(room_row().id);
        let numbers: Vec<u64> = visible.iter().map(|row| row.message.seq.0).collect();
        assert_eq!(numbers, (1..=self.seen.len() as u64).collect::<Vec<_>>(), "gapless, and each exactly once");
        let stored: HashMap<Nonce, Seq> = visible.iter().map(|row| (row.message.nonce, row.message.seq)).collect();
        assert_eq!(stored, self.acked, "under the number that was told");
        let mut heard: BTreeMap<Seq, Nonce> = BTreeMap::new();
        for owner in &self.owners {
            let mut last = Seq(0);
            for frame in owner.events() {
                let ServerMessage::Chat { message } = frame.message else { continue };
                assert!(message.seq > last, "in order");
                last = message.seq;
                heard.insert(message.seq, message.nonce);
                assert_eq!(stored.get(&message.nonce), Some(&message.seq), "what was heard is stored");
            }
        }
        assert!(heard.len() <= stored.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn chat_survives_whatever_the_store_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for step in steps {
                run.step(step).await;
            }
            run.finish().await;
        });
    }
}
