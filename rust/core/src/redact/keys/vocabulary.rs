//! What is known of single words of keys, found with one look-up each; nearly all words are not in it.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::redact::keys::words::{hash, Spelling};

/// Bits of the filter, as a power of two: 2 KiB, of which some five hundred words set one bit in thirty.
const FILTER_BITS_LOG2: u32 = 14;
const FILTER_WORDS: usize = (1 << FILTER_BITS_LOG2) / 64;

/// The words of a secret key and its rule.
pub type Secret = (Vec<Vec<u8>>, u16);

/// What the lists say of a word.
#[derive(Default)]
pub struct Known {
    /// Secret keys that begin with it, the longest first.
    pub secret: Vec<Secret>,
    pub bare: Option<u16>,
    pub likely: Option<u16>,
    pub short: Option<u16>,
    /// Before `key` it makes a credential of this rule.
    pub owner: Option<u16>,
    pub place: bool,
    pub about: bool,
}

pub struct Vocabulary {
    words: HashMap<Vec<u8>, Known, RandomState>,
    /// A bit for each hash of a word.
    filter: Box<[u64; FILTER_WORDS]>,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self { words: HashMap::default(), filter: Box::new([0; FILTER_WORDS]) }
    }
}

impl Vocabulary {
    /// What is known of a word, to be told more.
    pub fn word(&mut self, word: &[u8]) -> &mut Known {
        let (index, bit) = place(hash(word));
        self.filter[index] |= bit;
        self.words.entry(word.to_vec()).or_default()
    }

    /// To be called when all secret keys are in.
    pub fn longest_first(&mut self) {
        self.words.values_mut().for_each(|known| known.secret.sort_by_key(|(words, _)| std::cmp::Reverse(words.len())));
    }

    /// A word of this hash may be known.
    #[inline(always)]
    pub fn may_know(&self, hash: u32) -> bool {
        let (index, bit) = place(hash);
        self.filter[index] & bit != 0
    }

    #[inline(always)]
    pub fn find(&self, word: Spelling<'_>) -> Option<&Known> {
        if self.may_know(word.hash) {
            self.look_up(word.text)
        } else {
            None
        }
    }

    #[inline(never)]
    fn look_up(&self, word: &[u8]) -> Option<&Known> {
        self.words.get(word)
    }
}

#[inline]
fn place(hash: u32) -> (usize, u64) {
    let place = hash.wrapping_mul(0x9e37_79b1) >> (u32::BITS - FILTER_BITS_LOG2);
    (place as usize / 64, 1 << (place % 64))
}
