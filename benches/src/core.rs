//! The core as its users get it: default rules, built-in metrics. The only file here that knows its API.

use std::sync::Arc;

use headrig_core::engine::{Engine, Lane};
use headrig_core::process::Processed;

use crate::answer;
use crate::contender::{Contender, Tally};
use crate::corpus::Corpus;

#[derive(Default)]
pub struct Core {
    /// Fresh for each pass: the events of a second pass would all be late.
    running: Option<(Engine, Arc<Lane>)>,
    processed: Option<Processed>,
}

impl Contender for Core {
    fn name(&self) -> &'static str {
        "core"
    }

    fn start(&mut self) -> Result<(), String> {
        let engine = Engine::new(b"", None).map_err(|error| error.to_string())?;
        let lane = engine.lane("bench");
        self.running = Some((engine, lane));
        Ok(())
    }

    fn run(&mut self, lines: &[u8], arrival_seconds: f64) {
        if let Some((_, lane)) = &self.running {
            self.processed = Some(lane.process(lines, arrival_seconds));
        }
    }

    fn settle(&mut self, tally: &mut Tally) {
        let Some(processed) = self.processed.take() else { return };
        tally.lines_in += processed.lines_in;
        tally.lines_out += processed.lines_out;
        tally.broken += processed.broken.iter().sum::<u64>();
        tally.redactions += processed.redactions.iter().map(|(_, count)| count).sum::<u64>();
        tally.take_output(processed.lines.bytes());
    }

    fn finish(&mut self, tally: &mut Tally) {
        if let Some((engine, _)) = &self.running {
            tally.requests = sum_of_family(&engine.totals(), "http_requests_total");
        }
    }

    fn check(&self, corpus: &Corpus, tally: &Tally) -> Result<(), String> {
        answer::check_engine(corpus, tally)
    }
}

/// Sum over all series of a counter in Prometheus text; every label set here is without spaces.
fn sum_of_family(text: &[u8], name: &str) -> u64 {
    let text = String::from_utf8_lossy(text);
    let samples = text.lines().filter_map(|line| line.strip_prefix(name)).filter(|rest| rest.starts_with(['{', ' ']));
    samples.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_summed_over_its_own_series_only() {
        let text = b"# TYPE a_total counter\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3\na_total_other 9\nb_total 7\n";
        assert_eq!(5, sum_of_family(text, "a_total"));
    }
}
