//! Where in a document its edits stand, as paths in the form of the settings. A key that holds a secret is written as `*`.

use std::fmt::Write;

use crate::io::edit::{Edit, Edits};
use crate::json::tape::{Kind, Node};

/// One secret of a text: where it stands, the rule that found it, and what is written in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// Its span in the text, in bytes.
    pub start: usize,
    pub end: usize,
    pub rule: String,
    /// With quotes around it where a number stood.
    pub token: Vec<u8>,
    /// Its place in a document, as in `[redact] paths`; empty in a text.
    pub path: String,
}

/// What settled edits replace, in order. `nodes` are empty where the text is no document; `rules` are names, by number.
pub(crate) fn redactions(text: &[u8], nodes: &[Node], edits: &Edits, rules: &[String]) -> Vec<Redaction> {
    let redaction = |(edit, path): (&Edit, String)| Redaction {
        start: edit.start as usize,
        end: edit.end as usize,
        rule: rules[edit.rule as usize].clone(),
        token: edits.with(edit).to_vec(),
        path,
    };
    edits.list.iter().zip(paths(text, nodes, edits)).map(redaction).collect()
}

/// A container that is open.
struct Open {
    /// The first node behind it.
    after: usize,
    /// Bytes of its path.
    path: usize,
    /// Of an array: the number of the next element.
    next: Option<usize>,
}

/// One path for each of settled edits: of the value that it is in, or of the member whose key it is in.
fn paths(text: &[u8], nodes: &[Node], edits: &Edits) -> Vec<String> {
    let (mut paths, mut path, mut open) = (Vec::with_capacity(edits.list.len()), String::new(), Vec::<Open>::new());
    for (at, node) in nodes.iter().enumerate() {
        if paths.len() == edits.list.len() {
            break;
        }
        while open.last().is_some_and(|open| open.after <= at) {
            open.pop();
        }
        let before = at.checked_sub(1).map(|before| nodes[before].kind);
        let next = open.last_mut().and_then(|open| Some((open.path, open.next.as_mut()?)));
        match (node.kind, next) {
            (Kind::ArrayEnd | Kind::ObjectEnd, _) => {}
            (Kind::Key, _) => {
                path.truncate(open.last().map_or(0, |open| open.path));
                let (start, end) = (node.start as usize, node.end as usize);
                let edited = edits.within(start, end).iter().any(|edit| !edit.is_removal());
                member(if edited { b"*" } else { &text[start..end] }, &mut path);
            }
            (_, Some((len, index))) if before != Some(Kind::Key) => {
                path.truncate(len);
                // Writing to a string does not fail.
                let _ = write!(path, "[{index}]");
                *index += 1;
            }
            _ => {}
        }
        if matches!(node.kind, Kind::Object | Kind::Array) {
            let next = (node.kind == Kind::Array).then_some(0);
            open.push(Open { after: node.after(at), path: path.len(), next });
            continue;
        }
        let here = |edit: &&Edit| edit.start < node.end;
        let found = edits.list[paths.len()..].iter().take_while(here).count();
        paths.extend(std::iter::repeat_n(&path, found).cloned());
    }
    paths.resize(edits.list.len(), path);
    paths
}

fn member(name: &[u8], path: &mut String) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-*@$ ".contains(byte) || !byte.is_ascii();
    let name = String::from_utf8_lossy(name);
    if name.is_empty() || !name.as_bytes().iter().all(plain) {
        let _ = write!(path, "[\"{name}\"]");
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(&name);
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;

    #[test]
    fn a_secret_is_placed_by_a_path_of_the_settings() {
        let engine = Engine::new(br#"{"redact":{"remove":["gone"],"paths":["list[1]","s"]}}"#, None).unwrap();
        let text = br#"{"n":1,"a":{"l":[0,[{"pin":12}]],"m":"x password=y z"},"a.b":{"pin":""},"a b":{"password":"p"},"gone":1,
            "list":[1,{"o":2},3],"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":{"pin":3},"s":[{"t":1},["u"]]}"#;
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
