//! What events did to the metrics, by their values in the fields that decide it: an event like an earlier one costs one
//! look-up, however many rules there are.

use super::groups::{Group, Rules};
use super::labels::{Label, LabelPlan};
use super::memo::Outline;
use crate::event::field::{Role, Source};
use crate::event::{Event, Written};

/// Most fields that decide what the events of one name do. Rules that ask for more are asked each time.
const SOURCES_MAX: usize = 9;
/// Words of one event's values: its set, and at most seven for each field.
const WORDS_MAX: usize = 1 + 7 * SOURCES_MAX;
/// Places of a lane, a power of two, of two events each.
const PLACES: usize = 512;
/// Words, and updates, kept of a lane before all are forgotten: 128 KiB each.
const KEPT_MAX: usize = 16_384;
/// Events after which is looked whether it pays: where every event has a value of its own, nothing is gained.
const TRIED: u32 = 1024;
/// How many of them must have been known.
const KNOWN_MIN: u32 = 512;
/// For how many events it is left alone if they were not.
const REST: u32 = 16_384;

/// The groups that ask for one event name, or those that ask for none.
#[derive(Debug, Default)]
pub struct Set {
    pub number: usize,
    /// Groups that do the same for all events with the same values of `sources`.
    pub alike: Vec<u32>,
    pub sources: Vec<Source>,
    /// Groups that ask for what differs from event to event, such as a duration.
    pub others: Vec<u32>,
}

impl Set {
    pub fn new(number: usize, numbers: &[u32], rules: &Rules) -> Self {
        let mut new = Self { number, ..Self::default() };
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

/// An update of an event.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    pub update: u32,
    /// The number of its label set.
    pub series: u32,
    /// The family whose events it counts, `NO_FAMILY` if it does something else.
    pub counted: u32,
}

pub const NO_FAMILY: u32 = u32::MAX;

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    words: (u32, u32),
    done: (u32, u32),
}

/// Those of one lane. In a place the event learned last is first, and takes that of the other when it gives way. A clash
/// costs asking the rules, never a wrong answer.
#[derive(Debug)]
pub struct Outcomes {
    entries: Vec<[Entry; 2]>,
    words: Vec<u64>,
    done: Vec<Done>,
    /// The event asked for last: its words, their number, and its place.
    asked: [u64; WORDS_MAX],
    asked_words: usize,
    place: usize,
    /// By set.
    trials: Vec<Trial>,
    /// Of the label sets: of another generation, their numbers mean nothing.
    generation: u64,
}

/// Whether it pays to remember what events do to a set.
#[derive(Debug, Clone, Copy, Default)]
struct Trial {
    tried: u32,
    learned: u32,
    rest: u32,
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

impl Outcomes {
    /// For so many sets.
    pub fn new(sets: usize) -> Self {
        Self {
            entries: Vec::new(),
            words: Vec::new(),
            done: Vec::new(),
            asked: [0; WORDS_MAX],
            asked_words: 0,
            place: 0,
            trials: vec![Trial::default(); sets],
            generation: 0,
        }
    }

    /// What events with these values did to the set's `alike`.
    #[inline(always)]
    pub fn of<E: Event + ?Sized>(&mut self, set: &Set, event: &E, generation: u64) -> Outcome {
        if self.generation != generation {
            self.clear();
            self.generation = generation;
        }
        let trial = &mut self.trials[set.number];
        if trial.rest > 0 {
            trial.rest -= 1;
            return Outcome::Unlike;
        }
        trial.tried = trial.tried.wrapping_add(1);
        let Some(hash) = self.ask(set, event) else { return Outcome::Unlike };
        self.place = (hash >> 32) as usize % PLACES;
        let Some([first, second]) = self.entries.get(self.place) else { return Outcome::New };
        let known = if self.is_asked(first) { Some(first) } else { Some(second).filter(|entry| self.is_asked(entry)) };
        known.map_or(Outcome::New, |Entry { done, .. }| Outcome::Known(done.0 as usize..done.1 as usize))
    }

