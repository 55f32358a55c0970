//! `Structure::scan` for AVX-512, 64 bytes at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m512i, _mm512_cmpeq_epi8_mask, _mm512_cmplt_epu8_mask, _mm512_loadu_si512, _mm512_mask_loadu_epi8,
    _mm512_movepi8_mask, _mm512_or_si512, _mm512_set1_epi8, _mm512_setzero_si512,
};

use super::bitmap::Words;
use super::block::{Kernel, Masks};
use super::Path;

/// `Structure::scan`; true when some byte is not ASCII.
///
/// # Panics
/// This CPU lacks the instructions.
pub(super) fn structure(kernel: &mut Kernel<'_>, quotes: Words<'_>, escapes: Words<'_>) -> bool {
    assert!(Path::Avx512.runs_here(), "no AVX-512 here");
    // SAFETY: the CPU has the instructions.
    unsafe { scan(kernel, quotes, escapes) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,bmi1,bmi2,popcnt")]
fn scan(kernel: &mut Kernel<'_>, quotes: Words<'_>, escapes: Words<'_>) -> bool {
    let (blocks, rest) = kernel.text.as_chunks::<64>();
    let (quotes, last_quotes) = quotes.split_at_mut(blocks.len());
    let (escapes, last_escapes) = escapes.split_at_mut(blocks.len());
    let mut high = _mm512_setzero_si512();
    for (index, ((bytes, quotes), escapes)) in blocks.iter().zip(quotes).zip(escapes).enumerate() {
        // SAFETY: the 64 bytes are there; the load needs no alignment.
        let block = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
        high = _mm512_or_si512(high, block);
        let (quote, escape) = step(kernel, index, block);
        (*quotes, *escapes) = (quote.to_le_bytes(), escape.to_le_bytes());
    }
    if let ([quotes], [escapes]) = (last_quotes, last_escapes) {
        // Spaces mean nothing.
        let there = (1 << rest.len()) - 1;
        // SAFETY: only as many bytes are read as there are.
        let block = unsafe { _mm512_mask_loadu_epi8(_mm512_set1_epi8(b' ' as i8), there, rest.as_ptr().cast()) };
        high = _mm512_or_si512(high, block);
        let (quote, escape) = step(kernel, blocks.len(), block);
        (*quotes, *escapes) = (quote.to_le_bytes(), escape.to_le_bytes());
    }
    _mm512_movepi8_mask(high) != 0
}

/// The quotes and escapes of one block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,bmi1,bmi2,popcnt")]
fn step(kernel: &mut Kernel<'_>, index: usize, block: __m512i) -> (u64, u64) {
    let equal = |byte: u8| _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8(byte as i8));
    let (quote, backslash) = (equal(b'"'), equal(b'\\'));
    let control = _mm512_cmplt_epu8_mask(block, _mm512_set1_epi8(b' ' as i8));
    if backslash | control == 0 && !kernel.carries() {
        return (quote, 0);
    }
    let masks = Masks { quote, backslash, control, newline: equal(b'\n'), carriage_return: equal(b'\r') };
    kernel.block(index, masks)
}
