//! Where a password ends that stands without quotes. People choose it, so it may hold what ends a word elsewhere:
//! `password=Tr0ub4dor)&3`. What comes after it must stay: `(password=x)`, `password=x&next=/y`, `{password: x}`.

use memchr::memchr;

use crate::io::escape::backslashes;
use crate::redact::bytes::{is_key_byte, table};
use crate::redact::text::separator::KEY_BYTES_MAX;
use crate::redact::text::value_end::STOPS;

/// Longest password that is looked for beyond the end of a word, in bytes: nobody types a longer one, and a line without
/// blanks is data.
const PASSWORD_BYTES_MAX: usize = 128;
/// How far the end of a tag is looked for, in bytes.
const TAG_BYTES_MAX: usize = 32;
/// Quotes and brackets as HTML writes them, after the `&`.
const ENTITIES: [&[u8]; 7] = [b"quot;", b"#34;", b"#39;", b"apos;", b"lt;", b"gt;", b"nbsp;"];

const BLANK: [bool; 256] = table(b" \t\n\x0b\x0c\r");

/// What of brackets and quotes is open at a place of a line. Read once over a text, whatever the number of values.
#[derive(Default)]
pub struct Enclosure {
    at: usize,
    /// Brackets that are open, by `bracket`.
    open: [usize; 4],
    /// Quotes that are open, by `quote`; and those behind a backslash.
    quoted: [bool; 3],
    escaped: [bool; 3],
    /// Brackets that were open before the string at hand began, and the one that is inside it as an escaped text.
    before: [[usize; 4]; 2],
}

impl Enclosure {
    /// What is open where a value begins; values are asked for in order.
    pub fn at(&mut self, text: &[u8], at: usize) -> &Self {
        while let Some(len) = text[self.at.min(at)..at].iter().position(|byte| NOTABLE[usize::from(*byte)]) {
            self.at += len;
            self.read(text, self.at);
            self.at += 1;
        }
        self.at = self.at.max(at);
        self
    }

    fn read(&mut self, text: &[u8], at: usize) {
        let byte = text[at];
        if let Some(kind) = OPENING.iter().position(|open| *open == byte) {
            self.open[kind] += 1;
        } else if let Some(kind) = CLOSING.iter().position(|close| *close == byte) {
            self.open[kind] = self.open[kind].saturating_sub(1);
        } else if let Some(kind) = QUOTES.iter().position(|quote| *quote == byte) {
            let escaped = behind_backslash(text, at);
            let quoted = if escaped { &mut self.escaped } else { &mut self.quoted };
            quoted[kind] ^= !in_word(text, at);
            if byte == b'"' {
                // Brackets around a string close nothing in it.
                let before = &mut self.before[usize::from(escaped)];
                let open = std::mem::replace(&mut self.open, *before);
                if quoted[kind] {
                    (self.open, *before) = ([0; 4], open);
                }
            }
        } else if byte == b'\n' {
            let at = self.at;
            *self = Self { at, ..Self::default() };
        }
    }

    fn opened(&self, close: u8) -> bool {
        CLOSING.iter().position(|known| *known == close).is_some_and(|kind| self.open[kind] > 0)
    }

    /// The quote at `at` closes a string that began before, and nothing is written right after it.
    pub fn closed_by(&mut self, text: &[u8], at: usize) -> bool {
        let after = text.get(at + 1).is_none_or(|byte| BLANK[usize::from(*byte)] || b")]},;".contains(byte));
        after && self.at(text, at).in_quotes(text, at)
    }

    fn in_quotes(&self, text: &[u8], at: usize) -> bool {
        let quoted = if behind_backslash(text, at) { &self.escaped } else { &self.quoted };
        QUOTES.iter().position(|quote| *quote == text[at]).is_some_and(|kind| quoted[kind])
    }
}

/// What `Enclosure` counts, and the end of a line.
const NOTABLE: [bool; 256] = table(b"([{<)]}>\"'`\n");

const OPENING: [u8; 4] = *b"([{<";
const CLOSING: [u8; 4] = *b")]}>";
const QUOTES: [u8; 3] = *b"\"'`";

