//! One pattern of a rule: parsed at once, compiled when it is first needed.

use once_cell::race::OnceBox;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_syntax::hir::Hir;

use crate::redact::prefilter::min_prefix::MinPrefix;
use crate::spec::flaw;

/// Farthest a pattern looks ahead of its begin, in bytes: a private key fits.
pub const LOOK_AHEAD_BYTES_MAX: usize = 16 * 1024;
/// Largest compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A pattern, compiled when it is first needed: a run meets few of the built-in ones, and the start is quick.
pub struct Pattern {
    text: String,
    /// It may read past spaces and quotes before it fails.
    pub far: bool,
    pub min_prefix: MinPrefix,
    compiled: OnceBox<Option<Compiled>>,
}

pub struct Compiled {
    pub regex: Regex,
    /// The most bytes it reads from its begin on.
    pub reach_bytes: usize,
    /// The secret is a part of the match. To find parts costs more than to find the end.
    pub parts: bool,
}

/// A pattern over bytes, parsed.
///
/// # Errors
/// What is wrong with it, without the pattern.
pub fn parsed(pattern: &str) -> Result<Hir, String> {
    syntax::parse_with(pattern, &over_bytes()).map_err(|error| format!("pattern: {}", flaw(&error)))
}

fn over_bytes() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

impl Pattern {
    pub fn new(text: &str, min_prefix: MinPrefix) -> Self {
        let far = ["[^", "\\S", "\\W", "\\D", ".*", ".+", ".{"].iter().any(|part| text.contains(part));
        Self { text: text.to_owned(), far, min_prefix, compiled: OnceBox::new() }
    }

    /// How far it looks, in bytes from its begin on.
    pub fn reach_bytes(&self) -> usize {
        self.compiled().map_or(0, |compiled| compiled.reach_bytes)
    }

    /// None only for a pattern that does not compile, which the checks of user rules and the tests of packs exclude.
    pub fn compiled(&self) -> Option<&Compiled> {
        let compile = || {
            let hir = parsed(&self.text).ok()?;
            let longest = hir.properties().maximum_len().unwrap_or(LOOK_AHEAD_BYTES_MAX);
            let parts = hir.properties().explicit_captures_len() > 0;
            Some(Compiled {
                regex: anchored(parts).build_from_hir(&hir).ok()?,
                reach_bytes: longest.min(LOOK_AHEAD_BYTES_MAX),
                parts,
            })
        };
        self.compiled.get_or_init(|| Box::new(compile())).as_ref()
    }
}

/// `anchored`: matches are looked for at one place only, so that nothing is gained by searching for literals first.
pub fn builder(anchored: bool) -> regex_automata::meta::Builder {
    let mut builder = Regex::builder();
    builder.syntax(over_bytes()).configure(
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
