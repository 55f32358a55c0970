//! Raw values seen lately and the label ids they became: most lines skip cleaning, normalising and the interner.

/// Longest raw value remembered, in bytes.
const RAW_BYTES_MAX: usize = 48;
const ENTRIES: usize = 64;

/// Length, first and last bytes of a raw value. Up to 16 bytes there is nothing else in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outline {
    first: u64,
    last: u64,
    len: u16,
    /// Tells apart values that mean different things with the same bytes.
    kind: u16,
    /// In which the id was true: ids are given away again when texts are forgotten.
    generation: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    outline: Outline,
    id: u32,
    /// Of values over 16 bytes.
    raw: [u8; RAW_BYTES_MAX],
}

/// Direct-mapped: a clash costs a look-up, never a wrong answer.
#[derive(Clone, Debug)]
pub struct Memo {
    entries: Box<[Entry; ENTRIES]>,
}

impl Default for Memo {
    fn default() -> Self {
        let outline = Outline { first: 0, last: 0, len: 0, kind: 0, generation: u64::MAX };
        Self { entries: Box::new([Entry { outline, id: 0, raw: [0; RAW_BYTES_MAX] }; ENTRIES]) }
    }
}

impl Memo {
    /// `kind` tells apart values that mean different things with the same bytes.
    pub fn get(&self, kind: u16, raw: &[u8], generation: u64) -> Option<u32> {
        let outline = Outline::new(kind, raw, generation);
        let entry = &self.entries[outline.place()];
        let same = entry.outline == outline && (raw.len() <= 16 || entry.raw.get(..raw.len()) == Some(raw));
        same.then_some(entry.id)
    }

    pub fn put(&mut self, kind: u16, raw: &[u8], generation: u64, id: u32) {
        if raw.len() > RAW_BYTES_MAX {
            return;
        }
        let outline = Outline::new(kind, raw, generation);
        let entry = &mut self.entries[outline.place()];
        entry.raw[..raw.len()].copy_from_slice(raw);
        (entry.outline, entry.id) = (outline, id);
    }
}

impl Outline {
    fn new(kind: u16, raw: &[u8], generation: u64) -> Self {
        let half = |chunk: &[u8; 4]| u64::from(u32::from_le_bytes(*chunk));
        let (first, last) = match (raw.first_chunk::<8>(), raw.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (raw.first_chunk::<4>(), raw.last_chunk::<4>()) {
                (Some(first), Some(last)) => (half(first), half(last)),
                _ => (raw.iter().fold(0, |mixed, byte| mixed << 8 | u64::from(*byte)), 0),
            },
        };
        Self { first, last, len: raw.len().min(usize::from(u16::MAX)) as u16, kind, generation }
    }

    fn place(&self) -> usize {
        let mixed = self.first ^ self.last.rotate_left(23) ^ u64::from(self.len);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize % ENTRIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_kind_and_generation_are_found() {
        let mut memo = Memo::default();
        memo.put(1, b"/a/route", 7, 42);
        assert_eq!(memo.get(1, b"/a/route", 7), Some(42));
        assert_eq!(memo.get(2, b"/a/route", 7), None);
        assert_eq!(memo.get(1, b"/a/route", 8), None);
        assert_eq!(memo.get(1, b"/a/routf", 7), None);
        memo.put(1, &[b'x'; 49], 7, 1);
        assert_eq!(memo.get(1, &[b'x'; 49], 7), None);
        assert_eq!(memo.get(0, b"", 0), None);
        for length in 0..=48 {
            let raw: Vec<u8> = (1..=length).collect();
            memo.put(1, &raw, 7, u32::from(length));
            assert_eq!(memo.get(1, &raw, 7), Some(u32::from(length)));
            for at in 0..raw.len() {
                let mut other = raw.clone();
                other[at] = 0;
                assert_ne!(memo.get(1, &other, 7), Some(u32::from(length)), "byte {at} of {length}");
            }
        }
    }
}
