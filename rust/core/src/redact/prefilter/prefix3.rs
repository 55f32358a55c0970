//! The first three bytes of literals, and at which places of a text a literal with them counts. Kernels tell them apart by
//! tables, which let others pass too; whether one counts at last is asked here.

use std::cmp::Reverse;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::byte_classes::{is_run, RUN_BYTES};

/// How many bytes of a literal are asked for.
pub(crate) const PREFIX3_BYTES: usize = 3;
pub type Prefix3 = [u8; PREFIX3_BYTES];

/// In the tables of near prefixes, the bits of those that count anywhere; the others count at the first byte of a word.
pub(crate) const ANYWHERE: u8 = (1 << ANYWHERE_BITS) - 1;
const ANYWHERE_BITS: usize = 4;
/// In tables by bytes one stands for all that differ from it in the top bit only.
pub(crate) const TABLE_BYTES: usize = 128;

/// For each byte of a prefix a table: the prefixes' bits by that byte.
pub(crate) type ByBytes = [[u8; TABLE_BYTES]; PREFIX3_BYTES];
/// The same by its low and its high half: of both the bits in common.
pub(crate) type ByHalves = [([u8; 16], [u8; 16]); PREFIX3_BYTES];

/// The three-byte prefixes of all literals.
#[derive(Clone, Debug)]
pub struct Prefixes3 {
    /// Where each counts, as flags: asked for at each place that the kernels report, and four times as fast as lists in order.
    places: HashMap<u32, u8, RandomState>,
    /// Those that need no long word.
    pub(crate) near_by_halves: ByHalves,
    pub(crate) near: ByBytes,
    pub(crate) long: ByBytes,
}

impl Prefixes3 {
    /// Literals that begin with one of `anywhere` count wherever they stand, with one of `words` only at the first byte of
    /// a word, with one of `long_words` only if that is the first of `RUN_BYTES` run bytes, too.
    pub fn new(anywhere: &[Prefix3], words: &[Prefix3], long_words: &[Prefix3]) -> Self {
        let [anywhere, words, long_words] = [anywhere, words, long_words].map(|prefixes3| {
            let mut prefixes3 = prefixes3.to_vec();
            prefixes3.sort_unstable();
            prefixes3.dedup();
            prefixes3
        });
        let mut places = HashMap::default();
        for (list, place) in
            [(&anywhere, COUNTS_ANYWHERE), (&words, COUNTS_AT_WORD), (&long_words, COUNTS_AT_LONG_WORD)]
        {
            list.iter().for_each(|prefix3| *places.entry(number(*prefix3)).or_default() |= place);
        }
        let near = |told| {
            // Literals at long words are looked up anyway.
            let at_word = |text: &[u8], place| begins_word(text, place) && !is_long_run(text, place);
            let words = Meaning::spread(&words, 8 - ANYWHERE_BITS, at_word, told);
            [Meaning::spread(&anywhere, ANYWHERE_BITS, |_, _| true, told), words].concat()
        };
        Self {
            near_by_halves: by_halves(&near(Told::ByHalves)),
            near: by_bytes(&near(Told::ByBytes)),
            long: by_bytes(&Meaning::spread(&long_words, 8, begins_word, Told::ByBytes)),
            places,
        }
    }

    /// A literal at this place of a text counts.
    pub(crate) fn count_at(&self, text: &[u8], place: usize) -> bool {
        let Some(prefix3) = text.get(place..).and_then(<[u8]>::first_chunk) else { return false };
        let Some(places) = self.places.get(&number(*prefix3)) else { return false };
        places & COUNTS_ANYWHERE != 0
            || begins_word(text, place)
                && (places & COUNTS_AT_WORD != 0 || places & COUNTS_AT_LONG_WORD != 0 && is_long_run(text, place))
    }
}

/// Where a prefix counts: flags of `Prefixes3::places`.
const COUNTS_ANYWHERE: u8 = 1;
const COUNTS_AT_WORD: u8 = 2;
const COUNTS_AT_LONG_WORD: u8 = 4;

fn number([first, second, third]: Prefix3) -> u32 {
    u32::from_le_bytes([first, second, third, 0])
}

impl Default for Prefixes3 {
    fn default() -> Self {
        Self::new(&[], &[], &[])
    }
}

/// The byte is the first of a word: of letters and digits.
pub(crate) fn begins_word(text: &[u8], place: usize) -> bool {
    text[place].is_ascii_alphanumeric() && !(place > 0 && text[place - 1].is_ascii_alphanumeric())
}

/// Orders in which prefixes take their bits: of sixteen the best marks half as many places of the sample as the first one.
const ORDERS: u32 = 16;
/// Lines as services write them: which order is the best shows there. By weights alone another one seems to be, with which
/// twice as many places of lines of 540 bytes are looked up (2026-11-30).
const SAMPLE: &[u8] = include_bytes!("sample.log");
/// An odd number that parts neighbours (of the golden ratio), times the number of an order.
const SHUFFLE: u32 = 0x9e37_79b1;
/// Groups of which one order is enough: there are 88 at words, and hundreds at long words, which are few places anyway.
const REORDERED_GROUPS_MAX: usize = 128;
/// How often each group may take a better bit. Twice are enough for the packs.
const MOVES_MAX: usize = 8;

