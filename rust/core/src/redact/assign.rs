//! `key=value` and `key: value` in plain text: the key rules without JSON around them.

use memchr::memchr_iter;

use crate::redact::check;
use crate::redact::content::table;
use crate::redact::dull::BEFORE_BYTES;
use crate::redact::element::{self, plain_name, spaces_at, typed, SPACES_MAX, TYPES};
use crate::redact::extent::{self, Extent};
use crate::redact::keys::{KeyClass, KeyMemo, Keys};
use crate::redact::lenient::{NAMES, VALUES};
use crate::redact::prose;

/// Longest key looked back for, in bytes.
const KEY_BYTES_MAX: usize = 64;
/// How much of a value under a bare key is weighed, in bytes.
const BARE_BYTES_MAX: usize = 256;
/// Words after which the word before says what is meant: `api key: …`, `password is: …`.
const VAGUE: [&[u8]; 7] = [b"key", b"token", b"is", b"was", b"code", b"value", b"hash"];

/// How far the `value=` of a `name=` is looked for, in bytes.
const PAIR_BYTES_MAX: usize = 256;

/// What stands between a key and its value: `=` or `:`, also as URLs write them, or the end of a tag.
#[derive(Clone, Copy)]
struct Sign {
    start: usize,
    end: usize,
    byte: u8,
}

/// Call `found(start, end, rule)` for each secret value in `text`; `signs` are its `=`, `:` and `>`, in order.
pub fn scan(
    text: &[u8],
    keys: &Keys,
    memo: &mut KeyMemo,
    extent: impl Fn(u16) -> Extent,
    signs: impl Iterator<Item = usize>,
    found: impl FnMut(usize, usize, u16),
) {
    let mut scan = Scan { text, keys, memo, extent, found, resume: 0, named: None };
    for start in signs {
        let sign = Sign { start, end: start + 1, byte: text[start] };
        match sign.byte {
            b'>' => scan.element(sign),
            _ => scan.sign(sign),
        }
    }
    scan.resume = 0;
    memchr_iter(b'%', text).filter_map(|at| Sign::coded(text, at)).for_each(|sign| scan.sign(sign));
}

struct Scan<'a, E, F> {
    text: &'a [u8],
    keys: &'a Keys,
    memo: &'a mut KeyMemo,
    extent: E,
    found: F,
    /// Signs before it are inside a value.
    resume: usize,
    /// Of `name="key" value="…"`: the class of the name and where it ends.
    named: Option<(KeyClass, usize)>,
}

impl<E: Fn(u16) -> Extent, F: FnMut(usize, usize, u16)> Scan<'_, E, F> {
    /// Look for a secret on both sides of a sign.
    fn sign(&mut self, sign: Sign) {
        if sign.start < self.resume {
            return;
        }
        let text = self.text;
        let (mut class, key) = key_before(text, sign, self.keys, self.memo);
        // YAML writes such a pair with colons.
        if !key.is_empty() && (sign.byte == b'=' || self.named.is_some() || key.eq_ignore_ascii_case(b"name")) {
            class = self.named_class(sign, key).unwrap_or(class);
        }
        let Some(rule) = class.rule() else { return };
        // `MAIL_PASS` names a variable of the environment, which counts no passes.
        if matches!(class, KeyClass::Short(_)) && key.contains(&b'_') && !key.iter().any(u8::is_ascii_lowercase) {
            class = KeyClass::Secret(rule);
        }
        // Base64 ends in `==`, and before it in any word.
        if matches!(class, KeyClass::Short(_)) && text.get(sign.end) == Some(&b'=') {
            return;
        }
        // `image/token:1.2` and `http://secret.example:80` end in a tag or a port.
        if sign.byte == b':' && in_path(text, sign) {
            return;
        }
        let Some(start) = value_start(text, sign).filter(|start| weighs(text, sign, *start, class)) else { return };
        if prose::speaks(text, sign.start, start) || (key.ends_with(b"PWD") && text[start] == b'/') {
            return;
        }
        let (start, end) = extent::value(text, start, (self.extent)(rule));
        let end = if sign.escaped() { start + escaped_end(&text[start..end]) } else { end };
        if start < end && !prose::nothing(&text[start..end]) {
            (self.found)(start, end, rule);
            self.resume = end;
        }
    }

    /// Look for a secret behind the end of a tag.
    #[inline(never)]
    fn element(&mut self, sign: Sign) {
        if sign.start < self.resume {
            return;
        }
        let named = self.named.take_if(|(_, from)| near(self.text, *from, sign)).map(|(class, _)| class);
        if let Some((start, end, rule)) = element::secret(self.text, sign.start, named, self.keys, self.memo) {
            (self.found)(start, end, rule);
            self.resume = end;
        }
    }

    /// Remember the key that `name=` gives, or give the class of the last one to `value=`.
    fn named_class(&mut self, sign: Sign, key: &[u8]) -> Option<KeyClass> {
        if one_of(key, &NAMES) {
            self.named = name(self.text, sign, self.keys, self.memo);
            return None;
        }
        let (class, from) = self.named.take_if(|_| one_of(key, &VALUES))?;
        near(self.text, from, sign).then_some(class)
    }
}

