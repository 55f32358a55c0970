//! Calls that log in: `{"method": "auth.login", "params": ["bob", "…"]}` (JSON-RPC 2.0, section 4).

use crate::redact::keys::class::KeyClass;
use crate::redact::keys::{KeyMemo, Keys};

/// The members of a call that name what is called, and what it is given.
pub const METHOD: &[u8] = b"method";
pub const PARAMS: &[u8] = b"params";

/// How the names of methods end that take a user and a password, in lower case.
const LOGINS: [&[u8]; 7] = [b"login", b"logon", b"log_in", b"signin", b"sign_in", b"authenticate", b"authorize"];
/// Longest name of a method that is read, in bytes.
const METHOD_BYTES_MAX: usize = 96;

/// Longest user that is read over in text, in bytes, with the signs around.
const USER_BYTES_MAX: usize = 96;

/// What a method is given by place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// No secret, as far as its name tells.
    Unknown,
    /// `auth.login_with_api_key`: secrets of this class.
    Secrets(KeyClass),
    /// `session.login`: a user, and behind it values of this class.
    UserAndPassword(KeyClass),
}

impl Given {
    pub fn to(method: &[u8], keys: &Keys, memo: &mut KeyMemo) -> Self {
        let folded = method.to_ascii_lowercase();
        let holds = |word: &&[u8]| memchr::memmem::find(&folded, word).is_some();
        if folded.len() > METHOD_BYTES_MAX || !LOGINS.iter().any(holds) {
            return Self::Unknown;
        }
        let class = keys.class(method, memo);
        if class.is_name() {
            return Self::Secrets(class);
        }
        match LOGINS.iter().any(|login| folded.ends_with(login)) {
            true => Self::UserAndPassword(keys.class(b"password", memo)),
            false => Self::Unknown,
        }
    }

    /// The same for the method that the string at `start` of a text names.
    pub fn to_string_at(text: &[u8], start: usize, keys: &Keys, memo: &mut KeyMemo) -> Self {
        let near = &text[start.min(text.len())..text.len().min(start + METHOD_BYTES_MAX)];
        let Some((quote, rest)) = near.split_first() else { return Self::Unknown };
        match rest.iter().position(|byte| byte == quote) {
            Some(end) if matches!(quote, b'"' | b'\'') => Self::to(&rest[..end], keys, memo),
            _ => Self::Unknown,
        }
    }

    /// The class of the secrets in a list that begins at `start` of a text, and where they begin.
    pub fn secret_at(self, text: &[u8], start: usize) -> Option<(KeyClass, usize)> {
        match self {
            Self::Secrets(class) => Some((class, start)),
            Self::UserAndPassword(class) => Some((class, start + second(&text[start..])?)),
            Self::Unknown => None,
        }
    }
}

/// Where the second string of a list begins: `["bob", "…"]`.
fn second(list: &[u8]) -> Option<usize> {
    let near = &list[..list.len().min(USER_BYTES_MAX)];
    let open = near.strip_prefix(b"[")?.trim_ascii_start();
    let (quote, user) = open.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let rest = &user[user.iter().position(|byte| byte == quote)? + 1..];
    let second = rest.trim_ascii_start().strip_prefix(b",")?;
    let spaces = second.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    Some(near.len() - second.len() + spaces).filter(|at| list.get(*at) == Some(quote))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::keys::{KeysPack, KEYS_TOML};
    use crate::spec::RedactSpec;

    #[test]
    fn methods_that_log_in_are_known_by_their_names() {
        let pack: KeysPack = toml::from_str(KEYS_TOML).unwrap();
        let keys = Keys::new(&pack, &RedactSpec::default(), &[], |_| 0);
        let given = |method: &str| Given::to(method.as_bytes(), &keys, &mut KeyMemo::default());
        for method in ["auth.login_with_api_key", "loginWithToken", "Account.LoginWithSecretKey"] {
            let secrets = matches!(given(method), Given::Secrets(class) if class.is_name());
            assert_eq!(secrets, !method.ends_with("Token"), "{method}");
        }
        for method in ["auth.login", "mining.authorize", "session/logon", "SignIn", "db.authenticate"] {
            assert_eq!(given(method), Given::UserAndPassword(KeyClass::Secret(0)), "{method}");
        }
        let (list, password) = (br#"x["bob", "hunter2"]"#, KeyClass::Secret(0));
        assert_eq!(Given::UserAndPassword(password).secret_at(list, 1), Some((password, 9)));
        for list in [&b"[]"[..], b"[\"bob\"]", b"[\"bob\", 1]", b"[7, \"x\"]", b"{}", b"[\"bob"] {
            assert_eq!(Given::UserAndPassword(password).secret_at(list, 0), None);
        }
        for method in ["login.history", "get_api_key", "user.list", "authorize_url", "POST", ""] {
            assert_eq!(given(method), Given::Unknown, "{method}");
        }
    }
}
