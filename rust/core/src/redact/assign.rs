//! `key=value` and `key: value` in plain text: the key rules without JSON around them.

use crate::redact::check;
use crate::redact::content::table;
use crate::redact::extent::{self, Extent};
use crate::redact::keys::{KeyClass, KeyMemo, Keys};
use crate::redact::prose;

/// Longest key looked back for, in bytes.
const KEY_BYTES_MAX: usize = 64;
/// Spaces allowed between a key, its sign and its value: tables are aligned.
const SPACES_MAX: usize = 64;
/// How much of a value under a bare key is weighed, in bytes.
const BARE_BYTES_MAX: usize = 256;
/// Words after which the word before says what is meant: `api key: …`, `password is: …`.
const VAGUE: [&[u8]; 7] = [b"key", b"token", b"is", b"was", b"code", b"value", b"hash"];

/// Call `found(start, end, rule)` for each secret value in `text`; `signs` are its `=` and `:`, in order.
pub fn scan(
    text: &[u8],
    keys: &Keys,
    memo: &mut KeyMemo,
    extent: impl Fn(u16) -> Extent,
    signs: impl Iterator<Item = usize>,
    mut found: impl FnMut(usize, usize, u16),
) {
    let mut resume = 0;
    for sign in signs {
        if sign < resume {
            continue;
        }
        let (class, key) = key_before(text, sign, keys, memo);
        let (KeyClass::Secret(rule) | KeyClass::Bare(rule)) = class else { continue };
        let Some(start) = value_start(text, sign) else { continue };
        if matches!(class, KeyClass::Bare(_)) && !weighs(text, start, class) {
            continue;
        }
        if prose::speaks(text, sign, start) || (key == b"PWD" && text[start] == b'/') {
            continue;
        }
        let (start, end) = extent::value(text, start, extent(rule));
        if start < end && !prose::nothing(&text[start..end]) {
            found(start, end, rule);
            resume = end;
        }
    }
}

/// Bytes before a sign that part it from any key.
const APART: [bool; 256] = table(b"=/({,<>&!*$#~`^)}");

/// The sign of a text with escapes does not follow a secret key, whatever its escapes mean (`\u` and `\/` apart).
pub fn idle(text: &[u8], sign: usize, keys: &Keys, memo: &mut KeyMemo) -> bool {
    let from = sign.saturating_sub(KEY_BYTES_MAX);
    let start = text[from..sign].iter().rposition(|byte| !is_key_byte(*byte)).map_or(from, |at| from + at + 1);
    let before = start.checked_sub(1).map(|at| text[at]);
    let word = &text[start..sign];
    let mut plain = |word: &[u8]| keys.class(word, memo) == KeyClass::Plain && !is_vague(word);
    match (word, before) {
        ([], None) => true,
        ([], Some(byte)) => APART[usize::from(byte)],
        // Cut short: the whole word is what counts.
        (_, Some(byte)) if is_key_byte(byte) => false,
        // The first letter may be an escape's.
        (_, Some(b'\\')) => word.len() > 1 && plain(word) && plain(&word[1..]),
        _ => plain(word),
    }
}

fn is_vague(word: &[u8]) -> bool {
    VAGUE.iter().any(|vague| word.eq_ignore_ascii_case(vague))
}

/// A value under a bare key is one long word that is no word of a language.
fn weighs(text: &[u8], start: usize, class: KeyClass) -> bool {
    let near = &text[..text.len().min(start + BARE_BYTES_MAX)];
    let (start, end) = extent::value(near, start, Extent::Word);
    class.rule_for(&near[start..end]).is_some() && check::entropy(&near[start..end])
}

fn is_key_byte(byte: u8) -> bool {
    KEY[usize::from(byte)]
}

