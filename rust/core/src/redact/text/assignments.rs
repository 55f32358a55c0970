//! `key=value` and `key: value` in plain text: the key rules without JSON around them.

use memchr::memchr_iter;

use crate::redact::bytes::{is_key_byte, table};
use crate::redact::keys::class::KeyClass;
use crate::redact::keys::{KeyMemo, Keys};
use crate::redact::text::entropy::{Window, WEIGHED_BYTES_MAX};
use crate::redact::text::password_end::{password_end, Enclosure};
use crate::redact::text::placeholders;
use crate::redact::text::references::Candidate;
use crate::redact::text::separator::{elsewhere, Sign, WordKind, KEY_BYTES_MAX, SPACES_MAX};
use crate::redact::text::states::{constant, tells};
use crate::redact::text::urls::{in_path, in_query, is_line_of_module, is_parameter, user_and_password};
use crate::redact::text::value_end::{Clear, Extent, Value};
use crate::redact::text::wrapping::plain_name;
use crate::redact::text::xml::{self, Open};

/// How far the `value=` of a `name=` is looked for, in bytes.
const PAIR_BYTES_MAX: usize = 256;
/// How much of a value under a key that says little is weighed, in bytes.
const BARE_BYTES_MAX: usize = 256;
const _: () = assert!(BARE_BYTES_MAX <= WEIGHED_BYTES_MAX);

