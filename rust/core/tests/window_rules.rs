//! Windows by example: presets, recorded values, lateness, limits, reloads.

mod metric_support;

use headrig_core::metrics::TimeDomain;
use metric_support::{shown, Bench};
use serde_json::json;

fn threshold(metric: &str, window: f64, aggregate: &str, group_by: &[&str]) -> serde_json::Value {
    json!({"name": "t", "metric": metric, "window_seconds": window, "aggregate": aggregate, "group_by": group_by})
}

fn bench(metric: &str, window: f64, aggregate: &str, group_by: &[&str]) -> Bench {
    Bench::new(json!({"thresholds": [threshold(metric, window, aggregate, group_by)]}))
}

fn read(bench: &mut Bench, tick: f64) -> Vec<(String, f64, u64)> {
    shown(&bench.metrics.evaluate(tick))
}

fn reading(labels: &str, value: f64, samples: u64) -> (String, f64, u64) {
    (format!("t{{{labels}}}"), value, samples)
}

/// Samples over all panes up to a tick.
fn read_all(bench: &mut Bench, until: u32) -> u64 {
    let ticks = (1..=until.div_ceil(60)).map(|minute| f64::from(minute * 60));
    ticks.flat_map(|tick| read(bench, tick)).map(|(_, _, samples)| samples).sum()
}

#[test]
fn a_window_is_half_open_whole_panes_and_aligned_down() {
    let mut bench = bench("log_events_total", 15.0, "", &[]);
    for time in [979.9, 980.0, 999.9, 1000.0] {
        bench.event(time, json!({}));
    }
    assert_eq!(read(&mut bench, 1000.0), [reading("", 2.0, 2)]);
    assert_eq!(read(&mut bench, 1009.0), [reading("", 2.0, 2)]);
    assert_eq!(read(&mut bench, 1010.0), [reading("", 2.0, 2)]);
    assert_eq!(read(&mut bench, 1020.0), [reading("", 1.0, 1)]);
    assert_eq!(read(&mut bench, 1030.0), []);
    assert_eq!(read(&mut bench, f64::NAN), []);
}

#[test]
fn presets_of_providers_memory_and_logs() {
    let ai =
        |provider: &str, status: u16| json!({"event": "ai_request_completed", "provider": provider, "status": status});
    let mut errors = bench("ai.error.rate", 60.0, "", &[]);
    for (provider, status) in [("a", 200), ("a", 429), ("b", 200), ("b", 200)] {
        errors.event(1000.0, ai(provider, status));
    }
    errors.event(1000.0, json!({"event": "ai_request_completed", "error": {"name": "Timeout"}}));
    let expected =
        [reading("provider=a", 50.0, 2), reading("provider=b", 0.0, 2), reading("provider=unknown", 100.0, 1)];
    assert_eq!(read(&mut errors, 1010.0), expected);

    let sampled = json!({"event": "memory_sampled", "heap_used": 90, "heap_total": 120, "available": 104857600});
    for (metric, expected) in [("memory.heap", 75.0), ("memory.available", 104_857_600.0)] {
        let mut memory = bench(metric, 60.0, "", &[]);
        memory.event(1000.0, sampled.clone());
        memory.event(1001.0, json!({"event": "memory_sampled", "heap_used": 1, "heap_total": 0}));
        assert_eq!(read(&mut memory, 1010.0), [reading("", expected, 1)]);
    }
    let mut by_type = bench("memory_usage_bytes", 60.0, "max", &["type"]);
    by_type.event(1000.0, sampled);
    let expected = [
        reading("type=available", 104_857_600.0, 1),
        reading("type=heap_total", 120.0, 1),
        reading("type=heap_used", 90.0, 1),
    ];
    assert_eq!(read(&mut by_type, 1010.0), expected);

    let mut logs = bench("log.error.rate", 60.0, "", &[]);
    for level in ["INFO", "error", "FATAL", "WARN", "odd"] {
        logs.event(1000.0, json!({"level": level}));
    }
    assert_eq!(read(&mut logs, 1010.0), [reading("", 40.0, 5)]);
}

