//! The first four bytes of literals: where a literal of some rule may begin. A table over them turns nearly every position
//! away.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::redact::patterns::literals::is_escaped;
use crate::redact::prefilter::prefix3::Prefixes3;
use crate::redact::prefilter::shared_bits::{Prefix4, PREFIX4_BYTES};
use crate::simd::Path;

/// Bits of the table, as a power of two. 2^18 bits are 32 KiB, of which the words of most lines touch a small part. With the
/// four thousand prefixes of the packs it takes one place in a hundred for one.
const TABLE_BITS_LOG2: u32 = 18;
const TABLE_WORDS: usize = (1 << TABLE_BITS_LOG2) / 64;

/// The literals of all rules.
pub struct Prefixes4 {
    /// A bit for each hash of a folded prefix. Its length is known to the compiler, so that no look-up is checked.
    table: Box<[u64; TABLE_WORDS]>,
    literals: HashMap<u32, Vec<Literal>, RandomState>,
    /// Prefixes of literals that count anywhere, at words, and at long words.
    anywhere: Vec<Prefix4>,
    words: Vec<Prefix4>,
    long_words: Vec<Prefix4>,
    escaped: bool,
}

struct Literal {
    text: Vec<u8>,
    any_case: bool,
    rule: usize,
}

/// Where the matches of a rule begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begins {
    Anywhere,
    /// At the first byte of a word.
    Word,
    /// The same, and `RUN_BYTES` or more from there on are run bytes.
    LongWord,
}

impl Prefixes4 {
    /// `begins`: at which places of a text a match may begin.
    pub fn add(&mut self, text: &[u8], any_case: bool, begins: Begins, rule: usize) {
        self.escaped |= text.iter().any(|byte| is_escaped(*byte));
        let prefixes4 = match begins {
            Begins::Anywhere => &mut self.anywhere,
            Begins::Word => &mut self.words,
            Begins::LongWord => &mut self.long_words,
        };
        let cases = |byte: u8| match any_case {
            true => vec![byte.to_ascii_lowercase(), byte.to_ascii_uppercase()],
            false => vec![byte],
        };
        let [first, second, third, fourth] = [0, 1, 2, 3].map(|at| cases(text[at]));
        for (first, second) in first.iter().flat_map(|first| second.iter().map(move |second| (first, second))) {
            for (third, fourth) in third.iter().flat_map(|third| fourth.iter().map(move |fourth| (third, fourth))) {
                prefixes4.push([*first, *second, *third, *fourth]);
            }
        }
        let prefix = fold(text);
        let hash = hash(prefix);
        self.table[hash / 64] |= 1 << (hash % 64);
        self.literals.entry(prefix).or_default().push(Literal { text: text.to_vec(), any_case, rule });
    }

    /// What the kernel of a path looks for.
    pub fn prefixes3(&self, path: Path) -> Prefixes3 {
        Prefixes3::new(path, &self.anywhere, &self.words, &self.long_words)
    }

    /// Prefixes of literals that count anywhere, at words, and at long words, in order.
    #[cfg(test)]
    pub fn lists(&self) -> [Vec<Prefix4>; 3] {
        [&self.anywhere, &self.words, &self.long_words]
            .map(|list| list.iter().copied().collect::<std::collections::BTreeSet<_>>().into_iter().collect())
    }

    /// Some literal holds what JSON writes as an escape.
    pub fn escaped(&self) -> bool {
        self.escaped
    }

    /// A literal may begin with these bytes.
    #[inline]
    pub fn may_begin(&self, text: [u8; 4]) -> bool {
        self.look_up()(text)
    }

    /// The same, for many places.
    #[inline]
    pub fn look_up(&self) -> impl Fn([u8; 4]) -> bool + '_ {
        let table = self.table.as_ref();
        move |text| {
            let hash = hash(fold(&text));
            table[hash / 64] >> (hash % 64) & 1 != 0
        }
    }

    /// Rules one of whose literals `text` begins with.
    pub fn rules_at<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let list = self.literals.get(&fold(text)).map_or(&[][..], Vec::as_slice);
        list.iter().filter(move |literal| literal.begins(text)).map(|literal| literal.rule)
    }
}

impl Default for Prefixes4 {
    fn default() -> Self {
        Self {
            table: Box::new([0; TABLE_WORDS]),
            literals: HashMap::default(),
            anywhere: Vec::new(),
            words: Vec::new(),
            long_words: Vec::new(),
            escaped: false,
        }
    }
}

impl Literal {
    /// `text` begins with it; that it does with its prefix is known.
    #[inline]
    fn begins(&self, text: &[u8]) -> bool {
        let Some(start) = text.get(..self.text.len()) else { return false };
        // Of literals with one prefix most differ in the next byte already, or in the last one: `password ` and `password=`.
        let next = |text: &[u8]| text.get(PREFIX4_BYTES).map(|byte| byte | 0x20);
        let last = |text: &[u8]| text.last().map(|byte| byte | 0x20);
        next(start) == next(&self.text)
            && last(start) == last(&self.text)
            && if self.any_case { start.eq_ignore_ascii_case(&self.text) } else { start == self.text }
    }
}

/// The first 4 bytes without regard to case; more bytes may fall together, none are lost.
#[inline]
fn fold(text: &[u8]) -> u32 {
    u32::from_le_bytes([text[0], text[1], text[2], text[3]]) | 0x2020_2020
}

/// Of 1,500 odd numbers the one whose table takes the fewest words of log lines for literals: 1.4 in 4 KiB, others twice as
/// many (builds, apt, services and the lines of the benchmark; 5,108 prefixes, 2026-11-30).
const MULTIPLIER: u32 = 0x32e7_0f95;

#[inline]
fn hash(prefix: u32) -> usize {
    (prefix.wrapping_mul(MULTIPLIER) >> (u32::BITS - TABLE_BITS_LOG2)) as usize
}
