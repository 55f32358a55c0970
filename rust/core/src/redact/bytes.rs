//! Tables of bytes, and what a byte is to words.

use std::ops::Range;

/// Bytes that next to no pattern reads across.
pub fn ends_run(byte: &u8) -> bool {
    ENDS[usize::from(*byte)]
}

const ENDS: [bool; 256] = table(b" \t\n\x0c\r\"',;<>&|(){}[]\\");

/// A look-up table of `bytes`.
pub const fn table(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The byte may stand in a key.
pub fn is_key_byte(byte: u8) -> bool {
    KEY_BYTES[usize::from(byte)]
}

pub const KEY_BYTES: [bool; 256] = table(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-.");

/// The bytes of a word that begins at `start`, at most `max` and one more.
pub fn word(text: &[u8], start: usize, max: usize) -> &[u8] {
    let rest = &text[start..];
    &rest[..rest.iter().take(max + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count()]
}

/// Nothing before or behind makes the span a part of something longer: a word, a decimal, a list of groups, a UUID.
pub fn alone(text: &[u8], span: Range<usize>) -> bool {
    let joins = |byte: u8| matches!(byte, b'-' | b'.' | b'/' | b':' | b'+' | b'_' | b'%' | b'#' | b'@');
    let before = |back: usize| span.start.checked_sub(back).map(|at| text[at]);
    let left = match (before(1), before(2)) {
        (Some(byte), _) if is_word(byte) || matches!(byte, b'#' | b'$') => false,
        (Some(b':'), _) => before(2).is_none_or(|byte| !byte.is_ascii_digit()),
        (Some(byte), Some(other)) => !(joins(byte) && is_word(other) || byte == b' ' && other.is_ascii_digit()),
        _ => true,
    };
    let right = match (text.get(span.end), text.get(span.end + 1)) {
        (Some(byte), _) if is_word(*byte) => false,
        (Some(byte), Some(other)) => !(joins(*byte) && is_word(*other) || *byte == b' ' && other.is_ascii_digit()),
        _ => true,
    };
    left && right
}
