//! The splitter: every framing, what is broken, and that cuts never show.

use super::splitter::{Framing, JsonSplitter, SplitError};
use crate::limits::CUT_SLACK_BYTES;
use proptest::prelude::*;

fn split(framing: Framing, chunks: &[&[u8]], line_bytes_max: usize) -> Result<(Vec<u8>, usize), SplitError> {
    let mut splitter = JsonSplitter::new(framing, line_bytes_max);
    let (mut out, mut count) = (Vec::new(), 0);
    for chunk in chunks {
        count += splitter.feed(chunk, &mut out)?;
        assert!(splitter.partial_bytes() <= line_bytes_max + CUT_SLACK_BYTES);
    }
    count += splitter.finish(&mut out)?;
    assert_eq!(count, out.iter().filter(|byte| **byte == b'\n').count());
    Ok((out, count))
}

fn lines(framing: Framing, text: &str) -> Vec<String> {
    let (out, _) = split(framing, &[text.as_bytes()], 1000).expect("no array is open");
    String::from_utf8(out).unwrap().lines().map(String::from).collect()
}

fn documents(text: &str) -> Vec<String> {
    lines(Framing::Documents, text)
}

#[test]
fn elements_stay_as_they_are_but_for_line_breaks_between_tokens() {
    let array = " [{\"a\": [1, {\"b\": \"],[\\\"\"}]},\r\n {\"c\":\n\t2 } , \"x,y\\\\\", 3.10,[[]] ,[ ] ]\n";
    let expected = ["{\"a\": [1, {\"b\": \"],[\\\"\"}]}", "{\"c\": \t2 }", "\"x,y\\\\\"", "3.10", "[[]]", "[ ]"];
    assert_eq!(documents(array), expected);
    assert!([documents("[]"), documents(" [ \n ] "), documents("")].iter().all(Vec::is_empty));
}

#[test]
fn documents_need_nothing_between_them() {
    let text = "\u{feff}{\n\"a\": 1}{\"b\":[\n{}]}1 true\"x\"[2,[3]]null\n-0.5e3 {}";
    let expected = ["{ \"a\": 1}", "{\"b\":[ {}]}", "1", "true", "\"x\"", "2", "[3]", "null", "-0.5e3", "{}"];
    assert_eq!(documents(text), expected);
}

#[test]
fn a_sequence_is_split_at_its_separators() {
    let text = "\u{1e}{\n\"a\":1}\n\u{1e}[1,\n2]\n\u{1e}\u{1e}{\"cut\":\"x\u{1e}{\"b\\\u{1e}\"c\nd\"\u{1e}5";
    let expected = ["{ \"a\":1}", "[1, 2]", "{\"cut\":\"x", "{\"b\\", "\"c\rd\"", "5"];
    assert_eq!(lines(Framing::Sequence, text), expected);
}

#[test]
fn what_is_broken_costs_its_neighbours_nothing() {
    for (text, broken) in [
        ("{\"a\":1\n", "{\"a\":1"),
        ("{\"a\":1,\n", "{\"a\":1,"),
        ("{\"a\":[1}\n", "{\"a\":[1}"),
        ("{\"a\":\"x}\n", "{\"a\":\"x}"),
        ("{\"a\":\"\\\n", "{\"a\":\"\\"),
        ("2026-11-30 INFO started {\"a\":1}\n", "2026-11-30 INFO started {\"a\":1}"),
        ("\"b\": 1, \r\n", "\"b\": 1,"),
        ("nul\n", "nul"),
        ("}\n", "}"),
    ] {
        let both = format!("{{\"n\":1}}\n{text}{{\"n\":2}}\n");
        assert_eq!(documents(&both), ["{\"n\":1}", broken, "{\"n\":2}"], "{text:?}");
    }
    for (element, broken) in [
        ("{\"a\":1", "{\"a\":1,"),
        ("nan", "nan"),
        ("1 2", "1 2"),
        ("{}{}", "{}{}"),
        ("}", "}"),
        ("\"\n\"", "\"\r\""),
        ("{\"a\":oops}", "{\"a\":oops}"),
    ] {
        let array = format!("[{{\"n\":1}},{element},{{\"n\":2}}]");
        assert_eq!(documents(&array), ["{\"n\":1}", broken, "{\"n\":2}"], "{element:?}");
    }
}

#[test]
fn an_array_that_cannot_be_split_is_told_by_its_place() {
    let of = |text: &str| split(Framing::Documents, &[text.as_bytes()], 100).unwrap_err();
    assert_eq!(of(" [1,,2]"), SplitError::NoElement { at: 4 });
    assert_eq!(of("[,1]"), SplitError::NoElement { at: 1 });
    assert_eq!(of("[1,]"), SplitError::NoElement { at: 3 });
    for cut in ["{} [", "{} [1", "{} [1,", "{} [\"]", "{} [{\"a\":[]", "{} [1]  [[]"] {
        let array = if cut.contains("[1]") { 8 } else { 3 };
        assert_eq!(of(cut), SplitError::Unclosed { array }, "{cut}");
    }
}

#[test]
fn an_over_long_event_is_kept_up_to_the_bound_and_never_made_another() {
    for event in [format!("{{\"a\":\"{}\"}}", "x".repeat(20_000)), format!("[[{}1]]", " ".repeat(20_000))] {
        let (out, count) = split(Framing::Documents, &[event.as_bytes()], 10).expect("it is closed");
        assert_eq!((out.len(), count), (10 + CUT_SLACK_BYTES + 1, 1));
    }
    // What is missing behind the white space would have made it no JSON.
    let (out, _) = split(Framing::Documents, &[format!("[1{}x]", " ".repeat(20_000)).as_bytes()], 10).expect("closed");
    assert_eq!(out.len(), 10 + CUT_SLACK_BYTES + 1);
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\n",
        "\r\n",
        " ",
        "\"a\"",
        "1",
        "-",
        "true",
        "nul",
        "NaN",
        "x",
        "é",
        "\u{1e}",
        "\u{feff}",
        "{\"a\":1}",
        "\\\"",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn the_result_does_not_depend_on_the_cuts(
        stream in pieces(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        sequence: bool,
    ) {
        let framing = if sequence { Framing::Sequence } else { Framing::Documents };
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        let whole = split(framing, &[&stream], 50);
        prop_assert_eq!(&split(framing, &chunks, 50), &whole);
        prop_assert_eq!(&split(framing, &single, 50), &whole);
    }

    #[test]
    fn nothing_but_structure_and_white_space_is_lost(stream in pieces()) {
        let Ok((out, _)) = split(Framing::Documents, &[&stream], 5000) else { return Ok(()) };
        let left = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.chars().filter(|c| !" \r\n[],\u{feff}".contains(*c)).collect::<String>()
        };
        prop_assert_eq!(left(&out), left(&stream));
    }
}
