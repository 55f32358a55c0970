//! Pairs of bytes with which those stems begin that count elsewhere than at long words, told apart by four tables.

/// The first two bytes of stems that count elsewhere too: a bit in all four tables.
#[derive(Clone, Default, Debug)]
pub struct Pairs {
    pub(super) first_low: [u8; 16],
    pub(super) first_high: [u8; 16],
    pub(super) second_low: [u8; 16],
    pub(super) second_high: [u8; 16],
}

/// How often a byte is seen in log lines, roughly.
fn weight(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => 16,
        b'0'..=b'9' | b' ' | b'"' | b'.' | b'-' | b'_' | b'/' | b':' | b',' => 8,
        b'!'..=b'~' => 1,
        _ => 0,
    }
}

/// The bits of pairs that count anywhere; the others count at the first byte of a word.
pub(super) const ANYWHERE: u8 = (1 << ANYWHERE_BITS) - 1;
const ANYWHERE_BITS: usize = 4;

impl Pairs {
    /// Stems that begin with one of the pairs in `anywhere` count wherever they stand, of those in `words` only at the
    /// first byte of a word, also of a short one.
    pub fn new(anywhere: &[[u8; 2]], words: &[[u8; 2]]) -> Self {
        let mut pairs = Self::default();
        for (list, bits) in [(anywhere, 0..ANYWHERE_BITS), (words, ANYWHERE_BITS..8)] {
            let mut list = list.to_vec();
            // The frequent ones first: each finds a bit of its own while there are some.
            list.sort_by_key(|pair| (std::cmp::Reverse(weight(pair[0]) * weight(pair[1])), *pair));
            for pair in list {
                let with = bits.clone().map(|bit| (pairs.with(bit, pair), bit));
                let more = |(with, bit): &(Self, usize)| with.frequency(*bit) - pairs.frequency(*bit);
                if let Some((with, _)) = with.min_by_key(more) {
                    pairs = with;
                }
            }
        }
        pairs
    }

    fn with(&self, bit: usize, [first, second]: [u8; 2]) -> Self {
        let mut with = self.clone();
        with.first_low[usize::from(first & 15)] |= 1 << bit;
        with.first_high[usize::from(first >> 4)] |= 1 << bit;
        with.second_low[usize::from(second & 15)] |= 1 << bit;
        with.second_high[usize::from(second >> 4)] |= 1 << bit;
        with
    }

    /// How often a bit is seen in log lines, by `weight`.
    fn frequency(&self, bit: usize) -> usize {
        let sum = |low: &[u8; 16], high: &[u8; 16]| -> usize {
            (0..=u8::MAX).filter(|byte| both(low, high, *byte) >> bit & 1 != 0).map(weight).sum()
        };
        sum(&self.first_low, &self.first_high) * sum(&self.second_low, &self.second_high)
    }

    pub(super) fn bits(&self, first: u8, second: u8) -> u8 {
        both(&self.first_low, &self.first_high, first) & both(&self.second_low, &self.second_high, second)
    }
}

pub(super) fn both(low: &[u8; 16], high: &[u8; 16], byte: u8) -> u8 {
    low[usize::from(byte & 15)] & high[usize::from(byte >> 4)]
}
