//! The first bytes of those stems that count elsewhere than at long words, told apart by a table for each half of each.

/// How many bytes of a stem are asked for.
pub(super) const HEAD_BYTES: usize = 3;
pub type Head = [u8; HEAD_BYTES];

/// A bit of a head stands in the tables of all its bytes, of the low halves and of the high ones.
#[derive(Clone, Default, Debug)]
pub struct Heads {
    pub(super) tables: [([u8; 16], [u8; 16]); HEAD_BYTES],
}

/// The bits of heads that count anywhere; the others count at the first byte of a word.
pub(super) const ANYWHERE: u8 = (1 << ANYWHERE_BITS) - 1;
const ANYWHERE_BITS: usize = 6;

/// What one bit means: for each byte the sets of its low and its high halves.
#[derive(Clone, Copy, Default)]
struct Meaning([(u16, u16); HEAD_BYTES]);

impl Heads {
    /// Stems that begin with one of `anywhere` count wherever they stand, with one of `words` only at the first byte of
    /// a word, also of a short one.
    pub fn new(anywhere: &[Head], words: &[Head]) -> Self {
        let mut heads = Self::default();
        for (list, bits) in [(anywhere, 0..ANYWHERE_BITS), (words, ANYWHERE_BITS..8)] {
            for (bit, meaning) in bits.clone().zip(Meaning::spread(list, bits.len())) {
                heads.set(bit, meaning);
            }
        }
        heads
    }

    fn set(&mut self, bit: usize, meaning: Meaning) {
        for ((low, high), (lows, highs)) in self.tables.iter_mut().zip(meaning.0) {
            for half in 0..16 {
                low[half] |= u8::from(lows >> half & 1 != 0) << bit;
                high[half] |= u8::from(highs >> half & 1 != 0) << bit;
            }
        }
    }

    /// The bits of the head that `bytes` are; zeros stand for what is behind the end of a text.
    pub(super) fn bits(&self, bytes: Head) -> u8 {
        let of = |(byte, (low, high)): (u8, &([u8; 16], [u8; 16]))| both(low, high, byte);
        bytes.into_iter().zip(&self.tables).map(of).fold(u8::MAX, |bits, of| bits & of)
    }
}

impl Meaning {
    /// Share `count` bits among heads, those of one first byte together: the frequent ones first, each with the bit that
    /// then means the least more.
    fn spread(heads: &[Head], count: usize) -> Vec<Self> {
        let mut groups: Vec<(u8, Self)> = Vec::new();
        for head in heads {
            let known = groups.iter().position(|(first, _)| *first == head[0]).unwrap_or_else(|| {
                groups.push((head[0], Self::default()));
                groups.len() - 1
            });
            groups[known].1 = groups[known].1.with(Self::of(*head));
        }
        groups.sort_by_key(|(first, meaning)| (std::cmp::Reverse(meaning.frequency()), *first));
        let mut bits = vec![Self::default(); count];
        for (_, group) in groups {
            if let Some(bit) = bits.iter_mut().min_by_key(|bit| bit.with(group).frequency() - bit.frequency()) {
                *bit = bit.with(group);
            }
        }
        bits
    }

    fn of(head: Head) -> Self {
        Self(head.map(|byte| (1 << (byte & 15), 1 << (byte >> 4))))
    }

    fn with(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| (self.0[at].0 | other.0[at].0, self.0[at].1 | other.0[at].1)))
    }

    /// How often it is seen in log lines, by `weight`.
    fn frequency(self) -> usize {
        let holds = |(low, high): (u16, u16), byte: u8| low >> (byte & 15) & high >> (byte >> 4) & 1 != 0;
        let sum = |sets| (0..=u8::MAX).filter(|byte| holds(sets, *byte)).map(weight).sum::<usize>();
        self.0.map(sum).into_iter().product()
    }
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

pub(super) fn both(low: &[u8; 16], high: &[u8; 16], byte: u8) -> u8 {
    low[usize::from(byte & 15)] & high[usize::from(byte >> 4)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_head_keeps_its_bit_and_frequent_ones_do_not_share() {
        let anywhere: Vec<Head> = b"curpas--p--s$2a<ab:AA_mm".chunks(3).map(|head| head.try_into().unwrap()).collect();
        let heads = Heads::new(&anywhere, &[*b"bea", *b"BEA", *b"Spl"]);
        assert!(anywhere.iter().all(|head| heads.bits(*head) & ANYWHERE != 0));
        assert!([b"bea", b"BEA", b"Spl"].iter().all(|head| heads.bits(**head) > ANYWHERE));
        assert_eq!(heads.bits(*b"cas") | heads.bits(*b"pur") | heads.bits(*b"the") | heads.bits([0; 3]), 0);
    }
}
