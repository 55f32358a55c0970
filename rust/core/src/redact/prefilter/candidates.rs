//! Redaction's first look at a text: where anything it looks for may be, as bitmaps with a bit for each byte.
//! A credential begins where a word does and is long, so few places are left to look up, whatever the number of rules.
//! Bytes are told apart by tables (as in simdjson, arXiv 1902.08318), and so are the first three bytes of literals.

use super::byte_classes::MARKED;
use super::card::may_be_card;
use super::marker::{Chunk, Marker, BLOCK_BYTES};
use super::prefix3::{begins_word, Prefixes3, Tables};
use crate::simd::bitmap::Bitmap;
#[cfg(any(test, target_arch = "x86_64"))]
use crate::simd::Path;

/// What was found at 64 places of a text, the first in the lowest bit.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Block {
    /// Bytes of `MARKED`, and digits with which a card number may begin.
    pub marks: u64,
    /// Where the first four bytes of a literal stand that counts there.
    pub prefixes: u64,
}

impl Block {
    pub fn is_empty(self) -> bool {
        self.marks | self.prefixes == 0
    }

    /// Without the places from `len` on.
    #[inline]
    #[must_use]
    pub fn first(self, len: usize) -> Self {
        let kept = if len < 64 { (1 << len) - 1 } else { u64::MAX };
        Self { marks: self.marks & kept, prefixes: self.prefixes & kept }
    }
}

/// Bitmaps of one text, which may be many lines. Reused from text to text.
#[derive(Default, Debug)]
pub struct Candidates {
    /// A word for each 64 bytes begun, and one without bits at the end; as in `Block`.
    marks: Vec<u64>,
    prefixes: Vec<u64>,
    /// A bit wherever one of them has one.
    places: Bitmap,
    /// Allocated when first needed: candidates are taken out and put back often.
    chunk: Option<Box<Chunk>>,
}

/// Candidates from some place on.
#[derive(Clone, Copy)]
pub struct View<'a> {
    marks: &'a [u64],
    prefixes: &'a [u64],
    places: &'a Bitmap,
    from: usize,
}

impl Candidates {
    /// `prefix`: a literal begins with these 4 bytes. `literal`: at this place stands a literal, and around it what may be a
    /// match.
    pub fn scan(
        &mut self,
        text: &[u8],
        prefixes3: &Prefixes3,
        prefix: impl Fn([u8; 4]) -> bool,
        literal: &dyn Fn(usize) -> bool,
    ) {
        let words = text.len().div_ceil(BLOCK_BYTES) + 1;
        // What is left of a longer text behind it is not looked at.
        if self.marks.len() < words {
            self.marks.resize(words, 0);
            self.prefixes.resize(words, 0);
        }
        let (marks, prefixes) = (&mut self.marks[..words], &mut self.prefixes[..words]);
        let mut marker =
            Marker { text, prefixes3, prefix, literal, chunk: self.chunk.get_or_insert_default(), marks, prefixes };
        match &prefixes3.tables {
            #[cfg(target_arch = "x86_64")]
            Tables::ByBytes(tables) if Path::Avx512.runs_here() => {
                crate::simd::candidates_avx512::scan(&mut marker, tables)
            }
            #[cfg(target_arch = "x86_64")]
            Tables::ByHalves(tables) if Path::Avx2.runs_here() => {
                crate::simd::candidates_avx2::scan(&mut marker, tables)
            }
            _ => plain(&mut marker),
        }
        self.gather(text.len());
    }

    fn gather(&mut self, text_bytes: usize) {
        let places = self.places.reset(text_bytes).iter_mut();
        for (place, (marks, prefixes)) in places.zip(self.marks.iter().zip(&self.prefixes)) {
            *place = (marks | prefixes).to_le_bytes();
        }
    }

    /// The same with a prefix at every place where one may begin, and a card at every run of digits.
    #[cfg(test)]
    pub fn everything(&mut self, text: &[u8], prefix: impl Fn([u8; 4]) -> bool) {
        for words in [&mut self.marks, &mut self.prefixes] {
            words.clear();
            words.resize(text.len().div_ceil(BLOCK_BYTES) + 1, 0);
        }
        for (place, &byte) in text.iter().enumerate() {
            let first = byte.is_ascii_digit() && !(place > 0 && text[place - 1].is_ascii_digit());
            self.marks[place / 64] |= u64::from(first || MARKED.contains(&byte)) << (place % 64);
            let prefix = text[place..].first_chunk().is_some_and(|bytes| prefix(*bytes));
            self.prefixes[place / 64] |= u64::from(prefix) << (place % 64);
        }
        self.gather(text.len());
    }

