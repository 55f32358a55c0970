//! Raw values seen lately and the label ids they became: most lines skip cleaning, normalising and the interner.

/// Longest raw value remembered, in bytes.
const RAW_BYTES_MAX: usize = 48;
/// Of two entries each.
const SETS: usize = 64;

/// All bytes of a raw value, as words that overlap where it is short.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outline {
    /// The first and the last eight bytes; there are no others in up to 16 bytes.
    ends: [u64; 2],
    /// The eight bytes next to each of these; there are no others in up to 32 bytes.
    inner: [u64; 2],
    /// The bytes from 16 to 32.
    middle: [u64; 2],
    /// Length, and what tells apart values that mean different things with the same bytes.
    tag: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Entry {
    outline: Outline,
    id: u32,
}

/// By set: in a set the value learned last is first, and takes the place of the other when it gives way. A clash costs
/// a look-up, never a wrong answer.
#[derive(Clone, Debug)]
pub struct Memo {
    sets: Box<[[Entry; 2]; SETS]>,
}

impl Default for Memo {
    fn default() -> Self {
        // No value has this length.
        let outline = Outline { ends: [0; 2], inner: [0; 2], middle: [0; 2], tag: u32::MAX };
        Self { sets: Box::new([[Entry { outline, id: 0 }; 2]; SETS]) }
    }
}

impl Memo {
    /// `kind` tells apart values that mean different things with the same bytes.
    #[inline(always)]
    pub fn get(&self, kind: u16, raw: &[u8]) -> Option<u32> {
        let outline = Outline::new(kind, raw)?;
        let [first, second] = &self.sets[outline.set()];
        if first.outline.same(&outline) {
            return Some(first.id);
        }
        second.outline.same(&outline).then_some(second.id)
    }

    pub fn put(&mut self, kind: u16, raw: &[u8], id: u32) {
        let Some(outline) = Outline::new(kind, raw) else { return };
        let set = &mut self.sets[outline.set()];
        *set = [Entry { outline, id }, set[0]];
    }
}

impl Outline {
    /// `None` for values that are too long.
    #[inline(always)]
    pub fn new(kind: u16, raw: &[u8]) -> Option<Self> {
        let tag = (raw.len() as u32) << 16 | u32::from(kind);
        let mut new = Self { ends: [0; 2], inner: [0; 2], middle: [0; 2], tag };
        match raw {
            [first, .., last] if raw.len() < 4 => {
                new.ends[0] = u64::from(*first) | u64::from(raw[raw.len() / 2]) << 8 | u64::from(*last) << 16;
            }
            [] => {}
            [only] => new.ends[0] = u64::from(*only),
            _ if raw.len() < 8 => {
                let half = |chunk: Option<&[u8; 4]>| chunk.map_or(0, |chunk| u64::from(u32::from_le_bytes(*chunk)));
                new.ends = [half(raw.first_chunk()), half(raw.last_chunk())];
            }
            _ => {
                new.ends = [word(raw, 0), word(raw, raw.len() - 8)];
                if raw.len() > 16 {
                    new.inner = [word(raw, 8), word(raw, raw.len() - 16)];
                }
                if raw.len() > 32 {
                    new.middle = [word(raw, 16), word(raw, 24)];
                }
            }
        }
        (raw.len() <= RAW_BYTES_MAX).then_some(new)
    }

    #[inline(always)]
    fn same(&self, other: &Self) -> bool {
        let ends = (self.ends[0] ^ other.ends[0]) | (self.ends[1] ^ other.ends[1]);
        let inner = (self.inner[0] ^ other.inner[0]) | (self.inner[1] ^ other.inner[1]);
        ends | u64::from(self.tag ^ other.tag) == 0
            && (self.tag >> 16 <= 16 || (inner == 0 && self.middle == other.middle))
    }

    /// Write it to the first of seven words, the only one of its kind; how many it took.
    #[inline(always)]
    pub fn write(&self, words: &mut [u64]) -> usize {
        let [tag, first, last, rest @ ..] = words else { return 0 };
        // No other word that a value begins with is that large.
        (*tag, *first, *last) = (u64::from(self.tag) | 1 << 32, self.ends[0], self.ends[1]);
        if self.tag >> 16 <= 16 {
            return 3;
        }
        let all = [self.inner[0], self.inner[1], self.middle[0], self.middle[1]];
        rest.iter_mut().zip(all).for_each(|(word, value)| *word = value);
        7
    }

    #[inline(always)]
    pub fn mixed(&self) -> u64 {
        let [first, last] =
            [self.ends[0] ^ self.inner[0].rotate_left(41), self.ends[1] ^ self.inner[1].rotate_left(11)];
        first ^ last.rotate_left(23) ^ u64::from(self.tag)
    }

    #[inline(always)]
    fn set(&self) -> usize {
        (self.mixed().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize % SETS
    }
}

/// Eight bytes from `at`, which are there.
#[inline(always)]
fn word(raw: &[u8], at: usize) -> u64 {
    raw.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_and_kind_are_found() {
        let mut memo = Memo::default();
        memo.put(1, b"/a/route", 42);
        assert_eq!(memo.get(1, b"/a/route"), Some(42));
        assert_eq!(memo.get(2, b"/a/route"), None);
        assert_eq!(memo.get(1, b"/a/routf"), None);
        memo.put(1, &[b'x'; 49], 1);
        assert_eq!(memo.get(1, &[b'x'; 49]), None);
        assert_eq!(memo.get(0, b""), None);
        for length in 0..=48 {
            let raw: Vec<u8> = (1..=length).collect();
            memo.put(1, &raw, u32::from(length));
            assert_eq!(memo.get(1, &raw), Some(u32::from(length)));
            for at in 0..raw.len() {
                let mut other = raw.clone();
                other[at] = 0;
                assert_ne!(memo.get(1, &other), Some(u32::from(length)), "byte {at} of {length}");
            }
        }
    }

    #[test]
    fn two_values_of_one_set_are_both_known() {
        let place = |raw: &[u8]| Outline::new(0, raw).unwrap().set();
        let texts: Vec<Vec<u8>> = (0..500).map(|number| format!("/route/{number}").into_bytes()).collect();
        let same: Vec<&Vec<u8>> = texts.iter().filter(|text| place(text) == place(&texts[0])).take(3).collect();
        let mut memo = Memo::default();
        same.iter().zip(0..).for_each(|(raw, id)| memo.put(0, raw, id));
        assert_eq!([None, Some(1), Some(2)], [0, 1, 2].map(|at: usize| memo.get(0, same[at])));
    }
}
