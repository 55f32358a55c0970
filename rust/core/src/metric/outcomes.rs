//! What events did to the metrics, by their values in the fields that decide it: an event like an earlier one costs one
//! look-up, however many rules there are.

use super::compile::{Group, Rules};
use super::labels::{Label, LabelPlan};
use super::memo::Outline;
use crate::event::{Event, Form, Role, Source, Value};

/// Most fields that decide what the events of one name do. Rules that ask for more are asked each time.
const SOURCES_MAX: usize = 9;
/// Words of one event's values: its set, and at most seven for each field.
const WORDS_MAX: usize = 1 + 7 * SOURCES_MAX;
/// Places of a lane, a power of two.
const PLACES: usize = 1024;
/// Words, and updates, kept of a lane before all are forgotten: 128 KiB each.
const KEPT_MAX: usize = 16_384;
/// Events after which is looked whether it pays, how many of them must have been known, and for how many events it is
/// left alone if not: where every event has a value of its own, nothing is gained.
const TRIED: u32 = 1024;
const KNOWN_MIN: u32 = 512;
const REST: u32 = 16_384;

/// The groups that events of one name can meet.
#[derive(Debug, Default)]
pub struct Set {
    pub number: u64,
    /// Groups that do the same for all events with the same values of `sources`.
    pub alike: Vec<u32>,
    pub sources: Vec<Source>,
    /// Groups that ask for what differs from event to event, such as a duration.
    pub others: Vec<u32>,
}

impl Set {
    pub fn new(number: usize, numbers: &[u32], rules: &Rules) -> Self {
        let mut new = Self { number: number as u64, ..Self::default() };
        for &at in numbers {
            let group = &rules.groups[at as usize];
            let mut sources = new.sources.clone();
            for source in deciding(group, rules) {
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
            let unlike = |source: &Source| matches!(source, Source::Role(Role::Time | Role::Duration));
            if sources.len() > SOURCES_MAX || sources.iter().any(unlike) {
                new.others.push(at);
            } else {
                new.alike.push(at);
                new.sources = sources;
            }
        }
        new
    }
}

/// The fields that decide whether an event meets a group, and which series it counts for there.
fn deciding(group: &Group, rules: &Rules) -> Vec<Source> {
    let mut sources = Vec::new();
    if let Some(condition) = &group.condition {
        condition.sources(&mut sources);
    }
    let LabelPlan { keys, .. } = &rules.labels;
    for &update in &group.updates {
        for label in &keys[usize::from(rules.updates[update as usize].key)] {
            if let Label::Event(_) = label {
                sources.extend(rules.labels.sources(*label));
            }
        }
    }
    sources
}

/// An update and the number of its label set.
pub type Done = (u32, u32);

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    words: (u32, u32),
    done: (u32, u32),
}

/// Those of one lane. Direct-mapped: a clash costs asking the rules, never a wrong answer.
#[derive(Debug)]
pub struct Outcomes {
    entries: Vec<Entry>,
    words: Vec<u64>,
    done: Vec<Done>,
    /// The event asked for last: its words, their number, and its place.
    asked: [u64; WORDS_MAX],
    asked_words: usize,
    place: usize,
    tried: u32,
    known: u32,
    rest: u32,
    /// Of the label sets: of another generation, their numbers mean nothing.
    generation: u64,
}

/// What is known of an event.
pub enum Outcome {
    /// A span of `Outcomes::done`.
    Known(std::ops::Range<usize>),
    /// To be learned.
    New,
    /// Not to be remembered.
    Unlike,
}

impl Default for Outcomes {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            words: Vec::new(),
            done: Vec::new(),
            asked: [0; WORDS_MAX],
            asked_words: 0,
            place: 0,
            tried: 0,
            known: 0,
            rest: 0,
            generation: 0,
        }
    }
}

impl Outcomes {
    /// What events with these values did to the set's `alike`.
    #[inline(always)]
    pub fn of<E: Event + ?Sized>(&mut self, set: &Set, event: &E, generation: u64) -> Outcome {
        if self.generation != generation || self.words.len() > KEPT_MAX || self.done.len() > KEPT_MAX {
            self.clear();
            self.generation = generation;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return Outcome::Unlike;
        }
        let Some(hash) = self.ask(set, event) else { return Outcome::Unlike };
        self.place = (hash >> 32) as usize % PLACES;
        self.tried = self.tried.saturating_add(1);
        if let Some(entry) = self.entries.get(self.place) {
            let (from, to) = entry.words;
            if self.words[from as usize..to as usize] == self.asked[..self.asked_words] {
                self.known = self.known.saturating_add(1);
                return Outcome::Known(entry.done.0 as usize..entry.done.1 as usize);
            }
        }
        Outcome::New
    }

    /// Write down the event's values; give their hash. `None` where one is too long or not as written.
    #[inline(always)]
    fn ask<E: Event + ?Sized>(&mut self, set: &Set, event: &E) -> Option<u64> {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        self.asked[0] = set.number;
        let (mut at, mut hash) = (1, set.number);
        for source in &set.sources {
            let (form, raw) = event.written(*source)?;
            let words = self.asked.get_mut(at..at + 7)?;
            let outline = match form {
                Form::Nothing => {
                    // Conditions tell these apart.
                    let nothing = match event.value(*source) {
                        Value::Missing => 0,
                        Value::Null => 1,
                        _ => 2,
                    };
                    words[0] = nothing;
                    hash = (hash ^ nothing).wrapping_mul(MIX).rotate_left(29);
                    at += 1;
                    continue;
                }
                form => Outline::new(form as u16, raw)?,
            };
            at += outline.write(words);
            hash = (hash ^ outline.mixed()).wrapping_mul(MIX).rotate_left(29);
        }
        self.asked_words = at;
        Some(hash.wrapping_mul(MIX))
    }

    /// Remember what the event asked for last did; give the span.
    pub fn learn(&mut self, done: impl IntoIterator<Item = Done>) -> std::ops::Range<usize> {
        if self.entries.is_empty() {
            self.entries.resize(PLACES, Entry::default());
        }
        let (words, first) = (self.words.len() as u32, self.done.len());
        self.words.extend_from_slice(&self.asked[..self.asked_words]);
        self.done.extend(done);
        self.entries[self.place] =
            Entry { words: (words, self.words.len() as u32), done: (first as u32, self.done.len() as u32) };
        if self.tried >= TRIED {
            self.rest = if self.known < KNOWN_MIN { REST } else { 0 };
            (self.tried, self.known) = (0, 0);
        }
        first..self.done.len()
    }

    #[inline(always)]
    pub fn done(&self, at: usize) -> Done {
        self.done[at]
    }

    #[inline(never)]
    fn clear(&mut self) {
        self.entries.fill(Entry::default());
        self.words.clear();
        self.done.clear();
    }
}
