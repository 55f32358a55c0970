//! Content rules: packs and user rules compiled, and refused when they cannot be used.

use once_cell::race::OnceBox;
use regex_automata::meta::Regex;
use regex_syntax::hir::Hir;
use serde::Deserialize;

use crate::redact::keys::KeysPack;
use crate::redact::patterns::checks::Check;
use crate::redact::patterns::literals::{Literals, LITERALS_MAX, OWN_LITERALS_MAX};
use crate::redact::patterns::pattern::{builder, parsed, Pattern};
use crate::redact::patterns::pii::Pii;
use crate::redact::prefilter::byte_classes::RUN_BYTES;
use crate::redact::prefilter::min_prefix::MinPrefix;
use crate::redact::prefilter::prefix4::{Begins, Prefixes4};
use crate::redact::token::{check_keep_last, NAME_BYTES_MAX};
use crate::spec::{unbuilt, ContentRuleSpec, RedactSpec, RuleError};

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
    include_str!("../../../../../python/headrig/rules/statements.toml"),
    include_str!("../../../../../python/headrig/rules/workplace.toml"),
    // Behind those that know what they name.
    include_str!("../../../../../python/headrig/rules/labels.toml"),
];

/// Rules for personal data, and the words that switch them on.
const PII_TOML: &str = include_str!("../../../../../python/headrig/rules/pii.toml");

/// The rules of private keys of several lines.
pub const KEY_BLOCKS: [&str; 3] = ["private_key", "ssh2_private_key", "putty_private_key"];

/// One compiled rule.
pub struct Rule {
    /// Its number in counters and edits.
    pub number: u16,
    /// None for the rules in code.
    pub pattern: Option<Pattern>,
    pub whole_word: bool,
    /// A match may begin inside a word, for all that `whole_word` says of its end.
    pub inside_word: bool,
    /// Bytes of a match before its literal.
    before: usize,
    pub check: Option<Check>,
    pub keep_last: Option<usize>,
    /// Its first line may be a private key's, which goes on in the next ones.
    pub key_block: bool,
}

impl Rule {
    /// Where a match whose literal is at `at` begins; None where it cannot begin.
    pub fn start(&self, text: &[u8], at: usize) -> Option<usize> {
        self.begin(text, at)
            .filter(|start| self.pattern.as_ref().is_some_and(|p| p.min_prefix.may_begin(&text[*start..])))
    }

    /// The same if the text may have been cut off in the middle of the match.
    pub fn cut_start(&self, text: &[u8], at: usize) -> Option<usize> {
        self.begin(text, at)
            .filter(|start| self.pattern.as_ref().is_some_and(|p| p.min_prefix.may_go_on(&text[*start..])))
    }

    /// The same if the text may have to be decoded first.
    pub fn may_start(&self, text: &[u8], at: usize) -> bool {
        let begins = |start| self.pattern.as_ref().is_some_and(|p| p.min_prefix.may_begin_escaped(&text[start..]));
        // At a literal that begins a match the escape itself is looked at (`Rules::idle`); this one is far from it.
        let inside = |start| self.inside(text, start) && !(self.before > 0 && ends_escape(&text[..start]));
        at.checked_sub(self.before).is_some_and(|start| !inside(start) && begins(start))
    }

    fn begin(&self, text: &[u8], at: usize) -> Option<usize> {
        at.checked_sub(self.before).filter(|start| !self.inside(text, *start))
    }

    /// The byte before `start` is of the same word, and must not be. Not all languages part words: `WiFi密码`.
    fn inside(&self, text: &[u8], start: usize) -> bool {
        let ascii = text.get(start).is_none_or(u8::is_ascii);
        self.whole_word && !self.inside_word && ascii && start > 0 && text[start - 1].is_ascii_alphanumeric()
    }

    /// A match of the pattern stands as the rule says. An underscore is no part of a word: `GH_TOKEN_ghp_...`. Behind a
    /// blank or a quote that ends a match another word begins.
    pub fn stands(&self, text: &[u8], start: usize, end: usize) -> bool {
        let ended = matches!(text[..end].last(), Some(b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\''));
        let goes_on = self.whole_word && !ended && text.get(end).is_some_and(u8::is_ascii_alphanumeric);
        !goes_on && !self.inside(text, start)
    }
}

/// Longest part of an escape behind its first byte, in bytes: `\u0020`.
const ESCAPE_BYTES_MAX: usize = 5;

/// The word at the end of `text` may be what an escape is written with: `\n`, `\u0020`, `%20`, `\x1b[1;32m`.
fn ends_escape(text: &[u8]) -> bool {
    let word = text.iter().rev().take(ESCAPE_BYTES_MAX).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    matches!(text[..text.len() - word].last(), Some(b'\\' | b'%' | b'[' | b';'))
}

