//! The compiled tree and what it means for one event. No allocation, no panic, work bounded by the expression's size.

use std::cmp::Ordering;
use std::io::Write;

use regex_automata::meta::Regex;

use super::level::Level;
use crate::event::field::Source;
use crate::event::{Event, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    /// `None` means that the two cannot be compared: they are unequal and in no order.
    fn holds(self, ordering: Option<Ordering>) -> bool {
        match ordering {
            None => self == Self::Ne,
            Some(Ordering::Less) => matches!(self, Self::Lt | Self::Le | Self::Ne),
            Some(Ordering::Equal) => matches!(self, Self::Eq | Self::Le | Self::Ge),
            Some(Ordering::Greater) => matches!(self, Self::Gt | Self::Ge | Self::Ne),
        }
    }

    #[inline(always)]
    fn number(self, found: Option<f64>, wanted: f64) -> bool {
        self.holds(found.and_then(|found| found.partial_cmp(&wanted)))
    }
}

#[derive(Debug, Clone)]
pub enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// Neither missing nor null.
    Exists(Source),
    Test(Source, Test),
}

#[derive(Debug, Clone)]
pub enum Test {
    /// The text, and the number it spells if it does: a number in the field is compared with that.
    Text(Op, Vec<u8>, Option<f64>),
    Number(Op, f64),
    Level(Op, Level),
    /// Equal (or, when false, unequal) to the boolean.
    Bool(bool, bool),
    Null(bool),
    Pattern(Regex),
    OneOf(Vec<Test>),
}

impl Node {
    pub fn matches<E: Event + ?Sized>(&self, event: &E) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.leaf(event).unwrap_or_else(|| node.matches(event))),
            Self::Any(nodes) => nodes.iter().any(|node| node.leaf(event).unwrap_or_else(|| node.matches(event))),
            Self::Not(node) => !node.matches(event),
            Self::Exists(source) => event.is_there(*source),
            Self::Test(source, test) => test.holds_of(event, *source),
        }
    }

    pub fn sources(&self, sources: &mut Vec<Source>) {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().for_each(|node| node.sources(sources)),
            Self::Not(node) => node.sources(sources),
            Self::Exists(source) | Self::Test(source, _) => sources.push(*source),
        }
    }

    /// What most nodes are, without a call for each.
    #[inline(always)]
    fn leaf<E: Event + ?Sized>(&self, event: &E) -> Option<bool> {
        match self {
            Self::Exists(source) => Some(event.is_there(*source)),
            Self::Test(source, Test::Number(op, wanted)) => Some(op.number(event.number(*source), *wanted)),
            _ => None,
        }
    }
}

impl Test {
    /// What `holds` says of the source's value, without making one where that is not needed.
    #[inline(always)]
    fn holds_of<E: Event + ?Sized>(&self, event: &E, source: Source) -> bool {
        match self {
            Self::Number(op, wanted) => {
                return op.number(event.number(source), *wanted);
            }
            Self::Text(op @ (Op::Eq | Op::Ne), wanted, _) => {
                if let Some(text) = event.written(source).and_then(|written| written.as_text()) {
                    return (text == wanted.as_slice()) == (*op == Op::Eq);
                }
            }
            Self::Level(op, wanted) => {
                if let Some(text) = event.written(source).and_then(|written| written.as_text()) {
                    return op.holds(Level::from_text(text).map(|level| level.cmp(wanted)));
                }
            }
            _ => {}
        }
        self.holds_of_value(event, source)
    }

    /// Apart, so that its frame is not set up for what needs no value.
    #[inline(never)]
    fn holds_of_value<E: Event + ?Sized>(&self, event: &E, source: Source) -> bool {
        self.holds(&event.value(source))
    }

    fn holds(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Text(op, wanted, number) => op.holds(match value {
                Value::Text(text) => Some(text.as_ref().cmp(wanted.as_slice())),
                Value::Number(found) => number.and_then(|number| found.partial_cmp(&number)),
                _ => None,
            }),
            Self::Number(op, wanted) => op.number(value.number(), *wanted),
            Self::Level(op, wanted) => op.holds(Level::from_value(value).map(|level| level.cmp(wanted))),
            Self::Bool(equal, wanted) => matches!(value, Value::Bool(found) if found == wanted) == *equal,
            Self::Null(equal) => matches!(value, Value::Null) == *equal,
            Self::Pattern(pattern) => match value {
                Value::Text(text) => pattern.is_match(text.as_ref()),
                Value::Number(number) => pattern_on_number(pattern, *number),
                _ => false,
            },
            Self::OneOf(tests) => tests.iter().any(|test| test.holds(value)),
        }
    }
}

/// A number is searched as its shortest decimal. Those of more than 32 characters match nothing.
fn pattern_on_number(pattern: &Regex, number: f64) -> bool {
    let mut room = [0_u8; 32];
    let mut rest = room.as_mut_slice();
    if write!(rest, "{number}").is_err() {
        return false;
    }
    let free = rest.len();
    pattern.is_match(&room[..room.len() - free])
}
