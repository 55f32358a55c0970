//! Words for a user, before the word for a password: `id/pw demo/Hunter22`, as notes name both at once.

use std::ops::Range;

use crate::redact::patterns::checks::{piece_is_mixed, Kinds};

/// Words that end what stands for a user. In lower case; letters that are not ASCII have no other case.
const LOGINS: [&str; 30] = [
    "id",
    "user",
    "username",
    "usr",
    "uid",
    "name",
    "login",
    "account",
    "acc",
    "acct",
    "admin",
    "root",
    "email",
    "mail",
    "benutzer",
    "benutzername",
    "usuario",
    "utilisateur",
    "utente",
    "логин",
    "Логин",
    "пользователь",
    "계정",
    "아이디",
    "사용자",
    "账号",
    "帐号",
    "用户名",
    "アカウント",
    "ユーザー",
];
/// Their last bytes: most words before one for a password end in another, and 190 instructions are saved.
const LAST: [bool; 256] = {
    let mut last = [false; 256];
    let mut at = 0;
    while at < LOGINS.len() {
        let bytes = LOGINS[at].as_bytes();
        let byte = bytes[bytes.len() - 1];
        last[byte as usize] = true;
        last[byte.to_ascii_uppercase() as usize] = true;
        at += 1;
    }
    last
};
/// Blanks allowed on each side of what joins both words.
const BLANKS_MAX: usize = 2;

/// What begins at `start` stands behind a word for a user, with a sign or a blank between.
pub fn follows_login(text: &[u8], start: usize) -> bool {
    let before = without_blanks(&text[..start]);
    let before = match before.split_last() {
        Some((b'/' | b'(' | b',' | b'|' | b'&' | b':' | b'+' | b'-', rest)) => without_blanks(rest),
        _ if before.len() < start => before,
        _ => return false,
    };
    if !before.last().is_some_and(|last| LAST[usize::from(*last)]) {
        return false;
    }
    let ends = |login: &str| {
        before.len().checked_sub(login.len()).is_some_and(|at| before[at..].eq_ignore_ascii_case(login.as_bytes()))
    };
    LOGINS.iter().any(|login| ends(login))
}

/// A sign parts the user from the password, or the password looks like no name: `OAuth2Provider` is one.
pub fn apart(text: &[u8], secret: Range<usize>) -> bool {
    let sign = text[..secret.start].last().is_some_and(|byte| *byte != b' ')
        || text[..secret.start].trim_ascii_end().last().is_some_and(|byte| b"/,|(".contains(byte));
    let value = &text[secret];
    let changes = value.windows(2).filter(|pair| Kinds::of(pair[0]).changes(Kinds::of(pair[1]))).count();
    sign || piece_is_mixed(0, changes, value.len())
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take(BLANKS_MAX).take_while(|byte| **byte == b' ').count();
    &text[..text.len() - blanks]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_a_user_stands_before() {
        for text in ["id/pw", "MyID (pw", "User / pw", "계정/pw", "root pw", "아이디, pw", "account:pw", "login | pw"]
        {
            assert!(follows_login(text.as_bytes(), text.len() - 2), "{text}");
        }
        for text in ["pw", " pw", "the pw", "idpw", "id/ssh/pw", "id    pw", "id=pw"] {
            assert!(!follows_login(text.as_bytes(), text.len() - 2), "{text}");
        }
    }

    #[test]
    fn a_name_behind_a_blank_is_no_password() {
        for (text, value, expected) in [
            ("pw with OAuth2Provider", "OAuth2Provider", false),
            ("pw bob/OAuth2Provider", "OAuth2Provider", true),
            ("pw bob , OAuth2Provider", "OAuth2Provider", true),
            ("pw bob IhqSb1Gg", "IhqSb1Gg", true),
        ] {
            let start = text.find(value).unwrap();
            assert_eq!(apart(text.as_bytes(), start..text.len()), expected, "{text}");
        }
    }
}
