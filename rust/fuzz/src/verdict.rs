//! The walker beside its referees. They agree on every line but for what is written here:
//! `NaN`, `Infinity` and `-Infinity` are values to the walker, as Python's `json.dumps` writes them;
//! nesting beyond `DEPTH_MAX` is broken to it, whatever stands inside.

use headrig_core::json::broken::Broken;
use headrig_core::limits::DEPTH_MAX;
use headrig_core::json::reference::{walk};
use headrig_core::json::tape::{Kind, Node, Tape};
use serde::de::{Deserialize, IgnoredAny};

/// One line: valid UTF-8 is the walker's condition, so what is not is no question to it.
pub fn check(data: &[u8]) {
    let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if simdutf8::basic::from_utf8(line).is_err() {
        return;
    }
    let mut tape = Tape::default();
    match walk(line, &mut tape) {
        Ok(()) => {
            check_tape(line, &tape);
            let finite = without_non_finite(line, &tape);
            assert!(referee(&finite), "walked, but no JSON: {}", line.escape_ascii());
        }
        Err(Broken::Depth) => assert!(depth(line) > DEPTH_MAX, "not that deep: {}", line.escape_ascii()),
        Err(reason) => assert!(!referee(line), "JSON, but {}: {}", reason.as_str(), line.escape_ascii()),
    }
}

fn referee(text: &[u8]) -> bool {
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.disable_recursion_limit();
    IgnoredAny::deserialize(&mut reader).is_ok() && reader.end().is_ok()
}

/// The line with `0` in the place of every number that JSON does not have.
fn without_non_finite(line: &[u8], tape: &Tape) -> Vec<u8> {
    let mut finite = Vec::with_capacity(line.len());
    let mut copied = 0;
    for node in tape.nodes().iter().filter(|node| node.kind == Kind::NonFinite) {
        finite.extend_from_slice(&line[copied..node.start as usize]);
        finite.push(b'0');
        copied = node.end as usize;
    }
    finite.extend_from_slice(&line[copied..]);
    finite
}

/// Brackets that are open at most, those in strings included: an upper bound.
fn depth(line: &[u8]) -> usize {
    line.iter().filter(|byte| matches!(byte, b'[' | b'{')).count()
}

/// Spans lie in order and in the line; a node says true things about its text; containers close where they end.
fn check_tape(line: &[u8], tape: &Tape) {
    let mut at = 0;
    for (index, node) in tape.nodes().iter().enumerate() {
        let (start, end) = (node.start as usize, node.end as usize);
        assert!(at <= start && start <= end && end <= line.len(), "span {start}..{end}: {}", line.escape_ascii());
        assert!(index < node.after(index) && node.after(index) <= tape.nodes().len());
        let text = &line[start..end];
        match node.kind {
            Kind::Key | Kind::String => {
                assert_eq!(node.escaped, text.contains(&b'\\'));
                assert!(line[start - 1] == b'"' && line[end] == b'"');
                at = end;
            }
            Kind::Object | Kind::Array => {
                let close = &tape.nodes()[node.after(index) - 1];
                assert_eq!(close.end, node.end);
                assert!(closes(node, close));
                at = start;
            }
            _ => at = end,
        }
    }
}

fn closes(open: &Node, close: &Node) -> bool {
    matches!((open.kind, close.kind), (Kind::Object, Kind::ObjectEnd) | (Kind::Array, Kind::ArrayEnd))
}
