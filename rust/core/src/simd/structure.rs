//! Stage 1: one pass over whole lines that says where lines end, where strings do, and what is out of the ordinary.
//! The idea is simdjson's (Langdale and Lemire, arXiv 1902.08318); here a bitmap is the index, and quotes have no
//! parity: the walker starts anew at each line, so that an odd quote in one line means nothing to the next.

use super::Path;

/// One line of a scanned text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineEnd {
    /// Position of the newline, or the length of the text when the last line has none.
    pub at: usize,
    /// It holds a control character, other than a carriage return that ends it.
    pub control: bool,
    pub backslash: bool,
}

/// What one pass saw in a text. Reused from text to text.
#[derive(Default, Debug)]
pub struct Structure {
    pub lines: Vec<LineEnd>,
    /// Some byte is not ASCII.
    pub wide: bool,
    /// A bit for each quote that no backslash escapes.
    quotes: Bitmap,
    /// A bit for each backslash that begins an escape.
    escapes: Bitmap,
}

/// A bit per byte of a text, the first in the lowest place, and zeros behind the last.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<[u8; 8]>,
}

/// A window on a bitmap begins inside a byte, and is of eight.
pub const WINDOW_BITS_MIN: usize = 57;

/// Two bitmaps of one text, read at the same places.
#[derive(Clone, Copy)]
pub struct Beside<'a> {
    one: &'a [u8],
    /// As long.
    other: &'a [u8],
}

impl<'a> Beside<'a> {
    /// The same, so that the compiler sees that both are of one length.
    #[inline(always)]
    pub fn matched(self) -> Self {
        Self { one: self.one, other: self.other.get(..self.one.len()).unwrap_or(self.one) }
    }

    /// How many bits from `at` on are before the first of the one map, and whether one of these is set in the other.
    /// `None` if there is no first.
    #[inline(always)]
    pub fn string(&self, at: usize) -> Option<(u32, bool)> {
        let (ends, mut marks) = self.windows(at)?;
        if ends != 0 {
            return Some((ends.trailing_zeros(), marks & below(ends) != 0));
        }
        let mut from = at;
        loop {
            from += WINDOW_BITS_MIN;
            let (ends, more) = self.windows(from)?;
            if ends != 0 {
                return Some(((from - at) as u32 + ends.trailing_zeros(), marks | more & below(ends) != 0));
            }
            marks |= more;
        }
    }

    /// The bits of both from `at` on, lowest first: at least 57 of them. `None` beyond the end.
    #[inline(always)]
    fn windows(&self, at: usize) -> Option<(u64, u64)> {
        let range = at / 8..at / 8 + 8;
        let window = |bytes: &[u8]| Some(u64::from_le_bytes(*bytes.first_chunk()?) >> (at % 8));
        Some((window(self.one.get(range.clone())?)?, window(self.other.get(range)?)?))
    }
}

/// The bits below the lowest one.
#[inline(always)]
fn below(bits: u64) -> u64 {
    bits.wrapping_sub(1) & !bits
}

impl Bitmap {
    /// Room for the bits of a text, to be filled. A window may begin right behind the last byte.
    pub(crate) fn reset(&mut self, text_bytes: usize) -> Words<'_> {
        let words = text_bytes.div_ceil(64);
        if self.words.len() <= words {
            self.words.resize(words + 1, [0; 8]);
        }
        // What is left of a longer text behind it is out of reach.
        self.words[words] = [0; 8];
        &mut self.words[..words]
    }

    /// The bits from `at` on, lowest first: at least 57 of them. `None` beyond the end.
    #[inline(always)]
    fn window(&self, at: usize) -> Option<u64> {
        let bytes = self.words.as_flattened().get(at / 8..at / 8 + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?) >> (at % 8))
    }

    /// This map beside another of the same text. One that was never filled is replaced by this one, which has nothing
    /// before its own next bit either.
    ///
    /// # Panics
    /// The other is of a shorter text: its marks must never be taken for none.
    #[inline(always)]
    pub fn beside<'a>(&'a self, other: &'a Self) -> Beside<'a> {
        let (one, other) = (self.words.as_flattened(), other.words.as_flattened());
        Beside { one, other: if other.is_empty() { one } else { &other[..one.len()] } }
    }

    /// The first set bit from `at` on and before `end`.
    #[inline(always)]
    fn next(&self, at: usize, end: usize) -> Option<usize> {
        match self.window(at)? {
            0 => self.far(at, end),
            bits => Some(at + bits.trailing_zeros() as usize).filter(|bit| *bit < end),
        }
    }

    /// Some bit in `at..end` is set.
    #[inline(always)]
    pub fn any(&self, at: usize, end: usize) -> bool {
        match self.window(at) {
            Some(0) => end > at + WINDOW_BITS_MIN && self.far(at, end).is_some(),
            Some(bits) => at + (bits.trailing_zeros() as usize) < end,
            None => false,
        }
    }

    #[inline(never)]
    fn far(&self, at: usize, end: usize) -> Option<usize> {
        let mut index = at / 64;
        // What is before `at` in its word was asked for earlier.
        let mut word = u64::from_le_bytes(*self.words.get(index)?) & u64::MAX << (at % 64);
        while word == 0 {
            index += 1;
            if index * 64 >= end {
                return None;
            }
            word = u64::from_le_bytes(*self.words.get(index)?);
        }
        Some(index * 64 + word.trailing_zeros() as usize).filter(|bit| *bit < end)
    }
}

