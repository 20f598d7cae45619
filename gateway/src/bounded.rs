//! A map that holds at most so many entries and forgets the least recently used.
//!
//! **Invariant:** `entries` and `order` hold the same keys, never more than `capacity`.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A bounded map. Overflow policy: the least recently used entry goes.
pub(crate) struct Bounded<K, V> {
    capacity: usize,
    tick: u64,
    entries: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    /// An empty map for at most `capacity` entries, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), tick: 0, entries: HashMap::new(), order: BTreeMap::new() }
    }

    /// The value, which becomes the most recently used.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        self.tick += 1;
        let (at, value) = self.entries.get_mut(key)?;
        if let Some(key) = self.order.remove(at) {
            self.order.insert(self.tick, key);
        }
        *at = self.tick;
        Some(value)
    }

    /// Puts a value in, as the most recently used.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.tick += 1;
        if let Some((at, _)) = self.entries.insert(key.clone(), (self.tick, value)) {
            self.order.remove(&at);
        }
        self.order.insert(self.tick, key);
        while self.entries.len() > self.capacity {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.entries.remove(&oldest);
        }
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let (at, value) = self.entries.remove(key)?;
        self.order.remove(&at);
        Some(value)
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_is_forgotten() {
        let mut map = Bounded::new(2);
        map.insert("a", 1);
        map.insert("b", 2);
        assert_eq!(map.get(&"a"), Some(&mut 1));
        map.insert("c", 3);
        assert_eq!((map.get(&"a").copied(), map.get(&"b").copied(), map.get(&"c").copied()), (Some(1), None, Some(3)));
        assert_eq!(map.len(), 2);
        assert_eq!(map.order.len(), 2);
    }

    #[test]
    fn replacing_and_removing_keep_both_sides_equal() {
        let mut map = Bounded::new(3);
        for i in 0..10 {
            map.insert(i % 4, i);
        }
        assert_eq!(map.remove(&1), Some(9));
        assert_eq!(map.remove(&1), None);
        assert_eq!((map.len(), map.order.len()), (2, 2));
    }
}
