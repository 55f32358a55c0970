//! What is known of single words of keys, found with one look-up each; nearly all words are not in it.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::redact::keys::class::KeyClass;
use crate::redact::keys::words::{hash, words, Spelling};

/// Bits of the filter, as a power of two: 2 KiB, of which some two hundred words set one bit in eighty.
const FILTER_BITS_LOG2: u32 = 14;
const FILTER_WORDS: usize = (1 << FILTER_BITS_LOG2) / 64;

/// The words of a key that names a secret, and its class.
pub type Name = (Vec<Vec<u8>>, KeyClass);

/// What the lists say of a word that may make a key secret.
#[derive(Default)]
pub struct Known {
    /// Names that begin with it, the longest first.
    pub names: Vec<Name>,
    pub bare: Option<u16>,
    pub likely: Option<u16>,
    pub short: Option<u16>,
    /// Behind a service's name what it gives out.
    pub given: bool,
}

/// What the lists say of a word beside one of those, as flags.
#[derive(Clone, Copy, Default)]
pub struct Beside(u8);

impl Beside {
    /// At the end of a key: it does not hold the secret.
    pub const METADATA: u8 = 1;
    /// First, or behind the name: it may not hold the secret.
    pub const QUALIFIER_PREFIX: u8 = 2;
    pub const QUALIFIER_SUFFIX: u8 = 4;
    /// It makes a likely key a place in a list, or only one that ends with `key`.
    pub const PLACE: u8 = 8;
    pub const ENTRY: u8 = 16;
    /// Whose credential it is, or what for; and a service by its name.
    pub const OWNER: u8 = 32;
    pub const VENDOR: u8 = 64;

    pub fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    pub fn add(&mut self, flag: u8) {
        self.0 |= flag;
    }
}

pub struct Vocabulary {
    words: HashMap<Vec<u8>, Known, RandomState>,
    /// Looked at only where one of the `words` is in a key.
    beside: HashMap<Vec<u8>, Beside, RandomState>,
    /// A bit for each hash of a word.
    filter: Box<[u64; FILTER_WORDS]>,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self { words: HashMap::default(), beside: HashMap::default(), filter: Box::new([0; FILTER_WORDS]) }
    }
}

impl Vocabulary {
    /// What is known of a word, to be told more.
    pub fn word(&mut self, word: &[u8]) -> &mut Known {
        let (index, bit) = place(hash(word));
        self.filter[index] |= bit;
        self.words.entry(word.to_vec()).or_default()
    }

    /// A name of one word or several, which are also known as one: `apikey` is `api_key`.
    pub fn name(&mut self, name: &str, class: KeyClass) {
        let joined = words(name.as_bytes()).concat();
        self.word(&joined).names.push((vec![joined.clone()], class));
        self.phrase(name, class);
    }

    /// A name of these words and no others.
    pub fn phrase(&mut self, name: &str, class: KeyClass) {
        let words = words(name.as_bytes());
        let Some(first) = words.first() else { return };
        self.word(first).names.push((words.clone(), class));
    }

    /// A name of one word as the ending of longer ones.
    pub fn ending(&self, word: &str) -> Option<(Vec<u8>, KeyClass)> {
        let word = words(word.as_bytes()).concat();
        let (_, class) = self.words.get(&word)?.names.iter().find(|(name, _)| name.len() == 1)?;
        Some((word, *class))
    }

    pub fn add_beside(&mut self, word: &[u8], flag: u8) {
        self.beside.entry(word.to_vec()).or_default().add(flag);
    }

    /// What is known of a word beside others.
    pub fn beside(&self, word: &[u8]) -> Beside {
        self.beside.get(word).copied().unwrap_or_default()
    }

    /// To be called when all names are in.
    pub fn longest_first(&mut self) {
        self.words.values_mut().for_each(|known| known.names.sort_by_key(|(words, _)| std::cmp::Reverse(words.len())));
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
