//! `Candidates::scan` for AVX2, 64 bytes at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm256_add_epi8, _mm256_adds_epu8, _mm256_alignr_epi8, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
    _mm256_permute2x128_si256, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
    _mm_loadu_si128,
};
use std::ops::Range;

use super::Path;
use crate::redact::prefilter::byte_classes::{CLASS_HIGH, CLASS_LOW, RUN_AFTER, WORD_MIN};
use crate::redact::prefilter::marker::{Chunk, Marker, Masks, BLOCK_BYTES};
use crate::redact::prefilter::prefix3::{ByHalves, ANYWHERE};
use crate::redact::prefilter::shared_bits::PREFIX3_BYTES;

/// Look-up tables in registers, each twice.
struct Tables {
    class: (__m256i, __m256i),
    prefixes3: [(__m256i, __m256i); PREFIX3_BYTES],
}

/// What 32 bytes are as the first byte of a prefix, and with the byte before as its first two.
#[derive(Clone, Copy)]
struct Begun {
    one: __m256i,
    two: __m256i,
}

/// # Panics
/// This CPU lacks the instructions.
pub(crate) fn scan(marker: &mut Marker<'_, impl Fn([u8; 4]) -> bool>, near: &ByHalves) {
    assert!(Path::Avx2.runs_here(), "no AVX2 here");
    // SAFETY: the CPU has the instructions.
    unsafe { scan_all(marker, near) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn scan_all(marker: &mut Marker<'_, impl Fn([u8; 4]) -> bool>, near: &ByHalves) {
    let text = marker.text;
    let mut begun = Begun { one: _mm256_setzero_si256(), two: _mm256_setzero_si256() };
    marker.scan(|chunk, first, count| fill(text, near, chunk, first..first + count, &mut begun));
}

/// The masks of `blocks`. Not part of what works with them, so that all tables stay in registers.
#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn fill(text: &[u8], near: &ByHalves, chunk: &mut Chunk, blocks: Range<usize>, begun: &mut Begun) {
    let tables = Tables {
        class: (table(&CLASS_LOW), table(&CLASS_HIGH)),
        prefixes3: [0, 1, 2].map(|at| (table(&near[at].0), table(&near[at].1))),
    };
    let whole = text.as_chunks().0;
    let whole = &whole[blocks.start.min(whole.len())..blocks.end.min(whole.len())];
    for (block, bytes) in whole.iter().enumerate() {
        chunk.set(block, masks(bytes, &tables, begun));
    }
    for block in whole.len()..blocks.len() {
        // Zeros are of no class.
        let mut padded = [0; BLOCK_BYTES];
        let rest = &text[(blocks.start + block) * BLOCK_BYTES..];
        padded[..rest.len()].copy_from_slice(rest);
        chunk.set(block, masks(&padded, &tables, begun));
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn masks(bytes: &[u8; BLOCK_BYTES], tables: &Tables, begun: &mut Begun) -> Masks {
    let from = bytes.as_ptr().cast::<__m256i>();
    // SAFETY: both halves lie in the 64 bytes; the loads need no alignment.
    let [low, high] = unsafe { [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))] };
    let (low, high) = (half(low, tables, begun), half(high, tables, begun));
    let joined = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    Masks {
        words: joined(low.words, high.words),
        digits: joined(low.digits, high.digits),
        marks: joined(low.marks, high.marks),
        runs: joined(low.runs, high.runs),
        anywhere: !joined(low.not_anywhere, high.not_anywhere),
        at_word: joined(low.at_word, high.at_word),
        at_long: u64::MAX,
    }
}

/// Masks of 32 bytes.
struct Half {
    words: u32,
    digits: u32,
    marks: u32,
    runs: u32,
    not_anywhere: u32,
    at_word: u32,
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn half(bytes: __m256i, tables: &Tables, begun: &mut Begun) -> Half {
    let low_half = _mm256_set1_epi8(0x0f);
    let halves = (_mm256_and_si256(bytes, low_half), _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low_half));
    let class = look_up(halves, tables.class);
    // Adding what is missing to 128 sets the top bit of all word classes, and of no other.
    let word = _mm256_add_epi8(class, _mm256_set1_epi8((0x80 - WORD_MIN) as i8));
    let one = look_up(halves, tables.prefixes3[0]);
    let two = _mm256_and_si256(look_up(halves, tables.prefixes3[1]), behind(begun.one, one));
    let prefix3 = _mm256_and_si256(look_up(halves, tables.prefixes3[2]), behind(begun.two, two));
    *begun = Begun { one, two };
    let anywhere = _mm256_set1_epi8(ANYWHERE as i8);
    let zero = _mm256_setzero_si256();
    let mask = |bytes| _mm256_movemask_epi8(bytes) as u32;
    Half {
        words: mask(word),
        digits: mask(class),
        // The only words that are below zero are not above it.
        marks: mask(_mm256_andnot_si256(word, _mm256_cmpgt_epi8(class, zero))),
        // A comparison of signed bytes: those above DEL are below zero.
        runs: mask(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(RUN_AFTER as i8))),
        not_anywhere: mask(_mm256_cmpeq_epi8(_mm256_and_si256(prefix3, anywhere), zero)),
        // What the sum has to stay below sets the top bit of all that is above, and of no other.
        at_word: mask(_mm256_adds_epu8(prefix3, _mm256_set1_epi8((0x7f - ANYWHERE) as i8))),
    }
}

/// Each byte replaced by the one before it: `before` stands in front of `now`.
#[inline]
#[target_feature(enable = "avx2")]
fn behind(before: __m256i, now: __m256i) -> __m256i {
    _mm256_alignr_epi8::<15>(now, _mm256_permute2x128_si256::<0x21>(before, now))
}

#[inline]
#[target_feature(enable = "avx2")]
fn table(bytes: &[u8; 16]) -> __m256i {
    // SAFETY: 16 bytes are read of 16; the load needs no alignment.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

/// `halves`: of bytes, the low and the high ones.
#[inline]
#[target_feature(enable = "avx2")]
fn look_up(halves: (__m256i, __m256i), tables: (__m256i, __m256i)) -> __m256i {
    _mm256_and_si256(_mm256_shuffle_epi8(tables.0, halves.0), _mm256_shuffle_epi8(tables.1, halves.1))
}
