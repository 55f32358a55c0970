//! A private key whose lines come one by one: from its first line to its last, or to the end of what may be remembered.
//! PEM (RFC 7468), its older form with headers (RFC 1421), OpenPGP (RFC 9580), SSH2 (RFC 4716) and PuTTY.

use memchr::memmem;

use super::head::Head;
use crate::io::percent::percent;

/// Most lines from the first one to the last: a key of 16,384 bits has 200, and others may stand between them.
const LINES_MAX: u16 = 1024;
/// Most lines of others in a row.
const OTHERS_MAX: u16 = 64;
/// Shortest run that is of a key wherever it stands, in bytes: the lines of keys have 64 to 76.
const RUN_BYTES_MIN: usize = 40;
/// Shortest first line of a key that stands alone, in bytes.
const FIRST_BYTES_MIN: usize = 16;
/// Shortest last line that is told from a word by a digit, in bytes.
const LAST_BYTES_MIN: usize = 8;
/// Longest word that is none of a key's although it stands alone, in bytes.
const WORD_BYTES_MAX: usize = 12;

/// Length of a percent escape.
const ESCAPE_BYTES: usize = 3;
/// What stands before a line of a key in `msg="…"`.
const MEMBER: &[u8] = b"=\"";

/// How private keys begin, and how they end.
const KINDS: [(&[u8], &[u8], &str); 3] = [
    (b"-----BEGIN ", b"-----END", "private_key"),
    (b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY", b"---- END", "ssh2_private_key"),
    (b"PuTTY-User-Key-File-", b"Private-MAC:", "putty_private_key"),
];

/// A private key whose last line has not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBlock {
    kind: usize,
    /// What stands before its lines.
    head: Head,
    lines: u16,
    /// Lines of others since the last one of the key.
    others: u16,
}

impl KeyBlock {
    /// The key that begins in `text` and goes on after it.
    pub fn begun(text: &[u8]) -> Option<Self> {
        let begins = |(kind, (begin, ..)): (usize, &(&[u8], _, _))| Some((memmem::rfind(text, begin)?, kind));
        let (at, kind) = KINDS.iter().enumerate().filter_map(begins).max()?;
        let (begin, end, _) = KINDS[kind];
        let rest = &text[at + begin.len()..];
        if memmem::find(rest, end).is_some() || (kind == 0 && !goes_on(rest, text[..at].ends_with(MEMBER))) {
            return None;
        }
        Some(Self { kind, head: Head::of(&text[..at]), lines: 0, others: 0 })
    }

    /// The name of the rule that it falls under.
    pub fn rule(&self) -> &'static str {
        KINDS[self.kind].2
    }

    /// Call `found(start, end)` for what is the key's in the next line; whether more may come.
    pub fn line(&mut self, text: &[u8], mut found: impl FnMut(usize, usize)) -> bool {
        let (begin, end, rule) = KINDS[self.kind];
        self.lines += 1;
        if self.lines > LINES_MAX || self.others >= OTHERS_MAX {
            return false;
        }
        let mut any = memmem::find(text, rule.as_bytes()).is_some();
        let end = memmem::find(text, end);
        for (start, to) in runs(text) {
            let run = &text[start..to];
            let of_key = (run.len() >= RUN_BYTES_MIN && mixed(run))
                || (self.alone(text, start, to) && (run.len() >= FIRST_BYTES_MIN && mixed(run) || self.last(run)))
                || (end.is_some() && self.kind == 2 && run.len() >= RUN_BYTES_MIN);
            if of_key {
                found(start, to);
                any = true;
            }
        }
        self.others = if any { 0 } else { self.others + 1 };
        end.is_none() && memmem::find(text, begin).is_none()
    }

    /// A run is all that a line holds beside what stands before every line of the key.
    fn alone(&self, text: &[u8], start: usize, end: usize) -> bool {
        let before = &text[..start];
        let plain = |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_digit() || b">|#+-*/:\"'".contains(byte);
        let after = &text[end..];
        if before.ends_with(MEMBER) && after.starts_with(b"\"") {
            return true;
        }
        closes(after) && (before.iter().all(plain) || self.head.is_of(before))
    }

    /// The short line at the end of a key: right behind another one, and no word.
    fn last(&self, run: &[u8]) -> bool {
        let lower = run.iter().skip(1).all(u8::is_ascii_lowercase);
        let word = run.len() <= WORD_BYTES_MAX
            && (lower || run.iter().all(u8::is_ascii_uppercase) || run.iter().all(u8::is_ascii_digit));
        let digits = run.iter().any(|byte| !byte.is_ascii_alphabetic()) && run.len() >= LAST_BYTES_MIN;
        let padded = run.ends_with(b"=") || digits || mixed(run);
        !word && (self.lines > 1 && self.others == 0 || padded)
    }
}

