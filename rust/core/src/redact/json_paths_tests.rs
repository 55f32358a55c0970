//! Paths: what they name is masked, left alone or taken out, and the document around it stays as it was.

use super::*;
use crate::json::reference::walk;

fn spec(paths: &[&str], allow_paths: &[&str], remove: &[&str]) -> RedactSpec {
    let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    RedactSpec { paths: owned(paths), allow_paths: owned(allow_paths), remove: owned(remove), ..RedactSpec::default() }
}

fn redacted(spec: &RedactSpec, text: &str) -> String {
    let redactor = Redactor::new(spec).unwrap();
    let (mut tape, mut edits) = (Tape::default(), Edits::default());
    walk(text.as_bytes(), &mut tape).unwrap();
    redactor.document(text.as_bytes(), None, &tape, &|_| false, &mut redactor.scratch(), &mut edits);
    let mut out = Vec::new();
    edits.apply(text.as_bytes(), 0, text.len(), &mut out);
    assert!(walk(&out, &mut tape).is_ok(), "{}", String::from_utf8_lossy(&out));
    String::from_utf8(out).unwrap()
}

#[test]
fn the_value_at_a_path_is_secret_whatever_it_is() {
    let paths = ["credit_card.code", "*.user.email", "items[*].secret", "list[1]", r#"["a.b"].c"#, "deep[*][0].x"];
    for (text, expected) in [
        (r#"{"credit_card":{"code":737,"n":1}}"#, r#"{"credit_card":{"code":"[REDACTED:code]","n":1}}"#),
        (
            r#"{"credit_card":{"code":[1,{"x":"y"}]}}"#,
            r#"{"credit_card":{"code":["[REDACTED:code]",{"x":"[REDACTED:code]"}]}}"#,
        ),
        (r#"{"credit_\u0063ard":{"code":"a"}}"#, r#"{"credit_\u0063ard":{"code":"[REDACTED:code]"}}"#),
        (
            r#"{"a":{"user":{"email":"x"}},"user":{"email":"x"}}"#,
            r#"{"a":{"user":{"email":"[REDACTED:email]"}},"user":{"email":"x"}}"#,
        ),
        (r#"{"items":[{"secret":1},{"a":2}]}"#, r#"{"items":[{"secret":"[REDACTED:secret]"},{"a":2}]}"#),
        (r#"{"list":["a","b","c"]}"#, r#"{"list":["a","[REDACTED:list]","c"]}"#),
        (r#"{"a.b":{"c":"x"},"a":{"b":{"c":"x"}}}"#, r#"{"a.b":{"c":"[REDACTED:c]"},"a":{"b":{"c":"x"}}}"#),
        (r#"{"deep":[[{"x":"1"},{"x":"2"}],{"x":"3"}]}"#, r#"{"deep":[[{"x":"[REDACTED:x]"},{"x":"2"}],{"x":"3"}]}"#),
        (
            r#"{"credit_card":{"code":null,"x":"737"},"code":737}"#,
            r#"{"credit_card":{"code":null,"x":"737"},"code":737}"#,
        ),
        (r#"["credit_card",{"code":737}]"#, r#"["credit_card",{"code":737}]"#),
    ] {
        assert_eq!(redacted(&spec(&paths, &[], &[]), text), expected);
        assert_eq!(redacted(&spec(&paths, &[], &[]), expected), expected);
    }
}

#[test]
fn the_innermost_path_counts() {
    let spec = spec(&["a.x", "secret.b.c"], &["a", "secret.b", "job.key"], &[]);
    for (text, expected) in [
        (
            r#"{"a":{"password":"p","x":"v","y":{"pin":7391}},"pin":7392}"#,
            r#"{"a":{"password":"p","x":"[REDACTED:x]","y":{"pin":7391}},"pin":"[REDACTED:pin]"}"#,
        ),
        (
            r#"{"secret":{"a":1,"b":{"c":1,"d":2},"e":3}}"#,
            r#"{"secret":{"a":"[REDACTED:secret]","b":{"c":"[REDACTED:c]","d":2},"e":"[REDACTED:secret]"}}"#,
        ),
        (
            r#"{"job":{"key":"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"},"pin":7391}"#,
            r#"{"job":{"key":"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"},"pin":"[REDACTED:pin]"}"#,
        ),
    ] {
        assert_eq!(redacted(&spec, text), expected);
    }
}

#[test]
fn a_removed_member_takes_its_comma_with_it() {
    for (text, expected) in [
        (r#"{"x":1}"#, "{}"),
        (r#"{ "x" : "a" , "b":1}"#, r#"{ "b":1}"#),
        (r#"{"b":1 , "x" : "a" }"#, r#"{"b":1 }"#),
        (r#"{"b":1,"x":{"q":[1]},"c":2}"#, r#"{"b":1,"c":2}"#),
        (r#"{"x":1,"y":2,"b":3}"#, r#"{"b":3}"#),
        (r#"{"b":3,"x":1,"y":2}"#, r#"{"b":3}"#),
        (r#"{"x":1,"b":3,"y":"2"}"#, r#"{"b":3}"#),
        (r#"{"x":1,"y":2,"x":3}"#, "{}"),
        (r#"{"x":{"password":"p"},"password":"p"}"#, r#"{"password":"[REDACTED:password]"}"#),
        (r#"{"l":[{"z":1},{"z":2,"w":3}],"z":1}"#, r#"{"l":[{},{"w":3}],"z":1}"#),
    ] {
        let spec = spec(&[], &[], &["x", "y", "l[*].z"]);
        assert_eq!(redacted(&spec, text), expected);
    }
}

#[test]
fn a_path_that_can_match_nothing_is_refused_without_a_word_of_it() {
    for path in [
        "",
        ".",
        "a.",
        ".hunter",
        "a..b",
        "hunter[",
        "a[x]",
        "a[]",
        "a]",
        "a[1",
        r#"["hunter"#,
        "hun*ter",
        "a[0]b",
        "a[99999999999]",
    ] {
        for (spec, place) in [
            (spec(&["ok", path], &[], &[]), "redact.paths[1]"),
            (spec(&[], &[path], &[]), "redact.allow_paths[0]"),
            (spec(&[], &[], &["ok", "yes", path]), "redact.remove[2]"),
        ] {
            let error = Redactor::new(&spec).err().expect(path);
            assert_eq!(error.rule, place, "{path}");
            assert!(!error.reason.contains("hun"), "{error}");
        }
    }
    for (spec, place) in [
        (spec(&["a.b"], &[], &["a"]), "redact.paths[0]"),
        (spec(&["a.b"], &[], &["*"]), "redact.paths[0]"),
        (spec(&[], &["a[0].b"], &["a"]), "redact.allow_paths[0]"),
        (spec(&["a"], &["a"], &[]), "redact.allow_paths[0]"),
        (spec(&[], &["*"], &[]), "redact.allow_paths[0]"),
        (spec(&[], &[], &["a[*]"]), "redact.remove[0]"),
        (spec(&[&".a".repeat(128)[1..]], &[], &[]), "redact.paths[0]"),
    ] {
        assert_eq!(Redactor::new(&spec).err().expect(place).rule, place);
    }
}