#[test]
fn own_ratios_and_groups_by_any_field() {
    let mut bench = Bench::new(json!({
        "metrics": {"rules": [
            {"name": "orders_total", "kind": "counter", "where": "event == 'order'", "labels": {"shop": "shop.name"}},
            {"name": "lost_total", "kind": "counter", "where": "event == 'order_lost'", "labels": {"shop": "shop.id"}},
            {"name": "loss", "kind": "ratio", "of": ["lost_total", "orders_total"]}
        ]},
        "thresholds": [threshold("loss", 60.0, "", &["shop", "zone"])]
    }));
    for _ in 0..4 {
        bench.event(1000.0, json!({"event": "order", "shop": {"name": "s"}, "zone": 3}));
    }
    bench.event(1000.0, json!({"event": "order_lost", "shop": {"id": "s"}, "zone": 3}));
    bench.event(1000.0, json!({"event": "order_lost", "shop": {"id": "nobody's"}, "zone": 3}));
    assert_eq!(read(&mut bench, 1010.0), [reading("shop=s,zone=3", 25.0, 4)]);
}

#[test]
fn a_recorded_value_replaces_the_built_in_and_never_mixes() {
    let mut bench = bench("error.rate", 60.0, "", &[]);
    bench.event(1000.0, json!({"event": "request_completed", "status": 500}));
    assert_eq!(read(&mut bench, 1010.0), [reading("", 100.0, 1)]);
    bench.metrics.record("error.rate", 7.5, &[("ignored", "x")], 1005.0);
    bench.event(1006.0, json!({"event": "request_completed", "status": 500}));
    bench.metrics.record("error.rate", f64::NAN, &[], 1006.0);
    assert_eq!(read(&mut bench, 1010.0), [reading("", 7.5, 1)]);
    assert_eq!(bench.metrics.evaluate_domain(TimeDomain::Events, 1020.0), []);
    assert_eq!(shown(&bench.metrics.evaluate_domain(TimeDomain::Recorded, 1020.0)), [reading("", 7.5, 1)]);
    let spec = json!({"thresholds": [threshold("error.rate", 60.0, "", &["route"])]});
    let mut reloaded = Bench::after(Some(&bench), spec).unwrap();
    reloaded.event(1012.0, json!({"event": "request_completed", "status": 500, "route": "/"}));
    assert_eq!(read(&mut reloaded, 1020.0), []);
}

#[test]
fn recorded_aggregates_and_labels() {
    for (aggregate, expected) in [
        ("", 3.0),
        ("mean", 3.0),
        ("sum", 12.0),
        ("count", 4.0),
        ("min", 1.0),
        ("max", 6.0),
        ("rate", 0.2),
        ("p50", 2.0),
    ] {
        let mut bench = bench("orders", 60.0, aggregate, &["shop"]);
        for value in [1.0, 2.0, 3.0, 6.0] {
            bench.metrics.record("orders", value, &[("zone", "z"), ("shop", "s")], 1000.0);
        }
        bench.metrics.record("orders", 9.0, &[], 1000.0);
        let rows = read(&mut bench, 1010.0);
        assert_eq!((rows[0].0.as_str(), rows[0].2), ("t{}", 1));
        assert_eq!((rows[1].0.as_str(), rows[1].2), ("t{shop=s}", 4));
        assert!((rows[1].1 - expected).abs() <= 0.01 * expected, "{aggregate} {}", rows[1].1);
        assert_eq!(bench.metrics.watermark(1020.0), Some(1005.0));
    }
}

