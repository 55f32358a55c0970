//! `"key": value` pairs in text that is not JSON: broken lines, fragments of JSON in a message, Python's repr.
//! A pair is found from the shape around its colon, so odd quotes elsewhere hide nothing.

use memchr::memchr_iter;

use crate::redact::keys::{KeyClass, KeyMemo, Keys};
use crate::redact::token::is_token;

/// Longest key looked back for, in bytes.
const KEY_BYTES_MAX: usize = 256;
/// Spaces allowed on either side of a colon.
const SPACES_MAX: usize = 16;

/// A secret found: its span, its rule, and whether the replacement needs quotes of its own.
pub struct Found {
    pub start: usize,
    pub end: usize,
    pub rule: u16,
    pub quoted: bool,
}

/// Call `found` for each secret value in `text`, in order.
pub fn scan(text: &[u8], keys: &Keys, memo: &mut KeyMemo, mut found: impl FnMut(Found)) {
    let mut resume = 0;
    for colon in memchr_iter(b':', text) {
        if colon < resume {
            continue;
        }
        let Some(key) = key_before(text, colon) else { continue };
        let class = keys.class(key, memo);
        if class == KeyClass::Plain {
            continue;
        }
        let spaces = text[colon + 1..].iter().take(SPACES_MAX).take_while(|byte| byte.is_ascii_whitespace()).count();
        let start = colon + 1 + spaces;
        resume = match (text.get(start), class) {
            (Some(b'{' | b'['), KeyClass::Secret(rule)) => container(text, start, rule, &mut found),
            (Some(b'"' | b'\''), _) => {
                let end = string_end(text, start);
                if let Some(rule) = class.rule_for(&text[start + 1..end]) {
                    leaf(text, start + 1, end, rule, false, &mut found);
                }
                end
            }
            (Some(_), KeyClass::Secret(rule)) => {
                let end = word_end(text, start);
                leaf(text, start, end, rule, true, &mut found);
                end
            }
            _ => start,
        };
    }
}

/// The key between the quotes before a colon.
fn key_before(text: &[u8], colon: usize) -> Option<&[u8]> {
    let spaces = text[..colon].iter().rev().take(SPACES_MAX).take_while(|byte| byte.is_ascii_whitespace()).count();
    let end = (colon - spaces).checked_sub(1)?;
    let quote = text[end];
    if !matches!(quote, b'"' | b'\'') || escaped(text, end) {
        return None;
    }
    let from = end.saturating_sub(KEY_BYTES_MAX);
    let start = text[from..end].iter().rposition(|byte| *byte == quote)? + from + 1;
    Some(&text[start..end])
}

/// An odd number of backslashes stands before `at`.
fn escaped(text: &[u8], at: usize) -> bool {
    text[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The closing quote of the string that opens at `open`: one that a letter or digit does not follow, so that a stray
/// quote inside a secret does not end it. Without one, the end of the text.
fn string_end(text: &[u8], open: usize) -> usize {
    let quote = text[open];
    let mut at = open + 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            byte if byte == quote && !text.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

fn word_end(text: &[u8], start: usize) -> usize {
    let stops = |byte: &u8| byte.is_ascii_whitespace() || b",;}])\"'".contains(byte);
    text[start..].iter().position(stops).map_or(text.len(), |at| start + at)
}

fn leaf(text: &[u8], start: usize, end: usize, rule: u16, quoted: bool, found: &mut impl FnMut(Found)) {
    let value = &text[start..end];
    let word = |word: &[u8]| value.eq_ignore_ascii_case(word);
    let nothing = value.is_empty() || is_token(value);
    if nothing || (quoted && (word(b"true") || word(b"false") || word(b"null") || word(b"none"))) {
        return;
    }
    found(Found { start, end, rule, quoted });
}

/// Every string and number leaf up to the bracket that closes the one at `open`, or the end of the text.
fn container(text: &[u8], open: usize, rule: u16, found: &mut impl FnMut(Found)) -> usize {
    let mut depth = 0_usize;
    let mut at = open;
    while at < text.len() {
        match text[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b'"' | b'\'' => {
                let end = string_end(text, at);
                let after =
                    text[(end + 1).min(text.len())..].iter().take(SPACES_MAX).find(|b| !b.is_ascii_whitespace());
                if after != Some(&b':') {
                    leaf(text, at + 1, end, rule, false, found);
                }
                at = end;
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                let end = word_end(text, at);
                leaf(text, at, end, rule, true, found);
                at = end - 1;
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}
