//! Label values of one event: each source is read, cleaned and looked up once, however many metrics use it.

use std::io::Write;

use super::interner::Interner;
use super::memo::Memo;
use super::route;
use super::series::{Key, SeriesTable, LABELS_MAX};
use crate::event::{Event, Role, Source, Value};
use crate::expr::level::UNKNOWN;
use crate::expr::Level;

/// Longest label value, in bytes; longer ones are cut between characters.
pub const VALUE_BYTES_MAX: usize = 256;
/// What a label is that the event does not have. Levels are `UNKNOWN`.
pub const MISSING: &str = "unknown";

/// Where a label's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Index into the definitions.
    Event(u16),
    /// Index into the fixed values.
    Fixed(u16),
}

/// What the compiled metrics need: distinct label definitions (sources, the first present counts) and fixed values.
#[derive(Debug, Default)]
pub struct LabelPlan {
    definitions: Vec<Vec<Source>>,
    fixed: Vec<String>,
}

impl LabelPlan {
    pub fn event(&mut self, sources: Vec<Source>) -> Label {
        Label::Event(index_of(&mut self.definitions, sources))
    }

    pub fn fixed(&mut self, text: &str) -> Label {
        Label::Fixed(index_of(&mut self.fixed, text.to_owned()))
    }
}

fn index_of<T: PartialEq>(list: &mut Vec<T>, item: T) -> u16 {
    let known = list.iter().position(|known| *known == item);
    known.unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    }) as u16
}

#[derive(Clone, Copy, Debug, Default)]
struct Read {
    /// The event this was read from.
    epoch: u64,
    /// `None`: no series has this value yet.
    id: Option<u32>,
    /// The value's place in the scratch buffer; empty where the id is known without.
    span: (usize, usize),
}

#[derive(Debug, Default)]
pub struct Labels {
    definitions: Vec<Vec<Source>>,
    /// One per definition.
    memos: Vec<Memo>,
    fixed: Vec<u32>,
    /// One per definition, and `LABELS_MAX` for values given by the caller.
    read: Vec<Read>,
    epoch: u64,
    scratch: Vec<u8>,
    raw: Vec<u8>,
    pub interner: Interner,
}

impl Labels {
    pub fn new(plan: LabelPlan, mut interner: Interner) -> Self {
        let fixed = plan.fixed.iter().map(|text| {
            let id = interner.id(text);
            interner.hold(id);
            id
        });
        Self {
            fixed: fixed.collect(),
            read: vec![Read::default(); plan.definitions.len() + LABELS_MAX],
            memos: vec![Memo::default(); plan.definitions.len()],
            definitions: plan.definitions,
            interner,
            ..Self::default()
        }
    }

    /// A copy of the interner, without what only these labels hold.
    pub fn interner_copy(&self) -> Interner {
        let mut interner = self.interner.clone();
        self.fixed.iter().for_each(|id| interner.release(*id));
        interner
    }

    /// A new event: nothing is read yet.
    pub fn begin(&mut self) {
        self.epoch += 1;
        self.scratch.clear();
    }

    /// A value given by the caller as the `at`-th of this event.
    pub fn stage(&mut self, at: usize, text: &str) -> Label {
        let index = self.definitions.len() + at;
        let start = self.scratch.len();
        push_text(text.as_bytes(), &mut self.scratch);
        self.keep(index, start);
        Label::Event(index as u16)
    }

    fn keep(&mut self, index: usize, start: usize) {
        let span = (start, self.scratch.len());
        self.read[index] = Read { epoch: self.epoch, id: self.interner.find(&self.scratch[start..span.1]), span };
    }

    /// Read and look up again: series left, and with them perhaps their values.
    pub fn refresh(&mut self) {
        let (of_events, staged) = self.read.split_at_mut(self.definitions.len());
        of_events.iter_mut().for_each(|read| read.epoch = 0);
        for read in staged.iter_mut().filter(|read| read.epoch == self.epoch) {
            read.id = self.interner.find(&self.scratch[read.span.0..read.span.1]);
        }
    }

    fn id<E: Event + ?Sized>(&mut self, label: Label, event: &E) -> Option<u32> {
        let index = match label {
            Label::Fixed(index) => return Some(self.fixed[index as usize]),
            Label::Event(index) => index as usize,
        };
        if self.read[index].epoch != self.epoch {
            self.read_event(index, event);
        }
        self.read[index].id
    }

    /// Read the first source that the event has and that is not empty.
    fn read_event<E: Event + ?Sized>(&mut self, index: usize, event: &E) {
        let start = self.scratch.len();
        let generation = self.interner.generation();
        for (rank, source) in self.definitions[index].iter().enumerate() {
            let value = event.value(*source);
            let bits;
            let (kind, raw): (usize, &[u8]) = match &value {
                Value::Text(text) => (0, text),
                Value::Number(number) => {
                    bits = number.to_bits().to_le_bytes();
                    (1, &bits)
                }
                Value::Bool(truth) => (2, if *truth { b"true" } else { b"false" }),
                Value::Missing | Value::Null | Value::Container => (3, b""),
            };
            let kind = (rank * 4 + kind) as u16;
            if let Some(id) = self.memos[index].get(kind, raw, generation) {
                self.read[index] = Read { epoch: self.epoch, id: Some(id), span: (start, start) };
                return;
            }
            write_label(*source, &value, &mut self.raw, &mut self.scratch);
            if self.scratch.len() > start {
                let id = self.interner.find(&self.scratch[start..]);
                if let Some(id) = id {
                    self.memos[index].put(kind, raw, generation, id);
                }
                self.read[index] = Read { epoch: self.epoch, id, span: (start, self.scratch.len()) };
                return;
            }
        }
        self.scratch.extend_from_slice(MISSING.as_bytes());
        self.keep(index, start);
    }

