//! Stage 1: one pass over whole lines that says where lines end, where strings do, and what is out of the ordinary.
//! The idea is simdjson's (Langdale and Lemire, arXiv 1902.08318); here a bitmap is the index, and quotes have no
//! parity: the walker starts anew at each line, so that an odd quote in one line means nothing to the next.

use super::bitmap::{Bitmap, Words};
use super::block::{Kernel, LineEnd, Masks};
use super::Path;

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
