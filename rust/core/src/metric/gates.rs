//! Which groups an event can meet at all, by its name: most events cost one look-up.

use super::compile::Group;
use crate::event::{Event, Form, Role, Source, Value};

/// Names of this many bytes and longer ones share a place.
const LENGTHS: usize = 64;

/// Groups by the event name they ask for.
#[derive(Debug, Default)]
pub struct Gates {
    /// Groups that ask for none.
    always: Vec<u32>,
    /// By length the names asked for, ascending, each with the groups its events can meet.
    by_length: Vec<Vec<(Vec<u8>, Vec<u32>)>>,
}

impl Gates {
    pub fn new(groups: &[Group]) -> Self {
        let mut by_length = vec![Vec::<(Vec<u8>, Vec<u32>)>::new(); LENGTHS];
        let numbered = || groups.iter().zip(0_u32..);
        let always: Vec<u32> = numbered().filter(|(group, _)| group.event.is_none()).map(|(_, at)| at).collect();
        for (group, at) in numbered() {
            let Some(name) = &group.event else { continue };
            let names = &mut by_length[name.len().min(LENGTHS - 1)];
            let place = names.binary_search_by(|(known, _)| known.cmp(name)).unwrap_or_else(|place| {
                names.insert(place, (name.clone(), always.clone()));
                place
            });
            names[place].1.push(at);
        }
        Self { always, by_length }
    }

    /// The groups that ask for the event's name or for none.
    pub fn groups<E: Event + ?Sized>(&self, event: &E) -> &[u32] {
        let source = Source::Role(Role::Event);
        match event.written(source) {
            Some((Form::Text, name)) => self.find(name),
            Some(_) => &self.always,
            None => match event.value(source) {
                Value::Text(name) => self.find(&name),
                _ => &self.always,
            },
        }
    }

    fn find(&self, name: &[u8]) -> &[u32] {
        let Some(names) = self.by_length.get(name.len().min(LENGTHS - 1)) else { return &self.always };
        match names.binary_search_by(|(known, _)| known.as_slice().cmp(name)) {
            Ok(at) => &names[at].1,
            Err(_) => &self.always,
        }
    }
}