    /// The key of the series these labels name, if every value is known.
    fn known<E: Event + ?Sized>(&mut self, labels: &[Label], event: &E) -> Option<Key> {
        let mut key = Key::new(labels.len());
        let mut known = true;
        for (at, label) in labels.iter().enumerate() {
            match self.id(*label, event) {
                Some(id) => key.set(at, id),
                None => known = false,
            }
        }
        known.then_some(key)
    }

    /// The key after `known` gave none; new values are kept.
    fn create(&mut self, labels: &[Label]) -> Key {
        let mut key = Key::new(labels.len());
        for (at, label) in labels.iter().enumerate() {
            let id = match *label {
                Label::Fixed(index) => self.fixed[index as usize],
                Label::Event(index) => {
                    let read = &mut self.read[index as usize];
                    *read.id.get_or_insert_with(|| {
                        // Two labels of one event can have the same new value: `id` looks again.
                        let text = std::str::from_utf8(&self.scratch[read.span.0..read.span.1]).unwrap_or(MISSING);
                        self.interner.id(text)
                    })
                }
            };
            key.set(at, id);
        }
        key
    }

    /// Bytes of the label values just read.
    fn bytes(&self, labels: &[Label]) -> usize {
        let length = |label: &Label| match *label {
            Label::Fixed(index) => self.interner.text(self.fixed[index as usize]).len(),
            Label::Event(index) => match self.read[index as usize] {
                Read { id: Some(id), .. } => self.interner.text(id).len(),
                Read { span, .. } => span.1 - span.0,
            },
        };
        labels.iter().map(length).sum()
    }

    /// The place in `table` of the series these labels name. A new one is made while there are fewer than
    /// `series_max` and `admit` (told the bytes of its label values) lets it in; beyond `series_max` it is the
    /// overflow series. `None` when `admit` refused.
    pub fn locate<T: Default, E: Event + ?Sized>(
        &mut self,
        table: &mut SeriesTable<T>,
        labels: &[Label],
        event: &E,
        series_max: usize,
        admit: impl FnOnce(usize) -> bool,
    ) -> Option<(usize, bool)> {
        let known = self.known(labels, event);
        if let Some(at) = known.and_then(|key| table.find(key.ids())) {
            return Some((at, false));
        }
        let overflows = !labels.is_empty() && table.len() >= series_max;
        let overflow = Key::new(labels.len());
        if overflows {
            if let Some(at) = table.find(overflow.ids()) {
                return Some((at, true));
            }
        }
        if !admit(self.bytes(labels)) {
            return None;
        }
        let key = if overflows { overflow } else { self.create(labels) };
        Some((table.insert(key.ids(), T::default(), &mut self.interner), overflows))
    }
}

/// Append what one source's value is as a label; nothing when there is none.
fn write_label(source: Source, value: &Value<'_>, raw: &mut Vec<u8>, out: &mut Vec<u8>) {
    match (source, value) {
        (Source::Role(Role::Level), _) => {
            out.extend_from_slice(Level::from_value(value).map_or(UNKNOWN, Level::name).as_bytes());
        }
        (Source::Role(Role::Route), Value::Text(route)) => {
            raw.clear();
            route::normalise(route, raw);
            push_text(raw, out);
        }
        (_, Value::Text(text)) => push_text(text, out),
        (_, Value::Number(number)) => push_number(*number, out),
        (_, Value::Bool(true)) => out.extend_from_slice(b"true"),
        (_, Value::Bool(false)) => out.extend_from_slice(b"false"),
        (_, Value::Missing | Value::Null | Value::Container) => {}
    }
}

/// Append text of at most `VALUE_BYTES_MAX` bytes; a run of bytes that are not UTF-8 becomes one U+FFFD.
fn push_text(text: &[u8], out: &mut Vec<u8>) {
    if text.len() <= VALUE_BYTES_MAX && text.is_ascii() {
        return out.extend_from_slice(text);
    }
    let end = out.len() + VALUE_BYTES_MAX;
    let mut replaced = false;
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if out.len() + c.len_utf8() > end {
                return;
            }
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            replaced = false;
        }
        if !chunk.invalid().is_empty() && !replaced {
            if out.len() + 3 > end {
                return;
            }
            out.extend_from_slice("\u{fffd}".as_bytes());
            replaced = true;
        }
    }
}

fn push_number(number: f64, out: &mut Vec<u8>) {
    // Writing to a Vec does not fail.
    let _ = if number.fract() == 0.0 && number.abs() < 1e15 {
        write!(out, "{}", number as i64)
    } else {
        write!(out, "{number}")
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters_and_always_utf8() {
        let cleaned = |text: &[u8]| {
            let mut out = Vec::new();
            push_text(text, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(cleaned(&b"x".repeat(1000)), "x".repeat(256));
        assert_eq!(cleaned("é".repeat(1000).as_bytes()), "é".repeat(128));
        assert_eq!(cleaned("€".repeat(1000).as_bytes()), "€".repeat(85));
        assert_eq!(cleaned(b"a\xed\xa0\x80b\xff"), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        let mut out = Vec::new();
        push_number(503.0, &mut out);
        push_number(0.25, &mut out);
        assert_eq!(out, b"5030.25");
    }
}
