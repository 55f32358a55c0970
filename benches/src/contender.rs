//! What is timed: anything that takes a batch of lines. Only `run` is on the clock.

use memchr::{memchr_iter, memmem};
use serde::de::IgnoredAny;

use crate::answer;
use crate::corpus::Corpus;

/// What came out of one pass over a corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub lines_in: u64,
    pub lines_out: u64,
    pub broken: u64,
    pub redactions: u64,
    /// `http_requests_total` over all labels, for who counts it.
    pub requests: u64,
    /// Of all output bytes in order.
    pub checksum: u64,
    /// The output itself, when asked for.
    pub output: Option<Vec<u8>>,
}

impl Tally {
    pub fn keeping_output() -> Self {
        Self { output: Some(Vec::new()), ..Self::default() }
    }

    pub fn take_output(&mut self, bytes: &[u8]) {
        self.checksum = checksum(self.checksum, bytes);
        if let Some(output) = &mut self.output {
            output.extend_from_slice(bytes);
        }
    }
}

pub trait Contender {
    fn name(&self) -> &'static str;
    /// Begin a pass with fresh state. Not timed.
    ///
    /// # Errors
    /// Why it cannot begin.
    fn start(&mut self) -> Result<(), String>;
    /// Take one batch of whole lines. Timed.
    fn run(&mut self, lines: &[u8], arrival_seconds: f64);
    /// Add what the last `run` gave. Not timed.
    fn settle(&mut self, tally: &mut Tally);
    /// Add what only the end of a pass shows. Not timed.
    fn finish(&mut self, _tally: &mut Tally) {}
    /// Compare a whole pass, output kept, with the corpus' expected answer.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, corpus: &Corpus, tally: &Tally) -> Result<(), String>;
}

/// Multiply-rotate over 8-byte words: fast, and any change of one byte shows. Chunk borders matter.
pub fn checksum(seed: u64, bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let words = bytes.chunks_exact(8);
    let rest = words.remainder();
    let mut state = seed ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    for word in words {
        let word = word.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        state = (state.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
    for byte in rest {
        state = (state.rotate_left(23) ^ u64::from(*byte)).wrapping_mul(FACTOR);
    }
    state
}

/// The limit of the memory: one copy of the batch.
#[derive(Default)]
pub struct Memcpy(Vec<u8>);

impl Contender for Memcpy {
    fn name(&self) -> &'static str {
        "memcpy"
    }

    fn start(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn run(&mut self, lines: &[u8], _: f64) {
        self.0.clear();
        self.0.extend_from_slice(lines);
        std::hint::black_box(&self.0);
    }

    fn settle(&mut self, tally: &mut Tally) {
        tally.take_output(&self.0);
    }

    fn check(&self, corpus: &Corpus, tally: &Tally) -> Result<(), String> {
        answer::equal("bytes", &corpus.bytes.len(), &tally.output.as_ref().map_or(0, Vec::len))?;
        answer::require(tally.output.as_ref() == Some(&corpus.bytes), || "the copy differs".into())
    }
}

/// The limit of anybody who looks for lines.
#[derive(Default)]
pub struct NewlineScan(u64);

impl Contender for NewlineScan {
    fn name(&self) -> &'static str {
        "newline_scan"
    }

    fn start(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn run(&mut self, lines: &[u8], _: f64) {
        self.0 =
            memchr_iter(b'\n', lines).fold(0, |count, at| count + u64::from(std::hint::black_box(at) < usize::MAX));
    }

    fn settle(&mut self, tally: &mut Tally) {
        tally.lines_in += self.0;
    }

    fn check(&self, corpus: &Corpus, tally: &Tally) -> Result<(), String> {
        answer::equal("lines", &corpus.expected.lines, &tally.lines_in)
    }
}

/// Validation and nothing else, line by line: the yardstick of the ratios.
#[derive(Default)]
pub struct Ignored {
    lines: u64,
    broken: u64,
}

impl Contender for Ignored {
    fn name(&self) -> &'static str {
        "ignored_any"
    }

    fn start(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn run(&mut self, lines: &[u8], _: f64) {
        (self.lines, self.broken) = (0, 0);
        for line in split(lines) {
            self.lines += 1;
            self.broken += u64::from(serde_json::from_slice::<IgnoredAny>(line).is_err());
        }
    }

    fn settle(&mut self, tally: &mut Tally) {
        tally.lines_in += self.lines;
        tally.broken += self.broken;
    }

    fn check(&self, corpus: &Corpus, tally: &Tally) -> Result<(), String> {
        answer::equal("lines", &corpus.expected.lines, &tally.lines_in)?;
        answer::equal("broken lines", &corpus.expected.broken, &tally.broken)
    }
}

/// Lines without their newlines; every line of a batch has one.
pub fn split(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', lines).map(move |end| {
        let line = &lines[start..end];
        start = end + 1;
        line
    })
}

pub fn occurrences(needle: &str, bytes: &[u8]) -> u64 {
    memmem::find_iter(bytes, needle).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_sees_every_byte_and_their_order() {
        let sum = |bytes: &[u8]| checksum(0, bytes);
        assert_eq!(sum(b"0123456789"), sum(b"0123456789"));
        for other in [&b"0123456788"[..], b"1023456789", b"012345678", b"0123456789\0", b"8123456709"] {
            assert_ne!(sum(b"0123456789"), sum(other));
        }
    }
}