    /// A bit wherever something is found.
    pub fn places(&self) -> &Bitmap {
        &self.places
    }

    pub fn view(&self) -> View<'_> {
        View { marks: &self.marks, prefixes: &self.prefixes, places: &self.places, from: 0 }
    }
}

impl View<'_> {
    #[inline]
    #[must_use]
    pub fn from(self, offset: usize) -> Self {
        Self { from: self.from + offset, ..self }
    }

    /// Something is found in `range`.
    #[inline(always)]
    pub fn any(self, range: std::ops::Range<usize>) -> bool {
        self.places.any(self.from + range.start, self.from + range.end)
    }

    /// The 64 places from `at` on.
    #[inline]
    pub fn window(self, at: usize) -> Block {
        let at = self.from + at;
        let shift = at % 64;
        let joined = |words: &[u64]| match words.get(at / 64..at / 64 + 2) {
            // In two steps, because a shift by 64 is none.
            Some([this, next]) => this >> shift | next << 1 << (63 - shift),
            _ => 0,
        };
        Block { marks: joined(self.marks), prefixes: joined(self.prefixes) }
    }
}

/// The reference of the kernels for vector units: it defines what candidates are.
fn plain(marker: &mut Marker<'_, impl Fn([u8; 4]) -> bool>) {
    marker.marks.fill(0);
    marker.prefixes.fill(0);
    let text = marker.text;
    for (place, &byte) in text.iter().enumerate() {
        let card = byte.is_ascii_digit() && begins_word(text, place) && may_be_card(&text[place..]);
        marker.marks[place / BLOCK_BYTES] |= u64::from(card || MARKED.contains(&byte)) << (place % BLOCK_BYTES);
        marker.prefix_at(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::prefilter::places::Bits;
    use crate::redact::prefilter::shared_bits::Prefix4;
    use proptest::prelude::*;

    /// Miri takes a thousand times as long.
    const LENGTH_STEP: usize = if cfg!(miri) { 63 } else { 1 };
    const TIMES_MAX: usize = if cfg!(miri) { 2 } else { 30 };

    const ANYWHERE: [Prefix4; 2] = [*b":A12", *b"--- "];
    const WORDS: [Prefix4; 3] = [*b"be..", *b"be.b", *b"Be__"];

    /// Of long words: all of these letters.
    fn long_words() -> Vec<Prefix4> {
        let abc = || b"abc_".iter().copied();
        let pairs = || abc().flat_map(move |one| abc().map(move |two| [one, two]));
        pairs().flat_map(|[a, b]| pairs().map(move |[c, d]| [a, b, c, d])).chain([*b"long"]).collect()
    }

    fn prefixes3(path: Path) -> Prefixes3 {
        Prefixes3::new(path, &ANYWHERE, &WORDS, &long_words())
    }

    /// A literal begins with these bytes.
    fn listed(bytes: [u8; 4]) -> bool {
        [&ANYWHERE[..], &WORDS].concat().contains(&bytes) || long_words().contains(&bytes)
    }

    fn places(text: &str, wanted: fn(Block) -> u64) -> Vec<usize> {
        let mut candidates = Candidates::default();
        candidates.scan(text.as_bytes(), &prefixes3(Path::Scalar), listed, &|_| true);
        let blocks = (0..text.len()).step_by(64).map(|at| (at, candidates.view().window(at)));
        blocks.flat_map(|(at, block)| Bits(wanted(block)).map(move |bit| at + bit)).collect()
    }

    #[test]
    fn literals_are_looked_up_at_long_words_and_where_prefixes_say() {
        let text = "abc long_word_of_16__ x-be.. Be__ babe--- :A12";
        let expected = ["long", "be.. ", "Be__", "---", ":A12"].map(|prefix| text.find(prefix).unwrap());
        assert_eq!(places(text, |block| block.prefixes), expected);
    }

    #[test]
    fn marks_are_signs_and_first_digits_of_what_may_be_a_card() {
        let text = "a@b: > 3234567890123 x3234567890123 3234-5678, 3234.5678, 323456789012 1234567890123 [\\\"'=";
        let expected = ["@b", ": ", "> ", "3234567890123 x", "3234-", "[", "\\", "\"", "'", "="]
            .map(|mark| text.find(mark).unwrap());
        assert_eq!(places(text, |block| block.marks), expected);
    }

    #[test]
    fn the_last_byte_is_seen_at_any_length() {
        for length in (1..260).step_by(LENGTH_STEP) {
            let text = "-".repeat(length - 1) + "@";
            for path in Path::here() {
                let mut candidates = Candidates::default();
                candidates.scan(text.as_bytes(), &prefixes3(path), |_| false, &|_| true);
                assert!(candidates.view().any(length - 1..length), "{length} bytes on {path:?}");
            }
        }
    }

    #[test]
    fn zeros_that_a_literal_begins_with_are_not_seen_before_a_text() {
        for path in Path::here() {
            let prefixes3 = Prefixes3::new(path, &[[0, b'b', b'e', b' '], [0, 0, 0, b'c']], &[], &[]);
            for (text, expected) in [("be after no zero", None), ("c", None), ("\0be after one", Some(0))] {
                let mut candidates = Candidates::default();
                candidates.scan(text.as_bytes(), &prefixes3, |_| true, &|_| true);
                let found = Bits(candidates.view().window(0).prefixes).next();
                assert_eq!(found, expected, "{text:?} on {path:?}");
            }
        }
    }

    /// What the prefilter marks, and what stands between, with lengths around those of a block.
    const PARTS: &str = "[ -~]{0,20}|[a-c_]{10,20}|[0-9]{1,20}|be\\.\\.|be\\.b|Be__|:A12|--- |[ -~]{60,70}|[\\PC]{0,5}";

    /// The words of a text of so many bytes.
    fn words(candidates: &Candidates, bytes: usize) -> [&[u64]; 2] {
        [&candidates.marks, &candidates.prefixes].map(|words| &words[..=bytes.div_ceil(BLOCK_BYTES)])
    }

    proptest! {
        #[test]
        fn all_paths_see_the_same(
            parts in prop::collection::vec(PARTS, 0..40),
            (times, before) in (1..TIMES_MAX, 0_usize..70),
            length: prop::sample::Index,
        ) {
            // Often more than a chunk.
            let text = [" ".repeat(before), parts.concat().repeat(times)].concat().into_bytes();
            let short = &text[..length.index(text.len() + 1)];
            let scan = |candidates: &mut Candidates, path, text: &[u8]| {
                let prefix = |bytes: [u8; 4]| bytes[0].is_multiple_of(2) && listed(bytes);
                candidates.scan(text, &prefixes3(path), prefix, &|at| at % 3 != 0)
            };
            for path in Path::here() {
                // Candidates keep what is left of a longer text, and that must not show.
                let mut candidates = Candidates::default();
                for text in [&text, short] {
                    let mut plain = Candidates::default();
                    scan(&mut plain, Path::Scalar, text);
                    scan(&mut candidates, path, text);
                    prop_assert_eq!(words(&plain, text.len()), words(&candidates, text.len()), "{}", path.name());
                }
            }
        }

        #[test]
        fn a_view_sees_the_bits_of_its_part(parts in prop::collection::vec(PARTS, 0..20), length in 0_usize..300) {
            let text = parts.concat().into_bytes();
            let text = &text[..text.len().min(length)];
            let mut candidates = Candidates::default();
            candidates.scan(text, &prefixes3(Path::Scalar), |bytes| bytes[0].is_multiple_of(2), &|at| at % 3 != 0);
            let bit = |words: &[u64], at: usize| words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0);
            let view = candidates.view();
            for start in 0..text.len().min(70) {
                for end in start..text.len() {
                    let some = (start..end).any(|at| bit(&candidates.marks, at) || bit(&candidates.prefixes, at));
                    prop_assert_eq!(view.any(start..end), some);
                }
            }
            for start in 0..text.len().min(130) {
                let bits = (0..64).filter(|at| bit(&candidates.marks, start + at));
                prop_assert_eq!(Bits(view.window(start).marks).collect::<Vec<_>>(), bits.collect::<Vec<_>>());
            }
        }
    }
}
