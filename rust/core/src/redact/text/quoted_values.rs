//! Secrets in quotes that no sign stands before: `password 'x'`, `PASSWORD('x')`, `IDENTIFIED BY 'x'`, and the values of
//! SQL's `INSERT`. Problem: sentences quote names behind the same words (`secret "db-pull" not found`).
//! Idea: where a statement says that a password comes, any value is one; elsewhere it must not look like a word.

use memchr::{memchr2_iter, memrchr};

use crate::redact::bytes::is_word;
use crate::redact::keys::class::KeyClass;
use crate::redact::keys::{KeyMemo, Keys};
use crate::redact::patterns::{checks, commands};
use crate::redact::text::call_arguments::{self, Argument, CALL_BYTES_MAX};
use crate::redact::text::inserted_rows;
use crate::redact::text::placeholders;
use crate::redact::text::separator::word_before;
use crate::redact::token::is_token;

/// Blanks allowed between a word and the quote: values of a configuration are aligned.
const BLANKS_MAX: usize = 16;
/// Backslashes before a quote that is escaped three times.
const ESCAPES_MAX: usize = 7;
/// How far before `BY` its `IDENTIFIED` is looked for, in bytes: the name of a plugin may stand between.
const STATEMENT_BYTES_MAX: usize = 64;
/// Longest value, in bytes: longer ones are texts.
const VALUE_BYTES_MAX: usize = 256;
/// Shortest value outside a statement, in bytes.
const VALUE_BYTES_MIN: usize = 6;

/// Longest option of a program that is read, in bytes: `-deststorepass`.
const OPTION_BYTES_MAX: usize = 16;

/// A word for a secret before a quote.
struct Label {
    class: KeyClass,
    /// Its place in the text.
    start: usize,
    end: usize,
    /// `BY` of a statement, which says that a password comes.
    statement: bool,
}

/// A secret may stand in the quotes that open at `quote`, whatever they are escaped with.
pub fn may_begin(text: &[u8], quote: usize, keys: &Keys, memo: &mut KeyMemo) -> bool {
    let escapes = text[..quote].iter().rev().take(ESCAPES_MAX).take_while(|byte| **byte == b'\\').count();
    let quote = quote - escapes;
    match text[..quote].last() {
        // JSON has many of these, and few brackets before them.
        Some(b',') if memrchr(b'(', &text[quote.saturating_sub(CALL_BYTES_MAX)..quote]).is_none() => false,
        // The end of most words tells that they name no secret.
        Some(b' ') if !ends_label(&text[..quote - 1]) => {
            inserted_rows::opening(text, quote).is_some() || is_argument(text, quote, keys, memo)
        }
        Some(b' ' | b'\t' | b'(' | b',' | b'b' | b'r' | b'u' | b'n' | b'N' | b'p') => {
            label(text, quote, keys, memo).is_some() || inserted_rows::opening(text, quote).is_some()
        }
        _ => false,
    }
}

fn is_argument(text: &[u8], quote: usize, keys: &Keys, memo: &mut KeyMemo) -> bool {
    argument(text, quote, keys, memo).is_some()
}

/// A password among the arguments of a call.
fn argument(text: &[u8], quote: usize, keys: &Keys, memo: &mut KeyMemo) -> Option<Label> {
    let (class, statement) = match call_arguments::argument(text, quote)? {
        Argument::Password(any) => (keys.class(b"password", memo), any),
        Argument::Variable(name) => (keys.class(name, memo), true),
    };
    (class != KeyClass::Plain).then_some(Label { class, start: quote, end: quote, statement })
}

/// Call `found(start, end, rule)` for each secret in quotes.
pub fn scan(text: &[u8], keys: &Keys, memo: &mut KeyMemo, mut found: impl FnMut(usize, usize, u16)) {
    let mut resume = 0;
    for quote in memchr2_iter(b'"', b'\'', text) {
        if quote < resume {
            continue;
        }
        if let Some(open) = inserted_rows::opening(text, quote) {
            resume = inserted_rows::scan(text, open, keys, memo, &mut found);
            continue;
        }
        let Some(label) = label(text, quote, keys, memo) else { continue };
        let near = &text[quote + 1..text.len().min(quote + 1 + VALUE_BYTES_MAX)];
        let ends = |byte: &u8| *byte == text[quote] || *byte == b'\n';
        let Some(len) = near.iter().position(ends).filter(|len| near[*len] == text[quote]) else { continue };
        let (start, end) = (quote + 1, quote + 1 + len);
        resume = end + 1;
        if let Some(rule) = label.rule_for(text, start, end) {
            found(start, end, rule);
        }
    }
}

