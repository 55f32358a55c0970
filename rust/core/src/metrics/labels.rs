//! Label values of one lane: each source of an event is read, cleaned and looked up once, however many metrics use it.

use std::io::Write;

use super::memo::Memo;
use super::route;
use super::string_table::Texts;
use crate::event::expr::level::Level;
use crate::event::expr::level::UNKNOWN;
use crate::event::field::{Role, Source};
use crate::event::{Event, Form, Value, Written};
use crate::limits::LABELS_MAX;

/// Longest label value, in bytes; longer ones are cut between characters.
pub const VALUE_BYTES_MAX: usize = 256;
/// What a label is that the event does not have. Levels are `UNKNOWN`.
pub const MISSING: &str = "unknown";
/// The memo's kind of an event that has none of the sources.
const NOWHERE: u16 = u16::MAX;

/// Where a label's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Index into the definitions.
    Event(u16),
    /// Index into the fixed values.
    Fixed(u16),
}

/// What the compiled metrics need: distinct label definitions (sources, the first present counts), fixed values, and
/// lists of labels, which metrics may share.
#[derive(Debug, Default)]
pub struct LabelPlan {
    definitions: Vec<Vec<Source>>,
    fixed: Vec<String>,
    pub keys: Vec<Vec<Label>>,
}

impl LabelPlan {
    pub fn event(&mut self, sources: Vec<Source>) -> Label {
        Label::Event(index_of(&mut self.definitions, sources))
    }

    pub fn fixed(&mut self, text: &str) -> Label {
        Label::Fixed(index_of(&mut self.fixed, text.to_owned()))
    }

    /// What a label is read from.
    pub fn sources(&self, label: Label) -> &[Source] {
        match label {
            Label::Event(index) => &self.definitions[usize::from(index)],
            Label::Fixed(_) => &[],
        }
    }

    /// The number of a list of labels.
    pub fn key(&mut self, labels: Vec<Label>) -> u16 {
        index_of(&mut self.keys, labels)
    }
}

pub fn index_of<T: PartialEq>(list: &mut Vec<T>, item: T) -> u16 {
    let known = list.iter().position(|known| *known == item);
    known.unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    }) as u16
}

/// One definition's values.
#[derive(Clone, Debug, Default)]
struct Reading {
    memo: Memo,
    /// The event read last and what it gave.
    epoch: u64,
    id: u32,
}

#[derive(Debug)]
pub struct Labels {
    readings: Vec<Reading>,
    /// Known values. The first ones are the fixed ones.
    pub texts: Texts,
    raw: Vec<u8>,
    clean: Vec<u8>,
}

impl Labels {
    pub fn new(plan: &LabelPlan) -> Self {
        let mut new = Self {
            readings: vec![Reading::default(); plan.definitions.len()],
            texts: Texts::default(),
            raw: Vec::new(),
            clean: Vec::new(),
        };
        new.clear(plan);
        new
    }

    /// Forget all values but the fixed ones.
    pub fn clear(&mut self, plan: &LabelPlan) {
        // Ids are given away again.
        self.readings.iter_mut().for_each(|reading| *reading = Reading::default());
        self.texts.clear();
        plan.fixed.iter().for_each(|text| {
            self.texts.id(text.as_bytes());
        });
    }

    /// The ids of a list of labels of an event. `epoch` is the event's own number, from 1.
    #[inline(always)]
    pub fn ids<E: Event + ?Sized>(
        &mut self,
        plan: &LabelPlan,
        list: &[Label],
        event: &E,
        epoch: u64,
        ids: &mut [u32; LABELS_MAX],
    ) {
        for (place, label) in ids.iter_mut().zip(list) {
            let index = match label {
                Label::Fixed(index) => {
                    *place = u32::from(*index);
                    continue;
                }
                Label::Event(index) => usize::from(*index),
            };
            let reading = &mut self.readings[index];
            if reading.epoch != epoch {
                let sources = plan.definitions[index].as_slice();
                let id = match sources.first().and_then(|source| event.written(*source)) {
                    Some(written) if !written.is_nothing() => reading.memo.get(kind_of(0, &written), &written),
                    _ => None,
                };
                reading.epoch = epoch;
                match id {
                    Some(id) => reading.id = id,
                    None => self.readings[index].id = self.read(index, sources, event),
                }
            }
            *place = self.readings[index].id;
        }
    }

    /// Read the first source that the event has and that is not empty.
    #[inline(never)]
    fn read<E: Event + ?Sized>(&mut self, index: usize, sources: &[Source], event: &E) -> u32 {
        for (rank, source) in sources.iter().enumerate() {
            let written = event.written(*source);
            if let Some(written) = written {
                if written.is_nothing() && *source != Source::Role(Role::Level) {
                    continue;
                }
                let kind = kind_of(rank, &written);
                if let Some(id) = self.readings[index].memo.get(kind, &written) {
                    return id;
                }
            }
            self.clean.clear();
            write_label(*source, &event.value(*source), &mut self.raw, &mut self.clean);
            if self.clean.is_empty() {
                continue;
            }
            let id = self.texts.id(&self.clean);
            if let Some(written) = written {
                self.readings[index].memo.put(kind_of(rank, &written), &written, id);
            }
            return id;
        }
        let memo = &mut self.readings[index].memo;
        if let Some(id) = memo.get(NOWHERE, &Written::bare(Form::Missing)) {
            return id;
        }
        let id = self.texts.id(MISSING.as_bytes());
        memo.put(NOWHERE, &Written::bare(Form::Missing), id);
        id
    }
}

/// What tells apart values that are different labels with the same bytes: which source they are of, and their form.
#[inline(always)]
fn kind_of(rank: usize, written: &Written<'_>) -> u16 {
    (rank * 8) as u16 + written.form as u16
}

/// A value given by the caller as a label.
pub fn clean(text: &str) -> String {
    let mut out = Vec::new();
    push_text(text.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
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