/// What stands behind `-----BEGIN ` is the rest of a private key's first line.
fn goes_on(rest: &[u8], member: bool) -> bool {
    const LABEL: &[u8] = b"PRIVATE KEY";
    let Some(label) = memmem::find(&rest[..rest.len().min(64)], LABEL) else { return false };
    let of_label = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ';
    let after = &rest[label + LABEL.len()..];
    let Some(after) = after.strip_prefix(b" BLOCK").unwrap_or(after).strip_prefix(b"-----") else { return false };
    let first = runs(after).next().map_or(0, |(start, end)| (end - start) * usize::from(closes(&after[..start])));
    let line = closes(after) || (member && after.starts_with(b"\""));
    rest[..label].iter().all(of_label) && (line || first >= FIRST_BYTES_MIN)
}

/// Nothing but what closes a line of text or of a program follows.
fn closes(rest: &[u8]) -> bool {
    let mut rest = rest;
    while let [byte, next @ ..] = rest {
        rest = match (byte, next) {
            (b'\\', [b'n' | b'r' | b't' | b'\\' | b'"' | b'\'', after @ ..]) => after,
            (b'\\', []) => next,
            (byte, _) if byte.is_ascii_whitespace() || b"\"',;+)]`".contains(byte) => next,
            _ => return false,
        };
    }
    true
}

/// The runs of base64 in a text, in order, with what pads them. In a web address signs and line ends are escapes, which part
/// no runs.
fn runs(text: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let of_run = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let escaped = |rest: &[u8]| percent(rest).is_some_and(|byte| b"+/=\r\n".contains(&byte));
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = at + text[at..].iter().position(|byte| of_run(*byte))?;
        let mut end = first;
        while let Some(byte) = text.get(end) {
            end += match byte {
                byte if of_run(*byte) => 1,
                b'%' if escaped(&text[end..]) => ESCAPE_BYTES,
                _ => break,
            };
        }
        let padding = text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        at = end + padding;
        // The letter of an escape is not the run's.
        let escape = text[..first].iter().rev().take_while(|byte| **byte == b'\\').count() % 2;
        Some(((first + escape).min(at), at))
    })
}

/// Upper and lower case and what is no letter, in the measure of base64: no word, no number, no path.
fn mixed(run: &[u8]) -> bool {
    let count = |wanted: fn(&u8) -> bool| run.iter().filter(|byte| wanted(byte)).count();
    let slashes = count(|byte| *byte == b'/');
    count(u8::is_ascii_uppercase) > 0
        && count(u8::is_ascii_lowercase) > 0
        && count(|byte| !byte.is_ascii_alphabetic()) > 0
        && slashes * 10 <= run.len() + 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_begins_where_its_first_line_ends_a_text() {
        for text in [
            "-----BEGIN RSA PRIVATE KEY-----",
            "x 1 -----BEGIN PGP PRIVATE KEY BLOCK-----\\r\\n',",
            "-----BEGIN PRIVATE KEY-----MIIEowIBAAKCAQEA",
            "PuTTY-User-Key-File-3: ssh-rsa",
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\r",
        ] {
            assert!(KeyBlock::begun(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN PRIVATE KEY----- is missing",
            "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----",
            "-----BEGIN CERTIFICATE-----",
            "PRIVATE KEY-----",
        ] {
            assert!(KeyBlock::begun(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn signs_and_line_ends_may_be_escapes() {
        let spans =
            |text: &str| runs(text.as_bytes()).map(|(start, end)| text[start..end].to_owned()).collect::<Vec<_>>();
        assert_eq!(spans("body=MIIE%2Bow%0AIBAA%3D%3D%20x"), ["body=", "MIIE%2Bow%0AIBAA%3D%3D", "20x"]);
        assert_eq!(spans("a% b%zz"), ["a", "b", "zz"]);
    }

    #[test]
    fn lines_of_others_pass_and_too_many_end_it() {
        let mut key = KeyBlock::begun(b"-----BEGIN RSA PRIVATE KEY-----").unwrap();
        let mut spans = Vec::new();
        for _ in 0..OTHERS_MAX {
            assert!(key.line(b"2026-11-30 12:00:00 INFO started /usr/lib/python3 done", |a, b| spans.push((a, b))));
        }
        assert!(!key.line(b"MIIEowIBAAKCAQEAx1", |a, b| spans.push((a, b))));
        assert_eq!(spans, []);
    }
}
