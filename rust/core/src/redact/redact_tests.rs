//! Short cuts change nothing: a redactor that looks at every place and decodes every string finds the same.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::json::reference::walk;

/// Of each spec: one redactor that looks everywhere, and one for each path.
static REDACTORS: LazyLock<Vec<(Redactor, Vec<Redactor>)>> = LazyLock::new(|| {
    let own = |name: &str, pattern: &str, anchors: &[&str], whole_word: bool| {
        let rule = serde_json::json!({"name": name, "pattern": pattern, "anchors": anchors, "whole_word": whole_word});
        serde_json::from_value(rule).unwrap()
    };
    let short = own("short", "zk7:[a-z]{2,4}", &["zk7:"], true);
    let inside = own("inside", "kk9[ab][a-z]{5}", &["kk9a", "kk9b"], false);
    let quoted = own("quoted", "\"key\"[a-z]{12,20}", &["\"key"], false);
    let spec = |rules| RedactSpec { enable: vec!["email".into()], rules, ..RedactSpec::default() };
    let specs = [RedactSpec::default(), spec(vec![short, inside.clone()]), spec(vec![inside, quoted])];
    let redactors = |spec: &RedactSpec| {
        let on_path = |path| Redactor::on_path(path, spec).unwrap();
        let everywhere = Redactor { everywhere: true, ..on_path(Path::Scalar) };
        (everywhere, Path::here().map(on_path).collect())
    };
    specs.iter().map(redactors).collect()
});

/// The text with its edits, read as a document where it is one.
fn redacted(redactor: &Redactor, text: &[u8]) -> Vec<u8> {
    let (mut tape, mut edits, mut scratch) = (Tape::default(), Edits::default(), redactor.scratch());
    if std::str::from_utf8(text).is_ok() && walk(text, &mut tape).is_ok() {
        redactor.document(text, None, &tape, &|_| false, &mut scratch, &mut edits);
    } else {
        redactor.text(text, &mut scratch, &mut edits);
    }
    let mut out = Vec::new();
    edits.apply(text, 0, text.len(), &mut out);
    out
}

/// The same of plain text, between other lines of a batch.
fn redacted_in_batch(redactor: &Redactor, text: &[u8]) -> Vec<u8> {
    let (mut edits, mut scratch, before) = (Edits::default(), redactor.scratch(), &b"{\"password\": \"ghp_\n"[..]);
    redactor.find_candidates(&[before, text, b"\n=: \"ghp_ key\n"].concat(), &mut scratch);
    redactor.text_in_batch(text, Some(before.len()), &mut scratch, &mut edits);
    let mut out = Vec::new();
    edits.apply(text, 0, text.len(), &mut out);
    out
}

fn same_everywhere(text: &[u8]) {
    for (everywhere, others) in REDACTORS.iter() {
        let expected = redacted(everywhere, text);
        for other in others {
            let [found, expected] = [redacted(other, text), expected.clone()].map(String::from_utf8);
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
            if walk(text, &mut Tape::default()).is_err() {
                assert_eq!(redacted_in_batch(other, text), found.unwrap().into_bytes());
            }
        }
    }
}

/// What stands around values besides `=` and `:`.
const FORMS: [&str; 36] = [
    "--password ",
    "%3D",
    "%22",
    "%20",
    "%2F",
    "%3A%2F%2F",
    "%26",
    "%7B%22a%22%3A%22",
    "%40",
    "%5F",
    "%2520",
    "%C3%A9",
    "+",
    "&lt;",
    "&gt;",
    "&#61;",
    "&amp;",
    "\x1b[32m",
    "\x1b[0m",
    "\\x1b[1;31m",
    "^[[0m",
    "[36m",
    "\x1b]8;;http://a.io\x1b\\",
    "\x1b[5C",
    "%1B%5B32m",
    "&quot;",
    "string",
    "name",
    "value",
    ">",
    "<",
    "</a>",
    "<token>",
    "Some(\"",
    "set(\"",
    "-Dapi.key=",
];

