//! Which groups an event can meet at all, by its name: most events cost one look-up.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::compile::Group;

/// Groups by the event name they ask for.
#[derive(Debug, Default)]
pub struct Gates {
    /// Groups that ask for none.
    pub always: Vec<u32>,
    names: Vec<(Vec<u8>, Vec<u32>)>,
    table: HashTable<u32>,
    hasher: RandomState,
}

impl Gates {
    pub fn new(groups: &[Group]) -> Self {
        let mut new = Self::default();
        for (index, group) in groups.iter().enumerate() {
            let Some(name) = &group.event else {
                new.always.push(index as u32);
                continue;
            };
            match new.names.iter_mut().find(|(known, _)| known == name) {
                Some((_, indexes)) => indexes.push(index as u32),
                None => new.names.push((name.clone(), vec![index as u32])),
            }
        }
        let Self { names, table, hasher, .. } = &mut new;
        let hash = |at: &u32| hasher.hash_one(names[*at as usize].0.as_slice());
        for at in 0..names.len() as u32 {
            table.insert_unique(hash(&at), at, hash);
        }
        new
    }

    /// The groups that ask for this one.
    pub fn find(&self, name: &[u8]) -> &[u32] {
        let same = |at: &u32| self.names[*at as usize].0 == name;
        let at = self.table.find(self.hasher.hash_one(name), same);
        at.map_or(&[], |at| &self.names[*at as usize].1)
    }
}
