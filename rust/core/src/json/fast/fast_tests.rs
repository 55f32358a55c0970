//! The fast walker against the twin: of what it accepts the tape is the same, and it accepts every ordinary line.

use proptest::prelude::*;

use super::*;
use crate::event::extract::{Extractor, Keys, Wanted};
use crate::io::escape::Decoded;
use crate::json::reference;
use crate::json::tape::Node;
use crate::limits::DEPTH_MAX;
use crate::redact::prefilter::candidates::Candidates;
use crate::redact::prefilter::prefix3::Prefixes3;
use crate::simd::structure::Structure;
use crate::simd::Path;

/// Walk each line of a batch both ways, with one dictionary, as a lane does.
fn compare(batch: &[u8]) -> Result<(), TestCaseError> {
    let (mut keys, mut wanted) = (Dictionary::default(), Wanted::default());
    let (mut tape, mut twin) = (Tape::default(), Tape::default());
    let extractor =
        Extractor::new(&["a", "a.level", "level.a", "message", "message.message", "duration_of"].map(String::from));
    let (mut decoded, mut found, mut expected) = (Decoded::default(), Vec::new(), Vec::new());
    for path in Path::here() {
        let mut structure = Structure::default();
        let segment = Segment::scan(batch, 0, path, &mut structure);
        let mut candidates = Candidates::default();
        candidates.scan(batch, &Prefixes3::new(path, &[], &[], &[]), |_| false, &|_| false);
        for (line, _) in segment.lines() {
            let text = segment.text(&line);
            if line.control || std::str::from_utf8(text).is_err() {
                continue;
            }
            let verdict = reference::walk(text, &mut twin);
            let shown = String::from_utf8_lossy(text);
            if walk(&segment, &line, candidates.places(), &mut keys, &mut tape).is_none() {
                let object = text.trim_ascii_start().starts_with(b"{");
                prop_assert!(verdict.is_err() || twin.non_finite || !object, "refused: {shown}");
                continue;
            }
            prop_assert_eq!(verdict, Ok(()), "accepted: {}", shown);
            same(text, &tape, &twin, &keys)?;
            if !tape.same_shape {
                extractor.find(
                    text,
                    &tape,
                    &mut Keys { numbers: &mut keys, wanted: &mut wanted },
                    &mut decoded,
                    &mut found,
                );
            }
            extractor.find(
                text,
                &twin,
                &mut Keys { numbers: &mut keys, wanted: &mut wanted },
                &mut decoded,
                &mut expected,
            );
            prop_assert_eq!(&found, &expected, "{}", shown);
            let view = candidates.view().from(line.text.0);
            let marked = |node: &Node| node.kind == Kind::String && view.any(node.start as usize..node.end as usize);
            let marked = tape.nodes().iter().enumerate().filter(|(_, node)| marked(node)).map(|(at, _)| at as u32);
            prop_assert_eq!(&tape.candidates, &marked.collect::<Vec<u32>>());
        }
    }
    Ok(())
}

fn same(text: &[u8], tape: &Tape, twin: &Tape, keys: &Dictionary) -> Result<(), TestCaseError> {
    let mut nodes = tape.nodes().to_vec();
    for node in &mut nodes {
        let known = node.kind == Kind::Key && node.key != UNKNOWN;
        prop_assert!(!known || keys.entry(node.key).key_bytes as u32 == node.end - node.start);
        node.key = UNKNOWN;
    }
    prop_assert_eq!(&nodes[..], twin.nodes(), "{}", String::from_utf8_lossy(text));
    prop_assert!(tape.open.is_empty() && !tape.non_finite);
    prop_assert_eq!(tape.surrogates, twin.surrogates);
    let raised = |flag: u8| tape.notable & flag != 0;
    let long = |node: &Node| node.kind == Kind::Number && members::CARD_DIGITS.contains(&(node.end - node.start));
    prop_assert_eq!(raised(notable::ARRAY), nodes.iter().any(|node| node.kind == Kind::Array));
    prop_assert_eq!(raised(notable::CARD), nodes.iter().any(long));
    Ok(())
}

/// The text of a string, as it stands in a line.
fn string() -> impl Strategy<Value = String> {
    let plain = "[a-zA-Z0-9 _.:,{}\\[\\]]{0,12}";
    let escaped = prop::collection::vec(
        prop::sample::select(vec!["\\\"", "\\\\", "\\n", "\\u00e9", "\\ud800", "\\/", "é", "日本", "x", " "]),
        0..6,
    );
    prop_oneof![
        6 => plain.prop_map(String::from),
        2 => escaped.prop_map(|pieces| pieces.concat()),
        1 => (50..200_usize).prop_map(|length| "long ".repeat(length / 5)),
    ]
}

