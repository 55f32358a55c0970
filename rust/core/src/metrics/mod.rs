//! Metrics of one engine. Problem: many rules count every event, and several lanes count at once. Idea: a lane records
//! without a lock what each event does, remembered by the values that decide it; the records are merged once a batch.
//! No clock, no lock: times are given, the caller has the mutex. Values come from events after redaction.
//!
//! ```text
//! event -> event_index -> match_cache: seen before? -> lane_recorder --once a batch--> totals (Prometheus text)
//!            ^ plan: rules compiled                                               '--> window/ (thresholds)
//! ```
//!
//! More: `docs/internals/metrics.md`.

pub mod definition;
pub(crate) mod event_index;
pub(crate) mod groups;
pub(crate) mod interner;
pub(crate) mod label_sets;
pub(crate) mod labels;
pub(crate) mod lane_recorder;
mod match_cache;
mod memo;
pub(crate) mod plan;
pub(crate) mod route;
pub(crate) mod series;
mod string_table;
pub(crate) mod totals;
pub(crate) mod value;
pub mod window;

use std::collections::HashSet;
use std::sync::Arc;

use crate::event::field::Fields;
use crate::metrics::window::lanes::Lanes;
use crate::metrics::window::pane_of;
use crate::metrics::window::store::{Amount, Entry, Windows};
use crate::metrics::window::timing::{Times, Untimed};
use crate::spec::{RuleError, Spec, WindowsSpec};

use groups::{Part, Target};
use interner::Interner;
use label_sets::Links;
use lane_recorder::{Noted, EVENT, MOVES};
use plan::{compile, Compiled, Plan, Question};
use totals::{Family, Moment};

pub use crate::metrics::window::lanes::LaneId;
pub use crate::metrics::window::store::TimeDomain;
pub use lane_recorder::Observer;

/// How often series without events are looked for, in seconds of the arrival clock.
const EXPIRY_SECONDS: f64 = 10.0;
/// Most distinct names that `record` remembers to have replaced.
const RECORDED_NAMES_MAX: usize = 4096;

/// What one threshold reads at one tick for one label set.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub threshold: String,
    /// The threshold's `group_by` labels, without those a recorded value did not have.
    pub labels: Vec<(String, String)>,
    pub value: f64,
    /// Events behind the value; of a ratio, those of the denominator.
    pub samples: u64,
}

#[derive(Debug)]
pub struct Metrics {
    plan: Arc<Plan>,
    families: Vec<Family>,
    questions: Vec<Question>,
    interner: Interner,
    windows: Windows,
    lanes: Lanes,
    /// Names that values were recorded under.
    recorded: HashSet<String>,
    spec: WindowsSpec,
    series_max: usize,
    series_ttl_seconds: f64,
    expired_at: f64,
    expired: u64,
    overflowed: u64,
}

impl Metrics {
    /// Compile the spec's metrics and thresholds; the field paths they need are added to `fields`.
    ///
    /// Lanes, the watermark, counters, and the totals and windows whose definitions are unchanged are copied from
    /// `previous`, which stays as it is: what it counts afterwards is its own.
    ///
    /// # Errors
    /// `RuleError` with the metric's or threshold's name.
    pub fn new(spec: &Spec, fields: &mut Fields, previous: Option<&Self>) -> Result<Self, RuleError> {
        let Compiled { plan, families, windows, questions, longest_seconds } = compile(spec, fields)?;
        let mut new = Self {
            plan: Arc::new(plan),
            families: families.into_iter().map(Family::new).collect(),
            questions,
            interner: previous.map(|previous| previous.interner.clone()).unwrap_or_default(),
            windows: Windows::new(windows, &spec.windows, spec.metrics.series_max, longest_seconds),
            lanes: Lanes::default(),
            recorded: HashSet::new(),
            spec: spec.windows.clone(),
            series_max: spec.metrics.series_max,
            series_ttl_seconds: spec.metrics.series_ttl_seconds,
            expired_at: f64::NEG_INFINITY,
            expired: 0,
            overflowed: 0,
        };
        if let Some(previous) = previous {
            new.adopt(previous);
        }
        Ok(new)
    }

    /// Copy what is unchanged; release the label values of what is not.
    fn adopt(&mut self, old: &Self) {
        self.lanes = old.lanes.clone();
        self.recorded = old.recorded.clone();
        (self.expired_at, self.expired, self.overflowed) = (old.expired_at, old.expired, old.overflowed);
        let interner = &mut self.interner;
        for family in &old.families {
            match self.families.iter_mut().find(|new| new.definition == family.definition) {
                Some(same) => same.table = family.table.clone(),
                None => family.table.release(interner),
            }
        }
        self.windows.adopt(&old.windows, interner);
        for name in &self.recorded {
            self.windows.replace(name, interner);
        }
    }

    /// The lane of that name; the same one each time, also over a reload.
    pub fn lane(&mut self, name: &str) -> LaneId {
        self.lanes.lane(name)
    }

