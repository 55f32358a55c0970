//! Cumulative families: what is counted, how it is written, what bounds it.

mod metric_support;

use std::collections::BTreeMap;

use headrig_core::event::Fieldless;
use metric_support::Bench;
use serde_json::json;

fn request(route: &str, status: u16, duration: f64) -> serde_json::Value {
    json!({"event": "request_completed", "level": "INFO", "route": route, "method": "GET", "status": status, "duration": duration})
}

#[test]
fn built_in_families_count_their_events() {
    let mut bench = Bench::new(json!({}));
    bench.event(1000.0, request("/users/17", 200, 250.0));
    bench.event(1001.0, request("/users/18?x=1", 503, 2000.0));
    bench.event(1002.0, json!({"event": "request_completed", "status": "200", "error": {"name": "TimeoutError"}}));
    bench.event(1003.0, json!({"event": "request_completed", "status": 404, "error": {"name": null}}));
    bench.event(
        1003.0,
        json!({"event": "ai_request_completed", "provider": "acme", "status": 429, "duration": 1500, "level": "fatal"}),
    );
    bench.event(
        1004.0,
        json!({"event": "memory_sampled", "heap_used": 70, "heap_total": 100, "available": 5e9, "level": 30}),
    );
    bench.event(1003.5, json!({"event": "memory_sampled", "heap_used": 60, "level": "warning"}));
    bench.observer.observe(&Fieldless { time_seconds: 1005.0 }, true);
    bench.metrics.merge(&mut bench.observer, 1005.0);
    for (sample, expected) in [
        (r#"http_requests_total{method="GET",route="/users/{id}",status="200"}"#, 1.0),
        (r#"http_requests_total{method="GET",route="/users/{id}",status="503"}"#, 1.0),
        (r#"http_requests_total{method="unknown",route="unknown",status="200"}"#, 1.0),
        (r#"http_request_errors_total{error_type="503",route="/users/{id}"}"#, 1.0),
        (r#"http_request_errors_total{error_type="TimeoutError",route="unknown"}"#, 1.0),
        (r#"http_request_duration_seconds_bucket{route="/users/{id}",le="0.1"}"#, 0.0),
        (r#"http_request_duration_seconds_bucket{route="/users/{id}",le="0.25"}"#, 1.0),
        (r#"http_request_duration_seconds_bucket{route="/users/{id}",le="2.0"}"#, 2.0),
        (r#"http_request_duration_seconds_bucket{route="/users/{id}",le="+Inf"}"#, 2.0),
        (r#"http_request_duration_seconds_sum{route="/users/{id}"}"#, 2.25),
        (r#"http_request_duration_seconds_count{route="/users/{id}"}"#, 2.0),
        (r#"ai_request_errors_total{error_type="429",provider="acme"}"#, 1.0),
        (r#"ai_request_duration_seconds_sum{provider="acme"}"#, 1.5),
        (r#"memory_usage_bytes{type="heap_used"}"#, 70.0),
        (r#"memory_usage_bytes{type="available"}"#, 5e9),
        (r#"log_events_total{level="INFO"}"#, 3.0),
        (r#"log_events_total{level="CRITICAL"}"#, 1.0),
        (r#"log_events_total{level="WARN"}"#, 1.0),
        (r#"log_events_total{level="UNKNOWN"}"#, 3.0),
    ] {
        assert_eq!(bench.total(sample), Some(expected), "{sample}\n{}", bench.totals());
    }
    assert_eq!(bench.totals().matches("http_request_errors_total{").count(), 2);
    assert!(bench.totals().contains("# TYPE http_request_duration_seconds histogram\n"));
}

#[test]
fn a_family_without_series_is_not_written() {
    let mut bench = Bench::new(json!({}));
    assert_eq!(bench.totals(), "");
    bench.event(1.0, json!({"level": "info"}));
    assert_eq!(
        bench.totals(),
        "# HELP log_events_total Log events by level.\n# TYPE log_events_total counter\nlog_events_total{level=\"INFO\"} 1\n"
    );
}

#[test]
fn requests_equal_a_naive_recount() {
    let mut bench = Bench::new(json!({}));
    let mut naive: BTreeMap<String, u64> = BTreeMap::new();
    let mut state = 7_u64;
    for at in 0..5000 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let pick = |n: u64| (state >> 33) % n;
        let (route, status) = (format!("/r{}", pick(23) % 7), [200, 404, 500][pick(3) as usize]);
        if pick(11) == 0 {
            bench.event(f64::from(at), json!({"event": "request_started", "route": route, "status": status}));
            continue;
        }
        bench.event(f64::from(at), request(&route, status, 1.0));
        *naive.entry(format!("{{method=\"GET\",route=\"{route}\",status=\"{status}\"}}")).or_default() += 1;
    }
    for (labels, count) in &naive {
        assert_eq!(bench.total(&format!("http_requests_total{labels}")), Some(*count as f64));
    }
    assert_eq!(bench.totals().matches("http_requests_total{").count(), naive.len());
}

#[test]
fn label_values_are_escaped_cut_and_cleaned() {
    let mut bench = Bench::new(json!({"metrics": {"rules": [
        {"name": "seen_total", "kind": "counter", "labels": {"who": "user"}, "help": "Line\none \\ two"}
    ]}}));
    let long = "é".repeat(500);
    for user in ["a\"b\\c\nd\r{}", long.as_str(), ""] {
        bench.event(1.0, json!({"user": user}));
    }
    let totals = bench.totals();
    assert!(totals.contains("# HELP seen_total Line\\none \\\\ two\n"));
    assert!(totals.contains("seen_total{who=\"a\\\"b\\\\c\\nd\r{}\"} 1\n"), "{totals}");
    assert!(totals.contains(&format!("seen_total{{who=\"{}\"}} 1\n", "é".repeat(128))));
    assert!(totals.contains("seen_total{who=\"unknown\"} 1\n"));
}

#[test]
fn own_metrics_of_every_kind() {
    let mut bench = Bench::new(json!({"metrics": {"builtin": false, "rules": [
        {"name": "bytes_total", "kind": "counter", "value": "size", "where": "size > 10"},
        {"name": "queue", "kind": "gauge", "value": "queue.depth", "labels": {"q": "`"}},
        {"name": "wait_seconds", "kind": "histogram", "value": "wait", "unit": "ms", "buckets": [0.1, 1]},
        {"name": "wait_p95", "kind": "quantile", "value": "wait", "unit": "ms"},
        {"name": "orders_total", "kind": "counter", "where": "event == 'order'"},
        {"name": "lost_total", "kind": "counter", "where": "event == 'order' and lost == true"},
        {"name": "loss", "kind": "ratio", "of": ["lost_total", "orders_total"], "unit": "percent"}
    ]}}));
    bench.event(1.0, json!({"size": 0.5}));
    bench.event(1.0, json!({"size": 20.5, "queue": {"depth": 3}, "wait": 250}));
    bench.event(0.5, json!({"size": "11", "queue": {"depth": 9}, "wait": 50.5, "event": "order"}));
    for (sample, expected) in [
        ("bytes_total", 31.5),
        ("queue{q=\"unknown\"}", 3.0),
        ("wait_seconds_bucket{le=\"0.1\"}", 1.0),
        ("wait_seconds_bucket{le=\"1.0\"}", 2.0),
        ("wait_p95_sum", 0.3005),
        ("wait_p95_count", 2.0),
        ("orders_total", 1.0),
    ] {
        assert_eq!(bench.total(sample), Some(expected), "{sample}\n{}", bench.totals());
    }
    assert!(!bench.totals().contains("loss"));
    assert!(!bench.totals().contains("log_events_total"));
}

#[test]
fn beyond_the_limit_series_overflow_and_are_counted() {
    let mut bench = Bench::new(json!({"metrics": {"builtin": false, "series_max": 3, "rules": [
        {"name": "a_total", "kind": "counter", "labels": {"user": "user", "zone": "zone"}}
    ]}}));
    for at in 0..10 {
        bench.event(1.0, json!({"user": format!("u{at}"), "zone": "z"}));
    }
    bench.event(1.0, json!({"user": "u1", "zone": "z"}));
    assert_eq!(bench.total("a_total{user=\"__overflow__\",zone=\"__overflow__\"}"), Some(7.0));
    assert_eq!(bench.total("a_total{user=\"u1\",zone=\"z\"}"), Some(2.0));
    assert_eq!((bench.state("overflowed"), bench.state("series")), (7.0, 4.0));
}

#[test]
fn a_silent_series_disappears_and_frees_its_place() {
    let mut bench =
        Bench::new(json!({"metrics": {"builtin": false, "series_max": 1, "series_ttl_seconds": 100, "rules": [
            {"name": "a_total", "kind": "counter", "labels": {"user": "user"}}
        ]}}));
    bench.event(1000.0, json!({"user": "old"}));
    bench.event(1050.0, json!({"user": "old"}));
    bench.metrics.watermark(1149.0);
    assert_eq!(bench.total("a_total{user=\"old\"}"), Some(2.0));
    bench.metrics.watermark(1160.0);
    assert_eq!(bench.totals(), "");
    bench.event(1161.0, json!({"user": "new"}));
    assert_eq!(bench.total("a_total{user=\"new\"}"), Some(1.0));
    assert_eq!((bench.state("expired"), bench.state("overflowed")), (1.0, 0.0));
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    for (rule, reason) in [
        (json!({"name": "http_requests_total", "kind": "counter"}), "collides with the built-in"),
        (json!({"name": "http_request_duration_seconds_sum", "kind": "counter"}), "collides with the built-in"),
        (json!({"name": "error.rate", "kind": "ratio", "of": ["a", "b"]}), "collides with the built-in"),
        (json!({"name": "1x", "kind": "counter"}), "not a Prometheus metric name"),
        (json!({"name": "a.b", "kind": "counter"}), "not a Prometheus metric name"),
        (
            json!({"name": "headrig_x", "kind": "counter"}),
            "headrig_ is reserved for names that headrig itself puts on the page",
        ),
        (json!({"name": "process_open_fds", "kind": "gauge", "value": "x"}), "process_ is reserved"),
        (json!({"name": "python_info", "kind": "counter"}), "python_ is reserved"),
        (json!({"name": "component", "kind": "histogram", "value": "x"}), "component_ is reserved"),
        (
            json!({"name": "http_requests", "kind": "gauge", "value": "x"}),
            "collides with the built-in http_requests_total",
        ),
        (json!({"name": "a", "kind": "count"}), "kind: none of"),
        (json!({"name": "a", "kind": "counter", "labels": {"a-b": "x"}}), "label \"a-b\""),
        (json!({"name": "a", "kind": "histogram", "value": "x", "labels": {"le": "x"}}), "label \"le\""),
        (json!({"name": "a", "kind": "gauge"}), "needs `value`"),
        (json!({"name": "a", "kind": "gauge", "value": "x", "unit": "miles"}), "unit: none of"),
        (json!({"name": "a", "kind": "histogram", "value": "x", "buckets": [2, 1]}), "ascend"),
        (
            json!({"name": "a", "kind": "ratio", "of": ["nope", "log_events_total"]}),
            "of: there is no metric of this name",
        ),
        (json!({"name": "a", "kind": "ratio", "of": ["memory_usage_bytes", "log_events_total"]}), "not a counter"),
        (json!({"name": "a", "kind": "counter", "where": "x ="}), "where: column 3"),
        (json!({"name": "a", "kind": "counter", "labels": {"x": "a.b.c.d.e.f.g.h.i"}}), "dots"),
    ] {
        let error = Bench::after(None, json!({"metrics": {"rules": [rule]}})).err().unwrap();
        assert_eq!(Some(error.rule.as_str()), rule["name"].as_str());
        assert!(error.reason.contains(reason), "{error}");
    }
    let twice = json!({"metrics": {"rules": [{"name": "a", "kind": "counter"}, {"name": "a", "kind": "counter"}]}});
    assert_eq!(Bench::after(None, twice).err().unwrap().to_string(), "a: collides with a; choose another name");
}

#[test]
fn without_the_built_ins_their_names_are_free() {
    let spec = json!({"metrics": {"builtin": false, "rules": [{"name": "http_requests_total", "kind": "counter"}]}});
    let mut bench = Bench::new(spec);
    bench.event(1.0, json!({}));
    assert_eq!(bench.total("http_requests_total"), Some(1.0));
}

#[test]
fn a_reload_keeps_what_is_unchanged_and_starts_the_rest_afresh() {
    let rule = |name: &str, condition: &str| json!({"name": name, "kind": "counter", "where": condition, "labels": {"u": "u"}});
    let before = json!({"metrics": {"rules": [rule("same_total", "x == 1"), rule("changed_total", "x == 1")]}});
    let after = json!({"metrics": {"rules": [rule("changed_total", "x >= 1"), rule("same_total", "x == 1")]}});
    let mut old = Bench::new(before);
    old.event(1000.0, json!({"x": 1, "u": "a", "event": "memory_sampled", "heap_used": 5}));
    old.event(1000.0, json!({"x": 1, "u": "gone"}));
    let mut new = Bench::after(Some(&old), after).unwrap();
    assert_eq!(new.metrics.watermark(1001.0), Some(985.0));
    new.event(1002.0, json!({"x": 1, "u": "a", "event": "memory_sampled", "heap_used": 6}));
    old.event(1002.0, json!({"x": 1, "u": "a"}));
    assert_eq!(new.total("same_total{u=\"a\"}"), Some(2.0));
    assert_eq!(new.total("same_total{u=\"gone\"}"), Some(1.0));
    assert_eq!(new.total("changed_total{u=\"a\"}"), Some(1.0));
    assert_eq!(new.total("memory_usage_bytes{type=\"heap_used\"}"), Some(6.0));
    assert_eq!(old.total("same_total{u=\"a\"}"), Some(2.0));
    assert!(!new.totals().contains("changed_total{u=\"gone\"}"));
}

#[test]
fn a_refused_reload_leaves_the_old_metrics_as_they_are() {
    let mut old = Bench::new(json!({}));
    old.event(1.0, json!({"level": "info"}));
    assert!(Bench::after(Some(&old), json!({"metrics": {"rules": [{"name": "0", "kind": "counter"}]}})).is_err());
    old.event(2.0, json!({"level": "info"}));
    assert_eq!(old.total("log_events_total{level=\"INFO\"}"), Some(2.0));
}
