//! What code takes where a reference gives nothing: `os.environ.get("X") or 'hunter2'`, `ENV['X'] || "hunter2"`,
//! `getenv("X", "hunter2")`. Such a literal is written out, and so a secret.

use memchr::{memchr, memmem};

use crate::redact::text::references::Candidate;
use crate::redact::text::separator::SPACES_MAX;

/// How far the literal of a condition is looked for, in bytes.
const CONDITION_BYTES_MAX: usize = 128;
/// Most references in a row before a literal: `a || b || 'hunter2'`.
const CHAIN_MAX: usize = 4;
/// Operators between a reference and what is taken instead; words stand between blanks.
const OPERATORS: [&[u8]; 5] = [b"||", b"??", b"?:", b"or ", b"{ "];
/// Conditions, and what stands before the other value: `x if x else 'hunter2'`, `x ? x : 'hunter2'`.
const CONDITIONS: [(&[u8], &[u8]); 2] = [(b"if ", b" else "), (b"? ", b" : ")];
/// What names the literal among arguments: `env("X", default="hunter2")`.
const DEFAULTS: [&[u8]; 3] = [b"default=", b"default:", b"default ="];

impl Candidate<'_> {
    /// Where the literal begins that counts if the reference here gives nothing; None if there is no reference.
    pub fn literal(&self, mut secret: impl FnMut(&[u8]) -> bool) -> Option<usize> {
        if !may_follow(self.text, self.start) {
            return None;
        }
        let end = self.reference_end(&mut secret)?;
        self.fallback(end, secret)
    }

    /// Where the literal begins that counts if the reference that ends at `end` gives nothing. `secret`: a name is one of a
    /// secret.
    pub fn fallback(&self, mut end: usize, mut secret: impl FnMut(&[u8]) -> bool) -> Option<usize> {
        let Self { text, start, .. } = *self;
        if let Some(at) = default_argument(&text[start..end]).or_else(|| echoed(&text[start..end])) {
            return Some(start + at);
        }
        for _ in 0..CHAIN_MAX {
            let next = end + alternative(&text[end..])?;
            if is_quote(*text.get(next)?) {
                return Some(next);
            }
            end = Candidate { start: next, end: next, spaced: true, ..*self }.reference_end(&mut secret)?;
        }
        None
    }
}

/// What stands at `start` may be a reference with a literal behind it. Most values are not, and are not read for it.
fn may_follow(text: &[u8], start: usize) -> bool {
    let near = &text[start..text.len().min(start + CONDITION_BYTES_MAX)];
    let word = near.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"._$".contains(byte)).count();
    let rest = &near[word..];
    word > 0
        && matches!(rest.first(), Some(b'(' | b'[' | b' ' | b'|' | b'?'))
        && rest.iter().any(|byte| is_quote(*byte))
        && (rest[0] != b' ' || alternative(rest).is_some())
}

/// Where the literal of a shell begins that stands in the place of a command which fails: `$(cat x || echo hunter2)`.
fn echoed(command: &[u8]) -> Option<usize> {
    let at = memmem::find(command, b"||")? + b"||".len();
    let echo = command[at..].trim_ascii_start().strip_prefix(b"echo ")?.trim_ascii_start();
    let literal = command.starts_with(b"$(") && echo.first().is_some_and(|byte| !b"$)\\".contains(byte));
    literal.then_some(command.len() - echo.len())
}

/// Where the value begins that an operator at the beginning puts in the place of what stands before it.
fn alternative(text: &[u8]) -> Option<usize> {
    let at = spaces(text);
    let rest = &text[at..];
    if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(operator)) {
        let value = at + operator.len();
        return Some(value + spaces(&text[value..]));
    }
    let (_, before) = CONDITIONS.iter().find(|(condition, _)| rest.starts_with(condition))?;
    let near = &rest[..rest.len().min(CONDITION_BYTES_MAX)];
    let near = &near[..memchr(b'\n', near).unwrap_or(near.len())];
    Some(at + memmem::find(near, before)? + before.len())
}

/// Where the literal begins that a call for a variable of the environment gives if there is none.
fn default_argument(call: &[u8]) -> Option<usize> {
    let open = memchr(b'(', call)?;
    let environment = call[..open].windows(3).any(|part| part.eq_ignore_ascii_case(b"env"));
    let [.., quote, b')'] = *call else { return None };
    if !environment || !is_quote(quote) {
        return None;
    }
    let comma = open + memchr(b',', &call[open..])? + 1;
    let value = comma + spaces(&call[comma..]);
    let named = DEFAULTS.iter().find(|name| call[value..].starts_with(name)).map_or(0, |name| name.len());
    let value = value + named + spaces(&call[value + named..]);
    (call[value] == quote && value + 3 < call.len()).then_some(value)
}

fn spaces(text: &[u8]) -> usize {
    text.iter().take(SPACES_MAX).take_while(|byte| **byte == b' ').count()
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The literal that counts after the reference that the text begins with, with its quote and what follows.
    fn fallback<'a>(text: &'a str, reference: &str) -> Option<&'a str> {
        let bytes = text.as_bytes();
        let candidate = Candidate { text: bytes, key: b"password", start: 0, end: 0, sign: b'=', spaced: true };
        candidate.fallback(reference.len(), |name| name == b"password").map(|at| &text[at..])
    }

    #[test]
    fn a_literal_counts_where_a_reference_gives_nothing() {
        for (reference, rest, expected) in [
            ("os.environ['X']", " or 'hunter2'", Some("'hunter2'")),
            ("process.env.X", "||\"hunter2\"", Some("\"hunter2\"")),
            ("process.env.X", " ?? process.env.Y ?? `a`", Some("`a`")),
            ("$c['password']", " ?: 'a'", Some("'a'")),
            ("ENV.fetch('X')", " { 'a' }", Some("'a' }")),
            ("args.x", " if args.x else 'a'", Some("'a'")),
            ("cfg.x", " ? cfg.x : 'a'", Some("'a'")),
            ("os.getenv('X', 'a1')", "", Some("'a1')")),
            ("env('X', default='a1')", "", Some("'a1')")),
            ("$(cat x || echo hunter2)", "", Some("hunter2)")),
            ("$(cat x || echo 'hunter2')", "", Some("'hunter2')")),
            ("$(cat x || echo $Y)", "", None),
            ("config.get('db', 'password')", "", None),
            ("os.environ['X']", " orders 'a'", None),
            ("os.environ['X']", " or die('a')", None),
            ("os.environ['X']", ", 'a'", None),
            ("process.env.X", " || other", None),
            ("os.getenv('X', '')", "", None),
            ("args.x", " if it\nelse 'a'", None),
        ] {
            assert_eq!(fallback(&format!("{reference}{rest}"), reference), expected, "{reference}{rest}");
        }
    }
}
