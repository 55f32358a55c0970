//! `key=value` and `key: value` in plain text: the key rules without JSON around them.

use memchr::memchr2_iter;

use crate::redact::check;
use crate::redact::keys::{KeyClass, KeyMemo, Keys};

/// Longest key looked back for, in bytes.
const KEY_BYTES_MAX: usize = 64;
/// Spaces allowed between a key, its sign and its value.
const SPACES_MAX: usize = 4;
/// Words after which the word before says what is meant: `api key: …`, `password is: …`.
const VAGUE: [&[u8]; 7] = [b"key", b"token", b"is", b"was", b"code", b"value", b"hash"];
/// Values that give nothing away.
const EMPTY: [&[u8]; 7] = [b"null", b"none", b"nil", b"true", b"false", b"undefined", b"-"];
/// Authorization schemes (RFC 9110 section 11) whose credentials are one word; those of others go on to the line's end.
const ONE_WORD_SCHEMES: [&[u8]; 6] = [b"bearer", b"basic", b"token", b"apikey", b"negotiate", b"ssws"];
const LONG_SCHEMES: [&[u8]; 4] = [b"digest", b"aws4-hmac-sha256", b"oauth", b"hawk"];

/// What the rule of a key means for the extent of its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Word,
    /// `Authorization`: a scheme and its credentials.
    Scheme,
    /// `Cookie`: everything to the end of the line.
    Line,
}

/// Call `found(start, end, rule)` for each secret value in `text`.
pub fn scan(
    text: &[u8],
    keys: &Keys,
    memo: &mut KeyMemo,
    extent: impl Fn(u16) -> Extent,
    mut found: impl FnMut(usize, usize, u16),
) {
    let mut resume = 0;
    for sign in memchr2_iter(b'=', b':', text) {
        if sign < resume {
            continue;
        }
        let class = key_before(text, sign, keys, memo);
        let (KeyClass::Secret(rule) | KeyClass::Bare(rule)) = class else { continue };
        let Some(start) = value_start(text, sign) else { continue };
        let (start, end) = value(text, start, extent(rule));
        let secret = &text[start..end];
        let empty = secret.is_empty() || EMPTY.iter().any(|word| secret.eq_ignore_ascii_case(word));
        let bare = matches!(class, KeyClass::Bare(_)) && (class.rule_for(secret).is_none() || !check::entropy(secret));
        if !empty && !bare {
            found(start, end, rule);
            resume = end;
        }
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn key_before(text: &[u8], sign: usize, keys: &Keys, memo: &mut KeyMemo) -> KeyClass {
    let word_before = |end: usize| {
        let from = end.saturating_sub(KEY_BYTES_MAX);
        text[from..end].iter().rposition(|byte| !is_key_byte(*byte)).map_or(from, |at| from + at + 1)
    };
    let spaces = text[..sign].iter().rev().take(SPACES_MAX).take_while(|byte| **byte == b' ').count();
    let end = sign - spaces;
    let start = word_before(end);
    if start == end {
        return KeyClass::Plain;
    }
    let word = &text[start..end];
    let class = keys.class(word, memo);
    let vague = VAGUE.iter().any(|vague| word.eq_ignore_ascii_case(vague));
    if vague && start > 1 && text[start - 1] == b' ' && is_key_byte(text[start - 2]) {
        let both = keys.class(&text[word_before(start - 1)..end], memo);
        if both != KeyClass::Plain {
            return both;
        }
    }
    class
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
    let spaces = text[at..].iter().take(SPACES_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    at += spaces;
    // Python writes bytes as b'…'.
    if matches!(text.get(at), Some(b'b' | b'u' | b'r' | b'f')) && matches!(text.get(at + 1), Some(b'"' | b'\'')) {
        at += 1;
    }
    (at < text.len()).then_some(at)
}

fn value(text: &[u8], start: usize, extent: Extent) -> (usize, usize) {
    let quote = text[start];
    if matches!(quote, b'"' | b'\'' | b'`') {
        let from = start + 1;
        let end = text[from..].iter().position(|byte| *byte == quote || *byte == b'\n');
        return (from, end.map_or(text.len(), |at| from + at));
    }
    let line_end = || {
        let end = text[start..].iter().position(|byte| matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'}'));
        end.map_or(text.len(), |at| start + at)
    };
    let end = match extent {
        Extent::Line => line_end(),
        Extent::Scheme => scheme_end(text, start, line_end),
        Extent::Word => word_end(text, start),
    };
    // A backslash before a quote is the quote's.
    let trimmed = match text.get(end) {
        Some(b'"' | b'\'') => {
            text[start..end].iter().rposition(|byte| *byte != b'\\').map_or(start, |at| start + at + 1)
        }
        _ => end,
    };
    (start, trimmed)
}

fn scheme_end(text: &[u8], start: usize, line_end: impl Fn() -> usize) -> usize {
    let end = word_end(text, start);
    let scheme = &text[start..end];
    if LONG_SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return line_end();
    }
    if ONE_WORD_SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) && text.get(end) == Some(&b' ') {
        let next = end + 1;
        return if next < text.len() { word_end(text, next).max(end) } else { end };
    }
    end
}

fn word_end(text: &[u8], start: usize) -> usize {
    let stops = |byte: &u8| byte.is_ascii_whitespace() || b",;&)]}<>\"'|`".contains(byte);
    text[start..].iter().position(stops).map_or(text.len(), |at| start + at)
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
        scan(text.as_bytes(), &keys, &mut KeyMemo::default(), extent, |start, end, _| {
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
            ("auth::Password::verify", "auth::Password::verify"),
            ("12:30:01 GET http://h:80/x", "12:30:01 GET http://h:80/x"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }
}
