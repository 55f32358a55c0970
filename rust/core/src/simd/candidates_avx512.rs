//! `Candidates::scan` for AVX-512, 64 bytes at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_cmpgt_epi8_mask, _mm512_loadu_si512, _mm512_mask_test_epi8_mask,
    _mm512_maskz_loadu_epi8, _mm512_permutex2var_epi8, _mm512_permutexvar_epi8, _mm512_set1_epi8,
    _mm512_ternarylogic_epi64, _mm512_test_epi8_mask, _mm512_testn_epi8_mask,
};
use std::ops::Range;

use super::Path;
use crate::redact::prefilter::byte_classes::{CLASSES, DIGIT, RUN_AFTER, WORD_MIN};
use crate::redact::prefilter::marker::{Chunk, Marker, Masks, BLOCK_BYTES, CHUNK_BLOCKS};
use crate::redact::prefilter::prefix3::{ByBytes, WholeTables, ANYWHERE, TABLE_BYTES};
use crate::redact::prefilter::shared_bits::{PREFIX3_BYTES, PREFIX4_BYTES};

/// How far before a block the prefixes of three bytes begin that end in it, and how far behind it their fourth byte may stand.
const BEFORE: usize = PREFIX3_BYTES - 1;
const BEHIND: usize = PREFIX4_BYTES - PREFIX3_BYTES;

/// A table for the low seven bits of bytes.
type Table = (__m512i, __m512i);

struct Tables {
    class: Table,
    near: [Table; PREFIX4_BYTES],
    long: [Table; PREFIX4_BYTES],
}

/// # Panics
/// This CPU lacks the instructions.
pub(crate) fn scan(marker: &mut Marker<'_, impl Fn([u8; 4]) -> bool>, tables: &WholeTables) {
    assert!(Path::Avx512.runs_here(), "no AVX-512 here");
    // SAFETY: the CPU has the instructions.
    unsafe { scan_all(marker, tables) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn scan_all(marker: &mut Marker<'_, impl Fn([u8; 4]) -> bool>, tables: &WholeTables) {
    let text = marker.text;
    let inner_end = text.len().saturating_sub(BEHIND) / BLOCK_BYTES;
    marker.scan(|chunk, first, count| {
        let blocks = first..first + count;
        let inner = blocks.start.max(1)..blocks.end.min(inner_end);
        for block in blocks.filter(|block| !inner.contains(block)) {
            edge(text, tables, chunk, block);
        }
        inner_blocks(text, tables, chunk, inner);
    });
}

/// The masks of blocks within a text. A loop without calls, so that tables stay in registers.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn inner_blocks(text: &[u8], tables: &WholeTables, chunk: &mut Chunk, blocks: Range<usize>) {
    let tables = Tables::of(tables);
    for block in blocks {
        let from = text[block * BLOCK_BYTES - BEFORE..][..BEFORE + BLOCK_BYTES + BEHIND].as_ptr();
        // SAFETY: 64 bytes from each of these on are there; the loads need no alignment.
        let bytes = [0, 1, 2, 3].map(|at| unsafe { _mm512_loadu_si512(from.add(at).cast()) });
        chunk.set(block % CHUNK_BLOCKS, masks(bytes, &tables));
    }
}

/// The masks of a block at an edge of the text. Zeros, which stand for what is behind it, are of no class.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn edge(text: &[u8], tables: &WholeTables, chunk: &mut Chunk, block: usize) {
    let bytes = [0, 1, 2, 3].map(|at| {
        let from = (block * BLOCK_BYTES + at) as isize - BEFORE as isize;
        let there = first(text.len() as isize - from) & !first(-from);
        // SAFETY: only what is of the text is read.
        unsafe { _mm512_maskz_loadu_epi8(there, text.as_ptr().wrapping_offset(from).cast()) }
    });
    chunk.set(block % CHUNK_BLOCKS, masks(bytes, &Tables::of(tables)));
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
    fn of(tables: &WholeTables) -> Self {
        let prefix3 = |tables: &ByBytes| [0, 1, 2, 3].map(|at| table(&tables[at]));
        Self { class: table(&CLASSES), near: prefix3(&tables.near), long: prefix3(&tables.long) }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn masks(bytes: [__m512i; PREFIX4_BYTES], tables: &Tables) -> Masks {
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

/// The bits that the prefixes whose third byte this is, with the one behind it, have in common.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
fn prefix3(bytes: [__m512i; PREFIX4_BYTES], tables: &[Table; PREFIX4_BYTES]) -> __m512i {
    let [one, two] = [0, 1].map(|at| look_up(bytes[at], tables[at]));
    let [three, four] = [2, 3].map(|at| _mm512_permutexvar_epi8(bytes[at], tables[at].0));
    _mm512_and_si512(_mm512_ternarylogic_epi64::<0x80>(one, two, three), four)
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
