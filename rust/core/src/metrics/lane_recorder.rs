//! What one lane sees, written down without a lock: which label set of which update each event has, and its value.
//! `Metrics::merge` counts it, each family and all windows in the order of the events.

use std::sync::Arc;

use super::groups::{Rules, Target};
use super::label_sets::{Keys, Links};
use super::labels::Labels;
use super::match_cache::{Done, Outcome, Outcomes, Set, NO_FAMILY};
use super::plan::Plan;
use crate::event::Event;
use crate::limits::LABELS_MAX;

/// Label sets and label values remembered from batch to batch; with more, all are forgotten. 16,384 take about 1 MB.
const KNOWN_MAX: usize = 16_384;
/// Samples and observations after which a batch must be merged before it goes on. 65,536 take 1.5 MiB at most.
const OBSERVATIONS_MAX: usize = 65_536;

/// For windows: one event (its time in seconds), or one value that it adds to an update's series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    /// Index into the rules' updates; `EVENT` begins an event.
    pub update: u32,
    /// Number of the label set among those of the update's key. Of an event: `MOVES` or `STAYS`.
    pub series: u32,
    pub value: f64,
}

pub(super) const EVENT: u32 = u32::MAX;
/// The event may move the floor of the windows, or may not.
pub(super) const MOVES: u32 = 0;
const STAYS: u32 = 1;

/// One value for a family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub update: u32,
    pub series: u32,
    /// When the event was, in seconds.
    pub time_seconds: f64,
    pub value: f64,
}

/// What one family gets of a batch. Families do not know of each other, so that each is filled in one go.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// The update that counts events, if one does.
    pub counting: usize,
    /// Series by first event, and the events of each series by number.
    pub touched: Vec<u32>,
    pub events: Vec<u64>,
    pub samples: Vec<Sample>,
}

impl Column {
    #[inline(always)]
    fn count(&mut self, series: u32) {
        match self.events.get_mut(series as usize) {
            Some(events) if *events > 0 => *events += 1,
            _ => self.count_first(series),
        }
    }

    #[inline(never)]
    fn count_first(&mut self, series: u32) {
        let at = series as usize;
        if self.events.len() <= at {
            self.events.resize(at + 1, 0);
        }
        let events = &mut self.events[at];
        if *events == 0 {
            self.touched.push(series);
        }
        *events += 1;
    }
}

#[derive(Debug)]
pub struct Observer {
    pub(super) plan: Arc<Plan>,
    pub(super) noted: Noted,
    outcomes: Outcomes,
    /// Whether there are windows, which must hear of every event.
    windowed: bool,
}

/// What is written down. Read by `Metrics::merge`.
#[derive(Debug)]
pub(super) struct Noted {
    pub labels: Labels,
    /// One per list of labels.
    pub keys: Vec<Keys>,
    /// One per update.
    pub links: Vec<Links>,
    /// One per family.
    pub columns: Vec<Column>,
    /// For the windows, in order: they share one budget.
    pub log: Vec<Observation>,
    /// Samples in the columns.
    samples: usize,
    /// Counts how often label sets were forgotten: their numbers are given away again.
    generation: u64,
    /// This event's own number, from 1.
    epoch: u64,
    /// Of each list of labels, the last event that asked and its label set.
    read_keys: Vec<(u64, u32)>,
    /// Of each value, the last event that asked and its number.
    read_values: Vec<(u64, Option<f64>)>,
}

impl Observer {
    pub(super) fn new(plan: Arc<Plan>, families: usize, windowed: bool) -> Self {
        let rules = &plan.rules;
        let mut columns: Vec<Column> = (0..families).map(|_| Column::default()).collect();
        for (index, update) in rules.updates.iter().enumerate() {
            if let (Target::Family(family), None) = (update.target, update.value) {
                columns[family].counting = index;
            }
        }
        let noted = Noted {
            labels: Labels::new(&rules.labels),
            keys: rules.labels.keys.iter().map(|labels| Keys::new(labels.len())).collect(),
            links: rules.updates.iter().map(|_| Links::default()).collect(),
            columns,
            log: Vec::new(),
            samples: 0,
            generation: 0,
            epoch: 0,
            read_keys: vec![(0, 0); rules.labels.keys.len()],
            read_values: vec![(0, None); rules.values.len()],
        };
        let outcomes = Outcomes::new(plan.index.sets.len());
        Self { plan, noted, outcomes, windowed }
    }

    /// Note one event; `moves`: its time may move the floor of the windows.
    pub fn observe<E: Event + ?Sized>(&mut self, event: &E, moves: bool) {
        let Self { plan, noted, outcomes, .. } = self;
        let Plan { rules, index } = &**plan;
        noted.epoch += 1;
        let time = event.time_seconds();
        if self.windowed {
            let series = if moves { MOVES } else { STAYS };
            noted.log.push(Observation { update: EVENT, series, value: time });
        }
        let (all, named) = index.sets(event);
        if let Some(set) = all {
            noted.meet(rules, set, outcomes, event);
        }
        if let Some(set) = named {
            noted.meet(rules, set, outcomes, event);
        }
        for set in [all, named].into_iter().flatten().filter(|set| !set.others.is_empty()) {
            noted.ask(rules, &set.others, event);
        }
    }

