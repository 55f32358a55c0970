//! Redaction. Problem: find every secret in lines of any form, by its key or by its looks, and change nothing else.
//! Idea: a prefilter marks where a secret may begin in a whole batch; only strings with a mark are read further.
//! Input is a text and (when it is JSON) its tape, output is a list of edits.
//!
//! ```text
//! batch -> prefilter/ -> document: keys by keys/, strings with marks --> edits
//!                                     '-> triage -> patterns/ credentials by their looks
//!                                            ^   '-> text/    `key=value`, quoted pairs, XML
//!                                            '-- rescan: the same once more for decoded and nested strings
//! ```
//!
//! More: `docs/internals/redaction.md`.

mod allowed_values;
pub(crate) mod bytes;
mod calls;
pub mod carried;
mod document;
mod entry_points;
mod json_paths;
#[cfg(test)]
mod json_paths_tests;
mod jwk;
pub(crate) mod keys;
pub(crate) mod learned;
mod pairs;
pub mod patterns;
pub(crate) mod prefilter;
#[cfg(test)]
mod redact_tests;
mod repeats;
mod replacement;
mod rescan;
mod siblings;
pub(crate) mod text;
pub(crate) mod token;
mod triage;

use std::sync::Arc;

use crate::io::edit::Edits;
use crate::io::escape::Decoded;
use crate::json::dictionary::{ByKey, Dictionary};
use crate::json::tape::Tape;
use crate::redact::prefilter::candidates::Candidates;
use crate::redact::prefilter::prefix3::Prefixes3;
use crate::simd::bitmap::Bitmap;
use crate::simd::{Path, PATH_VARIABLE};
use crate::spec::{RedactSpec, RuleError};

use allowed_values::AllowedValues;
use json_paths::{Paths, Verdicts};
use keys::class::KeyClass;
use keys::{KeyMemo, Keys, KeysPack, KEYS_TOML};
use learned::{Learned, Span};
use patterns::rules::{personal_data, Rules};
use prefilter::places::Places;
use text::entropy::Window;
use text::value_end::Extent;
use token::Tokens;
use triage::Text;

/// Name of the rule that takes texts which cost too much to scan.
const BUDGET: &str = "budget";

/// What the rules of keys have in their names whose values people choose.
const PASSWORDS: [&str; 11] =
    ["pass", "pwd", "psw", "pw", "secret", "cred", "wort", "senha", "contrasena", "wachtwoord", "motdepasse"];

/// The rules of one spec. Immutable, shared by lanes.
///
/// # Example
///
/// ```
/// use headrig_core::io::edit::Edits;
/// use headrig_core::redact::Redactor;
/// use headrig_core::spec::RedactSpec;
///
/// let redactor = Redactor::new(&RedactSpec::default())?;
/// let (mut scratch, mut edits, mut out) = (redactor.scratch(), Edits::default(), Vec::new());
/// let text = b"login with password: hunter2 failed";
/// redactor.text(text, &mut scratch, &mut edits);
/// edits.apply(text, 0, text.len(), &mut out);
/// assert_eq!(out, b"login with password: [REDACTED:password] failed");
/// # Ok::<(), headrig_core::spec::RuleError>(())
/// ```
pub struct Redactor {
    enabled: bool,
    path: Path,
    keys: Keys,
    rules: Rules,
    /// Values that are secret wherever they stand.
    learned: Option<Learned>,
    /// What the literals of the rules begin with.
    prefixes3: Prefixes3,
    paths: Option<Paths>,
    allowed_values: AllowedValues,
    tokens: Tokens,
    names: Arc<[String]>,
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
    /// The keys of the lane's lines; also others look them up here.
    pub keys: Dictionary,
    /// Classes of keys without any content to redact.
    classes: ByKey<KeyClass>,
    memo: KeyMemo,
    window: Box<Window>,
    counts: Vec<u64>,
    /// Whether any of them is not zero: there are hundreds, and a batch may be one line.
    counted: bool,
    /// Buffers for decoded strings, one per level of nesting in use.
    decoded: Vec<Decoded>,
    /// The same for the tapes of texts that are JSON.
    tapes: Vec<Tape>,
    /// An object key was edited: what it says of its value may have changed.
    key_edited: bool,
    /// The text being scanned is JSON that may have been cut off in the middle of a secret.
    cut: bool,
    /// A private key may have begun in the text that was read last.
    key_begun: bool,
    /// Array and object members whose value a sibling makes secret, with the rule, or is none because of one; the next one is
    /// last.
    marked: Vec<(u32, Option<u16>)>,
    /// What the paths of the settings say about the document being scanned.
    verdicts: Verdicts,
    token: Vec<u8>,
    /// Where to look in the text being scanned.
    places: Places,
    /// The candidates of the batch at hand; others, as many as are in use.
    batch: Candidates,
    spare_candidates: Vec<Candidates>,
    /// Learned values in the batch at hand, and in one text that is part of none.
    learned: Vec<Span>,
    learned_in_text: Vec<Span>,
}