/// Call `found(start, end, rule)` for each secret value in `text`; `signs` are its `=`, `:` and `>`, in order.
#[expect(clippy::too_many_arguments, reason = "per string or event: a struct would be filled each time")]
#[inline(never)]
pub fn scan(
    text: &[u8],
    keys: &Keys,
    memo: &mut KeyMemo,
    window: &mut Window,
    extent: impl Fn(u16) -> Extent,
    signs: impl Iterator<Item = usize>,
    found: impl FnMut(usize, usize, u16),
) {
    window.clear();
    let mut scan = Scan {
        text,
        keys,
        memo,
        window,
        extent,
        found,
        resume: 0,
        named: None,
        clear: Clear::default(),
        open: Open::default(),
        enclosure: Enclosure::default(),
    };
    for sign in signs.map(|at| Sign::plain(text, at)) {
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
    window: &'a mut Window,
    extent: E,
    found: F,
    /// Signs before it are inside a value.
    resume: usize,
    /// Of `name="key" value="…"`: the name.
    named: Option<Named>,
    /// What is known of the word that was read last.
    clear: Clear,
    open: Open,
    enclosure: Enclosure,
}

/// A key that `name=` gives: the sign, where the key stands, and its class once someone asked for it.
#[derive(Clone, Copy)]
struct Named {
    start: usize,
    end: usize,
    class: Option<KeyClass>,
}

impl<E: Fn(u16) -> Extent, F: FnMut(usize, usize, u16)> Scan<'_, E, F> {
    /// Look for a secret on both sides of a sign.
    fn sign(&mut self, sign: Sign) {
        let text = self.text;
        if sign.start < self.resume
            || !sign.may_follow_key(text)
            || self.memo.negative_cache.knows_before(text, sign.start)
        {
            return;
        }
        let (mut class, word, kind) = sign.key(text, self.keys, self.memo);
        let key = plain_name(&text[word.clone()]);
        if sign.byte == b'=' && is_parameter(&text[..word.start]) {
            class = self.keys.class_in_query(key, class);
        }
        if class == KeyClass::Plain && word.end == sign.start && !elsewhere(key, kind) {
            // Whether it is one if an escape takes its first letter is not known here.
            if !text[..word.start].ends_with(b"\\") {
                self.memo.negative_cache.remember_word(text, word);
            }
            return;
        }
        if !key.is_empty() && kind.has(WordKind::NAME | WordKind::VALUE) {
            // YAML writes such a pair with colons.
            let pair = sign.byte == b'=' || key.eq_ignore_ascii_case(b"name") || self.name_class() != KeyClass::Plain;
            class = if pair { self.named_class(sign, kind).unwrap_or(class) } else { class };
        }
        let Some(rule) = class.rule() else { return };
        // `MAIL_PASS` names a variable of the environment, which counts no passes.
        if matches!(class, KeyClass::Short(_)) && key.contains(&b'_') && !key.iter().any(u8::is_ascii_lowercase) {
            class = KeyClass::Secret(rule);
        }
        // `--- PASS: TestFloor/01`: go's test runner tells what went well. Base64 ends in `==`, and before it in any word.
        let of_test = text[..word.start].ends_with(b"--- ");
        if matches!(class, KeyClass::Short(_)) && (of_test || text.get(sign.end) == Some(&b'=')) {
            return;
        }
        // `image/token:1.2` and `http://secret.example:80` end in a tag or a port.
        let path = sign.byte == b':' && (in_path(text, sign) || is_line_of_module(text, key, sign, class));
        let path = path && !user_and_password(text, &word, sign, class);
        let Some(mut start) = sign.value_start(text).filter(|_| !path) else { return };
        // `print("Password: ")`
        if matches!(text[start], b'"' | b'\'') && self.enclosure.closed_by(text, start) {
            return;
        }
        if !self.weighs(sign, start, class) && !in_query(text, &word, start) {
            // `token = os.environ.get("X") or 'a1b2…'`: the literal is weighed.
            let literal = self.fallback(sign, key, start).filter(|literal| self.weighs(sign, *literal, class));
            let Some(literal) = literal else { return };
            start = literal;
        }
        if placeholders::is_placeholder(text, sign.start, start) || (key.ends_with(b"PWD") && text[start] == b'/') {
            return;
        }
        self.value(sign, key, start, class);
    }

    /// Look at what stands at `start` after the sign of a secret key: a value, or what only says where one is.
    fn value(&mut self, sign: Sign, key: &[u8], start: usize, class: KeyClass) {
        let (Some(rule), text) = (class.rule(), self.text) else { return };
        let value = Value { extent: (self.extent)(rule), coded: sign.is_coded() };
        let (from, mut end) = value.span(text, start, &mut self.clear);
        let quoted = start < from && text[start] != b'[';
        if from >= end || placeholders::nothing(&text[from..end]) || tells(text, key, if quoted { from } else { start })
        {
            return;
        }
        let metadata =
            !matches!(class, KeyClass::Secret(_)) && class.is_name() && class.rule_for(&text[from..end]).is_none();
        if metadata {
            return;
        }
        // A header holds credentials, and no code.
        if !sign.is_coded() && matches!(value.extent, Extent::Word | Extent::Password) {
            let Self { keys, memo, .. } = self;
            let candidate = Candidate { text, key, start, end, sign: sign.byte, spaced: start > sign.end };
            let mut secret = |name: &[u8]| keys.class(name, memo) != KeyClass::Plain;
            if let Some(end) = candidate.reference_end(&mut secret) {
                self.resume = end;
                if let Some(at) = candidate.fallback(end, secret) {
                    let (from, end) = Value::WORD.span(text, at, &mut self.clear);
                    if from < end && !placeholders::nothing(&text[from..end]) {
                        self.take(from, end, rule);
                    }
                    return;
                }
                return self.value_after_type(sign, key, end, class);
            }
            if from == start && value.extent == Extent::Password {
                end = password_end(text, start, end, sign.byte, &mut self.enclosure);
            }
        }
        self.take(from, end, rule);
    }

    /// The literal that counts if the reference at `start` gives nothing.
    fn fallback(&mut self, sign: Sign, key: &[u8], start: usize) -> Option<usize> {
        let Self { text, keys, memo, clear, .. } = self;
        let (_, end) = Value::WORD.span(text, start, clear);
        let candidate = Candidate { text, key, start, end, sign: sign.byte, spaced: start > sign.end };
        candidate.literal(|name| keys.class(name, memo) != KeyClass::Plain)
    }

    fn take(&mut self, start: usize, end: usize, rule: u16) {
        (self.found)(start, end, rule);
        self.resume = end;
    }

    /// `password: Optional[str] = "…"`: the value behind a type that ends at `end`.
    fn value_after_type(&mut self, sign: Sign, key: &[u8], end: usize, class: KeyClass) {
        let spaces = self.text[end..].iter().take(SPACES_MAX).take_while(|byte| **byte == b' ').count();
        let at = end + spaces;
        if sign.byte != b':' || self.text.get(at) != Some(&b'=') {
            return;
        }
        let sign = Sign::plain(self.text, at);
        let Some(start) = sign.value_start(self.text) else { return };
        if !placeholders::is_placeholder(self.text, at, start) && !constant(&self.text[start..]) {
            self.value(sign, key, start, class);
        }
    }

    /// Look for a secret behind the end of a tag.
    #[inline(never)]
    fn element(&mut self, sign: Sign) {
        if sign.start < self.resume {
            return;
        }
        if let Some(arrow) = sign.arrow(self.text) {
            return self.sign(arrow);
        }
        let mut named = None;
        if self.named.is_some_and(|name| near(self.text, name.end, sign)) {
            named = Some(self.name_class()).filter(|class| *class != KeyClass::Plain);
            self.named = None;
        }
        let Self { text, keys, memo, open, .. } = self;
        if let Some((start, end, rule)) = xml::secret(text, sign.start, named, keys, memo, open) {
            self.take(start, end, rule);
        }
    }

    /// Remember the key that `name=` gives, or give the class of the last one to `value=`.
    fn named_class(&mut self, sign: Sign, kind: WordKind) -> Option<KeyClass> {
        if kind.has(WordKind::NAME) {
            let near = &self.text[..self.text.len().min(sign.end + KEY_BYTES_MAX)];
            let span = sign.value_start(near).map(|start| Value::WORD.span(near, start, &mut self.clear));
            self.named = span.map(|(start, end)| Named { start, end, class: None });
            return None;
        }
        let name = self.named?;
        let class = Some(name).filter(|name| near(self.text, name.end, sign)).map(|_| self.name_class());
        self.named = None;
        class.filter(|class| *class != KeyClass::Plain)
    }

    /// The class of the last key that a `name=` gave. Few are ever asked for.
    fn name_class(&mut self) -> KeyClass {
        let Some(name) = &mut self.named else { return KeyClass::Plain };
        *name.class.get_or_insert_with(|| self.keys.class(&self.text[name.start..name.end], self.memo))
    }

    /// A value under a key that says little is one long word that looks random. `session:` and a UUID is the name of an
    /// entry in a cache.
    fn weighs(&mut self, sign: Sign, start: usize, class: KeyClass) -> bool {
        if class.is_name() {
            return true;
        }
        let near = &self.text[..self.text.len().min(start + BARE_BYTES_MAX)];
        let (start, end) = Value::WORD.span(near, start, &mut self.clear);
        // `session=<x>` is how a mail server calls a connection.
        if matches!(class, KeyClass::Bare(_)) && near[start - 1] == b'<' {
            return false;
        }
        let entry = near[sign.start] == b':' && start == sign.end;
        self.window.weighs(near, start, end, class, entry)
    }
}

