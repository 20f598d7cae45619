//! Tables whose entries are found by index, and whose keys of removed entries find nothing.
//!
//! **Invariant:** a key finds the entry that it was given for, or none.

use std::{fmt, marker::PhantomData};

/// Names an entry of a [`Slab`].
pub(crate) struct Key<T> {
    index: u32,
    generation: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.generation == other.generation
    }
}

impl<T> Eq for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}

/// A table that reuses the places of removed entries.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, entry: T) -> Key<T> {
        if let Some(index) = self.free.pop()
            && let Some((generation, place)) = self.places.get_mut(index as usize)
        {
            *place = Some(entry);
            return Key { index, generation: *generation, of: PhantomData };
        }
        let index = crate::bits::len32(self.places.len());
        self.places.push((0, Some(entry)));
        Key { index, generation: 0, of: PhantomData }
    }

    pub(crate) fn remove(&mut self, key: Key<T>) -> Option<T> {
        let (generation, place) = self.places.get_mut(key.index as usize)?;
        if *generation != key.generation {
            return None;
        }
        let entry = place.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(key.index);
        Some(entry)
    }

    #[inline]
    pub(crate) fn get(&self, key: Key<T>) -> Option<&T> {
        let (generation, place) = self.places.get(key.index as usize)?;
        place.as_ref().filter(|_| *generation == key.generation)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        let (generation, place) = self.places.get_mut(key.index as usize)?;
        place.as_mut().filter(|_| *generation == key.generation)
    }

    /// The key of the entry at or behind place `from`, to walk the table while changing it.
    pub(crate) fn next(&self, from: usize) -> Option<(usize, Key<T>)> {
        let (index, (generation, _)) = self.places.iter().enumerate().skip(from).find(|(_, (_, p))| p.is_some())?;
        Some((index + 1, Key { index: crate::bits::len32(index), generation: *generation, of: PhantomData }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_removed_entry_finds_nothing() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!((slab.remove(a), slab.remove(a)), (Some('a'), None));
        let c = slab.insert('c');
        assert_eq!((slab.get(a), slab.get(b), slab.get(c), slab.len()), (None, Some(&'b'), Some(&'c'), 2));
        let mut walked: Vec<&char> = Vec::new();
        let mut from = 0;
        while let Some((next, key)) = slab.next(from) {
            walked.extend(slab.get(key));
            from = next;
        }
        assert_eq!(walked, [&'c', &'b']);
    }
}