impl Structure {
    /// Scan a text that begins with a line and ends with one.
    pub fn scan(&mut self, path: Path, text: &[u8]) {
        self.lines.clear();
        let (quotes, escapes) = (self.quotes.reset(text.len()), self.escapes.reset(text.len()));
        let mut kernel = Kernel { text, lines: &mut self.lines, escaped: 0, control: false, backslash: false };
        self.wide = match path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 if path.runs_here() => super::avx2::structure(&mut kernel, quotes, escapes),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 if path.runs_here() => super::avx512::structure(&mut kernel, quotes, escapes),
            _ => scalar(&mut kernel, quotes, escapes),
        };
        kernel.finish();
    }

    /// A bit for each byte that is a quote no backslash escapes.
    pub fn quotes(&self) -> &Bitmap {
        &self.quotes
    }

    /// The first quote in `at..end` that no backslash escapes.
    #[inline(always)]
    pub fn quote(&self, at: usize, end: usize) -> Option<usize> {
        self.quotes.next(at, end)
    }

    /// The first backslash in `at..end` that begins an escape.
    #[inline(always)]
    pub fn escape(&self, at: usize, end: usize) -> Option<usize> {
        self.escapes.next(at, end)
    }
}

/// The masks of 64 bytes, the first in the lowest bit.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Masks {
    pub quote: u64,
    pub backslash: u64,
    /// Below 0x20, newlines included.
    pub control: u64,
    pub newline: u64,
    pub carriage_return: u64,
}

/// The words of a bitmap.
pub(super) type Words<'a> = &'a mut [[u8; 8]];

/// A pass in progress.
pub(super) struct Kernel<'a> {
    pub text: &'a [u8],
    lines: &'a mut Vec<LineEnd>,
    /// 1 if the first byte of the next block is escaped.
    escaped: u64,
    /// Of the line that is open.
    control: bool,
    backslash: bool,
}

impl Kernel<'_> {
    /// The first byte of the next block is escaped.
    #[inline(always)]
    pub fn carries(&self) -> bool {
        self.escaped != 0
    }

    /// The `index`-th block, which has backslashes, control characters or an escaped first byte; gives its quotes and escapes.
    pub fn block(&mut self, index: usize, masks: Masks) -> (u64, u64) {
        let at = index * 64;
        if masks.control == masks.newline && masks.backslash | self.escaped == 0 {
            self.end_lines(at, masks.newline);
            return (masks.quote, 0);
        }
        let mut escapes = 0;
        let mut rest = masks.backslash & !self.escaped;
        while rest != 0 {
            // The first backslash left begins an escape; the byte after it, whatever it is, begins none.
            let first = rest & rest.wrapping_neg();
            escapes |= first;
            rest &= !(first | first << 1);
        }
        let quotes = masks.quote & !(escapes << 1 | self.escaped);
        self.escaped = escapes >> 63;
        let newline_follows = u64::from(self.text.get(at + 64) == Some(&b'\n')) << 63;
        let line_ends = masks.newline | masks.carriage_return & (masks.newline >> 1 | newline_follows);
        self.mark(at, masks.newline, masks.control & !line_ends, masks.backslash);
        (quotes, escapes)
    }

    /// End the lines of a block that has nothing else out of the ordinary.
    #[inline(always)]
    fn end_lines(&mut self, at: usize, mut newline: u64) {
        while newline != 0 {
            let at = at + newline.trailing_zeros() as usize;
            self.lines.push(LineEnd { at, control: self.control, backslash: self.backslash });
            (self.control, self.backslash) = (false, false);
            newline &= newline - 1;
        }
    }

    /// Give each line of a block what it holds, and end those that end here.
    fn mark(&mut self, at: usize, mut newline: u64, mut control: u64, mut backslash: u64) {
        while newline != 0 {
            let first = newline & newline.wrapping_neg();
            let before = first - 1;
            self.lines.push(LineEnd {
                at: at + newline.trailing_zeros() as usize,
                control: self.control || control & before != 0,
                backslash: self.backslash || backslash & before != 0,
            });
            (self.control, self.backslash) = (false, false);
            control &= !before;
            backslash &= !before;
            newline ^= first;
        }
        self.control |= control != 0;
        self.backslash |= backslash != 0;
    }

    /// The last line, if it has no newline.
    fn finish(&mut self) {
        if self.text.last().is_some_and(|byte| *byte != b'\n') {
            self.lines.push(LineEnd { at: self.text.len(), control: self.control, backslash: self.backslash });
        }
    }
}

