//! Label sets of one lane, numbered, and the series of the engine that each number stands for.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::interner::Interner;
use super::series::{SeriesTable, LABELS_MAX};

/// The label sets of one list of labels: tuples of label ids, numbered as they come.
#[derive(Debug)]
pub struct Keys {
    width: usize,
    ids: Vec<u32>,
    table: HashTable<u32>,
    /// Of single labels: the number by id.
    singles: Vec<u32>,
    /// Of two to four labels: the packed ids and their number.
    packed: HashTable<(u64, u32)>,
    hasher: RandomState,
}

/// No number yet.
const NONE: u32 = u32::MAX;

impl Keys {
    pub fn new(width: usize) -> Self {
        let hasher = RandomState::default();
        let (table, packed) = (HashTable::new(), HashTable::new());
        Self { width, ids: Vec::new(), table, singles: Vec::new(), packed, hasher }
    }

    /// The number of a label set, which has this table's width; a new one where it was not seen before.
    pub fn number(&mut self, ids: impl Iterator<Item = u32>) -> u32 {
        let mut key = [0; LABELS_MAX];
        let (mut word, mut all) = (0, 0);
        for (place, id) in key.iter_mut().zip(ids) {
            *place = id;
            all |= id;
            word = word << 16 | u64::from(id);
        }
        match self.width {
            0 => 0,
            1 => self.single(key[0]),
            // Up to four ids of 16 bits are one word together.
            width if width <= 4 && all <= u32::from(u16::MAX) => self.packed(word, &key[..width]),
            width => self.several(&key[..width]),
        }
    }

    fn packed(&mut self, word: u64, key: &[u32]) -> u32 {
        let hash = self.hasher.hash_one(word);
        if let Some((_, number)) = self.packed.find(hash, |(known, _)| *known == word) {
            return *number;
        }
        let number = self.several(key);
        let hasher = &self.hasher;
        self.packed.insert_unique(hash, (word, number), |(known, _)| hasher.hash_one(*known));
        number
    }

    fn single(&mut self, id: u32) -> u32 {
        let at = id as usize;
        if self.singles.len() <= at {
            self.singles.resize(at + 1, NONE);
        }
        if self.singles[at] == NONE {
            self.singles[at] = self.ids.len() as u32;
            self.ids.push(id);
        }
        self.singles[at]
    }

    fn several(&mut self, key: &[u32]) -> u32 {
        let Self { width, ids, table, hasher, .. } = self;
        let ids_of = |number: u32| number as usize * *width..(number as usize + 1) * *width;
        let hash = |key: &[u32]| {
            let mut state = hasher.build_hasher();
            key.iter().for_each(|id| state.write_u32(*id));
            state.finish()
        };
        if let Some(known) = table.find(hash(key), |number| ids[ids_of(*number)] == *key) {
            return *known;
        }
        let number = (ids.len() / *width) as u32;
        ids.extend_from_slice(key);
        table.insert_unique(hash(key), number, |number| hash(&ids[ids_of(*number)]));
        number
    }

    /// The label ids of a number given.
    pub fn ids(&self, number: u32) -> &[u32] {
        let start = number as usize * self.width;
        &self.ids[start..start + self.width]
    }

    pub fn known(&self) -> usize {
        self.ids.len() / self.width.max(1)
    }

    pub fn clear(&mut self) {
        self.ids.clear();
        self.table.clear();
        self.singles.clear();
        self.packed.clear();
    }
}

/// The place in a table of series of each numbered label set, as long as no series leaves the table.
#[derive(Debug, Default)]
pub struct Links {
    generation: u64,
    places: Vec<u32>,
}

/// Marks a place that is the overflow series.
const OVERFLOWS: u32 = 1 << 31;

impl Links {
    /// What `SeriesTable::locate` gives for the label set `number`, which are `texts`.
    pub fn locate<'a, T: Default, I: Iterator<Item = &'a str> + Clone>(
        &mut self,
        number: u32,
        table: &mut SeriesTable<T>,
        texts: impl FnOnce() -> I,
        interner: &mut Interner,
        series_max: usize,
        admit: impl FnOnce(usize) -> bool,
    ) -> Option<(usize, bool)> {
        if self.generation == table.generation() {
            if let Some(place) = self.places.get(number as usize).filter(|place| **place != NONE) {
                return Some(((place & !OVERFLOWS) as usize, place & OVERFLOWS != 0));
            }
        } else {
            self.forget();
            self.generation = table.generation();
        }
        let (at, overflowed) = table.locate(texts(), interner, series_max, admit)?;
        if self.places.len() <= number as usize {
            self.places.resize(number as usize + 1, NONE);
        }
        self.places[number as usize] = at as u32 | if overflowed { OVERFLOWS } else { 0 };
        Some((at, overflowed))
    }

    /// The numbers will mean other label sets.
    pub fn forget(&mut self) {
        self.places.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn label_sets_are_numbered_as_they_come() {
        for (width, sets) in [(1, vec![vec![7], vec![3]]), (2, vec![vec![7, 3], vec![3, 7]]), (0, vec![vec![]])] {
            let mut keys = Keys::new(width);
            for _ in 0..2 {
                let numbers: Vec<u32> = sets.iter().map(|set: &Vec<u32>| keys.number(set.iter().copied())).collect();
                assert_eq!(numbers, (0..sets.len() as u32).collect::<Vec<_>>());
            }
            sets.iter().zip(0..).for_each(|(set, number)| assert_eq!(keys.ids(number), set));
        }
    }

    proptest! {
        #[test]
        fn equal_label_sets_and_no_others_have_one_number(
            sets in prop::collection::vec(prop::collection::vec(prop_oneof![0..4_u32, 65_534..65_538_u32], 5), 1..60),
            width in 0..6_usize,
        ) {
            let mut keys = Keys::new(width);
            let numbers: Vec<u32> = sets.iter().map(|set| keys.number(set[..width].iter().copied())).collect();
            for (set, number) in sets.iter().zip(&numbers) {
                prop_assert_eq!(keys.ids(*number), &set[..width]);
                let first = sets.iter().position(|other| other[..width] == set[..width]);
                prop_assert_eq!(first.map(|first| numbers[first]), Some(*number));
            }
        }
    }

    #[test]
    fn a_link_holds_until_a_series_leaves() {
        let (mut table, mut interner, mut links) =
            (SeriesTable::<u8>::default(), Interner::default(), Links::default());
        let mut at = |table: &mut SeriesTable<u8>, interner: &mut Interner, number, text: &str| {
            links.locate(number, table, || [text].into_iter(), interner, 2, |_| true)
        };
        assert_eq!(at(&mut table, &mut interner, 0, "a"), Some((0, false)));
        assert_eq!(at(&mut table, &mut interner, 1, "b"), Some((1, false)));
        assert_eq!(at(&mut table, &mut interner, 2, "c"), Some((2, true)));
        assert_eq!(at(&mut table, &mut interner, 1, "not read"), Some((1, false)));
        assert_eq!(at(&mut table, &mut interner, 2, "not read"), Some((2, true)));
        let b = interner.find(b"b").unwrap();
        table.retain(|series, _| *series.key == [b], &mut interner);
        assert_eq!(at(&mut table, &mut interner, 1, "b"), Some((0, false)));
        assert_eq!(at(&mut table, &mut interner, 2, "c"), Some((1, false)));
    }
}