/// A part of a text: a secret of every kind, words like those of rules, and what stands between.
fn part() -> impl Strategy<Value = String> {
    let examples: Vec<String> =
        patterns::rules::built_in().unwrap().into_iter().flat_map(|rule| rule.examples).collect();
    let glue: Vec<String> = [
        "password",
        "api key",
        "token",
        "Bearer ",
        "basic ",
        "user",
        "=",
        ":",
        ": ",
        " = ",
        " => ",
        "://",
        "@",
        "'",
        "\"",
        "[",
        "]",
        "(",
        "{",
        "}",
        ",",
        " ",
        ".",
        "-",
        "_",
        "/",
        "\\",
        "\\u0070",
        "\\/",
        "\n",
        "\t",
        "\\n",
        "[REDACTED:x]",
        "4111 1111 1111 1111",
        "4111111111111111",
        "4111-1111-1111-1111",
        "zk7:abc",
        "kk9abcdefg",
        "\"keyabcdefghijklmn",
        "12:30:01",
        "eyJh",
        "ghp_",
        "-----BEGIN ",
        "é",
        "x",
    ]
    .into_iter()
    .chain(FORMS)
    .map(str::to_owned)
    .collect();
    prop_oneof![2 => prop::sample::select(examples), 6 => prop::sample::select(glue), 2 => "[a-zA-Z0-9]{1,24}"]
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_text_is_redacted_the_same_with_and_without_short_cuts(
        parts in prop::collection::vec(part(), 1..9),
        cut in 0_usize..400,
    ) {
        let text: String = parts.concat().chars().take(cut).collect();
        same_everywhere(text.as_bytes());
        same_everywhere(percent_encoded(&text).as_bytes());
        let mut line = text;
        // As a string of a document, of one inside that, and of one inside a broken one.
        for _ in 0..3 {
            line = serde_json::json!({ "m": line, "n": 1 }).to_string();
            same_everywhere(line.as_bytes());
        }
        line.pop();
        same_everywhere(line.as_bytes());
    }
}

#[test]
fn what_is_whole_inside_a_cut_line_is_not_taken_for_cut() {
    let redactor = Redactor::new(&RedactSpec::default()).unwrap();
    // Broken by its last byte only.
    let line = br#"{"a":"{\"m\":\"ghp_short\"}","b":"ghp_short\n"}"#;
    assert_eq!(redacted(&redactor, &line[..]), line);
    let text = r#"["a",{"m":"ghp_short"}]"#;
    let mut edits = Edits::default();
    redactor.text(text.as_bytes(), &mut redactor.scratch(), &mut edits);
    assert!(edits.is_empty());
    redactor.text(&text.as_bytes()[..text.len() - 3], &mut redactor.scratch(), &mut edits);
    assert_eq!(edits.list.len(), 1);
}

#[test]
fn a_cut_line_is_redacted_once() {
    let redactor = Redactor::new(&RedactSpec::default()).unwrap();
    let heads =
        ["{\"m\":\"", "[4111111111111111, \"", "[ 4111111111111111,\"m\":\"", "[[4111111111111111, \"", "[\"a\", \""];
    for head in heads {
        for word in ["password", "enter your password", "ghp_short", "run x --password", "password is", "AKIAQYLP", "a"]
        {
            let once = redacted(&redactor, [head, word].concat().as_bytes());
            assert_eq!(redacted(&redactor, &once), once, "{head}{word}");
            // A word that tells of a secret is none.
            let shown = String::from_utf8(once).unwrap();
            assert!(!word.contains("password") || shown.ends_with(word), "{shown}");
        }
    }
}

#[test]
fn a_value_in_brackets_goes_once_and_the_brackets_stay() {
    let redactor = Redactor::new(&RedactSpec::default()).unwrap();
    for (text, expected) in [
        ("args secret: {'api_key': 'x', 'n': 1}", "args secret: {[REDACTED:secret]}"),
        ("password=[a, b] x", "password=[[REDACTED:password]] x"),
        ("secret: {", "secret: {"),
    ] {
        let once = String::from_utf8(redacted(&redactor, text.as_bytes())).unwrap();
        assert_eq!(once, expected);
        assert_eq!(redacted(&redactor, once.as_bytes()), once.as_bytes());
    }
}
