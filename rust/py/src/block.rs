//! Memory that sockets write and the core reads. All that is unsafe about reading without a copy stands here.
//!
//! A block is filled from its beginning. What lies before its fill mark is whole lines, shared and never written again;
//! a view for writing begins at or after the mark and keeps the block alive. Who holds one may write from the moment the
//! room is given until it says how much it wrote, in the same turn of the loop: uvloop and asyncio call `get_buffer`,
//! read, and `buffer_updated` in one go, and whatever they keep of the view afterwards they only release.

use std::cell::UnsafeCell;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError};

/// Blocks kept for reuse by one source: as many as are filled, in the core and let go of at once. Their pages are there.
const SPARE_BLOCKS_MAX: usize = 6;

type Memory = Box<[UnsafeCell<u8>]>;

/// Where blocks of one size go when nobody uses them any more.
#[derive(Default)]
pub struct Pool {
    spare: Mutex<Vec<Memory>>,
}

/// Fixed memory: it is never moved, and given back when the last user is gone.
pub struct Block {
    memory: Memory,
    home: Option<Arc<Pool>>,
}

// SAFETY: bytes before the fill mark are only read; those after it are touched by one thread, the reading one.
unsafe impl Sync for Block {}

impl Pool {
    pub fn block(self: &Arc<Self>, size: usize) -> Arc<Block> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let memory = spare.unwrap_or_else(|| memory(vec![0; size]));
        Arc::new(Block { memory, home: Some(Arc::clone(self)) })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let mut spare = home.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_BLOCKS_MAX {
            spare.push(std::mem::take(&mut self.memory));
        }
    }
}

impl Block {
    /// A block of its own, to be read only.
    pub fn alone(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self { memory: memory(bytes), home: None })
    }

    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Where a reader may write from `start` on; the pointer is good as long as the block.
    pub fn address(&self, start: usize) -> *mut u8 {
        UnsafeCell::raw_get(self.memory[start..].as_ptr())
    }

    /// The bytes from `range`, to be changed.
    ///
    /// # Safety
    /// The range lies after the fill mark, and nobody else reads or writes it meanwhile.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn unfilled(&self, range: Range<usize>) -> &mut [u8] {
        let cells = &self.memory[range];
        // SAFETY: the cells are that many bytes of this block, initialised when it was made; the rest is the caller's.
        unsafe { std::slice::from_raw_parts_mut(UnsafeCell::raw_get(cells.as_ptr()), cells.len()) }
    }
}

/// Whole lines of a block.
#[derive(Clone)]
pub struct Filled {
    block: Arc<Block>,
    range: Range<usize>,
}

impl Filled {
    /// # Safety
    /// The range lies before the block's fill mark: it is never written again.
    pub unsafe fn new(block: Arc<Block>, range: Range<usize>) -> Self {
        assert!(range.end <= block.len());
        Self { block, range }
    }

    pub fn alone(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { block: Block::alone(bytes), range }
    }

    /// It lies directly behind `other` in the same block.
    pub fn follows(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.block, &other.block) && self.range.start == other.range.end
    }

    /// Take in what follows; false when `next` is elsewhere.
    pub fn extend(&mut self, next: &Self) -> bool {
        let follows = next.follows(self);
        if follows {
            self.range.end = next.range.end;
        }
        follows
    }
}

impl Deref for Filled {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let cells = &self.block.memory[self.range.clone()];
        // SAFETY: what is filled is never written again, and the block lives as long as `self`.
        unsafe { std::slice::from_raw_parts(UnsafeCell::raw_get(cells.as_ptr()), cells.len()) }
    }
}

fn memory(bytes: Vec<u8>) -> Memory {
    let bytes = Box::into_raw(bytes.into_boxed_slice());
    // SAFETY: UnsafeCell<u8> has the layout of u8, and the box is owned here alone.
    unsafe { Box::from_raw(bytes as *mut [UnsafeCell<u8>]) }
}

/// Run by Miri, which needs no Python to link with: `make miri`.
#[cfg(test)]
mod tests {
    use super::*;

    fn fill(block: &Block, range: Range<usize>, byte: u8) {
        // SAFETY: each test fills every range once, before anybody reads it.
        unsafe { block.unfilled(range) }.fill(byte);
    }

    #[test]
    fn what_is_filled_is_read_while_the_rest_is_written() {
        let pool = Arc::new(Pool::default());
        let block = pool.block(64);
        fill(&block, 0..8, b'a');
        // SAFETY: it was filled just now.
        let lines = unsafe { Filled::new(Arc::clone(&block), 0..8) };
        let reader = std::thread::spawn(move || lines.iter().filter(|byte| **byte == b'a').count());
        fill(&block, 8..64, b'b');
        // As a socket does: through the address alone.
        let address = block.address(63);
        // SAFETY: the last byte, behind everything that is shared.
        unsafe { address.write(b'c') };
        assert_eq!(8, reader.join().unwrap_or_default());
        // SAFETY: all of it is filled.
        let rest = unsafe { Filled::new(block, 8..64) };
        assert_eq!((b'b', b'c'), (rest[0], rest[55]));
    }

    #[test]
    fn memory_is_used_again_only_when_nobody_reads_it() {
        let pool = Arc::new(Pool::default());
        let block = pool.block(16);
        fill(&block, 0..16, b'a');
        let first = block.address(0) as usize;
        // SAFETY: it was filled just now.
        let mut lines = unsafe { Filled::new(Arc::clone(&block), 0..4) };
        // SAFETY: as before.
        let next = unsafe { Filled::new(block, 4..16) };
        assert_ne!(first, pool.block(16).address(0) as usize);
        assert!(lines.extend(&next) && lines.len() == 16 && !lines.extend(&next));
        drop((lines, next));
        let (one, other) = (pool.block(16), pool.block(16));
        assert!([&one, &other].iter().any(|block| block.address(0) as usize == first));
        drop(pool);
        assert_eq!(16, one.len());
    }

    #[test]
    fn a_block_of_its_own_outlives_its_lines() {
        let lines = Filled::alone(b"one\ntwo\n".to_vec());
        let other = Filled::alone(Vec::new());
        assert!(!lines.follows(&other) && !other.follows(&lines));
        assert_eq!(b"one\ntwo\n", &*lines.clone());
    }
}
