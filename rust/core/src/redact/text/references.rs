//! What stands in code where a secret would: a type, a variable, a call; and `templates`. It says where the secret is,
//! not what it is: `password: Optional[str]`, `password = os.environ["X"]`, `WHERE password = ?`.

use memchr::{memchr, memmem};

use crate::redact::bytes::is_word;
use crate::redact::text::placeholders::one_of;
use crate::redact::text::separator::SPACES_MAX;
use crate::redact::text::templates::{bound, chain_len, is_mount, path, printf, template, Names};
use crate::redact::text::types::is_type;

/// How far the end of a template, a type or a call is looked for, in bytes.
const REFERENCE_BYTES_MAX: usize = 256;

/// Longest name of a type of numbers, in bytes: `u128`.
const NUMBER_TYPE_BYTES_MAX: usize = 4;

/// What holds settings, arguments and answers in programs: `config.password`.
const HOLDERS: [&[u8]; 40] = [
    b"app",
    b"args",
    b"argv",
    b"auth",
    b"body",
    b"cfg",
    b"cls",
    b"conf",
    b"config",
    b"context",
    b"creds",
    b"credentials",
    b"ctx",
    b"data",
    b"each",
    b"env",
    b"environ",
    b"environment",
    b"form",
    b"input",
    b"local",
    b"module",
    b"options",
    b"opts",
    b"os",
    b"params",
    b"process",
    b"props",
    b"req",
    b"request",
    b"self",
    b"session",
    b"settings",
    b"state",
    b"sys",
    b"system",
    b"this",
    b"user",
    b"values",
    b"var",
];

/// What the names of functions begin with that find or make a value, so that their arguments say where it is.
const GETTERS: [&[u8]; 24] = [
    b"ask", b"cat", b"config", b"create", b"env", b"fetch", b"file", b"find", b"gen", b"get", b"input", b"load",
    b"lookup", b"make", b"must", b"option", b"param", b"prompt", b"rand", b"read", b"request", b"require", b"resolve",
    b"var",
];

/// A value that was found after a sign, before it is known to be one.
pub struct Candidate<'a> {
    pub text: &'a [u8],
    /// Name of the key, as it is written.
    pub key: &'a [u8],
    /// First byte of the value with its quote or bracket; end of its word.
    pub start: usize,
    pub end: usize,
    /// The byte between key and value, and whether a blank follows it.
    pub sign: u8,
    pub spaced: bool,
}

