//! What tells of a secret right after its sign and is none: how many there are, a pin of a chip, a test, a number of
//! a program.

use crate::redact::text::value_end::STOPS;

/// Longest count of secrets, in digits: a longer number may be one.
const COUNT_DIGITS_MAX: usize = 3;
/// Longest number of a pin of a chip, in digits: one that people are asked for has four or more (ISO 9564-1).
const CHIP_PIN_DIGITS_MAX: usize = 2;
/// Longest letters before such a number: `GPIO17`.
const CHIP_PORT_BYTES_MAX: usize = 5;

/// Longest word that tells of a secret, in bytes.
const STATE_BYTES_MAX: usize = 16;

/// The word after a sign says how many there are (`secrets=3`, `cookies: 5/10`), or which pin of a chip is meant
/// (`pin=GPIO17`).
fn tells_of(key: &[u8], word: &[u8]) -> bool {
    let digits = |text: &[u8], max: usize| (1..=max).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    let many = matches!(key, [.., before, b's' | b'S'] if !before.eq_ignore_ascii_case(&b's'));
    if many && word.split(|byte| *byte == b'/').all(|part| digits(part, COUNT_DIGITS_MAX)) {
        return true;
    }
    let ends = |name: &[u8]| key.len() >= name.len() && key[key.len() - name.len()..].eq_ignore_ascii_case(name);
    if ends(b"pin") {
        let port = word.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        let number = &word[port..];
        let number = number.strip_prefix(b"_").or(number.strip_prefix(b".")).unwrap_or(number);
        return port <= CHIP_PORT_BYTES_MAX && digits(number, CHIP_PIN_DIGITS_MAX);
    }
    // Go and automake report tests so.
    key == b"PASS" && word.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"test"))
}

/// A number as programs write it: `0x8f`, `12u32`, `7`. One that someone is asked for has more digits.
pub fn constant(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = value.get(digits).copied().unwrap_or(b' ');
    value.starts_with(b"0x")
        || digits > 0
            && (matches!(after, b'u' | b'i') || digits <= CHIP_PIN_DIGITS_MAX && !after.is_ascii_alphanumeric())
}

/// What stands at `start` tells of a secret and is none.
pub fn tells(text: &[u8], key: &[u8], start: usize) -> bool {
    // Keys that count end in `s`; the others are a pin and `PASS`.
    if !matches!(key, [.., b's' | b'S' | b'n' | b'N']) {
        return false;
    }
    let len = text[start..].iter().take(STATE_BYTES_MAX).take_while(|byte| !STOPS[usize::from(**byte)]).count();
    tells_of(key, &text[start..start + len])
}