#[test]
fn late_events_merge_inside_kept_panes_and_drop_beyond() {
    let mut bench = bench("log_events_total", 60.0, "", &[]);
    bench.event(2000.0, json!({}));
    bench.metrics.watermark(2000.0);
    read(&mut bench, 1980.0);
    let lane = bench.lane;
    bench.event_on(lane, 1960.0, 2001.0, &json!({"level": "info"}));
    // Kept: 60 s of window, 15 s of lateness and 60 s of holdback behind the tick, in whole panes.
    bench.event_on(lane, 1840.0, 2001.0, &json!({"level": "info"}));
    bench.event_on(lane, 1839.9, 2001.0, &json!({"level": "info"}));
    assert_eq!((bench.state("late"), bench.state("late_dropped")), (2.0, 1.0));
    assert_eq!(bench.total("log_events_total{level=\"INFO\"}"), Some(3.0));
    assert_eq!(read(&mut bench, 2010.0), [reading("", 2.0, 2)]);
}

#[test]
fn an_old_file_does_not_fill_the_memory() {
    let mut bench = Bench::new(json!({
        "windows": {"bytes_max": 100_000},
        "thresholds": [threshold("http_requests_total", 60.0, "", &["route"])]
    }));
    let lane = bench.lane;
    for at in 0..20_000 {
        let json = json!({"event": "request_completed", "route": format!("/r{}", at % 10)});
        bench.event_on(lane, f64::from(at) * 10.0, 9_000_000.0, &json);
    }
    assert_eq!(bench.state("window_dropped"), 0.0);
    assert!(bench.state("window_bytes") <= 100_000.0);
    // What gave way was asked for by nobody, and is told of.
    let kept: u64 = read_all(&mut bench, 200_000);
    assert_eq!(bench.state("unjudged") as u64 + kept, 20_000);
    assert_eq!(bench.metrics.watermark(9_000_000.0), None);
    assert_eq!(bench.metrics.lanes_behind(9_000_000.0), [("test".to_owned(), 9_000_000.0 - 199_990.0)]);
}

#[test]
fn memory_is_bounded_refused_and_given_back() {
    let mut bench = Bench::new(json!({
        "windows": {"bytes_max": 50_000},
        "metrics": {"series_max": 100_000},
        "thresholds": [threshold("latency.p95", 60.0, "", &["user"])]
    }));
    for at in 0..1000 {
        let json = json!({"event": "request_completed", "duration": at, "user": format!("u{at}")});
        bench.event(1000.0, json);
    }
    assert!(bench.state("window_dropped") > 500.0);
    assert!(bench.state("window_bytes") <= 50_000.0);
    assert!(!read(&mut bench, 1010.0).is_empty());
    assert_eq!(read(&mut bench, 5000.0), []);
    assert_eq!((bench.state("window_bytes"), bench.state("window_series")), (0.0, 0.0));
    assert!(bench.state("window_evicted") > 0.0);
    bench.event(5000.0, json!({"event": "request_completed", "duration": 1000, "user": "u"}));
    assert_eq!(read(&mut bench, 5010.0), [reading("user=u", 1.0, 1)]);
}

#[test]
fn series_left_over_by_the_limit_overflow() {
    let mut bench = Bench::new(json!({
        "metrics": {"series_max": 2},
        "thresholds": [threshold("log_events_total", 60.0, "", &["user"])]
    }));
    for user in ["a", "b", "c", "d", "a"] {
        bench.event(1000.0, json!({"user": user}));
    }
    let expected = [reading("user=__overflow__", 2.0, 2), reading("user=a", 2.0, 2), reading("user=b", 1.0, 1)];
    assert_eq!(read(&mut bench, 1010.0), expected);
}

