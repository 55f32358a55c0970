//! `Survey::scan` for AVX-512, 64 bytes at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _mm512_cmpgt_epi8_mask, _mm512_loadu_si512, _mm512_mask_test_epi8_mask, _mm512_permutex2var_epi8,
    _mm512_set1_epi8, _mm512_ternarylogic_epi64, _mm512_test_epi8_mask, _mm512_testn_epi8_mask,
};
use std::ops::Range;

use super::candidates::{CLASSES, DIGIT, RUN_AFTER, WORD_MIN};
use super::heads::{ByBytes, Heads, ANYWHERE, HEAD_BYTES, TABLE_BYTES};
use super::marker::{Chunk, Marker, Masks, BLOCK_BYTES};
use super::Path;

/// How far before a block the heads begin that end in it.
const BEFORE: usize = HEAD_BYTES - 1;

/// A table for the low seven bits of bytes.
type Table = (__m512i, __m512i);

struct Tables {
    class: Table,
    near: [Table; HEAD_BYTES],
    long: [Table; HEAD_BYTES],
}

/// # Panics
/// This CPU lacks the instructions.
pub(super) fn scan(marker: &mut Marker<'_, impl Fn([u8; 4]) -> bool>) {
    assert!(Path::Avx512.runs_here(), "no AVX-512 here");
    // SAFETY: the CPU has the instructions.
    unsafe { scan_all(marker) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn scan_all(marker: &mut Marker<'_, impl Fn([u8; 4]) -> bool>) {
    let (text, heads) = (marker.text, marker.heads);
    marker.scan(|chunk, first, count| fill(text, heads, chunk, first..first + count));
}

/// The masks of `blocks`. Not part of what works with them, so that all tables stay in registers.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn fill(text: &[u8], heads: &Heads, chunk: &mut Chunk, blocks: Range<usize>) {
    let head_tables = |tables: &ByBytes| [table(&tables[0]), table(&tables[1]), table(&tables[2])];
    let tables = Tables { class: table(&CLASSES), near: head_tables(&heads.near), long: head_tables(&heads.long) };
    for (at, block) in blocks.enumerate() {
        let around = (block * BLOCK_BYTES).checked_sub(BEFORE).and_then(|from| text.get(from..)?.first_chunk());
        let bytes = match around {
            Some(around) => load(around),
            None => load(&edge(text, block)),
        };
        chunk.set(at, masks(bytes, &tables));
    }
}

/// The bytes of a block and those before it, zeros where the text has none.
#[cold]
#[inline(never)]
fn edge(text: &[u8], block: usize) -> [u8; BEFORE + BLOCK_BYTES] {
    let place = |at: usize| (block * BLOCK_BYTES + at).checked_sub(BEFORE);
    std::array::from_fn(|at| place(at).and_then(|place| text.get(place)).copied().unwrap_or(0))
}

/// The first, second and third bytes of the heads that end in a block.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(around: &[u8; BEFORE + BLOCK_BYTES]) -> [__m512i; HEAD_BYTES] {
    let from = around.as_ptr();
    // SAFETY: 64 bytes from each of these on are there; the loads need no alignment.
    [0, 1, 2].map(|at| unsafe { _mm512_loadu_si512(from.add(at).cast()) })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn masks(bytes: [__m512i; HEAD_BYTES], tables: &Tables) -> Masks {
    let all = |bits: u8| _mm512_set1_epi8(bits as i8);
    let block = bytes[HEAD_BYTES - 1];
    let class = look_up(block, tables.class);
    let ascii = _mm512_testn_epi8_mask(block, all(0x80));
    let near = head(bytes, &tables.near);
    let long = head(bytes, &tables.long);
    Masks {
        words: _mm512_mask_test_epi8_mask(ascii, class, all(!(WORD_MIN - 1))),
        digits: _mm512_mask_test_epi8_mask(ascii, class, all(DIGIT)),
        marks: _mm512_mask_test_epi8_mask(ascii, class, all(WORD_MIN - 1)),
        // A comparison of signed bytes: those above DEL are below zero.
        runs: _mm512_cmpgt_epi8_mask(block, all(RUN_AFTER)),
        anywhere: _mm512_test_epi8_mask(near, all(ANYWHERE)),
        at_word: _mm512_test_epi8_mask(near, all(!ANYWHERE)),
        at_long: _mm512_test_epi8_mask(long, long),
    }
}

/// The bits that the heads ending at each byte have in common.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
fn head(bytes: [__m512i; HEAD_BYTES], tables: &[Table; HEAD_BYTES]) -> __m512i {
    let [one, two, three] = [0, 1, 2].map(|at| look_up(bytes[at], tables[at]));
    _mm512_ternarylogic_epi64::<0x80>(one, two, three)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn table(bytes: &[u8; TABLE_BYTES]) -> Table {
    let from = bytes.as_ptr();
    // SAFETY: both halves lie in the 128 bytes; the loads need no alignment.
    unsafe { (_mm512_loadu_si512(from.cast()), _mm512_loadu_si512(from.add(64).cast())) }
}

/// By the low seven bits of bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
fn look_up(bytes: __m512i, table: Table) -> __m512i {
    _mm512_permutex2var_epi8(table.0, bytes, table.1)
}