/// Bytes before a sign that part it from any key.
const APART: [bool; 256] = table(b"=/({,<>&!*$#~`^)}");

/// The sign of a text with escapes does not follow a secret key, whatever its escapes mean (`\u` and `\/` apart).
pub fn idle(text: &[u8], sign: usize, keys: &Keys, memo: &mut KeyMemo) -> bool {
    let near = text[..sign].last_chunk();
    if near.is_some_and(|near| memo.dull.knows(near)) {
        return true;
    }
    let from = sign.saturating_sub(KEY_BYTES_MAX);
    let start = text[from..sign].iter().rposition(|byte| !is_key_byte(*byte)).map_or(from, |at| from + at + 1);
    let before = start.checked_sub(1).map(|at| text[at]);
    let word = &text[start..sign];
    // A type, a name or a value has its key elsewhere, and `.=` is a sign.
    let other = |word: &[u8]| {
        one_of(word, &VAGUE) || one_of(word, &TYPES) || one_of(word, &NAMES) || one_of(word, &VALUES) || word == b"."
    };
    let mut plain = |word: &[u8]| keys.class(plain_name(word), memo) == KeyClass::Plain && !other(word);
    let idle = match (word, before) {
        ([], None) => true,
        ([], Some(byte)) => APART[usize::from(byte)],
        // Cut short: the whole word is what counts.
        (_, Some(byte)) if is_key_byte(byte) || byte == b'%' => false,
        // The first letter may be an escape's.
        (_, Some(b'\\')) => word.len() > 1 && plain(word) && plain(&word[1..]),
        _ => plain(word),
    };
    // The word and the byte before it say all.
    if let Some(near) = near.filter(|_| idle && sign - start < BEFORE_BYTES) {
        memo.dull.remember(near);
    }
    idle
}

/// A text may hold a sign as URLs write it.
pub fn may_hide(text: &[u8]) -> bool {
    memchr_iter(b'%', text).any(|at| Sign::coded(text, at).is_some())
}

fn one_of(word: &[u8], list: &[&[u8]]) -> bool {
    list.iter().any(|known| word.eq_ignore_ascii_case(known))
}

impl Sign {
    fn coded(text: &[u8], start: usize) -> Option<Self> {
        let byte = match text.get(start + 1..start + 3)? {
            b"3D" | b"3d" => b'=',
            b"3A" | b"3a" => b':',
            _ => return None,
        };
        Some(Self { start, end: start + 3, byte })
    }

    fn escaped(self) -> bool {
        self.end > self.start + 1
    }
}

/// The class that the short value after `name=` has as a key, and where it ends.
fn name(text: &[u8], sign: Sign, keys: &Keys, memo: &mut KeyMemo) -> Option<(KeyClass, usize)> {
    let near = &text[..text.len().min(sign.end + KEY_BYTES_MAX)];
    let (start, end) = extent::value(near, value_start(near, sign)?, Extent::Word);
    Some((keys.class(&near[start..end], memo), end)).filter(|(class, _)| *class != KeyClass::Plain)
}

/// A path or a name of several parts (`arn:aws:…:secret:x`) goes on: something follows a colon at once.
fn in_path(text: &[u8], sign: Sign) -> bool {
    let word = text[..sign.start].iter().rposition(|byte| !is_key_byte(*byte));
    word.is_some_and(|at| matches!(text[at], b'/' | b':'))
        && text.get(sign.end).is_some_and(|byte| is_key_byte(*byte) || *byte == b'/')
}

/// A value that belongs to the name that ends at `from`: in the same element or record.
fn near(text: &[u8], from: usize, sign: Sign) -> bool {
    // The name's value may hold signs. YAML has both on lines of their own.
    let Some(between) = text.get(from..sign.start).filter(|between| between.len() <= PAIR_BYTES_MAX) else {
        return false;
    };
    let lines = memchr_iter(b'\n', between).count();
    !between.iter().any(|byte| b"<>{}".contains(byte)) && lines <= usize::from(sign.byte == b':')
}