/// Last letters of words for secrets, of `BY` and `AS`, and options.
const LABEL_ENDS: [[u8; 2]; 22] = [
    *b"rd", *b"wd", *b"pw", *b"ss", *b"et", *b"en", *b"ey", *b"by", *b"as", *b"se", *b"de", *b"ds", *b"ts", *b"ns",
    *b"ys", *b"-p", *b"-a", *b"-w", *b"-n", *b"-c", *b"-x", *b"-k",
];

/// What goes before a blank may be a word for a secret. One in another language may end with any letter.
fn ends_label(before: &[u8]) -> bool {
    before.last_chunk().is_some_and(|last: &[u8; 2]| {
        let folded = [last[0] | 0x20, last[1] | 0x20];
        !last[1].is_ascii() || matches!(last[1], b' ' | b'\t' | b'(') || LABEL_ENDS.contains(&folded)
    })
}

/// The word for a secret right before a quote, with a blank or an opening bracket between.
fn label(text: &[u8], quote: usize, keys: &Keys, memo: &mut KeyMemo) -> Option<Label> {
    let mut end = quote;
    // Python writes bytes as b'…', SQL national text as N'…'.
    let prefixed = end > 1 && matches!(text[end - 1], b'b' | b'r' | b'u' | b'n' | b'N') && !is_word(text[end - 2]);
    end -= usize::from(prefixed);
    let call = end > 0 && text[end - 1] == b'(';
    end -= usize::from(call);
    let blanks = text[..end].iter().rev().take(BLANKS_MAX).take_while(|byte| matches!(**byte, b' ' | b'\t')).count();
    end -= blanks;
    let last = *text[..end].last()?;
    if last.is_ascii() && !last.is_ascii_alphanumeric() || !ends_label(&text[..end]) {
        return argument(text, quote, keys, memo);
    }
    let password =
        |start, memo: &mut KeyMemo| Label { class: keys.class(b"password", memo), start, end, statement: true };
    let option = end - text[..end].iter().rev().take(OPTION_BYTES_MAX).take_while(|byte| **byte > b' ').count();
    if text[option] == b'-' && commands::takes_password(text, option, quote) {
        return Some(password(option, memo));
    }
    if blanks == 0 && !call {
        return None;
    }
    let start = word_before(text, end);
    let word = &text[start..end];
    let by = word.eq_ignore_ascii_case(b"by") || word.eq_ignore_ascii_case(b"as");
    if by {
        let near = &text[start.saturating_sub(STATEMENT_BYTES_MAX)..start];
        let statement = near.windows(IDENTIFIED.len()).any(|part| part.eq_ignore_ascii_case(IDENTIFIED));
        return statement.then(|| password(start, memo));
    }
    if let Some(label) = argument(text, quote, keys, memo) {
        return Some(label);
    }
    let class = keys.class(word, memo);
    (class != KeyClass::Plain).then_some(Label { class, start, end, statement: false })
}

const IDENTIFIED: &[u8] = b"identified";

impl Label {
    /// The rule, if what stands between `start` and `end` is a secret.
    fn rule_for(&self, text: &[u8], start: usize, end: usize) -> Option<u16> {
        let value = &text[start..end];
        let statement = matches!(self.class, KeyClass::Secret(_)) && self.in_statement(text, end);
        let nothing = value.is_empty() || is_token(value) || b"?%:$<{[".contains(&value[0]);
        if nothing || if statement { placeholders::nothing(value) } else { placeholders::says_nothing(value) } {
            return None;
        }
        let secret = match self.class {
            KeyClass::Plain | KeyClass::Directory(_) => false,
            KeyClass::Secret(_) => statement || value.len() >= VALUE_BYTES_MIN && checks::letters_and_symbols(value),
            KeyClass::Short(_) => self.class.rule_for(value).is_some() && !is_name(value),
            KeyClass::Credential(_) | KeyClass::Plural(_) => {
                self.class.rule_for(value).is_some() && (self.statement || checks::high_entropy(value))
            }
            KeyClass::Bare(_) => self.class.rule_for(value).is_some() && !checks::uuid(value),
            KeyClass::Likely(_) | KeyClass::Owned(_) => self.class.rule_for(value).is_some(),
        };
        self.class.rule().filter(|_| secret)
    }

