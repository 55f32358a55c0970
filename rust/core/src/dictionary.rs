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

/// One key, as it stands in a line.
#[derive(Debug)]
pub struct Entry {
    /// The first bytes of `"key":`, and a mask of those that count. The entry of `UNKNOWN` equals no text.
    head: u128,
    mask: u128,
    /// Bytes of `"key":`.
    token_bytes: u32,
    /// The key that came after it last time.
    next: u16,
    pub escaped: bool,
    /// Redaction must look at it: until it found that the key means nothing to it.
    pub notable: bool,
    /// Extraction must look at it: until it found that no path begins with it.
    pub wanted: bool,
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
        new.push(b"");
        new.entries[0].head = u128::MAX;
        new
    }
}

impl Dictionary {
    /// The key that stands at `at` with its colon right behind, if it is the one expected after `previous`;
    /// its number and the bytes of both.
    #[inline(always)]
    pub fn guess(&self, previous: u16, text: &[u8], at: usize) -> Option<(u16, &Entry)> {
        let number = self.entries[previous as usize].next;
        let entry = &self.entries[number as usize];
        let head: [u8; HEAD_BYTES] = text.get(at..at + HEAD_BYTES)?.try_into().ok()?;
        let same = u128::from_le_bytes(head) & entry.mask == entry.head;
        (same && (entry.token_bytes as usize <= HEAD_BYTES || self.tail(number, text, at))).then_some((number, entry))
    }

    #[inline(never)]
    fn tail(&self, number: u16, text: &[u8], at: usize) -> bool {
        text[at..].starts_with(&self.tokens[number as usize])
    }

    /// The number of a key that follows `previous`, a new one if need be.
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
        let token: Box<[u8]> = [b"\"", raw, b"\":"].concat().into();
        let mut head = [0; HEAD_BYTES];
        let compared = token.len().min(HEAD_BYTES);
        head[..compared].copy_from_slice(&token[..compared]);
        self.entries.push(Entry {
            head: u128::from_le_bytes(head),
            mask: u128::MAX >> (8 * (HEAD_BYTES - compared)),
            token_bytes: token.len() as u32,
            next: UNKNOWN,
            escaped: raw.contains(&b'\\'),
            notable: true,
            wanted: true,
        });
        self.facts.push(Facts::default());
        self.tokens.push(token);
    }

    #[inline]
    pub fn entry(&self, number: u16) -> &Entry {
        &self.entries[number as usize]
    }

    pub fn facts(&self, number: u16) -> &Facts {
        &self.facts[number as usize]
    }

    /// The key's class is known; `notable` if redaction must look at it all the same.
    pub fn set_class(&mut self, number: u16, class: KeyClass, notable: bool) {
        self.facts[number as usize].class = Some(class);
        self.entries[number as usize].notable = notable;
    }

    /// What extraction wants of the key is known.
    pub fn set_field(&mut self, number: u16, field: Option<extract::Entry>) {
        self.facts[number as usize].field = field;
        self.entries[number as usize].wanted = field.is_some();
    }
}

impl Entry {
    /// Bytes of the key and, with its quotes and colon, of the whole.
    #[inline(always)]
    pub fn bytes(&self) -> (usize, usize) {
        (self.token_bytes as usize - 3, self.token_bytes as usize)
    }
}

/// The key in `"key":`.
fn key_of(token: &[u8]) -> &[u8] {
    &token[1..token.len() - 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_guessed_from_the_one_before_it() {
        let mut keys = Dictionary::default();
        let text = br#"{"a":1,"a_key_longer_than_a_head":2,"a":3}            "#;
        assert!(keys.guess(UNKNOWN, text, 1).is_none());
        let first = keys.number(UNKNOWN, b"a");
        let second = keys.number(first, b"a_key_longer_than_a_head");
        assert_eq!(keys.guess(UNKNOWN, text, 1).map(|(number, entry)| (number, entry.bytes())), Some((first, (1, 4))));
        assert_eq!(keys.guess(first, text, 7).map(|(number, _)| number), Some(second));
        assert!(keys.guess(first, text, 36).is_none() && keys.guess(second, text, 36).is_none());
        assert_eq!(keys.number(second, b"a"), first);
        assert_eq!(keys.guess(second, text, 36).map(|(number, _)| number), Some(first));
        // No room for a whole head behind it: looked up.
        assert!(keys.guess(second, &text[..51], 36).is_none());
        assert!(keys.guess(first, br#""a_key_longer_than_a_hat":2,     "#, 0).is_none());
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
