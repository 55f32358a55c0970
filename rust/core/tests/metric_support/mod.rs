//! A fake event over JSON, and engines of metrics to feed it to.
#![allow(dead_code, clippy::unwrap_used)]

use std::borrow::Cow;

use headrig_core::event::field::{Fields, Role, Source};
use headrig_core::event::{Event, Value};
use headrig_core::metrics::window::timing::Times;
use headrig_core::metrics::{LaneId, Metrics, Observer, Reading};
use headrig_core::spec::{RuleError, Spec};

pub struct Fake<'a> {
    pub json: &'a serde_json::Value,
    pub paths: &'a [String],
    pub time_seconds: f64,
}

fn by_path<'a>(json: &'a serde_json::Value, path: &str) -> Value<'a> {
    let found = path.split('.').try_fold(json, |inner, key| inner.get(key));
    match json.get(path).or(found) {
        None => Value::Missing,
        Some(serde_json::Value::Null) => Value::Null,
        Some(serde_json::Value::Bool(value)) => Value::Bool(*value),
        Some(serde_json::Value::Number(number)) => Value::Number(number.as_f64().unwrap()),
        Some(serde_json::Value::String(text)) => Value::Text(Cow::Borrowed(text.as_bytes())),
        Some(_) => Value::Container,
    }
}

impl Event for Fake<'_> {
    fn value(&self, source: Source) -> Value<'_> {
        let path = match source {
            Source::Path(slot) => &self.paths[slot.0 as usize],
            Source::Role(Role::Time) => return Value::Number(self.time_seconds),
            Source::Role(Role::Duration) => match by_path(self.json, "duration") {
                Value::Number(ms) => return Value::Number(ms / 1e3),
                other => return other,
            },
            Source::Role(Role::ErrorName) => "error.name",
            Source::Role(role) => match role {
                Role::Level => "level",
                Role::Logger => "logger",
                Role::Event => "event",
                Role::Route => "route",
                Role::Method => "method",
                Role::Status => "status",
                Role::Provider => "provider",
                _ => "message",
            },
        };
        by_path(self.json, path)
    }

    fn time_seconds(&self) -> f64 {
        self.time_seconds
    }
}

/// Metrics and the paths their events are asked for.
pub struct Bench {
    pub metrics: Metrics,
    pub observer: Observer,
    pub fields: Fields,
    pub lane: LaneId,
}

impl Bench {
    pub fn new(spec: serde_json::Value) -> Self {
        Self::after(None, spec).unwrap()
    }

    pub fn after(previous: Option<&Bench>, spec: serde_json::Value) -> Result<Self, RuleError> {
        let spec = Spec::parse(spec.to_string().as_bytes())?;
        let mut fields = Fields::default();
        let mut metrics = Metrics::new(&spec, &mut fields, previous.map(|bench| &bench.metrics))?;
        let lane = metrics.lane("test");
        Ok(Self { observer: metrics.observer(), metrics, fields, lane })
    }

    /// One event in a batch of its own that arrives at `time`.
    pub fn event(&mut self, time: f64, json: serde_json::Value) {
        self.event_on(self.lane, time, time, &json);
    }

    pub fn event_on(&mut self, lane: LaneId, time: f64, arrival: f64, json: &serde_json::Value) {
        self.observe(time, json);
        self.merge(lane, Some(time), arrival);
    }

    /// One event of a batch that is merged later.
    pub fn observe(&mut self, time_seconds: f64, json: &serde_json::Value) {
        self.observer.observe(&Fake { json, paths: &self.fields.paths, time_seconds }, true);
    }

    pub fn merge(&mut self, lane: LaneId, newest: Option<f64>, arrival: f64) {
        self.metrics.merge(&mut self.observer, arrival);
        self.metrics.arrive(lane, &Times { newest, ..Times::default() }, arrival);
    }

    pub fn totals(&self) -> String {
        let mut out = Vec::new();
        self.metrics.totals(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// The value of one sample line of the totals, by its name and labels as written.
    pub fn total(&self, sample: &str) -> Option<f64> {
        let totals = self.totals();
        let line = totals.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }

    pub fn state(&self, name: &str) -> f64 {
        self.metrics.state().into_iter().find(|(known, _)| *known == name).unwrap().1
    }
}

/// Readings as `threshold{label=value}`, value, samples.
pub fn shown(rows: &[Reading]) -> Vec<(String, f64, u64)> {
    let text = |row: &Reading| {
        let labels: Vec<String> = row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}{{{}}}", row.threshold, labels.join(","))
    };
    rows.iter().map(|row| (text(row), row.value, row.samples)).collect()
}