#[test]
fn a_reload_keeps_windows_of_unchanged_metrics() {
    let mut old = bench("log.error.rate", 60.0, "", &[]);
    old.event(1000.0, json!({"level": "ERROR"}));
    let spec = json!({"thresholds": [
        {"name": "longer", "metric": "log.error.rate", "window_seconds": 120},
        {"name": "by logger", "metric": "log.error.rate", "window_seconds": 60, "group_by": ["logger"]}
    ]});
    let mut new = Bench::after(Some(&old), spec).unwrap();
    new.event(1005.0, json!({"level": "INFO", "logger": "x"}));
    let rows = read(&mut new, 1010.0);
    assert_eq!(rows, [("longer{}".into(), 50.0, 2), ("by logger{logger=x}".into(), 0.0, 1)]);
    assert!(new.state("window_bytes") > 0.0);
    assert_eq!(read(&mut new, 9000.0), []);
    assert_eq!(new.state("window_bytes"), 0.0);
}

#[test]
fn nothing_is_kept_for_what_no_threshold_asks() {
    let mut bench = Bench::new(json!({}));
    bench.event(1000.0, json!({"event": "request_completed", "status": 500, "duration": 5}));
    bench.metrics.record("error.rate", 5.0, &[], 1000.0);
    assert_eq!((bench.state("window_bytes"), bench.state("window_series")), (0.0, 0.0));
    assert_eq!(bench.metrics.oldest_pane_seconds(TimeDomain::Events), None);
}

#[test]
fn a_recorded_time_far_ahead_is_the_clock() {
    let mut bench = bench("orders", 60.0, "", &[]);
    bench.metrics.watermark(1000.0);
    bench.metrics.record("orders", 1.0, &[], 1_000_000_000.0);
    assert_eq!(read(&mut bench, 1010.0), [reading("", 1.0, 1)]);
    assert_eq!(bench.metrics.oldest_pane_seconds(TimeDomain::Recorded), Some(1000.0));
    assert_eq!(bench.state("future"), 1.0);
}

#[test]
fn thresholds_that_cannot_be_asked_are_refused() {
    for (threshold, reason) in [
        (threshold("error.rate", 0.0, "", &[]), "window_seconds"),
        (threshold("error.rate", 1e9, "", &[]), "window_seconds"),
        (threshold("error.rate", 60.0, "median", &[]), "aggregate: none of"),
        (threshold("error.rate", 60.0, "", &["a-b"]), "group_by"),
        (threshold("", 60.0, "", &[]), "needs a metric"),
    ] {
        let error = Bench::after(None, json!({"thresholds": [threshold]})).err().unwrap();
        assert_eq!(error.rule, "t");
        assert!(error.reason.contains(reason), "{error}");
    }
}

#[test]
fn a_backlog_is_kept_for_the_ticks_it_has_yet_to_have_and_history_is_not() {
    let mut bench = bench("log_events_total", 60.0, "", &[]);
    // Eight hours that came at once, a line each ten seconds, before anybody looked.
    for time in (0..2880).map(|pane| f64::from(pane) * 10.0) {
        bench.event(time, json!({}));
    }
    let first = 7200.0;
    assert_eq!(read(&mut bench, 500.0), []);
    assert!(bench
        .metrics
        .oldest_pane_seconds(TimeDomain::Events)
        .is_some_and(|oldest| oldest > 500.0 && oldest < first));
    let unjudged = bench.state("unjudged");
    assert!(unjudged > 0.0);
    assert_eq!(read(&mut bench, first + 60.0), [reading("", 6.0, 6)]);
    assert_eq!(read(&mut bench, 28_800.0), [reading("", 6.0, 6)]);
    assert_eq!(bench.state("unjudged"), unjudged);
    // Once a tick was reached, only what later ticks can ask for is left.
    assert!(bench.metrics.oldest_pane_seconds(TimeDomain::Events).is_some_and(|oldest| oldest > 28_600.0));
}

#[test]
fn thresholds_tell_who_feeds_them() {
    let mut bench = bench("error.rate", 60.0, "", &[]);
    assert_eq!(bench.metrics.time_domains(), [("t".to_owned(), TimeDomain::Events)]);
    bench.metrics.record("error.rate", 1.0, &[], 1000.0);
    assert_eq!(bench.metrics.time_domains(), [("t".to_owned(), TimeDomain::Recorded)]);
}