/// The twin of the vector kernels; true when some byte is not ASCII.
fn scalar(kernel: &mut Kernel<'_>, quotes: Words<'_>, escapes: Words<'_>) -> bool {
    let text = kernel.text;
    for (index, block) in text.chunks(64).enumerate() {
        let mask =
            |is: fn(u8) -> bool| block.iter().enumerate().fold(0, |bits, (at, byte)| bits | u64::from(is(*byte)) << at);
        let masks = Masks {
            quote: mask(|byte| byte == b'"'),
            backslash: mask(|byte| byte == b'\\'),
            control: mask(|byte| byte < 0x20),
            newline: mask(|byte| byte == b'\n'),
            carriage_return: mask(|byte| byte == b'\r'),
        };
        let (quote, escape) = kernel.block(index, masks);
        (quotes[index], escapes[index]) = (quote.to_le_bytes(), escape.to_le_bytes());
    }
    !text.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(path: Path, text: &[u8]) -> Structure {
        let mut structure = Structure::default();
        structure.scan(path, text);
        structure
    }

    fn positions(text: &[u8], next: impl Fn(usize) -> Option<usize>) -> Vec<usize> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(position) = next(at).filter(|_| at <= text.len()) {
            found.push(position);
            at = position + 1;
        }
        found
    }

    #[test]
    fn quotes_lines_and_oddities_are_where_they_are() {
        for path in Path::here() {
            let text = b"{\"a\\\"\":\"\\\\\"}\r\n\n\t\\\n\"x";
            let seen = scan(path, text);
            assert_eq!(positions(text, |at| seen.quote(at, text.len())), [1, 5, 7, 10, 18]);
            assert_eq!(positions(text, |at| seen.escape(at, text.len())), [3, 8, 16]);
            let line = |at, control, backslash| LineEnd { at, control, backslash };
            let expected = [line(13, false, true), line(14, false, false), line(17, true, true)];
            assert_eq!(seen.lines[..3], expected);
            assert_eq!(seen.lines[3..], [line(20, false, false)]);
        }
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn marks_of_a_shorter_text_are_not_taken_for_none() {
        let [mut one, mut other] = [Bitmap::default(), Bitmap::default()];
        one.reset(200);
        other.reset(100);
        one.beside(&other);
    }

    proptest! {
        #[test]
        fn every_path_sees_what_the_plain_one_sees(
            text in proptest::collection::vec(
                prop_oneof![
                    4 => prop::sample::select(b"\\\"\n\r\t{}:, ".to_vec()),
                    4 => prop::sample::select(b"\\\\\\\"".to_vec()),
                    8 => b'a'..=b'z',
                    1 => any::<u8>(),
                ],
                0..700,
            ),
        ) {
            let plain = scan(Path::Scalar, &text);
            for path in Path::here() {
                let fast = scan(path, &text);
                prop_assert_eq!(&plain.lines, &fast.lines);
                prop_assert_eq!(&plain.quotes, &fast.quotes);
                prop_assert_eq!(&plain.escapes, &fast.escapes);
                prop_assert_eq!(plain.wide, fast.wide);
            }
        }

        #[test]
        fn the_next_bit_is_the_next_one(words: Vec<u64>, at in 0..1000_usize, end in 0..=100_usize, shift in 0..64_u32) {
            let mut bitmap = Bitmap::default();
            // Mostly empty words, so that searches go far.
            let words: Vec<u64> = words.iter().map(|word| word >> shift << shift >> (shift / 2)).collect();
            bitmap.reset(words.len() * 64).copy_from_slice(&words.iter().map(|word| word.to_le_bytes()).collect::<Vec<_>>());
            let end = words.len() * 64 * end / 100;
            let bit = |at: &usize| words[at / 64] >> (at % 64) & 1 != 0;
            prop_assert_eq!(bitmap.next(at, end), (at..end).find(bit));
        }
    }
}