/// All content rules of one spec.
pub struct Rules {
    pub list: Vec<Rule>,
    pub prefixes: Prefixes4,
    /// The user's rules without literals, in one combined search of every string; pattern i is rule `combined_rules[i]`.
    pub combined: Option<Regex>,
    pub combined_rules: Vec<usize>,
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
    static PARSED: OnceBox<Result<Vec<ContentRuleSpec>, RuleError>> = OnceBox::new();
    let parse = |text: &&str| {
        let pack = toml::from_str::<Pack>(text).map_err(|error| RuleError::new("pack", error.to_string()))?;
        Ok(pack.rule)
    };
    let all = || Ok(PACKS.iter().map(parse).collect::<Result<Vec<_>, RuleError>>()?.concat());
    PARSED.get_or_init(|| Box::new(all())).clone()
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
            prefixes: Prefixes4::default(),
            combined: None,
            combined_rules: Vec::new(),
            card: None,
            email: None,
            url_credentials: None,
            assignment: false,
            pii: Pii::default(),
            read_everything: false,
        };
        let mut names: Vec<&str> = Vec::new();
        let mut combined = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            if index >= own_from {
                check(spec)?;
            }
            if names.contains(&spec.name.as_str()) {
                return Err(RuleError::new(&spec.name, "there is a rule of this name already"));
            }
            names.push(&spec.name);
            if spec.enabled {
                let of_pack = of_packs().get(index).filter(|_| index < own_from).and_then(Option::as_ref);
                rules.add(spec, number(&spec.name), of_pack, &mut combined)?;
            }
            if index < own_from && !combined.is_empty() {
                return Err(RuleError::new(
                    &spec.name,
                    "the pattern has no literal of four bytes that all matches hold",
                ));
            }
        }
        if !combined.is_empty() {
            let regex =
                builder(false).build_many(&combined).map_err(|error| RuleError::new("rules", unbuilt(&error)))?;
            rules.combined = Some(regex);
        }
        rules.read_everything = rules.combined.is_some() || !rules.pii.is_empty();
        Ok(rules)
    }

    fn add(
        &mut self,
        spec: &ContentRuleSpec,
        number: u16,
        of_pack: Option<&Beginning>,
        combined: &mut Vec<String>,
    ) -> Result<(), RuleError> {
        let index = self.list.len();
        let fail = |reason: String| Err(RuleError::new(&spec.name, reason));
        let by_word = spec.candidate.as_deref() == Some("word");
        let check = match spec.check.as_deref() {
            Some(name) if by_word && self.pii.add(name, index) => None,
            None => None,
            Some(name) => Some(Check::from_name(name).map_err(|reason| RuleError::new(&spec.name, reason))?),
        };
        let ContentRuleSpec { whole_word, inside_word, keep_last, .. } = *spec;
        let key_block = KEY_BLOCKS.contains(&spec.name.as_str());
        let mut rule = Rule { number, pattern: None, whole_word, inside_word, before: 0, check, keep_last, key_block };
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
            let own = || Beginning::of(spec, OWN_LITERALS_MAX).map_err(|reason| RuleError::new(&spec.name, reason));
            let Beginning { min_prefix, literals } = of_pack.cloned().map_or_else(own, Ok)?;
            let long = min_prefix.len >= RUN_BYTES;
            rule.pattern = Some(Pattern::new(&spec.pattern, min_prefix));
            match literals {
                None => {
                    combined.push(spec.pattern.clone());
                    self.combined_rules.push(index);
                }
                Some(Literals { list, any_case, before }) => {
                    rule.before = before;
                    for literal in &list {
                        let at_word = whole_word && !inside_word && before == 0 && literal[0].is_ascii_alphanumeric();
                        let begins = match (at_word, long) {
                            (false, _) => Begins::Anywhere,
                            (true, false) => Begins::Word,
                            (true, true) => Begins::LongWord,
                        };
                        self.prefixes.add(literal, any_case, begins, index);
                    }
                }
            }
        }
        self.list.push(rule);
        Ok(())
    }
}

/// What matches of a pattern begin with.
#[derive(Clone)]
struct Beginning {
    min_prefix: MinPrefix,
    literals: Option<Literals>,
}

impl Beginning {
    fn of(spec: &ContentRuleSpec, literals_max: usize) -> Result<Self, String> {
        let hir = parsed(&spec.pattern)?;
        Ok(Self { min_prefix: MinPrefix::of(&hir), literals: Literals::of(&hir, literals_max) })
    }
}

/// What matches of the packs' patterns begin with, in order; None for one that does not parse. Derived once a process, which
/// takes 2 ms.
fn of_packs() -> &'static [Option<Beginning>] {
    static DERIVED: OnceBox<Vec<Option<Beginning>>> = OnceBox::new();
    let of = |spec: &ContentRuleSpec| Beginning::of(spec, LITERALS_MAX).ok();
    let all = || built_in().map_or_else(|_| Vec::new(), |specs| specs.iter().map(of).collect());
    DERIVED.get_or_init(|| Box::new(all()))
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
    let hir = parsed(&spec.pattern).map_err(|reason| RuleError::new(&spec.name, reason))?;
    if hir.properties().minimum_len().unwrap_or(0) == 0 {
        return fail("pattern can match nothing at all; make it match at least one byte".into());
    }
    if !spec.anchors.is_empty() {
        check_anchors(&spec.anchors, &hir).or_else(fail)?;
    }
    match builder(true).build(&spec.pattern) {
        Ok(_) => Ok(()),
        Err(error) => fail(format!("pattern: {}", unbuilt(&error))),
    }
}

/// What a user says all matches begin with agrees with what is derived from the pattern.
fn check_anchors(anchors: &[String], hir: &Hir) -> Result<(), String> {
    const REMEDY: &str = "leave anchors out, they are derived from the pattern";
    let Some(literals) = Literals::of(hir, LITERALS_MAX).filter(|literals| literals.before == 0) else {
        return Err(format!("anchors: matches of the pattern do not begin with literals of 4 bytes; {REMEDY}"));
    };
    if let Some(index) = anchors.iter().position(|anchor| !literals.may_be(anchor.as_bytes())) {
        return Err(format!("anchors: no match of the pattern can begin with number {}", index + 1));
    }
    if !literals.begin_with(anchors) {
        return Err(format!("anchors: matches of the pattern can begin otherwise; {REMEDY}"));
    }
    Ok(())
}
