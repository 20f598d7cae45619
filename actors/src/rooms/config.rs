//! How the rooms of a node are run: who it is, what it takes, and which rooms are its own.
//!
//! **Invariant:** plain values; nothing here changes while the node runs.

use std::sync::Arc;

use rookery_schemas::ids::{Incarnation, NodeId, RoomId};
use rookery_schemas::rows::OwnerRow;

/// Where a room should live, as far as this node knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Here: claim it if another incarnation has it.
    Here,
    /// At this node: redirect.
    Redirect(NodeId),
}

/// Decides which node claims a room.
pub trait Placement: Send + Sync + 'static {
    /// Asked before a claim, with the owner as stored.
    fn wish(&self, room: RoomId, owner: Option<&OwnerRow>) -> Wish;
}

/// The placement of a node that is alone: every room is here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Placement for Alone {
    fn wish(&self, _room: RoomId, _owner: Option<&OwnerRow>) -> Wish {
        Wish::Here
    }
}

/// How many of what a node takes; beyond it requests are refused as `overloaded`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rooms awake at once. An empty awake room costs about 20 kB.
    pub rooms_max: usize,
    /// Requests under way in all.
    pub requests_max: usize,
    /// Requests under way in one room, so that one cannot take all.
    pub room_requests_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rooms_max: 10_000, requests_max: 16_384, room_requests_max: 2_048 }
    }
}

/// How the rooms of a node are run.
#[derive(Clone)]
pub struct RoomsConfig {
    /// This node.
    pub node: NodeId,
    /// This start of it.
    pub incarnation: Incarnation,
    /// Bounds.
    pub limits: Limits,
    /// Who claims what.
    pub placement: Arc<dyn Placement>,
    /// Let [`Rooms::inject`] make actors panic. For tests.
    pub faults: bool,
}

impl std::fmt::Debug for RoomsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { node, incarnation, limits, placement: _, faults } = self;
        let mut out = f.debug_struct("RoomsConfig");
        out.field("node", node).field("incarnation", incarnation).field("limits", limits).field("faults", faults);
        out.finish_non_exhaustive()
    }
}

impl RoomsConfig {
    /// A node that is alone, with the usual limits.
    #[must_use]
    pub fn alone(node: NodeId, incarnation: Incarnation) -> Self {
        Self { node, incarnation, limits: Limits::default(), placement: Arc::new(Alone), faults: false }
    }
}
