//! A table of series: label ids, packed into a key, to data. Known series are found without allocation.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::interner::{Interner, OVERFLOW};

/// Most labels of one metric or group.
pub const LABELS_MAX: usize = 16;

/// Label ids in the order of the metric's label names.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    ids: [u32; LABELS_MAX],
    len: usize,
}

impl Key {
    pub fn new(len: usize) -> Self {
        Self { ids: [OVERFLOW; LABELS_MAX], len: len.min(LABELS_MAX) }
    }

    pub fn set(&mut self, at: usize, id: u32) {
        self.ids[at] = id;
    }

    pub fn ids(&self) -> &[u32] {
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
}

impl<T> Default for SeriesTable<T> {
    fn default() -> Self {
        Self { list: Vec::new(), table: HashTable::new(), hasher: RandomState::default(), overflows: false }
    }
}

impl<T> SeriesTable<T> {
    pub fn find(&self, key: &[u32]) -> Option<usize> {
        if key.is_empty() {
            return (!self.list.is_empty()).then_some(0);
        }
        let same = |at: &u32| *self.list[*at as usize].key == *key;
        self.table.find(self.hasher.hash_one(key), same).map(|at| *at as usize)
    }

    /// Add a series that is not there yet; it holds its label values.
    pub fn insert(&mut self, key: &[u32], data: T, interner: &mut Interner) -> usize {
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
