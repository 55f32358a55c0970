//! Redaction's first look at a text: where anything it looks for may be, as bitmaps with a bit for each byte.
//! A credential begins where a word does and is long, so few places are left to look up, whatever the number of rules.
//! Bytes are told apart by a table for each half of them (as in simdjson, arXiv 1902.08318), and so are the heads of
//! those stems that are no such words'.

use super::card::{may_be_card, CARD_SHIFT, FOURS_SHIFT};
use super::heads::{both, Heads, ANYWHERE};
use super::structure::Bitmap;
use super::Path;

/// What a byte is: at most one of these bits, by the tables of its low and its high half.
const DIGIT: u8 = 0x80;
const LETTER_A_TO_O: u8 = 0x40;
const LETTER_P_TO_Z: u8 = 0x20;
const UNDERSCORE: u8 = 0x10;
const AT: u8 = 0x08;
const SIGN: u8 = 0x04;
const QUOTE: u8 = 0x02;
const BRACKET_OR_BACKSLASH: u8 = 0x01;
/// Classes from here on are words'.
pub(super) const WORD_MIN: u8 = UNDERSCORE;

pub(super) const CLASS_LOW: [u8; 16] = {
    let mut table = [LETTER_A_TO_O; 16];
    let mut low = 0;
    while low <= 10 {
        table[low] |= LETTER_P_TO_Z;
        low += 1;
    }
    low = 0;
    while low <= 9 {
        table[low] |= DIGIT;
        low += 1;
    }
    table[0x0] = (table[0x0] & !LETTER_A_TO_O) | AT;
    table[0x2] |= QUOTE;
    table[0x7] |= QUOTE;
    table[0xa] |= SIGN;
    table[0xb] |= BRACKET_OR_BACKSLASH;
    table[0xc] |= BRACKET_OR_BACKSLASH;
    table[0xd] |= SIGN;
    table[0xe] |= SIGN;
    table[0xf] |= UNDERSCORE;
    table
};
pub(super) const CLASS_HIGH: [u8; 16] = {
    let mut table = [0; 16];
    table[0x2] = QUOTE;
    table[0x3] = DIGIT | SIGN;
    table[0x4] = LETTER_A_TO_O | AT;
    table[0x5] = LETTER_P_TO_Z | UNDERSCORE | BRACKET_OR_BACKSLASH;
    table[0x6] = LETTER_A_TO_O;
    table[0x7] = LETTER_P_TO_Z;
    table
};

/// A stem at the first byte of a word counts if at least so many bytes from there on are run bytes: `#` to DEL.
pub const RUN_BYTES: usize = 16;
pub(super) const RUN_SHIFT: usize = RUN_BYTES - 1;
/// All stems that a block may tell of end in so many bytes.
pub(super) const AROUND_BYTES: usize = 64 + 3;
/// The last byte that is none.
pub(super) const RUN_AFTER: u8 = b'"';

pub fn is_run(byte: u8) -> bool {
    byte > RUN_AFTER && byte.is_ascii()
}

/// What was found at 64 places of a text, the first in the lowest bit.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Block {
    /// `@ : = > [ \ " '`, and digits with which a card number may begin.
    pub marks: u64,
    /// Where a stem begins that counts there.
    pub stems: u64,
}

impl Block {
    pub fn is_empty(self) -> bool {
        self.marks | self.stems == 0
    }

    /// Without the places from `len` on.
    #[inline]
    #[must_use]
    pub fn first(self, len: usize) -> Self {
        let kept = if len < 64 { (1 << len) - 1 } else { u64::MAX };
        Self { marks: self.marks & kept, stems: self.stems & kept }
    }
}

/// Bitmaps of one text, which may be many lines. Reused from text to text.
#[derive(Default, Debug)]
pub struct Survey {
    /// One for each 64 bytes begun, and one without bits at the end.
    blocks: Vec<Block>,
    /// A bit wherever a block has one of either kind.
    places: Bitmap,
}

/// A survey from some place on.
#[derive(Clone, Copy)]
pub struct View<'a> {
    blocks: &'a [Block],
    places: &'a Bitmap,
    from: usize,
}

