//! `Survey::scan` for AVX-512, 64 bytes at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _mm512_alignr_epi8, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_cmpgt_epi8_mask,
    _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_movepi8_mask, _mm512_permutex2var_epi64, _mm512_set1_epi8,
    _mm512_set_epi64, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_srli_epi16, _mm512_test_epi8_mask,
    _mm_loadu_si128,
};
use std::ops::Range;

use super::candidates::{CLASS_HIGH, CLASS_LOW, RUN_AFTER, WORD_MIN};
use super::heads::{Heads, ANYWHERE, HEAD_BYTES};
use super::marker::{Chunk, Marker, Masks, BLOCK_BYTES};
use super::Path;

/// Look-up tables in registers, each four times.
struct Tables {
    class: (__m512i, __m512i),
    heads: [(__m512i, __m512i); HEAD_BYTES],
}

/// What 64 bytes are as the first byte of a head, and with the byte before as its first two.
#[derive(Clone, Copy)]
struct Begun {
    one: __m512i,
    two: __m512i,
}

/// # Panics
/// This CPU lacks the instructions.
pub(super) fn scan(marker: Marker<'_, impl Fn([u8; 4]) -> bool>) {
    assert!(Path::Avx512.runs_here(), "no AVX-512 here");
    // SAFETY: the CPU has the instructions.
    unsafe { scan_all(marker) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn scan_all(mut marker: Marker<'_, impl Fn([u8; 4]) -> bool>) {
    let (text, heads) = (marker.text, marker.heads);
    let mut begun = Begun { one: _mm512_setzero_si512(), two: _mm512_setzero_si512() };
    marker.scan(|chunk, first, count| fill(text, heads, chunk, first..first + count, &mut begun));
}

/// The masks of `blocks`. Not part of what works with them, so that all tables stay in registers.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn fill(text: &[u8], heads: &Heads, chunk: &mut Chunk, blocks: Range<usize>, begun: &mut Begun) {
    let heads = &heads.tables;
    let tables = Tables {
        class: (table(&CLASS_LOW), table(&CLASS_HIGH)),
        heads: [0, 1, 2].map(|at| (table(&heads[at].0), table(&heads[at].1))),
    };
    let whole = text.as_chunks::<BLOCK_BYTES>().0;
    let whole = &whole[blocks.start.min(whole.len())..blocks.end.min(whole.len())];
    let mut before = *begun;
    for (block, bytes) in whole.iter().enumerate() {
        // SAFETY: the 64 bytes are there; the load needs no alignment.
        let bytes = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
        chunk.set(block, masks(bytes, &tables, &mut before));
    }
    for block in whole.len()..blocks.len() {
        let rest = text.get((blocks.start + block) * BLOCK_BYTES..).unwrap_or_default();
        // SAFETY: only as many bytes are read as there are. Zeros, which the others are, are of no class.
        let bytes = unsafe { _mm512_maskz_loadu_epi8((1 << rest.len()) - 1, rest.as_ptr().cast()) };
        chunk.set(block, masks(bytes, &tables, &mut before));
    }
    *begun = before;
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
fn masks(bytes: __m512i, tables: &Tables, begun: &mut Begun) -> Masks {
    let low_half = _mm512_set1_epi8(0x0f);
    let halves = (_mm512_and_si512(bytes, low_half), _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low_half));
    let class = look_up(halves, tables.class);
    let one = look_up(halves, tables.heads[0]);
    let two = _mm512_and_si512(look_up(halves, tables.heads[1]), behind(begun.one, one));
    let head = _mm512_and_si512(look_up(halves, tables.heads[2]), behind(begun.two, two));
    *begun = Begun { one, two };
    let some = |bytes, bits: u8| _mm512_test_epi8_mask(bytes, _mm512_set1_epi8(bits as i8));
    Masks {
        words: some(class, !(WORD_MIN - 1)),
        digits: _mm512_movepi8_mask(class),
        marks: some(class, WORD_MIN - 1),
        // A comparison of signed bytes: those above DEL are below zero.
        runs: _mm512_cmpgt_epi8_mask(bytes, _mm512_set1_epi8(RUN_AFTER as i8)),
        anywhere: some(head, ANYWHERE),
        at_word: some(head, !ANYWHERE),
    }
}

/// Each byte replaced by the one before it: `before` stands in front of `now`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn behind(before: __m512i, now: __m512i) -> __m512i {
    let quarters = _mm512_permutex2var_epi64(before, _mm512_set_epi64(13, 12, 11, 10, 9, 8, 7, 6), now);
    _mm512_alignr_epi8::<15>(now, quarters)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn table(bytes: &[u8; 16]) -> __m512i {
    // SAFETY: 16 bytes are read of 16; the load needs no alignment.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

/// `halves`: of bytes, the low and the high ones.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn look_up(halves: (__m512i, __m512i), tables: (__m512i, __m512i)) -> __m512i {
    _mm512_and_si512(_mm512_shuffle_epi8(tables.0, halves.0), _mm512_shuffle_epi8(tables.1, halves.1))
}
