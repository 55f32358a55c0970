//! Values that the settings allow. A regular expression must match all of a value: what is allowed is a value, not a part
//! of a secret.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, Look};

use crate::spec::{flaw, unbuilt, RuleError};

/// Largest automaton of all of them, in bytes: as much as one rule may take.
const COMPILED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Values of every kind that secrets have. No harmless value looks like this many of them.
const KINDS: [&str; 7] = [
    "hunter",
    "correct horse battery staple",
    "Tr0ub4dor&3",
    "4111111111111111",
    "d41d8cd98f00b204e9800998ecf8427e",
    "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",
    "cGFzc3dvcmQ6aHVudGVyMg==",
];
/// Most of these kinds that one expression may match: `[0-9a-f]+` matches two.
const KINDS_MAX: usize = 2;

/// The expressions of one spec.
pub struct AllowedValues(Option<Regex>);

impl AllowedValues {
    /// # Errors
    /// The first expression that cannot be used. It is not shown: somebody may have written a secret.
    pub fn new(patterns: &[String]) -> Result<Self, RuleError> {
        let mut whole = Vec::with_capacity(patterns.len());
        for (index, pattern) in patterns.iter().enumerate() {
            let refused = |reason: String| RuleError::new(format!("redact.allow_values[{index}]"), reason);
            let parsed = syntax::parse_with(pattern, &syntax::Config::new().unicode(false).utf8(false));
            let hir = parsed.map_err(|error| refused(flaw(&error)))?;
            let hir = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
            let one = built(std::slice::from_ref(&hir)).map_err(&refused)?;
            let matched = KINDS.iter().filter(|value| is_match(&one, value.as_bytes())).count();
            if matched > KINDS_MAX || is_match(&one, b"") {
                let reason =
                    "matches values of nearly every kind, secrets too; write one that only harmless ones match";
                return Err(refused(reason.to_owned()));
            }
            whole.push(hir);
        }
        if whole.is_empty() {
            return Ok(Self(None));
        }
        let regex = built(&whole).map_err(|reason| RuleError::new("redact.allow_values", reason))?;
        Ok(Self(Some(regex)))
    }

    pub fn holds(&self, value: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|regex| is_match(regex, value))
    }
}

fn built(patterns: &[Hir]) -> Result<Regex, String> {
    let config = Regex::config().utf8_empty(false).nfa_size_limit(Some(COMPILED_BYTES_MAX));
    Regex::builder().configure(config).build_many_from_hir(patterns).map_err(|error| unbuilt(&error))
}

fn is_match(regex: &Regex, value: &[u8]) -> bool {
    regex.is_match(Input::new(value).anchored(Anchored::Yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_allowed_whole_or_not_at_all() {
        let allowed = AllowedValues::new(&[r".+@example\.com".to_owned(), "test|tester".to_owned()]).unwrap();
        for value in ["ada@example.com", "test", "tester"] {
            assert!(allowed.holds(value.as_bytes()), "{value}");
        }
        for value in ["ada@example.com.evil.io", "ada@example_com", "xtest", "test\n", ""] {
            assert!(!allowed.holds(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn what_matches_everything_is_refused() {
        let everything =
            ["", ".*", ".+", r"\S+", r"\w+", "a*", "[^ ]{4,}", "(?s).{1,200}", "[a-zA-Z0-9]+", "|x", "x|.*"];
        for pattern in everything {
            let error = AllowedValues::new(&["ok-[0-9]+".to_owned(), pattern.to_owned()]).err().expect(pattern);
            assert_eq!(error.rule, "redact.allow_values[1]");
            assert!(pattern.len() < 2 || !error.reason.contains(pattern), "{error}");
        }
        for pattern in ["[0-9a-f]{40}", "changeme", "(?i)x+", r"\d{4}", "dev-.*"] {
            assert!(AllowedValues::new(&[pattern.to_owned()]).is_ok(), "{pattern}");
        }
        assert!(AllowedValues::new(&["(hunter2".to_owned()]).err().is_some_and(|e| !e.reason.contains("hunter2")));
    }
}
