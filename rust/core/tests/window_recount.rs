//! Windows against a naive recount, whatever the order of arrival, the lanes and the batches.

mod metric_support;

use std::collections::BTreeMap;

use metric_support::{shown, Bench};
use proptest::prelude::*;
use serde_json::json;

const START: f64 = 1_000_000.0;
const LATENESS: f64 = 15.0;

#[derive(Clone, Debug)]
struct Line {
    /// Of the event, after START, in seconds.
    time: f64,
    delay: f64,
    lane: usize,
    route: u8,
    failed: bool,
    /// Milliseconds.
    duration: f64,
}

impl Line {
    fn arrival(&self) -> f64 {
        START + self.time + self.delay
    }

    fn json(&self) -> serde_json::Value {
        let status = if self.failed { 503 } else { 200 };
        json!({"event": "request_completed", "route": format!("/r{}", self.route), "status": status,
            "duration": self.duration, "level": if self.failed { "ERROR" } else { "INFO" }})
    }
}

fn line(delay_max: f64) -> impl Strategy<Value = Line> {
    (0.0..120.0, 0.0..delay_max, 0..2_usize, 0..3_u8, any::<bool>(), prop_oneof![Just(0.0), 0.1..5000.0])
        .prop_map(|(time, delay, lane, route, failed, duration)| Line { time, delay, lane, route, failed, duration })
}

fn thresholds() -> serde_json::Value {
    let threshold = |name: &str, metric: &str, window: f64, aggregate: &str, group_by: &[&str]| json!({"name": name, "metric": metric, "window_seconds": window, "aggregate": aggregate, "group_by": group_by});
    json!({"thresholds": [
        threshold("errors", "error.rate", 60.0, "", &[]),
        threshold("errors by route", "error.rate", 25.0, "", &["route"]),
        threshold("mean", "latency.p95", 60.0, "mean", &["route"]),
        threshold("p95", "latency.p95", 30.0, "", &["route"]),
        threshold("max", "http_request_duration_seconds", 60.0, "max", &[]),
        threshold("requests", "http_requests_total", 60.0, "", &["status"]),
        threshold("rate", "log_events_total", 20.0, "rate", &["level"]),
        threshold("log errors", "log.error.rate", 60.0, "", &[]),
    ]})
}

type Shown = Vec<(String, f64, u64)>;

/// Feed lines in the order of arrival, `batch_seconds` of them at a time; give what every tick read, and at the same
/// moments what a recount of the lines arrived so far says.
fn run(lines: &[Line], batch_seconds: f64) -> BTreeMap<i64, (Shown, Shown)> {
    let mut lines = lines.to_vec();
    lines.sort_by(|a, b| a.arrival().total_cmp(&b.arrival()));
    let mut bench = Bench::new(thresholds());
    let lanes = [bench.metrics.lane("a"), bench.metrics.lane("b")];
    let (mut fed, mut tick, mut ticks) = (0, START, BTreeMap::new());
    let mut now = START;
    while now < START + 400.0 {
        now += batch_seconds;
        let arrived = lines.partition_point(|line| line.arrival() <= now);
        for (lane, id) in lanes.iter().enumerate() {
            let mut newest: Option<f64> = None;
            for line in lines[fed..arrived].iter().filter(|line| line.lane == lane) {
                let time_seconds = START + line.time;
                bench.observe(time_seconds, &line.json());
                newest = Some(newest.map_or(time_seconds, |newest| newest.max(time_seconds)));
            }
            bench.merge(*id, newest, now);
        }
        fed = arrived;
        let watermark = bench.metrics.watermark(now).unwrap_or(START);
        while tick + 10.0 <= watermark {
            tick += 10.0;
            let mut read = shown(&bench.metrics.evaluate(tick));
            read.sort_by(|a, b| a.0.cmp(&b.0));
            ticks.insert(tick as i64, (read, recount(&lines[..fed], tick - START)));
        }
    }
    ticks
}