/// Bytes before a sign that part it from any key.
const APART: [bool; 256] = table(b"=/({,<&!$#~^)}");

/// The sign of a text with escapes does not follow a secret key, whatever its escapes mean (`\u` and `\/` apart).
pub fn idle(text: &[u8], sign: usize, keys: &Keys, memo: &mut KeyMemo) -> bool {
    if text[..sign].last().is_none_or(|byte| APART[usize::from(*byte)]) || memo.negative_cache.knows_before(text, sign)
    {
        return true;
    }
    if text[sign] == b'>' && Sign::plain(text, sign).arrow(text).is_some() {
        return false;
    }
    let from = sign.saturating_sub(KEY_BYTES_MAX);
    let start = text[from..sign].iter().rposition(|byte| !is_key_byte(*byte)).map_or(from, |at| from + at + 1);
    let word = &text[start..sign];
    let mut plain = |word: &[u8]| {
        let name = plain_name(word);
        keys.class(name, memo) == KeyClass::Plain && !elsewhere(name, WordKind::of(name))
    };
    let idle = match (word, start.checked_sub(1).map(|at| text[at])) {
        ([], _) => false,
        // Cut short: the whole word is what counts.
        (_, Some(byte)) if is_key_byte(byte) || byte == b'%' || !byte.is_ascii() => false,
        // The first letter may be an escape's.
        (_, Some(b'\\')) => word.len() > 1 && plain(word) && plain(&word[1..]),
        (_, Some(b'?' | b'&' | b';')) if keys.class_in_query(word, KeyClass::Plain) != KeyClass::Plain => false,
        _ => plain(word),
    };
    if idle {
        memo.negative_cache.remember_word(text, start..sign);
    }
    idle
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::keys::{KeysPack, KEYS_TOML};
    use crate::spec::RedactSpec;

    fn redacted(text: &str) -> String {
        let pack: KeysPack = toml::from_str(KEYS_TOML).unwrap();
        let mut names: Vec<String> = Vec::new();
        let keys = Keys::new(&pack, &RedactSpec::default(), &[], |name| {
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
        scan(
            text.as_bytes(),
            &keys,
            &mut KeyMemo::default(),
            &mut Window::default(),
            extent,
            signs,
            |start, end, _| spans.push((start, end)),
        );
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
            ("password=$(cat /run/s || echo hunter2)", "password=$(cat /run/s || echo *)"),
            ("token = env.X or 'a1b2c3d4e5f6a7b8'", "token = env.X or '*'"),
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
            ("--- PASS: TestX/#07 (0.00s)", "--- PASS: TestX/#07 (0.00s)"),
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
