//! Secrets in the rows of a statement, known by the column that they go to: SQL says names once, and values by place.
//!
//! ```text
//! INSERT INTO users (name, password) VALUES ('bob', 'hunter2'), ('eve', 'hunter3')
//!                    ^ names         values by place ^
//! ```

use std::ops::Range;

use memchr::memrchr;

use crate::redact::keys::class::KeyClass;
use crate::redact::keys::{KeyMemo, Keys};
use crate::redact::text::placeholders;
use crate::redact::token::is_token;

/// Most columns whose names are looked at; tables of users have dozens.
const COLUMNS_MAX: usize = 256;
/// Longest list of columns that is read, in bytes: so many names of 30 bytes.
const COLUMNS_BYTES_MAX: usize = 8 * 1024;
/// How far behind its bracket the first string of a row is found, in bytes: numbers may go before it.
const ROW_BYTES_MAX: usize = 64;
/// What stands between columns and rows.
const VALUES: &[u8] = b"values";

/// The bracket that opens the first row, if the quote at `quote` is in that row and it follows `VALUES`.
pub fn opening(text: &[u8], quote: usize) -> Option<usize> {
    let before = text[..quote].iter().rev().find(|byte| !byte.is_ascii_whitespace() && **byte != b'N')?;
    if !matches!(before, b'(' | b',') {
        return None;
    }
    let from = quote.saturating_sub(ROW_BYTES_MAX);
    let open = from + memrchr(b'(', &text[from..quote])?;
    let values = text[..open].trim_ascii_end();
    (values.len() > VALUES.len() && values[values.len() - VALUES.len()..].eq_ignore_ascii_case(VALUES)).then_some(open)
}

/// Call `found(start, end, rule)` for each secret value of the rows from the bracket at `open` on. Gives where reading
/// ended.
pub fn scan(
    text: &[u8],
    open: usize,
    keys: &Keys,
    memo: &mut KeyMemo,
    mut found: impl FnMut(usize, usize, u16),
) -> usize {
    let before = text[..open].trim_ascii_end();
    let Some(names) = before[..before.len() - VALUES.len()].trim_ascii_end().strip_suffix(b")") else { return open };
    let from = names.len().saturating_sub(COLUMNS_BYTES_MAX);
    let Some(first) = memrchr(b'(', &names[from..]).map(|at| from + at + 1) else { return open };
    let names = names[first..].split(|byte| *byte == b',').take(COLUMNS_MAX);
    let classes: Vec<KeyClass> = names.map(|name| keys.class(column(name), memo)).collect();
    if classes.iter().all(|class| *class == KeyClass::Plain) {
        return open;
    }
    let mut at = open;
    while text.get(at) == Some(&b'(') {
        at = row(text, at + 1, &classes, &mut found);
        let comma = spaces_from(text, at);
        if text.get(comma) != Some(&b',') {
            break;
        }
        at = spaces_from(text, comma + 1);
    }
    at
}

/// The values of the row that begins at `at`; gives the place behind its bracket.
fn row(text: &[u8], mut at: usize, classes: &[KeyClass], found: &mut impl FnMut(usize, usize, u16)) -> usize {
    let (mut column, mut depth) = (0, 1);
    while at < text.len() {
        match text[at] {
            b'\'' => {
                let string = string(text, at);
                at = string.end;
                let class = classes.get(column).copied().unwrap_or(KeyClass::Plain);
                let value = &text[string.clone()];
                let given = !value.is_empty()
                    && !is_token(value)
                    && !placeholders::nothing(value)
                    && !matches!(value[0], b'?' | b'%');
                if let Some(rule) = class.rule_for(value).filter(|_| given) {
                    found(string.start, string.end, rule);
                }
            }
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' if depth == 1 => column += 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// What stands between the quote at `open` and the one that closes it: not one of two, nor behind a backslash.
fn string(text: &[u8], open: usize) -> Range<usize> {
    let mut at = open + 1;
    while at < text.len() {
        match text[at] {
            b'\'' if text.get(at + 1) != Some(&b'\'') => break,
            b'\'' | b'\\' => at += 1,
            _ => {}
        }
        at += 1;
    }
    open + 1..at.min(text.len())
}

/// A column's name without quotes, brackets and table.
fn column(name: &[u8]) -> &[u8] {
    let around = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`[]\\".contains(byte);
    let start = name.iter().position(|byte| !around(byte)).unwrap_or(name.len());
    let end = name.iter().rposition(|byte| !around(byte)).map_or(start, |last| last + 1);
    let name = &name[start..end];
    &name[name.iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1)..]
}

fn spaces_from(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::keys::{KeysPack, KEYS_TOML};
    use crate::spec::RedactSpec;

    fn redacted(text: &str) -> String {
        let pack: KeysPack = toml::from_str(KEYS_TOML).unwrap();
        let keys = Keys::new(&pack, &RedactSpec::default(), &[], |_| 0);
        let mut spans = Vec::new();
        let quote = text.find('\'').and_then(|quote| opening(text.as_bytes(), quote));
        let Some(open) = quote else { return text.to_owned() };
        scan(text.as_bytes(), open, &keys, &mut KeyMemo::default(), |start, end, _| spans.push((start, end)));
        let mut out = text.to_owned();
        spans.iter().rev().for_each(|(start, end)| out.replace_range(start..end, "*"));
        out
    }

    #[test]
    fn values_are_secret_by_their_columns() {
        for (text, expected) in [
            ("(name, password) VALUES ('bob','x y')", "(name, password) VALUES ('bob','*')"),
            ("(password,name) values ('a''b', 'c'), ('d', 'e');", "(password,name) values ('*', 'c'), ('*', 'e');"),
            ("(`a`, `u`.`api_key`) VALUES(1, N'k')", "(`a`, `u`.`api_key`) VALUES(1, N'*')"),
            ("(id, pw) VALUES (1, NULL), (2, ?), (3, '%s')", "(id, pw) VALUES (1, NULL), (2, ?), (3, '%s')"),
            ("(id, password) VALUES ('a', md5('x'))", "(id, password) VALUES ('a', md5('*'))"),
            ("(id, password) SELECT 'a', 'b'", "(id, password) SELECT 'a', 'b'"),
            ("(id, note) VALUES (1, 'password')", "(id, note) VALUES (1, 'password')"),
            ("(password) VALUES ('cut", "(password) VALUES ('*"),
            ("(pwd) VALUES ('[REDACTED:pwd]')", "(pwd) VALUES ('[REDACTED:pwd]')"),
            ("(a, b) VALUES (1, 'password')", "(a, b) VALUES (1, 'password')"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }
}
