//! The keys of a lane's lines, each with a number under which is kept what other parts found out about it, so that
//! a key is looked at once. A key is guessed from the one before it: most lines have the shape of an earlier one.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::extract;
use crate::limits::KEY_MEMO_ENTRIES_MAX;
use crate::redact::keys::KeyClass;

/// Longest key remembered, in bytes.
const KEY_BYTES_MAX: usize = 128;
/// Bytes compared at once.
const HEAD_BYTES: usize = 16;

/// No key is given this number.
pub const UNKNOWN: u16 = 0;

/// What a key is to those who look at lines: flags.
pub mod traits {
    /// It says something about its value to redaction, or redaction has not looked at it yet.
    pub const NOTABLE: u8 = crate::walk::notable::KEY;
    /// A path begins with it, or extraction has not looked at it yet.
    pub const WANTED: u8 = 0x40;
    pub const ESCAPED: u8 = 0x80;
}

/// One key, as it stands in a line.
#[derive(Debug)]
pub struct Entry {
    /// The first bytes of `,"key":`, and a mask of those that count. The entry of `UNKNOWN` equals no text.
    head: u128,
    mask: u128,
    /// Bytes of `,"key":`.
    pub token_bytes: u32,
    /// The key that came after it last time.
    pub next: u16,
    pub traits: u8,
}

/// What is known of a key. `None`: nothing yet.
#[derive(Debug, Default)]
pub struct Facts {
    /// Of a key without any content to redact.
    pub class: Option<KeyClass>,
    /// What extraction wants of it in the outermost object.
    pub field: Option<extract::Entry>,
}

/// Bounded; keys beyond the bound are `UNKNOWN`, which costs time and nothing else.
#[derive(Debug)]
pub struct Dictionary {
    /// By number; the first one is of `UNKNOWN`, and its `next` is the key lines begin with.
    entries: Vec<Entry>,
    facts: Vec<Facts>,
    tokens: Vec<Box<[u8]>>,
    table: HashTable<u16>,
    hasher: RandomState,
}

impl Default for Dictionary {
    fn default() -> Self {
        let mut new = Self {
            entries: Vec::new(),
            facts: Vec::new(),
            tokens: Vec::new(),
            table: HashTable::new(),
            hasher: RandomState::default(),
        };
        // Equal to no text, with either mask.
        new.push(&[0; HEAD_BYTES]);
        new
    }
}

impl Dictionary {
    /// The entry of `expected`, if this key stands at `at` between a comma and a colon without spaces.
    #[inline(always)]
    pub fn guess(&self, expected: u16, text: &[u8], at: usize) -> Option<&Entry> {
        self.compare(expected, text, at, u128::MAX)
    }

    /// The same whatever stands before the key, at `at`.
    #[inline(always)]
    pub fn guess_first(&self, expected: u16, text: &[u8], at: usize) -> Option<&Entry> {
        self.compare(expected, text, at, u128::MAX << 8)
    }

    #[inline(always)]
    fn compare(&self, expected: u16, text: &[u8], at: usize, mask: u128) -> Option<&Entry> {
        let entry = &self.entries[expected as usize];
        let head: [u8; HEAD_BYTES] = text.get(at..at + HEAD_BYTES)?.try_into().ok()?;
        let same = (u128::from_le_bytes(head) ^ entry.head) & entry.mask & mask == 0;
        (same && (entry.token_bytes as usize <= HEAD_BYTES || self.tail(expected, text, at))).then_some(entry)
    }

    #[inline(never)]
    fn tail(&self, number: u16, text: &[u8], at: usize) -> bool {
        text[at + HEAD_BYTES..].starts_with(&self.tokens[number as usize][HEAD_BYTES..])
    }

    /// The number of a key that follows `previous`, a new one if need be. Valid escapes only.
    pub fn number(&mut self, previous: u16, raw: &[u8]) -> u16 {
        let hash = self.hasher.hash_one(raw);
        let same = |number: &u16| key_of(&self.tokens[*number as usize]) == raw;
        let number = match self.table.find(hash, same) {
            Some(number) => *number,
            None => self.add(hash, raw),
        };
        if number != UNKNOWN {
            self.entries[previous as usize].next = number;
        }
        number
    }