impl Survey {
    /// `stem`: these 4 bytes are a stem's.
    pub fn scan(&mut self, path: Path, text: &[u8], heads: &Heads, stem: impl Fn([u8; 4]) -> bool) {
        // Every block of the text is written, and one more; those behind are of a longer one.
        if self.blocks.len() <= text.len().div_ceil(64) {
            self.blocks.resize(text.len().div_ceil(64) + 1, Block::default());
        }
        let marker = Marker { text, heads, stem, blocks: &mut self.blocks };
        match path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => super::candidates_avx2::scan(marker),
            _ => scalar(marker),
        }
        self.gather(text.len());
    }

    fn gather(&mut self, text_bytes: usize) {
        for (word, block) in self.places.reset(text_bytes).iter_mut().zip(&self.blocks) {
            *word = (block.marks | block.stems).to_le_bytes();
        }
    }

    /// The same with a stem at every place where one may begin, and a card at every run of digits.
    #[cfg(test)]
    pub fn everything(&mut self, text: &[u8], stem: impl Fn([u8; 4]) -> bool) {
        self.blocks.clear();
        self.blocks.resize(text.len().div_ceil(64) + 1, Block::default());
        for (place, &byte) in text.iter().enumerate() {
            let first = byte.is_ascii_digit() && !(place > 0 && text[place - 1].is_ascii_digit());
            let block = &mut self.blocks[place / 64];
            block.marks |= u64::from(first || b"@:=>[\\\"'".contains(&byte)) << (place % 64);
            let stem = text[place..].first_chunk().is_some_and(|bytes| stem(*bytes));
            block.stems |= u64::from(stem) << (place % 64);
        }
        self.gather(text.len());
    }

    /// A bit wherever something is found.
    pub fn places(&self) -> &Bitmap {
        &self.places
    }

    pub fn view(&self) -> View<'_> {
        View { blocks: &self.blocks, places: &self.places, from: 0 }
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
        let Some([this, next]) = self.blocks.get(at / 64..at / 64 + 2) else { return Block::default() };
        let shift = at % 64;
        // In two steps, because a shift by 64 is none.
        let joined = |this: u64, next: u64| this >> shift | next << 1 << (63 - shift);
        Block { marks: joined(this.marks, next.marks), stems: joined(this.stems, next.stems) }
    }
}

/// Places of the bits that are set.
#[derive(Clone)]
pub struct Bits(pub u64);

impl Iterator for Bits {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let bits = self.0;
        self.0 = bits & bits.wrapping_sub(1);
        (bits != 0).then_some(bits.trailing_zeros() as usize)
    }
}

/// What 64 bytes are, one bit for each.
#[derive(Default)]
pub(super) struct Masks {
    pub words: u64,
    pub digits: u64,
    pub marks: u64,
    pub runs: u64,
    /// Heads that count anywhere, and at words.
    pub anywhere: u64,
    pub at_word: u64,
}

/// What a block must know of the one before.
#[derive(Default)]
pub(super) struct Carry {
    words: u64,
    /// Digits; last ones of so many in a row.
    digits: u64,
    digits_2: u64,
    digits_4: u64,
    /// First bytes of words; of stems that need no run.
    starts: u64,
    near: u64,
    /// Run bytes; last ones of so many in a row.
    runs: u64,
    runs_2: u64,
    runs_4: u64,
    runs_8: u64,
}

/// Makes blocks of masks.
pub(super) struct Marker<'a, F> {
    pub text: &'a [u8],
    pub heads: &'a Heads,
    stem: F,
    blocks: &'a mut [Block],
}

/// `now`, moved up by `by` places, with what comes in from the block before.
#[inline(always)]
fn up(now: u64, before: u64, by: usize) -> u64 {
    now << by | before >> (64 - by)
}

impl<F: Fn([u8; 4]) -> bool> Marker<'_, F> {
    /// Make block `index`; what is known only then may be of the one before. After the last block there is one more,
    /// of no bytes. `around`: the bytes from `RUN_SHIFT` before the block on, where there are so many.
    #[inline(always)]
    pub fn block(&mut self, index: usize, masks: &Masks, around: Option<&[u8; AROUND_BYTES]>, carry: Carry) -> Carry {
        let starts = masks.words & !up(masks.words, carry.words, 1);
        let near = starts & masks.at_word | masks.anywhere;
        let runs_2 = masks.runs & up(masks.runs, carry.runs, 1);
        let runs_4 = runs_2 & up(runs_2, carry.runs_2, 2);
        let runs_8 = runs_4 & up(runs_4, carry.runs_4, 4);
        let runs_16 = runs_8 & up(runs_8, carry.runs_8, 8);
        // A place is known when its run is: `RUN_SHIFT` bytes later.
        let places = runs_16 & up(starts, carry.starts, RUN_SHIFT) | up(near, carry.near, RUN_SHIFT);
        let digits = masks.digits;
        let digits_2 = digits & up(digits, carry.digits, 1);
        let digits_4 = digits_2 & up(digits_2, carry.digits_2, 2);
        let cards = digits_4 & up(digits_4, carry.digits_4, FOURS_SHIFT) & up(starts, carry.starts, CARD_SHIFT);
        self.blocks[index] = Block { marks: masks.marks, stems: 0 };
        match around {
            Some(around) => {
                for bit in Bits(places) {
                    if around[bit % 64..].first_chunk().is_some_and(|bytes| (self.stem)(*bytes)) {
                        self.set_stem(index * 64 + bit - RUN_SHIFT);
                    }
                }
            }
            None => Bits(places).for_each(|bit| self.stem_at(index * 64 + bit - RUN_SHIFT)),
        }
        for bit in Bits(cards) {
            self.card_at(index * 64 + bit - CARD_SHIFT);
        }
        Carry { words: masks.words, digits, digits_2, digits_4, starts, near, runs: masks.runs, runs_2, runs_4, runs_8 }
    }

    #[inline(never)]
    fn stem_at(&mut self, place: usize) {
        if self.text[place..].first_chunk().is_some_and(|bytes| (self.stem)(*bytes)) {
            self.set_stem(place);
        }
    }

    #[cold]
    fn set_stem(&mut self, place: usize) {
        self.blocks[place / 64].stems |= 1 << (place % 64);
    }

    #[inline(never)]
    fn card_at(&mut self, place: usize) {
        if may_be_card(&self.text[place..]) {
            self.blocks[place / 64].marks |= 1 << (place % 64);
        }
    }
}

