//! The memory budget that all panes share.

/// Bytes that all windows together hold and may hold. Nothing grows without asking.
#[derive(Debug, Default)]
pub struct Budget {
    used: usize,
    max: usize,
}

impl Budget {
    pub fn new(max: usize) -> Self {
        Self { used: 0, max }
    }

    pub fn used(&self) -> usize {
        self.used
    }

    pub fn take(&mut self, bytes: usize) -> bool {
        let fits = self.used.saturating_add(bytes) <= self.max;
        self.used += if fits { bytes } else { 0 };
        fits
    }

    /// Count bytes that are held already, whether they fit or not.
    pub fn keep(&mut self, bytes: usize) {
        self.used += bytes;
    }

    pub fn give(&mut self, bytes: usize) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Make room for one more element (by halves, so that many are cheap); false when there is none.
    pub fn grow<T>(&mut self, list: &mut Vec<T>) -> bool {
        if list.len() < list.capacity() {
            return true;
        }
        let before = list.capacity();
        let more = (before / 2).max(4);
        if !self.take(more * size_of::<T>()) {
            return false;
        }
        list.reserve_exact(more);
        self.used += (list.capacity() - before - more) * size_of::<T>();
        true
    }
}