fn behind_backslash(text: &[u8], at: usize) -> bool {
    text[..at].last() == Some(&b'\\')
}

/// An apostrophe: `can't`.
fn in_word(text: &[u8], at: usize) -> bool {
    let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
    text[at] == b'\'' && letter(text[..at].last()) && letter(text.get(at + 1))
}

/// The end of the password at `start` whose first word ends at `end`, given what is open before. `sign`: the byte
/// between key and value.
pub fn password_end(text: &[u8], start: usize, end: usize, sign: u8, around: &mut Enclosure) -> usize {
    let near = &text[..text.len().min(start + PASSWORD_BYTES_MAX)];
    // The word before may be longer than a password.
    if end >= near.len() || BLANK[usize::from(near[end])] {
        return end;
    }
    let mut inside = Enclosure { at: start, ..Enclosure::default() };
    // A backslash before a quote is the quote's.
    let (mut last, mut at) = (end, near.len().min(end + backslashes(&near[end..])));
    while at < near.len() {
        // A call is a whole: `SecretStr('x')`.
        let closes = inside.at(near, at).opened(near[at]);
        if !closes && ends_at(text, at, sign, || around.at(text, start)) {
            break;
        }
        let next = at + 1;
        if closes {
            last = next;
        }
        at = near[next..].iter().position(|byte| STOPS[usize::from(*byte)]).map_or(near.len(), |len| next + len);
        // Punctuation at the end is a sentence's or a program's.
        if at > next {
            last = at - trailing_backslashes(&near[..at], near.get(at));
        }
    }
    if at == near.len() && at < text.len() && !BLANK[usize::from(text[at])] {
        return end;
    }
    last
}

fn trailing_backslashes(value: &[u8], next: Option<&u8>) -> usize {
    let quote = next.is_some_and(|byte| QUOTES.contains(byte));
    value.iter().rev().take_while(|byte| quote && **byte == b'\\').count()
}

/// The byte at `at`, with which a word ends, ends the password as well.
fn ends_at<'a>(text: &[u8], at: usize, sign: u8, around: impl FnOnce() -> &'a Enclosure) -> bool {
    let byte = text[at];
    let rest = &text[at + 1..];
    let Some(&next) = rest.first() else { return true };
    match byte {
        _ if BLANK[usize::from(byte)] || BLANK[usize::from(next)] => true,
        b')' | b']' | b'}' | b'>' => around().opened(byte) || opens_pair(rest, sign),
        b'"' | b'\'' | b'`' => around().in_quotes(text, at) || string_ended(rest, sign),
        b'<' => tag(rest),
        b'&' if ENTITIES.iter().any(|entity| rest.starts_with(entity)) => true,
        b'&' => pair(rest.strip_prefix(b"amp;").unwrap_or(rest), sign),
        _ => b"\"'`".contains(&next) || OPENING.contains(&next) && opens_pair(rest, sign) || pair(rest, sign),
    }
}

/// Behind a quote stands what stands behind a string, as where the beginning of a line is missing: `x", "next": …`.
fn string_ended(rest: &[u8], sign: u8) -> bool {
    let punctuation = rest.iter().take(TAG_BYTES_MAX).take_while(|byte| b",:;)]}>=\\".contains(byte)).count();
    let after = &rest[punctuation..];
    after.first().is_none_or(|byte| BLANK[usize::from(*byte)])
        || punctuation > 0 && (QUOTES.contains(&after[0]) || OPENING.contains(&after[0]) || pair(after, sign))
}

/// A bracket and `name=` behind it.
fn opens_pair(rest: &[u8], sign: u8) -> bool {
    matches!(rest.split_first(), Some((open, rest)) if OPENING.contains(open) && pair(rest, sign))
}

/// A tag begins behind `<`.
fn tag(rest: &[u8]) -> bool {
    let near = &rest[..rest.len().min(TAG_BYTES_MAX)];
    rest[0] == b'/' || rest[0].is_ascii_alphabetic() && memchr(b'>', near).is_some()
}

