//! The kernels for AVX2, 64 bytes at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_set1_epi8, _mm256_setzero_si256,
};

use super::bitmap::Words;
use super::block::{Kernel, Masks};
use super::Path;

/// 64 bytes in two registers.
#[derive(Clone, Copy)]
struct Block(__m256i, __m256i);

/// `Structure::scan`; true when some byte is not ASCII.
///
/// # Panics
/// This CPU lacks the instructions.
pub(super) fn structure(kernel: &mut Kernel<'_>, quotes: Words<'_>, escapes: Words<'_>) -> bool {
    assert!(Path::Avx2.runs_here(), "no AVX2 here");
    // SAFETY: the CPU has the instructions.
    unsafe { scan(kernel, quotes, escapes) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn scan(kernel: &mut Kernel<'_>, quotes: Words<'_>, escapes: Words<'_>) -> bool {
    let (blocks, rest) = kernel.text.as_chunks();
    let (quotes, last_quotes) = quotes.split_at_mut(blocks.len());
    let (escapes, last_escapes) = escapes.split_at_mut(blocks.len());
    let mut high = _mm256_setzero_si256();
    for (index, ((bytes, quotes), escapes)) in blocks.iter().zip(quotes).zip(escapes).enumerate() {
        let block = load(bytes);
        high = _mm256_or_si256(high, _mm256_or_si256(block.0, block.1));
        let (quote, escape) = step(kernel, index, block);
        (*quotes, *escapes) = (quote.to_le_bytes(), escape.to_le_bytes());
    }
    if let ([quotes], [escapes]) = (last_quotes, last_escapes) {
        // Spaces mean nothing, and nothing is read behind the text.
        let mut padded = [b' '; 64];
        padded[..rest.len()].copy_from_slice(rest);
        let block = load(&padded);
        high = _mm256_or_si256(high, _mm256_or_si256(block.0, block.1));
        let (quote, escape) = step(kernel, blocks.len(), block);
        (*quotes, *escapes) = (quote.to_le_bytes(), escape.to_le_bytes());
    }
    _mm256_movemask_epi8(high) != 0
}

/// The quotes and escapes of one block.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn step(kernel: &mut Kernel<'_>, index: usize, block: Block) -> (u64, u64) {
    let quote = equal(block, b'"');
    let backslash = equal(block, b'\\');
    let control = Block(below_space(block.0), below_space(block.1));
    let special = Block(_mm256_or_si256(backslash.0, control.0), _mm256_or_si256(backslash.1, control.1));
    if _mm256_movemask_epi8(_mm256_or_si256(special.0, special.1)) == 0 && !kernel.carries() {
        return (mask(quote), 0);
    }
    let masks = Masks {
        quote: mask(quote),
        backslash: mask(backslash),
        control: mask(control),
        newline: mask(equal(block, b'\n')),
        carriage_return: mask(equal(block, b'\r')),
    };
    kernel.block(index, masks)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 64]) -> Block {
    let from = bytes.as_ptr().cast::<__m256i>();
    // SAFETY: both halves lie in the 64 bytes; the loads need no alignment.
    unsafe { Block(_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal(block: Block, byte: u8) -> Block {
    let wanted = _mm256_set1_epi8(byte as i8);
    Block(_mm256_cmpeq_epi8(block.0, wanted), _mm256_cmpeq_epi8(block.1, wanted))
}

#[inline]
#[target_feature(enable = "avx2")]
fn below_space(bytes: __m256i) -> __m256i {
    _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes)
}

/// The top bits of 64 bytes, the first in the lowest place.
#[inline]
#[target_feature(enable = "avx2")]
fn mask(block: Block) -> u64 {
    let (low, high) = (_mm256_movemask_epi8(block.0), _mm256_movemask_epi8(block.1));
    u64::from(low as u32) | u64::from(high as u32) << 32
}