/// The twin of the kernels for vector units.
fn scalar(mut marker: Marker<'_, impl Fn([u8; 4]) -> bool>) {
    let text = marker.text;
    let mut carry = Carry::default();
    for index in 0..=text.len().div_ceil(64) {
        let (start, mut masks) = (index * 64, Masks::default());
        for (bit, &byte) in text.get(start..).unwrap_or_default().iter().take(64).enumerate() {
            let class = both(&CLASS_LOW, &CLASS_HIGH, byte);
            let head =
                marker.heads.bits(std::array::from_fn(|next| text.get(start + bit + next).copied().unwrap_or(0)));
            masks.words |= u64::from(class >= WORD_MIN) << bit;
            masks.digits |= u64::from(class == DIGIT) << bit;
            masks.marks |= u64::from((1..WORD_MIN).contains(&class)) << bit;
            masks.runs |= u64::from(is_run(byte)) << bit;
            masks.anywhere |= u64::from(head & ANYWHERE != 0) << bit;
            masks.at_word |= u64::from(head > ANYWHERE) << bit;
        }
        carry = marker.block(index, &masks, None, carry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heads() -> Heads {
        Heads::new(&[*b":A1", *b"---"], &[*b"be.", *b"Be_"])
    }

    fn places(text: &str, wanted: fn(Block) -> u64) -> Vec<usize> {
        let mut survey = Survey::default();
        survey.scan(Path::Scalar, text.as_bytes(), &heads(), |_| true);
        survey
            .blocks
            .iter()
            .enumerate()
            .flat_map(|(at, block)| Bits(wanted(*block)).map(move |bit| at * 64 + bit))
            .collect()
    }

    #[test]
    fn stems_are_looked_up_at_long_words_and_where_heads_say() {
        let text = "abc long_word_of_16__ x-be.. Be__ babe--- :A12";
        let expected = ["long", "be.. ", "Be__", "---", ":A12"].map(|stem| text.find(stem).unwrap());
        assert_eq!(places(text, |block| block.stems), expected);
    }

    #[test]
    fn marks_are_signs_and_first_digits_of_what_may_be_a_card() {
        let text = "a@b: 3234567890123 x3234567890123 3234-5678, 3234.5678, 323456789012 1234567890123 [\\\"'=";
        let expected =
            ["@b", ": ", "3234567890123 x", "3234-", "[", "\\", "\"", "'", "="].map(|mark| text.find(mark).unwrap());
        assert_eq!(places(text, |block| block.marks), expected);
    }

    #[test]
    fn the_last_byte_is_seen_at_any_length() {
        for length in 1..260 {
            let text = "-".repeat(length - 1) + "@";
            for path in Path::ALL.into_iter().filter(|path| path.runs_here()) {
                let mut survey = Survey::default();
                survey.scan(path, text.as_bytes(), &heads(), |_| false);
                assert!(survey.view().any(length - 1..length), "{length} bytes on {path:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn all_paths_see_the_same(
            words in prop::collection::vec("[ -~]{0,20}|[0-9]{1,20}|be\\.|:A1|---|[ -~]{60,70}|[\\PC]{0,5}", 0..40),
            length in 0_usize..300,
        ) {
            let text = words.concat().into_bytes();
            let text = &text[..text.len().min(length)];
            let survey = |path| {
                let mut survey = Survey::default();
                survey.scan(path, text, &heads(), |bytes| bytes[0] % 2 == 0);
                survey
            };
            let plain = survey(Path::Scalar);
            for path in Path::ALL.into_iter().filter(|path| path.runs_here()) {
                prop_assert_eq!(&plain.blocks, &survey(path).blocks);
            }
            let view = plain.view();
            for start in 0..text.len().min(70) {
                for end in start..text.len() {
                    let some = (start..end).any(|at| !Block { marks: plain.blocks[at / 64].marks >> (at % 64) & 1, stems: plain.blocks[at / 64].stems >> (at % 64) & 1 }.is_empty());
                    prop_assert_eq!(view.any(start..end), some);
                }
            }
            for start in 0..text.len().min(130) {
                let bits = (0..64).filter(|bit| {
                    let at = start + bit;
                    plain.blocks.get(at / 64).is_some_and(|block| block.marks >> (at % 64) & 1 != 0)
                });
                prop_assert_eq!(Bits(view.window(start).marks).collect::<Vec<_>>(), bits.collect::<Vec<_>>());
            }
        }
    }
}
