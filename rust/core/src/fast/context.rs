//! One line as the fast walker reads it: what stands where, without a memory of what came before.

use crate::simd::structure::{Bitmap, Structure, WINDOW_BITS_MIN};
use crate::tape::Kind;

/// A line and what is known of it. Places are the line's own.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// From the line on, so that a look beyond the line's end meets a newline or nothing.
    pub text: &'a [u8],
    /// Of the line in what was scanned.
    pub start: usize,
    pub end: usize,
    pub backslash: bool,
    pub structure: &'a Structure,
    pub places: &'a Bitmap,
}

impl Context<'_> {
    #[inline(always)]
    pub fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// Tabs and carriage returns are control characters: lines that hold some are the twin's.
    #[inline(always)]
    pub fn space(&self, mut at: usize) -> usize {
        while self.text.get(at) == Some(&b' ') {
            at += 1;
        }
        at
    }

    /// Whether a string holds escapes, which must be valid ones.
    pub fn escaped(&self, start: usize, end: usize) -> Option<bool> {
        let mut at = start;
        if !self.backslash {
            return Some(false);
        }
        while let Some(escape) = self.structure.escape(self.start + at, self.start + end) {
            let escape = escape - self.start;
            at = escape + 2;
            match self.byte(escape + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' if self.text.get(at..at + 4)?.iter().all(u8::is_ascii_hexdigit) => {}
                _ => return None,
            }
        }
        Some(at > start)
    }

    /// The first quote from `at` on that ends a string of the line.
    #[inline(always)]
    pub fn quote(&self, at: usize) -> Option<usize> {
        self.structure.quote(self.start + at, self.start + self.end).map(|quote| quote - self.start)
    }

    /// The survey marked something between.
    #[inline(always)]
    pub fn marked(&self, from: usize, to: usize) -> bool {
        self.places.any(self.start + from, self.start + to)
    }

    /// Where a long string ends, out of the line if nowhere, and whether something in it is marked. `marked`: in its first
    /// window.
    #[inline(never)]
    pub fn far(&self, from: usize, marked: bool) -> (usize, bool) {
        let next = from + WINDOW_BITS_MIN;
        match self.structure.quotes().beside(self.places).windows(self.start + next) {
            (0, _) => {
                let to = self.quote(next).unwrap_or(self.end);
                (to, marked || self.marked(next, to))
            }
            (ends, marks) => (next + ends.trailing_zeros() as usize, marked || marks & below(ends) != 0),
        }
    }

    #[inline(always)]
    pub fn next_escape(&self, at: usize) -> usize {
        match self.backslash {
            true => {
                self.structure.escape(self.start + at, self.start + self.end).map_or(self.end, |at| at - self.start)
            }
            false => self.end,
        }
    }

    /// The kind of a number or word and its end. Not part of the loop over members, which would run out of registers.
    #[inline(never)]
    pub fn bare(&self, first: u8, at: usize) -> Option<(Kind, usize)> {
        match self.number(first, at) {
            Some(end) => Some((Kind::Number, end)),
            None => self.word(first, at),
        }
    }

    /// The kind of a word and its end. `NaN` and `Infinity` are the twin's.
    #[inline(always)]
    fn word(&self, first: u8, at: usize) -> Option<(Kind, usize)> {
        let (word, kind): (&[u8], Kind) = match first {
            b't' => (b"true", Kind::True),
            b'f' => (b"false", Kind::False),
            b'n' => (b"null", Kind::Null),
            _ => return None,
        };
        self.text[at..].starts_with(word).then_some((kind, at + word.len()))
    }

    /// The end of `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    #[inline(always)]
    fn number(&self, first: u8, start: usize) -> Option<usize> {
        let mut at = match first {
            b'0' => start + 1,
            b'1'..=b'9' => self.more_digits(start + 1),
            b'-' if self.text.get(start + 1) == Some(&b'0') => start + 2,
            b'-' => self.digits(start + 1)?,
            _ => return None,
        };
        if self.text.get(at) == Some(&b'.') {
            at = self.digits(at + 1)?;
        }
        match self.text.get(at) {
            Some(b'e' | b'E') => self.exponent(at + 1),
            _ => Some(at),
        }
    }

    #[cold]
    fn exponent(&self, at: usize) -> Option<usize> {
        let signed = matches!(self.text.get(at), Some(b'+' | b'-'));
        self.digits(at + usize::from(signed))
    }

    /// The end of any digits, eight at a time.
    #[inline(always)]
    fn more_digits(&self, mut at: usize) -> usize {
        const BYTES: u64 = u64::MAX / 255;
        while let Some(chunk) = self.text.get(at..).and_then(<[u8]>::first_chunk) {
            // Digits become 0 to 9. Of others the top bit is set, or is once 118 is added; a carry spoils only what is behind.
            let word = u64::from_le_bytes(*chunk) ^ (BYTES * 0x30);
            let others = (word | word.wrapping_add(BYTES * 0x76)) & (BYTES * 0x80);
            if others != 0 {
                return at + others.trailing_zeros() as usize / 8;
            }
            at += chunk.len();
        }
        while self.text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    }

    /// The end of one digit or more.
    #[inline(always)]
    fn digits(&self, start: usize) -> Option<usize> {
        let end = self.more_digits(start);
        (end > start).then_some(end)
    }
}

/// The bits below the lowest one.
#[inline(always)]
pub(super) fn below(bits: u64) -> u64 {
    bits.wrapping_sub(1) & !bits
}