fn is_long_run(text: &[u8], place: usize) -> bool {
    text.get(place..place + RUN_BYTES).is_some_and(|run| run.iter().copied().all(is_run))
}

/// Bytes: those of ASCII, and the others.
type Set = [u128; 2];

/// How tables tell bytes apart.
#[derive(Clone, Copy)]
enum Told {
    /// All of them, but together with each that has its low half and another's high half.
    ByHalves,
    /// But for the top bit.
    ByBytes,
}

impl Told {
    fn set(self, byte: u8) -> Set {
        let bit = 1 << (usize::from(byte) % TABLE_BYTES);
        match self {
            Told::ByHalves if !byte.is_ascii() => [0, bit],
            _ => [bit, 0],
        }
    }

    /// With what tables cannot tell from the bytes of a set.
    fn widen(self, set: Set) -> Set {
        match self {
            Told::ByHalves => every_pair(set),
            Told::ByBytes => set,
        }
    }
}

/// What one bit means: for each byte of a prefix the set of those it may be.
#[derive(Clone, Copy, Default)]
struct Meaning([Set; PREFIX3_BYTES]);

impl Meaning {
    /// Share `count` bits among prefixes, those with the same first two bytes together, so that all mean little. Which bits
    /// the first ones take decides much, so several orders are tried. `counts`: a prefix at this place of a text counts.
    fn spread(prefixes3: &[Prefix3], count: usize, counts: fn(&[u8], usize) -> bool, told: Told) -> Vec<Self> {
        let mut groups: Vec<(&[u8], Self)> = Vec::new();
        for prefix3 in prefixes3 {
            let known = groups.iter().position(|(first, _)| prefix3.starts_with(first)).unwrap_or_else(|| {
                groups.push((&prefix3[..2], Self::default()));
                groups.len() - 1
            });
            groups[known].1 = groups[known].1.with(Self(prefix3.map(|byte| told.set(byte))));
        }
        groups.sort_by_key(|(first, meaning)| (Reverse(meaning.widened(told).frequency()), *first));
        let orders = if groups.len() > REORDERED_GROUPS_MAX { 1 } else { ORDERS };
        let in_order = |order: u32| {
            if order > 0 {
                let place = |first: &[u8]| u32::from(first[0]) | u32::from(first[1]) << 8;
                groups.sort_by_key(|(first, _)| place(first).wrapping_mul(SHUFFLE.wrapping_mul(order) | 1));
            }
            let meanings: Vec<Self> = groups.iter().map(|(_, meaning)| *meaning).collect();
            share(&meanings, count, told)
        };
        let places = |bits: &Vec<Self>| {
            let marked = |at: usize| counts(SAMPLE, at) && bits.iter().any(|bit| bit.may_be(&SAMPLE[at..]));
            (0..SAMPLE.len() - PREFIX3_BYTES).filter(|at| marked(*at)).count()
        };
        (0..orders).map(in_order).min_by_key(places).unwrap_or_default()
    }

    /// Of a text in ASCII.
    fn may_be(&self, text: &[u8]) -> bool {
        self.0.iter().zip(text).all(|([ascii, _], byte)| ascii >> (usize::from(*byte) % TABLE_BYTES) & 1 != 0)
    }

    fn with(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| [0, 1].map(|part| self.0[at][part] | other.0[at][part])))
    }

    fn widened(self, told: Told) -> Self {
        Self(self.0.map(|set| told.widen(set)))
    }

    /// How often it is seen in log lines, by `WEIGHTS`. Few hold bytes that are not ASCII.
    fn frequency(self) -> u32 {
        let weight =
            |[ascii, _]: Set| WEIGHTS.iter().map(|(bytes, weight)| (ascii & bytes).count_ones() * weight).sum::<u32>();
        self.0.map(weight).into_iter().product()
    }
}

/// Each group takes the bit that then means the least more, in order, and then a better one as long as there is one.
fn share(groups: &[Meaning], count: usize, told: Told) -> Vec<Meaning> {
    let frequency = |meaning: Meaning| meaning.widened(told).frequency();
    // Bits, and how often each is seen.
    let mut bits = vec![(Meaning::default(), 0); count];
    let mut taken: Vec<Option<usize>> = vec![None; groups.len()];
    for _ in 0..=MOVES_MAX {
        let before = taken.clone();
        for (at, group) in groups.iter().enumerate() {
            let mut least: Option<(usize, u32)> = None;
            if let Some(now) = taken[at].take() {
                let others = taken.iter().zip(groups).filter(|(bit, _)| **bit == Some(now));
                let rest = others.fold(Meaning::default(), |rest, (_, other)| rest.with(*other));
                let seen = frequency(rest);
                least = Some((now, bits[now].1 - seen));
                bits[now] = (rest, seen);
            }
            for (bit, (meaning, seen)) in bits.iter().enumerate() {
                let more = frequency(meaning.with(*group)) - seen;
                if least.is_none_or(|(_, least)| more < least) {
                    least = Some((bit, more));
                }
            }
            if let Some((bit, more)) = least {
                bits[bit] = (bits[bit].0.with(*group), bits[bit].1 + more);
                taken[at] = Some(bit);
            }
        }
        if taken == before {
            break;
        }
    }
    bits.into_iter().map(|(meaning, _)| meaning.widened(told)).collect()
}

