//! Stems: where a literal of some rule may begin. A table over 4 bytes turns nearly every position away.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Bits of the table, as a power of two. 2^17 bits are 16 KiB: they stay in the first-level cache, and of a thousand
/// stems in it fewer than one position in a hundred is taken for one.
const TABLE_BITS_LOG2: u32 = 17;
const TABLE_WORDS: usize = (1 << TABLE_BITS_LOG2) / 64;

/// The anchors of all rules.
pub struct Stems {
    /// A bit for each hash of a folded 4-byte stem. Its length is known to the compiler, so that no look-up is checked.
    table: Box<[u64; TABLE_WORDS]>,
    anchors: HashMap<u32, Vec<Anchor>, RandomState>,
}

struct Anchor {
    text: Vec<u8>,
    any_case: bool,
    rule: usize,
}

impl Stems {
    pub fn add(&mut self, text: &[u8], any_case: bool, rule: usize) {
        let stem = fold(text);
        let hash = hash(stem);
        self.table[hash / 64] |= 1 << (hash % 64);
        self.anchors.entry(stem).or_default().push(Anchor { text: text.to_vec(), any_case, rule });
    }

    /// An anchor may begin with these bytes.
    #[inline]
    pub fn may_begin(&self, text: [u8; 4]) -> bool {
        let hash = hash(fold(&text));
        self.table[hash / 64] >> (hash % 64) & 1 != 0
    }

    /// Rules one of whose anchors `text` begins with.
    pub fn rules_at<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let list = self.anchors.get(&fold(text)).map_or(&[][..], Vec::as_slice);
        list.iter().filter(move |anchor| anchor.begins(text)).map(|anchor| anchor.rule)
    }
}

impl Default for Stems {
    fn default() -> Self {
        Self { table: Box::new([0; TABLE_WORDS]), anchors: HashMap::default() }
    }
}

impl Anchor {
    fn begins(&self, text: &[u8]) -> bool {
        match text.get(..self.text.len()) {
            Some(head) if self.any_case => head.eq_ignore_ascii_case(&self.text),
            Some(head) => head == self.text,
            None => false,
        }
    }
}

/// The first 4 bytes without regard to case; more bytes may fall together, none are lost.
#[inline]
fn fold(text: &[u8]) -> u32 {
    u32::from_le_bytes([text[0], text[1], text[2], text[3]]) | 0x2020_2020
}

#[inline]
fn hash(stem: u32) -> usize {
    (stem.wrapping_mul(0x9e37_79b1) >> (u32::BITS - TABLE_BITS_LOG2)) as usize
}
