//! Keys in URLs, paths and names of images: which of them are keys, and which values they have.

use std::ops::Range;

use memchr::memchr_iter;

use crate::redact::bytes::is_key_byte;
use crate::redact::keys::class::KeyClass;
use crate::redact::patterns::checks;
use crate::redact::text::separator::{Sign, KEY_BYTES_MAX};
use crate::redact::text::value_end::STOPS;

/// Shortest value of a `token=` in the query of a URL that is one, whatever it looks like, in bytes.
const QUERY_TOKEN_BYTES_MIN: usize = 12;

/// What follows a text is the name of a parameter in a URL or a form.
pub fn is_parameter(before: &[u8]) -> bool {
    before.ends_with(b"?") || before.ends_with(b"&") || before.ends_with(b"&amp;")
}

/// `?token=correcthorsebattery`: in the query of a URL stands no prose.
pub fn in_query(text: &[u8], word: &Range<usize>, start: usize) -> bool {
    const TOKEN: &[u8] = b"token";
    let before = &text[..word.start];
    let key = &text[word.clone()];
    is_parameter(before)
        && key.len() >= TOKEN.len()
        && key[key.len() - TOKEN.len()..].eq_ignore_ascii_case(TOKEN)
        && start == word.end + 1
        && text[start..].iter().take(QUERY_TOKEN_BYTES_MIN).filter(|byte| !STOPS[usize::from(**byte)]).count()
            == QUERY_TOKEN_BYTES_MIN
}

/// Most digits of the number of a line of a module.
const LINE_DIGITS_MAX: usize = 5;
/// Names of short numbers that are asked for, in lower case.
const CODES: [&[u8]; 5] = [b"pin", b"otp", b"cvv", b"cvc", b"code"];

/// Most digits of such a number behind two words of which one names a password: that may be a number, too
/// (`db.password:12345`). Modules have more words, or capitals (`shop.Password:10240`).
const PASSWORD_LINE_DIGITS_MAX: usize = 3;

/// `app.auth.token:118`: a module and the number of its line, as loggers write them.
pub fn is_line_of_module(text: &[u8], key: &[u8], sign: Sign, class: KeyClass) -> bool {
    let setting = || memchr_iter(b'.', key).count() == 1 && !key.iter().any(u8::is_ascii_uppercase);
    let digits_max =
        if matches!(class, KeyClass::Secret(_)) && setting() { PASSWORD_LINE_DIGITS_MAX } else { LINE_DIGITS_MAX };
    let rest = &text[sign.end..];
    let digits = rest.iter().take(LINE_DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    let ends = rest.get(digits).is_none_or(|byte| b" \t\n\r])>,;:|\"'".contains(byte));
    let Some(dot) = key.iter().rposition(|byte| *byte == b'.') else { return false };
    (1..=digits_max).contains(&digits)
        && ends
        && dot > 0
        && !CODES.iter().any(|code| key[dot + 1..].to_ascii_lowercase().ends_with(code))
}

/// Names before a `/` that a password may follow: `user:bob/password:x`.
const LOGINS: [&[u8]; 8] = [b"account", b"email", b"id", b"login", b"name", b"uid", b"user", b"username"];

/// The word at the end of a text.
fn last_word(text: &[u8]) -> &[u8] {
    let near = &text[text.len().saturating_sub(KEY_BYTES_MAX)..];
    &near[near.iter().rposition(|byte| !is_key_byte(*byte)).map_or(0, |at| at + 1)..]
}

/// A path or a name of several parts (`arn:aws:…:secret:x`) goes on: something follows a colon at once.
pub fn in_path(text: &[u8], sign: Sign) -> bool {
    let word = text[..sign.start].iter().rposition(|byte| !is_key_byte(*byte));
    let beside_login = |slash: usize| {
        let before = &text[..slash - last_word(&text[..slash]).len()];
        let name = before.strip_suffix(b":").map(last_word).unwrap_or_default();
        LOGINS.iter().any(|login| name.eq_ignore_ascii_case(login))
    };
    word.is_some_and(|at| text[at] == b':' || text[at] == b'/' && !beside_login(at))
        && text.get(sign.end).is_some_and(|byte| is_key_byte(*byte) || *byte == b'/')
}

/// `192.0.2.1/pw:Hunter22` and `ID/PW:bob/Hunter22` of notes, which look like a path and its port or tag.
pub fn user_and_password(text: &[u8], word: &Range<usize>, sign: Sign, class: KeyClass) -> bool {
    let Some(before) = text[..word.start].strip_suffix(b"/") else { return false };
    if !matches!(class, KeyClass::Secret(_) | KeyClass::Short(_)) {
        return false;
    }
    let login = LOGINS.iter().any(|login| last_word(before).eq_ignore_ascii_case(login));
    let near = &text[sign.end..text.len().min(sign.end + KEY_BYTES_MAX)];
    let value = near.split(|byte| STOPS[usize::from(*byte)]).next().unwrap_or_default();
    let password = value.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    (login || password.len() == value.len()) && checks::complex(password)
}
