//! Seeded corpora that know their own answer. No file of log lines lives in the repository: the same
//! name, size and revision give the same bytes everywhere.

pub mod draft;
mod hostile;
mod secrets;
mod service;
mod texts;

use std::ops::Range;

use crate::random::Random;
use draft::{Draft, Planted, Shape};

/// Whole lines are handed over in batches of this size: the pipeline's own (design section 8).
pub const BATCH_BYTES: usize = 256 * 1024;
/// The first batches of a corpus warm caches and buffers; they are checked but not timed.
pub const WARM_BYTES: usize = 2 * BATCH_BYTES;
/// 2026-11-23T06:00:00Z, the event time of every corpus' first line.
const START_MILLIS: i64 = 1_795_413_600_000;

/// When the lines of a corpus happened.
#[derive(Clone, Copy)]
pub enum Times {
    /// From a fixed moment on, some milliseconds apart: the same bytes every day.
    Seeded,
    /// From this moment on, so many lines a second: events of today, for who reads a clock.
    From { start_millis: i64, lines_per_second: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redactions {
    /// One for each planted secret, and every other line byte-identical.
    Exactly(u64),
    AtLeast(u64),
}

/// What a right engine answers for the whole corpus, warm-up included.
pub struct Expected {
    pub lines: u64,
    /// Lines that are not JSON.
    pub broken: u64,
    pub redactions: Redactions,
    /// Events that count as `http_requests_total`.
    pub requests: u64,
    pub planted: Vec<Planted>,
}

pub struct Batch {
    pub bytes: Range<usize>,
    pub lines: u64,
    pub arrival_seconds: f64,
    pub timed: bool,
}

pub struct Corpus {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub batches: Vec<Batch>,
    pub expected: Expected,
}

impl Corpus {
    /// Bytes in timed batches.
    pub fn timed_bytes(&self) -> usize {
        self.batches.iter().filter(|batch| batch.timed).map(|batch| batch.bytes.len()).sum()
    }

    /// Lines in timed batches.
    pub fn timed_lines(&self) -> u64 {
        self.batches.iter().filter(|batch| batch.timed).map(|batch| batch.lines).sum()
    }
}

pub fn shapes() -> Vec<Shape> {
    service::shapes().into_iter().chain(texts::shapes()).chain(hostile::shapes()).collect()
}

/// # Errors
/// A sentence that lists the known names.
pub fn shape(name: &str) -> Result<Shape, String> {
    shapes().into_iter().find(|shape| shape.name == name).ok_or_else(|| {
        let known: Vec<_> = shapes().iter().map(|shape| shape.name).collect();
        format!("no corpus is named {name}; known: {}", known.join(" "))
    })
}

impl Shape {
    /// At least `timed_bytes` of lines after the warm-up.
    pub fn generate(&self, timed_bytes: usize) -> Corpus {
        self.generate_at(timed_bytes, Times::Seeded)
    }

    /// The same lines at other times.
    pub fn generate_at(&self, timed_bytes: usize, times: Times) -> Corpus {
        self.generate_after(WARM_BYTES, timed_bytes, times)
    }

    /// The same with a longer or shorter warm-up.
    pub fn generate_after(&self, warm_bytes: usize, timed_bytes: usize, times: Times) -> Corpus {
        let seed = self.name.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut draft = Draft {
            out: Vec::with_capacity(timed_bytes + 2 * warm_bytes),
            random: Random::new(seed),
            millis: START_MILLIS,
            line: 0,
            broken: 0,
            requests: 0,
            planted: Vec::new(),
            exact: true,
        };
        let mut cutter = Cutter { warm_bytes, ..Cutter::default() };
        while draft.out.len() < warm_bytes + timed_bytes {
            let start = draft.out.len();
            let before_millis = draft.millis;
            let step_millis = draft.random.below(10) as i64;
            draft.millis = match times {
                Times::Seeded => draft.millis + step_millis,
                Times::From { start_millis, lines_per_second } => {
                    start_millis + (draft.line * 1000 / lines_per_second) as i64
                }
            };
            (self.build)(&mut draft, self.line_bytes);
            draft.out.push(b'\n');
            cutter.line(start..draft.out.len(), before_millis);
            draft.line += 1;
        }
        let lines = draft.line as u64;
        let planted = draft.planted.len() as u64;
        Corpus {
            name: self.name,
            batches: cutter.finish(draft.out.len(), draft.millis),
            bytes: draft.out,
            expected: Expected {
                lines,
                broken: draft.broken,
                redactions: if draft.exact { Redactions::Exactly(planted) } else { Redactions::AtLeast(planted) },
                requests: draft.requests,
                planted: draft.planted,
            },
        }
    }
}

/// Groups lines into batches of at most `BATCH_BYTES`, at least one line each.
#[derive(Default)]
struct Cutter {
    warm_bytes: usize,
    batches: Vec<Batch>,
    start: usize,
    lines: u64,
}

impl Cutter {
    fn line(&mut self, line: Range<usize>, before_millis: i64) {
        if line.end - self.start > BATCH_BYTES && self.lines > 0 {
            self.close(line.start, before_millis);
        }
        self.lines += 1;
    }

    fn close(&mut self, end: usize, millis: i64) {
        let timed = self.start + BATCH_BYTES / 2 >= self.warm_bytes;
        let arrival_seconds = millis as f64 / 1000.0;
        self.batches.push(Batch { bytes: self.start..end, lines: self.lines, arrival_seconds, timed });
        (self.start, self.lines) = (end, 0);
    }

    fn finish(mut self, end: usize, millis: i64) -> Vec<Batch> {
        if self.lines > 0 {
            self.close(end, millis);
        }
        self.batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(corpus: &Corpus) -> Vec<&[u8]> {
        corpus.bytes.strip_suffix(b"\n").expect("ends with a newline").split(|byte| *byte == b'\n').collect()
    }

    /// Every shape has about the length it is named for, and batches cover it without a gap.
    #[test]
    fn lengths_and_batches_are_as_stated() {
        for shape in shapes() {
            let corpus = shape.generate(1_000_000);
            let mean = corpus.bytes.len() as f64 / corpus.expected.lines as f64 - 1.0;
            let wanted = shape.line_bytes as f64;
            assert!((mean - wanted).abs() < wanted * 0.02, "{}: {mean} bytes a line, not {wanted}", shape.name);
            assert_eq!(corpus.expected.lines, corpus.batches.iter().map(|batch| batch.lines).sum::<u64>());
            let mut end = 0;
            for batch in &corpus.batches {
                assert_eq!(end, batch.bytes.start);
                assert!(batch.bytes.len() <= BATCH_BYTES.max(shape.line_bytes + 1), "{}", shape.name);
                end = batch.bytes.end;
            }
            assert_eq!(end, corpus.bytes.len());
            assert!(corpus.timed_bytes() >= 900_000, "{}", shape.name);
        }
    }

    /// The expected answer is right about what the bytes are: JSON or not, and which line holds which needle.
    #[test]
    fn expectations_describe_the_bytes() {
        for shape in shapes() {
            let corpus = shape.generate(600_000);
            let lines = lines(&corpus);
            assert_eq!(corpus.expected.lines, lines.len() as u64);
            let broken = lines.iter().filter(|line| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err());
            assert_eq!(corpus.expected.broken, broken.count() as u64, "{}", shape.name);
            for planted in &corpus.expected.planted {
                let line = std::str::from_utf8(lines[planted.line]).expect("corpora are UTF-8");
                assert!(line.contains(&planted.needle), "{}: {} is not in {line}", shape.name, planted.needle);
            }
        }
    }

    #[test]
    fn the_same_name_and_size_give_the_same_bytes() {
        let bytes = |name| shape(name).expect("known").generate(100_000).bytes;
        assert!(bytes("line_540") == bytes("line_540"));
        assert!(bytes("line_540") != bytes("line_540_clean"));
    }

    #[test]
    fn other_times_are_the_only_difference() {
        let shape = shape("request_218_20").expect("known");
        let times = Times::From { start_millis: START_MILLIS + 86_400_000, lines_per_second: 1000 };
        let (seeded, moved) = (shape.generate(10_000), shape.generate_at(10_000, times));
        let without_time = |corpus: &Corpus| {
            let text = String::from_utf8(corpus.bytes.clone()).expect("corpora are UTF-8");
            text.lines().map(|line| line.split_once(',').expect("time first").1.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(without_time(&seeded), without_time(&moved));
        assert!(moved.bytes.starts_with(br#"{"timestamp":"2026-11-24T06:00:00.000Z""#));
        let last = moved.bytes.split(|byte| *byte == b'\n').nth(1500).expect("a line");
        assert!(last.starts_with(br#"{"timestamp":"2026-11-24T06:00:01.500Z""#));
    }

    #[test]
    fn shares_of_secrets_are_as_named() {
        let share = |name| {
            let expected = shape(name).expect("known").generate(2_000_000).expected;
            let mut lines: Vec<_> = expected.planted.iter().map(|planted| planted.line).collect();
            lines.dedup();
            (lines.len() as f64 / expected.lines as f64 * 100.0).round()
        };
        assert_eq!([share("line_540_clean"), share("line_540"), share("line_540_all")], [0.0, 2.0, 100.0]);
    }
}
