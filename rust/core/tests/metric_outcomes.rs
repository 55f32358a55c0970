//! Events like an earlier one are counted as it was: one lane, which remembers, counts what lanes without a past count.
#![allow(clippy::unwrap_used)]

use headrig_core::engine::Engine;
use proptest::prelude::*;
use serde_json::json;

/// Conditions that tell apart what looks alike: missing, null, an object, a number and the text that spells it.
const CONDITIONS: [&str; 9] = [
    "x == null",
    "exists(x)",
    r#"x == "200""#,
    "x == 200",
    r#"event == "a" and x >= 200"#,
    r#"event == "a" and (level >= "WARN" or x ~ "^2")"#,
    r#"event == "b" and not exists(error_name)"#,
    r#"event == "b" and duration > 0.2"#,
    "",
];

fn engine() -> Engine {
    let counter = |(at, condition): (usize, &&str)| {
        json!({"name": format!("own_{at}_total"), "kind": "counter", "where": condition,
            "labels": {"x": "x", "route": "route", "either": "error_name | x"}})
    };
    let mut rules: Vec<_> = CONDITIONS.iter().enumerate().map(counter).collect();
    rules.push(json!({"name": "own_seconds", "kind": "histogram", "where": r#"event == "a""#, "value": "duration",
        "labels": {"level": "level"}, "buckets": [0.1, 0.3]}));
    let thresholds = json!([
        {"name": "errors", "metric": "log.error.rate", "aggregate": "", "window_seconds": 60.0, "group_by": ["logger"]},
        {"name": "slow", "metric": "own_seconds", "aggregate": "max", "window_seconds": 60.0, "group_by": ["x"]},
    ]);
    let spec = json!({"metrics": {"rules": rules}, "thresholds": thresholds});
    Engine::new(spec.to_string().as_bytes(), None).unwrap()
}

fn line() -> impl Strategy<Value = String> {
    let long = format!(r#","x":"{}""#, "y".repeat(49));
    let x =
        ["", r#","x":null"#, r#","x":{}"#, r#","x":200"#, r#","x":"200""#, r#","x":2e2"#, r#","x":"\u0032""#, &long];
    let x = prop::sample::select(x.map(str::to_owned).to_vec());
    let event = prop::sample::select(vec!["", r#","event":"a""#, r#","event":"b""#, r#","event":"\u0061""#]);
    let level = prop::sample::select(vec!["", r#","level":"info""#, r#","level":"ERROR""#, r#","level":50"#]);
    let route = prop::sample::select(vec![
        "",
        r#","route":"/users/17/orders""#,
        r#","route":"/users/18/orders""#,
        r#","route":"/api/v1/reports/export/of/everything""#,
        r#","route":"password=hunter2hunter2""#,
    ]);
    let error = prop::sample::select(vec!["", r#","error":{"name":""}"#, r#","error":{"name":"E"}"#]);
    let duration =
        prop::sample::select(vec!["", r#","duration_ms":150"#, r#","duration_ms":"250""#, r#","duration_ms":"#]);
    (x, event, level, route, error, duration, 0..500_u32).prop_map(|(x, event, level, route, error, duration, ms)| {
        let ms = if duration.ends_with(':') { ms.to_string() } else { String::new() };
        format!("{{\"time\":1000{x}{event}{level}{route}{error}{duration}{ms}}}\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_lane_that_remembers_counts_as_lanes_that_do_not(lines in prop::collection::vec(line(), 1..80), again in 1..4_usize) {
        let (one, many) = (engine(), engine());
        let lane = one.lane("all");
        for turn in 0..again {
            lane.process(lines.concat().as_bytes(), 1001.0);
            for (at, line) in lines.iter().enumerate() {
                many.lane(&format!("{turn} {at}")).process(line.as_bytes(), 1001.0);
            }
        }
        prop_assert_eq!(String::from_utf8(one.totals()), String::from_utf8(many.totals()));
        prop_assert_eq!(one.evaluate(1010.0, None), many.evaluate(1010.0, None));
    }
}

#[test]
fn label_sets_that_were_forgotten_are_numbered_anew() {
    let (one, many) = (engine(), engine());
    let lane = one.lane("all");
    let line = |x: usize| format!("{{\"event\":\"a\",\"x\":\"{x}\",\"time\":1000}}\n");
    for start in (0..24_000).step_by(4000) {
        // The first ones are known each time, and the others fill the table until all are forgotten.
        let lines: String = (0..600).chain(start..start + 4000).map(line).collect();
        lane.process(lines.as_bytes(), 1001.0);
        many.lane(&format!("{start}")).process(lines.as_bytes(), 1001.0);
    }
    assert_eq!(String::from_utf8(one.totals()), String::from_utf8(many.totals()));
}
