//! Every corpus through every path of the core's kernels: the answers must be the same in everything.

use std::fmt::Debug;

use headrig_core::engine::Engine;
use headrig_core::simd::Path;

use crate::corpus::{shapes, Corpus};

/// Enough to go past the warm-up and over several batches.
const TIMED_BYTES: usize = 100_000;

#[derive(Debug, PartialEq)]
struct Answer {
    /// Per batch all of `Processed`, its lines as text.
    batches: Vec<(Vec<u8>, String)>,
    totals: Vec<u8>,
    state: String,
    readings: String,
}

fn answer(path: Path, corpus: &Corpus) -> Answer {
    let engine = Engine::on_path(path, b"", None).expect("the default spec");
    let lane = engine.lane("in");
    let text = |value: &dyn Debug| format!("{value:?}");
    let mut arrival_seconds = 0.0;
    let process = |batch: &crate::corpus::Batch| {
        arrival_seconds = batch.arrival_seconds;
        let processed = lane.process(&corpus.bytes[batch.bytes.clone()], batch.arrival_seconds);
        let bytes = processed.lines.bytes().to_vec();
        let counts = (processed.lines_in, processed.lines_out, processed.broken, processed.dropped_blank);
        (bytes, text(&(counts, processed.time_max_seconds, processed.redactions, processed.normalized)))
    };
    let batches = corpus.batches.iter().map(process).collect();
    let readings = text(&(engine.watermark(arrival_seconds + 60.0), engine.evaluate(arrival_seconds, None)));
    Answer { batches, totals: engine.totals(), state: text(&engine.state()), readings }
}

#[test]
fn corpora_are_the_same_by_every_path() {
    for shape in shapes() {
        let corpus = shape.generate(TIMED_BYTES);
        let plain = answer(Path::Scalar, &corpus);
        for path in Path::here() {
            assert!(answer(path, &corpus) == plain, "{} by {}", corpus.name, path.name());
        }
    }
}
