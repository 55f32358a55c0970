//! The end of a line that was cut off: a credential there may be too short for its pattern and still be one.

use memchr::memmem;

use crate::redact::bytes::ends_run;
use crate::redact::patterns::rules::{Rule, Rules};

/// Longest end looked at, in bytes.
const TAIL_BYTES_MAX: usize = 512;
/// Shortest end that gives something away, in bytes: a literal and a little more.
const TAIL_BYTES_MIN: usize = 6;

/// Broken text that began as JSON; a log line that begins with `[INFO]` did not.
pub fn may_be_cut(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
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
            let mut rules = self.prefixes.rules_at(&text[at..]).map(|index| &self.list[index]);
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

    #[test]
    fn only_what_began_as_json_was_cut() {
        assert!(may_be_cut(b" {\"a\"") && may_be_cut(b"[[1") && !may_be_cut(b"[INFO] x") && !may_be_cut(b"x"));
    }
}
