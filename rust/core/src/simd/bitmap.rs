//! Bitmaps: a bit for each byte of a text, read from any place on.

/// The words of a bitmap.
pub type Words<'a> = &'a mut [[u8; 8]];

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
    pub fn next(&self, at: usize, end: usize) -> Option<usize> {
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