/// `name=` or `name:` follows. Names of several words are written with capitals: `Initial Catalog=`.
fn pair(rest: &[u8], sign: u8) -> bool {
    let near = &rest[..rest.len().min(KEY_BYTES_MAX)];
    let word = |from: usize| near[from..].iter().take_while(|byte| is_key_byte(**byte) || **byte == b'$').count();
    let mut end = word(0);
    while end > 0 && near[0].is_ascii_uppercase() && near.get(end) == Some(&b' ') {
        let more = word(end + 1);
        if more == 0 || !near[end + 1].is_ascii_uppercase() {
            break;
        }
        end += 1 + more;
    }
    if end == 0 || near[0].is_ascii_digit() {
        return false;
    }
    // `user[name]=`
    if near.get(end) == Some(&b'[') {
        end += near[end..].iter().position(|byte| *byte == b']').map_or(0, |len| len + 1);
    }
    let after = near.get(end + 1).copied().unwrap_or(b' ');
    match near.get(end) {
        // Base64 ends so.
        Some(b'=') => after != b'=' && !BLANK[usize::from(after)],
        Some(b':') => sign == b':' || BLANK[usize::from(after)],
        Some(b'%') => matches!(near.get(end + 1..end + 3), Some(b"3D" | b"3d" | b"3A" | b"3a")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::text::value_end::{Clear, Value};

    /// The password after the first sign of a text.
    fn password(text: &str) -> &str {
        let text_bytes = text.as_bytes();
        let key = text.find("password").unwrap();
        let sign = key + text[key..].find(['=', ':']).unwrap();
        let start = sign + 1 + usize::from(text_bytes[sign + 1] == b' ');
        let (_, end) = Value::WORD.span(text_bytes, start, &mut Clear::default());
        let mut around = Enclosure::default();
        &text[start..password_end(text_bytes, start, end, text_bytes[sign], &mut around)]
    }

    #[test]
    fn a_password_goes_on_over_what_ends_no_pair() {
        for (text, expected) in [
            ("password=Tr0ub4dor)&3 x", "Tr0ub4dor)&3"),
            ("password=a]b}c>d x", "a]b}c>d"),
            ("password=ab(cd)ef x", "ab(cd)ef"),
            ("(see x) password=a)b", "a)b"),
            ("password=a,b;c&d|e x", "a,b;c&d|e"),
            ("password=p@ss<w|rd x", "p@ss<w|rd"),
            ("password=it's\"so`x y", "it's\"so`x"),
            ("can't: password=ab'cd", "ab'cd"),
            ("password=a;b==", "a;b=="),
            ("\"msg\":\"password=a\\\"b c", "a\\\"b"),
        ] {
            assert_eq!(password(text), expected, "{text}");
        }
    }

    #[test]
    fn what_comes_after_a_password_is_not_part_of_it() {
        for (text, expected) in [
            ("password=b&next=/x", "b"),
            ("password=b&amp;next=/x", "b"),
            ("&quot;password=b&quot;x", "b"),
            ("(password=x)y", "x"),
            ("{password: x}", "x"),
            ("{password:x,user:y}", "x"),
            ("f(password=x, y=1)", "x"),
            ("f(g(password=x),y=1)", "x"),
            ("password=a,b,user=c", "a,b"),
            ("Server=s;password=a;b;User ID=c", "a;b"),
            ("Server=s;password=a;Initial Catalog=c", "a"),
            ("password=abc;", "abc"),
            ("password=abc, then", "abc"),
            ("password=abc);", "abc"),
            ("'password=x','y'", "x"),
            ("x\",\"password=x\",\"y", "x"),
            ("-d 'password=x'y", "x"),
            ("password=x\",\"y\":1", "x"),
            ("<td>password=x</td>", "x"),
            ("password=x<br>y", "x"),
            ("password=x](user=y)", "x"),
            ("password=x][user=y]", "x"),
            ("\\\"password=x\\\"y", "x"),
            ("password=x&user[name]=y", "x"),
        ] {
            assert_eq!(password(text), expected, "{text}");
        }
        let long = format!("password=x,{}", "y".repeat(PASSWORD_BYTES_MAX));
        assert_eq!(password(&long), "x");
    }
}