    #[inline(always)]
    fn is_asked(&self, entry: &Entry) -> bool {
        let span = entry.words.0 as usize..entry.words.1 as usize;
        let asked = &self.asked[..self.asked_words.min(WORDS_MAX)];
        // Word by word: there are few.
        span.len() == asked.len() && self.words[span].iter().zip(asked).all(|(word, asked)| word == asked)
    }

    /// Write down the event's values; give their hash. `None` where one is too long or not as written.
    #[inline(always)]
    fn ask<E: Event + ?Sized>(&mut self, set: &Set, event: &E) -> Option<u64> {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        self.asked[0] = set.number as u64;
        let (mut at, mut hash) = (1, set.number as u64);
        for source in &set.sources {
            let written = event.written(*source)?;
            let words = self.asked.get_mut(at..at + 7)?.first_chunk_mut()?;
            let mixed = match short(&written) {
                Some(word) => {
                    words[0] = word;
                    at += 1;
                    word
                }
                None => {
                    let outline = Outline::new(written.form as u16, &written)?;
                    at += outline.write(words);
                    outline.mixed()
                }
            };
            hash = (hash ^ mixed).wrapping_mul(MIX).rotate_left(29);
        }
        self.asked_words = at;
        Some(hash.wrapping_mul(MIX))
    }

    /// Remember what the event asked for last did; give the span.
    pub fn learn(&mut self, done: impl IntoIterator<Item = Done>) -> std::ops::Range<usize> {
        if self.words.len() > KEPT_MAX || self.done.len() > KEPT_MAX {
            self.clear();
        }
        if self.entries.is_empty() {
            self.entries.resize(PLACES, Default::default());
        }
        let (words, first) = (self.words.len() as u32, self.done.len());
        self.words.extend_from_slice(&self.asked[..self.asked_words]);
        self.done.extend(done);
        let entry = Entry { words: (words, self.words.len() as u32), done: (first as u32, self.done.len() as u32) };
        let place = &mut self.entries[self.place];
        *place = [entry, place[0]];
        let trial = &mut self.trials[self.asked[0] as usize];
        trial.learned += 1;
        if trial.tried >= TRIED {
            let known = trial.tried.saturating_sub(trial.learned);
            *trial = Trial { rest: if known < KNOWN_MIN { REST } else { 0 }, ..Trial::default() };
        }
        first..self.done.len()
    }

    #[inline(always)]
    pub fn done(&self, span: std::ops::Range<usize>) -> &[Done] {
        &self.done[span]
    }

    #[inline(never)]
    fn clear(&mut self) {
        self.entries.fill(Default::default());
        self.words.clear();
        self.done.clear();
    }
}

/// All of a value of up to seven bytes: these, and in the top byte how many and what they are. No tag of a longer one has
/// a bit there.
#[inline(always)]
fn short(written: &Written<'_>) -> Option<u64> {
    let &Written { form, text, start, end } = written;
    let length = end - start;
    if length > 7 {
        return None;
    }
    let bytes = match text.get(start..start + 8).and_then(<[u8]>::first_chunk) {
        Some(bytes) => u64::from_le_bytes(*bytes) & !(u64::MAX << (8 * length)),
        None => written.raw().iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte)),
    };
    Some(bytes | (0x80 | (length as u64) << 3 | form as u64) << 56)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Form;

    #[test]
    fn a_short_value_is_its_word_wherever_it_stands() {
        let forms = [Form::Missing, Form::Null, Form::Container, Form::Text, Form::Number, Form::Bool];
        let mut seen = std::collections::HashSet::new();
        for form in forms {
            for raw in ["", "\0", "\0\0", "a", "ab", "ba", "INFO", "1234567"] {
                let text = format!("{raw}\"more than eight");
                let word = |text: &str| {
                    short(&Written { form, text: text.as_bytes(), start: 0, end: raw.len() }).expect("short enough")
                };
                assert_eq!(word(&text), word(raw));
                assert!(seen.insert(word(raw)) && word(raw) >> 63 == 1, "{raw:?}");
            }
        }
        assert_eq!(short(&Written { form: Form::Text, text: b"12345678", start: 0, end: 8 }), None);
    }
}
