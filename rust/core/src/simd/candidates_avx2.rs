//! `Survey::scan` for AVX2, 64 bytes at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, _mm256_add_epi8, _mm256_adds_epu8, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
    _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16, _mm_loadu_si128,
};

use super::candidates::{Carry, Marker, Masks, CLASS_HIGH, CLASS_LOW, RUN_AFTER, RUN_SHIFT, WORD_MIN};
use super::heads::{ANYWHERE, HEAD_BYTES};
use super::Path;

const BLOCK_BYTES: usize = 64;
/// The last head of a block ends behind it.
const READ_BYTES: usize = BLOCK_BYTES + HEAD_BYTES - 1;

/// Look-up tables in registers, each twice.
struct Tables {
    class: (__m256i, __m256i),
    heads: [(__m256i, __m256i); HEAD_BYTES],
}

/// The low and the high halves of 32 bytes.
#[derive(Clone, Copy)]
struct Halves(__m256i, __m256i);

/// # Panics
/// This CPU lacks the instructions.
pub(super) fn scan(marker: Marker<'_, impl Fn([u8; 4]) -> bool>) {
    assert!(Path::Avx2.runs_here(), "no AVX2 here");
    // SAFETY: the CPU has the instructions.
    unsafe { scan_all(marker) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn scan_all(mut marker: Marker<'_, impl Fn([u8; 4]) -> bool>) {
    let (text, heads) = (marker.text, &marker.heads.tables);
    let tables = Tables {
        class: (table(&CLASS_LOW), table(&CLASS_HIGH)),
        heads: [0, 1, 2].map(|at| (table(&heads[at].0), table(&heads[at].1))),
    };
    let mut carry = Carry::default();
    let mut index = 0;
    if let Some(bytes) = text.first_chunk() {
        carry = marker.block(index, &masks(bytes, &tables), None, carry);
        index += 1;
        // With what stands before the block, and the two bytes after it that it needs.
        while let Some(around) = text.get(index * BLOCK_BYTES - RUN_SHIFT..).and_then(<[u8]>::first_chunk) {
            let around: &[u8; RUN_SHIFT + READ_BYTES] = around;
            let (Some(stems), Some(bytes)) = (around.first_chunk(), around.last_chunk()) else { break };
            carry = marker.block(index, &masks(bytes, &tables), Some(stems), carry);
            index += 1;
        }
    }
    // The last block, and one before it that lacks one of those two.
    while let Some(rest) = text.get(index * BLOCK_BYTES..).filter(|rest| !rest.is_empty()) {
        // Zeros are of no class.
        let mut padded = [0; READ_BYTES];
        let read = rest.len().min(READ_BYTES);
        padded[..read].copy_from_slice(&rest[..read]);
        carry = marker.block(index, &masks(&padded, &tables), None, carry);
        index += 1;
    }
    marker.block(index, &Masks::default(), None, carry);
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn masks(bytes: &[u8; READ_BYTES], tables: &Tables) -> Masks {
    let from = bytes.as_ptr();
    // SAFETY: each reads 34 bytes, the second from the 32nd on; there are 66.
    let (low, high) = unsafe { (half(from, tables), half(from.add(32), tables)) };
    let joined = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    let words = joined(low.words, high.words);
    Masks {
        words,
        digits: joined(low.digits, high.digits),
        marks: !(joined(low.others, high.others) | words),
        runs: joined(low.runs, high.runs),
        anywhere: !joined(low.not_anywhere, high.not_anywhere),
        at_word: joined(low.at_word, high.at_word),
    }
}

/// Masks of 32 bytes.
struct Half {
    words: u32,
    digits: u32,
    /// Bytes of no class.
    others: u32,
    runs: u32,
    not_anywhere: u32,
    at_word: u32,
}

/// # Safety
/// 34 bytes may be read.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
unsafe fn half(from: *const u8, tables: &Tables) -> Half {
    // SAFETY: 32 bytes from there on, and from the two next ones; the loads need no alignment.
    let [bytes, second, third] = [0, 1, 2].map(|next| unsafe { _mm256_loadu_si256(from.add(next).cast()) });
    let this = halves(bytes);
    let class = look_up(this, tables.class);
    // Adding what is missing to 128 sets the top bit of all word classes, and of no other.
    let word = _mm256_add_epi8(class, _mm256_set1_epi8((0x80 - WORD_MIN) as i8));
    let pair = _mm256_and_si256(look_up(this, tables.heads[0]), look_up(halves(second), tables.heads[1]));
    let head = _mm256_and_si256(pair, look_up(halves(third), tables.heads[2]));
    let anywhere = _mm256_set1_epi8(ANYWHERE as i8);
    let zero = _mm256_setzero_si256();
    let mask = |bytes| _mm256_movemask_epi8(bytes) as u32;
    Half {
        words: mask(word),
        digits: mask(class),
        others: mask(_mm256_cmpeq_epi8(class, zero)),
        // A comparison of signed bytes: those above DEL are below zero.
        runs: mask(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(RUN_AFTER as i8))),
        not_anywhere: mask(_mm256_cmpeq_epi8(_mm256_and_si256(head, anywhere), zero)),
        // What the sum has to stay below sets the top bit of all that is above, and of no other.
        at_word: mask(_mm256_adds_epu8(head, _mm256_set1_epi8((0x7f - ANYWHERE) as i8))),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn table(bytes: &[u8; 16]) -> __m256i {
    // SAFETY: 16 bytes are read of 16; the load needs no alignment.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx2")]
fn halves(bytes: __m256i) -> Halves {
    let low_half = _mm256_set1_epi8(0x0f);
    Halves(_mm256_and_si256(bytes, low_half), _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), low_half))
}

#[inline]
#[target_feature(enable = "avx2")]
fn look_up(bytes: Halves, tables: (__m256i, __m256i)) -> __m256i {
    _mm256_and_si256(_mm256_shuffle_epi8(tables.0, bytes.0), _mm256_shuffle_epi8(tables.1, bytes.1))
}
