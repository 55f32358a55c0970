//! Label values, each kept once and counted by the series that use it. Hostile values are not kept unless a series is.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// The value of every label of a series that stands for all those beyond the limit.
pub const OVERFLOW: u32 = 0;
pub const OVERFLOW_TEXT: &str = "__overflow__";

#[derive(Clone, Debug)]
struct Text {
    text: Box<str>,
    uses: u32,
}

#[derive(Clone, Debug)]
pub struct Interner {
    table: HashTable<u32>,
    texts: Vec<Text>,
    free: Vec<u32>,
    hasher: RandomState,
}

impl Default for Interner {
    fn default() -> Self {
        let mut new =
            Self { table: HashTable::new(), texts: Vec::new(), free: Vec::new(), hasher: RandomState::default() };
        let overflow = new.id(OVERFLOW_TEXT);
        new.hold(overflow);
        new
    }
}

impl Interner {
    pub fn find(&self, text: &[u8]) -> Option<u32> {
        let same = |id: &u32| self.texts[*id as usize].text.as_bytes() == text;
        self.table.find(self.hasher.hash_one(text), same).copied()
    }

    /// The id of `text`, which the caller must `hold` at once if it is new.
    pub fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.find(text.as_bytes()) {
            return id;
        }
        let entry = Text { text: text.into(), uses: 0 };
        let id = match self.free.pop() {
            Some(id) => {
                self.texts[id as usize] = entry;
                id
            }
            None => {
                self.texts.push(entry);
                (self.texts.len() - 1) as u32
            }
        };
        let Self { table, texts, hasher, .. } = self;
        let hash = |id: &u32| hasher.hash_one(texts[*id as usize].text.as_bytes());
        table.insert_unique(hash(&id), id, hash);
        id
    }

    pub fn hold(&mut self, id: u32) {
        self.texts[id as usize].uses += 1;
    }

    /// One use less; with the last the text is forgotten and its id given away again.
    pub fn release(&mut self, id: u32) {
        let text = &mut self.texts[id as usize];
        text.uses = text.uses.saturating_sub(1);
        if text.uses > 0 {
            return;
        }
        let hash = self.hasher.hash_one(text.text.as_bytes());
        if let Ok(entry) = self.table.find_entry(hash, |known| *known == id) {
            entry.remove();
            self.texts[id as usize].text = "".into();
            self.free.push(id);
        }
    }

    pub fn text(&self, id: u32) -> &str {
        &self.texts[id as usize].text
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_lives_as_long_as_it_is_used() {
        let mut interner = Interner::default();
        let id = interner.id("a");
        interner.hold(id);
        interner.hold(id);
        interner.release(id);
        assert_eq!((interner.find(b"a"), interner.text(id)), (Some(id), "a"));
        interner.release(id);
        assert_eq!((interner.find(b"a"), interner.len()), (None, 1));
        assert_eq!(interner.id("b"), id);
        assert_eq!(interner.find(OVERFLOW_TEXT.as_bytes()), Some(OVERFLOW));
    }
}
