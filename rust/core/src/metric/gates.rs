//! Which groups an event can meet at all, by its name: most events cost one look-up.

use super::compile::Rules;
use super::outcomes::Set;
use crate::event::{Event, Form, Role, Source, Value};

/// Names of this many bytes and longer ones share a place.
const LENGTHS: usize = 64;

/// Groups by the event name they ask for.
#[derive(Debug, Default)]
pub struct Gates {
    /// The first one is of the groups that ask for none.
    sets: Vec<Set>,
    /// By length the names asked for, ascending, each with the set its events can meet.
    by_length: Vec<Vec<(Vec<u8>, usize)>>,
}

impl Gates {
    pub fn new(rules: &Rules) -> Self {
        let mut by_length = vec![Vec::<(Vec<u8>, usize)>::new(); LENGTHS];
        let numbered = || rules.groups.iter().zip(0_u32..);
        let mut sets: Vec<Vec<u32>> = Vec::new();
        sets.push(numbered().filter(|(group, _)| group.event.is_none()).map(|(_, at)| at).collect());
        for (group, at) in numbered() {
            let Some(name) = &group.event else { continue };
            let names = &mut by_length[name.len().min(LENGTHS - 1)];
            let place = names.binary_search_by(|(known, _)| known.cmp(name)).unwrap_or_else(|place| {
                names.insert(place, (name.clone(), sets.len()));
                sets.push(sets[0].clone());
                place
            });
            sets[names[place].1].push(at);
        }
        let sets = sets.iter().enumerate().map(|(number, groups)| Set::new(number, groups, rules)).collect();
        Self { sets, by_length }
    }

    /// The groups that ask for the event's name or for none.
    #[inline(always)]
    pub fn set<E: Event + ?Sized>(&self, event: &E) -> &Set {
        let source = Source::Role(Role::Event);
        let at = match event.written(source) {
            Some((Form::Text, name)) => self.find(name),
            Some(_) => 0,
            None => match event.value(source) {
                Value::Text(name) => self.find(&name),
                _ => 0,
            },
        };
        &self.sets[at]
    }

    fn find(&self, name: &[u8]) -> usize {
        let Some(names) = self.by_length.get(name.len().min(LENGTHS - 1)) else { return 0 };
        match names.binary_search_by(|(known, _)| known.as_slice().cmp(name)) {
            Ok(at) => names[at].1,
            Err(_) => 0,
        }
    }
}
