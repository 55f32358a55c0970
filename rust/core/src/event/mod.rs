//! Events. Problem: rules ask each line for some fields, whatever the service calls them. Idea: every wanted path has a slot
//! and is looked up once a line, over the tape; a semantic field (level, status, duration) is the first alias that is there.
//!
//! ```text
//! tape -> extract: slot -> node -> semantic_fields: level is slot 3 -> view: Value, after redaction -> expr, metrics
//! ```
//!
//! More: `docs/internals/parsing.md`.

pub mod expr;
pub mod extract;
pub mod field;
pub(crate) mod number;
pub mod semantic_fields;
pub mod time;
pub(crate) mod value_format;
pub mod view;

use std::borrow::Cow;

use crate::event::field::Source;

/// A field's value, after redaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Missing,
    Null,
    Bool(bool),
    /// A JSON number. `duration` is already in seconds and `time` in seconds since the epoch.
    Number(f64),
    /// Decoded text; valid UTF-8.
    Text(Cow<'a, [u8]>),
    /// An object or array.
    Container,
}

impl Value<'_> {
    /// A finite number, also one written as text.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number).filter(|number| number.is_finite()),
            Self::Text(text) => crate::event::number::text(text),
            _ => None,
        }
    }

    /// Neither missing nor null.
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Missing | Self::Null)
    }
}

/// What a value is as written, of values that mean what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    Missing,
    Null,
    /// An object or array.
    Container,
    Text,
    Number,
    Bool,
}

/// A value as it stands in a text.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    pub form: Form,
    /// With what is around it, which may be read but means nothing.
    pub text: &'a [u8],
    pub start: usize,
    pub end: usize,
}

impl<'a> Written<'a> {
    /// A value whose form says it all.
    #[inline(always)]
    pub fn bare(form: Form) -> Self {
        Self { form, text: b"", start: 0, end: 0 }
    }

    /// Missing, null or a container.
    #[inline(always)]
    pub fn is_nothing(&self) -> bool {
        matches!(self.form, Form::Missing | Form::Null | Form::Container)
    }

    #[inline(always)]
    pub fn raw(&self) -> &'a [u8] {
        &self.text[self.start..self.end]
    }

    /// Its bytes, if it is text.
    #[inline(always)]
    pub fn as_text(&self) -> Option<&'a [u8]> {
        (self.form == Form::Text).then(|| self.raw())
    }
}

/// One event as rules see it.
pub trait Event {
    fn value(&self, source: Source) -> Value<'_>;

    /// `Value::number` of the value.
    fn number(&self, source: Source) -> Option<f64> {
        self.value(source).number()
    }

    /// `Value::is_there` of the value.
    fn is_there(&self, source: Source) -> bool {
        self.value(source).is_there()
    }

    /// The value as its bytes in the line: equal ones of one source are equal values, so that what they mean can be
    /// remembered. `None` where the bytes do not say it all (redacted, escaped, in a unit): ask `value`.
    fn written(&self, _: Source) -> Option<Written<'_>> {
        None
    }

    /// The time it counts for, in seconds since the Unix epoch: its own, or that of its sender.
    fn time_seconds(&self) -> f64;
}

/// A line that is no JSON object: it has a time and no fields, so that it counts with level UNKNOWN.
#[derive(Clone, Copy, Debug)]
pub struct Fieldless {
    pub time_seconds: f64,
}

impl Event for Fieldless {
    fn value(&self, _: Source) -> Value<'_> {
        Value::Missing
    }

    fn time_seconds(&self) -> f64 {
        self.time_seconds
    }
}
