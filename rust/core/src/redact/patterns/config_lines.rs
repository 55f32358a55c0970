//! A password behind the word `password` alone: what stands before it tells that one comes, and no sentence.
//!
//! ```text
//! machine x.io login bob password hunter2        netrc(5), on one line or several
//! username bob password hunter2                  configuration of network devices
//! ENV DB_PASSWORD hunter2                        the old form of Dockerfiles
//! ```

use crate::redact::bytes::is_word;

/// How much before the word is read, in bytes.
const LOGIN_BYTES_MAX: usize = 160;
/// Words of which the next one is a name, before a password.
const NAMED: [&[u8]; 7] = [b"login", b"user", b"username", b"neighbor", b"neighbour", b"account", b"privilege"];
/// What follows such a word in a sentence, and is no name.
const NO_NAMES: [&[u8]; 16] = [
    b"a", b"and", b"by", b"for", b"has", b"in", b"is", b"name", b"no", b"or", b"the", b"to", b"via", b"whose", b"with",
    b"without",
];
/// Words right before `password`.
const COMMANDS: [&[u8]; 3] = [b"enable", b"chap", b"pap"];
/// Words before the name of a variable.
const SETTERS: [&[u8]; 4] = [b"ENV", b"ARG", b"setx", b"setenv"];

/// A password follows the label at `start`, whose value ends at `end`.
pub fn expects_password(text: &[u8], start: usize, end: usize) -> bool {
    let near = &text[start.saturating_sub(LOGIN_BYTES_MAX)..start];
    let escaped = matches!(near, [.., b'\\', b'n' | b'r' | b't']);
    let variable = near.iter().rev().take_while(|byte| is_word(**byte) && !escaped).count();
    let near = &near[..near.len() - variable];
    let (before, last) = last_word(near);
    if variable > 0 {
        return SETTERS.contains(&last);
    }
    let (_, name) = last_word(before);
    let is = |word: &[u8], list: &[&[u8]]| list.iter().any(|known| known.eq_ignore_ascii_case(word));
    let ends = text.get(end).is_none_or(|byte| matches!(byte, b'\r' | b'\n' | b'"' | b'\'' | b'\\'));
    // PowerShell's `-Password` goes on with other options, a line of a configuration ends.
    let option = last == b"-" && near.ends_with(b"-") && text[start..].starts_with(b"Password");
    if is(last, &NO_NAMES) {
        return false;
    }
    name.eq_ignore_ascii_case(b"login")
        || ends && (is(name, &NAMED) || is(last, &COMMANDS))
        || option && (ends || text[end..].starts_with(b" -"))
}

/// The last word of a text, and what stands before it. A line end may be written as an escape: in JSON that is cut or nested.
fn last_word(text: &[u8]) -> (&[u8], &[u8]) {
    let mut text = text.trim_ascii_end();
    while let [head @ .., b'\\', b'n' | b'r' | b't'] = text {
        text = head.trim_ascii_end();
    }
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'>');
    let start = text.iter().rposition(ends).map_or(0, |at| at + 1);
    (&text[..start], escaped_off(&text[start..]))
}

/// A word without the escape of a line end before it: `\\nlogin`.
fn escaped_off(word: &[u8]) -> &[u8] {
    let start = word.windows(2).rposition(|pair| pair[0] == b'\\' && matches!(pair[1], b'n' | b'r' | b't'));
    start.map_or(word, |at| &word[at + 2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expects(text: &str) -> bool {
        let start = text.to_ascii_lowercase().rfind("password").unwrap();
        let end = text[start..].find(" hunter2").unwrap() + start + " hunter2".len();
        expects_password(text.as_bytes(), start, end)
    }

    #[test]
    fn what_stands_before_the_word_tells() {
        for text in [
            "machine x.io login bob password hunter2 port 21",
            "machine x.io\n  login bob\n  password hunter2",
            "machine x.io\\n  login bob\\npassword hunter2\\n",
            "username bob password hunter2",
            " neighbor 192.0.2.1 password hunter2\n",
            "enable password hunter2",
            "ENV DB_PASSWORD hunter2",
            "Connect-X -User bob -Password hunter2 -Force",
        ] {
            assert!(expects(text), "{text}");
        }
        for text in [
            "the password hunter2",
            "for user bob password hunter2 failed",
            "unknown user or password hunter2",
            "Connect-X -Password hunter2 is needed",
            "DB_PASSWORD hunter2",
            "password hunter2",
        ] {
            assert!(!expects(text), "{text}");
        }
    }
}