    /// Whether no more may be observed before a merge.
    pub fn is_full(&self) -> bool {
        let Noted { log, samples, .. } = &self.noted;
        log.len() + samples >= OBSERVATIONS_MAX
    }

    /// Forget what was not merged.
    pub fn discard(&mut self) {
        self.noted.discard();
    }
}

impl Noted {
    /// Note what an event does to the groups of a set that go by its values.
    #[inline(always)]
    fn meet<E: Event + ?Sized>(&mut self, rules: &Rules, set: &Set, outcomes: &mut Outcomes, event: &E) {
        let alike = match outcomes.of(set, event, self.generation) {
            Outcome::Known(known) => known,
            Outcome::New => outcomes.learn(self.done(rules, &set.alike, event)),
            Outcome::Unlike => return self.ask(rules, &set.alike, event),
        };
        for done in outcomes.done(alike) {
            match self.columns.get_mut(done.counted as usize) {
                Some(column) => column.count(done.series),
                None => self.note(rules, done.update, done.series, event),
            }
        }
    }

    /// What an event does to groups whose updates its label sets decide.
    #[inline(never)]
    fn done<E: Event + ?Sized>(&mut self, rules: &Rules, groups: &[u32], event: &E) -> Vec<Done> {
        let met = groups.iter().map(|group| &rules.groups[*group as usize]).filter(|group| group.meets(event));
        let updates = met.flat_map(|group| &group.updates);
        let done = |index: &u32| {
            let update = &rules.updates[*index as usize];
            let counted = match (update.target, update.value) {
                (Target::Family(family), None) => family as u32,
                _ => NO_FAMILY,
            };
            Done { update: *index, series: self.series(rules, update.key, event), counted }
        };
        updates.map(done).collect()
    }

    /// Ask each of the groups whether the event meets it, and note what it does there.
    fn ask<E: Event + ?Sized>(&mut self, rules: &Rules, groups: &[u32], event: &E) {
        for group in groups.iter().map(|group| &rules.groups[*group as usize]).filter(|group| group.meets(event)) {
            for &index in &group.updates {
                let update = &rules.updates[index as usize];
                if update.value.is_none_or(|value| self.value(rules, value, event).is_some()) {
                    let series = self.series(rules, update.key, event);
                    self.note(rules, index, series, event);
                }
            }
        }
    }

    /// Note what one update does: nothing where the event lacks its value.
    #[inline(always)]
    fn note<E: Event + ?Sized>(&mut self, rules: &Rules, index: u32, series: u32, event: &E) {
        let update = &rules.updates[index as usize];
        let value = match update.value {
            None => None,
            Some(value) => match self.value(rules, value, event) {
                None => return,
                read => read,
            },
        };
        match (update.target, value) {
            (Target::Family(family), None) => self.columns[family].count(series),
            (Target::Family(family), Some(value)) => {
                let time_seconds = event.time_seconds();
                self.columns[family].samples.push(Sample { update: index, series, time_seconds, value });
                self.samples += 1;
            }
            (Target::Window(..), value) => {
                self.log.push(Observation { update: index, series, value: value.unwrap_or(1.0) });
            }
        }
    }

    #[inline(always)]
    fn value<E: Event + ?Sized>(&mut self, rules: &Rules, index: u16, event: &E) -> Option<f64> {
        let read = &mut self.read_values[usize::from(index)];
        if read.0 != self.epoch {
            *read = (self.epoch, rules.values[usize::from(index)].read(event));
        }
        read.1
    }

    #[inline(never)]
    fn series<E: Event + ?Sized>(&mut self, rules: &Rules, key: u16, event: &E) -> u32 {
        let index = usize::from(key);
        let (epoch, number) = self.read_keys[index];
        if epoch == self.epoch {
            return number;
        }
        let Self { labels, keys, epoch, .. } = self;
        let mut ids = [0; LABELS_MAX];
        labels.ids(&rules.labels, &rules.labels.keys[index], event, *epoch, &mut ids);
        let number = keys[index].number(&ids);
        self.read_keys[index] = (self.epoch, number);
        number
    }

    fn discard(&mut self) {
        for column in &mut self.columns {
            column.touched.drain(..).for_each(|series| column.events[series as usize] = 0);
            column.samples.clear();
        }
        self.log.clear();
        self.samples = 0;
    }

    /// All is counted: begin anew, and forget label sets when there are too many.
    pub fn clear(&mut self, rules: &Rules) {
        self.discard();
        let known = self.labels.texts.known() + self.keys.iter().map(Keys::known).sum::<usize>();
        if known > KNOWN_MAX {
            self.generation += 1;
            self.labels.clear(&rules.labels);
            self.keys.iter_mut().for_each(Keys::clear);
            self.links.iter_mut().for_each(Links::forget);
            self.columns.iter_mut().for_each(|column| column.events.clear());
        }
    }
}
