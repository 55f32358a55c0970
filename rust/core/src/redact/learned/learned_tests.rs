//! Learned values are found where a plain search for every form finds them, in documents and in text.

use memchr::memmem;
use proptest::prelude::*;

use super::*;
use crate::io::edit::Edits;
use crate::json::reference::walk;
use crate::redact::Redactor;
use crate::spec::RedactSpec;

fn redactor(values: &[&str]) -> Redactor {
    let learned = values.iter().map(ToString::to_string).collect();
    Redactor::new(&RedactSpec { learned, ..RedactSpec::default() }).unwrap()
}

fn redacted(redactor: &Redactor, text: &str) -> String {
    let (mut tape, mut edits, mut scratch) = (Tape::default(), Edits::default(), redactor.scratch());
    if walk(text.as_bytes(), &mut tape).is_ok() {
        redactor.document(text.as_bytes(), None, &tape, &|_| false, &mut scratch, &mut edits);
    } else {
        redactor.text(text.as_bytes(), &mut scratch, &mut edits);
    }
    let mut out = Vec::new();
    edits.apply(text.as_bytes(), 0, text.len(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn values_go_from_strings_keys_numbers_and_text() {
    let redactor = redactor(&["plain-wordy-value", "123456789012", "nquoted\"value"]);
    for (text, expected) in [
        ("got plain-wordy-value back", "got [REDACTED:learned] back"),
        (
            r#"{"a":"x plain-wordy-value","plain-wordy-value":1}"#,
            r#"{"a":"x [REDACTED:learned]","[REDACTED:learned]":1}"#,
        ),
        (r#"{"a":123456789012,"b":91234567890125}"#, r#"{"a":"[REDACTED:learned]","b":"[REDACTED:learned]"}"#),
        (r#"{"a":"nquoted\"value"}"#, r#"{"a":"[REDACTED:learned]"}"#),
        // There the letter belongs to an escape.
        (r#"{"a":"\nquoted\"value"}"#, r#"{"a":"\nquoted\"value"}"#),
        (r#"{"a":"b\\plain-wordy-value\\"}"#, r#"{"a":"b\\[REDACTED:learned]\\"}"#),
    ] {
        assert_eq!(redacted(&redactor, text), expected);
    }
}

#[test]
fn what_cannot_be_learned_is_refused_and_not_shown() {
    for (values, reason) in [
        (vec!["tooshort".to_owned()], "value 1 has not 12 to 16384 bytes"),
        (vec!["x".repeat(13), "y".repeat(20_000)], "value 2 has not"),
        (vec!["z".repeat(12); VALUES_MAX + 1], "more than 4096 values"),
    ] {
        let error = Redactor::new(&RedactSpec { learned: values, ..RedactSpec::default() }).err().unwrap();
        assert_eq!(error.rule, NAME);
        assert!(error.reason.starts_with(reason), "{error}");
        assert!(!error.reason.contains("zzz") && !error.reason.contains("tooshort"));
    }
}

/// Values, and text made of them and of what is like them.
const VALUE: &str = "[ab]{12,14}|[a-z0-9/+\"]{12,30}|[aé\\\\]{6,12}[0-9]{8}";

proptest! {
    #[test]
    fn every_needle_is_found_at_every_place(
        values in prop::collection::vec(VALUE, 1..5),
        parts in prop::collection::vec(("[ab \"/]{0,20}", any::<prop::sample::Index>()), 0..12),
    ) {
        let values: Vec<String> = values.into_iter().filter(|value| value.len() >= LEARNED_BYTES_MIN).collect();
        let Some(learned) = Learned::new(&values, 0).unwrap() else { return Ok(()) };
        let needles: Vec<Vec<u8>> = values.iter().flat_map(|value| encodings::of(value)).collect();
        let mut text = Vec::new();
        for (between, which) in parts {
            text.extend_from_slice(between.as_bytes());
            text.extend_from_slice(which.get::<Vec<u8>>(&needles));
        }
        let mut expected: Vec<Span> = needles.iter().flat_map(|needle| {
            (0..text.len()).filter(|at| text[*at..].starts_with(needle)).map(|at| Span { start: at as u32, end: (at + needle.len()) as u32 })
        }).collect();
        expected.sort_unstable_by_key(|span| (span.start, span.end));
        expected.dedup();
        let mut spans = Vec::new();
        learned.find(&text, &mut spans);
        prop_assert_eq!(spans, expected);
    }

    #[test]
    fn documents_stay_valid_and_hold_no_value(value in VALUE, before in "[a-z\\\\\"/é\n]{0,20}", after in "[a-z\\\\\"/é\n]{0,20}") {
        prop_assume!(value.len() >= LEARNED_BYTES_MIN);
        let redactor = redactor(&[&value]);
        let document = serde_json::json!({"a": format!("{before}{value}{after}"), "b": serde_json::json!([value]).to_string()});
        let out = redacted(&redactor, &document.to_string());
        let read: serde_json::Value = serde_json::from_str(&out).unwrap();
        prop_assert!(memmem::find(read["a"].as_str().unwrap().as_bytes(), value.as_bytes()).is_none(), "{}", out);
        prop_assert!(!read["b"].as_str().unwrap().contains(value.as_str()), "{}", out);
        prop_assert_eq!(redacted(&redactor, &out), out);
    }
}
