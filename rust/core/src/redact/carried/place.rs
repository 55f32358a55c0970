//! Where the parts of a line of a document stand: behind its head, its indentation, its key.

use super::open_line::string_end;

/// Bytes before a key or item that count as its indentation.
pub const INDENT: &[u8] = b" \t{[(-";
/// What parts the text of a line from the words before it.
pub const DASH: &[u8] = b" - ";

/// A line where its head ends, and how far in the key is that it belongs to.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub text: &'a [u8],
    pub offset: usize,
    pub base: usize,
}

impl Place<'_> {
    pub fn rest(&self) -> &[u8] {
        &self.text[self.offset..]
    }

    pub fn spaces(&self) -> usize {
        self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    }

    /// Where the first key or value stands.
    pub fn column(&self) -> usize {
        self.rest().iter().take_while(|byte| INDENT.contains(byte)).count()
    }
}

/// Where the sign of a key at the beginning of a line ends: `key:` and a space or nothing, `"key":`.
pub fn key_end(text: &[u8]) -> Option<usize> {
    let end = match text.first()? {
        b'"' | b'\'' => string_end(text, 0)? + 1,
        _ => {
            text.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"_-./ ".contains(byte) || *byte >= 0x80))?
        }
    };
    let next = end + text[end..].iter().take_while(|byte| **byte == b' ').count();
    let ends =
        text.get(next) == Some(&b':') && matches!(text.get(next + 1), None | Some(b' ' | b'"' | b'\'' | b'[' | b'{'));
    (end > 0 && ends).then_some(next + 1)
}
