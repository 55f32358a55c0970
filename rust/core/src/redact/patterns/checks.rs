//! Checks in code: what a pattern cannot say about a credential.

use base64::alphabet;
use base64::engine::{general_purpose::GeneralPurpose, DecodePaddingMode, GeneralPurposeConfig};
use base64::Engine as _;

use crate::redact::bytes::table;
use crate::redact::patterns::{cards, mail};
use crate::redact::text::{placeholders, templates};

/// A check that a match must pass, or a rule that is code altogether.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Luhn,
    Jwt,
    Basic,
    Entropy,
    Card,
    Email,
    UrlCredentials,
    Assignment,
    NotPlaceholder,
    Hex,
    HighEntropy,
    LettersAndSymbols,
    Complex,
    ScatteredDigits,
    PasswordOption,
    UserPassword,
    NamedKey,
    LoginPassword,
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
/// Base64 text that is decoded to look into it, in bytes: a header is short.
const DECODE_BYTES_MAX: usize = 1024;

/// What follows the path in the first line of a request.
const HTTP_VERSION: &[u8] = b"HTTP/";

impl Check {
    /// Every check by the name that rules use.
    const NAMED: [(&'static str, Self); 18] = [
        ("luhn", Check::Luhn),
        ("jwt", Check::Jwt),
        ("basic", Check::Basic),
        ("entropy", Check::Entropy),
        ("card", Check::Card),
        ("email", Check::Email),
        ("url_credentials", Check::UrlCredentials),
        ("assignment", Check::Assignment),
        ("not_placeholder", Check::NotPlaceholder),
        ("hex", Check::Hex),
        ("high_entropy", Check::HighEntropy),
        ("letters_and_symbols", Check::LettersAndSymbols),
        ("complex", Check::Complex),
        ("scattered_digits", Check::ScatteredDigits),
        ("password_option", Check::PasswordOption),
        ("user_password", Check::UserPassword),
        ("named_key", Check::NamedKey),
        ("login_password", Check::LoginPassword),
    ];
    /// Names that rules used before, and the ones to write instead.
    const RENAMED: [(&'static str, &'static str); 3] =
        [("said", "not_placeholder"), ("random", "high_entropy"), ("mixed", "letters_and_symbols")];

    /// # Errors
    /// There is no check of this name: the reason, with what to write instead.
    pub fn from_name(name: &str) -> Result<Self, String> {
        if let Some((_, check)) = Self::NAMED.iter().find(|(known, _)| *known == name) {
            return Ok(*check);
        }
        if let Some((_, new)) = Self::RENAMED.iter().find(|(old, _)| *old == name) {
            return Err(format!("check: this one has a new name; write {new}"));
        }
        Err(format!("check: unknown value; known: {}", Self::NAMED.map(|(known, _)| known).join(" ")))
    }

    /// It is for what follows a word in prose.
    pub fn is_of_prose(self) -> bool {
        const OF_PROSE: [Check; 6] = [
            Check::Complex,
            Check::ScatteredDigits,
            Check::UserPassword,
            Check::NamedKey,
            Check::LoginPassword,
            Check::PasswordOption,
        ];
        self.is_lenient() || OF_PROSE.contains(&self)
    }

    /// It lets pass what may be a word or a part of a path, too.
    pub fn is_lenient(self) -> bool {
        matches!(self, Check::LettersAndSymbols | Check::NotPlaceholder)
    }

    /// `secret` is what would be replaced.
    pub fn passes(self, secret: &[u8]) -> bool {
        match self {
            Check::Luhn => luhn(secret),
            Check::Jwt => jwt(secret),
            Check::Basic => basic(secret),
            Check::Entropy => entropy(secret),
            Check::Card => cards::is_card(secret),
            Check::HighEntropy => high_entropy(secret),
            Check::LettersAndSymbols => {
                letters_and_symbols(secret) && !mail::is_mail(secret) && !secret.starts_with(HTTP_VERSION)
            }
            Check::Complex => complex(secret) || (high_entropy(secret) && scattered_digits(secret)),
            Check::UserPassword => complex(secret),
            Check::ScatteredDigits | Check::NamedKey => high_entropy(secret) && scattered_digits(secret),
            Check::PasswordOption | Check::LoginPassword => !placeholders::says_nothing(secret),
            Check::NotPlaceholder => {
                !placeholders::says_nothing(secret) && !templates::is_mount(secret) && !secret.starts_with(HTTP_VERSION)
            }
            Check::Hex => secret.iter().take_while(|b| **b != b'-').all(u8::is_ascii_hexdigit) && entropy(secret),
            Check::Email | Check::UrlCredentials | Check::Assignment => true,
        }
    }
}

/// The check digit of ISO/IEC 7812-1 annex B, over the digits of `text`.
pub fn luhn(text: &[u8]) -> bool {
    // What a digit adds where it counts twice.
    const TWICE: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let digits = text.iter().rev().map(|byte| usize::from(byte.wrapping_sub(b'0'))).filter(|digit| *digit < 10);
    let (sum, _) =
        digits.fold((0, false), |(sum, twice), digit| (sum + if twice { TWICE[digit] } else { digit as u32 }, !twice));
    sum.is_multiple_of(10)
}

/// Shortest parts of what is taken for a JSON Web Token by its looks alone, in bytes.
const JWT_PART_BYTES_MIN: usize = 16;

/// A JSON Web Token (RFC 7515): its header is base64url of an object with `alg` or `typ`, or an object begins its second part,
/// too, and all three are long. Examples in documentation have headers that do not decode.
fn jwt(text: &[u8]) -> bool {
    let mut parts = text.split(|b| *b == b'.');
    let header = parts.next().unwrap_or_default();
    let (payload, signature) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let long = [header, payload, signature].iter().all(|part| part.len() >= JWT_PART_BYTES_MIN);
    if long && header.starts_with(b"eyJ") && payload.starts_with(b"eyJ") {
        return true;
    }
    let Some(header) = header.get(..header.len().min(DECODE_BYTES_MAX)) else { return false };
    let Ok(json) = URL_SAFE.decode(header) else { return false };
    let holds = |word: &[u8]| memchr::memmem::find(&json, word).is_some();
    json.trim_ascii_start().starts_with(b"{") && (holds(b"\"alg\"") || holds(b"\"typ\"") || holds(b"\"enc\""))
}

/// Credentials of basic authentication (RFC 7617): base64 of printable text with a colon.
fn basic(text: &[u8]) -> bool {
    let text = &text[..text.len().min(DECODE_BYTES_MAX)];
    let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
    decoded.is_ok_and(|pair| pair.contains(&b':') && pair.iter().all(|b| !b.is_ascii_control()))
}

/// Least entropy of a credential, in bits a byte.
pub const RANDOM_BITS_MIN: f64 = 2.75;

/// At least 2.75 bits a byte, with a letter and a digit: no word and no number.
pub fn entropy(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_digit) && text.iter().any(u8::is_ascii_alphabetic) && bits(text) >= RANDOM_BITS_MIN
}

