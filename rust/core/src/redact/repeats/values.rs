//! The values of a line that are looked for in the rest of it: those that no one would write for another reason.

use memchr::memchr;

use crate::io::edit::Edits;
use crate::io::escape::Decoded;
use crate::limits::NESTED_DEPTH_MAX;
use crate::redact::patterns::checks::{piece_is_mixed, Kinds};
use crate::redact::patterns::mail;
use crate::redact::text::placeholders;

/// Shortest value that is looked for, in bytes: shorter ones are parts of other words.
pub(super) const VALUE_BYTES_MIN: usize = 8;
/// Shortest that is looked for inside of words, in bytes.
const INSIDE_BYTES_MIN: usize = 12;
/// Shortest that may be a word or a name, in bytes.
const NAME_BYTES_MIN: usize = 16;
/// Longest, in bytes: a header of cookies fits.
const VALUE_BYTES_MAX: usize = 4096;
/// Most values of a line: each is one more search of it.
pub(super) const VALUES_MAX: usize = 8;
/// Longest name of an authentication scheme, in bytes.
const SCHEME_BYTES_MAX: usize = 12;
/// How often percent escapes hold percent escapes.
pub(super) const WEB_LEVELS_MAX: usize = 2;

pub(super) struct Value {
    pub bytes: Vec<u8>,
    /// The number of the edit that replaced it.
    pub edit: usize,
}

impl Value {
    /// It counts only where no letter or digit stands beside it. Asked where it stands once more, which is seldom.
    pub fn is_alone(&self) -> bool {
        self.bytes.len() < INSIDE_BYTES_MIN || is_name(&self.bytes)
    }
}

/// The values of the first edits, as they stand and as their escapes mean.
pub(super) fn values(text: &[u8], edits: &Edits, skipped: u16) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    let mut taken = 0;
    for (edit, span) in edits.list.iter().enumerate() {
        let raw = &text[span.start as usize..span.end as usize];
        if !(VALUE_BYTES_MIN..=VALUE_BYTES_MAX).contains(&raw.len()) || span.rule == skipped {
            continue;
        }
        let before = values.len();
        let mut add = |bytes: &[u8]| {
            let bytes = without_scheme(bytes);
            if !values.iter().any(|known| known.bytes == bytes) && is_telling(bytes) {
                values.push(Value { bytes: bytes.to_vec(), edit });
            }
        };
        meanings(raw, &mut add);
        taken += usize::from(values.len() > before);
        if taken == VALUES_MAX {
            break;
        }
    }
    values
}

/// Call `add` for a value, for each text that its escapes may mean, and for what a terminal shows of them.
fn meanings(raw: &[u8], add: &mut impl FnMut(&[u8])) {
    let mut add = |bytes: &[u8]| {
        if memchr(b'[', bytes).is_some() {
            let mut decoded = Decoded::default();
            decoded.shown(bytes, false);
            add(&decoded.bytes);
        }
        add(bytes);
    };
    add(raw);
    for (sign, levels, decode) in [
        (b'\\', NESTED_DEPTH_MAX + 1, Decoded::decode as fn(&mut Decoded, &[u8])),
        (b'%', WEB_LEVELS_MAX, Decoded::web),
    ] {
        let (mut text, mut decoded) = (Vec::new(), Decoded::default());
        for level in 0..levels {
            let source = if level == 0 { raw } else { &text[..] };
            if memchr(sign, source).is_none() {
                break;
            }
            decode(&mut decoded, source);
            add(&decoded.bytes);
            text.clone_from(&decoded.bytes);
        }
    }
}

/// `Bearer x` is a scheme and the secret (RFC 9110 section 11.4).
fn without_scheme(value: &[u8]) -> &[u8] {
    match memchr(b' ', value) {
        Some(end @ 1..=SCHEME_BYTES_MAX) if value[..end].iter().all(u8::is_ascii_alphabetic) => &value[end + 1..],
        _ => value,
    }
}

/// A value that no one would write for another reason: no word, no name, no number or date, no placeholder.
fn is_telling(value: &[u8]) -> bool {
    let number = || value.iter().all(|byte| matches!(byte, b'+'..=b':' | b' ' | b'T' | b'Z'));
    let placeholder =
        || matches!(value, [first, second, ..] if first == second || *first == b'$') && placeholders::nothing(value);
    let constant = || value.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'_' | b'-' | b'.'));
    value.len() >= VALUE_BYTES_MIN
        && !number()
        && (value.len() >= NAME_BYTES_MIN || !is_name(value))
        && !constant()
        && !placeholder()
        && !(value.contains(&b'@') && mail::is_mail(value))
}

/// Words and numbers with signs between, as names of hosts and of things have them: `eu-west-1`, `db.internal:5432`.
fn is_name(value: &[u8]) -> bool {
    let of_one_kind = |piece: &[u8]| {
        if piece.is_empty() {
            return true;
        }
        let digits = piece.iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits > 0 {
            return digits == piece.len();
        }
        let changes = || piece.windows(2).filter(|pair| Kinds::of(pair[0]).changes(Kinds::of(pair[1]))).count();
        piece.iter().all(u8::is_ascii_alphabetic) && !piece_is_mixed(0, changes(), piece.len())
    };
    value.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b':' | b'/' | b' ')).all(of_one_kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_tells_of_itself_or_is_a_word() {
        for value in [
            "hunter2x",
            "hunter2hunter2",
            "Tr0ub4dor&3",
            "correcthorsebattery",
            "correct horse battery",
            "Summer2026!",
            "aB3dE6gH",
            "kQzRtYpLmW",
            "550e8400-e29b-41d4-a716-446655440000",
        ] {
            assert!(is_telling(value.as_bytes()), "{value}");
        }
        for value in [
            "hunter2",
            "password",
            "Administrator",
            "UNAUTHORIZED",
            "eu-west-1",
            "localhost:5432",
            "svc-reporting",
            "1234567890",
            "4111 1111 1111 1111",
            "2026-11-30T12:30:00Z",
            "10.0.12.13",
            "********",
            "undefined",
            "bob@example.com",
            "invalidated",
        ] {
            assert!(!is_telling(value.as_bytes()), "{value}");
        }
        assert_eq!(without_scheme(b"Bearer abc"), b"abc");
        assert_eq!(without_scheme(b"correct2 horse"), b"correct2 horse");
    }
}
