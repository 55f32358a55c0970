//! Raw values seen lately and the label ids they became: most lines skip cleaning, normalising and the interner.

/// Longest raw value remembered, in bytes.
const RAW_BYTES_MAX: usize = 48;
const ENTRIES: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// In which the id was true: ids are given away again when texts are forgotten.
    generation: u64,
    id: u32,
    kind: u16,
    len: u16,
    raw: [u8; RAW_BYTES_MAX],
}

/// Direct-mapped: a clash costs a look-up, never a wrong answer.
#[derive(Clone, Debug)]
pub struct Memo {
    entries: Vec<Entry>,
}

impl Default for Memo {
    fn default() -> Self {
        let empty = Entry { generation: u64::MAX, id: 0, kind: 0, len: 0, raw: [0; RAW_BYTES_MAX] };
        Self { entries: vec![empty; ENTRIES] }
    }
}

impl Memo {
    /// `kind` tells apart values that mean different things with the same bytes.
    pub fn get(&self, kind: u16, raw: &[u8], generation: u64) -> Option<u32> {
        let entry = &self.entries[place(raw)];
        let same =
            entry.generation == generation && entry.kind == kind && entry.raw.get(..entry.len as usize) == Some(raw);
        same.then_some(entry.id)
    }

    pub fn put(&mut self, kind: u16, raw: &[u8], generation: u64, id: u32) {
        if raw.len() > RAW_BYTES_MAX {
            return;
        }
        let entry = &mut self.entries[place(raw)];
        entry.raw[..raw.len()].copy_from_slice(raw);
        (entry.generation, entry.id, entry.kind, entry.len) = (generation, id, kind, raw.len() as u16);
    }
}

/// Mixes the length, the first and the last eight bytes.
fn place(raw: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (first, last) = match raw.len() {
        0..8 => (raw.iter().fold(0, |mixed, byte| mixed << 8 | u64::from(*byte)), 0),
        _ => (word(raw.first_chunk()), word(raw.last_chunk())),
    };
    let mixed = (first ^ last.rotate_left(23) ^ raw.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 58) as usize % ENTRIES
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
    }
}
