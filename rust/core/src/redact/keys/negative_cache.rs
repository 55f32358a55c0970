//! What stood before signs that follow no secret key. Nearly all signs do, and the same few places keep coming.

use std::ops::Range;

use crate::redact::bytes::is_key_byte;

/// So many bytes before a sign hold the word there, or the place is not remembered.
const BEFORE_BYTES: usize = 32;
/// A power of two: 64 places are 2 KiB of the first-level cache.
const PLACES_LOG2: u32 = 6;

/// Bounded: of two places with one hash the later is remembered.
pub struct NegativeCache(Box<[Option<[u8; BEFORE_BYTES]>; 1 << PLACES_LOG2]>);

impl NegativeCache {
    /// It is known that no key goes before a sign.
    #[inline]
    pub fn knows_before(&self, text: &[u8], sign: usize) -> bool {
        text[..sign].last_chunk().is_some_and(|near| self.knows(near))
    }

    /// The word right before a sign is no key: remember that, if it and the byte before it say all.
    pub fn remember_word(&mut self, text: &[u8], word: Range<usize>) {
        let alone = |byte: u8| !is_key_byte(byte) && byte != b'%' && byte.is_ascii();
        let near = text[..word.end].last_chunk().filter(|_| (1..BEFORE_BYTES).contains(&word.len()));
        if let Some(near) = near.filter(|_| word.start > 0 && alone(text[word.start - 1])) {
            self.remember(near);
        }
    }

    #[inline]
    fn knows(&self, before: &[u8; BEFORE_BYTES]) -> bool {
        self.0[hash(before)].as_ref() == Some(before)
    }

    fn remember(&mut self, before: &[u8; BEFORE_BYTES]) {
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
