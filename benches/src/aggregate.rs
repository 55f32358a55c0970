//! `aggregate`: what a metric rule costs for each line, what a series costs in memory, and two lanes on two threads.

use std::time::Instant;

use headrig_core::engine::Engine;
use serde_json::json;

use crate::answer::equal;
use crate::contender::Contender;
use crate::core::{sum_of_family, Core};
use crate::corpus::{shape, Corpus};
use crate::measure::{interleave, Row};
use crate::quick::{self, instructions_in};
use crate::table::Options;

/// Every line is counted by every rule.
const CORPUS: &str = "request_218_100";
/// Rules beside the built-in ones.
const RULES: [&str; 3] = ["0", "1", "5"];
/// Budget of a line and rule, in nanoseconds.
const RULE_NANOSECONDS: f64 = 30.0;
const SERIES: usize = 100_000;
/// Budget of `SERIES` counter series, in bytes.
const SERIES_BYTES: usize = 64 * 1024 * 1024;

/// # Errors
/// A wrong answer, or series over their budget. Times are published, not gated.
pub fn run(options: &Options) -> Result<(), String> {
    series()?;
    let corpus = shape(CORPUS)?.generate(options.timed_bytes);
    let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
    for rules in RULES {
        contenders.push(Box::new(core(rules)?));
    }
    let rows = interleave(&corpus, &mut contenders, options.reps)?;
    println!("{CORPUS}, answers checked; rules beside the built-in ones, each counts every line");
    println!("{:<9}{:>10}{:>14}{:>13}{:>15}", "rules", "ns/line", "ns/line+rule", "instr/line", "instr/line+rule");
    let lines = quick::corpus(CORPUS)?;
    let mut first = None;
    for (rules, row) in RULES.iter().zip(&rows) {
        let count = instructions_in(&[CORPUS, "--rules", rules])? as f64 / lines.timed_lines() as f64;
        let nanoseconds = per_line(row);
        let (ns, instructions) = *first.get_or_insert((nanoseconds, count));
        let number: f64 = rules.parse().unwrap_or(0.0);
        let each = |more: f64| if number > 0.0 { format!("{:.1}", more / number) } else { "-".to_owned() };
        let (ns, instructions) = (each(nanoseconds - ns), each(count - instructions));
        println!("{rules:<9}{nanoseconds:>10.1}{ns:>14}{count:>13.0}{instructions:>15}");
    }
    println!("budget: {RULE_NANOSECONDS} ns for each line and rule\n");
    lanes(&corpus, options.reps)
}

fn per_line(row: &Row) -> f64 {
    1e9 / row.best_lines_per_second()
}

/// The core with so many metrics of its own. Labels, values and conditions are those that services ask for.
///
/// # Errors
/// There are not so many.
pub fn core(rules: &str) -> Result<Core, String> {
    let name = RULES.into_iter().find(|known| *known == rules).ok_or("--rules: 0, 1 or 5")?;
    let completed = r#"event == "request_completed""#;
    let all = [
        json!({"name": "own_total", "kind": "counter", "where": completed, "labels": {"route": "route", "status": "status"}}),
        json!({"name": "own_seconds", "kind": "histogram", "where": completed, "value": "duration",
            "labels": {"route": "route", "method": "method"}, "buckets": [0.01, 0.1, 0.25, 0.5, 1.0, 2.0]}),
        json!({"name": "own_slow", "kind": "gauge", "where": format!("{completed} and duration > 1.5"),
            "value": "duration", "labels": {"method": "method"}}),
        json!({"name": "own_levels_total", "kind": "counter", "where": completed,
            "labels": {"level": "level", "method": "method"}}),
        json!({"name": "own_summary", "kind": "quantile", "where": r#"status in (200, 201, 204)"#, "value": "duration",
            "labels": {"route": "route"}}),
    ];
    let number: usize = rules.parse().map_err(|_| "--rules: not a number".to_owned())?;
    Ok(Core::with_metrics(name, &all[..number]))
}

/// Resident memory that `SERIES` series of one counter take, by two labels with values of 16 bytes.
fn series() -> Result<(), String> {
    let spec = json!({"recent_bytes_max": 0, "metrics": {"series_max": SERIES, "rules": [
        {"name": "own_total", "kind": "counter", "labels": {"shop": "shop", "user": "user"}}]}});
    let engine = Engine::new(spec.to_string().as_bytes(), None).map_err(|error| error.to_string())?;
    let lane = engine.lane("bench");
    let line = |number: usize| format!("{{\"shop\":\"shop-{:011}\",\"user\":\"user-{number:011}\"}}\n", number % 100);
    let batch = |numbers: std::ops::Range<usize>| numbers.map(line).collect::<String>();
    // What a lane needs anyway, before its first series.
    lane.process(batch(0..1).repeat(1000).as_bytes(), 1.0);
    let before = resident_bytes()?;
    for start in (0..SERIES).step_by(1000) {
        lane.process(batch(start..start + 1000).as_bytes(), 1.0);
    }
    let bytes = resident_bytes()?.saturating_sub(before);
    equal("events in series", &(SERIES as u64 + 1000), &sum_of_family(&engine.totals(), "own_total"))?;
    let kept = engine.state().into_iter().find(|(name, _)| *name == "series").map_or(0.0, |(_, count)| count);
    // Beside the level of all.
    equal("series", &(SERIES as f64 + 1.0), &kept)?;
    let mebibytes = |bytes: usize| bytes as f64 / 1024.0 / 1024.0;
    let each = bytes / SERIES;
    println!(
        "{SERIES} counter series: {:.1} MiB, {each} bytes each; budget {:.0} MiB\n",
        mebibytes(bytes),
        mebibytes(SERIES_BYTES)
    );
    match bytes <= SERIES_BYTES {
        true => Ok(()),
        false => Err(format!("{SERIES} series take {bytes} bytes, budget {SERIES_BYTES}")),
    }
}

/// Of this process, from `/proc` (proc_pid_status(5)).
fn resident_bytes() -> Result<usize, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| format!("/proc/self/status: {error}"))?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| "/proc/self/status: no VmRSS".to_owned())
}

/// The corpus through one lane, and through each of two lanes on a thread of its own: twice the lines.
fn lanes(corpus: &Corpus, reps: usize) -> Result<(), String> {
    let mut best = [f64::INFINITY; 2];
    for _ in 0..reps {
        for (lanes, best) in (1..).zip(&mut best) {
            let engine = Engine::new(b"", None).map_err(|error| error.to_string())?;
            let begin = Instant::now();
            std::thread::scope(|scope| {
                for number in 0..lanes {
                    let lane = engine.lane(&format!("lane {number}"));
                    scope.spawn(move || {
                        for batch in &corpus.batches {
                            lane.process(&corpus.bytes[batch.bytes.clone()], batch.arrival_seconds);
                        }
                    });
                }
            });
            *best = best.min(begin.elapsed().as_secs_f64());
            let counted = sum_of_family(&engine.totals(), "http_requests_total");
            equal("requests of all lanes", &(corpus.expected.requests * lanes), &counted)?;
        }
    }
    println!("two lanes on two threads: {:.2} x the lines of one in the same time", 2.0 * best[0] / best[1]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::Tally;
    use crate::measure::pass;

    #[test]
    fn each_number_of_rules_answers_rightly() {
        let corpus = shape(CORPUS).expect("known").generate(200_000);
        for rules in RULES {
            let mut core = core(rules).expect("so many");
            let mut tally = Tally::keeping_output();
            pass(&corpus, &mut core, &mut tally).expect("runs");
            assert_eq!(Ok(()), core.check(&corpus, &tally));
        }
    }
}