const KEY: [bool; 256] = table(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-.");

/// The class of the key before a sign, and the key. `"key" =>` and `[key] =>` are how Ruby and PHP write them.
fn key_before<'a>(text: &'a [u8], sign: usize, keys: &Keys, memo: &mut KeyMemo) -> (KeyClass, &'a [u8]) {
    let word_before = |end: usize| {
        let from = end.saturating_sub(KEY_BYTES_MAX);
        text[from..end].iter().rposition(|byte| !is_key_byte(*byte)).map_or(from, |at| from + at + 1)
    };
    if text[..sign].last().is_none_or(|byte| APART[usize::from(*byte)]) {
        return (KeyClass::Plain, b"");
    }
    // Control characters and U+FFFD stand where a line was damaged.
    let space = |byte: &&u8| matches!(**byte, 0..=9 | 11 | 12 | 14..=b' ' | 0x7f | 0xef | 0xbf | 0xbd);
    let mut end = sign - text[..sign].iter().rev().take(SPACES_MAX).take_while(space).count();
    if text[sign] == b'=' && end > 0 && matches!(text[end - 1], b'"' | b'\'' | b']') {
        end -= 1;
        end -= usize::from(end > 0 && text[end] == b']' && matches!(text[end - 1], b'"' | b'\''));
    }
    let start = word_before(end);
    let word = &text[start..end];
    if start == end {
        return (KeyClass::Plain, word);
    }
    let class = keys.class(word, memo);
    if is_vague(word) && start > 1 && text[start - 1] == b' ' && is_key_byte(text[start - 2]) {
        let both = keys.class(&text[word_before(start - 1)..end], memo);
        if both != KeyClass::Plain {
            return (both, word);
        }
    }
    (class, word)
}

/// First byte of the value after the sign, past `==`, `=>`, `:=`, spaces and an opening quote's prefix.
fn value_start(text: &[u8], sign: usize) -> Option<usize> {
    let mut at = sign + 1;
    match (text[sign], text.get(at)?) {
        (b':', b':') => return None,
        (b':', b'/') if text.get(at + 1) == Some(&b'/') => return None,
        (_, b'=' | b'>') => at += 1,
        _ => {}
    }
    let spaces = text[at..]
        .iter()
        .take(SPACES_MAX)
        .take_while(|byte| matches!(byte, 0..=9 | 11 | 12 | 14..=b' ' | 0x7f))
        .count();
    at += spaces;
    // Python writes bytes as b'…'.
    if matches!(text.get(at), Some(b'b' | b'u' | b'r' | b'f')) && matches!(text.get(at + 1), Some(b'"' | b'\'')) {
        at += 1;
    }
    (at < text.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::keys::{KeysPack, KEYS_TOML};
    use crate::spec::RedactSpec;

    fn redacted(text: &str) -> String {
        let pack: KeysPack = toml::from_str(KEYS_TOML).unwrap();
        let mut names: Vec<String> = Vec::new();
        let keys = Keys::new(&pack, &RedactSpec::default(), |name| {
            names.push(name.to_owned());
            names.len() as u16 - 1
        });
        let extent = |rule: u16| match names[rule as usize].as_str() {
            "authorization" => Extent::Scheme,
            "cookie" => Extent::Line,
            _ => Extent::Word,
        };
        let mut out = String::new();
        let mut copied = 0;
        let signs = memchr::memchr2_iter(b'=', b':', text.as_bytes());
        scan(text.as_bytes(), &keys, &mut KeyMemo::default(), extent, signs, |start, end, _| {
            out += &text[copied..start];
            out += "*";
            copied = end;
        });
        out + &text[copied..]
    }

    #[test]
    fn values_go_and_what_only_speaks_of_secrets_stays() {
        for (text, expected) in [
            ("login with password=hunter2-000123", "login with password=*"),
            ("client_secret: s3cr3t-000123 rotated", "client_secret: * rotated"),
            ("https://x/?a=1&api_key=k0&b=2", "https://x/?a=1&api_key=*&b=2"),
            ("password = 'with space' x", "password = '*' x"),
            ("pwd=b'bytes'", "pwd=b'*'"),
            ("api key: k0 done", "api key: * done"),
            ("Authorization: Bearer abc def", "Authorization: * def"),
            ("Cookie: a=b; c=d", "Cookie: *"),
            ("password == x", "password == *"),
            ("token=short", "token=short"),
            ("token=a1b2c3d4e5f6a7b8", "token=*"),
            ("password=null, secret: None", "password=null, secret: None"),
            ("password=", "password="),
            ("max_tokens=500 author: bob", "max_tokens=500 author: bob"),
            ("secret: must be set, pin: ok, password: incorrect", "secret: must be set, pin: ok, password: incorrect"),
            ("authorization: denied for bob", "authorization: denied for bob"),
            ("Authorization: Bearer", "Authorization: Bearer"),
            ("password=******** secret: []", "password=******** secret: []"),
            ("PWD=/root", "PWD=/root"),
            ("password=okay secret: musty", "password=* secret: *"),
            ("password: ok-1", "password: *"),
            ("auth::Password::verify", "auth::Password::verify"),
            ("12:30:01 GET http://h:80/x", "12:30:01 GET http://h:80/x"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }
}