impl Redactor {
    /// # Errors
    /// The first rule, key, path or other option that cannot be used.
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
        let pii_keys = personal_data(&spec.pii)?.1;
        let keys = Keys::new(&pack, spec, &pii_keys, &mut number);
        let rules = Rules::new(spec, &pack, &mut number)?;
        let learned = Learned::new(&spec.learned, number(learned::NAME))?;
        let paths = Paths::new(spec, &mut number)?;
        let budget = number(BUDGET);
        let extent = |name: &String| match name.as_str() {
            "authorization" => Extent::Scheme,
            "cookie" | "cookies" | "set_cookie" => Extent::Line,
            name if PASSWORDS.iter().any(|word| name.contains(word)) => Extent::Password,
            _ => Extent::Word,
        };
        let extents = names.iter().map(extent).collect();
        let tokens = Tokens::new(&spec.token, spec.replacement.as_deref())?;
        let path = if path.runs_here() { path } else { Path::Scalar };
        let redactor = Self {
            enabled: spec.enabled,
            path,
            keys,
            prefixes3: rules.prefixes.prefixes3(path),
            rules,
            learned,
            paths,
            allowed_values: AllowedValues::new(&spec.allow_values)?,
            tokens,
            names: names.into(),
            extents,
            budget,
            #[cfg(test)]
            everywhere: false,
        };
        replacement::check(spec, &redactor)?;
        Ok(redactor)
    }

    /// Names of all rules, by number.
    pub fn rule_names(&self) -> &Arc<[String]> {
        &self.names
    }

    /// Names of the user's rules that are searched on every string, for want of a literal that all their matches hold.
    pub fn searched_everywhere(&self) -> Vec<&str> {
        let number = |rule: &usize| usize::from(self.rules.list[*rule].number);
        self.rules.combined_rules.iter().map(|rule| self.names[number(rule)].as_str()).collect()
    }

    pub fn scratch(&self) -> Scratch {
        Scratch {
            keys: Dictionary::default(),
            classes: ByKey::default(),
            memo: KeyMemo::default(),
            window: Box::default(),
            counts: vec![0; self.names.len()],
            counted: false,
            decoded: Vec::new(),
            tapes: Vec::new(),
            key_edited: false,
            cut: false,
            key_begun: false,
            marked: Vec::new(),
            verdicts: Verdicts::default(),
            token: Vec::new(),
            places: Places::default(),
            batch: Candidates::default(),
            spare_candidates: Vec::new(),
            learned: Vec::new(),
            learned_in_text: Vec::new(),
        }
    }

    /// Run the prefilter over a batch, once, before its texts are read.
    pub fn find_candidates(&self, batch: &[u8], scratch: &mut Scratch) {
        if self.enabled {
            self.scan(batch, &mut scratch.batch);
            if let Some(learned) = &self.learned {
                scratch.learned.clear();
                learned.find(batch, &mut scratch.learned);
            }
        }
    }

    fn scan(&self, text: &[u8], candidates: &mut Candidates) {
        let prefixes = &self.rules.prefixes;
        #[cfg(test)]
        if self.everywhere {
            return candidates.everything(text, |bytes| prefixes.may_begin(bytes));
        }
        candidates.scan(text, &self.prefixes3, prefixes.look_up(), &|at| self.rules.may_begin(text, at));
    }

    /// Read a text that is part of no batch: its candidates are found first.
    fn with_candidates(&self, bytes: &[u8], scratch: &mut Scratch, read: impl FnOnce(Text<'_>, &mut Scratch)) {
        let mut candidates = scratch.spare_candidates.pop().unwrap_or_default();
        self.scan(bytes, &mut candidates);
        read(Text { bytes, view: candidates.view() }, scratch);
        scratch.spare_candidates.push(candidates);
    }
}

impl Scratch {
    /// The keys, and where `find_candidates` found something.
    pub fn for_walk(&mut self) -> (&mut Dictionary, &Bitmap) {
        (&mut self.keys, self.batch.places())
    }

    fn count(&mut self, edits: &Edits) {
        for edit in &edits.list {
            self.count_one(edit.rule);
        }
    }

    fn count_one(&mut self, rule: u16) {
        self.counts[usize::from(rule)] += 1;
        self.counted = true;
    }

    /// Redactions per rule number since the last call, of rules that made any.
    pub fn take_counts(&mut self) -> Vec<(usize, u64)> {
        if !std::mem::take(&mut self.counted) {
            return Vec::new();
        }
        let taken: Vec<(usize, u64)> = self.counts.iter().copied().enumerate().filter(|(_, n)| *n > 0).collect();
        self.counts.fill(0);
        taken
    }
}
