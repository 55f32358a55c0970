//! Fields of an event: paths to tape nodes.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::event::field::Slot;
use crate::io::escape::Decoded;
use crate::json::dictionary::entry::{traits, INSIDE, LOOK, UNKNOWN};
use crate::json::dictionary::{ByKey, Dictionary};
use crate::json::tape::{Kind, Node, Tape};

/// The wanted paths as a tree: a dotted path matches nested objects and literal dotted keys.
pub struct Extractor {
    levels: Vec<Level>,
    slots: usize,
}

#[derive(Default)]
struct Level {
    keys: HashMap<Box<[u8]>, Entry, RandomState>,
    /// Per first byte, a bit for each key length (63: that or longer): most keys are turned away here.
    lengths: Vec<u64>,
}

/// The keys of a lane's lines, and what is wanted of each in the outermost object once that was looked up.
#[derive(Debug)]
pub struct Keys<'a> {
    pub numbers: &'a mut Dictionary,
    pub wanted: &'a mut Wanted,
}

/// By key number: `None` where nothing is wanted.
pub type Wanted = ByKey<Option<Entry>>;

/// What is wanted of a key: its value, or fields inside of it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Entry {
    pub slot: Option<Slot>,
    /// The level of the fields inside.
    pub child: Option<usize>,
}

impl Extractor {
    /// `paths[i]` is found in slot i.
    pub fn new(paths: &[String]) -> Self {
        let mut extractor = Self { levels: vec![Level::default()], slots: paths.len() };
        for (index, path) in paths.iter().enumerate() {
            let segments: Vec<&str> = path.split('.').collect();
            extractor.insert(0, &segments, Slot(index as u16));
        }
        for level in &mut extractor.levels {
            level.lengths = vec![0; 256];
            for key in level.keys.keys() {
                level.lengths[key.first().copied().unwrap_or(0) as usize] |= 1 << key.len().min(63);
            }
        }
        extractor
    }

    /// Every way to read `segments` as nested keys, some of which contain dots themselves.
    fn insert(&mut self, level: usize, segments: &[&str], slot: Slot) {
        for taken in 1..=segments.len() {
            let key = segments[..taken].join(".").into_bytes().into_boxed_slice();
            if taken == segments.len() {
                self.levels[level].keys.entry(key).or_default().slot = Some(slot);
                continue;
            }
            let fresh = self.levels.len();
            let entry = self.levels[level].keys.entry(key).or_default();
            let child = *entry.child.get_or_insert(fresh);
            if child == fresh {
                self.levels.push(Level::default());
            }
            self.insert(child, &segments[taken..], slot);
        }
    }

    /// Fill `found` with the node of each slot's value; 0 where the field is missing. Of duplicates the last one.
    pub fn find(&self, text: &[u8], tape: &Tape, keys: &mut Keys<'_>, scratch: &mut Decoded, found: &mut Vec<u32>) {
        found.clear();
        found.resize(self.slots, 0);
        let nodes = tape.nodes();
        if nodes.first().is_none_or(|root| root.kind != Kind::Object) {
            return;
        }
        if !tape.numbered {
            return self.object(0, 0, text, nodes, scratch, found);
        }
        let mut key = 1;
        while nodes[key].kind == Kind::Key {
            let value = key + 1;
            let known = keys.numbers.entry(nodes[key].key);
            if known.traits & traits::FIELD != 0 {
                let slot = known.slot;
                let plain = slot & INSIDE == 0 || nodes[value].kind != Kind::Object;
                if let Some(place) = found.get_mut(usize::from(slot & !INSIDE)).filter(|_| plain) {
                    *place = value as u32;
                } else if let Some(entry) = self.outermost(text, &nodes[key], keys, scratch) {
                    self.take(entry, value, text, nodes, scratch, found);
                }
            }
            key = nodes[value].after(value);
        }
    }