    /// The words around say that a password comes, so that any value is one: of SQL, or a line of a configuration.
    fn in_statement(&self, text: &[u8], end: usize) -> bool {
        let word = &text[self.start..self.end];
        let sql = text[end] == b'\'' && !word.is_empty() && word.iter().all(u8::is_ascii_uppercase);
        let before = text[..self.start].trim_ascii_end();
        let after_word = |known: &[u8]| {
            before.len() >= known.len() && before[before.len() - known.len()..].eq_ignore_ascii_case(known)
        };
        let line = memrchr(b'\n', &text[..self.start]).map_or(0, |at| at + 1);
        let rest = text[end + 1..].iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\\'));
        let opens = before.len() <= line || before.ends_with(b"\"");
        let own_line = opens && rest.is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b';' | b'"' | b'}'));
        self.statement || sql || own_line || after_word(b" with") || after_word(b" encrypted") || rest == Some(&b';')
    }
}

/// Words and numbers with hyphens, points or slashes between, as tests and files are called.
fn is_name(value: &[u8]) -> bool {
    let joins = |byte: &u8| b"-_/.".contains(byte);
    value.iter().any(joins) && value.iter().all(|byte| byte.is_ascii_alphanumeric() || joins(byte))
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
        scan(text.as_bytes(), &keys, &mut KeyMemo::default(), |start, end, _| spans.push((start, end)));
        let mut out = text.to_owned();
        spans.iter().rev().for_each(|(start, end)| out.replace_range(start..end, "*"));
        out
    }

    #[test]
    fn a_value_is_secret_by_the_word_before_it() {
        for (text, expected) in [
            ("ALTER USER bob IDENTIFIED BY 'hunter'", "ALTER USER bob IDENTIFIED BY '*'"),
            ("identified with x_password by \"hunter\"", "identified with x_password by \"*\""),
            ("CREATE ROLE bob PASSWORD 'hunter'", "CREATE ROLE bob PASSWORD '*'"),
            ("SET PASSWORD = PASSWORD('hunter')", "SET PASSWORD = PASSWORD('*')"),
            ("create user bob with password 'hunter'", "create user bob with password '*'"),
            ("x {\n  password \"hunter\"\n}", "x {\n  password \"*\"\n}"),
            ("bind 'cn' pass 'A:J$NL9~6' ok", "bind 'cn' pass '*' ok"),
            ("(pw N'hunter2hunter2')", "(pw N'*')"),
            ("licenseKey \"cfxk_AbCdEfGhIj1234\"", "licenseKey \"*\""),
            (
                "sshpass -p 'hunter' ssh x; mysql -uroot -p\"hunter\" db",
                "sshpass -p '*' ssh x; mysql -uroot -p\"*\" db",
            ),
            ("HTTPBasicAuth('bob', 'hunter')", "HTTPBasicAuth('bob', '*')"),
            ("{\"id\" : getenv(SECRET, \"hunter'5\")}", "{\"id\" : getenv(SECRET, \"*\")}"),
            (
                "getenv('API_TOKEN') ? getenv('API_TOKEN') : \"xk29dk2k20dk20d2\")",
                "getenv('API_TOKEN') ? getenv('API_TOKEN') : \"*\")",
            ),
            ("credentials {\n  password 'password'\n}", "credentials {\n  password '*'\n}"),
            (
                "INSERT INTO u (name, password) VALUES (N'bob', 'x')",
                "INSERT INTO u (name, password) VALUES (N'bob', '*')",
            ),
        ] {
            assert_eq!(redacted(text), expected);
        }
        for text in [
            "the password 'field' is empty",
            "sorted by 'name' as 'x'",
            "secret \"default-token-x7d2f\" not found",
            "PASSWORD '?' PASSWORD('%s') PASSWORD NULL",
            "unknown key \"maxRetries\" in token 'x'",
            "with password \"$DB_PASSWORD\"",
            "pass \"test_login_2\"",
            "mkdir -p 'build' && cp -a 'x' y",
            "password 'cut",
            "INSERT INTO logs (level, message) VALUES ('info', 'password')",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
