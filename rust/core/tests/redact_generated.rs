//! Matches made from each rule's own pattern are masked: bare, in JSON, behind every boundary, at a far place.

use headrig_core::engine::Engine;
use headrig_core::redact::patterns::rules;
use headrig_core::spec::ContentRuleSpec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// Matches of each rule.
const MATCHES: usize = 20;
/// What stands before a credential; the last ones only where a match may begin inside a word.
const BOUNDARIES: [&str; 12] = ["", " ", "=", ":", "_", "/", "(", "\"", ",", "GH_TOKEN_", "x3d", "token"];
const INSIDE_WORDS: usize = 2;

/// Random matches, the same in every run. None for patterns of bytes that no text holds.
fn matches(rule: &ContentRuleSpec) -> Vec<String> {
    if rule.pattern.is_empty() || rule.pattern.contains("[^") || rule.pattern.contains("\\x80") {
        return Vec::new();
    }
    // One that ends at the end of a text is left to its examples.
    let Ok(made) = proptest::string::bytes_regex(&format!("(?-u){}", rule.pattern)) else { return Vec::new() };
    let mut runner = TestRunner::deterministic();
    let texts = (0..MATCHES).map(|_| made.new_tree(&mut runner).expect("a value").current());
    texts.filter_map(|bytes| String::from_utf8(bytes).ok()).collect()
}

#[test]
fn a_match_of_a_rule_is_masked_wherever_it_stands() {
    let engine = Engine::new(b"{}", None).expect("a value");
    let masked = |text: &str, json: bool| {
        let out = engine.redact(text.as_bytes(), json);
        String::from_utf8(out).expect("a value").contains("[REDACTED:")
    };
    let (mut failed, mut made) = (Vec::new(), 0);
    for rule in rules::built_in().expect("a value").iter().filter(|rule| rule.enabled) {
        for text in matches(rule) {
            // A check in code turns away what is not random enough: that it does so everywhere is what counts then.
            let bare = masked(&text, false);
            if rule.check.is_some() && !bare {
                continue;
            }
            made += 1;
            let known = BOUNDARIES.len() - if rule.inside_word || !rule.whole_word { 0 } else { INSIDE_WORDS };
            for before in &BOUNDARIES[..known] {
                let line = format!("{before}{text} x");
                let json = serde_json::json!({"m": line, "n": 1}).to_string();
                let nested = serde_json::json!({"m": json}).to_string();
                for (form, json) in [(&line, false), (&json, true), (&nested, true)] {
                    if !masked(form, json) {
                        failed.push(format!("{}: {form}", rule.name));
                    }
                }
            }
        }
    }
    assert!(made > 4000, "{made} matches");
    assert!(failed.is_empty(), "{} of {made} matches:\n{}", failed.len(), failed[..failed.len().min(40)].join("\n"));
}
