//! `Candidates::scan` for AVX-512, 64 bytes at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _mm512_cmpgt_epi8_mask, _mm512_loadu_si512, _mm512_mask_test_epi8_mask, _mm512_maskz_loadu_epi8,
    _mm512_permutex2var_epi8, _mm512_set1_epi8, _mm512_ternarylogic_epi64, _mm512_test_epi8_mask,
    _mm512_testn_epi8_mask,
};
use std::ops::Range;

use super::Path;
use crate::redact::prefilter::byte_classes::{CLASSES, DIGIT, RUN_AFTER, WORD_MIN};
use crate::redact::prefilter::marker::{Chunk, Marker, Masks, BLOCK_BYTES, CHUNK_BLOCKS};
use crate::redact::prefilter::prefix3::{ByBytes, Prefixes3, ANYWHERE, PREFIX3_BYTES, TABLE_BYTES};

/// How far before a block the prefixes begin that end in it.
const BEFORE: usize = PREFIX3_BYTES - 1;

/// A table for the low seven bits of bytes.
type Table = (__m512i, __m512i);

struct Tables {
    class: Table,
    near: [Table; PREFIX3_BYTES],
    long: [Table; PREFIX3_BYTES],
}

/// # Panics
/// This CPU lacks the instructions.
pub(crate) fn scan(marker: &mut Marker<'_, impl Fn([u8; 4]) -> bool>) {
    assert!(Path::Avx512.runs_here(), "no AVX-512 here");
    // SAFETY: the CPU has the instructions.
    unsafe { scan_all(marker) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn scan_all(marker: &mut Marker<'_, impl Fn([u8; 4]) -> bool>) {
    let (text, prefixes3) = (marker.text, marker.prefixes3);
    let inner_end = text.len() / BLOCK_BYTES;
    marker.scan(|chunk, first, count| {
        let blocks = first..first + count;
        let inner = blocks.start.max(1)..blocks.end.min(inner_end);
        for block in blocks.filter(|block| !inner.contains(block)) {
            edge(text, prefixes3, chunk, block);
        }
        inner_blocks(text, prefixes3, chunk, inner);
    });
}

/// The masks of blocks within a text. A loop without calls, so that tables stay in registers.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn inner_blocks(text: &[u8], prefixes3: &Prefixes3, chunk: &mut Chunk, blocks: Range<usize>) {
    let tables = Tables::of(prefixes3);
    for block in blocks {
        let from = text[block * BLOCK_BYTES - BEFORE..][..BEFORE + BLOCK_BYTES].as_ptr();
        // SAFETY: 64 bytes from each of these on are there; the loads need no alignment.
        let bytes = [0, 1, 2].map(|at| unsafe { _mm512_loadu_si512(from.add(at).cast()) });
        chunk.set(block % CHUNK_BLOCKS, masks(bytes, &tables));
    }
}

/// The masks of a block at an edge of the text. Zeros, which stand for what is behind it, are of no class.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn edge(text: &[u8], prefixes3: &Prefixes3, chunk: &mut Chunk, block: usize) {
    let bytes = [0, 1, 2].map(|at| {
        let from = (block * BLOCK_BYTES + at) as isize - BEFORE as isize;
        let there = first(text.len() as isize - from) & !first(-from);
        // SAFETY: only what is of the text is read.
        unsafe { _mm512_maskz_loadu_epi8(there, text.as_ptr().wrapping_offset(from).cast()) }
    });
    chunk.set(block % CHUNK_BLOCKS, masks(bytes, &Tables::of(prefixes3)));
}

/// So many bits, from the lowest on.
fn first(bits: isize) -> u64 {
    match bits {
        ..=0 => 0,
        bits => u64::MAX >> (64 - bits.min(64)),
    }
}

impl Tables {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of(prefixes3: &Prefixes3) -> Self {
        let prefix3 = |tables: &ByBytes| [table(&tables[0]), table(&tables[1]), table(&tables[2])];
        Self { class: table(&CLASSES), near: prefix3(&prefixes3.near), long: prefix3(&prefixes3.long) }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn masks(bytes: [__m512i; PREFIX3_BYTES], tables: &Tables) -> Masks {
    let all = |bits: u8| _mm512_set1_epi8(bits as i8);
    let block = bytes[PREFIX3_BYTES - 1];
    let class = look_up(block, tables.class);
    let ascii = _mm512_testn_epi8_mask(block, all(0x80));
    let near = prefix3(bytes, &tables.near);
    let long = prefix3(bytes, &tables.long);
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

/// The bits that the prefixes ending at each byte have in common.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
fn prefix3(bytes: [__m512i; PREFIX3_BYTES], tables: &[Table; PREFIX3_BYTES]) -> __m512i {
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
