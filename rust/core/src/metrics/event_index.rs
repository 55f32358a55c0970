//! Which groups an event can meet at all, by its name: most events cost one look-up.

use super::groups::Rules;
use super::match_cache::Set;
use crate::event::field::{Role, Source};
use crate::event::{Event, Value};

/// Names of this many bytes and longer ones share a place.
const LENGTHS: usize = 64;

/// Groups by the event name they ask for.
#[derive(Debug, Default)]
pub struct Gates {
    /// The first one is of the groups that ask for none.
    pub sets: Vec<Set>,
    /// By length the names asked for, ascending, each with its set.
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
                sets.push(Vec::new());
                place
            });
            sets[names[place].1].push(at);
        }
        let sets = sets.iter().enumerate().map(|(number, groups)| Set::new(number, groups, rules)).collect();
        Self { sets, by_length }
    }

    /// The groups that ask for none, and those that ask for the event's name. Apart, because what decides the ones has
    /// nothing to do with what decides the others.
    #[inline(always)]
    pub fn sets<E: Event + ?Sized>(&self, event: &E) -> (Option<&Set>, Option<&Set>) {
        let source = Source::Role(Role::Event);
        let named = match event.written(source) {
            Some(written) => written.as_text().and_then(|name| self.find(name)),
            None => match event.value(source) {
                Value::Text(name) => self.find(&name),
                _ => None,
            },
        };
        (self.sets.first(), named)
    }

    #[inline(always)]
    fn find(&self, name: &[u8]) -> Option<&Set> {
        let names = self.by_length.get(name.len().min(LENGTHS - 1))?;
        if names.is_empty() {
            return None;
        }
        let at = names.binary_search_by(|(known, _)| known.as_slice().cmp(name)).ok()?;
        self.sets.get(names[at].1)
    }
}
