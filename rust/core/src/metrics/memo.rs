//! Raw values seen lately and the label ids they became: most lines skip cleaning, normalising and the interner.

use crate::event::Written;

/// Longest raw value remembered, in bytes.
const RAW_BYTES_MAX: usize = 48;
/// Of two entries each.
const SETS: usize = 64;

/// Bytes read at once.
const PART_BYTES: usize = 16;

/// All bytes of a raw value. The first ones are read without a look at their number, which no processor foresees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outline {
    /// The first bytes, then zeros.
    head: [u64; 2],
    /// The last bytes, of more than 16.
    tail: [u64; 2],
    /// The bytes from 16 to 32, of more than 32.
    middle: [u64; 2],
    /// Length, and what tells apart values that mean different things with the same bytes.
    tag: u32,
}

/// By length, masks of so many first bytes.
const MASKS: [[u64; 2]; PART_BYTES + 1] = {
    let mut masks = [[0; 2]; PART_BYTES + 1];
    let mut length = 1;
    while length <= PART_BYTES {
        let first = u128::MAX >> (128 - 8 * length);
        masks[length] = [first as u64, (first >> 64) as u64];
        length += 1;
    }
    masks
};

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
        let outline = Outline { head: [0; 2], tail: [0; 2], middle: [0; 2], tag: u32::MAX };
        Self { sets: Box::new([[Entry { outline, id: 0 }; 2]; SETS]) }
    }
}

impl Memo {
    /// `kind` tells apart values that mean different things with the same bytes.
    #[inline(always)]
    pub fn get(&self, kind: u16, written: &Written<'_>) -> Option<u32> {
        let outline = Outline::new(kind, written)?;
        let [first, second] = &self.sets[outline.set()];
        if first.outline.same(&outline) {
            return Some(first.id);
        }
        second.outline.same(&outline).then_some(second.id)
    }

    pub fn put(&mut self, kind: u16, written: &Written<'_>, id: u32) {
        let Some(outline) = Outline::new(kind, written) else { return };
        let set = &mut self.sets[outline.set()];
        *set = [Entry { outline, id }, set[0]];
    }
}

impl Outline {
    /// `None` for values that are too long.
    #[inline(always)]
    pub fn new(kind: u16, written: &Written<'_>) -> Option<Self> {
        let &Written { text, start, end, .. } = written;
        let length = end - start;
        if length > RAW_BYTES_MAX {
            return None;
        }
        let tag = (length as u32) << 16 | u32::from(kind);
        let head = part(text, start).unwrap_or_else(|| at_the_end(written.raw()));
        if length <= PART_BYTES {
            let [first, second] = MASKS[length];
            return Some(Self { head: [head[0] & first, head[1] & second], tail: [0; 2], middle: [0; 2], tag });
        }
        let middle = if length > 2 * PART_BYTES { part(text, start + PART_BYTES)? } else { [0; 2] };
        Some(Self { head, tail: part(text, end - PART_BYTES)?, middle, tag })
    }

    #[inline(always)]
    fn same(&self, other: &Self) -> bool {
        let head = (self.head[0] ^ other.head[0]) | (self.head[1] ^ other.head[1]);
        head | u64::from(self.tag ^ other.tag) == 0 && self.tail == other.tail && self.middle == other.middle
    }

    /// Write it to the first of seven words, the only one of its kind; how many it took.
    #[inline(always)]
    pub fn write(&self, words: &mut [u64; 7]) -> usize {
        let length = (self.tag >> 16) as usize;
        [words[0], words[1], words[2]] = [u64::from(self.tag), self.head[0], self.head[1]];
        if length <= PART_BYTES {
            return 3;
        }
        [words[3], words[4], words[5], words[6]] = [self.tail[0], self.tail[1], self.middle[0], self.middle[1]];
        7
    }

    #[inline(always)]
    pub fn mixed(&self) -> u64 {
        let tail = self.tail[0] ^ self.tail[1].rotate_left(11);
        self.head[0] ^ self.head[1].rotate_left(41) ^ tail.rotate_left(23) ^ u64::from(self.tag)
    }

    #[inline(always)]
    fn set(&self) -> usize {
        (self.mixed().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize % SETS
    }
}

/// The bytes from `at` on, if there are so many.
#[inline(always)]
fn part(text: &[u8], at: usize) -> Option<[u64; 2]> {
    let bytes: &[u8; PART_BYTES] = text.get(at..at + PART_BYTES)?.first_chunk()?;
    let bytes = u128::from_le_bytes(*bytes);
    Some([bytes as u64, (bytes >> 64) as u64])
}

/// The first bytes of a value too near to the end of its text.
#[cold]
fn at_the_end(raw: &[u8]) -> [u64; 2] {
    let mut head = [0; PART_BYTES];
    head.iter_mut().zip(raw).for_each(|(place, byte)| *place = *byte);
    part(&head, 0).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::event::Form;

    /// A value with so many bytes before and behind it.
    fn within(raw: &[u8], around: usize) -> Vec<u8> {
        [&vec![b'<'; around], raw, &vec![b'>'; around]].concat()
    }

    fn written(text: &[u8], around: usize) -> Written<'_> {
        Written { form: Form::Text, text, start: around, end: text.len() - around }
    }

    #[test]
    fn only_the_same_bytes_and_kind_are_found() {
        let mut memo = Memo::default();
        let plain = |raw: &'static [u8]| written(raw, 0);
        memo.put(1, &plain(b"/a/route"), 42);
        assert_eq!(memo.get(1, &plain(b"/a/route")), Some(42));
        assert_eq!(memo.get(2, &plain(b"/a/route")), None);
        assert_eq!(memo.get(1, &plain(b"/a/routf")), None);
        memo.put(1, &plain(&[b'x'; 49]), 1);
        assert_eq!(memo.get(1, &plain(&[b'x'; 49])), None);
        assert_eq!(memo.get(0, &Written::bare(Form::Missing)), None);
        for length in 0..=48 {
            let raw: Vec<u8> = (1..=length).collect();
            memo.put(1, &written(&raw, 0), u32::from(length));
            for around in [0, 3, 16, 40] {
                assert_eq!(memo.get(1, &written(&within(&raw, around), around)), Some(u32::from(length)));
                for at in 0..raw.len() {
                    let mut other = raw.clone();
                    other[at] = 0;
                    let other = within(&other, around);
                    assert_ne!(memo.get(1, &written(&other, around)), Some(u32::from(length)), "byte {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn two_values_of_one_set_are_both_known() {
        let place = |raw: &[u8]| Outline::new(0, &written(raw, 0)).unwrap().set();
        let texts: Vec<Vec<u8>> = (0..500).map(|number| format!("/route/{number}").into_bytes()).collect();
        let same: Vec<&Vec<u8>> = texts.iter().filter(|text| place(text) == place(&texts[0])).take(3).collect();
        let mut memo = Memo::default();
        same.iter().zip(0..).for_each(|(raw, id)| memo.put(0, &written(raw, 0), id));
        assert_eq!([None, Some(1), Some(2)], [0, 1, 2].map(|at: usize| memo.get(0, &written(same[at], 0))));
    }
}
