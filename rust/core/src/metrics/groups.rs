//! What every event is asked: groups of updates behind one shared condition each.

use super::labels::{index_of, Label, LabelPlan};
use super::value::ValueOf;
use crate::event::expr::Expr;
use crate::event::Event;

/// How an update fills its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Sample,
    Base,
    Hit,
}

/// What an update adds to, by its index in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Family(usize),
    Window(usize, Part),
}

/// One family or window to be updated by an event.
#[derive(Debug)]
pub struct Update {
    pub target: Target,
    /// Index into the lists of labels.
    pub key: u16,
    /// Index into the values; `None`: one per event.
    pub value: Option<u16>,
}

/// Updates of the events that meet one condition.
#[derive(Debug)]
pub struct Group {
    /// Value of the event role that all of its events have.
    pub event: Option<Vec<u8>>,
    pub condition: Option<Expr>,
    /// Indices into the updates: families first, then windows.
    pub updates: Vec<u32>,
}

impl Group {
    /// Whether an event with its name meets its condition.
    pub fn meets<E: Event + ?Sized>(&self, event: &E) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.matches(event))
    }
}

/// What every event is asked. Does not change while an engine lives, so that lanes share it without a lock.
#[derive(Debug, Default)]
pub struct Rules {
    pub groups: Vec<Group>,
    pub updates: Vec<Update>,
    pub labels: LabelPlan,
    pub values: Vec<ValueOf>,
}

impl Rules {
    /// Add what the events of `group` update.
    pub fn update(&mut self, group: usize, target: Target, labels: Vec<Label>, value: Option<ValueOf>) {
        let key = self.labels.key(labels);
        let value = value.map(|value| index_of(&mut self.values, value));
        self.groups[group].updates.push(self.updates.len() as u32);
        self.updates.push(Update { target, key, value });
    }
}
