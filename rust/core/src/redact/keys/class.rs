//! What a key says about its value, and which values it then makes secret.

use crate::redact::keys::metadata::is_metadata;
use crate::redact::patterns::checks;
use crate::redact::token::segments;

/// Shortest value that a bare key makes secret, in characters.
pub const BARE_VALUE_CHARS_MIN: usize = 16;

/// Shortest value that a likely key makes secret, in bytes.
const LIKELY_VALUE_BYTES_MIN: usize = 12;
/// Shortest value that a short key makes secret, in bytes: shorter ones are counts and states.
const SHORT_VALUE_BYTES_MIN: usize = 6;
/// Shortest number that is no count under a key that names a credential, in digits: a CVC has three.
const NUMBER_DIGITS_MIN: usize = 3;

/// A value in both cases with digits at several places, which no name has.
fn is_code(value: &[u8]) -> bool {
    value.len() >= LIKELY_VALUE_BYTES_MIN
        && !is_64_bit_number(value)
        && checks::complex(value)
        && checks::scattered_digits(value)
        && checks::high_entropy(value)
}

/// What a key says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyClass {
    Plain,
    /// The value is secret whatever it is; the number is the rule's.
    Secret(u16),
    /// Secret unless it is a state, a date or a count.
    Credential(u16),
    /// The same of several; a number is how many there are.
    Plural(u16),
    /// Secret if it is a string of `BARE_VALUE_CHARS_MIN` characters or more without spaces that looks random, or a shorter one
    /// in both cases with digits.
    Bare(u16),
    /// Secret if it is a string that looks random.
    Likely(u16),
    /// The same of a known service; secret also if it is letters and digits only.
    Owned(u16),
    /// Secret if it is a string in which letters stand beside digits or signs.
    Short(u16),
    /// `PWD`: the shell's working directory, or somebody's password. Secret unless it is a path.
    Directory(u16),
}

impl KeyClass {
    /// The rule, if the value is secret.
    pub fn rule(self) -> Option<u16> {
        match self {
            KeyClass::Plain => None,
            KeyClass::Secret(rule)
            | KeyClass::Credential(rule)
            | KeyClass::Plural(rule)
            | KeyClass::Bare(rule)
            | KeyClass::Likely(rule)
            | KeyClass::Owned(rule)
            | KeyClass::Short(rule)
            | KeyClass::Directory(rule) => Some(rule),
        }
    }

    /// The key names a secret, so that all in an object or list under it is secret.
    pub fn is_name(self) -> bool {
        matches!(self, KeyClass::Secret(_) | KeyClass::Credential(_) | KeyClass::Plural(_) | KeyClass::Directory(_))
    }

    /// What is left of the class where another word of the key tells something about the secret: `password_check`.
    #[must_use]
    pub fn qualified(self) -> Self {
        match self {
            KeyClass::Secret(rule) => KeyClass::Credential(rule),
            KeyClass::Credential(rule) | KeyClass::Plural(rule) => KeyClass::Likely(rule),
            other => other,
        }
    }

    /// The same with the rule's number in another list; None where it is not in it.
    pub fn renumbered(self, number: impl Fn(u16) -> Option<u16>) -> Option<Self> {
        Some(match self {
            KeyClass::Plain => KeyClass::Plain,
            KeyClass::Secret(rule) => KeyClass::Secret(number(rule)?),
            KeyClass::Credential(rule) => KeyClass::Credential(number(rule)?),
            KeyClass::Plural(rule) => KeyClass::Plural(number(rule)?),
            KeyClass::Bare(rule) => KeyClass::Bare(number(rule)?),
            KeyClass::Likely(rule) => KeyClass::Likely(number(rule)?),
            KeyClass::Owned(rule) => KeyClass::Owned(number(rule)?),
            KeyClass::Short(rule) => KeyClass::Short(number(rule)?),
            KeyClass::Directory(rule) => KeyClass::Directory(number(rule)?),
        })
    }

    /// The rule that makes `value` (a decoded string) secret, if one does.
    pub fn rule_for(self, value: &[u8]) -> Option<u16> {
        // Tokens do not count: a value that was short before something in it was replaced is short still.
        let chars = || segments(value).map(|(start, end)| end - start).sum::<usize>();
        let long = || {
            value.len() >= BARE_VALUE_CHARS_MIN
                && chars() >= BARE_VALUE_CHARS_MIN
                && !checks::cache_key(value)
                && checks::high_entropy(value)
                && !is_64_bit_number(value)
        };
        let secret = match self {
            KeyClass::Plain => false,
            KeyClass::Secret(_) => true,
            KeyClass::Credential(_) => !is_metadata(value) && Self::is_no_count(value),
            KeyClass::Plural(_) => !is_metadata(value) && !value.iter().all(u8::is_ascii_digit),
            KeyClass::Bare(_) => long() || is_code(value),
            KeyClass::Likely(_) => {
                value.len() >= LIKELY_VALUE_BYTES_MIN && checks::high_entropy(value) && !is_64_bit_number(value)
            }
            KeyClass::Owned(_) => value.len() >= LIKELY_VALUE_BYTES_MIN && checks::alphanumeric(value),
            KeyClass::Short(_) => value.len() >= SHORT_VALUE_BYTES_MIN && checks::letters_and_symbols(value),
            KeyClass::Directory(_) => !is_path(value),
        };
        self.rule().filter(|_| secret)
    }

    /// The rule that makes a number secret that is written so, if one does.
    pub fn rule_for_number(self, number: &[u8]) -> Option<u16> {
        match self {
            KeyClass::Secret(rule) | KeyClass::Directory(rule) => Some(rule),
            KeyClass::Credential(rule) => Some(rule).filter(|_| Self::is_no_count(number)),
            _ => None,
        }
    }

    /// Not a number so short that it is a count.
    fn is_no_count(value: &[u8]) -> bool {
        let digit = |byte: &u8| byte.is_ascii_digit() || b"+-.".contains(byte);
        value.len() > NUMBER_DIGITS_MIN
            || !value.iter().all(digit)
            || value.iter().filter(|byte| byte.is_ascii_digit()).count() >= NUMBER_DIGITS_MIN
    }
}

/// An absolute path: `/srv/app`, `~/app`, `C:\app`.
fn is_path(value: &[u8]) -> bool {
    matches!(value, [b'/', ..] | [b'~', b'/', ..] | [b'A'..=b'Z' | b'a'..=b'z', b':', b'\\' | b'/', ..] | b"~")
}

/// `0x14ede63a5a70002`: a handle, an address or the id of a session, in at most 16 hexadecimal digits.
fn is_64_bit_number(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"0x").or_else(|| value.strip_prefix(b"0X"));
    digits.is_some_and(|digits| digits.len() <= 16 && digits.iter().all(u8::is_ascii_hexdigit))
}
