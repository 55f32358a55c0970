//! `"key": value` pairs in text that is not JSON: broken lines, fragments of JSON in a message, Python's repr.
//! A pair is found from the shape around its colon, so odd quotes elsewhere hide nothing.

use memchr::memchr2_iter;

use crate::redact::bytes::is_word;
use crate::redact::keys::class::KeyClass;
use crate::redact::keys::{KeyMemo, Keys};
use crate::redact::text::placeholders;
use crate::redact::token::is_token;

/// Longest key looked back for, in bytes.
const KEY_BYTES_MAX: usize = 256;
/// Longest string that may be a key in a pair without a colon, in bytes.
const PAIR_KEY_BYTES_MAX: usize = 64;
/// How far the end of such a pair is looked for, in bytes.
const PAIR_VALUE_BYTES_MAX: usize = 1024;
/// Spaces allowed on either side of a colon.
const SPACES_MAX: usize = 16;

/// Most strings of an array that are read as headers.
pub const HEADERS_MAX: usize = 256;
/// Headers one of which every request and every answer has (RFC 9110).
pub const HEADERS: [&[u8]; 8] =
    [b"host", b"accept", b"user-agent", b"content-type", b"content-length", b"connection", b"date", b"server"];

/// Names of the members of a `{"name": "key", "value": …}` pair.
pub const NAMES: [&[u8]; 5] = [b"name", b"key", b"k", b"header", b"field"];
pub const VALUES: [&[u8]; 3] = [b"value", b"val", b"v"];

/// A secret found: its span, its rule, and whether the replacement needs quotes of its own.
pub struct Found {
    pub start: usize,
    pub end: usize,
    pub rule: u16,
    pub quoted: bool,
}

/// Call `found` for each secret value in `text`, in order of its `colons`.
pub fn scan(
    text: &[u8],
    colons: impl Iterator<Item = usize>,
    keys: &Keys,
    memo: &mut KeyMemo,
    mut found: impl FnMut(Found),
) {
    let mut resume = 0;
    // Of `{"name": "key", "value": …}`: the class and colon of a name, the start of a value.
    let mut named: Option<(KeyClass, usize)> = None;
    let mut valued: Option<usize> = None;
    for colon in colons {
        if colon < resume {
            continue;
        }
        let Some(key) = key_before(text, colon) else { continue };
        let class = keys.class(key, memo);
        let start = colon + 1 + spaces_at(text, colon + 1);
        if class != KeyClass::Plain {
            resume = value(text, start, class, &mut found);
        }
        // `key` is both: a bare key and a name.
        if one_of(key, &NAMES) {
            let Some((class, _)) = string_class(text, start, keys, memo) else { continue };
            if class != KeyClass::Plain {
                named = Some((class, colon));
                if let Some(before) = valued.take().filter(|before| together(text, *before, colon)) {
                    value(&text[..colon], before, class, &mut found);
                }
            }
        } else if one_of(key, &VALUES) {
            valued = Some(start);
            if let Some((class, _)) = named.take().filter(|(_, name)| together(text, *name, colon)) {
                resume = value(text, start, class, &mut found);
            }
        }
    }
}

/// Call `found` for each secret in `["key", "value"]`, `("key", "value")` and `set("key", "value")`.
pub fn pairs(text: &[u8], keys: &Keys, memo: &mut KeyMemo, mut found: impl FnMut(Found)) {
    let mut resume = 0;
    for open in memchr2_iter(b'[', b'(', text) {
        if open < resume {
            continue;
        }
        let first = open + 1 + spaces_at(text, open + 1);
        let Some((class, after)) = string_class(text, first, keys, memo) else {
            continue;
        };
        if class == KeyClass::Plain {
            resume = headers_in_a_row(text, first, keys, memo, &mut found);
        }
        let comma = after + spaces_at(text, after);
        if class != KeyClass::Plain && text.get(comma) == Some(&b',') {
            let start = comma + 1 + spaces_at(text, comma + 1);
            // Only a near end is looked for, so that nothing is read twice; a far one is taken for granted.
            let near = &text[..text.len().min(start + PAIR_VALUE_BYTES_MAX)];
            let end = value_end(near, start);
            let call = text[open] == b'(' && open > 0 && is_word(text[open - 1]);
            let closed = matches!(near.get(end + spaces_at(near, end)), None | Some(b']' | b')'));
            let key = &text[first + 1..after - 1];
            if closed && !(call && argument_speaks(near, key, start, end)) {
                resume = value(text, start, class, &mut found);
            }
        }
    }
}

/// Names and values by turns from the string at `at`: `"Host", "x", "Authorization", "y"`. Gives where the row is left.
fn headers_in_a_row(
    text: &[u8],
    mut at: usize,
    keys: &Keys,
    memo: &mut KeyMemo,
    found: &mut impl FnMut(Found),
) -> usize {
    let mut common = false;
    for _ in 0..HEADERS_MAX / 2 {
        let Some(((start, end), after)) = string(text, at) else { break };
        common |= one_of(&text[start..end], &HEADERS);
        let comma = after + spaces_at(text, after);
        if !common || text.get(comma) != Some(&b',') {
            break;
        }
        let class = keys.class(&text[start..end], memo);
        let start = comma + 1 + spaces_at(text, comma + 1);
        let end = value_end(&text[..text.len().min(start + PAIR_VALUE_BYTES_MAX)], start);
        at = match class {
            KeyClass::Plain => end,
            _ => value(text, start, class, found).max(end),
        };
        at += spaces_at(text, at);
        if text.get(at) != Some(&b',') {
            break;
        }
        at += 1 + spaces_at(text, at + 1);
    }
    if common {
        at
    } else {
        0
    }
}

