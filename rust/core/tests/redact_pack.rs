//! Every rule of the built-in packs proves itself: its examples change, its counterexamples do not.

use headrig_core::io::edit::Edits;
use headrig_core::redact::patterns::rules;
use headrig_core::redact::Redactor;
use headrig_core::spec::{ContentRuleSpec, RedactSpec};

fn redactor(spec: &RedactSpec) -> Redactor {
    Redactor::new(spec).unwrap_or_else(|error| panic!("{error}"))
}

fn redacted(redactor: &Redactor, text: &str) -> String {
    let mut edits = Edits::default();
    redactor.text(text.as_bytes(), &mut redactor.scratch(), &mut edits);
    let mut out = Vec::new();
    edits.apply(text.as_bytes(), 0, text.len(), &mut out);
    String::from_utf8(out).expect("tokens are UTF-8")
}

#[test]
fn every_example_holds_its_rules_token_and_none_of_its_secret() {
    let mut failed = Vec::new();
    let optional: Vec<String> = rules::built_in().unwrap().into_iter().filter(|r| !r.enabled).map(|r| r.name).collect();
    let all = redactor(&RedactSpec { enable: optional, ..RedactSpec::default() });
    for rule in rules::built_in().unwrap() {
        for example in &rule.examples {
            let out = redacted(&all, example);
            let token = format!("[REDACTED:{}]", rule.name);
            let by_key = rule.check.as_deref() == Some("assignment") && out.contains("[REDACTED:");
            if !(out.contains(&token) || by_key) {
                failed.push(format!("{}: {example} -> {out}", rule.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} examples:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn every_counterexample_passes_all_rules() {
    let default = redactor(&RedactSpec::default());
    let mut failed = Vec::new();
    for rule in rules::built_in().unwrap() {
        for text in &rule.counterexamples {
            let out = redacted(&default, text);
            if out != *text {
                failed.push(format!("{}: {text} -> {out}", rule.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} counterexamples:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn every_rule_can_be_used() {
    for rule in rules::built_in().unwrap() {
        rules::check(&rule).unwrap();
    }
}

#[test]
fn ordinary_lines_pass() {
    let default = redactor(&RedactSpec::default());
    for line in include_str!("../../../tests/rules/clean.txt").lines() {
        assert_eq!(redacted(&default, line), line);
    }
}

#[test]
fn there_are_at_least_sixty_formats() {
    assert!(rules::built_in().unwrap().len() >= 60);
}

fn own(name: &str, anchors: &[&str], pattern: &str) -> ContentRuleSpec {
    let anchors: Vec<String> = anchors.iter().map(|anchor| (*anchor).to_owned()).collect();
    serde_json::from_value(serde_json::json!({"name": name, "anchors": anchors, "pattern": pattern})).expect("a rule")
}

#[test]
fn a_rule_that_cannot_be_used_is_refused_by_name() {
    for (rule, reason) in [
        (own("Bad", &[], "x+"), "a rule's name is"),
        (own("jwt", &[], "x+"), "a rule of this name already"),
        (own("own", &["abd"], "abcd[0-9]+"), "anchors: no match of the pattern can begin with number 1"),
        (own("own", &["abcd"], "x(unclosed"), "pattern: "),
        (own("own", &["abcd"], "wxyz[0-9]+"), "anchors: no match of the pattern can begin with number 1"),
        (own("own", &["wxyz0", "wxyz1"], "wxyz[0-9]+"), "anchors: matches of the pattern can begin otherwise"),
        (own("own", &["abcd"], "[a-z]{2,4}[0-9]+"), "anchors: matches of the pattern do not begin with literals"),
        (own("own", &[], "a*"), "can match nothing"),
        (own("own", &[], ""), "pattern is missing"),
    ] {
        let name = rule.name.clone();
        let error = Redactor::new(&RedactSpec { rules: vec![rule], ..RedactSpec::default() }).err().unwrap();
        assert_eq!(error.rule, name);
        assert!(error.reason.contains(reason), "{error}");
    }
    let unknown = RedactSpec { disable: vec!["jvt".into()], ..RedactSpec::default() };
    let error = Redactor::new(&unknown).err().unwrap();
    assert!(error.reason.starts_with("no built-in rule of this name; did you mean "), "{error}");
}

#[test]
fn own_rules_work_with_and_without_anchors() {
    let spec = RedactSpec {
        rules: vec![own("badge", &["BADGE-"], "BADGE-[0-9]{4}"), own("plate", &[], "[A-Z]{2}-([0-9]{3,4})")],
        ..RedactSpec::default()
    };
    let out = redacted(&redactor(&spec), "BADGE-1234 and AB-123, not XBADGE-1234");
    assert_eq!(out, "[REDACTED:badge] and AB-[REDACTED:plate], not XBADGE-1234");
}