/// Shannon's measure of `text`, in bits a byte.
fn bits(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    text.iter().for_each(|byte| counts[*byte as usize] += 1);
    let len = text.len() as f64;
    counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / len).map(|p| -p * p.log2()).sum()
}

/// Shortest piece of a random value, in bytes.
pub const RANDOM_PIECE_BYTES_MIN: usize = 12;

/// What a byte may be in a value.
#[derive(Clone, Copy)]
pub struct Kinds(u8);

impl Kinds {
    /// Of a random value.
    pub const OF_VALUE: u8 = 1;
    /// Between two pieces of one.
    pub const SPLIT: u8 = 2;
    /// A digit, or a sign that is in no word, number or path.
    pub const OTHER: u8 = 4;
    pub const DIGIT: u8 = 8;
    pub const UPPER: u8 = 16;

    #[inline]
    pub const fn of(byte: u8) -> Self {
        Self(KINDS[byte as usize])
    }

    #[inline]
    pub const fn has(self, kind: u8) -> bool {
        self.0 & kind != 0
    }

    /// One of two neighbours is a digit or a capital, and the other is not that.
    #[inline]
    pub fn changes(self, next: Self) -> bool {
        (self.0 ^ next.0) & (Self::DIGIT | Self::UPPER) != 0
    }
}

