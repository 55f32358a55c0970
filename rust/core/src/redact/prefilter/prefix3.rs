//! The first three bytes of literals, and at which places of a text a literal with them counts. Kernels tell them apart by
//! tables, which let others pass too; whether one counts at last is asked here. Whole tables know the fourth byte as well.

use std::array::from_fn;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::byte_classes::{is_run, RUN_BYTES};
use super::shared_bits::{share, Bits, Prefix4, Told, PREFIX3_BYTES, PREFIX4_BYTES};
use crate::simd::Path;

/// In the tables of near prefixes, the bits of those that count anywhere; the others count at the first byte of a word.
pub(crate) const ANYWHERE: u8 = (1 << ANYWHERE_BITS) - 1;
const ANYWHERE_BITS: usize = 4;
/// In tables by bytes one stands for all that differ from it in the top bit only, or in the third and fourth in the top two.
pub(crate) const TABLE_BYTES: usize = 128;

/// In which order prefixes that count anywhere, and at words, take their bits: of some thousand orders those with which the
/// fewest places are looked up in lines of the benchmark and ordinary ones. Of 1,024 bytes these are 36 in lines of 540 bytes
/// (23 of them at long words, which are all looked up) and 45 in Cyrillic; the best of sixteen had 44 and 107, and to find it
/// was two thirds of an engine's start (2026-12-01). `search_orders` below finds such.
const HALVES_ORDERS: [u32; 2] = [2784, 858];
const BYTES_ORDERS: [u32; 2] = [58, 1154];
/// The same of prefixes that count at long words.
const LONG_ORDER: u32 = 829;

/// For each byte of a prefix, and the one behind it, a table: the prefixes' bits by that byte. With the fourth, of lines of
/// 134 bytes a quarter of the places is looked up: `app.` and `took` begin as literals do (2026-11-30).
pub(crate) type ByBytes = [[u8; TABLE_BYTES]; PREFIX4_BYTES];
/// The same by its low and its high half: of both the bits in common.
pub(crate) type ByHalves = [([u8; 16], [u8; 16]); PREFIX3_BYTES];

/// The three-byte prefixes of all literals.
#[derive(Clone, Debug)]
pub struct Prefixes3 {
    /// Where each counts, as flags: asked for at each place that the kernels report, and four times as fast as lists in order.
    places: HashMap<u32, u8, RandomState>,
    pub(crate) tables: Tables,
}

/// What the kernel of one path asks: to make those of the others, too, would double an engine's start.
#[derive(Clone, Debug)]
pub(crate) enum Tables {
    None,
    /// Prefixes that need no long word.
    ByHalves(Box<ByHalves>),
    ByBytes(Box<WholeTables>),
}

#[derive(Clone, Debug)]
pub(crate) struct WholeTables {
    /// Prefixes that need no long word.
    pub near: ByBytes,
    pub long: ByBytes,
}

impl Tables {
    fn new(path: Path, [anywhere, words, long_words]: [&[Prefix4]; 3]) -> Self {
        let near = |told, [anywhere_order, words_order]: [u32; 2]| -> Bits {
            let words = share(words, 8 - ANYWHERE_BITS, told, words_order);
            let anywhere = share(anywhere, ANYWHERE_BITS, told, anywhere_order);
            from_fn(|at| from_fn(|byte| anywhere[at][byte] | words[at][byte] << ANYWHERE_BITS))
        };
        match path {
            Path::Scalar => Self::None,
            Path::Avx2 => Self::ByHalves(Box::new(by_halves(&near(Told::ByHalves, HALVES_ORDERS)))),
            Path::Avx512 => {
                let long = by_bytes(&share(long_words, 8, Told::ByBytes, LONG_ORDER));
                Self::ByBytes(Box::new(WholeTables { near: by_bytes(&near(Told::ByBytes, BYTES_ORDERS)), long }))
            }
        }
    }
}

