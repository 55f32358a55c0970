//! Whether a redactor's output is right. No time is printed before this has been asked.

use std::fmt::Debug;

use memchr::memmem;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::contender::{occurrences, split, Tally};
use crate::corpus::draft::Planted;
use crate::corpus::{Corpus, Redactions};

const TOKEN: &str = "[REDACTED";
/// How deep JSON is looked for inside strings when hunting survivors.
const NESTED_DEPTH: usize = 3;

/// # Errors
/// `message`, when `holds` is false.
pub fn require(holds: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if holds {
        return Ok(());
    }
    Err(message())
}

/// # Errors
/// Names what differs, and both values.
pub fn equal<T: PartialEq + Debug>(what: &str, expected: &T, actual: &T) -> Result<(), String> {
    require(expected == actual, || format!("{what}: expected {expected:?}, got {actual:?}"))
}

/// The answer of an engine that redacts, wraps and counts.
///
/// # Errors
/// What is wrong, with the first line that shows it.
pub fn check_engine(corpus: &Corpus, tally: &Tally) -> Result<(), String> {
    let expected = &corpus.expected;
    equal("lines in", &expected.lines, &tally.lines_in)?;
    equal("lines out", &expected.lines, &tally.lines_out)?;
    equal("broken lines", &expected.broken, &tally.broken)?;
    equal("http_requests_total", &expected.requests, &tally.requests)?;
    let output = output(tally)?;
    check_survivors(corpus, output)?;
    for (number, line) in split(output).enumerate() {
        let valid = serde_json::from_slice::<IgnoredAny>(line).is_ok();
        require(valid, || format!("line {number} of the output is not JSON: {}", excerpt(line)))?;
    }
    match expected.redactions {
        Redactions::AtLeast(least) => require(tally.redactions >= least, || {
            format!("redactions: expected {least} or more, got {}", tally.redactions)
        }),
        Redactions::Exactly(count) => {
            check_untouched(corpus, output)?;
            equal("redactions", &count, &tally.redactions)?;
            equal("tokens in the output", &count, &occurrences(TOKEN, output))
        }
    }
}

/// The answer of a peer: it keeps the lines and masks what was planted. What else it masks is its own affair.
///
/// # Errors
/// What is wrong, with the first line that shows it.
pub fn check_peer(corpus: &Corpus, tally: &Tally) -> Result<(), String> {
    equal("lines in", &corpus.expected.lines, &tally.lines_in)?;
    check_survivors(corpus, output(tally)?)?;
    let planted = corpus.expected.planted.len() as u64;
    require(tally.redactions >= planted, || format!("redactions: {planted} planted, got {}", tally.redactions))
}

fn output(tally: &Tally) -> Result<&[u8], String> {
    tally.output.as_deref().ok_or_else(|| "the output was not kept".into())
}

fn check_survivors(corpus: &Corpus, output: &[u8]) -> Result<(), String> {
    let lines: Vec<_> = split(output).collect();
    equal("lines in the output", &corpus.expected.lines, &(lines.len() as u64))?;
    for Planted { line, needle } in &corpus.expected.planted {
        require(!survives(lines[*line], needle), || {
            format!("{needle}, planted in line {line}, survives: {}", excerpt(lines[*line]))
        })?;
    }
    Ok(())
}

/// Lines without a planted secret must come out as they went in, the others with a token.
fn check_untouched(corpus: &Corpus, output: &[u8]) -> Result<(), String> {
    let mut planted = corpus.expected.planted.iter().map(|planted| planted.line).peekable();
    for (number, (before, after)) in split(&corpus.bytes).zip(split(output)).enumerate() {
        let mut holds_secret = false;
        while planted.next_if_eq(&number).is_some() {
            holds_secret = true;
        }
        let right = if holds_secret {
            memmem::find(after, TOKEN.as_bytes()).is_some()
        } else {
            before == after || is_message_of(before, after)
        };
        require(right, || {
            let wanted = if holds_secret { "has no token" } else { "was changed" };
            format!("line {number} {wanted}:\n  {}\n  {}", excerpt(before), excerpt(after))
        })?;
    }
    Ok(())
}