    /// Nothing more comes by that lane.
    pub fn close_lane(&mut self, name: &str) {
        self.lanes.close(name);
    }

    /// What a lane notes its events with, to be merged here only.
    pub fn observer(&self) -> Observer {
        let windowed = !self.windows.list.is_empty();
        Observer::new(Arc::clone(&self.plan), self.families.len(), windowed)
    }

    /// A batch of this lane was observed.
    pub fn arrive(&mut self, lane: LaneId, times: &Times, arrival_seconds: f64) {
        self.lanes.arrive(lane, times, arrival_seconds);
        self.expire();
    }

    /// Count what was observed of a batch, and empty the observer: totals always, windows by event time.
    pub fn merge(&mut self, observer: &mut Observer, arrival_seconds: f64) {
        self.lanes.tick(arrival_seconds);
        self.merge_totals(observer, arrival_seconds);
        self.merge_windows(observer);
        observer.noted.clear(&observer.plan.rules);
    }

    fn merge_totals(&mut self, observer: &mut Observer, arrival_seconds: f64) {
        let Self { families, interner, lanes, series_max, overflowed, .. } = self;
        let Observer { plan, noted: Noted { labels, keys, links, columns, .. }, .. } = observer;
        let clock_seconds = lanes.clock().unwrap_or(arrival_seconds);
        for (family, column) in families.iter_mut().zip(columns) {
            let mut locate = |family: &mut Family, links: &mut [Links], update: usize, series: u32| {
                let key = &keys[usize::from(plan.rules.updates[update].key)];
                let texts = || key.ids(series).iter().map(|id| labels.texts.text(*id));
                links[update].locate(series, &mut family.table, texts, interner, *series_max, |_| true)
            };
            for series in &column.touched {
                let events = column.events[*series as usize];
                let Some((at, over)) = locate(family, links, column.counting, *series) else { continue };
                family.count_events(at, events, clock_seconds);
                *overflowed += if over { events } else { 0 };
            }
            for sample in &column.samples {
                let update = sample.update as usize;
                // Most are of a series that was there before.
                let known = links[update].known(sample.series, &family.table);
                let Some((at, over)) = known.or_else(|| locate(family, links, update, sample.series)) else { continue };
                family.count(at, sample.value, Moment { time_seconds: sample.time_seconds, clock_seconds });
                *overflowed += u64::from(over);
            }
        }
    }

    fn merge_windows(&mut self, observer: &mut Observer) {
        let Self { windows, interner, lanes, .. } = self;
        let Observer { plan, noted: Noted { labels, keys, links, log, .. }, .. } = observer;
        let mut pane = None;
        for seen in log.iter() {
            if seen.update == EVENT {
                pane = windows.admit(seen.value, seen.series == MOVES, lanes.known());
                continue;
            }
            let update = &plan.rules.updates[seen.update as usize];
            let (Target::Window(window, part), Some(pane)) = (update.target, pane) else { continue };
            if windows.list[window].domain == TimeDomain::Recorded {
                continue;
            }
            let amount = match part {
                Part::Base => Amount::Base,
                Part::Hit => Amount::Hit,
                Part::Sample => Amount::Sample(seen.value),
            };
            let key = &keys[usize::from(update.key)];
            let texts = || key.ids(seen.series).iter().map(|id| labels.texts.text(*id));
            let entry = Entry { window, pane, amount, series: seen.series };
            windows.add(entry, &mut links[seen.update as usize], texts, interner);
        }
    }

    /// Add one value to the windows of `metric`. From the first one on, events no longer fill them.
    pub fn record(&mut self, metric: &str, value: f64, labels: &[(&str, &str)], time_seconds: f64) {
        if !value.is_finite() {
            return;
        }
        if !self.recorded.contains(metric) && self.recorded.len() < RECORDED_NAMES_MAX {
            self.recorded.insert(metric.to_owned());
            self.windows.replace(metric, &mut self.interner);
        }
        let time = self.lanes.recorded(time_seconds, self.spec.future_skew_seconds);
        let pane = pane_of(time);
        let asked = |window: &usize| self.windows.list[*window].metric == metric;
        let windows: Vec<usize> = (0..self.windows.list.len()).filter(asked).collect();
        if self.windows.is_old(pane) {
            self.windows.losses.late_dropped += u64::from(!windows.is_empty());
            return;
        }
        for window in windows {
            let group_by = &self.windows.list[window].group_by;
            let text = |name: &String| labels.iter().find(|(known, _)| known == name).map_or("", |(_, text)| *text);
            let texts: Vec<String> = group_by.iter().map(|name| labels::clean(text(name))).collect();
            let entry = Entry { window, pane, amount: Amount::Sample(value), series: 0 };
            let texts = || texts.iter().map(String::as_str);
            self.windows.add(entry, &mut Links::default(), texts, &mut self.interner);
        }
    }

