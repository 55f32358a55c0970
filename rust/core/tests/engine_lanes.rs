//! Lanes count on their own and meet in the totals: nothing is lost, doubled or mixed up, however they are cut.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;

use headrig_core::engine::Engine;
use serde_json::json;

const ARRIVAL: f64 = 1_795_414_573.0;

fn engine(series_max: usize) -> Engine {
    let spec = json!({
        "metrics": {"series_max": series_max, "rules": [
            {"name": "own_total", "kind": "counter", "labels": {"shop": "shop", "till": "till"}},
            {"name": "own_seconds", "kind": "histogram", "value": "duration", "labels": {"shop": "shop"}},
        ]},
        "thresholds": [{"name": "slow", "metric": "own_seconds", "window_seconds": 60, "aggregate": "sum", "group_by": ["shop"]}],
    });
    Engine::new(spec.to_string().as_bytes(), None).unwrap()
}

fn totals(engine: &Engine) -> String {
    String::from_utf8(engine.totals()).unwrap()
}

fn lines(numbers: std::ops::Range<usize>, shops: usize) -> String {
    let mut text = String::new();
    for number in numbers {
        let (shop, till) = (number % shops, number % 7);
        writeln!(text, r#"{{"level":"INFO","shop":"s{shop}","till":{till},"duration":{}}}"#, number % 1000).unwrap();
    }
    text
}

/// All that a run shows, in an order of its own.
fn shown(engine: &Engine) -> (String, Vec<String>, Vec<(&'static str, f64)>) {
    let readings = engine.evaluate(ARRIVAL + 20.0, None).iter().map(|reading| format!("{reading:?}")).collect();
    let mut state = engine.state();
    state.retain(|(name, _)| *name != "window_bytes");
    (totals(engine), readings, state)
}

/// One batch is merged as often as its memory's bound asks for; the answer is that of many small ones.
#[test]
fn a_batch_of_any_size_counts_as_its_lines_one_by_one() {
    let text = lines(0..50_000, 40);
    let (whole, cut) = (engine(30), engine(30));
    whole.lane("a").process(text.as_bytes(), ARRIVAL);
    let lane = cut.lane("a");
    text.split_inclusive('\n').for_each(|line| {
        lane.process(line.as_bytes(), ARRIVAL);
    });
    assert_eq!(shown(&whole), shown(&cut));
}

/// More label sets than a lane remembers.
#[test]
fn forgotten_label_sets_are_the_same_series_when_they_come_again() {
    let engine = engine(30_000);
    let lane = engine.lane("a");
    for _ in 0..2 {
        for start in (0..24_000).step_by(1_000) {
            lane.process(lines(start..start + 1_000, 24_000).as_bytes(), ARRIVAL);
        }
    }
    let totals = totals(&engine);
    let own: Vec<&str> = totals.lines().filter(|line| line.starts_with("own_total{")).collect();
    assert_eq!(24_000, own.len());
    assert!(own.iter().all(|line| line.ends_with(" 2")));
}

#[test]
fn lanes_on_threads_of_their_own_count_as_one_after_the_other() {
    let (together, apart) = (engine(2_000), engine(2_000));
    let text: Vec<String> = (0..4).map(|part| lines(part * 5_000..(part + 1) * 5_000, 40)).collect();
    std::thread::scope(|scope| {
        for (number, text) in text.iter().enumerate() {
            let lane = together.lane(&format!("lane {number}"));
            scope.spawn(move || {
                for batch in text.as_bytes().chunk_by(|before, _| *before != b'\n') {
                    lane.process(batch, ARRIVAL);
                }
            });
        }
    });
    for (number, text) in text.iter().enumerate() {
        apart.lane(&format!("lane {number}")).process(text.as_bytes(), ARRIVAL);
    }
    assert_eq!(shown(&together), shown(&apart));
}

/// A batch that is on its way while another engine takes over is counted in that one, once.
#[test]
fn a_reload_beside_busy_lanes_neither_loses_nor_doubles() {
    let first = engine(2_000);
    let text = lines(0..2_000, 40);
    let lanes = ["a", "b"].map(|name| first.lane(name));
    let last = std::thread::scope(|scope| {
        for lane in &lanes {
            scope.spawn(|| (0..20).for_each(|_| drop(lane.process(text.as_bytes(), ARRIVAL))));
        }
        let spec =
            br#"{"metrics":{"rules":[{"name":"own_total","kind":"counter","labels":{"shop":"shop","till":"till"}}]}}"#;
        (0..10).fold(first.clone(), |before, _| Engine::new(spec, Some(&before)).unwrap())
    });
    let counted = totals(&last)
        .lines()
        .filter_map(|line| line.strip_prefix("log_events_total{level=\"INFO\"} ")?.parse::<u64>().ok())
        .sum::<u64>();
    assert_eq!(80_000, counted);
}