const KINDS: [u8; 256] = {
    let (of_value, split, path) = (table(b"-_.~+/=:|$!%@,*"), table(b"-_./: "), table(b"-_./:,'"));
    let mut kinds = [0; 256];
    let mut at = 0;
    while at < kinds.len() {
        let byte = at as u8;
        let other = byte.is_ascii_digit() || byte.is_ascii_punctuation() && !path[at];
        kinds[at] |= if byte.is_ascii_alphanumeric() || of_value[at] { Kinds::OF_VALUE } else { 0 };
        kinds[at] |= if split[at] { Kinds::SPLIT } else { 0 } | if other { Kinds::OTHER } else { 0 };
        kinds[at] |= if byte.is_ascii_digit() { Kinds::DIGIT } else { 0 };
        kinds[at] |= if byte.is_ascii_uppercase() { Kinds::UPPER } else { 0 };
        at += 1;
    }
    kinds
};

/// A value that no one wrote: entropy, and a long piece without a hyphen or dot in which letters and digits mix, or
/// capitals stand where no hump of camel case does.
pub fn high_entropy(text: &[u8]) -> bool {
    let pieces = text.split(|b| Kinds::of(*b).has(Kinds::SPLIT));
    let piece = pieces.max_by_key(|piece| piece.len()).unwrap_or_default();
    if piece.len() < RANDOM_PIECE_BYTES_MIN {
        return false;
    }
    let digits = piece.iter().filter(|b| b.is_ascii_digit()).count();
    let changes = piece.windows(2).filter(|pair| Kinds::of(pair[0]).changes(Kinds::of(pair[1]))).count();
    let mixed = piece_is_mixed(digits, changes, piece.len());
    mixed && text.iter().all(|b| Kinds::of(*b).has(Kinds::OF_VALUE)) && bits(text) >= RANDOM_BITS_MIN
}

/// Letters and digits mix in a piece, or capitals stand everywhere: of its neighbours so many are of another kind.
pub fn piece_is_mixed(digits: usize, changes: usize, len: usize) -> bool {
    (digits >= 2 && digits < len) || changes * 5 >= len * 2
}

/// The name of an entry in a cache or store, of parts: `user:1234567:profile`.
pub fn cache_key(text: &[u8]) -> bool {
    let first = text.iter().position(|byte| *byte == b':').map(|end| &text[..end]);
    first.is_some_and(|part| {
        !part.is_empty() && part.iter().all(|byte| byte.is_ascii_lowercase() || b"_-".contains(byte))
    })
}

/// A random value, or a code: letters and digits with at least one digit, and nothing else.
pub fn alphanumeric(text: &[u8]) -> bool {
    high_entropy(text) || (text.iter().all(u8::is_ascii_alphanumeric) && text.iter().any(u8::is_ascii_digit))
}

/// The text form of a UUID (RFC 9562).
pub fn uuid(text: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| {
        if matches!(at, 8 | 13 | 18 | 23) {
            *byte == b'-'
        } else {
            byte.is_ascii_hexdigit()
        }
    };
    text.len() == 36 && text.iter().enumerate().all(fits)
}

/// Letters with a digit or a sign between them: no word, no number, no path.
pub fn letters_and_symbols(text: &[u8]) -> bool {
    let letter = text.iter().any(u8::is_ascii_alphabetic);
    let other = text.iter().any(|b| Kinds::of(*b).has(Kinds::OTHER));
    letter && other && !text.iter().any(u8::is_ascii_whitespace)
}

