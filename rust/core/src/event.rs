//! What a parsed line means: fields by path, roles by alias. Read-only views over text, tape and edits.

use std::borrow::Cow;

/// Index of a field path in `Fields`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u16);

/// What a field is for, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    Time,
    Level,
    Message,
    Logger,
    Trace,
    Span,
    Event,
    Route,
    Method,
    Status,
    Duration,
    ErrorName,
    Provider,
}

/// What an expression or a label asks an event for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    Role(Role),
    Path(Slot),
}

/// A field's value, after redaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Missing,
    Null,
    Bool(bool),
    /// A JSON number. `duration` is already in seconds and `time` in seconds since the epoch.
    Number(f64),
    /// Decoded text; valid UTF-8 but for lone surrogates.
    Text(Cow<'a, [u8]>),
    /// An object or array.
    Container,
}

/// One event as rules see it.
pub trait Event {
    fn value(&self, source: Source) -> Value<'_>;
    /// Event time in seconds since the Unix epoch, arrival where the event has none; skew already clamped.
    fn time_seconds(&self) -> f64;
}
