//! Label values of one lane, each once, numbered as they come.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

#[derive(Clone, Debug, Default)]
pub struct Texts {
    bytes: Vec<u8>,
    /// Where each text ends.
    ends: Vec<u32>,
    table: HashTable<u32>,
    hasher: RandomState,
}

impl Texts {
    pub fn id(&mut self, text: &[u8]) -> u32 {
        let Self { bytes, ends, table, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some(id) = table.find(hash, |id| &bytes[span(ends, *id)] == text) {
            return *id;
        }
        let id = ends.len() as u32;
        bytes.extend_from_slice(text);
        ends.push(bytes.len() as u32);
        table.insert_unique(hash, id, |id| hasher.hash_one(&bytes[span(ends, *id)]));
        id
    }

    /// Empty where it is no UTF-8, which no label value is.
    pub fn text(&self, id: u32) -> &str {
        std::str::from_utf8(&self.bytes[span(&self.ends, id)]).unwrap_or_default()
    }

    pub fn known(&self) -> usize {
        self.ends.len()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.table.clear();
    }
}

fn span(ends: &[u32], id: u32) -> std::ops::Range<usize> {
    let start = id.checked_sub(1).map_or(0, |before| ends[before as usize]);
    start as usize..ends[id as usize] as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_id_until_all_are_forgotten() {
        let mut texts = Texts::default();
        assert_eq!(["a", "", "bc", "a"].map(|text| texts.id(text.as_bytes())), [0, 1, 2, 0]);
        assert_eq!([0, 1, 2].map(|id| texts.text(id)), ["a", "", "bc"]);
        texts.clear();
        assert_eq!((texts.id(b"bc"), texts.known()), (0, 1));
    }
}
