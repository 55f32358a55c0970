//! Redaction: secrets by key and by content, in valid lines, in broken ones, escaped and nested.
//! Input is a text and (when it is JSON) its tape, output is edits; everything else stays as it is.

mod assign;
pub mod check;
mod content;
mod document;
mod extent;
pub mod keys;
mod lenient;
mod prose;
pub mod rules;
mod run;
mod stems;
mod sweep;
mod tail;
#[cfg(test)]
mod tests;
pub mod token;

use crate::dictionary::Dictionary;
use crate::edit::Edits;
use crate::escape::{self, Decoded};
use crate::limits::NESTED_DEPTH_MAX;
use crate::simd::candidates::{Pairs, Survey};
use crate::simd::{Path, PATH_VARIABLE};
use crate::spec::{RedactSpec, RuleError};
use crate::walk::{walk, Tape};

use content::Work;
use extent::Extent;
use keys::{KeyMemo, Keys, KeysPack, KEYS_TOML};
use rules::Rules;
use sweep::{within, Places, Seen, Text};
use token::{segments, Tokens};

/// How often a text is scanned again after edits, until nothing new is found. Beyond it all of it goes.
const ROUNDS_MAX: usize = 8;
/// Name of the rule that takes texts which cost too much to scan.
const BUDGET: &str = "budget";

/// The rules of one spec. Immutable, shared by lanes.
pub struct Redactor {
    enabled: bool,
    path: Path,
    keys: Keys,
    rules: Rules,
    /// What stems that count elsewhere than at long words begin with.
    pairs: Pairs,
    tokens: Tokens,
    names: Vec<String>,
    /// Per rule number, how far a value in `key=value` text goes.
    extents: Vec<Extent>,
    budget: u16,
    /// Look at every place and decode every string: what all short cuts are measured against.
    #[cfg(test)]
    everywhere: bool,
}

/// Whether the content of the string or number at a node is left alone. Keys still rule over it.
pub type Exempt<'a> = &'a dyn Fn(usize) -> bool;

/// A lane's memory for redaction.
pub struct Scratch {
    /// The keys of the lane's lines; also others note here what they find out about them.
    pub keys: Dictionary,
    memo: KeyMemo,
    counts: Vec<u64>,
    /// Buffers for decoded strings, one per level of nesting in use.
    decoded: Vec<Decoded>,
    /// An object key was edited: what it says of its value may have changed.
    key_edited: bool,
    /// The text being scanned is JSON that may have been cut off in the middle of a secret.
    cut: bool,
    /// Array and object members whose value a sibling makes secret, with the rule; the next one is last.
    marked: Vec<(u32, u16)>,
    token: Vec<u8>,
    /// Where to look in the text being scanned.
    places: Places,
    /// The survey of the batch at hand; others, as many as are in use.
    batch: Survey,
    surveys: Vec<Survey>,
}

impl Redactor {
    /// # Errors
    /// The first rule, key or token option that cannot be used.
    pub fn new(spec: &RedactSpec) -> Result<Self, RuleError> {
        let path = Path::chosen().map_err(|reason| RuleError::new(PATH_VARIABLE, reason))?;
        Self::on_path(path, spec)
    }

