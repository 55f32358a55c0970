//! JSON Web Keys (RFC 7517): which members of an object with `kty` are the private key. Their names are too short to say so
//! anywhere else.

use crate::redact::patterns::checks;

/// The key that the private members are read as.
pub const READ_AS: &[u8] = b"private_key";
/// Members of a private or symmetric key (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037).
const PRIVATE: [&[u8]; 7] = [b"d", b"p", b"q", b"dp", b"dq", b"qi", b"k"];
/// Types of keys (RFC 7518 section 6.1, RFC 8037, RFC 9964).
const TYPES: [&[u8]; 5] = [b"RSA", b"EC", b"OKP", b"oct", b"AKP"];
/// Longest of them, in bytes.
const TYPE_BYTES_MAX: usize = 3;
/// Shortest value that is a private member wherever its `kty` stands: 256 bits in base64url, in bytes. As much is looked at
/// of longer ones.
const VALUE_BYTES_MIN: usize = 43;
/// How far in a line a member may begin, in bytes.
const LINE_BEGIN_BYTES_MAX: usize = 64;

/// The value of `kty` is a type of key.
pub fn is_type(value: &[u8]) -> bool {
    TYPES.contains(&value)
}

/// A member of this name is private.
#[inline]
pub fn is_private(name: &[u8]) -> bool {
    name.len() <= 2 && PRIVATE.contains(&name)
}

/// The members of one object in text that is not JSON, as they come by.
#[derive(Default)]
pub struct Members {
    /// Where the object begins, and up to where it was read.
    open: usize,
    at: usize,
    /// It has a `kty`.
    of_key: bool,
    /// Where values begin that are private if a `kty` follows.
    waiting: Vec<usize>,
}

impl Members {
    /// A member of the object that begins at `open`, and where its value begins: gives the values that are private now.
    #[inline]
    pub fn private(&mut self, text: &[u8], open: usize, name: &[u8], value: usize) -> impl Iterator<Item = usize> + '_ {
        let some = self.of_key || !self.waiting.is_empty();
        if self.open != open || some && text[self.at..value].contains(&b'}') {
            *self = Self { open, ..Self::default() };
        }
        self.at = value;
        if name == b"kty" {
            let value = text.get(value + 1..).unwrap_or_default();
            let len = value.iter().take(TYPE_BYTES_MAX + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
            self.of_key |= is_type(&value[..len]);
        }
        if is_private(name) {
            self.waiting.push(value);
        }
        let known = self.of_key || !self.waiting.is_empty() && is_line_of_key(text, value);
        let count = if known { self.waiting.len() } else { 0 };
        self.waiting.drain(..count)
    }
}

/// A line of an indented key: nothing stands before the name of the member, and the value is as long and random as a private
/// one. Its `kty` may come later, in a line of its own.
fn is_line_of_key(text: &[u8], value: usize) -> bool {
    let of_name = |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_lowercase() || b"\"':{,".contains(byte);
    let start = value + 1;
    let base64url = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'-' | b'_');
    let len = text.get(start..).map_or(0, |text| text.iter().take(VALUE_BYTES_MIN).take_while(base64url).count());
    value <= LINE_BEGIN_BYTES_MAX
        && len >= VALUE_BYTES_MIN
        && text[..value].iter().all(of_name)
        && checks::entropy(&text[start..start + len])
}