    /// What is wanted of a key of the outermost object.
    fn outermost(&self, text: &[u8], key: &Node, keys: &mut Keys<'_>, scratch: &mut Decoded) -> Option<Entry> {
        if key.key == UNKNOWN {
            return self.levels[0].get(text, key, scratch);
        }
        if let Some(wanted) = keys.wanted.get(key.key) {
            return wanted;
        }
        let wanted = self.levels[0].get(text, key, scratch);
        let slot = match wanted {
            Some(Entry { slot: Some(slot), child: None }) => slot.0,
            Some(Entry { slot: Some(slot), child: Some(_) }) => slot.0 | INSIDE,
            _ => LOOK,
        };
        keys.wanted.set(key.key, wanted);
        keys.numbers.set_slot(key.key, wanted.is_some(), slot);
        wanted
    }

    #[expect(clippy::too_many_arguments, reason = "per string or event: a struct would be filled each time")]
    fn object(
        &self,
        level: usize,
        object: usize,
        text: &[u8],
        nodes: &[Node],
        scratch: &mut Decoded,
        found: &mut [u32],
    ) {
        let mut at = object + 1;
        while nodes[at].kind == Kind::Key {
            let value = at + 1;
            if let Some(entry) = self.levels[level].get(text, &nodes[at], scratch) {
                self.take(entry, value, text, nodes, scratch, found);
            }
            at = nodes[value].after(value);
        }
    }

    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "per string or event: a struct would be filled each time")]
    fn take(&self, entry: Entry, value: usize, text: &[u8], nodes: &[Node], scratch: &mut Decoded, found: &mut [u32]) {
        if let Some(slot) = entry.slot {
            found[slot.0 as usize] = value as u32;
        }
        if let Some(child) = entry.child.filter(|_| nodes[value].kind == Kind::Object) {
            self.object(child, value, text, nodes, scratch, found);
        }
    }
}

impl Default for Extractor {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Level {
    fn get(&self, text: &[u8], node: &Node, scratch: &mut Decoded) -> Option<Entry> {
        let raw = &text[node.start as usize..node.end as usize];
        let key = if node.escaped {
            scratch.decode(raw);
            &scratch.bytes[..]
        } else {
            raw
        };
        let lengths = self.lengths[key.first().copied().unwrap_or(0) as usize];
        if lengths >> key.len().min(63) & 1 == 0 {
            return None;
        }
        self.keys.get(key).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::reference::walk;

    fn find(text: &str, paths: &[&str]) -> Vec<Option<String>> {
        let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        let (mut tape, mut found) = (Tape::default(), Vec::new());
        walk(text.as_bytes(), &mut tape).unwrap();
        let mut scratch = Decoded::default();
        let mut keys = Keys { numbers: &mut Dictionary::default(), wanted: &mut Wanted::default() };
        Extractor::new(&paths).find(text.as_bytes(), &tape, &mut keys, &mut scratch, &mut found);
        let span =
            |at: u32| text[tape.nodes()[at as usize].start as usize..tape.nodes()[at as usize].end as usize].to_owned();
        found.iter().map(|&at| (at != 0).then(|| span(at))).collect()
    }

    #[test]
    fn a_dotted_path_is_nested_or_literal() {
        let paths = ["a.b.c", "a", "x"];
        for text in [r#"{"a":{"b":{"c":1}}}"#, r#"{"a.b":{"c":1}}"#, r#"{"a":{"b.c":1}}"#, r#"{"a.b.c":1}"#] {
            assert_eq!(find(text, &paths)[0].as_deref(), Some("1"), "{text}");
        }
        assert_eq!(find(r#"{"\u0061":"v","x":1,"x":2}"#, &paths), [None, Some("v".into()), Some("2".into())]);
    }

    #[test]
    fn only_objects_have_fields() {
        for text in ["[1]", "\"a\"", "1"] {
            assert_eq!(find(text, &["a"]), [None]);
        }
    }
}