    /// The same with kernels of a given path; where this CPU lacks it, the plain ones.
    ///
    /// # Errors
    /// As `new`.
    pub fn on_path(path: Path, spec: &RedactSpec) -> Result<Self, RuleError> {
        let mut names: Vec<String> = Vec::new();
        let mut number = |name: &str| {
            let known = names.iter().position(|known| known == name);
            known.unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            }) as u16
        };
        let pack: KeysPack = toml::from_str(KEYS_TOML).map_err(|error| RuleError::new("keys", error.to_string()))?;
        let keys = Keys::new(&pack, spec, &mut number);
        let rules = Rules::new(spec, &mut number)?;
        let budget = number(BUDGET);
        let extent = |name: &String| match name.as_str() {
            "authorization" => Extent::Scheme,
            "cookie" | "cookies" | "set_cookie" => Extent::Line,
            _ => Extent::Word,
        };
        let extents = names.iter().map(extent).collect();
        let tokens = Tokens::new(&spec.token)?;
        let path = if path.runs_here() { path } else { Path::Scalar };
        Ok(Self {
            enabled: spec.enabled,
            path,
            keys,
            pairs: rules.stems.pairs(),
            rules,
            tokens,
            names,
            extents,
            budget,
            #[cfg(test)]
            everywhere: false,
        })
    }

    /// Names of all rules, by number.
    pub fn rule_names(&self) -> &[String] {
        &self.names
    }

    pub fn scratch(&self) -> Scratch {
        Scratch {
            keys: Dictionary::default(),
            memo: KeyMemo::default(),
            counts: vec![0; self.names.len()],
            decoded: Vec::new(),
            key_edited: false,
            cut: false,
            marked: Vec::new(),
            token: Vec::new(),
            places: Places::default(),
            batch: Survey::default(),
            surveys: Vec::new(),
        }
    }

    /// Look over a batch, once, before its texts are read.
    pub fn survey(&self, batch: &[u8], scratch: &mut Scratch) {
        if self.enabled {
            self.scan(batch, &mut scratch.batch);
        }
    }

    /// Edits of one valid JSON text, given its tape. `at`: where it stands in the batch that was surveyed last, if in
    /// any. `edits` must be empty and is left settled.
    pub fn document(
        &self,
        text: &[u8],
        at: Option<usize>,
        tape: &Tape,
        exempt: Exempt<'_>,
        scratch: &mut Scratch,
        edits: &mut Edits,
    ) {
        if !self.enabled {
            return;
        }
        match at {
            Some(at) => {
                let batch = std::mem::take(&mut scratch.batch);
                self.json(Text { bytes: text, view: batch.view().from(at) }, tape, exempt, 0, scratch, edits);
                scratch.batch = batch;
            }
            None => self.surveyed(text, scratch, |text, scratch| self.json(text, tape, exempt, 0, scratch, edits)),
        }
        scratch.count(edits);
    }

    /// Edits of text that is not valid JSON, whatever its bytes. `edits` must be empty and is left settled.
    pub fn text(&self, text: &[u8], scratch: &mut Scratch, edits: &mut Edits) {
        if self.enabled {
            scratch.cut = tail::may_be_cut(text);
            self.surveyed(text, scratch, |text, scratch| self.plain(text, 0, scratch, edits));
            scratch.cut = false;
            scratch.count(edits);
        }
    }

    fn scan(&self, text: &[u8], survey: &mut Survey) {
        let stems = &self.rules.stems;
        #[cfg(test)]
        if self.everywhere {
            return survey.everything(text, |bytes| stems.may_begin(bytes));
        }
        survey.scan(self.path, text, &self.pairs, |bytes| stems.may_begin(bytes));
    }

    /// Read a text that is part of no batch.
    fn surveyed(&self, bytes: &[u8], scratch: &mut Scratch, read: impl FnOnce(Text<'_>, &mut Scratch)) {
        let mut survey = scratch.surveys.pop().unwrap_or_default();
        self.scan(bytes, &mut survey);
        read(Text { bytes, view: survey.view() }, scratch);
        scratch.surveys.push(survey);
    }

    /// Edits of one JSON document at a level of nesting.
    fn json(
        &self,
        text: Text<'_>,
        tape: &Tape,
        exempt: Exempt<'_>,
        nested: usize,
        scratch: &mut Scratch,
        edits: &mut Edits,
    ) {
        let outer = std::mem::replace(&mut scratch.key_edited, false);
        document::scan(self, text, tape, exempt, nested, scratch, edits);
        edits.settle();
        let mut rounds = 0;
        // What is nested is read again with the string that holds it.
        let rounds_max = if nested == 0 { ROUNDS_MAX } else { 0 };
        while std::mem::replace(&mut scratch.key_edited, false) && rounds < rounds_max {
            let mut edited = Vec::with_capacity(text.bytes.len());
            edits.apply(text.bytes, 0, text.bytes.len(), &mut edited);
            let (mut again, mut more) = (Tape::default(), Edits::default());
            if walk(&edited, &mut again).is_err() {
                break;
            }
            self.surveyed(&edited, scratch, |edited, scratch| {
                document::scan(self, edited, &again, exempt, nested, scratch, &mut more);
            });
            more.settle();
            if more.is_empty() {
                break;
            }
            *edits = edits.then(&more);
            rounds += 1;
        }
        scratch.key_edited = outer;
    }

    /// Edits of one decoded text.
    fn plain(&self, text: Text<'_>, nested: usize, scratch: &mut Scratch, edits: &mut Edits) {
        let seen = self.look(text, scratch);
        // What was cut off may be too short to be seen.
        if !seen.nothing() || scratch.cut {
            self.read(text, seen, nested, scratch, edits);
        }
    }

    /// A first look at a text; leaves in `scratch.places` where to look again, for `read`.
    #[inline]
    fn look(&self, text: Text<'_>, scratch: &mut Scratch) -> Seen {
        self.rules.sweep(text, &mut scratch.places)
    }

    /// Edits of one decoded text, scanned again until nothing is found: a second run finds nothing either.
    /// Nested text is scanned once, for the text that holds it is scanned again: rounds must not multiply.
    fn read(&self, text: Text<'_>, seen: Seen, nested: usize, scratch: &mut Scratch, edits: &mut Edits) {
        self.search(text, seen, nested, scratch, edits);
        if nested > 0 {
            return;
        }
        for _ in 0..ROUNDS_MAX {
            if edits.is_empty() {
                return;
            }
            let mut edited = Vec::with_capacity(text.bytes.len());
            edits.apply(text.bytes, 0, text.bytes.len(), &mut edited);
            let mut more = Edits::default();
            self.surveyed(&edited, scratch, |edited, scratch| {
                let seen = self.look(edited, scratch);
                if !seen.nothing() || scratch.cut {
                    self.search(edited, seen, nested, scratch, &mut more);
                }
            });
            if more.is_empty() {
                return;
            }
            *edits = edits.then(&more);
        }
        self.take_all(text.bytes, edits);
    }

    /// One scan of one decoded text: JSON inside it, pairs, content, and what its own escapes hide.
    fn search(&self, text: Text<'_>, seen: Seen, nested: usize, scratch: &mut Scratch, edits: &mut Edits) {
        let places = std::mem::take(&mut scratch.places);
        let inner = seen.quoted() && nested < NESTED_DEPTH_MAX && self.inner_json(text, nested, scratch, edits);
        if !inner && self.content(text.bytes, seen, &places, scratch, edits) {
            let deeper = seen.backslash() && nested < NESTED_DEPTH_MAX;
            if deeper && (scratch.cut || !self.idle(text, scratch)) {
                self.escaped(text.bytes, 0, nested + 1, scratch, edits);
            }
            edits.settle();
        }
        scratch.places = places;
    }

    /// Pairs and content of one decoded text; false when that took too much work, and all of it went.
    fn content(&self, bytes: &[u8], seen: Seen, places: &Places, scratch: &mut Scratch, edits: &mut Edits) -> bool {
        let Scratch { memo, token, cut, .. } = scratch;
        let signs = |start: usize, end: usize, wanted: fn(u8) -> bool| {
            within(&places.signs, start, end).filter(move |at| wanted(bytes[start + at]))
        };
        if seen.quoted() {
            let mut found = |found: lenient::Found| {
                self.replace(bytes, found.start, found.end, found.rule, None, found.quoted, token, edits);
            };
            let colons = signs(0, bytes.len(), |byte| byte == b':');
            lenient::scan(bytes, colons, &self.keys, memo, &mut found);
            if seen.bracket() {
                lenient::pairs(bytes, &self.keys, memo, &mut found);
            }
        }
        let mut work = Work::new(bytes.len());
        let mut part = |start: usize, end: usize| {
            let part = &bytes[start..end];
            self.rules.scan(part, seen, places, start, &mut work, |from, to, rule| {
                self.replace(bytes, start + from, start + to, rule.number, rule.keep_last, false, token, edits);
            });
            if seen.assign() && self.rules.assignment {
                let extent = |rule: u16| self.extents[rule as usize];
                let signs = signs(start, end, |byte| matches!(byte, b'=' | b':'));
                assign::scan(part, &self.keys, memo, extent, signs, |from, to, rule| {
                    self.replace(bytes, start + from, start + to, rule, None, false, token, edits);
                });
            }
        };
        if seen.bracket() {
            segments(bytes).into_iter().for_each(|(start, end)| part(start, end));
        } else {
            part(0, bytes.len());
        }
        if *cut {
            if let Some((start, rule)) = self.rules.tail(bytes) {
                self.replace(bytes, start, bytes.len(), rule.number, None, false, token, edits);
            }
        }
        if work.exhausted() {
            self.take_all(bytes, edits);
        }
        !work.exhausted()
    }

    /// Nothing can be found in a text, however often its escapes are decoded.
    fn idle(&self, text: Text<'_>, scratch: &mut Scratch) -> bool {
        #[cfg(test)]
        if self.everywhere {
            return false;
        }
        self.rules.idle(text, &self.keys, &mut scratch.memo)
    }

    /// A text that is JSON itself; false when it is not.
    fn inner_json(&self, text: Text<'_>, nested: usize, scratch: &mut Scratch, edits: &mut Edits) -> bool {
        let bytes = text.bytes;
        if !matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) || std::str::from_utf8(bytes).is_err() {
            return false;
        }
        let mut tape = Tape::default();
        let valid = walk(bytes, &mut tape).is_ok();
        if valid {
            let marked = std::mem::take(&mut scratch.marked);
            // Nothing of it is missing.
            let cut = std::mem::replace(&mut scratch.cut, false);
            self.json(text, &tape, &|_| false, nested + 1, scratch, edits);
            (scratch.marked, scratch.cut) = (marked, cut);
        }
        valid
    }

    /// Edits of an escaped text, found in its decoded form; `offset` is where `raw` stands in the text of `edits`.
    fn escaped(&self, raw: &[u8], offset: usize, nested: usize, scratch: &mut Scratch, edits: &mut Edits) {
        let mut decoded = scratch.decoded.pop().unwrap_or_default();
        decoded.decode(raw);
        let mut inner = Edits::default();
        self.surveyed(&decoded.bytes, scratch, |text, scratch| self.plain(text, nested, scratch, &mut inner));
        for edit in &inner.list {
            let (start, end) = decoded.raw_span(edit.start as usize, edit.end as usize);
            scratch.token.clear();
            escape::encode(inner.with(edit), &mut scratch.token);
            edits.push(offset + start, offset + end, edit.rule, &scratch.token);
        }
        scratch.decoded.push(decoded);
    }

    /// Replace `text[start..end]` by a token, in quotes where a bare word or number stood.
    #[allow(clippy::too_many_arguments)]
    fn replace(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
        rule: u16,
        keep_last: Option<usize>,
        quoted: bool,
        token: &mut Vec<u8>,
        edits: &mut Edits,
    ) {
        let quote: &[u8] = if quoted { b"\"" } else { b"" };
        token.clear();
        token.extend_from_slice(quote);
        self.tokens.write(&self.names[rule as usize], keep_last, &text[start..end], token);
        token.extend_from_slice(quote);
        edits.push(start, end, rule, token);
    }

    fn take_all(&self, text: &[u8], edits: &mut Edits) {
        edits.clear();
        edits.push(0, text.len(), self.budget, format!("[REDACTED:{BUDGET}]").as_bytes());
    }
}

impl Scratch {
    fn count(&mut self, edits: &Edits) {
        for edit in &edits.list {
            self.counts[edit.rule as usize] += 1;
        }
    }

    /// Redactions per rule number since the last call, of rules that made any.
    pub fn take_counts(&mut self) -> Vec<(usize, u64)> {
        let taken: Vec<(usize, u64)> = self.counts.iter().copied().enumerate().filter(|(_, n)| *n > 0).collect();
        self.counts.fill(0);
        taken
    }
}
