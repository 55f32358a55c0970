//! What stands before the text of a line: the time, the host and the level that whoever passed it on wrote there.

/// Longest head that is remembered, in bytes.
const HEAD_BYTES_MAX: usize = 160;
/// Shortest part of one that is known again, in bytes without digits: a time has as many.
const PART_BYTES_MIN: usize = 5;

/// A head without its digits: the times of lines differ in nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head(Vec<u8>);

impl Head {
    pub fn of(text: &[u8]) -> Self {
        Self(text.iter().filter(|byte| !byte.is_ascii_digit()).take(HEAD_BYTES_MAX).copied().collect())
    }

    /// Whether all of `text` is such a head.
    pub fn is_of(&self, text: &[u8]) -> bool {
        text.iter().filter(|byte| !byte.is_ascii_digit()).eq(&self.0)
    }

    /// Where the text behind such a head begins.
    pub fn end(&self, text: &[u8]) -> Option<usize> {
        let (at, len) = self.common(text);
        (len == self.0.len()).then_some(at)
    }

    /// Where the text begins behind the part of the head that a later line of one message has: all words but the last ones.
    pub fn part(&self, text: &[u8]) -> Option<usize> {
        let (at, len) = self.common(text);
        let whole_words = len >= PART_BYTES_MIN && self.0[len - 1] == b' ';
        let indented = matches!(text.get(at), Some(b' ' | b'\t' | b'}' | b']' | b')'));
        (whole_words && indented).then_some(at)
    }

    /// How much of a text, and of the head, is the same.
    fn common(&self, text: &[u8]) -> (usize, usize) {
        let (mut at, mut len) = (0, 0);
        while let (Some(next), Some(byte)) = (self.0.get(len), text.get(at)) {
            match byte {
                byte if byte.is_ascii_digit() => {}
                byte if byte == next => len += 1,
                _ => break,
            }
            at += 1;
        }
        (at, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_differ_in_digits() {
        let head = Head::of(b"2026-11-30T09:10:00.12Z stdout F");
        let line = b"2026-11-30T10:10:01.123Z stdout F  x";
        assert_eq!(head.end(line), Some(line.len() - 3));
        assert!(head.is_of(&line[..line.len() - 3]) && !head.is_of(line) && head.end(b"other").is_none());
        assert_eq!(Head::of(b"").end(b"1"), Some(0));
    }
}
