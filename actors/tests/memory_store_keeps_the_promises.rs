//! The store that tests stand on keeps the promises of `Store`: what they show on it holds on the others.

use std::sync::Arc;

use rookery_actors::conformance::Opened;
use rookery_actors::seams::Store;
use rookery_actors::testing::{MemoryStore, ScriptedStore};

async fn open() -> Opened<dyn Store, ()> {
    Ok((Arc::new(MemoryStore::default()), ()))
}

async fn open_scripted() -> Opened<dyn Store, ()> {
    Ok((Arc::new(ScriptedStore::default()), ()))
}

mod memory {
    rookery_actors::store_conformance!(tokio::test(flavor = "multi_thread"), super::open());
}

/// With an empty script it is the same.
mod scripted {
    rookery_actors::store_conformance!(tokio::test(flavor = "multi_thread"), super::open_scripted());
}