/// Shortest password that policies call complex, in bytes.
const COMPLEX_BYTES_MIN: usize = 8;

/// A password of capitals, small letters and digits, as policies ask for one. It holds nothing of what stands in names of
/// files, in code, in addresses and in percent escapes.
pub fn complex(text: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| text.iter().any(kind);
    let odd = |byte: &u8| b"./:,()=<>\"'".contains(byte) || byte.is_ascii_whitespace();
    let goes_on = |pair: &[u8]| b"@%".contains(&pair[0]) && pair[1].is_ascii_alphanumeric();
    text.len() >= COMPLEX_BYTES_MIN
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && !text.iter().any(odd)
        && !text.windows(2).any(goes_on)
}

/// Shortest run of digits in front of letters that no name has, in bytes.
const DIGITS_IN_FRONT_MIN: usize = 5;

/// Digits stand at two places at least, or many before a letter: names have few, at one place (`Base64UrlEncoder`), or many
/// behind (`orders_20261130`).
pub fn scattered_digits(text: &[u8]) -> bool {
    let begins = |pair: &[u8]| !pair[0].is_ascii_digit() && pair[1].is_ascii_digit();
    let places = text.windows(2).filter(|pair| begins(pair)).count();
    let in_front = |run: &[u8]| {
        let (last, digits) = run.split_last().unwrap_or((&b' ', &[]));
        last.is_ascii_alphabetic() && digits.iter().all(u8::is_ascii_digit)
    };
    places + usize::from(text.first().is_some_and(u8::is_ascii_digit)) >= 2
        || text.windows(DIGITS_IN_FRONT_MIN + 1).any(in_front)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complex_password_is_no_name() {
        for text in ["Prl23Db#@", "IhqSb1Gg", "Winter-2026"] {
            assert!(complex(text.as_bytes()), "{text}");
        }
        for text in ["hunter2hunter2", "IhqSb1G", "Base64.java", "Bob1@mail", "Hash-0%2Bx", "CONFIG_2026", "readMe"] {
            assert!(!complex(text.as_bytes()), "{text}");
        }
        assert!(scattered_digits(b"9a1") && scattered_digits(b"a1b2") && !scattered_digits(b"Base64Url"));
        assert!(scattered_digits(b"ABCDEF1234567890QRST") && !scattered_digits(b"orders_20261130"));
    }

    #[test]
    fn headers_are_decoded() {
        assert!(jwt(b"eyJhbGciOiJIUzI1NiJ9.e30.x") && !jwt(b"eyJpZCI6MTIzfQ.e30.x"));
        assert!(basic(b"dXNlcjpwYXNz") && !basic(b"aGVsbG8gd29ybGQ"));
        assert!(entropy(b"a1b2c3d4e5f6") && !entropy(b"aaaaaaaa1111") && !entropy(b"abcdefghijkl"));
    }

    #[test]
    fn what_people_write_is_told_from_what_machines_make() {
        for text in [
            "9f8e7d6c5b4a39281706",
            "00000000-1111-2222-3333-4a5b6c7d8e9f",
            "Zf3D0LXCM3EIMbgJpUNn",
            "a1-b2c3d4e5f6g7",
            "AJbJSzHMjyXPVQduRgzgwbYv",
        ] {
            assert!(high_entropy(text.as_bytes()), "{text}");
        }
        for text in [
            "user-service-v2-primary",
            "2024-01-01T00:00:00Z",
            "abcdefghijklmnop",
            "10.0.0.1:8080",
            "a 9f8e7d6c5b4a39281706",
        ] {
            assert!(!high_entropy(text.as_bytes()), "{text}");
        }
        assert!(
            letters_and_symbols(b"hunter2")
                && letters_and_symbols(b"P@ss")
                && !letters_and_symbols(b"second-stage")
                && !letters_and_symbols(b"12.5")
                && !letters_and_symbols(b"a 1")
        );
    }
}
