//! `"key": value` pairs in text that is not JSON: broken lines, fragments of JSON in a message, Python's repr.
//! A pair is found from the shape around its colon, so odd quotes elsewhere hide nothing.

use memchr::{memchr2_iter, memrchr};

use crate::redact::bytes::is_word;
use crate::redact::calls::{self, Given};
use crate::redact::jwk;
use crate::redact::keys::class::KeyClass;
use crate::redact::keys::{KeyMemo, Keys};
use crate::redact::siblings::Part;
use crate::redact::text::arguments::{flag_follows, is_no_value};
use crate::redact::token::{is_token, token_len};

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
    let (mut object, mut members) = (Object::default(), jwk::Members::default());
    for colon in colons {
        if colon < resume {
            continue;
        }
        let Some(key) = key_before(text, colon) else { continue };
        object.move_to(text, colon, &mut found);
        let class = keys.class(key, memo);
        let start = colon + 1 + spaces_at(text, colon + 1);
        let part = Part::of(key);
        for private in members.private(text, object.open, key, start) {
            let class = keys.class(jwk::READ_AS, memo);
            resume = value(text, private, class, &mut found).max(resume);
        }
        match (class, part) {
            (KeyClass::Plain, _) => {}
            (KeyClass::Bare(_), Some(Part::Name)) if object.near(object.thing) => {}
            (KeyClass::Bare(_), Some(Part::Name)) => {
                resume = value(text, start, class, &mut |secret| object.held = Some(secret));
            }
            _ => resume = value(text, start, class, &mut found),
        }
        match part {
            // `key` is both: a bare key and a name.
            Some(Part::Name) => {
                let Some((class, _)) = string_class(text, start, keys, memo) else { continue };
                if class != KeyClass::Plain {
                    object.name = Some((class, colon));
                    if let Some(before) = object.value.take().filter(|before| object.near(Some(*before))) {
                        value(&text[..colon], before, class, &mut found);
                    }
                }
            }
            // Of a change there are two: `{"field": "password", "old": "a", "new": "b"}`.
            Some(Part::Value | Part::Values) => {
                object.value = Some(start);
                object.is_thing(colon);
                if let Some((class, _)) = object.name.filter(|(_, name)| object.near(Some(*name))) {
                    resume = value(text, start, class, &mut found).max(resume);
                }
            }
            Some(Part::OfThing) => object.is_thing(colon),
            Some(Part::Rows) if key == calls::PARAMS && object.near(object.login.map(|(_, method)| method)) => {
                let secret = object.login.take().and_then(|(given, _)| given.secret_at(text, start));
                resume = secret.map_or(resume, |(class, at)| value(text, at, class, &mut found).max(resume));
            }
            None if key == calls::METHOD => object.login = Some((Given::to_string_at(text, start, keys, memo), colon)),
            _ => {}
        }
    }
    object.held.map(found);
}

/// What was seen of the object at hand, as places in the text.
#[derive(Default)]
struct Object {
    /// Where it was opened, and up to where that is known.
    open: usize,
    at: usize,
    /// Of `{"name": "key", "value": …}`: the class and colon of a name, the start of a value.
    name: Option<(KeyClass, usize)>,
    value: Option<usize>,
    /// A sibling with which a `key` is the name of a thing.
    thing: Option<usize>,
    /// What a method is given, and its colon.
    login: Option<(Given, usize)>,
    /// The value of a `key`, which is a secret if no such sibling follows.
    held: Option<Found>,
}

impl Object {
    fn move_to(&mut self, text: &[u8], colon: usize, found: &mut impl FnMut(Found)) {
        if let Some(open) = memrchr(b'{', &text[self.at..colon]) {
            self.open = self.at + open;
            self.held.take().map(found);
        }
        self.at = colon;
    }

    /// A place is in this object, and not far.
    fn near(&self, place: Option<usize>) -> bool {
        place.is_some_and(|place| place >= self.open && self.at - place.min(self.at) <= PAIR_VALUE_BYTES_MAX)
    }

    fn is_thing(&mut self, colon: usize) {
        self.thing = Some(colon);
        self.held = None;
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
            let closed = matches!(near.get(end + spaces_at(near, end)), None | Some(b']' | b')'))
                || call && flag_follows(&near[end.min(near.len())..]);
            let key = &text[first + 1..after - 1];
            let argument = &near[start.min(end)..end];
            if closed && !(call && is_no_value(key, &argument[prefix_len(argument, 0).min(argument.len())..])) {
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
        // A token is no list, and what follows it is not under this key.
        (Some(b'['), _) if token_len(&text[string..]) > 0 => string + token_len(&text[string..]),
        (Some(b'{' | b'[' | b'('), class) if class.is_name() => match class.rule() {
            Some(rule) => container(text, string, rule, found),
            None => start,
        },
        (Some(byte), _) if is_quote(*byte) => {
            let end = string_end(text, string);
            leaf(text, string + 1, end, class, false, found);
            end
        }
        (Some(_), class) if class.is_name() => {
            let end = word_end(text, start);
            // `"password": <i>Password</i>`: a manual names what is to be put there.
            let named = text[start] == b'<' && text[start..end].ends_with(b">");
            if !named && !goes_on(text, start, end) {
                leaf(text, start, end, class, true, found);
            }
            end
        }
        _ => start,
    }
}

/// `"api-token": secret "x" not found`: a word of a sentence, for after a value comes a comma or a bracket.
fn goes_on(text: &[u8], start: usize, end: usize) -> bool {
    let next = text.get(end + spaces_at(text, end)).copied().unwrap_or(b',');
    text[start..end].iter().all(u8::is_ascii_alphabetic)
        && text.get(end) == Some(&b' ')
        && (next == b'"' || is_word(next))
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

fn leaf(text: &[u8], start: usize, end: usize, class: KeyClass, quoted: bool, found: &mut impl FnMut(Found)) {
    let value = &text[start..end];
    let word = |word: &[u8]| value.eq_ignore_ascii_case(word);
    let nothing = value.is_empty() || is_token(value);
    if nothing || (quoted && (word(b"true") || word(b"false") || word(b"null") || word(b"none"))) {
        return;
    }
    // What stands without quotes may be a number.
    let number = quoted && value.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte));
    if let Some(rule) = if number { class.rule_for_number(value) } else { class.rule_for(value) } {
        found(Found { start, end, rule, quoted });
    }
}

/// Every string and number leaf up to the bracket that closes the one at `open`, or the end of the text.
fn container(text: &[u8], open: usize, rule: u16, found: &mut impl FnMut(Found)) -> usize {
    let mut depth = 0_usize;
    let mut at = open;
    while at < text.len() {
        at += prefix_len(text, at);
        match text[at] {
            b'[' if at > open && token_len(&text[at..]) > 0 => at += token_len(&text[at..]) - 1,
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
                    leaf(text, at + 1, end, KeyClass::Secret(rule), false, found);
                }
                at = end;
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                let end = word_end(text, at);
                leaf(text, at, end, KeyClass::Secret(rule), true, found);
                at = end - 1;
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}
