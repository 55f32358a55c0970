//! What one lane sees, written down without a lock: which label set of which update each event has, and its value.
//! `Metrics::merge` counts it, in the same order.

use std::sync::Arc;

use super::compile::Rules;
use super::keys::{Keys, Links};
use super::labels::Labels;
use super::series::LABELS_MAX;
use crate::event::Event;
use crate::window::lanes;

/// Label sets and label values remembered from batch to batch; with more, all are forgotten. 16,384 take about 1 MB.
const KNOWN_MAX: usize = 16_384;
/// Observations after which a batch must be merged before it goes on. 65,536 take 1 MiB.
const OBSERVATIONS_MAX: usize = 65_536;

/// One event (its time in seconds), or one value that it adds to an update's series.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// Index into the rules' updates; `EVENT` begins an event.
    pub update: u32,
    /// Number of the label set among those of the update's key.
    pub series: u32,
    pub value: f64,
}

pub const EVENT: u32 = u32::MAX;

#[derive(Debug)]
pub struct Observer {
    pub(super) rules: Arc<Rules>,
    pub(super) noted: Noted,
    future_skew_seconds: f64,
}

/// What is written down. Read by `Metrics::merge`.
#[derive(Debug)]
pub(super) struct Noted {
    pub labels: Labels,
    /// One per list of labels.
    pub keys: Vec<Keys>,
    /// One per update.
    pub links: Vec<Links>,
    pub log: Vec<Observation>,
    /// Events whose time was ahead of their arrival by more than the skew allowed.
    pub future: u64,
    /// This event's own number, from 1.
    epoch: u64,
    /// Of each list of labels, the last event that asked and its label set.
    read_keys: Vec<(u64, u32)>,
    /// Of each value, the last event that asked and its number.
    read_values: Vec<(u64, Option<f64>)>,
}

impl Observer {
    pub(super) fn new(rules: Arc<Rules>, future_skew_seconds: f64) -> Self {
        let noted = Noted {
            labels: Labels::new(&rules.labels),
            keys: rules.labels.keys.iter().map(|labels| Keys::new(labels.len())).collect(),
            links: rules.updates.iter().map(|_| Links::default()).collect(),
            log: Vec::new(),
            future: 0,
            epoch: 0,
            read_keys: vec![(0, 0); rules.labels.keys.len()],
            read_values: vec![(0, None); rules.values.len()],
        };
        Self { rules, noted, future_skew_seconds }
    }

    /// The time an event counts for: its own, but the arrival where it has none or one that is further ahead of the
    /// arrival than the skew allowed, which is counted.
    pub fn clamp(&mut self, own_seconds: Option<f64>, arrival_seconds: f64) -> f64 {
        lanes::clamp(own_seconds, arrival_seconds, self.future_skew_seconds, &mut self.noted.future)
    }

    /// Note one event, whose time is clamped.
    pub fn observe<E: Event + ?Sized>(&mut self, event: &E) {
        let Self { rules, noted, .. } = self;
        noted.epoch += 1;
        noted.log.push(Observation { update: EVENT, series: 0, value: event.time_seconds() });
        for &group in rules.gates.groups(event) {
            let group = &rules.groups[group as usize];
            if group.condition.as_ref().is_some_and(|condition| !condition.matches(event)) {
                continue;
            }
            for &index in &group.updates {
                let update = &rules.updates[index as usize];
                let value = match update.value {
                    None => 1.0,
                    Some(value) => match noted.value(rules, value, event) {
                        Some(value) => value,
                        None => continue,
                    },
                };
                let series = noted.series(rules, update.key, event);
                noted.log.push(Observation { update: index, series, value });
            }
        }
    }

    /// Whether no more may be observed before a merge.
    pub fn is_full(&self) -> bool {
        self.noted.log.len() >= OBSERVATIONS_MAX
    }

    /// Forget what was not merged.
    pub fn discard(&mut self) {
        self.noted.log.clear();
        self.noted.future = 0;
    }
}

impl Noted {
    fn value<E: Event + ?Sized>(&mut self, rules: &Rules, index: u16, event: &E) -> Option<f64> {
        let read = &mut self.read_values[usize::from(index)];
        if read.0 != self.epoch {
            *read = (self.epoch, rules.values[usize::from(index)].read(event));
        }
        read.1
    }

    fn series<E: Event + ?Sized>(&mut self, rules: &Rules, key: u16, event: &E) -> u32 {
        let index = usize::from(key);
        if self.read_keys[index].0 != self.epoch {
            let mut room = [0; LABELS_MAX];
            let ids = self.labels.ids(&rules.labels, &rules.labels.keys[index], event, self.epoch, &mut room);
            self.read_keys[index] = (self.epoch, self.keys[index].number(ids));
        }
        self.read_keys[index].1
    }

    /// All is counted: empty the log, and forget label sets when there are too many.
    pub fn clear(&mut self, rules: &Rules) {
        self.log.clear();
        self.future = 0;
        let known = self.labels.texts.len() + self.keys.iter().map(Keys::len).sum::<usize>();
        if known > KNOWN_MAX {
            self.labels.clear(&rules.labels);
            self.keys.iter_mut().for_each(Keys::clear);
            self.links.iter_mut().for_each(Links::forget);
        }
    }
}