/// A line that is no JSON comes out as the message of an event that says so.
fn is_message_of(line: &[u8], event: &[u8]) -> bool {
    serde_json::from_slice::<Value>(event).is_ok_and(|event| {
        event["headrig"]["broken"].is_string() && event["message"].as_str().map(str::as_bytes) == Some(line)
    })
}

/// Raw, or behind escapes, or in JSON inside a string.
fn survives(line: &[u8], needle: &str) -> bool {
    if memmem::find(line, needle.as_bytes()).is_some() {
        return true;
    }
    memchr::memchr(b'\\', line).is_some()
        && serde_json::from_slice::<Value>(line).is_ok_and(|value| holds(&value, needle, NESTED_DEPTH))
}

fn holds(value: &Value, needle: &str, depth: usize) -> bool {
    match value {
        Value::String(text) => {
            text.contains(needle)
                || depth > 0
                    && text.contains('\\')
                    && serde_json::from_str(text).is_ok_and(|nested| holds(&nested, needle, depth - 1))
        }
        Value::Array(items) => items.iter().any(|item| holds(item, needle, depth)),
        Value::Object(members) => members.iter().any(|(key, item)| key.contains(needle) || holds(item, needle, depth)),
        _ => false,
    }
}

/// Enough of a line to see what is meant.
fn excerpt(line: &[u8]) -> String {
    const KEPT: usize = 600;
    let text = String::from_utf8_lossy(&line[..line.len().min(KEPT)]);
    if line.len() > KEPT {
        format!("{text}… ({} bytes)", line.len())
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::shape;

    /// The right answer for a corpus: every needle replaced, everything else as it was.
    fn right(corpus: &Corpus) -> Tally {
        let mut lines: Vec<String> =
            split(&corpus.bytes).map(|line| String::from_utf8(line.to_vec()).expect("UTF-8")).collect();
        for planted in &corpus.expected.planted {
            lines[planted.line] = lines[planted.line].replace(&planted.needle, "[REDACTED:test]");
        }
        Tally {
            lines_in: corpus.expected.lines,
            lines_out: corpus.expected.lines,
            redactions: corpus.expected.planted.len() as u64,
            requests: corpus.expected.requests,
            output: Some((lines.join("\n") + "\n").into_bytes()),
            ..Tally::default()
        }
    }

    #[test]
    fn the_right_answer_passes() {
        for name in ["line_540_clean", "line_540", "line_540_all", "escapes", "utf8"] {
            let corpus = shape(name).expect("known").generate(300_000);
            assert_eq!(Ok(()), check_engine(&corpus, &right(&corpus)), "{name}");
        }
    }

    #[test]
    fn each_wrong_answer_fails() {
        let corpus = shape("line_540").expect("known").generate(300_000);
        let wrong = |change: fn(&mut Tally)| {
            let mut tally = right(&corpus);
            change(&mut tally);
            check_engine(&corpus, &tally).expect_err("a wrong answer")
        };
        assert!(wrong(|tally| tally.lines_out -= 1).starts_with("lines out"));
        assert!(wrong(|tally| tally.broken += 1).starts_with("broken"));
        assert!(wrong(|tally| tally.requests -= 1).starts_with("http_requests_total"));
        assert!(wrong(|tally| tally.redactions += 1).starts_with("redactions"));
        assert!(wrong(|tally| tally.output.as_mut().expect("kept")[17] = b'9').contains("was changed"));
        assert!(wrong(|tally| tally.output.as_mut().expect("kept")[0] = b'x').contains("is not JSON"));
        let mut tally = right(&corpus);
        tally.output = Some(corpus.bytes.clone());
        assert!(check_engine(&corpus, &tally).expect_err("nothing was masked").contains("survives"));
    }

    #[test]
    fn a_secret_behind_escapes_is_found() {
        assert!(survives(br#"{"a":"x Fake\u002dhunter"}"#, "Fake-hunter"));
        assert!(survives(br#"{"a":"{\"b\":\"Fake\\u002dhunter\"}"}"#, "Fake-hunter"));
        assert!(!survives(br#"{"a":"{\"b\":\"[REDACTED]\"}"}"#, "Fake-hunter"));
    }
}
