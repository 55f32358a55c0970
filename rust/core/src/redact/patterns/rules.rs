//! Content rules: packs and user rules compiled, and refused when they cannot be used.

use std::sync::OnceLock;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Literal};
use serde::Deserialize;

use crate::redact::bytes::is_word;
use crate::redact::keys::KeysPack;
use crate::redact::patterns::checks::Check;
use crate::redact::patterns::pii::Pii;
use crate::redact::prefilter::byte_classes::RUN_BYTES;
use crate::redact::prefilter::min_prefix::Lead;
use crate::redact::prefilter::prefix4::{Begins, Stems};
use crate::redact::token::{check_keep_last, NAME_BYTES_MAX};
use crate::spec::{flaw, unbuilt, ContentRuleSpec, RedactSpec, RuleError};

/// The built-in packs, one file per theme.
pub const PACKS: &[&str] = &[
    include_str!("../../../../../python/headrig/rules/ai.toml"),
    include_str!("../../../../../python/headrig/rules/chat.toml"),
    include_str!("../../../../../python/headrig/rules/cloud.toml"),
    include_str!("../../../../../python/headrig/rules/generic.toml"),
    include_str!("../../../../../python/headrig/rules/hosting.toml"),
    include_str!("../../../../../python/headrig/rules/infrastructure.toml"),
    include_str!("../../../../../python/headrig/rules/payment.toml"),
    PII_TOML,
    include_str!("../../../../../python/headrig/rules/programs.toml"),
    include_str!("../../../../../python/headrig/rules/source_hosts.toml"),
    include_str!("../../../../../python/headrig/rules/workplace.toml"),
];

/// Rules for personal data, and the words that switch them on.
const PII_TOML: &str = include_str!("../../../../../python/headrig/rules/pii.toml");

/// Shortest anchor, in bytes: shorter ones are in every other log line.
pub const ANCHOR_BYTES_MIN: usize = 4;
/// Most bytes read before an anchor: the longest key that is known by its end has 76.
const LEAD_BYTES_MAX: usize = 128;
/// Farthest a pattern looks ahead of its anchor, in bytes: a private key fits.
pub const LOOK_AHEAD_BYTES_MAX: usize = 16 * 1024;
/// Largest compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The rules of private keys of several lines.
pub const KEY_BLOCKS: [&str; 3] = ["private_key", "ssh2_private_key", "putty_private_key"];

/// One compiled rule.
pub struct Rule {
    /// Its number in counters and edits.
    pub number: u16,
    /// None for the rules in code.
    pub pattern: Option<Pattern>,
    pub whole_word: bool,
    /// Bytes before the anchor that belong to the match.
    pub lead_bytes: usize,
    pub check: Option<Check>,
    pub keep_last: Option<usize>,
    /// Its first line may be a private key's, which goes on in the next ones.
    pub key_block: bool,
}

/// A pattern, compiled when it is first needed: a run meets few of the built-in ones, and the start is quick.
pub struct Pattern {
    text: String,
    /// It may read past spaces and quotes before it fails.
    pub far: bool,
    pub lead: Lead,
    compiled: OnceLock<Option<Compiled>>,
}

pub struct Compiled {
    pub regex: Regex,
    /// The most bytes it reads from its anchor on.
    pub reach_bytes: usize,
    /// The secret is a part of the match. To find parts costs more than to find the end.
    pub parts: bool,
}

impl Rule {
    /// Where a match whose anchor is at `at` begins; None where it cannot begin.
    pub fn start(&self, text: &[u8], at: usize) -> Option<usize> {
        let start = at.checked_sub(self.lead_bytes)?;
        let of_lead = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/_-".contains(byte);
        let inside = self.whole_word && start > 0 && is_word(text[start - 1]);
        (!inside && text[start..at].iter().all(of_lead)).then_some(start)
    }
}

impl Pattern {
    fn new(text: &str) -> Self {
        let far = ["[^", "\\S", "\\W", "\\D", ".*", ".+", ".{"].iter().any(|part| text.contains(part));
        Self { text: text.to_owned(), far, lead: Lead::of(text), compiled: OnceLock::new() }
    }

