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

/// Head and mask of what no line of UTF-8 has.
const NOWHERE: (u128, u128) = (u128::MAX, u128::MAX);

/// No key is given this number.
pub const UNKNOWN: u16 = 0;

/// What a key is to those who look at lines: flags.
pub mod traits {
    /// It says something about its value to redaction, or redaction has not looked at it yet.
    pub const NOTABLE: u8 = crate::walk::notable::KEY;
    /// In the outermost object it is a field, or begins a path, or extraction has not looked at it yet.
    pub const FIELD: u8 = 0x40;
}

/// Added to the slot of a key that is a field, but the beginning of paths where its value is an object.
pub const INSIDE: u16 = 0x8000;
/// The slot of a key that extraction must look at each time.
pub const LOOK: u16 = u16::MAX;

/// One key, as it stood in a line: with the comma before it, the colon behind it, and the spaces there were.
#[derive(Debug)]
#[repr(align(64))]
pub struct Entry {
    /// The first bytes of `,"key":`, and a mask of those that count.
    head: u128,
    mask: u128,
    /// Bytes of the whole, of what is before the key, and of the key.
    pub token_bytes: u16,
    pub key_at: u8,
    pub key_bytes: u8,
    /// The key that came after it last time.
    pub next: u16,
    /// Of a `FIELD` in the outermost object.
    pub slot: u16,
    pub traits: u8,
}

/// Spaces around a key: behind the comma and behind the colon. No more than one each is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spaces {
    pub before: u8,
    pub behind: u8,
}

/// What is known of a key. `None`: nothing yet.
#[derive(Debug, Default)]
pub struct Facts {
    /// Of a key without any content to redact.
    pub class: Option<KeyClass>,
    /// What extraction wants of it in the outermost object, if that is more than its value.
    pub field: Option<extract::Entry>,
}

/// Bounded; keys beyond the bound are `UNKNOWN`, which costs time and nothing else.
#[derive(Debug)]
pub struct Dictionary {
    /// By number; the first one is of `UNKNOWN`, and its `next` is the key lines begin with.
    entries: Vec<Entry>,
    facts: Vec<Facts>,
    raws: Vec<Box<[u8]>>,
    table: HashTable<u16>,
    hasher: RandomState,
    /// Counts what changes of which key comes next.
    version: u64,
}

impl Default for Dictionary {
    fn default() -> Self {
        let mut new = Self {
            entries: Vec::new(),
            facts: Vec::new(),
            raws: Vec::new(),
            table: HashTable::new(),
            hasher: RandomState::default(),
            version: 0,
        };
        new.push(b"");
        (new.entries[0].head, new.entries[0].mask) = NOWHERE;
        new
    }
}

impl Entry {
    fn new(raw: &[u8]) -> Self {
        let traits = traits::NOTABLE | traits::FIELD;
        let key_bytes = raw.len() as u8;
        let mut new =
            Self { head: 0, mask: 0, token_bytes: 0, key_at: 0, key_bytes, next: UNKNOWN, slot: LOOK, traits };
        new.set_spaces(raw, Spaces::default());
        new
    }

    fn set_spaces(&mut self, raw: &[u8], spaces: Spaces) {
        let pieces: [&[u8]; 5] = [if spaces.before == 0 { b"," } else { b", " }, b"\"", raw, b"\":", b" "];
        let all = pieces.iter().flat_map(|piece| piece.iter());
        self.key_at = 2 + spaces.before;
        self.token_bytes = raw.len() as u16 + u16::from(self.key_at) + 2 + u16::from(spaces.behind);
        let mut head = [0; HEAD_BYTES];
        let compared = HEAD_BYTES.min(usize::from(self.token_bytes));
        head[..compared].iter_mut().zip(all).for_each(|(place, byte)| *place = *byte);
        self.head = u128::from_le_bytes(head);
        self.mask = u128::MAX >> (8 * (HEAD_BYTES - compared));
        if raw.contains(&b'\\') {
            // Rare enough to be looked up each time.
            (self.head, self.mask) = NOWHERE;
        }
    }

    fn spaces(&self) -> Spaces {
        let before = self.key_at - 2;
        let behind = self.token_bytes - u16::from(self.key_at) - u16::from(self.key_bytes) - 2;
        Spaces { before, behind: behind as u8 }
    }

    /// How what is compared at once of the key, its comma and its colon differs from what stands at `at`.
    #[inline(always)]
    fn difference(&self, text: &[u8], at: usize) -> u128 {
        let Some(head) = text.get(at..).and_then(|rest| rest.first_chunk()) else { return u128::MAX };
        (u128::from_le_bytes(*head) ^ self.head) & self.mask
    }
}

/// The entries, at hand.
#[derive(Clone, Copy)]
pub struct Guesses<'a> {
    entries: &'a [Entry],
    keys: &'a Dictionary,
}

