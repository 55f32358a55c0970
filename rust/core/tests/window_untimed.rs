//! Events without a time of their own, against a naive reading of the rule: whoever sends them, wherever batches are cut.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write;

use headrig_core::engine::{Engine, Lane};
use headrig_core::metrics::window::timing::{Arrival, Run};
use proptest::prelude::*;
use serde_json::json;

/// Seconds since the epoch; a border of panes.
const START: f64 = 1_800_000_000.0;
const SILENCE: f64 = 30.0;

#[derive(Clone, Debug)]
struct Line {
    /// Seconds since the line before, on every clock.
    pause: f64,
    sender: u64,
    /// Seconds behind the clock; `None`: without a time, in one of the ways that lines can be.
    behind: Option<f64>,
    way: usize,
}

/// Ways to have no time, with what they are counted as.
const WAYS: [(&str, &str); 10] = [
    (r#"{"id":ID}"#, "untimed_missing"),
    (r#"{"ts":null,"id":ID}"#, "untimed_null"),
    (r#"{"ts":NaN,"id":ID}"#, "untimed_null"),
    (r#"{"ts":"","id":ID}"#, "untimed_unreadable"),
    (r#"{"ts":"30/Nov/2026:02:01:09 +0000","id":ID}"#, "untimed_unreadable"),
    (r#"{"ts":[true],"id":ID}"#, "untimed_unreadable"),
    (r#"{"ts":false,"id":ID}"#, "untimed_unreadable"),
    (r#"{"ts":"0001-01-01T00:00:00Z","id":ID}"#, "untimed_unreadable"),
    (r#"{"ts":0,"id":ID}"#, "untimed_unreadable"),
    (r#"{"ts":"2199-01-01T00:00:00Z","id":ID}"#, "future"),
];

impl Line {
    fn text(&self, id: usize, now: f64) -> String {
        match self.behind {
            Some(behind) => format!("{{\"ts\":{},\"id\":{id}}}\n", now - behind),
            None => WAYS[self.way].0.replace("ID", &id.to_string()) + "\n",
        }
    }
}

fn line() -> impl Strategy<Value = Line> {
    let pause =
        prop_oneof![6 => Just(0.0), 3 => (0..40_u8).prop_map(|tenths| f64::from(tenths) / 8.0), 1 => Just(31.0)];
    let behind = prop_oneof![(0..8_u8).prop_map(f64::from), Just(45.0), Just(100.0)];
    (pause, 0..4_u64, prop::option::of(behind), 0..WAYS.len()).prop_map(|(pause, sender, behind, way)| Line {
        pause,
        sender,
        behind,
        way,
    })
}

/// What is known of a clock after these moments and times, of which `None` is of an event without one.
#[derive(Default)]
struct Known {
    newest: Option<(f64, f64)>,
    untimed_since: Option<f64>,
}

fn known(history: &[(f64, Option<f64>)]) -> Known {
    let mut known = Known::default();
    for &(moment, time) in history {
        match time {
            None => known.untimed_since = known.untimed_since.or(Some(moment)),
            Some(time) => {
                let stays = known.newest.is_some_and(|(newest, came)| newest > time && moment - came <= SILENCE);
                known.newest = if stays { known.newest } else { Some((time, moment)) };
                known.untimed_since = None;
            }
        }
    }
    known
}

/// The time of each line by the rule, and the moment it came.
fn expected(lines: &[Line]) -> Vec<(f64, f64)> {
    let mut source: Vec<(f64, Option<f64>)> = Vec::new();
    let mut senders: BTreeMap<u64, Vec<(f64, Option<f64>)>> = BTreeMap::new();
    let (mut moment, mut times) = (0.0, Vec::new());
    for line in lines {
        moment += line.pause;
        let own = line.behind.map(|behind| START + moment - behind);
        source.push((moment, own));
        // Nobody in particular is the source.
        let mine = if line.sender == 0 { &mut source.clone() } else { senders.entry(line.sender).or_default() };
        if mine.last().is_some_and(|(last, _)| moment - last > SILENCE) && line.sender != 0 {
            mine.clear();
        }
        if line.sender != 0 {
            mine.push((moment, own));
        }
        let (source, mine) = (known(&source), known(mine));
        let alone = |known: &Known| known.untimed_since.is_some_and(|since| moment - since >= SILENCE);
        let now = |known: &Known| {
            let recent = known.newest.filter(|(_, came)| moment - came <= SILENCE);
            recent.map(|(newest, came)| newest + moment - came)
        };
        let clock = START + moment;
        let other = if alone(&source) || alone(&mine) { clock } else { now(&mine).or(now(&source)).unwrap_or(clock) };
        times.push((own.unwrap_or(other), moment));
    }
    times
}

fn engine(previous: Option<&Engine>) -> Engine {
    let threshold = json!({"name": "ids", "metric": "seen", "window_seconds": 10, "group_by": ["id"]});
    // Everything is kept, so that the place of each event can be read.
    let spec = json!({
        "windows": {"holdback_seconds_max": 100_000},
        "metrics": {"rules": [{"name": "seen", "kind": "counter"}]},
        "thresholds": [threshold],
    });
    Engine::new(spec.to_string().as_bytes(), previous).unwrap()
}

/// Panes by line.
fn panes(engine: &Engine, ids: usize) -> Vec<Option<f64>> {
    let mut found = vec![None; ids];
    for tick in -40..400 {
        let tick = START + f64::from(tick) * 10.0;
        for reading in engine.evaluate(tick, None) {
            let id: usize = reading.labels[0].1.parse().unwrap();
            assert!(found[id].replace(tick - 10.0).is_none(), "{id} is in two panes");
        }
    }
    found
}

struct Batch {
    text: String,
    runs: Vec<Run>,
    moment: f64,
}

/// Lines of one moment share a batch, unless it is cut before one of them.
fn batches(lines: &[Line], cut: impl Fn(usize) -> bool) -> Vec<Batch> {
    let (mut batches, mut moment): (Vec<Batch>, f64) = (Vec::new(), 0.0);
    for (id, line) in lines.iter().enumerate() {
        moment += line.pause;
        if batches.last().is_none_or(|last| last.moment != moment || cut(id)) {
            batches.push(Batch { text: String::new(), runs: Vec::new(), moment });
        }
        let batch = batches.last_mut().unwrap();
        if batch.runs.last().map_or(0, |run| run.sender) != line.sender {
            batch.runs.push(Run { sender: line.sender, first_byte: batch.text.len() });
        }
        batch.text.push_str(&line.text(id, START + moment));
    }
    batches
}

fn send(lane: &Lane, batch: &Batch) -> Vec<u8> {
    let arrival = Arrival { seconds: START + batch.moment, monotonic_seconds: 7.0 + batch.moment, runs: &batch.runs };
    lane.process(batch.text.as_bytes(), arrival).lines.bytes().to_vec()
}

fn state(engine: &Engine) -> BTreeMap<&'static str, u64> {
    engine.state().into_iter().filter(|(name, _)| *name != "window_bytes").map(|(name, n)| (name, n as u64)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn each_event_counts_when_its_sender_says_and_cuts_and_reloads_never_show(
        lines in prop::collection::vec(line(), 1..60),
        cuts in prop::collection::vec(any::<bool>(), 60),
        reload in 0..60_usize,
    ) {
        let whole = engine(None);
        let lane = whole.lane("in");
        batches(&lines, |_| false).iter().for_each(|batch| { send(&lane, batch); });
        let mut cut = engine(None);
        let first = cut.lane("in");
        for (at, batch) in batches(&lines, |id| cuts[id]).iter().enumerate() {
            if at == reload {
                cut = engine(Some(&cut));
            }
            // Who still holds the old lane is sent on.
            let lane = if at % 2 == 0 { cut.lane("in") } else { first.clone() };
            send(&lane, batch);
        }
        let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
        lines.iter().filter(|line| line.behind.is_none()).for_each(|line| *counted.entry(WAYS[line.way].1).or_default() += 1);
        let of_whole = state(&whole);
        for (_, name) in WAYS {
            prop_assert_eq!(of_whole[name], counted.get(name).copied().unwrap_or(0), "{}", name);
        }
        prop_assert_eq!(&of_whole, &state(&cut));
        prop_assert_eq!(whole.watermark(START + 1e5), cut.watermark(START + 1e5));
        let places: Vec<_> = expected(&lines).iter().map(|(time, _)| Some((time / 10.0).floor() * 10.0)).collect();
        prop_assert_eq!(&panes(&whole, lines.len()), &places);
        prop_assert_eq!(&panes(&cut, lines.len()), &places);
    }

    /// What is written of a broken line is an event: the next reader reads the time that it counts for here.
    #[test]
    fn a_wrapped_line_bears_the_time_it_counts_for(lines in prop::collection::vec(line(), 1..40)) {
        let (engine, mut read) = (engine(None), Vec::new());
        let lane = engine.lane("in");
        for mut batch in batches(&lines, |_| true) {
            if !batch.text.contains("\"ts\":1") {
                batch.text = "Traceback (most recent call last):\n".to_owned();
                let written: serde_json::Value = serde_json::from_slice(&send(&lane, &batch)).unwrap();
                let mut expected = Vec::new();
                headrig_core::event::time::format_millis(super_time(&lines, read.len()), &mut expected);
                prop_assert_eq!(written["timestamp"].as_str().unwrap().as_bytes(), expected);
            } else {
                send(&lane, &batch);
            }
            read.push(batch.moment);
        }
    }
}

fn super_time(lines: &[Line], id: usize) -> f64 {
    expected(lines)[id].0
}

fn at(lane: &Lane, moment: f64, text: &str) {
    lane.process(text.as_bytes(), Arrival { seconds: START + moment, monotonic_seconds: moment, runs: &[] });
}

#[test]
fn a_source_without_times_goes_by_arrival_once_that_is_known() {
    let engine = engine(None);
    let lane = engine.lane("in");
    for second in 0..60 {
        at(&lane, f64::from(second), "{\"id\":1}\n");
        let expected = (second >= 30).then_some(START + f64::from(second) - 15.0);
        assert_eq!(engine.watermark(START + f64::from(second)), expected);
    }
    let samples: u64 =
        (1..=6).flat_map(|pane| engine.evaluate(START + f64::from(pane) * 10.0, None)).map(|r| r.samples).sum();
    assert_eq!(samples, 60);
}

#[test]
fn one_old_time_drags_nothing_back() {
    let engine = engine(None);
    let lane = engine.lane("in");
    at(&lane, 0.0, &format!("{{\"ts\":{},\"id\":0}}\n", START - 1800.0));
    for second in 1..90 {
        at(&lane, f64::from(second), "{\"id\":1}\n");
    }
    assert_eq!(engine.watermark(START + 89.0), Some(START + 89.0 - 15.0));
    let of = |tick: f64| engine.evaluate(START + tick, None).iter().map(|reading| reading.samples).sum::<u64>();
    // The first half minute is the old time's, as nobody could know better.
    assert_eq!([of(-1790.0), of(-1780.0), of(-1770.0), of(10.0)], [10, 10, 10, 0]);
    assert_eq!([of(40.0), of(50.0), of(90.0)], [9, 10, 10]);
}

#[test]
fn a_clock_that_is_set_moves_no_event_away_from_its_neighbours() {
    for step in [3600.0, -3600.0] {
        let engine = engine(None);
        let lane = engine.lane("in");
        at(&lane, 0.0, &format!("{{\"ts\":{},\"id\":0}}\n", START - 45.0));
        let arrival = Arrival { seconds: START + step, monotonic_seconds: 12.0, runs: &[] };
        lane.process(b"{\"id\":1}\n", arrival);
        assert_eq!(panes(&engine, 2), [Some(START - 50.0), Some(START - 40.0)]);
    }
}

#[test]
fn arrival_is_the_time_where_that_is_asked_for() {
    let engine = Engine::new(br#"{"lanes":{"in":{"time":"arrival"}}}"#, None).unwrap();
    let mut text = String::new();
    WAYS.iter().for_each(|(way, _)| writeln!(text, "{}", way.replace("ID", "1")).unwrap());
    text.push_str("plain\n{\"ts\":5}\n");
    at(&engine.lane("in"), 0.0, &text);
    let (counts, watermark) = (state(&engine), engine.watermark(START));
    assert_eq!(watermark, Some(START - 15.0));
    assert!(counts.iter().all(|(name, count)| *count == 0 || !(name.starts_with("untimed") || *name == "future")));
}

#[test]
fn a_broken_line_that_passes_is_no_event() {
    let engine = Engine::new(br#"{"on_broken":"pass"}"#, None).unwrap();
    at(&engine.lane("in"), 0.0, "plain\n");
    assert_eq!(state(&engine)["untimed_broken"], 0);
}

#[test]
fn runs_that_make_no_sense_are_survived() {
    let engine = engine(None);
    let run = |sender, first_byte| Run { sender, first_byte };
    for runs in [vec![run(1, 9000)], vec![run(2, 3), run(3, 1), run(4, 1)], vec![run(u64::MAX, usize::MAX), run(0, 0)]]
    {
        let arrival = Arrival { seconds: START, monotonic_seconds: f64::NAN, runs: &runs };
        assert_eq!(engine.lane("in").process(b"{\"id\":1}\n{\"id\":2}\n", arrival).lines_out, 2);
    }
}
