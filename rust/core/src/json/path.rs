//! Where in a JSON text something stands, in words: `user.credentials[2].password`.

use crate::json::tape::{Kind, Node};

/// Bytes of a key shown in a path: the path of a line with one very long key stays short.
const KEY_BYTES_MAX: usize = 64;
/// Shown for a key that is a secret itself.
const HIDDEN: &str = "*";

/// An array or object that is open.
struct Level {
    /// The node of the key at hand; None in an array.
    key: Option<usize>,
    /// Elements so far, in an array.
    elements: usize,
    object: bool,
}

/// The path of each span, which must be in order: of the value that it begins in, or of the key. `hidden` says whether a
/// part of the text must not be shown.
pub fn paths(
    text: &[u8],
    nodes: &[Node],
    spans: &[(usize, usize)],
    hidden: impl Fn(usize, usize) -> bool,
) -> Vec<String> {
    let mut found = Vec::with_capacity(spans.len());
    let mut levels: Vec<Level> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        if found.len() == spans.len() {
            break;
        }
        match (node.kind, levels.last_mut()) {
            (Kind::ObjectEnd | Kind::ArrayEnd, _) => {
                levels.pop();
                continue;
            }
            (Kind::Key, Some(level)) => level.key = Some(at),
            (_, Some(level)) => level.elements += 1,
            (_, None) => {}
        }
        let container = matches!(node.kind, Kind::Object | Kind::Array);
        let end = if container { node.start as usize } else { node.end as usize };
        let here = spans[found.len()..].iter().take_while(|(start, _)| *start <= end).count();
        if here > 0 {
            let path = worded(text, nodes, &levels, &hidden);
            found.extend(std::iter::repeat_n(path, here));
        }
        if container {
            levels.push(Level { key: None, elements: 0, object: node.kind == Kind::Object });
        }
    }
    found.resize(spans.len(), String::new());
    found
}

fn worded(text: &[u8], nodes: &[Node], levels: &[Level], hidden: &impl Fn(usize, usize) -> bool) -> String {
    let mut path = String::new();
    for level in levels {
        if !level.object {
            path.push_str(&format!("[{}]", level.elements.saturating_sub(1)));
            continue;
        }
        let Some(key) = level.key.map(|key| &nodes[key]) else { continue };
        let (start, end) = (key.start as usize, key.end as usize);
        if !path.is_empty() {
            path.push('.');
        }
        if hidden(start, end) {
            path.push_str(HIDDEN);
        } else if end - start > KEY_BYTES_MAX {
            path.push_str(&String::from_utf8_lossy(&text[start..start + KEY_BYTES_MAX]));
            path.push('…');
        } else {
            path.push_str(&String::from_utf8_lossy(&text[start..end]));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::reference::walk;
    use crate::json::tape::Tape;

    fn of(text: &str, parts: &[&str]) -> Vec<String> {
        let mut tape = Tape::default();
        walk(text.as_bytes(), &mut tape).expect("it is JSON");
        let span = |part: &&str| text.find(part).map(|at| (at, at + part.len())).expect("it is there");
        let spans: Vec<_> = parts.iter().map(span).collect();
        paths(text.as_bytes(), tape.nodes(), &spans, |start, end| text[start..end].contains("hide"))
    }

    #[test]
    fn a_path_is_keys_and_indices() {
        let text = r#"{"a":{"b":["x",{"c":"y"},[1,"z"]],"hide me":"q"},"d":{"e":{}},"last":"w"}"#;
        let paths = ["a.b[0]", "a.b[1].c", "a.b[2][1]", "a.*", "last"];
        assert_eq!(of(text, &["x", "y", "z", "q", "w"]), paths);
        assert_eq!(of(r#"["x"]"#, &["x"]), ["[0]"]);
        assert_eq!(of(r#""x""#, &["x"]), [""]);
    }

    #[test]
    fn a_key_and_a_container_have_paths_too() {
        assert_eq!(of(r#"{"a":{"hide":1}}"#, &["hide"]), ["a.*"]);
        assert_eq!(of(r#"{"a":[1],"b":["x"]}"#, &["[1]", "[\"x"]), ["a", "b"]);
    }

    #[test]
    fn a_long_key_is_shown_in_part() {
        let key = "k".repeat(500);
        assert_eq!(of(&format!(r#"{{"{key}":"x"}}"#), &["x"]), [format!("{}…", "k".repeat(KEY_BYTES_MAX))]);
    }
}
