//! The core as its users get it: default rules, built-in metrics. The only file here that knows its API.

use std::sync::Arc;

use headrig_core::engine::{Engine, Lane};
use headrig_core::processed::Processed;
use headrig_core::simd::Path;

use crate::answer;
use crate::contender::{Contender, Tally};
use crate::corpus::Corpus;

/// The instructions its kernels use here.
pub fn path() -> String {
    Path::chosen().map_or_else(|reason| reason, |path| path.name().to_owned())
}

pub struct Core {
    name: &'static str,
    spec: Vec<u8>,
    /// Families that count as many events as `http_requests_total`.
    counters: Vec<String>,
    /// Fresh for each pass: the events of a second pass would all be late.
    running: Option<(Engine, Arc<Lane>)>,
    processed: Option<Processed>,
}

impl Default for Core {
    fn default() -> Self {
        Self::with_metrics("core", &[])
    }
}

impl Core {
    /// With metrics of one's own, whose counters must count each completed request.
    pub fn with_metrics(name: &'static str, metrics: &[serde_json::Value]) -> Self {
        let spec = serde_json::json!({"metrics": {"rules": metrics}}).to_string().into_bytes();
        let counters = metrics.iter().filter(|metric| metric["kind"] == "counter");
        let counters = counters.filter_map(|metric| metric["name"].as_str().map(str::to_owned)).collect();
        Self { name, spec, counters, running: None, processed: None }
    }
}

impl Contender for Core {
    fn name(&self) -> &'static str {
        self.name
    }

    fn start(&mut self) -> Result<(), String> {
        let engine = Engine::new(&self.spec, None).map_err(|error| error.to_string())?;
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
        let totals = self.running.as_ref().map(|(engine, _)| engine.totals()).unwrap_or_default();
        for counter in &self.counters {
            answer::equal(counter, &corpus.expected.requests, &sum_of_family(&totals, counter))?;
        }
        answer::check_engine(corpus, tally)
    }
}

/// Sum over all series of a counter in Prometheus text; every label set here is without spaces.
pub fn sum_of_family(text: &[u8], name: &str) -> u64 {
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
