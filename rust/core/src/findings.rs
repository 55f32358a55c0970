//! Where redaction found something, and by which rule: what `--explain` and `leaks` say. Never what it was.

use crate::io::edit::Edits;
use crate::json::path::paths;
use crate::json::segment::{Line, Segment};
use crate::json::tape::Node;

/// One span that was masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Line of the batch, from 1.
    pub line: u64,
    /// In bytes from the beginning of the line as received.
    pub start: usize,
    pub end: usize,
    /// Number of the rule.
    pub rule: u16,
    /// Keys and indices that lead to the value; empty where the line is no JSON.
    pub path: String,
}

/// Append what the edits of line `number` say, if somebody asked. `nodes`: of its JSON; none where it was read as text.
#[cold]
pub(crate) fn note(
    findings: &mut Option<Vec<Finding>>,
    number: u64,
    segment: &Segment<'_>,
    line: &Line,
    nodes: &[Node],
    edits: &Edits,
) {
    let Some(findings) = findings else { return };
    let before_text = line.text.0 - line.start;
    // The others repair numbers and escapes.
    let masked = || edits.list.iter().filter(|edit| edit.rule != u16::MAX);
    let spans: Vec<(usize, usize)> = masked().map(|edit| (edit.start as usize, edit.end as usize)).collect();
    let hidden = |start, end| !edits.within(start, end).is_empty();
    let found = paths(segment.text(line), nodes, &spans, hidden);
    findings.extend(masked().zip(spans.iter().zip(found)).map(|(edit, ((start, end), path))| Finding {
        line: number,
        start: before_text + start,
        end: before_text + end,
        rule: edit.rule,
        path,
    }));
}
