//! The whole engine on any bytes, as it is by default: wrapping, dropping blank lines, counting.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use headrig_core::engine::{Engine, Lane};
use headrig_core::io::escape::lone_surrogates;
use headrig_core::io::frame::Framer;
use headrig_core::io::splitter::{Framing, JsonSplitter, SplitError};
use headrig_core::limits::LINE_BYTES_MAX;
use headrig_core::metrics::window::timing::Arrival;
use headrig_core::io::lines::Normalized;
use headrig_core::processed::Processed;
use serde::de::{Deserialize, IgnoredAny};

use crate::input::Input;

/// When the lines arrive, in seconds since the epoch: within reach of the seeds' own times.
pub const ARRIVAL_SECONDS: f64 = 1_795_413_600.0;

/// What came out, over all batches.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub bytes: Vec<u8>,
    pub lines_in: u64,
    pub lines_out: u64,
    pub broken: Vec<u64>,
    pub dropped_blank: u64,
    pub redactions: BTreeMap<String, u64>,
    pub normalized: [u64; 4],
    /// In microseconds, so that it can be compared.
    pub time_max_micros: Option<i64>,
}

impl Answer {
    pub fn add(&mut self, processed: &Processed) {
        let Normalized { crlf, bom, non_finite, lone_surrogates } = processed.normalized;
        self.bytes.extend_from_slice(processed.lines.bytes());
        self.lines_in += processed.lines_in;
        self.lines_out += processed.lines_out;
        self.broken.resize(processed.broken.len(), 0);
        self.broken.iter_mut().zip(processed.broken).for_each(|(sum, count)| *sum += count);
        self.dropped_blank += processed.dropped_blank;
        for (rule, count) in &processed.redactions {
            *self.redactions.entry(rule.clone()).or_default() += count;
        }
        self.normalized.iter_mut().zip([crlf, bom, non_finite, lone_surrogates]).for_each(|(sum, count)| *sum += count);
        self.time_max_micros = self.time_max_micros.max(processed.time_max_seconds.map(|time| (time * 1e6) as i64));
    }

    pub fn of<'a>(lane: &Lane, batches: impl IntoIterator<Item = &'a [u8]>) -> Self {
        static PASSES: AtomicU64 = AtomicU64::new(0);
        let began_seconds = PASSES.fetch_add(1, Ordering::Relaxed) as f64 * 120.0;
        // An event with a time, and then silence: nothing is left of the times that passes before had, nor of how long
        // they had none.
        let timed = Arrival { seconds: ARRIVAL_SECONDS, monotonic_seconds: began_seconds, runs: &[] };
        lane.process(br#"{"timestamp":"2026-11-23T06:00:00Z"}"#, timed);
        let arrival = Arrival { monotonic_seconds: began_seconds + 60.0, ..timed };
        let mut answer = Self::default();
        for batch in batches {
            answer.add(&lane.process(batch, arrival));
        }
        answer
    }
}

/// # Panics
/// With what does not hold.
pub fn check(input: &Input<'_>) {
    static LANE: OnceLock<Arc<Lane>> = OnceLock::new();
    // One for all inputs: whatever earlier ones left in its tables must not show.
    let lane = LANE.get_or_init(|| Engine::new(b"", None).expect("the defaults are valid").lane("fuzz"));
    let whole = Answer::of(lane, (!input.lines.is_empty()).then_some(input.lines));
    check_output(&whole);
    check_again(lane, &whole);
    same("batches", &whole, &Answer::of(lane, input.batches()));
    same("single lines", &whole, &Answer::of(lane, input.single()));
    check_chunks(lane, input);
    check_documents(input);
}

/// Every line is accounted for, and every one that is written is JSON.
fn check_output(whole: &Answer) {
    assert_eq!(whole.lines_in, whole.lines_out + whole.dropped_blank);
    assert_eq!(whole.lines_out, whole.bytes.iter().filter(|byte| **byte == b'\n').count() as u64);
    assert!(whole.bytes.is_empty() || whole.bytes.ends_with(b"\n"));
    for line in whole.bytes.split_inclusive(|byte| *byte == b'\n') {
        let mut reader = serde_json::Deserializer::from_slice(line);
        reader.disable_recursion_limit();
        let valid = IgnoredAny::deserialize(&mut reader).is_ok() && reader.end().is_ok();
        assert!(valid && std::str::from_utf8(line).is_ok(), "written, but no JSON: {}", line.escape_ascii());
        assert!(lone_surrogates(line).next().is_none(), "written, but no text: {}", line.escape_ascii());
    }
}

/// What was written once is written the same again.
fn check_again(lane: &Lane, whole: &Answer) {
    let again = Answer::of(lane, [whole.bytes.as_slice()]);
    // Of several carriage returns, which JSON takes for space, each reader takes one for the end of the line.
    let ended = |line: &[u8]| line[..line.iter().rposition(|byte| *byte != b'\r').map_or(0, |at| at + 1)].to_vec();
    let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').map(ended).collect::<Vec<_>>();
    for (once, twice) in lines(&whole.bytes).iter().zip(lines(&again.bytes)) {
        assert!(*once == twice, "once:  {}\ntwice: {}", once.escape_ascii(), twice.escape_ascii());
    }
    assert_eq!((whole.lines_out, 0), (again.lines_out, again.broken.iter().sum()));
}

/// Wherever the stream was cut, the framer gives the same lines, and the core the same answer.
fn check_chunks(lane: &Lane, input: &Input<'_>) {
    let framed = |chunks: &[&[u8]]| {
        let mut framer = Framer::new(LINE_BYTES_MAX);
        let mut out = Vec::new();
        let mut lines = 0;
        for chunk in chunks {
            lines += framer.feed(chunk, &mut out);
        }
        lines += framer.finish(&mut out);
        (lines, out)
    };
    let whole = framed(&[input.lines]);
    assert!(whole == framed(&input.chunks()), "the cuts of the stream show");
    same("framed lines", &Answer::of(lane, [whole.1.as_slice()]), &Answer::of(lane, [input.lines]));
}

/// Wherever the stream was cut, the splitter gives the same events, or the same reason.
fn check_documents(input: &Input<'_>) {
    for framing in [Framing::Documents, Framing::Sequence] {
        let split = |chunks: &[&[u8]]| {
            let mut splitter = JsonSplitter::new(framing, LINE_BYTES_MAX);
            let mut out = Vec::new();
            let mut events = 0;
            for chunk in chunks {
                events += splitter.feed(chunk, &mut out)?;
            }
            events += splitter.finish(&mut out)?;
            assert_eq!(events, out.iter().filter(|byte| **byte == b'\n').count());
            Ok::<_, SplitError>(out)
        };
        assert!(split(&[input.lines]) == split(&input.chunks()), "the cuts of the documents show");
    }
}

/// # Panics
/// With the first line that differs, or the counts that do.
pub fn same(what: &str, expected: &Answer, found: &Answer) {
    let lines = |answer: &Answer| answer.bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    for (one, other) in lines(expected).iter().zip(lines(found)) {
        assert!(*one == other, "{what}: {}\nis not: {}", other.escape_ascii(), one.escape_ascii());
    }
    assert!(expected == found, "{what}: {:?}\nis not: {:?}", found.counts(), expected.counts());
}

impl Answer {
    fn counts(&self) -> Self {
        let redactions = self.redactions.clone();
        Self { bytes: Vec::new(), broken: self.broken.clone(), redactions, ..*self }
    }
}