fn key() -> impl Strategy<Value = String> {
    let usual = prop::sample::select(vec![
        "a",
        "level",
        "message",
        "timestamp",
        "duration_of_request",
        "a_key_that_is_longer_than_head_and_tail",
        "k\\u0061",
    ]);
    prop_oneof![6 => usual.prop_map(String::from), 1 => string()]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|number| format!("{number:e}")),
        "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
    ]
}

fn leaf() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["true", "false", "null"]).prop_map(String::from);
    prop_oneof![4 => string().prop_map(|text| format!("\"{text}\"")), 3 => number(), 1 => word]
}

/// A JSON text with one style of spaces.
fn json(space: &'static str) -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 48, 8, move |inner| {
        let member = (key(), inner.clone()).prop_map(move |(key, value)| format!("\"{key}\":{space}{value}"));
        prop_oneof![
            1 => prop::collection::vec(inner, 0..5).prop_map(move |list| format!("[{}]", list.join(&format!(",{space}")))),
            3 => prop::collection::vec(member, 0..9).prop_map(move |list| format!("{{{}}}", list.join(&format!(",{space}")))),
        ]
    })
}

fn object() -> impl Strategy<Value = String> {
    let wide = prop_oneof![json(""), json(" "), json("  ")];
    prop::collection::vec((key(), wide), 0..9).prop_map(|members| {
        let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #[test]
    fn lines_alike_give_the_twins_tapes(lines in alike()) {
        compare(lines.join("\n").as_bytes())?;
    }

    #[test]
    fn valid_lines_give_the_twins_tape(
        lines in prop::collection::vec(prop_oneof![object(), json(""), json(" ")], 1..12),
        ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", " \n", "\n\n"]), 12),
    ) {
        let batch: String = lines.iter().zip(&ends).flat_map(|(line, end)| [line.as_str(), *end]).collect();
        compare(batch.as_bytes())?;
        compare(batch.trim_end().as_bytes())?;
    }

    #[test]
    fn damaged_lines_are_accepted_by_both_or_left_to_the_twin(
        lines in prop::collection::vec(object(), 1..6),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(
            b"\"\"\\\\{}[]:,,  \n0123eE+-.tfnuNI\xc3\xa9\t\r\0abc".to_vec(),
        ), 0..3_u8), 1..6),
    ) {
        let mut batch = lines.join("\n").into_bytes();
        for (place, byte, how) in damage {
            let at = place.index(batch.len().max(1)).min(batch.len().saturating_sub(1));
            match how {
                0 if !batch.is_empty() => batch[at] = byte,
                1 if !batch.is_empty() => drop(batch.remove(at)),
                _ => batch.insert(at, byte),
            }
        }
        compare(&batch)?;
    }

    #[test]
    fn pieces_in_any_order_are_survived(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\"a\"", "\"a\":", ",\"a\":", "1", "-", ".5", "e1", "01", "true",
            "nul", "NaN", "-Infinity", " ", "\n", "\\u12", "\\u1234", "\\\"", "{\"a\":\"b\"", "{}", "\"level\":\"INFO\"",
        ]), 0..40),
    ) {
        compare(pieces.concat().as_bytes())?;
        compare(format!("{{\"a\":1,\"a\":{}", pieces.concat()).as_bytes())?;
    }
}

/// Lines of one or two lists of keys by turns, as services write them.
fn alike() -> impl Strategy<Value = Vec<String>> {
    let keys = || prop::collection::vec(key(), 0..7);
    let values = prop::collection::vec(prop_oneof![9 => leaf(), 1 => json("")], 7);
    let lines = prop::collection::vec((values, 0..9_u8), 2..24);
    (keys(), keys(), lines, prop::sample::select(vec!["", " "])).prop_map(|(keys, others, lines, space)| {
        let line = |(values, which): &(Vec<String>, u8)| {
            let keys = if *which == 0 { &others } else { &keys };
            let member = |(key, value): (&String, &String)| format!("\"{key}\":{space}{value}");
            let members: Vec<String> = keys.iter().zip(values).map(member).collect();
            format!("{{{}}}", members.join(&format!(",{space}")))
        };
        lines.iter().map(line).collect()
    })
}

#[test]
fn depth_is_the_twins() {
    for depth in [DEPTH_MAX - 1, DEPTH_MAX, DEPTH_MAX + 1] {
        let line = "{\"a\":".repeat(depth - 1) + "{}" + &"}".repeat(depth - 1);
        compare(line.as_bytes()).unwrap();
    }
}