impl Candidate<'_> {
    /// Where the reference ends that stands in the place of a value; None where a value is. `secret`: a name is one of a
    /// secret.
    #[inline]
    pub fn reference_end(&self, secret: impl FnMut(&[u8]) -> bool) -> Option<usize> {
        let Self { text, start, .. } = *self;
        if text[start].is_ascii_digit() {
            return None;
        }
        // Most values are known by their first word: no name, type or template has a hyphen, or a digit if it is longer than
        // `u128`.
        let word =
            text[start..].iter().take(REFERENCE_BYTES_MAX).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let after = text.get(start + word).copied().unwrap_or(b' ');
        let hyphen = word > 0 && after == b'-' && text.get(start + word + 1) != Some(&b'>');
        let long = word > NUMBER_TYPE_BYTES_MAX && b" \n\r,;\"'".contains(&after);
        if hyphen || long && text[start..start + word].iter().any(u8::is_ascii_digit) {
            return None;
        }
        self.reference_end_of(secret)
    }

    #[inline(never)]
    fn reference_end_of(&self, secret: impl FnMut(&[u8]) -> bool) -> Option<usize> {
        let Self { text, start, end, .. } = *self;
        let near = &text[..text.len().min(start + REFERENCE_BYTES_MAX)];
        let near = &near[..start + memchr(b'\n', &near[start..]).unwrap_or(near.len() - start)];
        let mut names = Names { secret };
        if matches!(text[start], b'"' | b'\'' | b'`') {
            let inside = &near[start + 1..end.min(near.len()).max(start + 1)];
            return (template(inside).is_some() || printf(inside) || names.angle_brackets(inside)).then_some(end);
        }
        let rest = &near[start..];
        let whole = &rest[..rest.iter().position(|byte| b" \t\r,;&\"'<".contains(byte)).unwrap_or(rest.len())];
        let whole = &whole[..whole.iter().rposition(|byte| !b")]}.".contains(byte)).map_or(0, |at| at + 1)];
        template(rest)
            .or_else(|| self.type_end(rest))
            .or_else(|| self.expression_end(rest, &mut names))
            .map(|len| start + len)
            .or_else(|| (printf(whole) || bound(whole, &mut names) || path(whole)).then_some(start + whole.len()))
            .or_else(|| names.brackets(rest).map(|len| start + len))
            .or_else(|| (self.key.starts_with(b"--") && is_mount(whole)).then_some(start + whole.len()))
    }

    fn types_follow(&self) -> bool {
        matches!(self.sign, b':' | b'>')
    }

    /// `Optional[str]`, `Secret<String>`, `string | null`, `String!`, `[PSCredential]`: how long the type at the beginning
    /// is. A name alone is one only where types stand.
    fn type_end(&self, rest: &[u8]) -> Option<usize> {
        if let Some(inside) = rest.strip_prefix(b"[") {
            let name = dotted_len(inside);
            let last = inside[..name].rsplit(|byte| *byte == b'.').next()?;
            let listed = matches!(inside.get(name), Some(b']' | b';')) && is_type(last);
            return closing(rest).filter(|_| listed);
        }
        let name = rest.iter().take_while(|byte| is_word(**byte) || matches!(byte, b'.' | b':')).count();
        let base = rest[..name].rsplit(|byte| matches!(byte, b'.' | b':')).next()?;
        let known = is_type(base);
        let end = match rest.get(name) {
            Some(b'<' | b'[') if known || base.first().is_some_and(u8::is_ascii_uppercase) => {
                let inside = rest[name + 1..].trim_ascii_start();
                let argument = &inside[..inside.iter().take_while(|byte| is_word(**byte)).count()];
                let capital = rest[name] == b'<' && argument.first().is_some_and(u8::is_ascii_uppercase);
                let types = known || capital || is_type(argument);
                name + Some(closing(&rest[name..])?).filter(|_| {
                    types && !argument.is_empty() || inside.starts_with(b"]") || known && inside.starts_with(b"[")
                })?
            }
            Some(b'(') if known && self.types_follow() => return None,
            _ if known && self.types_follow() => name,
            // Whatever its name is: `password: Whatever = …`.
            Some(b' ') if self.types_follow() && name > 0 && !base.first().is_some_and(u8::is_ascii_digit) => {
                let assigned =
                    matches!(rest[name..].trim_ascii_start(), [b'=', next, ..] if !matches!(next, b'=' | b'>'));
                return assigned.then_some(name);
            }
            _ => return None,
        };
        let generic = end > name;
        let end = end + rest[end..].iter().take_while(|byte| b"?!*&".contains(byte)).count();
        let next = if generic { &rest[end..] } else { rest[end..].trim_ascii_start() };
        let ends = |byte: &u8| b",;)=|}]>{\"'\\".contains(byte) || generic && *byte == b' ';
        next.first().is_none_or(ends).then_some(end)
    }

    /// `self.password`, `$pass`, `os.environ["X"]`, `getpass()`, `new Secret(…)`: how long the expression is.
    fn expression_end(&self, rest: &[u8], names: &mut Names<impl FnMut(&[u8]) -> bool>) -> Option<usize> {
        let sigil = rest.iter().take_while(|byte| matches!(byte, b'$' | b'@' | b'&' | b'*')).count();
        let name = sigil + chain_len(&rest[sigil..]);
        let (chain, after) = (&rest[sigil..name], rest.get(name).copied().unwrap_or(b' '));
        let first = &chain[..chain.iter().take_while(|byte| is_word(**byte)).count()];
        let last = chain.rsplit(|byte| !is_word(*byte)).next()?;
        if !first.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') || last.is_empty() {
            return None;
        }
        match after {
            b'(' => {
                let getter = GETTERS
                    .iter()
                    .any(|verb| last.get(..verb.len()).is_some_and(|head| head.eq_ignore_ascii_case(verb)));
                // Its last argument was replaced: the text ends at its quote.
                let open =
                    || Some(rest.len() - name).filter(|_| getter && rest.ends_with(b"\"") | rest.ends_with(b"'"));
                let len = closing(&rest[name..]).or_else(open)?;
                let end = name + len;
                let statement = self.sign == b'=' && self.spaced || matches!(rest.get(end), Some(b',' | b';'));
                let goes_on = rest.get(end).is_some_and(|byte| is_word(*byte));
                let code = getter || (len == 2 || statement) && !names.literal(&rest[name..end]);
                (code && !goes_on).then_some(end)
            }
            b'[' => {
                let len = closing(&rest[name..])?;
                let inside = &rest[name + 1..name + len - 1];
                let index = inside.iter().all(u8::is_ascii_digit) && (self.spaced || sigil > 0);
                let code = !inside.is_empty()
                    && (inside.iter().any(|byte| b"\"'`".contains(byte))
                        || index
                        || inside[0] == b':'
                        || (names.secret)(inside));
                code.then_some(name + len)
            }
            _ if chain.iter().any(u8::is_ascii_digit) && !(self.spaced && self.sign == b'=') => None,
            _ if memmem::find(chain, b"::").is_some() => Some(name),
            _ if sigil > 0 || chain.len() > first.len() => {
                let holder = chain.len() > first.len() && one_of(first, &HOLDERS);
                let digits = last.iter().any(u8::is_ascii_digit);
                (holder || !digits && (names.secret)(last)).then_some(name)
            }
            _ => self.same_name(chain, &rest[name..], names).then_some(name),
        }
    }

    /// `self.password = password`, `f(password=password)`, `const password = newPassword;`: a variable of such a name.
    fn same_name(&self, name: &[u8], after: &[u8], names: &mut Names<impl FnMut(&[u8]) -> bool>) -> bool {
        let own = self.key.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        let argument = || {
            let before = self.text[..self.start - 1].strip_suffix(self.key).unwrap_or_default();
            before.iter().rev().take(SPACES_MAX).find(|byte| **byte != b' ').is_some_and(|byte| b"(,".contains(byte))
        };
        if name.eq_ignore_ascii_case(own) {
            return self.spaced || argument();
        }
        let ends = matches!(after.first(), Some(b',' | b';' | b')')) || self.sign == b'=' && self.key.contains(&b'.');
        let parted =
            name.contains(&b'_') || name[1..].iter().any(u8::is_ascii_uppercase) && name[0].is_ascii_lowercase();
        self.spaced && ends && parted && !name.iter().any(u8::is_ascii_digit) && (names.secret)(name)
    }
}

/// Length of `a.b` at the beginning.
fn dotted_len(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_word(**byte) || **byte == b'.').count()
}

/// Length of what the bracket at the beginning encloses, with both brackets; strings are skipped.
fn closing(text: &[u8]) -> Option<usize> {
    let open = text[0];
    let close = if open == b'(' { b')' } else { open + 2 };
    let (mut depth, mut quote) = (0_usize, None);
    for (at, &byte) in text.iter().enumerate() {
        match quote {
            Some(open) => quote = Some(open).filter(|open| *open != byte),
            None if matches!(byte, b'"' | b'\'' | b'`') => quote = Some(byte),
            None if byte == open => depth += 1,
            None if byte == close => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            None => {}
        }
    }
    None
}