/// A value under a key that says little is one long word that looks random. `session:` and a UUID is the name of an
/// entry in a cache.
fn weighs(text: &[u8], sign: Sign, start: usize, class: KeyClass) -> bool {
    if matches!(class, KeyClass::Secret(_)) {
        return true;
    }
    let near = &text[..text.len().min(start + BARE_BYTES_MAX)];
    let (start, end) = extent::value(near, start, Extent::Word);
    let value = &near[start..end];
    // `session=<x>` is how a mail server calls a connection.
    let entry = (text[sign.start] == b':' && start == sign.end && check::uuid(value)) || text[start - 1] == b'<';
    class.rule_for(value).is_some() && !matches!(class, KeyClass::Bare(_) if entry || !check::random(value))
}

/// The end of a value in an escaped query: the `&` or quote after it.
fn escaped_end(value: &[u8]) -> usize {
    let ends = |part: &[u8]| matches!(part, b"%26" | b"%22" | b"%27" | b"%20" | b"%2C" | b"%2c" | b"%7D" | b"%7d");
    value.windows(3).position(ends).unwrap_or(value.len())
}

fn is_key_byte(byte: u8) -> bool {
    KEY[usize::from(byte)]
}

const KEY: [bool; 256] = table(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-.");

/// Quotes as URLs and HTML write them.
const QUOTES: [&[u8]; 5] = [b"%22", b"%27", b"&quot;", b"&#34;", b"&#39;"];

/// Where the key before a sign ends. `"key" =>`, `[key] =>` and `key ?=` are how Ruby, PHP and make write them.
fn key_end(text: &[u8], sign: Sign) -> usize {
    // Control characters and U+FFFD stand where a line was damaged.
    let space = |byte: &&u8| matches!(**byte, 0..=9 | 11 | 12 | 14..=b' ' | 0x7f | 0xef | 0xbf | 0xbd);
    let spaces = |end: usize| text[..end].iter().rev().take(SPACES_MAX).take_while(space).count();
    let mut end = sign.start - spaces(sign.start);
    if sign.byte == b'=' && !sign.escaped() {
        let operator = text[..end].iter().rev().take(3).take_while(|byte| b":?.+|".contains(byte)).count();
        if operator > 0 {
            end -= operator;
            end -= spaces(end);
        }
        if end > 0 && matches!(text[end - 1], b'"' | b'\'' | b']') {
            end -= 1;
            end -= usize::from(end > 0 && text[end] == b']' && matches!(text[end - 1], b'"' | b'\'' | b'['));
        }
    }
    if end > 0 && matches!(text[end - 1], b'2' | b'7' | b';') {
        end -= QUOTES.iter().find(|quote| text[..end].ends_with(quote)).map_or(0, |quote| quote.len());
    }
    end
}

/// The class of the key before a sign, and the key.
fn key_before<'a>(text: &'a [u8], sign: Sign, keys: &Keys, memo: &mut KeyMemo) -> (KeyClass, &'a [u8]) {
    let word_before = |end: usize| {
        let from = end.saturating_sub(KEY_BYTES_MAX);
        let start = text[from..end].iter().rposition(|byte| !is_key_byte(*byte)).map_or(from, |at| from + at + 1);
        // Two hexadecimal digits after `%` are a byte of their own.
        if start > 0 && text[start - 1] == b'%' {
            end.min(start + 2)
        } else {
            start
        }
    };
    if text[..sign.start].last().is_none_or(|byte| APART[usize::from(*byte)]) {
        return (KeyClass::Plain, b"");
    }
    let mut end = key_end(text, sign);
    let mut start = word_before(end);
    if sign.byte == b'=' && one_of(&text[start..end], &TYPES) {
        let apart = text[..start].iter().rev().take(SPACES_MAX).take_while(|byte| b" :*&".contains(byte)).count();
        if apart > 0 {
            end = start - apart;
            start = word_before(end);
        }
    }
    let word = plain_name(&text[start..end]);
    if start == end {
        return (KeyClass::Plain, word);
    }
    let class = keys.class(word, memo);
    if one_of(word, &VAGUE) && start > 1 && text[start - 1] == b' ' && is_key_byte(text[start - 2]) {
        let both = keys.class(&text[word_before(start - 1)..end], memo);
        if both != KeyClass::Plain {
            return (both, word);
        }
    }
    (class, word)
}

