//! Where redaction found something, and by which rule: what `--explain` and `leaks` say. Never what it was.

use crate::io::edit::{Edit, Edits};
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
    let found = placed(segment.text(line), nodes, masked(), edits);
    findings.extend(masked().zip(found).map(|(edit, path)| Finding {
        line: number,
        start: before_text + edit.start as usize,
        end: before_text + edit.end as usize,
        rule: edit.rule,
        path,
    }));
}

/// The path of each of these edits.
fn placed<'a>(text: &[u8], nodes: &[Node], some: impl Iterator<Item = &'a Edit>, edits: &Edits) -> Vec<String> {
    // A member that was taken out begins with the comma behind the one before.
    let span = |edit: &Edit| (edit.start as usize + usize::from(edit.is_removal()), edit.end as usize);
    let hidden = |start, end| edits.within(start, end).iter().any(|edit| !edit.is_removal());
    paths(text, nodes, &some.map(span).collect::<Vec<_>>(), hidden)
}

/// One span of a text that is masked outside any lane, and what is written in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// In bytes from the beginning of the text.
    pub start: usize,
    pub end: usize,
    pub rule: String,
    /// With quotes around it where a number stood; nothing where a member is taken out.
    pub token: Vec<u8>,
    /// As `Finding::path`.
    pub path: String,
}

/// What settled edits replace, in order. `rules` are names, by number.
pub(crate) fn redactions(text: &[u8], nodes: &[Node], edits: &Edits, rules: &[String]) -> Vec<Redaction> {
    let redaction = |(edit, path): (&Edit, String)| Redaction {
        start: edit.start as usize,
        end: edit.end as usize,
        rule: rules[edit.rule as usize].clone(),
        token: edits.with(edit).to_vec(),
        path,
    };
    edits.list.iter().zip(placed(text, nodes, edits.list.iter(), edits)).map(redaction).collect()
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;

    #[test]
    fn a_secret_is_placed_by_a_path_of_the_settings() {
        let engine = Engine::new(br#"{"redact":{"remove":["gone"],"paths":["list[1]","s"]}}"#, None).unwrap();
        let text = br#"{"n":1,"a":{"l":[0,[{"pin":7391}]],"m":"x password=y z"},"a.b":{"pin":""},"a b":{"password":"p"},"gone":1,
            "list":[1,{"o":2},3],"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":{"pin":7393},"s":[{"t":1},["u"]]}"#;
        let found = engine.find(text, true);
        let paths: Vec<&str> = found.iter().map(|each| each.path.as_str()).collect();
        let expected = ["a.l[1][0].pin", "a.m", "a b.password", "gone", "list[1].o", "*", "*.pin", "s[0].t", "s[1][0]"];
        assert_eq!(paths, expected);
        let (mut out, mut at) = (Vec::new(), 0);
        for each in &found {
            out.extend_from_slice(&text[at..each.start]);
            out.extend_from_slice(&each.token);
            at = each.end;
        }
        out.extend_from_slice(&text[at..]);
        assert_eq!(out, engine.redact(text, true));
        assert_eq!(engine.find(b"x password=y", true)[0].path, "");
    }
}
