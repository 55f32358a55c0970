//! The end of a line that was cut off: a credential there may be too short for its pattern and still be one.

use memchr::memmem;

use crate::redact::bytes::ends_run;
use crate::redact::patterns::checks::Check;
use crate::redact::patterns::rules::{Rule, Rules};
use crate::redact::token::Tokens;

/// Longest end looked at, in bytes.
const TAIL_BYTES_MAX: usize = 512;
/// Shortest end that gives something away, in bytes: a literal and a little more.
const TAIL_BYTES_MIN: usize = 6;

/// Broken text that began as JSON; a log line that begins with `[INFO]` did not. What stands for a secret is judged as the
/// word that it replaced.
pub fn may_be_cut(text: &[u8], tokens: &Tokens) -> bool {
    let text = text.trim_ascii_start();
    if tokens.begins(text) || text.strip_prefix(b"[").is_some_and(|first| tokens.begins(first.trim_ascii_start())) {
        return false;
    }
    text.starts_with(b"{") || [&b"[{"[..], b"[[", b"[\""].iter().any(|open| text.starts_with(open))
}

impl Rules {
    /// Where a credential begins that the end of `text` may have cut off, and its rule.
    pub fn tail(&self, text: &[u8]) -> Option<(usize, &Rule)> {
        let from = text.len().saturating_sub(TAIL_BYTES_MAX);
        let run = text[from..].iter().rposition(ends_run).map_or(from, |at| from + at + 1);
        if text.len() - run < TAIL_BYTES_MIN {
            return None;
        }
        for at in run..=text.len() - TAIL_BYTES_MIN {
            let rules = self.prefixes.rules_at(&text[at..]).map(|index| &self.list[index]);
            // The literal of a rule for prose is a word that tells of a secret, and gives nothing away.
            let mut rules = rules.filter(|rule| !rule.check.is_some_and(Check::is_of_prose));
            if let Some(found) = rules.find_map(|rule| Some((rule.cut_start(text, at)?, rule))) {
                return Some(found);
            }
        }
        let rule = self.list.get(self.url_credentials?)?;
        let user = run + memmem::rfind(&text[run..], b"://")? + 3;
        let start = user + text[user..].iter().position(|byte| *byte == b':')? + 1;
        let end = &text[start..];
        let port = end.iter().all(u8::is_ascii_digit);
        (!port && !end.contains(&b'/')).then_some((start, rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::TokenSpec;

    fn cut(text: &str, replacement: Option<&str>) -> bool {
        may_be_cut(text.as_bytes(), &Tokens::new(&TokenSpec::default(), replacement).unwrap())
    }

    #[test]
    fn only_what_began_as_json_was_cut() {
        for (text, expected) in [(" {\"a\"", true), ("[[1", true), ("[INFO] x", false), ("x", false)] {
            assert_eq!(cut(text, None), expected, "{text}");
        }
    }

    #[test]
    fn a_replaced_first_word_does_not_make_a_line_a_cut_one() {
        for (before, after) in [
            ("[4111111111111111, x", "[[REDACTED:card], x"),
            (" [ 4111111111111111", " [ [REDACTED:card]"),
            ("4111111111111111", "[REDACTED:card]"),
            ("[[4111111111111111", "[[[REDACTED:card]"),
            ("[\"ghp_0\", x", "[\"[REDACTED:github_token]\", x"),
            ("{4111111111111111", "{[REDACTED:card]"),
        ] {
            assert_eq!(cut(before, None), cut(after, None), "{before}");
            for replacement in ["***", "[gone]", "{x}", "[["] {
                let after = after.replace("[REDACTED:card]", replacement);
                assert_eq!(cut(before, Some(replacement)), cut(&after, Some(replacement)), "{before} {replacement}");
            }
        }
    }
}