    /// Event time up to which windows are complete; `None` before the first event. Never moves back.
    pub fn watermark(&mut self, now_seconds: f64) -> Option<f64> {
        let recorded = self.windows.list.iter().any(|window| self.recorded.contains(&window.metric));
        let watermark = self.lanes.watermark(now_seconds, &self.spec, recorded);
        self.expire();
        watermark
    }

    /// Each threshold over [tick - window, tick), per label set that has samples; the tick is aligned down.
    pub fn evaluate(&mut self, tick_seconds: f64) -> Vec<Reading> {
        let mut rows = self.evaluate_domain(TimeDomain::Events, tick_seconds);
        rows.extend(self.evaluate_domain(TimeDomain::Recorded, tick_seconds));
        rows
    }

    /// Only the thresholds whose windows are filled so. Recorded ones may tick by the wall clock.
    pub fn evaluate_domain(&mut self, domain: TimeDomain, tick_seconds: f64) -> Vec<Reading> {
        let mut rows = Vec::new();
        if tick_seconds.is_nan() || tick_seconds.abs() > crate::limits::EVENT_SECONDS_MAX {
            return rows;
        }
        let until = pane_of(tick_seconds);
        self.windows.tick(domain, until, &mut self.interner);
        for question in &self.questions {
            let window = &self.windows.list[question.window];
            if window.domain != domain {
                continue;
            }
            let aggregate = match domain {
                TimeDomain::Events => question.of_events,
                TimeDomain::Recorded => question.of_recorded,
            };
            let names = window.group_by.clone();
            let interner = &self.interner;
            let first = rows.len();
            self.windows.read(question.window, aggregate, until - question.panes, until, |key, value, samples| {
                let texts = key.iter().map(|id| interner.text(*id).to_owned());
                let labels = names.iter().cloned().zip(texts).filter(|(_, text)| !text.is_empty()).collect();
                rows.push(Reading { threshold: question.name.clone(), labels, value, samples });
            });
            rows[first..].sort_by(|a: &Reading, b: &Reading| a.labels.cmp(&b.labels));
        }
        rows
    }

    /// Start of the oldest pane kept of a time domain, in seconds: ticks up to it have nothing to read and may be skipped in
    /// one step.
    pub fn oldest_pane_seconds(&self, domain: TimeDomain) -> Option<f64> {
        self.windows.oldest_pane(domain).map(|pane| pane as f64 * crate::limits::PANE_SECONDS)
    }

    /// Each threshold and who fills its window: that decides by which clock it ticks.
    pub fn time_domains(&self) -> Vec<(String, TimeDomain)> {
        self.questions.iter().map(|asked| (asked.name.clone(), self.windows.list[asked.window].domain)).collect()
    }

    /// Append the cumulative families as Prometheus text 0.0.4. Families without series are left out.
    pub fn totals(&self, out: &mut Vec<u8>) {
        self.families.iter().for_each(|family| family.write(&self.interner, out));
    }

    /// Seconds each lane's newest event is behind the clock; lanes with events only.
    pub fn lanes_behind(&self, now_seconds: f64) -> Vec<(String, f64)> {
        self.lanes.behind(now_seconds)
    }

    /// What the metrics say about themselves, by name.
    pub fn state(&self) -> Vec<(&'static str, f64)> {
        let losses = self.windows.losses;
        let series: usize = self.families.iter().map(|family| family.table.series().len()).sum();
        let mut state = vec![
            ("series", series as f64),
            ("window_series", self.windows.series() as f64),
            ("window_bytes", self.windows.bytes() as f64),
            // Events, once per metric, that went to an `__overflow__` series.
            ("overflowed", (self.overflowed + losses.overflowed) as f64),
            // Series that left after `series_ttl_seconds`, and windows' series that left with their last pane.
            ("expired", self.expired as f64),
            ("window_evicted", losses.evicted as f64),
            // Events behind the watermark, merged; older than every kept pane; ahead of their arrival.
            ("late", losses.late as f64),
            ("late_dropped", losses.late_dropped as f64),
            ("future", self.lanes.future as f64),
            // Values that windows refused because of `bytes_max`, and events that they gave up before a tick asked for them.
            ("window_dropped", losses.dropped as f64),
            ("unjudged", losses.unjudged as f64),
            ("senders_forgotten", self.lanes.forgotten as f64),
        ];
        // Events without a time of their own, by reason.
        let untimed = Untimed::ALL.iter().zip(self.lanes.untimed);
        state.extend(untimed.map(|(reason, count)| (reason.state(), count as f64)));
        state
    }

    /// Drop series of totals that had no event for `series_ttl_seconds`: they disappear whole, no counter goes back.
    fn expire(&mut self) {
        let Some(clock) = self.lanes.clock().filter(|clock| *clock >= self.expired_at + EXPIRY_SECONDS) else { return };
        self.expired_at = clock;
        let oldest = clock - self.series_ttl_seconds;
        for family in &mut self.families {
            let gone = family.table.retain(|series, _| series.seen >= oldest, &mut self.interner);
            self.expired += gone as u64;
        }
    }
}
