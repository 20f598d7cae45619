//! What hashes are computed in, used again: given back to the allocator after each hash, its megabytes would stay with every
//! thread that ever computed one.
//!
//! **Invariant:** there are never more pieces than hashes computed at once.

use argon2::Block;
use parking_lot::Mutex;

/// Pieces that nobody uses now.
#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    /// Does `work` in at least `blocks` blocks, whose contents are of no meaning.
    pub(super) fn lend<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        let mut piece = self.0.lock().pop().unwrap_or_default();
        if piece.len() < blocks {
            // exactly: the larger one need not be copied
            piece = Vec::new();
            piece.resize(blocks, Block::new());
        }
        let done = work(&mut piece);
        self.0.lock().push(piece);
        done
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.0.lock().len()
    }
}
