//! The obvious ways in Rust: serde_json into a struct, then one `RegexSet` over the line and the expressions that
//! hit, or every expression in turn.

use std::borrow::Cow;

use regex::bytes::{Captures, Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use serde::Deserialize;

use crate::answer;
use crate::contender::{split, Contender, Tally};
use crate::corpus::Corpus;
use crate::rules::{luhn, PeerRule};

/// So that no pattern and no set of them is refused for its size.
const AUTOMATON_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What a lazy automaton may take when nobody says otherwise (`RegexSetBuilder::dfa_size_limit` of the regex crate).
/// That of the whole pack is larger, and so is built again and again.
const CACHE_BYTES_DEFAULT: usize = 2 * 1024 * 1024;

/// The fields that a log service needs, borrowed from the line.
#[derive(Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(borrow)]
    level: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    logger: Cow<'a, str>,
    #[serde(borrow, rename = "traceId")]
    trace: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    route: Cow<'a, str>,
    status: u16,
    duration_ms: f64,
}

impl Default for Event<'_> {
    fn default() -> Self {
        let empty = || Cow::Borrowed("");
        Self {
            timestamp: empty(),
            level: empty(),
            message: empty(),
            logger: empty(),
            trace: empty(),
            event: empty(),
            route: empty(),
            status: 0,
            duration_ms: 0.0,
        }
    }
}

impl Event<'_> {
    /// Stands for whatever is done with the fields; keeps the compiler from dropping them.
    fn touch(&self) {
        let texts = [&self.timestamp, &self.level, &self.message, &self.logger, &self.trace, &self.event, &self.route];
        std::hint::black_box((texts.map(|text| text.len()), self.status, self.duration_ms));
    }
}

/// How the expressions that hit are found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// One set as the crate gives it.
    Set,
    /// One set with all the memory it asks for: what somebody gets who profiled the first.
    TunedSet,
    InTurn,
}

pub struct SerdeRegex {
    search: Search,
    set: RegexSet,
    rules: Vec<(PeerRule, Regex)>,
    out: Vec<u8>,
    scratch: Vec<u8>,
    lines: u64,
    broken: u64,
    redactions: u64,
}

impl SerdeRegex {
    /// # Errors
    /// A pattern that the regex crate refuses, by rule name.
    pub fn new(rules: &[PeerRule], search: Search) -> Result<Self, String> {
        let compile = |rule: &PeerRule| {
            let regex = RegexBuilder::new(&rule.pattern).unicode(false).size_limit(AUTOMATON_BYTES_MAX).build();
            Ok((rule.clone(), regex.map_err(|error| format!("rule {}: {error}", rule.name))?))
        };
        let set = RegexSetBuilder::new(rules.iter().map(|rule| &rule.pattern))
            .unicode(false)
            .size_limit(AUTOMATON_BYTES_MAX)
            .dfa_size_limit(if search == Search::TunedSet { AUTOMATON_BYTES_MAX } else { CACHE_BYTES_DEFAULT })
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            search,
            set,
            rules: rules.iter().map(compile).collect::<Result<_, String>>()?,
            out: Vec::new(),
            scratch: Vec::new(),
            lines: 0,
            broken: 0,
            redactions: 0,
        })
    }

    fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        match serde_json::from_slice::<Event>(line) {
            Ok(event) => event.touch(),
            Err(_) => self.broken += 1,
        }
        let start = self.out.len();
        self.out.extend_from_slice(line);
        match self.search {
            Search::Set | Search::TunedSet => {
                for hit in &self.set.matches(line) {
                    self.replace(start, hit);
                }
            }
            Search::InTurn => {
                for rule in 0..self.rules.len() {
                    if self.rules[rule].1.is_match(line) {
                        self.replace(start, rule);
                    }
                }
            }
        }
        self.out.push(b'\n');
    }

    /// Run one rule over the line that begins at `start` of the output.
    fn replace(&mut self, start: usize, rule: usize) {
        let (rule, regex) = &self.rules[rule];
        self.scratch.clear();
        self.redactions += redact(rule, regex, &self.out[start..], &mut self.scratch);
        self.out.truncate(start);
        self.out.extend_from_slice(&self.scratch);
    }
}

impl Contender for SerdeRegex {
    fn name(&self) -> &'static str {
        match self.search {
            Search::Set => "serde_regexset",
            Search::TunedSet => "serde_regexset_tuned",
            Search::InTurn => "serde_regexes",
        }
    }

    fn start(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn run(&mut self, lines: &[u8], _: f64) {
        (self.lines, self.broken, self.redactions) = (0, 0, 0);
        self.out.clear();
        for line in split(lines) {
            self.line(line);
        }
    }

    fn settle(&mut self, tally: &mut Tally) {
        tally.lines_in += self.lines;
        tally.lines_out += self.lines;
        tally.broken += self.broken;
        tally.redactions += self.redactions;
        tally.take_output(&self.out);
    }

    fn check(&self, corpus: &Corpus, tally: &Tally) -> Result<(), String> {
        answer::equal("broken lines", &corpus.expected.broken, &tally.broken)?;
        answer::check_peer(corpus, tally)
    }
}

/// Copy `text` to `out` with the rule's matches replaced; returns how many.
fn redact(rule: &PeerRule, regex: &Regex, text: &[u8], out: &mut Vec<u8>) -> u64 {
    let mut copied = 0;
    let mut count = 0;
    for captures in regex.captures_iter(text) {
        let Some(span) = accepted(rule, &captures, text) else {
            continue;
        };
        out.extend_from_slice(&text[copied..span.start]);
        out.extend_from_slice(b"[REDACTED:");
        out.extend_from_slice(rule.name.as_bytes());
        out.push(b']');
        copied = span.end;
        count += 1;
    }
    out.extend_from_slice(&text[copied..]);
    count
}

/// What of a match is to be replaced, if the rule's conditions hold and it was not replaced before.
fn accepted(rule: &PeerRule, captures: &Captures<'_>, text: &[u8]) -> Option<std::ops::Range<usize>> {
    let whole = captures.get(0)?;
    let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let before = whole.start().checked_sub(1).and_then(|at| text.get(at));
    if rule.whole_word && (word(before) || word(text.get(whole.end()))) {
        return None;
    }
    let replaced = captures.get(1).unwrap_or(whole);
    let holds = (!rule.luhn || luhn(whole.as_bytes())) && !replaced.as_bytes().starts_with(b"[REDACTED");
    holds.then(|| replaced.range())
}
