//! One line as the fast walker reads it: what stands where, without a memory of what came before.

use crate::event::number::digits_in;
use crate::io::escape::is_surrogate;
use crate::json::tape::Kind;
use crate::simd::bitmap::Bitmap;
use crate::simd::structure::Structure;

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

/// What a string holds of escapes.
#[derive(Clone, Copy)]
pub(super) struct Escapes {
    pub any: bool,
    /// Some stand for halves of surrogate pairs.
    pub surrogates: bool,
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

    /// The escapes of a string, which must be valid ones.
    pub fn escapes(&self, start: usize, end: usize) -> Option<Escapes> {
        let mut at = start;
        let mut surrogates = false;
        if !self.backslash {
            return Some(Escapes { any: false, surrogates });
        }
        while let Some(escape) = self.structure.escape(self.start + at, self.start + end) {
            let escape = escape - self.start;
            at = escape + 2;
            match self.byte(escape + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    let digits = self.text.get(at..at + 4)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    surrogates |= is_surrogate(digits);
                }
                _ => return None,
            }
        }
        Some(Escapes { any: at > start, surrogates })
    }

    /// The first quote from `at` on that ends a string of the line.
    #[inline(always)]
    pub fn quote(&self, at: usize) -> Option<usize> {
        self.structure.quote(self.start + at, self.start + self.end).map(|quote| quote - self.start)
    }

    /// The prefilter marked something between.
    #[inline(always)]
    pub fn marked(&self, from: usize, to: usize) -> bool {
        self.places.any(self.start + from, self.start + to)
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

    /// The kind of a number or word and its end.
    pub fn bare(&self, first: u8, at: u32) -> Option<(Kind, u32)> {
        bare(self.text, first, at).or_else(|| self.far_bare(first, at))
    }

    /// The same byte by byte.
    fn far_bare(&self, first: u8, at: u32) -> Option<(Kind, u32)> {
        let at = at as usize;
        let (kind, end) = match self.number(first, at) {
            Some(end) => (Kind::Number, end),
            None => self.word(first, at)?,
        };
        Some((kind, end as u32))
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

    #[inline(always)]
    fn more_digits(&self, mut at: usize) -> usize {
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

/// Where a walk stands.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// A value begins here, or a space before it.
    Value(usize),
    /// A value ended here.
    Behind(usize),
    /// The outermost value ended here.
    End(usize),
}

/// The kind of a word, or of a number without a sign and an exponent, and its end. `None`: not known. Digits are counted
/// eight at a time: how many a number has is nothing that a processor can foresee.
#[inline(always)]
pub(super) fn bare(text: &[u8], first: u8, at: u32) -> Option<(Kind, u32)> {
    let near = eight(text, at)?;
    if !first.is_ascii_digit() {
        return match first {
            b't' if near as u32 == u32::from_le_bytes(*b"true") => Some((Kind::True, at + 4)),
            b'n' if near as u32 == u32::from_le_bytes(*b"null") => Some((Kind::Null, at + 4)),
            b'f' if (near >> 8) as u32 == u32::from_le_bytes(*b"alse") => Some((Kind::False, at + 5)),
            _ => None,
        };
    }
    let (mut end, mut behind) = digits(text, near, at)?;
    if first == b'0' && end > at + 1 {
        return None;
    }
    if behind == b'.' {
        let from = end + 1;
        (end, behind) = digits(text, eight(text, from)?, from)?;
        if end == from {
            return None;
        }
    }
    (behind | 0x20 != b'e').then_some((Kind::Number, end))
}

/// The end of the digits from `at` on, of which the first eight bytes are at hand, and the byte there.
#[inline(always)]
fn digits(text: &[u8], mut near: u64, mut at: u32) -> Option<(u32, u8)> {
    loop {
        let digits = digits_in(near);
        at += digits;
        if digits < 8 {
            return Some((at, (near >> (8 * digits)) as u8));
        }
        near = eight(text, at)?;
    }
}

#[inline(always)]
fn eight(text: &[u8], at: u32) -> Option<u64> {
    let at = at as usize;
    Some(u64::from_le_bytes(*text.get(at..at + 8)?.first_chunk()?))
}
