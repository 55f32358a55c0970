//! The keys of a lane's lines. Problem: to look a key up costs more than to read it. Idea: number each key and guess it
//! from the one before, for most lines have the order of an earlier one; a right guess is one comparison of 16 bytes.
//! Others keep what they know of a key in a `ByKey` of their own, by its number.
//!
//! ```text
//! "time" 1 -> "level" 2 -> "message" 3      ByKey<class> of redaction: 3 is plain
//!    ^ which key comes next, as last time   ByKey<wanted> of extraction: 3 is slot 7
//! ```

pub(crate) mod entry;

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use entry::{traits, Entry, Guesses, Spaces, UNKNOWN};

use crate::limits::KEY_MEMO_ENTRIES_MAX;

/// Longest key remembered, in bytes.
const KEY_BYTES_MAX: usize = 128;
/// What a user of a dictionary found out about its keys, by their numbers: each user keeps its own.
#[derive(Debug)]
pub struct ByKey<T>(Vec<Option<T>>);

impl<T> Default for ByKey<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> ByKey<T> {
    /// `None` of a key that nothing is known of yet.
    #[inline]
    pub fn get(&self, number: u16) -> Option<T> {
        self.0.get(usize::from(number)).copied().flatten()
    }

    pub fn set(&mut self, number: u16, fact: T) {
        let at = usize::from(number);
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        self.0[at] = Some(fact);
    }
}

/// Bounded; keys beyond the bound are `UNKNOWN`, which costs time and nothing else.
#[derive(Debug)]
pub struct Dictionary {
    /// By number; the first one is of `UNKNOWN`, and its `next` is the key lines begin with.
    entries: Vec<Entry>,
    raws: Vec<Box<[u8]>>,
    table: HashTable<u16>,
    hasher: RandomState,
    /// Counts what changes of entries.
    version: u64,
    expected: Expected,
}

/// The keys that lines have lately, in order.
#[derive(Debug, Default)]
struct Expected {
    /// The dictionary's when they were noted.
    version: u64,
    keys: usize,
    /// Their entries; none where some key is too long for them.
    entries: Vec<Entry>,
}

impl Default for Dictionary {
    fn default() -> Self {
        let mut new = Self {
            entries: Vec::new(),
            raws: Vec::new(),
            table: HashTable::new(),
            hasher: RandomState::default(),
            version: 0,
            expected: Expected::default(),
        };
        new.push(b"");
        new.entries[0] = Entry::nowhere();
        new
    }
}

