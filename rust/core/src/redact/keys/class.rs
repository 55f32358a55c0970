//! What a key says about its value, and which values it then makes secret.

use crate::redact::patterns::checks;
use crate::redact::token::segments;

/// Shortest value that a bare key makes secret, in characters.
pub const BARE_VALUE_CHARS_MIN: usize = 16;

/// Shortest value that a likely key makes secret, in bytes.
const LIKELY_VALUE_BYTES_MIN: usize = 12;
/// Shortest value that a short key makes secret, in bytes: shorter ones are counts and states.
const SHORT_VALUE_BYTES_MIN: usize = 6;

/// What a key says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyClass {
    Plain,
    /// The value is secret whatever it is; the number is the rule's.
    Secret(u16),
    /// Secret if it is a string of `BARE_VALUE_CHARS_MIN` characters or more without spaces.
    Bare(u16),
    /// Secret if it is a string that looks random.
    Likely(u16),
    /// The same of a known service; secret also if it is letters and digits only.
    Owned(u16),
    /// Secret if it is a string in which letters stand beside digits or signs.
    Short(u16),
}

impl KeyClass {
    /// The rule, if the value is secret.
    pub fn rule(self) -> Option<u16> {
        match self {
            KeyClass::Plain => None,
            KeyClass::Secret(rule)
            | KeyClass::Bare(rule)
            | KeyClass::Likely(rule)
            | KeyClass::Owned(rule)
            | KeyClass::Short(rule) => Some(rule),
        }
    }

    /// The rule that makes `value` (a decoded string) secret, if one does.
    pub fn rule_for(self, value: &[u8]) -> Option<u16> {
        // Tokens do not count: a value that was short before something in it was replaced is short still.
        let chars = || segments(value).map(|(start, end)| end - start).sum::<usize>();
        let long = || {
            value.len() >= BARE_VALUE_CHARS_MIN
                && chars() >= BARE_VALUE_CHARS_MIN
                && !value.iter().any(u8::is_ascii_whitespace)
                && !checks::cache_key(value)
        };
        match self {
            KeyClass::Secret(rule) => Some(rule),
            KeyClass::Bare(rule) if long() => Some(rule),
            KeyClass::Likely(rule) if value.len() >= LIKELY_VALUE_BYTES_MIN && checks::high_entropy(value) => {
                Some(rule)
            }
            KeyClass::Owned(rule) if value.len() >= LIKELY_VALUE_BYTES_MIN && checks::alphanumeric(value) => Some(rule),
            KeyClass::Short(rule) if value.len() >= SHORT_VALUE_BYTES_MIN && checks::letters_and_symbols(value) => {
                Some(rule)
            }
            _ => None,
        }
    }
}