    fn add(&mut self, hash: u64, raw: &[u8]) -> u16 {
        if raw.len() > KEY_BYTES_MAX || self.entries.len() > KEY_MEMO_ENTRIES_MAX {
            return UNKNOWN;
        }
        let number = self.entries.len() as u16;
        self.push(raw);
        let Self { table, tokens, hasher, .. } = self;
        table.insert_unique(hash, number, |number| hasher.hash_one(key_of(&tokens[*number as usize])));
        number
    }

    fn push(&mut self, raw: &[u8]) {
        let token: Box<[u8]> = [b",\"", raw, b"\":"].concat().into();
        let mut head = [0; HEAD_BYTES];
        let compared = token.len().min(HEAD_BYTES);
        head[..compared].copy_from_slice(&token[..compared]);
        let escaped = if raw.contains(&b'\\') { traits::ESCAPED } else { 0 };
        self.entries.push(Entry {
            head: u128::from_le_bytes(head),
            mask: u128::MAX >> (8 * (HEAD_BYTES - compared)),
            token_bytes: token.len() as u32,
            next: UNKNOWN,
            traits: traits::NOTABLE | traits::WANTED | escaped,
        });
        self.facts.push(Facts::default());
        self.tokens.push(token);
    }

    /// The key expected after a number's; after that of `UNKNOWN` the one lines begin with.
    #[inline(always)]
    pub fn next(&self, number: u16) -> u16 {
        self.entries[number as usize].next
    }

    #[inline(always)]
    pub fn traits(&self, number: u16) -> u8 {
        self.entries[number as usize].traits
    }

    pub fn facts(&self, number: u16) -> &Facts {
        &self.facts[number as usize]
    }

    /// The key's class is known; `notable` if redaction must look at it all the same.
    pub fn set_class(&mut self, number: u16, class: KeyClass, notable: bool) {
        self.facts[number as usize].class = Some(class);
        self.set(number, traits::NOTABLE, notable);
    }

    /// What extraction wants of the key is known.
    pub fn set_field(&mut self, number: u16, field: Option<extract::Entry>) {
        self.facts[number as usize].field = field;
        self.set(number, traits::WANTED, field.is_some());
    }

    fn set(&mut self, number: u16, flag: u8, raised: bool) {
        let traits = &mut self.entries[number as usize].traits;
        *traits = *traits & !flag | if raised { flag } else { 0 };
    }
}

/// The key in `,"key":`.
fn key_of(token: &[u8]) -> &[u8] {
    &token[2..token.len() - 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_guessed_from_the_one_before_it() {
        let mut keys = Dictionary::default();
        let text = br#"{"a":1,"a_key_longer_than_a_head":2,"a":3}             "#;
        assert!(keys.guess_first(UNKNOWN, text, 0).is_none());
        let first = keys.number(UNKNOWN, b"a");
        let second = keys.number(first, b"a_key_longer_than_a_head");
        assert_eq!((keys.next(UNKNOWN), keys.next(first), keys.next(second)), (first, second, UNKNOWN));
        assert_eq!(keys.guess_first(first, text, 0).map(|entry| entry.token_bytes), Some(5));
        assert!(keys.guess(first, text, 0).is_none());
        assert_eq!(keys.guess(second, text, 6).map(|entry| (entry.token_bytes, entry.next)), Some((28, UNKNOWN)));
        assert!(keys.guess(first, text, 6).is_none() && keys.guess(second, text, 35).is_none());
        assert_eq!(keys.number(second, b"a"), first);
        assert_eq!(keys.guess(second, text, 6).map(|entry| entry.next), Some(first));
        assert!(keys.guess(first, text, 35).is_some());
        // No room for a whole head: the caller looks it up.
        assert!(keys.guess(first, &text[..50], 35).is_none());
        assert!(keys.guess(second, br#","a_key_longer_than_a_hat":2,     "#, 0).is_none());
    }

    #[test]
    fn beyond_the_bound_keys_are_unknown_and_old_ones_keep_their_numbers() {
        let mut keys = Dictionary::default();
        let numbers: Vec<u16> =
            (0..KEY_MEMO_ENTRIES_MAX).map(|key| keys.number(UNKNOWN, format!("k{key}").as_bytes())).collect();
        assert!(numbers.iter().all(|number| *number != UNKNOWN));
        assert_eq!(keys.number(UNKNOWN, b"one more"), UNKNOWN);
        assert_eq!(keys.number(UNKNOWN, b"k7"), numbers[7]);
        assert_eq!(keys.number(UNKNOWN, &[b'x'; 200]), UNKNOWN);
    }
}