impl Prefixes3 {
    /// Literals that begin with one of `anywhere` count wherever they stand, with one of `words` only at the first byte of
    /// a word, with one of `long_words` only if that is the first of `RUN_BYTES` run bytes, too. Made for the kernel of `path`.
    pub fn new(path: Path, anywhere: &[Prefix4], words: &[Prefix4], long_words: &[Prefix4]) -> Self {
        let [anywhere, words, long_words] = [anywhere, words, long_words].map(|prefixes4| {
            let mut prefixes4 = prefixes4.to_vec();
            prefixes4.sort_unstable();
            prefixes4.dedup();
            prefixes4
        });
        let mut places = HashMap::default();
        for (list, place) in
            [(&anywhere, COUNTS_ANYWHERE), (&words, COUNTS_AT_WORD), (&long_words, COUNTS_AT_LONG_WORD)]
        {
            list.iter().for_each(|[first, second, third, _]| {
                *places.entry(number([*first, *second, *third])).or_default() |= place
            });
        }
        Self { places, tables: Tables::new(path, [&anywhere, &words, &long_words]) }
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

fn number([first, second, third]: [u8; PREFIX3_BYTES]) -> u32 {
    u32::from_le_bytes([first, second, third, 0])
}

/// The byte is the first of a word: of letters and digits.
pub(crate) fn begins_word(text: &[u8], place: usize) -> bool {
    text[place].is_ascii_alphanumeric() && !(place > 0 && text[place - 1].is_ascii_alphanumeric())
}

fn is_long_run(text: &[u8], place: usize) -> bool {
    text.get(place..place + RUN_BYTES).is_some_and(|run| run.iter().copied().all(is_run))
}

fn by_bytes(bits: &Bits) -> ByBytes {
    from_fn(|at| from_fn(|byte| bits[at][byte]))
}

/// A byte has the bits of both its halves.
fn by_halves(bits: &Bits) -> ByHalves {
    from_fn(|at| {
        let any = |bytes: [usize; 16]| bytes.iter().fold(0, |all, byte| all | bits[at][*byte]);
        let low = from_fn(|low| any(from_fn(|high| high * 16 + low)));
        let high = from_fn(|high| any(from_fn(|low| high * 16 + low)));
        (low, high)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANYWHERE_PREFIXES: &[u8] = b"curlpass--pw--se$2a$<abc:AAA_mmm";
    const WORD_PREFIXES: [Prefix4; 3] = [*b"bear", *b"BEAR", *b"Splu"];

    fn prefixes3(path: Path) -> (Vec<Prefix4>, Prefixes3) {
        let anywhere: Vec<Prefix4> = ANYWHERE_PREFIXES.as_chunks().0.to_vec();
        let prefixes3 = Prefixes3::new(path, &anywhere, &WORD_PREFIXES, &[*b"ghp_", [0xd0, 0xbf, b'_', b'x']]);
        (anywhere, prefixes3)
    }

    /// The bits of near prefixes.
    fn near(prefixes3: &Prefixes3, prefix4: Prefix4) -> u8 {
        let at = |at: usize| usize::from(prefix4[at]);
        match &prefixes3.tables {
            Tables::None => unreachable!("a path with tables"),
            Tables::ByHalves(near) => {
                let bits = |(low, high): ([u8; 16], [u8; 16]), byte: usize| low[byte & 15] & high[byte >> 4];
                (0..3).fold(u8::MAX, |all, place| all & bits(near[place], at(place)))
            }
            Tables::ByBytes(tables) => (0..4).fold(u8::MAX, |all, place| all & tables.near[place][at(place) & 0x7f]),
        }
    }

    #[test]
    fn each_prefix_keeps_its_bit_and_frequent_ones_do_not_share() {
        for path in [Path::Avx2, Path::Avx512] {
            let (anywhere, prefixes3) = prefixes3(path);
            assert!(anywhere.iter().all(|prefix4| near(&prefixes3, *prefix4) & ANYWHERE != 0));
            assert!(WORD_PREFIXES.iter().all(|prefix4| near(&prefixes3, *prefix4) > ANYWHERE));
            assert!([*b"case", *b"purr", *b"the ", [0; 4]].iter().all(|prefix4| near(&prefixes3, *prefix4) == 0));
        }
    }

    #[test]
    fn a_literal_counts_where_its_prefix_says() {
        let (_, prefixes3) = prefixes3(Path::Scalar);
        let counts = |text: &str, prefix3: &str| prefixes3.count_at(text.as_bytes(), text.find(prefix3).unwrap());
        for (text, prefix3) in [("abcur l", "cur"), ("a bear", "bea"), ("_ghp_0123456789ab", "ghp")] {
            assert!(counts(text, prefix3), "{text}");
        }
        for (text, prefix3) in [("abear", "bea"), ("ghp_0123456789a", "ghp"), ("a be", "be")] {
            assert!(!counts(text, prefix3), "{text}");
        }
    }

    /// Places that are looked up by these bits in lines, of those that count.
    fn marked(bits: &Bits, lines: &[u8], counts: impl Fn(&[u8], usize) -> bool) -> usize {
        let looked_up = |at: &usize| (0..4).fold(u8::MAX, |all, place| all & bits[place][lines[at + place] as usize]);
        (0..lines.len() - 4).filter(|at| looked_up(at) != 0 && counts(lines, *at)).count()
    }

    /// Prints orders that are better than those before, by the lines of a file: `LINES=x.log cargo test --release
    /// search_orders -- --ignored --nocapture`. Of the benchmark's lines and ordinary ones as many, a quarter not in ASCII.
    #[test]
    #[ignore = "a search of some minutes"]
    #[expect(clippy::print_stderr, reason = "what it finds")]
    fn search_orders() {
        let lines = std::fs::read(std::env::var("LINES").expect("a file of lines")).unwrap();
        let redactor = crate::redact::Redactor::new(&crate::spec::RedactSpec::default()).unwrap();
        let [anywhere, words, long_words] = redactor.rules.prefixes.lists();
        type Counts = fn(&[u8], usize) -> bool;
        let at_word: Counts = |text, at| begins_word(text, at) && !is_long_run(text, at);
        for (name, told, list, count, counts) in [
            ("HALVES_ORDERS[0]", Told::ByHalves, &anywhere, ANYWHERE_BITS, (|_, _| true) as Counts),
            ("HALVES_ORDERS[1]", Told::ByHalves, &words, 8 - ANYWHERE_BITS, at_word),
            ("BYTES_ORDERS[0]", Told::ByBytes, &anywhere, ANYWHERE_BITS, (|_, _| true) as Counts),
            ("BYTES_ORDERS[1]", Told::ByBytes, &words, 8 - ANYWHERE_BITS, at_word),
            ("LONG_ORDER", Told::ByBytes, &long_words, 8, begins_word as Counts),
        ] {
            let mut least = usize::MAX;
            for order in 0..5_000 {
                let places = marked(&share(list, count, told, order), &lines, counts);
                if places < least {
                    least = places;
                    eprintln!(
                        "{name} = {order}: {:.1} places in 1,024 bytes",
                        places as f64 * 1024.0 / lines.len() as f64
                    );
                }
            }
        }
    }
}