/// First byte of the value after the sign, past `==`, `=>`, `:=`, spaces and an opening quote's prefix.
fn value_start(text: &[u8], sign: Sign) -> Option<usize> {
    let mut at = sign.end;
    match (text[sign.start], text.get(at)?) {
        (b':', b':') => return None,
        (b':', b'/') if text.get(at + 1) == Some(&b'/') => return None,
        (b'=' | b':', b'=' | b'>') => at += 1,
        _ => {}
    }
    at += spaces_at(text, at);
    at += QUOTES.iter().find(|quote| text[at..].starts_with(quote)).map_or(0, |quote| quote.len());
    at += element::wrapping(&text[at..]);
    // Python writes bytes as b'…'.
    if matches!(text.get(at), Some(b'b' | b'u' | b'r' | b'f' | b'@')) && matches!(text.get(at + 1), Some(b'"' | b'\''))
    {
        at += 1;
    }
    (at < text.len() && !(sign.byte == b':' && typed(text, at))).then_some(at)
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
        let signs = memchr::memchr3_iter(b'=', b':', b'>', text.as_bytes());
        let mut spans = Vec::new();
        scan(text.as_bytes(), &keys, &mut KeyMemo::default(), extent, signs, |start, end, _| spans.push((start, end)));
        spans.sort_unstable();
        let mut out = text.to_owned();
        spans.iter().rev().for_each(|(start, end)| out.replace_range(start..end, "*"));
        out
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
            ("PWD=/root OLDPWD=/ dbpwd=x", "PWD=/root OLDPWD=/ dbpwd=*"),
            ("(pw:hunter2) k9pw== data9 apikey[]=x", "(pw:*) k9pw== data9 apikey[]=*"),
            ("password=okay secret: musty", "password=* secret: *"),
            ("password: ok-1", "password: *"),
            ("auth::Password::verify", "auth::Password::verify"),
            ("12:30:01 GET http://h:80/x", "12:30:01 GET http://h:80/x"),
            ("apiToken := `a` xToken ::= 'Zf3D0LXCM3EIMbgJ'", "apiToken := `*` xToken ::= '*'"),
            ("DB_PASSWORD ?= \"x1\" $password .= 'x2'", "DB_PASSWORD ?= \"*\" $password .= '*'"),
            ("var password string = \"x\"; password: str = 'y'", "var password string = \"*\"; password: str = '*'"),
            ("password: string", "password: string"),
            ("next=%2Fa%3Fpassword%3Dhunter2%26b%3D1 x", "next=%2Fa%3Fpassword%3D*%26b%3D1 x"),
            ("%22password%22%3A%22hunter2%22%7D", "%22password%22%3A%22*%22%7D"),
            ("&quot;password&quot;:&quot;hunter2&quot;", "&quot;password&quot;:&quot;*&quot;"),
            ("<add key=\"DbPassword\" value=\"x y\" />", "<add key=\"DbPassword\" value=\"*\" />"),
            ("<dbPassword>x y</dbPassword><n>1</n>", "<dbPassword>*</dbPassword><n>1</n>"),
            ("<entry key=\"token\">a1b2c3d4e5f6a7b8</entry>", "<entry key=\"token\">*</entry>"),
            ("- name: PASSWORD\n  value: x\n  value: y", "- name: PASSWORD\n  value: *\n  value: y"),
            (
                "java -Dapi.key=k0 token: Some(\"x\") password: Some(\"x\")",
                "java -Dapi.key=* token: Some(\"x\") password: Some(\"*\")",
            ),
            ("[\"password\"]=> string(2) \"x1\"", "[\"password\"]=> string(2) \"*\""),
            ("<a name=\"password\"><b value=\"x\">", "<a name=\"password\"><b value=\"x\">"),
            ("user=bob&pass=hunter2 pass=12 pass=first-stage", "user=bob&pass=* pass=12 pass=first-stage"),
            ("MAIL_PASS=whiteduke TESTS_PASS: no", "MAIL_PASS=* TESTS_PASS: no"),
            ("slack_token=Zf3D0LXCM3EIMbgJ next_token=Zf3D0LXCM3EIMbgJ", "slack_token=* next_token=Zf3D0LXCM3EIMbgJ"),
            ("team/token:a1b2c3d4e5f6a7b8 http://secret.x:80/", "team/token:a1b2c3d4e5f6a7b8 http://secret.x:80/"),
            ("password=$DB_PASSWORD password=${X} password=$ecret1", "password=$DB_PASSWORD password=${X} password=*"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }
}