/// What the thresholds say of the lines before `tick`.
fn recount(lines: &[Line], tick: f64) -> Shown {
    let within = |seconds: f64| lines.iter().filter(move |line| line.time < tick && line.time >= tick - seconds);
    let mut found = Shown::new();
    let mut by_route: BTreeMap<u8, Vec<&Line>> = BTreeMap::new();
    let percent = |lines: &[&Line]| 100.0 * lines.iter().filter(|line| line.failed).count() as f64 / lines.len() as f64;
    let minute: Vec<&Line> = within(60.0).collect();
    if !minute.is_empty() {
        let count = minute.len() as u64;
        found.push(("errors{}".into(), percent(&minute), count));
        found.push(("log errors{}".into(), percent(&minute), count));
        found.push(("max{}".into(), minute.iter().map(|line| line.duration / 1e3).fold(0.0, f64::max), count));
    }
    within(30.0).for_each(|line| by_route.entry(line.route).or_default().push(line));
    for (route, lines) in &by_route {
        let label = format!("{{route=/r{route}}}");
        found.push((format!("errors by route{label}"), percent(lines), lines.len() as u64));
        let mut durations: Vec<f64> = lines.iter().map(|line| line.duration / 1e3).collect();
        durations.sort_by(f64::total_cmp);
        let rank = (95 * durations.len()).div_ceil(100);
        found.push((format!("p95{label}"), durations[rank - 1], lines.len() as u64));
    }
    for route in 0..3 {
        let durations: Vec<f64> = minute.iter().filter(|l| l.route == route).map(|l| l.duration / 1e3).collect();
        if !durations.is_empty() {
            let mean = durations.iter().sum::<f64>() / durations.len() as f64;
            found.push((format!("mean{{route=/r{route}}}"), mean, durations.len() as u64));
        }
    }
    for (failed, status, level) in [(false, "200", "INFO"), (true, "503", "ERROR")] {
        let of = |seconds| within(seconds).filter(|line| line.failed == failed).count() as u64;
        for (name, count, value) in [
            (format!("requests{{status={status}}}"), of(60.0), of(60.0) as f64),
            (format!("rate{{level={level}}}"), of(20.0), of(20.0) as f64 / 20.0),
        ] {
            if count > 0 {
                found.push((name, value, count));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Equal but for a quantile's 1 % and a mean's last digits.
fn same(read: &Shown, counted: &Shown) -> Result<(), String> {
    let alike = |(a, b): (&(String, f64, u64), &(String, f64, u64))| {
        let slack = if a.0.starts_with("p95") { 0.01 * b.1 } else { 1e-12 * b.1 };
        a.0 == b.0 && a.2 == b.2 && (a.1 - b.1).abs() <= slack
    };
    if read.len() == counted.len() && read.iter().zip(counted).all(alike) {
        return Ok(());
    }
    Err(format!("read {read:?}\ncounted {counted:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Lines up to 80 s late: each is in every tick evaluated after it arrived.
    #[test]
    fn every_tick_equals_a_recount_of_what_had_arrived(lines in prop::collection::vec(line(80.0), 0..80)) {
        for (tick, (read, counted)) in run(&lines, 1.0) {
            prop_assert!(same(&read, &counted).is_ok(), "tick {}: {}", tick, same(&read, &counted).unwrap_err());
        }
    }

    #[test]
    fn any_order_of_arrival_within_lateness_and_any_batches_read_the_same(
        lines in prop::collection::vec(line(LATENESS), 1..80),
        delays in prop::collection::vec(0.0..LATENESS, 80),
        batch_seconds in 0.1..3.0,
    ) {
        let batch_seconds = f64::round(batch_seconds * 10.0) / 10.0;
        let mut others = lines.clone();
        // A batch waits for up to its length, which is lateness too.
        others.iter_mut().zip(&delays).for_each(|(line, delay)| line.delay = delay * (LATENESS - batch_seconds) / LATENESS);
        let (first, second) = (run(&lines, 0.0625), run(&others, batch_seconds));
        let end = 180;
        for (tick, (read, _)) in first.range(..START as i64 + end) {
            prop_assert_eq!(Some(read), second.get(tick).map(|(read, _)| read), "tick {}", tick);
        }
    }
}