impl Dictionary {
    /// To guess with.
    #[inline(always)]
    pub fn guesses(&self) -> Guesses<'_> {
        Guesses { entries: &self.entries }
    }

    /// Whether an entry that begins at `at` stands there to its end.
    #[inline(always)]
    pub fn ends(&self, entry: &Entry, text: &[u8], at: u32) -> bool {
        entry.is_short() || self.long_ends(entry.number, text, at as usize)
    }

    /// The entries of a line's keys, in order, if lines keep to one order. The first begins with the bracket that opens
    /// the line, and each has the traits of all before.
    #[inline(always)]
    pub fn expected(&self) -> &[Entry] {
        match &self.expected {
            Expected { version, entries, .. } if *version == self.version => entries,
            _ => &[],
        }
    }

    /// Lines have so many keys, each the one that comes next.
    #[inline(always)]
    pub fn expect(&mut self, keys: usize) {
        if self.expected.version != self.version || self.expected.keys != keys {
            self.copy_expected(keys);
        }
    }

    #[cold]
    fn copy_expected(&mut self, keys: usize) {
        let guesses = Guesses { entries: &self.entries };
        let (mut entry, mut traits) = (&self.entries[usize::from(UNKNOWN)], 0);
        let expected = &mut self.expected.entries;
        (self.expected.version, self.expected.keys) = (self.version, keys);
        expected.clear();
        for _ in 0..keys {
            entry = guesses.next(entry);
            traits |= entry.traits;
            expected.push(entry.with(traits));
        }
        if let Some(first) = expected.first_mut() {
            first.open_line();
        }
        if !expected.iter().all(Entry::is_short) {
            expected.clear();
        }
    }

    #[cold]
    #[inline(never)]
    fn long_ends(&self, number: u16, text: &[u8], at: usize) -> bool {
        let entry = &self.entries[usize::from(number)];
        let Some(rest) = text.get(at + usize::from(entry.key_at)..) else { return false };
        let rest = rest.strip_prefix(&*self.raws[usize::from(number)]).and_then(|rest| rest.strip_prefix(b"\":"));
        rest.is_some_and(|rest| entry.spaces().behind == 0 || rest.first() == Some(&b' '))
    }

    /// The number of a key that follows `previous`, a new one if need be. Its escapes must be valid. `spaces` are
    /// those around it where a comma is before it.
    pub fn number(&mut self, previous: u16, raw: &[u8], spaces: Option<Spaces>) -> u16 {
        let expected = self.entries[usize::from(previous)].next;
        let number = if expected != UNKNOWN && *self.raws[usize::from(expected)] == *raw {
            expected
        } else {
            let hash = self.hasher.hash_one(raw);
            let same = |number: &u16| *self.raws[usize::from(*number)] == *raw;
            let known = self.table.find(hash, same).copied();
            known.unwrap_or_else(|| self.add(hash, raw))
        };
        if number == UNKNOWN {
            return UNKNOWN;
        }
        let next = &mut self.entries[usize::from(previous)].next;
        self.version += u64::from(*next != number);
        *next = number;
        let entry = &mut self.entries[usize::from(number)];
        if let Some(spaces) = spaces.filter(|spaces| *spaces != entry.spaces()) {
            self.version += 1;
            entry.set_spaces(raw, spaces);
        }
        number
    }

    fn add(&mut self, hash: u64, raw: &[u8]) -> u16 {
        if raw.len() > KEY_BYTES_MAX || self.entries.len() > KEY_MEMO_ENTRIES_MAX {
            return UNKNOWN;
        }
        let number = self.entries.len() as u16;
        self.push(raw);
        let Self { table, raws, hasher, .. } = self;
        table.insert_unique(hash, number, |number| hasher.hash_one(&*raws[usize::from(*number)]));
        number
    }

    fn push(&mut self, raw: &[u8]) {
        self.entries.push(Entry::new(self.entries.len() as u16, raw));
        self.raws.push(raw.into());
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    #[inline(always)]
    pub fn entry(&self, number: u16) -> &Entry {
        &self.entries[usize::from(number)]
    }

    /// Redaction has looked at the key; `notable` if it must look at it each time.
    pub fn set_notable(&mut self, number: u16, notable: bool) {
        self.set(number, traits::NOTABLE, notable);
    }

    /// Extraction has looked at the key of the outermost object: whether it is a field, and its slot or `LOOK`.
    pub fn set_slot(&mut self, number: u16, field: bool, slot: u16) {
        self.entries[usize::from(number)].slot = slot;
        self.set(number, traits::FIELD, field);
    }

    fn set(&mut self, number: u16, flag: u8, raised: bool) {
        self.version += 1;
        let traits = &mut self.entries[usize::from(number)].traits;
        *traits = *traits & !flag | if raised { flag } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSE: Option<Spaces> = Some(Spaces { before: 0, behind: 0 });

    /// The entry of a key guessed, and the first byte of its value.
    fn guess<'a>(keys: &'a Dictionary, number: u16, text: &[u8], at: u32) -> Option<(&'a Entry, u8)> {
        let entry = keys.entry(number);
        let byte = entry.begins(text, at, u128::MAX)?;
        keys.ends(entry, text, at).then_some((entry, byte))
    }

    #[test]
    fn a_key_is_guessed_from_the_one_before_it() {
        let mut keys = Dictionary::default();
        let text = br#"{"a":1,"a_key_longer_than_a_head":2,"a":3}             "#;
        assert!(guess(&keys, UNKNOWN, text, 6).is_none());
        let first = keys.number(UNKNOWN, b"a", None);
        let second = keys.number(first, b"a_key_longer_than_a_head", CLOSE);
        let next = |number, keys: &Dictionary| keys.guesses().after(number).number;
        let first_of = |number, keys: &Dictionary| keys.entry(number).begins(text, 0, u128::MAX << 8);
        assert_eq!((next(UNKNOWN, &keys), next(first, &keys), next(second, &keys)), (first, second, UNKNOWN));
        assert!(guess(&keys, first, text, 0).is_none());
        assert_eq!(first_of(first, &keys), Some(b'1'));
        assert!(first_of(second, &keys).is_none() && first_of(UNKNOWN, &keys).is_none());
        let (entry, byte) = guess(&keys, second, text, 6).unwrap();
        assert_eq!((entry.token_bytes, entry.key_at, entry.number, byte), (28, 2, second, b'2'));
        assert!(guess(&keys, first, text, 6).is_none() && guess(&keys, second, text, 35).is_none());
        assert_eq!(keys.number(second, b"a", CLOSE), first);
        assert_eq!(guess(&keys, second, text, 6).map(|(entry, _)| entry.next), Some(first));
        assert_eq!(guess(&keys, first, text, 35).map(|(_, byte)| byte), Some(b'3'));
        // No room for a whole head: the caller looks it up.
        assert!(guess(&keys, first, &text[..50], 35).is_none());
        assert!(guess(&keys, second, br#","a_key_longer_than_a_head":"#, 0).is_none());
        assert!(guess(&keys, second, br#","a_key_longer_than_a_hat":2,     "#, 0).is_none());
    }

    #[test]
    fn spaces_are_those_of_the_last_time() {
        let mut keys = Dictionary::default();
        for raw in [&b"a"[..], b"a_key_longer_than_a_head"] {
            for (before, behind) in [(0, 0), (1, 1), (0, 1), (1, 0)] {
                let number = keys.number(UNKNOWN, raw, Some(Spaces { before, behind }));
                let (before, behind) = (" ".repeat(before.into()), " ".repeat(behind.into()));
                let text = format!(",{before}\"{}\":{behind}1,{}", String::from_utf8_lossy(raw), " ".repeat(20));
                let (entry, byte) = guess(&keys, number, text.as_bytes(), 0).unwrap();
                assert_eq!((text.find('1'), byte), (Some(entry.token_bytes.into()), b'1'), "{text}");
                assert_eq!(text.find('a'), Some(entry.key_at.into()), "{text}");
                for other in [text.replacen(',', ", ", 1), text.replacen("\":", "\": ", 1), text.replacen(':', "=", 1)]
                {
                    let other = guess(&keys, number, other.as_bytes(), 0).map(|(entry, _)| entry.token_bytes);
                    // One more space before the value is the value's.
                    assert!(other.is_none_or(|bytes| bytes == entry.token_bytes), "{text}");
                }
            }
        }
    }

    #[test]
    fn beyond_the_bound_keys_are_unknown_and_old_ones_keep_their_numbers() {
        let mut keys = Dictionary::default();
        let mut number = |raw: &[u8]| keys.number(UNKNOWN, raw, CLOSE);
        let numbers: Vec<u16> = (0..KEY_MEMO_ENTRIES_MAX).map(|key| number(format!("k{key}").as_bytes())).collect();
        assert!(numbers.iter().all(|number| *number != UNKNOWN));
        assert_eq!(number(b"one more"), UNKNOWN);
        assert_eq!(number(b"k7"), numbers[7]);
        assert_eq!(number(&[b'x'; 200]), UNKNOWN);
    }
}
