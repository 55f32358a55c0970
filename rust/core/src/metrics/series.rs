//! A table of series: label ids, packed into a key, to data. Known series are found without allocation.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::limits::LABELS_MAX;

use super::interner::{Interner, OVERFLOW, OVERFLOW_TEXT};

/// Label ids in the order of the metric's label names.
#[derive(Clone, Copy, Debug)]
struct Key {
    ids: [u32; LABELS_MAX],
    len: usize,
}

impl Key {
    fn new(len: usize) -> Self {
        Self { ids: [OVERFLOW; LABELS_MAX], len: len.min(LABELS_MAX) }
    }

    fn set(&mut self, at: usize, id: u32) {
        self.ids[at] = id;
    }

    fn ids(&self) -> &[u32] {
        &self.ids[..self.len]
    }
}

#[derive(Clone, Debug)]
pub struct Series<T> {
    pub key: Box<[u32]>,
    /// Arrival clock of the last event, in seconds.
    pub seen: f64,
    pub data: T,
}

impl<T> Series<T> {
    /// An event of it came at this time of the clock.
    #[inline(always)]
    pub fn see(&mut self, clock_seconds: f64) {
        if clock_seconds > self.seen {
            self.seen = clock_seconds;
        }
    }

    fn is_overflow(&self) -> bool {
        !self.key.is_empty() && self.key.iter().all(|id| *id == OVERFLOW)
    }
}

#[derive(Clone, Debug)]
pub struct SeriesTable<T> {
    list: Vec<Series<T>>,
    table: HashTable<u32>,
    hasher: RandomState,
    overflows: bool,
    /// Counts how often series left: while it stays, a place found is that of the same series.
    generation: u64,
}

impl<T> Default for SeriesTable<T> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            table: HashTable::new(),
            hasher: RandomState::default(),
            overflows: false,
            generation: 0,
        }
    }
}

impl<T> SeriesTable<T> {
    fn find(&self, key: &[u32]) -> Option<usize> {
        if key.is_empty() {
            return (!self.list.is_empty()).then_some(0);
        }
        let same = |at: &u32| *self.list[*at as usize].key == *key;
        self.table.find(self.hasher.hash_one(key), same).map(|at| *at as usize)
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The place of the series that these label values name, and whether it is the overflow series. A new one is made
    /// while there are fewer than `series_max` and `admit` (told the bytes of its label values) lets it in; beyond
    /// `series_max` it is the overflow series. `None` when `admit` refused.
    pub fn locate<'a>(
        &mut self,
        texts: impl Iterator<Item = &'a str> + Clone,
        interner: &mut Interner,
        series_max: usize,
        admit: impl FnOnce(usize) -> bool,
    ) -> Option<(usize, bool)>
    where
        T: Default,
    {
        let width = texts.clone().count();
        let mut key = Key::new(width);
        let mut known = true;
        for (at, text) in texts.clone().enumerate() {
            match interner.find(text.as_bytes()) {
                Some(id) => key.set(at, id),
                None => known = false,
            }
        }
        if let Some(at) = known.then(|| self.find(key.ids())).flatten() {
            return Some((at, false));
        }
        let overflows = width > 0 && self.len() >= series_max;
        let overflow = Key::new(width);
        if overflows {
            if let Some(at) = self.find(overflow.ids()) {
                return Some((at, true));
            }
        }
        let bytes = if overflows { width * OVERFLOW_TEXT.len() } else { texts.clone().map(str::len).sum() };
        if !admit(bytes) {
            return None;
        }
        if overflows {
            key = overflow;
        } else {
            // Two labels of one series can have the same new value: `id` looks again.
            texts.enumerate().for_each(|(at, text)| key.set(at, interner.id(text)));
        }
        Some((self.insert(key.ids(), T::default(), interner), overflows))
    }

    /// Add a series that is not there yet; it holds its label values.
    fn insert(&mut self, key: &[u32], data: T, interner: &mut Interner) -> usize {
        key.iter().for_each(|id| interner.hold(*id));
        let at = self.list.len();
        self.list.push(Series { key: key.into(), seen: 0.0, data });
        self.overflows |= self.list[at].is_overflow();
        let Self { list, table, hasher, .. } = self;
        let hash = |at: &u32| hasher.hash_one(&*list[*at as usize].key);
        table.insert_unique(hash(&(at as u32)), at as u32, hash);
        at
    }

    /// Series, without that of the overflow.
    pub fn len(&self) -> usize {
        self.list.len() - usize::from(self.overflows)
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn series(&self) -> &[Series<T>] {
        &self.list
    }

    pub fn at(&mut self, at: usize) -> &mut Series<T> {
        &mut self.list[at]
    }

    /// Give up the label values that the series hold; for a table that is not used any more.
    pub fn release(&self, interner: &mut Interner) {
        self.list.iter().flat_map(|series| series.key.iter()).for_each(|id| interner.release(*id));
    }

    /// Drop the series that `keep` refuses and release their label values; how many went.
    pub fn retain(
        &mut self,
        mut keep: impl FnMut(&mut Series<T>, &Interner) -> bool,
        interner: &mut Interner,
    ) -> usize {
        let before = self.list.len();
        self.list.retain_mut(|series| {
            let kept = keep(series, interner);
            if !kept {
                series.key.iter().for_each(|id| interner.release(*id));
            }
            kept
        });
        if self.list.len() < before {
            self.generation += 1;
            self.index();
        }
        before - self.list.len()
    }

    fn index(&mut self) {
        self.overflows = self.list.iter().any(Series::is_overflow);
        let Self { list, table, hasher, .. } = self;
        table.clear();
        let hash = |at: &u32| hasher.hash_one(&*list[*at as usize].key);
        for at in 0..list.len() as u32 {
            table.insert_unique(hash(&at), at, hash);
        }
    }
}
