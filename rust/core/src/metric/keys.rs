//! Label sets of one lane, numbered, and the series of the engine that each number stands for.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::interner::Interner;
use super::series::SeriesTable;

/// The label sets of one list of labels: tuples of label ids, numbered as they come.
#[derive(Debug)]
pub struct Keys {
    width: usize,
    ids: Vec<u32>,
    table: HashTable<u32>,
    /// Of single labels: the number by id.
    singles: Vec<u32>,
    /// Of up to four labels: packed ids seen lately and their number. Direct-mapped.
    lately: Box<[(u64, u32); LATELY]>,
    hasher: RandomState,
}

const LATELY: usize = 256;
/// Not packed ids: those of four labels are all different from it or not packed.
const NOTHING: u64 = u64::MAX;
/// No number yet.
const NONE: u32 = u32::MAX;

impl Keys {
    pub fn new(width: usize) -> Self {
        let hasher = RandomState::default();
        let lately = Box::new([(NOTHING, 0); LATELY]);
        Self { width, ids: Vec::new(), table: HashTable::new(), singles: Vec::new(), lately, hasher }
    }

    /// The number of a label set, a new one where it was not seen before.
    pub fn number(&mut self, key: &[u32]) -> u32 {
        match *key {
            [] => 0,
            [id] => self.single(id),
            [_, _] | [_, _, _] | [_, _, _, _] => {
                let fits = key.iter().all(|id| *id < u32::from(u16::MAX));
                let packed = key.iter().fold(0, |packed, id| packed << 16 | u64::from(*id));
                let place = (packed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize % LATELY;
                if !fits {
                    return self.several(key);
                }
                if self.lately[place].0 != packed {
                    self.lately[place] = (packed, self.several(key));
                }
                self.lately[place].1
            }
            _ => self.several(key),
        }
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

    pub fn len(&self) -> usize {
        self.ids.len() / self.width.max(1)
    }

    pub fn clear(&mut self) {
        self.ids.clear();
        self.table.clear();
        self.singles.clear();
        self.lately.fill((NOTHING, 0));
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

    #[test]
    fn label_sets_are_numbered_as_they_come() {
        for (width, sets) in [(1, vec![vec![7], vec![3]]), (2, vec![vec![7, 3], vec![3, 7]]), (0, vec![vec![]])] {
            let mut keys = Keys::new(width);
            for _ in 0..2 {
                let numbers: Vec<u32> = sets.iter().map(|set| keys.number(set)).collect();
                assert_eq!(numbers, (0..sets.len() as u32).collect::<Vec<_>>());
            }
            sets.iter().zip(0..).for_each(|(set, number)| assert_eq!(keys.ids(number), set));
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
