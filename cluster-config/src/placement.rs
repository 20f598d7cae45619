//! Which node a room belongs to, by consistent hashing.
//!
//! A placement is a wish: the ownership record in the store is the truth.
//!
//! **Invariant:** every node with the same members gives the same answer, whatever its process, version or start order.

use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use hashring::HashRing;
use rookery_schemas::ids::{NodeId, RoomId};

/// Points of each member on the ring. Measured balance max/mean: 1.04 for 3 nodes, 1.09 for 10; more points cost
/// memory and buy little.
pub const VIRTUAL_NODES: u16 = 200;

/// FNV-1a over explicit bytes with the finaliser of MurmurHash3, so that close inputs land far apart. Fixed for ever:
/// changing it moves rooms.
#[derive(Clone, Copy)]
pub struct PlacementHasher(u64);

impl Default for PlacementHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for PlacementHasher {
    fn finish(&self) -> u64 {
        let mut h = self.0;
        h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        h ^ (h >> 33)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// One point of a member on the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Point {
    node: NodeId,
    replica: u16,
}

impl Hash for Point {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.node.as_str().as_bytes());
        state.write(&[0]);
        state.write(&self.replica.to_be_bytes());
    }
}

struct Key(RoomId);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.0.as_bytes());
    }
}

/// The members, as points on a circle.
pub struct Ring {
    points: HashRing<Point, BuildHasherDefault<PlacementHasher>>,
    members: BTreeSet<NodeId>,
}

impl Ring {
    /// A ring of these members, in whatever order.
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = NodeId>) -> Self {
        let members: BTreeSet<NodeId> = members.into_iter().collect();
        let mut points = HashRing::with_hasher(BuildHasherDefault::default());
        points.batch_add(
            members
                .iter()
                .flat_map(|node| (0..VIRTUAL_NODES).map(move |replica| Point { node: node.clone(), replica }))
                .collect(),
        );
        Self { points, members }
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Where the room belongs; `None` if there are no members.
    #[must_use]
    pub fn home(&self, room: RoomId) -> Option<&NodeId> {
        self.points.get(&Key(room)).map(|point| &point.node)
    }

    /// The room's home, then the members that follow it, each once, at most `count`.
    #[must_use]
    pub fn homes(&self, room: RoomId, count: usize) -> Vec<NodeId> {
        let mut found: Vec<NodeId> = Vec::new();
        let wanted = count.min(self.members.len());
        // The crate walks the circle point by point and may name a member many times: ask for all and keep the first of each.
        let walk = self.points.get_with_replicas(&Key(room), self.points.len().saturating_sub(1)).unwrap_or_default();
        for point in walk {
            if found.len() == wanted {
                break;
            }
            if !found.contains(&point.node) {
                found.push(point.node);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn nodes(count: usize) -> Vec<NodeId> {
        (0..count).map(|i| format!("node-{i}").parse().unwrap()).collect()
    }

    fn room(i: u128) -> RoomId {
        RoomId(uuid::Uuid::from_u128(i.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)))
    }

    #[test]
    fn rooms_spread_evenly() {
        for (count, bound) in [(3, 1.15), (10, 1.25)] {
            let ring = Ring::new(nodes(count));
            let mut load: HashMap<NodeId, u32> = HashMap::new();
            for i in 0..30_000 {
                *load.entry(ring.home(room(i)).unwrap().clone()).or_default() += 1;
            }
            let max = f64::from(*load.values().max().unwrap());
            let balance = max * count as f64 / 30_000.0;
            println!("figure placement_balance_{count} {balance:.3} ratio");
            assert!(balance < bound, "{count} nodes: max/mean {balance:.3}");
        }
    }

    #[test]
    fn a_leaving_member_moves_only_its_own_rooms() {
        let all = Ring::new(nodes(5));
        let fewer = Ring::new(nodes(5).into_iter().take(4));
        for i in 0..5_000 {
            let (before, after) = (all.home(room(i)).unwrap(), fewer.home(room(i)).unwrap());
            assert!(before == after || before.as_str() == "node-4", "room {i} moved from {before} to {after}");
        }
    }

    #[test]
    fn order_of_members_does_not_matter_and_followers_are_distinct() {
        let forward = Ring::new(nodes(4));
        let backward = Ring::new(nodes(4).into_iter().rev());
        for i in 0..500 {
            let homes = forward.homes(room(i), 9);
            assert_eq!(homes, backward.homes(room(i), 9));
            assert_eq!(homes.len(), 4);
            assert_eq!(homes.iter().collect::<BTreeSet<_>>().len(), 4);
            assert_eq!(homes.first(), forward.home(room(i)));
        }
        assert_eq!(Ring::new(nodes(0)).home(room(1)), None);
    }

    #[test]
    fn homes_never_change_between_versions() {
        let ring = Ring::new(nodes(3));
        let homes: Vec<String> = (0..6).map(|i| ring.home(room(i)).unwrap().to_string()).collect();
        assert_eq!(homes, HOMES_OF_FIRST_SIX);
    }

    const HOMES_OF_FIRST_SIX: [&str; 6] = ["node-2", "node-0", "node-0", "node-2", "node-0", "node-1"];
}
