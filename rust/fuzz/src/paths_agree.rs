//! Two engines that differ in the kernels they use, fed with the same batches.

use std::cell::RefCell;

use headrig_core::engine::Engine;
use headrig_core::simd::Path;
use headrig_fuzz::input::Input;
use headrig_fuzz::whole::{same, Answer, ARRIVAL_SECONDS};

/// An engine that never counted anything is compared in all it counts; one of so many inputs gets such.
const FRESH_ONE_OF: u64 = 64;
/// Thresholds of each kind, so that windows are asked for values.
const SPEC: &[u8] = br#"{"thresholds":[
    {"name":"errors","metric":"error.rate","window_seconds":60},
    {"name":"latency","metric":"latency.p95","window_seconds":60,"group_by":["route"]},
    {"name":"heap","metric":"memory.heap","window_seconds":60},
    {"name":"levels","metric":"log.error.rate","window_seconds":10}]}"#;

thread_local! {
    /// One engine for each path, kept from input to input: earlier lines must not show.
    static KEPT: RefCell<Vec<(Path, Engine)>> = RefCell::new(engines());
}

fn engines() -> Vec<(Path, Engine)> {
    Path::here().map(|path| (path, Engine::on_path(path, SPEC, None).expect("the defaults are valid"))).collect()
}

/// # Panics
/// With the path and what it gives otherwise than the scalar one.
pub fn check(input: &Input<'_>) {
    KEPT.with_borrow(|kept| compare(kept, input, false));
    if input.chooses_one_of(FRESH_ONE_OF) {
        compare(&engines(), input, true);
    }
}

fn compare(engines: &[(Path, Engine)], input: &Input<'_>, windows: bool) {
    let (scalar, others) = engines.split_first().expect("every CPU has the scalar path");
    let run = |engine: &Engine| Answer::of(&engine.lane("fuzz"), input.batches());
    let expected = run(&scalar.1);
    for (path, engine) in others {
        same(path.name(), &expected, &run(engine));
        if windows {
            let text = |engine: &Engine| String::from_utf8_lossy(&engine.totals()).into_owned();
            assert_eq!(text(&scalar.1), text(engine), "{}: totals", path.name());
            assert_eq!(scalar.1.state(), engine.state(), "{}: state", path.name());
            let ticks = (-6..=6).map(|pane| ARRIVAL_SECONDS + f64::from(pane) * 10.0);
            for tick in ticks {
                let readings = |engine: &Engine| format!("{:?}", engine.evaluate(tick, None));
                assert_eq!(readings(&scalar.1), readings(engine), "{}: windows at {tick}", path.name());
            }
        }
    }
}