    /// How far it looks, in bytes from its anchor on.
    pub fn reach_bytes(&self) -> usize {
        self.compiled().map_or(0, |compiled| compiled.reach_bytes)
    }

    /// None only for a pattern that does not compile, which the checks of user rules and the tests of packs exclude.
    pub fn compiled(&self) -> Option<&Compiled> {
        let compile = || {
            let hir = syntax::parse_with(&self.text, &syntax::Config::new().unicode(false).utf8(false)).ok()?;
            let longest = hir.properties().maximum_len().unwrap_or(LOOK_AHEAD_BYTES_MAX);
            let parts = hir.properties().explicit_captures_len() > 0;
            Some(Compiled {
                regex: anchored(parts).build_from_hir(&hir).ok()?,
                reach_bytes: longest.min(LOOK_AHEAD_BYTES_MAX),
                parts,
            })
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}

/// All content rules of one spec.
pub struct Rules {
    pub list: Vec<Rule>,
    pub stems: Stems,
    /// Rules without anchors, searched together on every string; pattern i is rule `loose_rules[i]`.
    pub loose: Option<Regex>,
    pub loose_rules: Vec<usize>,
    pub card: Option<usize>,
    pub email: Option<usize>,
    pub url_credentials: Option<usize>,
    pub assignment: bool,
    pub pii: Pii,
    /// Something may be in any text, whatever the prefilter marked.
    pub read_everything: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pack {
    rule: Vec<ContentRuleSpec>,
    #[serde(default)]
    pii: Vec<PersonalData>,
}

/// One kind of personal data: the rules that find it, and the keys that it stands under.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonalData {
    name: String,
    rules: Vec<String>,
    #[serde(default)]
    keys: Vec<String>,
}

/// The rules and keys of the kinds of personal data that are asked for.
///
/// # Errors
/// There is no such kind.
pub fn personal_data(kinds: &[String]) -> Result<(Vec<String>, Vec<String>), RuleError> {
    let (mut rules, mut keys) = (Vec::new(), Vec::new());
    if kinds.is_empty() {
        return Ok((rules, keys));
    }
    let pack = toml::from_str::<Pack>(PII_TOML).map_err(|error| RuleError::new("pack", error.to_string()))?;
    for (index, name) in kinds.iter().enumerate() {
        let Some(kind) = pack.pii.iter().find(|kind| kind.name == *name) else {
            let known: Vec<&str> = pack.pii.iter().map(|kind| kind.name.as_str()).collect();
            let reason = format!("unknown value; known: {}", known.join(" "));
            return Err(RuleError::new(format!("redact.pii[{index}]"), reason));
        };
        rules.extend_from_slice(&kind.rules);
        keys.extend_from_slice(&kind.keys);
    }
    Ok((rules, keys))
}

/// The rules of the built-in packs, in order.
///
/// # Errors
/// A pack that does not parse.
pub fn built_in() -> Result<Vec<ContentRuleSpec>, RuleError> {
    static PARSED: OnceLock<Result<Vec<ContentRuleSpec>, RuleError>> = OnceLock::new();
    let parse = |text: &&str| {
        let pack = toml::from_str::<Pack>(text).map_err(|error| RuleError::new("pack", error.to_string()))?;
        Ok(pack.rule)
    };
    let all = || Ok(PACKS.iter().map(parse).collect::<Result<Vec<_>, RuleError>>()?.concat());
    PARSED.get_or_init(all).clone()
}

impl Rules {
    /// # Errors
    /// The first rule that cannot be used.
    pub fn new(spec: &RedactSpec, keys: &KeysPack, mut number: impl FnMut(&str) -> u16) -> Result<Self, RuleError> {
        let mut specs = built_in()?;
        let own_from = specs.len();
        let (personal, _) = personal_data(&spec.pii)?;
        for (names, enabled) in [(&personal, true), (&spec.disable, false), (&spec.enable, true)] {
            for name in names {
                match specs.iter_mut().find(|rule| rule.name == *name) {
                    Some(rule) => rule.enabled = enabled,
                    None => return Err(not_switched(name, &specs, spec, keys)),
                }
            }
        }
        specs.extend(spec.rules.iter().cloned());
        let mut rules = Self {
            list: Vec::new(),
            stems: Stems::default(),
            loose: None,
            loose_rules: Vec::new(),
            card: None,
            email: None,
            url_credentials: None,
            assignment: false,
            pii: Pii::default(),
            read_everything: false,
        };
        let mut names: Vec<&str> = Vec::new();
        let mut loose = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            if index >= own_from {
                check(spec)?;
            }
            if names.contains(&spec.name.as_str()) {
                return Err(RuleError::new(&spec.name, "there is a rule of this name already"));
            }
            names.push(&spec.name);
            if spec.enabled {
                rules.add(spec, number(&spec.name), &mut loose)?;
            }
        }
        if !loose.is_empty() {
            let regex = builder(false).build_many(&loose).map_err(|error| RuleError::new("rules", unbuilt(&error)))?;
            rules.loose = Some(regex);
        }
        rules.read_everything = rules.loose.is_some() || !rules.pii.is_empty();
        Ok(rules)
    }

    fn add(&mut self, spec: &ContentRuleSpec, number: u16, loose: &mut Vec<String>) -> Result<(), RuleError> {
        let index = self.list.len();
        let fail = |reason: String| Err(RuleError::new(&spec.name, reason));
        let by_word = spec.candidate.as_deref() == Some("word");
        let check = match spec.check.as_deref() {
            Some(name) if by_word && self.pii.add(name, index) => None,
            None => None,
            Some(name) => Some(Check::from_name(name).map_err(|reason| RuleError::new(&spec.name, reason))?),
        };
        let ContentRuleSpec { whole_word, lead_bytes, keep_last, .. } = *spec;
        let key_block = KEY_BLOCKS.contains(&spec.name.as_str());
        let mut rule = Rule { number, pattern: None, whole_word, lead_bytes, check, keep_last, key_block };
        if let Some(candidate) = spec.candidate.as_deref() {
            match (candidate, check) {
                ("digits", Some(Check::Card)) => self.card = Some(index),
                ("at", Some(Check::Email)) => self.email = Some(index),
                ("at", Some(Check::UrlCredentials)) => self.url_credentials = Some(index),
                ("assign", Some(Check::Assignment)) => self.assignment = true,
                ("word", None) if spec.check.is_some() => {}
                _ => {
                    let known = "digits+card, at+email, at+url_credentials, assign+assignment, word+iban and others of pii.toml";
                    return fail(format!("unknown pair of candidate and check; known: {known}"));
                }
            }
        } else {
            let pattern = Pattern::new(&spec.pattern);
            let long = pattern.lead.len >= RUN_BYTES;
            rule.pattern = Some(pattern);
            if spec.anchors.is_empty() {
                loose.push(spec.pattern.clone());
                self.loose_rules.push(index);
            }
            let any_case = spec.pattern.starts_with("(?i)");
            for anchor in spec.anchors.iter().map(String::as_bytes) {
                let begins = match (whole_word && lead_bytes == 0 && is_word(anchor[0]), long) {
                    (false, _) => Begins::Anywhere,
                    (true, false) => Begins::Word,
                    (true, true) => Begins::LongWord,
                };
                self.stems.add(anchor, any_case, begins, index);
            }
        }
        self.list.push(rule);
        Ok(())
    }
}

/// Why a name is none of a built-in pattern that could be switched on or off, and what would work.
fn not_switched(name: &str, specs: &[ContentRuleSpec], spec: &RedactSpec, keys: &KeysPack) -> RuleError {
    let words = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    if keys.has_rule(&words(name)) {
        let remedy = "list the keys to leave alone in allow_keys instead";
        return RuleError::new(
            name,
            format!("is a rule for values of keys, which cannot be switched by name; {remedy}"),
        );
    }
    if spec.rules.iter().any(|own| own.name == name) {
        return RuleError::new(name, "is a rule of your own; take its [[redact.rules]] away instead");
    }
    let near = specs.iter().map(|known| known.name.as_str()).max_by_key(|known| alike(known, name));
    let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    RuleError::new(name, format!("no built-in rule of this name{hint}"))
}

/// Share of letter pairs two names have in common, in thousandths (the coefficient of Dice, 1945).
fn alike(one: &str, other: &str) -> usize {
    let pairs = |name: &str| name.len().saturating_sub(1);
    let common = one.as_bytes().windows(2).filter(|pair| other.as_bytes().windows(2).any(|o| o == *pair)).count();
    2000 * common / (pairs(one) + pairs(other)).max(1)
}

/// `anchored`: matches are looked for at one place only, so that nothing is gained by searching for literals first.
fn builder(anchored: bool) -> regex_automata::meta::Builder {
    let mut builder = Regex::builder();
    builder.syntax(syntax::Config::new().unicode(false).utf8(false)).configure(
        Regex::config()
            .utf8_empty(false)
            .nfa_size_limit(Some(PATTERN_BYTES_MAX))
            .onepass(false)
            .auto_prefilter(!anchored),
    );
    builder
}

/// The same for matches at one place of which `parts` are wanted: many such patterns have one way to be read only.
fn anchored(parts: bool) -> regex_automata::meta::Builder {
    let mut builder = builder(true);
    builder.configure(Regex::config().onepass(parts));
    builder
}

/// Whether a rule can be used.
///
/// # Errors
/// The first thing wrong with it.
///
/// # Example
///
/// ```
/// use headrig_core::redact::patterns::rules::{built_in, check};
///
/// for rule in built_in()? {
///     check(&rule)?;
/// }
/// # Ok::<(), headrig_core::spec::RuleError>(())
/// ```
pub fn check(spec: &ContentRuleSpec) -> Result<(), RuleError> {
    let fail = |reason: String| Err(RuleError::new(&spec.name, reason));
    let of_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if !spec.name.bytes().all(of_name) || !(1..=NAME_BYTES_MAX).contains(&spec.name.len()) {
        return fail(format!("a rule's name is 1 to {NAME_BYTES_MAX} of a-z, 0-9 and _"));
    }
    check_keep_last(spec.keep_last.unwrap_or(0), &spec.name)?;
    if spec.candidate.is_some() {
        return Ok(());
    }
    if spec.pattern.is_empty() {
        return fail("pattern is missing".into());
    }
    let hir = match syntax::parse_with(&spec.pattern, &syntax::Config::new().unicode(false).utf8(false)) {
        Ok(hir) => hir,
        Err(error) => return fail(format!("pattern: {}", flaw(&error))),
    };
    if hir.properties().minimum_len().unwrap_or(0) == 0 {
        return fail("pattern can match nothing at all; make it match at least one byte".into());
    }
    if let Some(short) = spec.anchors.iter().position(|anchor| anchor.len() < ANCHOR_BYTES_MIN) {
        return fail(format!("anchors: number {} is shorter than {ANCHOR_BYTES_MIN} bytes", short + 1));
    }
    if spec.lead_bytes > LEAD_BYTES_MAX || (spec.lead_bytes > 0 && spec.anchors.is_empty()) {
        return fail(format!("lead_bytes is at most {LEAD_BYTES_MAX} and needs anchors"));
    }
    if !spec.anchors.is_empty() {
        let literals = Extractor::new().kind(ExtractKind::Prefix).limit_class(64).limit_total(4096).extract(&hir);
        let agrees = |anchor: &[u8], literal: &[u8]| {
            let len = anchor.len().min(literal.len());
            anchor[..len].eq_ignore_ascii_case(&literal[..len])
        };
        for (index, anchor) in spec.anchors.iter().enumerate() {
            let possible = |list: &[Literal]| list.iter().any(|literal| agrees(anchor.as_bytes(), literal.as_bytes()));
            if literals.literals().is_some_and(|list| !possible(list)) {
                return fail(format!("anchors: no match of the pattern can begin with number {}", index + 1));
            }
        }
    }
    match builder(true).build(&spec.pattern) {
        Ok(_) => Ok(()),
        Err(error) => fail(format!("pattern: {}", unbuilt(&error))),
    }
}
