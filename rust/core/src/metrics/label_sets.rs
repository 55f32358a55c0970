//! Label sets of one lane, numbered, and the series of the engine that each number stands for.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::interner::Interner;
use super::series::SeriesTable;
use crate::limits::LABELS_MAX;

/// The label sets of one list of labels: tuples of label ids, numbered as they come.
#[derive(Debug)]
pub struct Keys {
    width: usize,
    ids: Vec<u32>,
    table: HashTable<u32>,
    /// Of single labels: the number by id.
    singles: Vec<u32>,
    /// Of two to four labels: packed ids and their number, each in the one place that is its own. A clash costs a
    /// look-up in the table.
    packed: Vec<(u64, u32)>,
    hasher: RandomState,
}

/// No number yet.
const NONE: u32 = u32::MAX;
/// Places of packed label sets at first, a power of two.
const PACKED: usize = 64;
/// … and at most, a power of two: 128 KiB for a list of labels.
const PACKED_MAX: usize = 8192;

impl Keys {
    pub fn new(width: usize) -> Self {
        let hasher = RandomState::default();
        Self { width, ids: Vec::new(), table: HashTable::new(), singles: Vec::new(), packed: Vec::new(), hasher }
    }

    /// The number of a label set, the first of these ids as far as this table is wide; a new one where it was not seen
    /// before.
    #[inline(always)]
    pub fn number(&mut self, ids: &[u32; LABELS_MAX]) -> u32 {
        let [a, b, c, d, ..] = ids.map(u64::from);
        let (word, all) = match self.width {
            0 => return 0,
            1 => return self.single(ids[0]),
            2 => (a << 16 | b, a | b),
            3 => (a << 32 | b << 16 | c, a | b | c),
            4 => (a << 48 | b << 32 | c << 16 | d, a | b | c | d),
            width => return self.several(&ids[..width.min(LABELS_MAX)]),
        };
        // Up to four ids of 16 bits are one word together.
        match all <= u64::from(u16::MAX) {
            true => self.packed(word, ids),
            false => self.several(&ids[..self.width]),
        }
    }

    #[inline(always)]
    fn packed(&mut self, word: u64, ids: &[u32; LABELS_MAX]) -> u32 {
        match self.packed.get(place(word, self.packed.len())) {
            Some((known, number)) if *known == word && *number != NONE => *number,
            _ => self.pack(word, ids),
        }
    }

    #[inline(never)]
    fn pack(&mut self, word: u64, ids: &[u32; LABELS_MAX]) -> u32 {
        let number = self.several(&ids[..self.width]);
        let places = self.packed.len();
        if places < PACKED || (places < PACKED_MAX && self.known() > places / 4) {
            self.packed.clear();
            self.packed.resize((places * 4).clamp(PACKED, PACKED_MAX), (0, NONE));
        }
        let place = place(word, self.packed.len());
        self.packed[place] = (word, number);
        number
    }

    #[inline(always)]
    fn single(&mut self, id: u32) -> u32 {
        match self.singles.get(id as usize) {
            Some(number) if *number != NONE => *number,
            _ => self.add_single(id),
        }
    }

    #[inline(never)]
    fn add_single(&mut self, id: u32) -> u32 {
        let at = id as usize;
        if self.singles.len() <= at {
            self.singles.resize(at + 1, NONE);
        }
        self.singles[at] = self.ids.len() as u32;
        self.ids.push(id);
        self.singles[at]
    }

    #[inline(never)]
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

/// One of so many places, a power of two.
#[inline(always)]
fn place(word: u64, places: usize) -> usize {
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & places.wrapping_sub(1)
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
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "per string or event: a struct would be filled each time")]
    pub fn locate<'a, T: Default, I: Iterator<Item = &'a str> + Clone>(
        &mut self,
        number: u32,
        table: &mut SeriesTable<T>,
        texts: impl FnOnce() -> I,
        interner: &mut Interner,
        series_max: usize,
        admit: impl FnOnce(usize) -> bool,
    ) -> Option<(usize, bool)> {
        self.known(number, table).or_else(|| {
            let (at, overflowed) = table.locate(texts(), interner, series_max, admit)?;
            self.link(number, at, overflowed, table.generation());
            Some((at, overflowed))
        })
    }

    /// The same of a label set that was located before, and has not left since.
    #[inline(always)]
    pub fn known<T>(&self, number: u32, table: &SeriesTable<T>) -> Option<(usize, bool)> {
        let place = self.places.get(number as usize).copied();
        let place = place.filter(|place| *place != NONE && self.generation == table.generation())?;
        Some(((place & !OVERFLOWS) as usize, place & OVERFLOWS != 0))
    }

    #[inline(never)]
    fn link(&mut self, number: u32, at: usize, overflowed: bool, generation: u64) {
        if self.generation != generation {
            self.forget();
            self.generation = generation;
        }
        if self.places.len() <= number as usize {
            self.places.resize(number as usize + 1, NONE);
        }
        let place = at as u32 | if overflowed { OVERFLOWS } else { 0 };
        self.places[number as usize] = place;
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

    fn ids(set: &[u32]) -> [u32; LABELS_MAX] {
        std::array::from_fn(|at| set.get(at).copied().unwrap_or(7))
    }

    #[test]
    fn label_sets_are_numbered_as_they_come() {
        for (width, sets) in [(1, vec![vec![7], vec![3]]), (2, vec![vec![7, 3], vec![3, 7]]), (0, vec![vec![]])] {
            let mut keys = Keys::new(width);
            for _ in 0..2 {
                let numbers: Vec<u32> = sets.iter().map(|set: &Vec<u32>| keys.number(&ids(set))).collect();
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
            let numbers: Vec<u32> = sets.iter().map(|set| keys.number(&ids(&set[..width]))).collect();
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