impl<'a> Guesses<'a> {
    /// The entry of an expected key, if it stands at `at`, from its comma to its value.
    #[inline(always)]
    pub fn guess(self, expected: u16, text: &[u8], at: usize) -> Option<&'a Entry> {
        let entry = &self.entries[usize::from(expected)];
        (entry.difference(text, at) == 0 && self.ends(entry, expected, text, at)).then_some(entry)
    }

    /// The same where the bracket that opens the object stands in place of the comma.
    #[inline(always)]
    pub fn guess_first(self, expected: u16, text: &[u8], at: usize) -> Option<&'a Entry> {
        let entry = &self.entries[usize::from(expected)];
        // The head's first byte is the comma.
        (entry.difference(text, at) >> 8 == 0 && self.ends(entry, expected, text, at)).then_some(entry)
    }

    #[inline(always)]
    fn ends(self, entry: &Entry, expected: u16, text: &[u8], at: usize) -> bool {
        usize::from(entry.token_bytes) <= HEAD_BYTES || self.keys.long_ends(expected, text, at)
    }
}

impl Dictionary {
    /// To guess with.
    #[inline(always)]
    pub fn guesses(&self) -> Guesses<'_> {
        Guesses { entries: &self.entries, keys: self }
    }

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
        self.entries.push(Entry::new(raw));
        self.facts.push(Facts::default());
        self.raws.push(raw.into());
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    #[inline(always)]
    pub fn entry(&self, number: u16) -> &Entry {
        &self.entries[usize::from(number)]
    }

    pub fn facts(&self, number: u16) -> &Facts {
        &self.facts[usize::from(number)]
    }

    /// The key's class is known; `notable` if redaction must look at it all the same.
    pub fn set_class(&mut self, number: u16, class: KeyClass, notable: bool) {
        self.facts[usize::from(number)].class = Some(class);
        self.set(number, traits::NOTABLE, notable);
    }

    /// What extraction wants of the key is known.
    pub fn set_field(&mut self, number: u16, field: Option<extract::Entry>) {
        self.facts[usize::from(number)].field = field;
        self.entries[usize::from(number)].slot = match field {
            Some(extract::Entry { slot: Some(slot), child: None }) => slot.0,
            Some(extract::Entry { slot: Some(slot), child: Some(_) }) => slot.0 | INSIDE,
            _ => LOOK,
        };
        self.set(number, traits::FIELD, field.is_some());
    }

    fn set(&mut self, number: u16, flag: u8, raised: bool) {
        let traits = &mut self.entries[usize::from(number)].traits;
        *traits = *traits & !flag | if raised { flag } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSE: Option<Spaces> = Some(Spaces { before: 0, behind: 0 });

    #[test]
    fn a_key_is_guessed_from_the_one_before_it() {
        let mut keys = Dictionary::default();
        let text = br#"{"a":1,"a_key_longer_than_a_head":2,"a":3}             "#;
        assert!(keys.guesses().guess(UNKNOWN, text, 6).is_none());
        let first = keys.number(UNKNOWN, b"a", None);
        let second = keys.number(first, b"a_key_longer_than_a_head", CLOSE);
        let next = |number, keys: &Dictionary| keys.entry(number).next;
        assert_eq!((next(UNKNOWN, &keys), next(first, &keys), next(second, &keys)), (first, second, UNKNOWN));
        assert!(keys.guesses().guess(first, text, 0).is_none() && keys.guesses().guess_first(first, text, 0).is_some());
        assert!(
            keys.guesses().guess_first(second, text, 0).is_none()
                && keys.guesses().guess_first(UNKNOWN, text, 0).is_none()
        );
        assert_eq!(keys.guesses().guess(second, text, 6).map(|entry| (entry.token_bytes, entry.key_at)), Some((28, 2)));
        assert!(keys.guesses().guess(first, text, 6).is_none() && keys.guesses().guess(second, text, 35).is_none());
        assert_eq!(keys.number(second, b"a", CLOSE), first);
        assert_eq!(keys.guesses().guess(second, text, 6).map(|entry| entry.next), Some(first));
        assert!(keys.guesses().guess(first, text, 35).is_some());
        // No room for a whole head: the caller looks it up.
        assert!(keys.guesses().guess(first, &text[..50], 35).is_none());
        assert!(keys.guesses().guess(second, br#","a_key_longer_than_a_hat":2,     "#, 0).is_none());
    }

    #[test]
    fn spaces_are_those_of_the_last_time() {
        let mut keys = Dictionary::default();
        for raw in [&b"a"[..], b"a_key_longer_than_a_head"] {
            for (before, behind) in [(0, 0), (1, 1), (0, 1), (1, 0)] {
                let number = keys.number(UNKNOWN, raw, Some(Spaces { before, behind }));
                let (before, behind) = (" ".repeat(before.into()), " ".repeat(behind.into()));
                let text = format!(",{before}\"{}\":{behind}1,{}", String::from_utf8_lossy(raw), " ".repeat(20));
                let entry = keys.guesses().guess(number, text.as_bytes(), 0).unwrap();
                assert_eq!(text.find('1'), Some(entry.token_bytes.into()), "{text}");
                assert_eq!(text.find('a'), Some(entry.key_at.into()), "{text}");
                for other in [text.replacen(',', ", ", 1), text.replacen("\":", "\": ", 1), text.replacen(':', "=", 1)]
                {
                    let other = keys.guesses().guess(number, other.as_bytes(), 0).map(|entry| entry.token_bytes);
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
