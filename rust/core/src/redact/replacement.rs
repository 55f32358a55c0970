//! A fixed text in place of tokens: which texts can be one. Problem: a second headrig with the same settings must leave it
//! alone, at every door, and a line must stay valid JSON. Idea: refuse what JSON cannot hold as it is, then try the text out
//! on lines with secrets: a second run must change nothing.

use crate::io::edit::Edits;
use crate::json::reference::walk;
use crate::json::tape::Tape;
use crate::redact::keys::class::BARE_VALUE_CHARS_MIN;
use crate::redact::token::{REPLACEMENT, REPLACEMENT_BYTES_MAX};
use crate::redact::Redactor;
use crate::spec::{RedactSpec, RuleError};

// A longer one could make a value long enough for a secret that was too short before.
const _: () = assert!(REPLACEMENT_BYTES_MAX < BARE_VALUE_CHARS_MIN);
/// Texts with a visibly fake secret of each form, that end at a quote, at a blank, at the end, at an `@`.
const TEXTS: [&str; 10] = [
    r#"{"password":"fake-hunter2","pin":1234,"n":1}"#,
    r#"{"a":"{\"password\":\"fake-hunter2\"}"}"#,
    r#"{"name":"password","value":"fake-hunter2"}"#,
    r#"failed: {'password': 'fake-hunter2', 'pin': 1234}"#,
    "password=fake-hunter2 next=1",
    "password: fake-hunter2, next",
    "password=fake-hunter2",
    "Authorization: Bearer fake-hunter2-fake-hunter2",
    "postgres://ada:fake-hunter2@db/shop",
    "card 4111111111111111 ok",
];

/// # Errors
/// The replacement is taken for a secret, alone or where it stands for one.
pub fn check(spec: &RedactSpec, redactor: &Redactor) -> Result<(), RuleError> {
    let Some(replacement) = &spec.replacement else { return Ok(()) };
    let plain = Redactor::on_path(redactor.path, &RedactSpec { replacement: None, ..spec.clone() })?;
    let again = |text: &[u8]| redacted(redactor, text) != text;
    let alone = redacted(&plain, replacement.as_bytes()) != replacement.as_bytes();
    if alone || TEXTS.iter().any(|text| again(&redacted(redactor, text.as_bytes()))) {
        let reason = "would itself be redacted, or changes what stands beside it; write a mark such as ***";
        return Err(RuleError::new(REPLACEMENT, reason));
    }
    Ok(())
}

fn redacted(redactor: &Redactor, text: &[u8]) -> Vec<u8> {
    let (mut tape, mut edits, mut out) = (Tape::default(), Edits::default(), Vec::new());
    if walk(text, &mut tape).is_ok() {
        redactor.document(text, None, &tape, &|_| false, &mut redactor.scratch(), &mut edits);
    } else {
        redactor.text(text, &mut redactor.scratch(), &mut edits);
    }
    edits.apply(text, 0, text.len(), &mut out);
    out
}
