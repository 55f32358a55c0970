//! Passwords among the arguments of calls, known by the name of the function and the place: `HTTPBasicAuth("bob", "hunter2")`,
//! `getConnection(url, "bob", "hunter2")`; and what a call for a variable of the environment gives if there is none:
//! `getenv(DB_PASSWORD, "hunter2")`, `getenv('DB_PASSWORD') ?: "hunter2"`.

use memchr::memrchr;

use crate::redact::bytes::is_word;

/// How far before its argument a call begins, in bytes.
pub const CALL_BYTES_MAX: usize = 128;
/// Longest name of a function, in bytes.
const NAME_BYTES_MAX: usize = 48;

/// Which argument is a password, from 0, of functions by the end of their names in lower case, without underscores; and
/// whether it is one whatever it looks like: others log in elsewhere, or connect something else.
const PASSWORDS: [(&[u8], usize, bool); 27] = [
    (b"basicauth", 1, true),
    (b"digestauth", 1, true),
    (b"ntlmauth", 1, true),
    (b"auth", 1, false),
    (b"basic", 1, false),
    (b"login", 1, false),
    (b"ftplogin", 2, true),
    (b"authenticate", 1, false),
    (b"simplebinds", 1, true),
    (b"ldapbind", 2, true),
    (b"getconnection", 2, true),
    (b"mysqliconnect", 2, true),
    (b"mysqlconnect", 2, true),
    (b"connect", 2, false),
    (b"mysqli", 2, true),
    (b"pdo", 2, true),
    (b"userpassword", 1, true),
    (b"plainauth", 2, true),
    (b"networkcredential", 1, true),
    (b"usernamepasswordcredentials", 1, true),
    (b"usernamepasswordauthenticationtoken", 1, true),
    (b"passwordauthentication", 1, true),
    (b"setpassword", 0, true),
    (b"withpassword", 0, true),
    (b"setpasswd", 0, true),
    (b"passwordhash", 0, true),
    (b"hashpw", 0, true),
];

/// What stands between a call and what is taken in its place.
const ALTERNATIVES: [&[u8]; 5] = [b"||", b"??", b"?:", b":", b"or"];

/// What an argument is.
pub enum Argument<'a> {
    /// A password; whatever it looks like?
    Password(bool),
    /// The value of a variable of this name.
    Variable(&'a [u8]),
}

/// The argument whose quote opens at `end`, past the blanks before it.
pub fn argument(text: &[u8], end: usize) -> Option<Argument<'_>> {
    let before = text[..end].trim_ascii_end();
    match before.last()? {
        b',' => of_call(before),
        b'(' if before.len() == end => of_call(before),
        b':' | b'|' | b'?' | b'r' if before.len() < end => alternative(before),
        _ => None,
    }
}

/// The argument that follows `before`, which ends in a comma or the bracket of its call.
fn of_call(before: &[u8]) -> Option<Argument<'_>> {
    let from = before.len().saturating_sub(CALL_BYTES_MAX);
    // Most quotes behind a comma are in no call.
    memrchr(b'(', &before[from..])?;
    let (open, commas) = unclosed(&before[from..])?;
    let (open, arguments) = (from + open, &before[from + open + 1..]);
    let (name, len) = name_before(before, open);
    let name = &name[..len];
    if commas == 1 && is_environment(name) {
        let variable = arguments.split(|byte| *byte == b',').next().unwrap_or_default();
        return Some(Argument::Variable(unquoted(variable)));
    }
    let known = PASSWORDS.iter().find(|(known, place, _)| *place == commas && name.ends_with(known))?;
    Some(Argument::Password(known.2))
}

/// What follows a call for a variable and an operator: `getenv('X') ?: `.
fn alternative(before: &[u8]) -> Option<Argument<'_>> {
    let call = ALTERNATIVES.iter().find_map(|operator| before.strip_suffix(*operator))?;
    let call = call.trim_ascii_end().strip_suffix(b")")?;
    let from = call.len().saturating_sub(CALL_BYTES_MAX);
    let open = from + memrchr(b'(', &call[from..])?;
    let (name, len) = name_before(call, open);
    is_environment(&name[..len]).then(|| Argument::Variable(unquoted(&call[open + 1..])))
}

/// The bracket that is open at the end of a text, and how many commas parted arguments since.
fn unclosed(text: &[u8]) -> Option<(usize, usize)> {
    let (mut depth, mut commas) = (0_usize, 0);
    for (at, byte) in text.iter().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' if depth == 0 => return Some((at, commas)),
            b'(' => depth -= 1,
            b',' => commas += usize::from(depth == 0),
            _ => {}
        }
    }
    None
}

/// The name of the function whose bracket is at `open`, in lower case and without underscores; `auth=(…)` has one, too.
fn name_before(text: &[u8], open: usize) -> ([u8; NAME_BYTES_MAX], usize) {
    let word = text[..open].trim_ascii_end();
    let word = word.strip_suffix(b"=").unwrap_or(word).trim_ascii_end();
    let len = word.iter().rev().take(NAME_BYTES_MAX).take_while(|byte| is_word(**byte)).count();
    let mut name = ([0; NAME_BYTES_MAX], 0);
    for byte in word[word.len() - len..].iter().filter(|byte| **byte != b'_') {
        name.0[name.1] = byte.to_ascii_lowercase();
        name.1 += 1;
    }
    name
}

fn is_environment(name: &[u8]) -> bool {
    [&b"getenv"[..], b"env", b"envor", b"getenvor", b"environ", b"envdefault"].contains(&name)
}

fn unquoted(name: &[u8]) -> &[u8] {
    let name = name.split(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
    let quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\');
    let start = name.iter().take_while(|byte| quote(byte)).count();
    let end = name.iter().rposition(|byte| !quote(byte)).map_or(start, |at| at + 1);
    &name[start..end.max(start)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the last quote of a text opens.
    fn of(text: &str) -> Option<String> {
        argument(text.as_bytes(), text.rfind('"').unwrap()).map(|argument| match argument {
            Argument::Password(any) => format!("password {any}"),
            Argument::Variable(name) => String::from_utf8_lossy(name).into_owned(),
        })
    }

    #[test]
    fn an_argument_is_known_by_its_function_and_place() {
        for (text, expected) in [
            ("HTTPBasicAuth('bob', \"", Some("password true")),
            ("get(u, auth=('bob',\"", Some("password false")),
            ("r.SetBasicAuth(\"bob\", \"", Some("password true")),
            ("DriverManager.getConnection(url(a, b), 'bob', \"", Some("password true")),
            ("cfg.setPassword(\"", Some("password true")),
            ("password_hash(\"", Some("password true")),
            ("getenv(DB_PASSWORD, \"", Some("DB_PASSWORD")),
            ("getenv('A_TOKEN', true) ? getenv('A_TOKEN') : \"", Some("A_TOKEN")),
            ("os.getenv(\\\"A_TOKEN\\\") or \"", Some("A_TOKEN")),
            ("getConnection(url, \"", None),
            ("print('a', \"", None),
            ("f(x) : \"", None),
            ("x, \"", None),
            ("for \"", None),
            ("\"", None),
        ] {
            assert_eq!(of(text).as_deref(), expected, "{text}");
        }
    }
}