/// Bytes with one of the low halves in a set and one of its high ones.
fn every_pair(set: Set) -> Set {
    let rows = |part: u128| (0..8).map(move |high| part >> (16 * high) & 0xffff);
    let lows = set.into_iter().flat_map(rows).fold(0, |lows, row| lows | row);
    let pairs = |part| rows(part).enumerate().filter(|(_, row)| *row != 0);
    set.map(|part| pairs(part).fold(0, |all, (high, _)| all | lows << (16 * high)))
}

/// The bits whose sets hold a byte.
fn bits_of(bits: &[Meaning], at: usize, byte: usize) -> u8 {
    let held = |meaning: &Meaning| meaning.0[at][byte / TABLE_BYTES] >> (byte % TABLE_BYTES) & 1 != 0;
    bits.iter().enumerate().fold(0, |all, (bit, meaning)| all | u8::from(held(meaning)) << bit)
}

fn by_bytes(bits: &[Meaning]) -> ByBytes {
    std::array::from_fn(|at| std::array::from_fn(|byte| bits_of(bits, at, byte)))
}

/// Each `Meaning` is one of every pair of its halves.
fn by_halves(bits: &[Meaning]) -> ByHalves {
    std::array::from_fn(|at| {
        let any = |bytes: [usize; 16]| bytes.iter().fold(0, |all, byte| all | bits_of(bits, at, *byte));
        let low = std::array::from_fn(|low| any(std::array::from_fn(|high| high * 16 + low)));
        let high = std::array::from_fn(|high| any(std::array::from_fn(|low| high * 16 + low)));
        (low, high)
    })
}

/// How often bytes are seen in log lines, roughly; the weight of one in several sets is the sum. Of some hundred numbers these
/// mark the fewest places in the lines of the benchmark and in 1.3 MB of ordinary ones (17 in 1,024 bytes, others up to 37).
const WEIGHTS: [(u128, u32); 4] = [
    (bytes(b"etaoinsrlc"), 10),
    (range(b'a', b'z'), 6),
    (range(b'0', b'9') | bytes(b" \".-_/:,"), 3),
    (range(b' ', b'~'), 1),
];

const fn range(first: u8, last: u8) -> u128 {
    u128::MAX << first & u128::MAX >> (127 - last)
}

const fn bytes(list: &[u8]) -> u128 {
    let mut set = 0;
    let mut at = 0;
    while at < list.len() {
        set |= 1 << list[at];
        at += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes3() -> (Vec<Prefix3>, Prefixes3) {
        let anywhere: Vec<Prefix3> =
            b"curpas--p--s$2a<ab:AA_mm".chunks(3).map(|prefix3| prefix3.try_into().unwrap()).collect();
        let prefixes3 = Prefixes3::new(&anywhere, &[*b"bea", *b"BEA", *b"Spl"], &[*b"ghp", [0xd0, 0xbf, b'_']]);
        (anywhere, prefixes3)
    }

    #[test]
    fn each_prefix_keeps_its_bit_and_frequent_ones_do_not_share() {
        let (anywhere, prefixes3) = prefixes3();
        let near = |prefix3: Prefix3| {
            let by_bytes = (0..3).fold(u8::MAX, |bits, at| bits & prefixes3.near[at][usize::from(prefix3[at] & 0x7f)]);
            let halves = |(low, high): ([u8; 16], [u8; 16]), byte: u8| {
                low[usize::from(byte & 15)] & high[usize::from(byte >> 4)]
            };
            let by_halves = (0..3).fold(u8::MAX, |bits, at| bits & halves(prefixes3.near_by_halves[at], prefix3[at]));
            [by_bytes, by_halves]
        };
        assert!(anywhere.iter().all(|prefix3| near(*prefix3).iter().all(|bits| bits & ANYWHERE != 0)));
        assert!([b"bea", b"BEA", b"Spl"].iter().all(|prefix3| near(**prefix3).iter().all(|bits| *bits > ANYWHERE)));
        assert!([*b"cas", *b"pur", *b"the", [0; 3]].iter().all(|prefix3| near(*prefix3) == [0; 2]));
    }

    #[test]
    fn a_literal_counts_where_its_prefix_says() {
        let (_, prefixes3) = prefixes3();
        let counts = |text: &str, prefix3: &str| prefixes3.count_at(text.as_bytes(), text.find(prefix3).unwrap());
        for (text, prefix3) in [("abcur l", "cur"), ("a bear", "bea"), ("_ghp_0123456789ab", "ghp")] {
            assert!(counts(text, prefix3), "{text}");
        }
        for (text, prefix3) in [("abear", "bea"), ("ghp_0123456789a", "ghp"), ("a be", "be")] {
            assert!(!counts(text, prefix3), "{text}");
        }
    }
}
