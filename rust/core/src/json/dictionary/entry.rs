//! One key as lines hold it, compared sixteen bytes at a time.

use crate::json::tape::{Kind, Node};

/// No key is given this number.
pub const UNKNOWN: u16 = 0;

/// What a key is to those who look at lines: flags.
pub mod traits {
    /// It says something about its value to redaction, or redaction has not looked at it yet.
    pub const NOTABLE: u8 = crate::json::tape::notable::KEY;
    /// In the outermost object it is a field, or begins a path, or extraction has not looked at it yet.
    pub const FIELD: u8 = 0x40;
}

/// Added to the slot of a key that is a field, but the beginning of paths where its value is an object.
pub const INSIDE: u16 = 0x8000;
/// The slot of a key that extraction must look at each time.
pub const LOOK: u16 = u16::MAX;

/// Bytes compared at once.
const HEAD_BYTES: usize = 16;

/// Head and mask of what no line of UTF-8 has.
const NOWHERE: (u128, u128) = (u128::MAX, u128::MAX);

/// One key, as it stood in a line: with the comma before it, the colon behind it, and the spaces there were.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Entry {
    /// The first bytes of `,"key":`, and a mask of those that count.
    head: u128,
    mask: u128,
    /// The last bytes, if there are more.
    tail: u128,
    /// The key's own number.
    pub number: u16,
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

impl Entry {
    pub(super) fn new(number: u16, raw: &[u8]) -> Self {
        let traits = traits::NOTABLE | traits::FIELD;
        let key_bytes = raw.len() as u8;
        let mut new = Self {
            head: 0,
            mask: 0,
            tail: 0,
            number,
            token_bytes: 0,
            key_at: 0,
            key_bytes,
            next: UNKNOWN,
            slot: LOOK,
            traits,
        };
        new.set_spaces(raw, Spaces::default());
        new
    }

    /// Of no key: it stands nowhere.
    pub(super) fn nowhere() -> Self {
        let (head, mask) = NOWHERE;
        Self { head, mask, ..Self::new(UNKNOWN, b"") }
    }

    pub(super) fn with(&self, traits: u8) -> Self {
        Self { traits, ..*self }
    }

    /// The bracket that opens a line stands in place of the comma.
    pub(super) fn open_line(&mut self) {
        self.head = self.head & !0xff | u128::from(b'{');
    }

    pub(super) fn set_spaces(&mut self, raw: &[u8], spaces: Spaces) {
        let pieces: [&[u8]; 5] = [if spaces.before == 0 { b"," } else { b", " }, b"\"", raw, b"\":", b" "];
        let all = pieces.iter().flat_map(|piece| piece.iter());
        self.key_at = 2 + spaces.before;
        self.token_bytes = raw.len() as u16 + u16::from(self.key_at) + 2 + u16::from(spaces.behind);
        let all: Vec<u8> = all.copied().take(usize::from(self.token_bytes)).collect();
        let mut head = [0; HEAD_BYTES];
        let compared = HEAD_BYTES.min(all.len());
        head[..compared].copy_from_slice(&all[..compared]);
        self.head = u128::from_le_bytes(head);
        self.mask = u128::MAX >> (8 * (HEAD_BYTES - compared));
        self.tail = all.last_chunk().map_or(0, |tail| u128::from_le_bytes(*tail));
        if raw.contains(&b'\\') {
            // Rare enough to be looked up each time.
            (self.head, self.mask) = NOWHERE;
        }
    }

    pub(super) fn spaces(&self) -> Spaces {
        let before = self.key_at - 2;
        let behind = self.token_bytes - u16::from(self.key_at) - u16::from(self.key_bytes) - 2;
        Spaces { before, behind: behind as u8 }
    }

    /// The first byte of its value, if the key stands at `at` from its comma on, as far as `mask` goes and but for what
    /// `Dictionary::ends` looks at.
    #[inline(always)]
    pub fn begins(&self, text: &[u8], at: u32, mask: u128) -> Option<u8> {
        let (at, token_bytes) = (at as usize, usize::from(self.token_bytes));
        let head = text.get(at..at + HEAD_BYTES)?.first_chunk()?;
        if (u128::from_le_bytes(*head) ^ self.head) & self.mask & mask != 0 {
            return None;
        }
        if token_bytes > HEAD_BYTES {
            let tail = text.get(at..at + token_bytes)?.last_chunk()?;
            if u128::from_le_bytes(*tail) != self.tail {
                return None;
            }
        }
        text.get(at + token_bytes).copied()
    }

    /// The node of the key, whose comma is at `at`.
    #[inline(always)]
    pub fn node(&self, at: u32) -> Node {
        let start = at + u32::from(self.key_at);
        let end = start + u32::from(self.key_bytes);
        Node { kind: Kind::Key, escaped: false, key: self.number, start, end, span: 1 }
    }

    /// Head and tail are all of it.
    #[inline(always)]
    pub(super) fn is_short(&self) -> bool {
        usize::from(self.token_bytes) <= 2 * HEAD_BYTES
    }
}

/// The entries, at hand.
#[derive(Clone, Copy)]
pub struct Guesses<'a> {
    pub(super) entries: &'a [Entry],
}

impl<'a> Guesses<'a> {
    /// That of the key that came after this one last time.
    #[inline(always)]
    pub fn next(self, entry: &Entry) -> &'a Entry {
        &self.entries[usize::from(entry.next)]
    }

    /// The same by number.
    #[inline(always)]
    pub fn after(self, number: u16) -> &'a Entry {
        self.next(&self.entries[usize::from(number)])
    }
}
