//! What stood before signs that follow no secret key. Nearly all signs do, and the same few places keep coming.

/// So many bytes before a sign hold the word there, or the place is not remembered.
pub const BEFORE_BYTES: usize = 32;
/// A power of two: 64 places are 2 KiB of the first-level cache.
const PLACES_LOG2: u32 = 6;

/// Bounded: of two places with one hash the later is remembered.
pub struct NegativeCache(Box<[Option<[u8; BEFORE_BYTES]>; 1 << PLACES_LOG2]>);

impl NegativeCache {
    #[inline]
    pub fn knows(&self, before: &[u8; BEFORE_BYTES]) -> bool {
        self.0[hash(before)].as_ref() == Some(before)
    }

    pub fn remember(&mut self, before: &[u8; BEFORE_BYTES]) {
        self.0[hash(before)] = Some(*before);
    }
}

impl Default for NegativeCache {
    fn default() -> Self {
        Self(Box::new([None; 1 << PLACES_LOG2]))
    }
}

#[inline]
fn hash(before: &[u8; BEFORE_BYTES]) -> usize {
    let words = before.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let mixed = words.fold(0_u64, |hash, word| (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (mixed >> (u64::BITS - PLACES_LOG2)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_remembered_is_known() {
        let mut cache = NegativeCache::default();
        let before = |text: &str| -> [u8; BEFORE_BYTES] { std::array::from_fn(|at| text.as_bytes()[at % text.len()]) };
        assert!(!cache.knows(&[0; BEFORE_BYTES]));
        cache.remember(&before("handle(OrderService.java"));
        assert!(cache.knows(&before("handle(OrderService.java")) && !cache.knows(&before("handle(OrderService.jav4")));
    }
}
