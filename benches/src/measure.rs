//! Passes over a corpus, interleaved so that all contenders see the same weather of the machine.

use std::time::Instant;

use crate::answer::equal;
use crate::contender::{Contender, Tally};
use crate::corpus::Corpus;

/// One contender on one corpus. Its answer was right.
pub struct Row {
    pub corpus: &'static str,
    pub who: &'static str,
    pub timed_bytes: usize,
    pub timed_lines: u64,
    /// Of the timed batches, one entry for each pass.
    pub seconds: Vec<f64>,
    pub redactions: u64,
    pub checksum: u64,
}

impl Row {
    pub fn best_gbps(&self) -> f64 {
        self.gbps(self.seconds.iter().copied().fold(f64::INFINITY, f64::min))
    }

    pub fn median_gbps(&self) -> f64 {
        self.gbps(median(&self.seconds))
    }

    pub fn best_lines_per_second(&self) -> f64 {
        self.best_gbps() * 1e9 / self.line_bytes()
    }

    /// Bytes of a line with its newline.
    pub fn line_bytes(&self) -> f64 {
        self.timed_bytes as f64 / self.timed_lines as f64
    }

    fn gbps(&self, seconds: f64) -> f64 {
        self.timed_bytes as f64 / seconds / 1e9
    }
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}

/// Check every contender's answer in one untimed pass, then time `reps` passes of each, turn by turn. Every timed
/// pass must give the checked pass' counts and checksum again.
///
/// # Errors
/// The corpus, the contender and what is wrong with its answer.
pub fn interleave(corpus: &Corpus, contenders: &mut [Box<dyn Contender>], reps: usize) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for contender in contenders.iter_mut() {
        let name = contender.name();
        let wrong = |reason: String| format!("{}, {name}: wrong answer: {reason}", corpus.name);
        let mut tally = Tally::keeping_output();
        pass(corpus, contender.as_mut(), &mut tally)?;
        contender.check(corpus, &tally).map_err(wrong)?;
        tally.output = None;
        rows.push((tally, Vec::with_capacity(reps)));
    }
    for _ in 0..reps {
        for (contender, (checked, seconds)) in contenders.iter_mut().zip(&mut rows) {
            let mut tally = Tally::default();
            seconds.push(pass(corpus, contender.as_mut(), &mut tally)?);
            equal("a later pass", checked, &tally)
                .map_err(|reason| format!("{}, {}: {reason}", corpus.name, contender.name()))?;
        }
    }
    let mut measured = Vec::new();
    for (contender, (tally, seconds)) in contenders.iter().zip(rows) {
        measured.push(Row {
            corpus: corpus.name,
            who: contender.name(),
            timed_bytes: corpus.timed_bytes(),
            timed_lines: corpus.timed_lines(),
            seconds,
            redactions: tally.redactions,
            checksum: tally.checksum,
        });
    }
    Ok(measured)
}

/// One pass with fresh state. Returns the seconds spent in timed batches.
///
/// # Errors
/// The contender could not begin.
pub fn pass(corpus: &Corpus, contender: &mut dyn Contender, tally: &mut Tally) -> Result<f64, String> {
    contender.start()?;
    let mut seconds = 0.0;
    for batch in &corpus.batches {
        let begin = Instant::now();
        contender.run(&corpus.bytes[batch.bytes.clone()], batch.arrival_seconds);
        let elapsed = begin.elapsed().as_secs_f64();
        if batch.timed {
            seconds += elapsed;
        }
        contender.settle(tally);
    }
    contender.finish(tally);
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::{Ignored, Memcpy, NewlineScan};
    use crate::corpus::shape;

    #[test]
    fn limits_answer_rightly_on_every_kind_of_corpus() {
        for name in ["line_540", "quotes", "nested_256k"] {
            let corpus = shape(name).expect("known").generate(600_000);
            let mut contenders: Vec<Box<dyn Contender>> =
                vec![Box::new(Memcpy::default()), Box::new(NewlineScan::default()), Box::new(Ignored::default())];
            let rows = interleave(&corpus, &mut contenders, 2).expect("right answers");
            assert!(rows.iter().all(|row| row.seconds.len() == 2 && row.best_gbps() >= row.median_gbps()));
        }
    }

    #[test]
    fn the_median_of_an_even_count_lies_between() {
        assert_eq!([median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])], [2.0, 2.5]);
    }
}