fn one_of(key: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|word| key.eq_ignore_ascii_case(word))
}

/// Two members that are near each other, in one object.
fn together(text: &[u8], first: usize, second: usize) -> bool {
    second - first <= PAIR_VALUE_BYTES_MAX && !text[first..second].contains(&b'{')
}

/// The class of the key that the short string at `at` names, and where the string ends.
fn string_class(text: &[u8], at: usize, keys: &Keys, memo: &mut KeyMemo) -> Option<(KeyClass, usize)> {
    let ((start, end), after) = string(text, at)?;
    Some((keys.class(&text[start..end], memo), after))
}

/// The content of the short string at `at` (`"…"`, `'…'`, `b'…'`), and the place after its quote.
fn string(text: &[u8], at: usize) -> Option<((usize, usize), usize)> {
    let start = at + prefix_len(text, at) + 1;
    let quote = *text.get(start - 1).filter(|byte| is_quote(**byte))?;
    let near = &text[start..text.len().min(start + PAIR_KEY_BYTES_MAX)];
    let end = start + near.iter().position(|byte| *byte == quote)?;
    Some(((start, end), end + 1))
}

/// Redact the value at `start` under a key of `class`; gives where it ends.
fn value(text: &[u8], start: usize, class: KeyClass, found: &mut impl FnMut(Found)) -> usize {
    let string = start + prefix_len(text, start);
    match (text.get(string), class) {
        (Some(b'{' | b'[' | b'('), KeyClass::Secret(rule)) => container(text, string, rule, found),
        (Some(byte), _) if is_quote(*byte) => {
            let end = string_end(text, string);
            if let Some(rule) = class.rule_for(&text[string + 1..end]) {
                leaf(text, string + 1, end, rule, false, found);
            }
            end
        }
        (Some(_), KeyClass::Secret(rule)) => {
            let end = word_end(text, start);
            if !speaks(text, start, end) {
                leaf(text, start, end, rule, true, found);
            }
            end
        }
        _ => start,
    }
}

/// `"api-token": secret "x" not found`: a word of a sentence, for after a value comes a comma or a bracket.
fn speaks(text: &[u8], start: usize, end: usize) -> bool {
    let next = text.get(end + spaces_at(text, end)).copied().unwrap_or(b',');
    text[start..end].iter().all(u8::is_ascii_alphabetic)
        && text.get(end) == Some(&b' ')
        && (next == b'"' || is_word(next))
}

/// `fail("password", "is too short")`, `t("password", "Password")`, `get("password", fallback)`: what follows the name
/// in `key` as an argument is no value.
fn argument_speaks(text: &[u8], key: &[u8], start: usize, end: usize) -> bool {
    let quoted = text.get(start + prefix_len(text, start)).is_some_and(|byte| is_quote(*byte));
    let value = text[start.min(end)..end].trim_ascii_end();
    let value = value.get(prefix_len(text, start) + 1..value.len().saturating_sub(1)).unwrap_or_default();
    let says = value.eq_ignore_ascii_case(key) || placeholders::says_nothing(value);
    !quoted || says || value.iter().any(u8::is_ascii_whitespace)
}

/// Where the value at `start` ends, looking no further than brackets that close.
fn value_end(text: &[u8], start: usize) -> usize {
    let quote = start + prefix_len(text, start);
    match text.get(quote) {
        Some(byte) if is_quote(*byte) => (string_end(text, quote) + 1).min(text.len()),
        Some(_) => word_end(text, start),
        None => text.len(),
    }
}

/// The key between the quotes before a colon; without an opening one, the word before the closing one.
fn key_before(text: &[u8], colon: usize) -> Option<&[u8]> {
    let spaces = text[..colon].iter().rev().take(SPACES_MAX).take_while(|byte| is_space(**byte)).count();
    let end = (colon - spaces).checked_sub(1)?;
    let quote = text[end];
    if !is_quote(quote) || escaped(text, end) {
        return None;
    }
    let from = end.saturating_sub(KEY_BYTES_MAX);
    let of_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let start = match text[from..end].iter().rposition(|byte| *byte == quote) {
        Some(at) => from + at + 1,
        None => from + text[from..end].iter().rposition(|byte| !of_key(byte)).map_or(0, |at| at + 1),
    };
    Some(&text[start..end])
}

/// A space, or what else is not seen: control characters stand where a line was damaged.
fn is_space(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

/// 1 where a string has a letter before its quote, as Python writes bytes: `b'…'`.
fn prefix_len(text: &[u8], at: usize) -> usize {
    let prefixed =
        matches!(text.get(at), Some(b'b' | b'u' | b'r' | b'f')) && text.get(at + 1).is_some_and(|b| is_quote(*b));
    usize::from(prefixed)
}

fn spaces_at(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take(SPACES_MAX).take_while(|byte| is_space(**byte)).count()
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

/// The end of a word; strings that stand right in it are part of it: `Decimal('1')`.
fn word_end(text: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < text.len() {
        match text[at] {
            byte if byte.is_ascii_whitespace() || b",;}])".contains(&byte) => return at,
            byte if is_quote(byte) && text[at - 1] != b'(' => return at,
            byte if is_quote(byte) => at = string_end(text, at),
            _ => {}
        }
        at += 1;
    }
    text.len()
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
        at += prefix_len(text, at);
        match text[at] {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            byte if is_quote(byte) => {
                let end = string_end(text, at);
                let after = end + 1 + spaces_at(text, end + 1);
                if text.get(after) != Some(&b':') {
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
