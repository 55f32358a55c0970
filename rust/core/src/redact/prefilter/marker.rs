//! From what bytes are to the places redaction looks at. Kernels say what the bytes of a chunk are; what follows from
//! that is worked out for many blocks side by side, by plain loops that compilers make vector code of.

use super::byte_classes::RUN_BYTES;
use super::card::{may_be_card, CARD_SHIFT, FOURS_SHIFT};
use super::places::Bits;
use super::prefix3::Prefixes3;
use super::shared_bits::PREFIX3_BYTES;

/// What is marked at a time: one bit per byte in a word.
pub(crate) const BLOCK_BYTES: usize = 64;
/// Blocks of a chunk: with their masks they stay in the first-level cache, and none is read right after it is written,
/// which would wait for the writing.
pub(crate) const CHUNK_BLOCKS: usize = 64;
/// Bytes from the first place of a chunk to the end of a prefix at its last.
const CHUNK_BYTES: usize = CHUNK_BLOCKS * BLOCK_BYTES + 3;
/// Blocks side by side. Compilers make poor code of fewer.
const LANES: usize = 8;
/// How far the last byte of a three-byte prefix is from its first, and that of a run.
const PREFIX3_SHIFT: usize = PREFIX3_BYTES - 1;
const RUN_SHIFT: usize = RUN_BYTES - 1;

/// What 64 bytes are, a bit for each, the first in the lowest.
#[derive(Clone, Copy, Default)]
pub(crate) struct Masks {
    pub words: u64,
    pub digits: u64,
    pub marks: u64,
    pub runs: u64,
    /// Last bytes of what may be three-byte prefixes that count anywhere, at words, and at long words.
    pub anywhere: u64,
    pub at_word: u64,
    pub at_long: u64,
}

/// A word for each block of a chunk, and before them that of the block before.
type Row = [u64; 1 + CHUNK_BLOCKS];

/// The masks of a chunk, and what follows from them. Words behind the last block in use mean nothing.
#[derive(Debug)]
pub(crate) struct Chunk {
    words: Row,
    digits: Row,
    marks: Row,
    runs: Row,
    anywhere: Row,
    at_word: Row,
    at_long: Row,
    /// Where prefixes and cards may begin, so many bytes later.
    prefixes: [u64; CHUNK_BLOCKS],
    cards: [u64; CHUNK_BLOCKS],
}

impl Default for Chunk {
    fn default() -> Self {
        let row = [0; 1 + CHUNK_BLOCKS];
        let [prefixes, cards] = [[0; CHUNK_BLOCKS]; 2];
        Self {
            words: row,
            digits: row,
            marks: row,
            runs: row,
            anywhere: row,
            at_word: row,
            at_long: row,
            prefixes,
            cards,
        }
    }
}

/// `now`, moved up by `by` places, with what comes in from the block before.
#[inline(always)]
fn up(before: u64, now: u64, by: usize) -> u64 {
    now << by | before >> (64 - by)
}

/// The words of a group of blocks, and those before each.
#[inline(always)]
fn lanes(row: &Row, group: usize) -> (&[u64; LANES], &[u64; LANES]) {
    (&row[..CHUNK_BLOCKS].as_chunks().0[group], &row[1..].as_chunks().0[group])
}

impl Chunk {
    #[inline(always)]
    pub fn set(&mut self, block: usize, masks: Masks) {
        let at = 1 + block;
        self.words[at] = masks.words;
        self.digits[at] = masks.digits;
        self.marks[at] = masks.marks;
        self.runs[at] = masks.runs;
        self.anywhere[at] = masks.anywhere;
        self.at_word[at] = masks.at_word;
        self.at_long[at] = masks.at_long;
    }

    /// The rows whose blocks need to know those before.
    fn rows(&mut self) -> [&mut Row; 6] {
        let Self { words, digits, runs, anywhere, at_word, at_long, .. } = self;
        [words, digits, runs, anywhere, at_word, at_long]
    }

    /// Where prefixes and cards may begin, of one group of blocks. What is moved up from the block before is at most its
    /// last 15 bits, so whatever its own block before was does not show.
    #[inline(always)]
    fn settle(&mut self, group: usize) -> u64 {
        let [words, digits, runs] = [&self.words, &self.digits, &self.runs].map(|row| lanes(row, group));
        let [anywhere, at_word, at_long] = [&self.anywhere, &self.at_word, &self.at_long].map(|row| lanes(row, group));
        let (prefixes, cards) = (self.prefixes.as_chunks_mut::<LANES>(), self.cards.as_chunks_mut::<LANES>());
        let (prefixes, cards) = (&mut prefixes.0[group], &mut cards.0[group]);
        let mut some_card = 0;
        for lane in 0..LANES {
            let (before, now) = (words.0[lane], words.1[lane]);
            let starts_before = before & !(before << 1);
            let starts = now & !up(before, now, 1);
            // At the last bytes of three-byte prefixes.
            let (prefixes3_before, prefixes3) =
                (starts_before << PREFIX3_SHIFT, up(starts_before, starts, PREFIX3_SHIFT));
            let near_before = prefixes3_before & at_word.0[lane] | anywhere.0[lane];
            let near = prefixes3 & at_word.1[lane] | anywhere.1[lane];
            let (long_before, long) = (prefixes3_before & at_long.0[lane], prefixes3 & at_long.1[lane]);
            // A place is known when its run is: `RUN_SHIFT` bytes later.
            const TO_RUN: usize = RUN_SHIFT - PREFIX3_SHIFT;
            prefixes[lane] =
                long_runs(runs.0[lane], runs.1[lane]) & up(long_before, long, TO_RUN) | up(near_before, near, TO_RUN);
            let (fours_before, fours) = fours(digits.0[lane], digits.1[lane]);
            cards[lane] = fours & up(fours_before, fours, FOURS_SHIFT) & up(starts_before, starts, CARD_SHIFT);
            some_card |= cards[lane];
        }
        some_card
    }
}

/// Last ones of 16 in a row.
#[inline(always)]
fn long_runs(before: u64, now: u64) -> u64 {
    let (before_2, now_2) = (before & before << 1, now & up(before, now, 1));
    let (before_4, now_4) = (before_2 & before_2 << 2, now_2 & up(before_2, now_2, 2));
    let (before_8, now_8) = (before_4 & before_4 << 4, now_4 & up(before_4, now_4, 4));
    now_8 & up(before_8, now_8, 8)
}

/// Last ones of 4 in a row, of the block before and of this one.
#[inline(always)]
fn fours(before: u64, now: u64) -> (u64, u64) {
    let (before_2, now_2) = (before & before << 1, now & up(before, now, 1));
    (before_2 & before_2 << 2, now_2 & up(before_2, now_2, 2))
}

/// Makes candidates of masks, chunk by chunk.
pub(crate) struct Marker<'a, F> {
    pub text: &'a [u8],
    pub prefixes3: &'a Prefixes3,
    /// A literal begins with these 4 bytes.
    pub prefix: F,
    /// At this place of the text stands a literal, and around it what may be a match of its pattern.
    pub literal: &'a dyn Fn(usize) -> bool,
    pub chunk: &'a mut Chunk,
    /// A word for each block of the text, and one more.
    pub marks: &'a mut [u64],
    pub prefixes: &'a mut [u64],
}

impl<F: Fn([u8; 4]) -> bool> Marker<'_, F> {
    /// The whole text: `fill` sets the masks of so many blocks from one on, in order.
    #[inline(always)]
    pub fn scan(&mut self, mut fill: impl FnMut(&mut Chunk, usize, usize)) {
        self.chunk.rows().into_iter().for_each(|row| row[0] = 0);
        let blocks = self.marks.len();
        for first in (0..blocks).step_by(CHUNK_BLOCKS) {
            let count = CHUNK_BLOCKS.min(blocks - first);
            if first + count < blocks {
                fill(self.chunk, first, count);
            } else {
                // What the last block begins is known only in one behind it.
                fill(self.chunk, first, count - 1);
                self.chunk.set(count - 1, Masks::default());
            }
            self.take(first, count);
        }
    }

    #[inline(always)]
    fn take(&mut self, first: usize, count: usize) {
        let mut cards = 0;
        for group in 0..count.div_ceil(LANES) {
            cards |= self.chunk.settle(group);
        }
        self.marks[first..first + count].copy_from_slice(&self.chunk.marks[1..=count]);
        self.prefixes[first..first + count].fill(0);
        self.prefixes_of(first, count);
        if cards != 0 {
            for block in 0..count {
                for bit in Bits(self.chunk.cards[block]) {
                    self.card_at((first + block) * BLOCK_BYTES + bit - CARD_SHIFT);
                }
            }
        }
        self.chunk.rows().into_iter().for_each(|row| row[0] = row[CHUNK_BLOCKS]);
    }

    /// Look up where prefixes may begin in the blocks of a chunk.
    #[inline(always)]
    fn prefixes_of(&mut self, first: usize, count: usize) {
        // A bit is the place so many bytes before it. Kernels read zeros before the text, so that a literal which begins with
        // zeros may seem to begin there: that place is then far behind the end.
        let begin = (first * BLOCK_BYTES).wrapping_sub(RUN_SHIFT);
        // Where all places of a chunk lie in the text they are not checked one by one: 0.7 % of all the work on lines of
        // 540 bytes (2026-11-30).
        if let Some(text) = self.text.get(begin..).and_then(<[u8]>::first_chunk::<CHUNK_BYTES>) {
            for block in 0..count {
                let at = block % CHUNK_BLOCKS * BLOCK_BYTES;
                for bit in Bits(self.chunk.prefixes[block]) {
                    let may_begin =
                        text[at + bit % BLOCK_BYTES..].first_chunk().is_some_and(|bytes| (self.prefix)(*bytes));
                    if may_begin {
                        self.set_prefix(begin + at + bit);
                    }
                }
            }
            return;
        }
        for block in 0..count {
            for bit in Bits(self.chunk.prefixes[block]) {
                self.prefix_at(begin.wrapping_add(block * BLOCK_BYTES + bit));
            }
        }
    }

    #[inline(always)]
    pub fn prefix_at(&mut self, place: usize) {
        if self.text.get(place..).and_then(<[u8]>::first_chunk).is_some_and(|bytes| (self.prefix)(*bytes)) {
            self.set_prefix(place);
        }
    }

    #[cold]
    fn set_prefix(&mut self, place: usize) {
        let counts = self.prefixes3.count_at(self.text, place) && (self.literal)(place);
        self.prefixes[place / BLOCK_BYTES] |= u64::from(counts) << (place % BLOCK_BYTES);
    }

    #[inline(never)]
    fn card_at(&mut self, place: usize) {
        if may_be_card(&self.text[place..]) {
            self.marks[place / 64] |= 1 << (place % 64);
        }
    }
}
