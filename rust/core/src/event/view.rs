//! One line as rules see it: values of roles and fields, after redaction.

use std::borrow::Cow;

use crate::event::field::{Role, Source};
use crate::event::number;
use crate::event::semantic_fields::{Alias, Roles};
use crate::event::time;
use crate::event::{Event, Form, Value, Written};
use crate::io::edit::Edits;
use crate::io::escape::Decoded;
use crate::json::tape::{Kind, Node};

/// One line as rules see it.
pub struct View<'a> {
    pub text: &'a [u8],
    pub nodes: &'a [Node],
    /// Per slot, from `Extractor::find`.
    pub found: &'a [u32],
    /// Settled.
    pub edits: &'a Edits,
    /// Resolved for `found`.
    pub roles: &'a Roles,
    pub time_seconds: f64,
}

impl View<'_> {
    /// The first alias that is present.
    pub fn role(&self, role: Role) -> Option<(Alias, u32)> {
        self.roles.get(role)
    }

    /// The node of a source's value, 0 where it is missing.
    #[inline(always)]
    fn place(&self, source: Source) -> u32 {
        match source {
            Source::Role(role) => self.roles.node(role),
            Source::Path(slot) => self.found[slot.0 as usize],
        }
    }

    #[inline(always)]
    fn edited(&self, start: usize, end: usize) -> bool {
        !self.edits.is_empty() && self.is_edited(start, end)
    }

    /// The value that begins there was taken out with its member.
    #[inline(always)]
    fn removed(&self, start: usize) -> bool {
        !self.edits.is_empty() && self.edits.within(start, start + 1).first().is_some_and(|edit| edit.is_removal())
    }

    #[inline(never)]
    fn is_edited(&self, start: usize, end: usize) -> bool {
        !self.edits.within(start, end).is_empty()
    }

    /// The bytes of a string that are its value as they stand, neither escaped nor edited.
    #[inline(always)]
    pub fn plain(&self, index: u32) -> Option<&[u8]> {
        let node = &self.nodes[index as usize];
        let (start, end) = (node.start as usize, node.end as usize);
        let plain = node.kind == Kind::String && !node.escaped && !self.edited(start, end);
        plain.then(|| &self.text[start..end])
    }

    /// A node's value, after redaction.
    pub fn node(&self, index: u32) -> Value<'_> {
        let node = &self.nodes[index as usize];
        let (start, end) = (node.start as usize, node.end as usize);
        let raw = &self.text[start..end];
        match node.kind {
            Kind::Null | Kind::NonFinite => Value::Null,
            _ if self.removed(start) => Value::Null,
            Kind::True => Value::Bool(true),
            Kind::False => Value::Bool(false),
            Kind::String | Kind::Number if self.edited(start, end) => {
                let mut edited = Vec::with_capacity(raw.len());
                self.edits.apply(self.text, start, end, &mut edited);
                let inner = if node.kind == Kind::Number { edited.trim_ascii() } else { &edited };
                let inner = inner.strip_prefix(b"\"").and_then(|i| i.strip_suffix(b"\"")).unwrap_or(inner);
                Value::Text(Cow::Owned(decoded(inner)))
            }
            Kind::String if node.escaped => Value::Text(Cow::Owned(decoded(raw))),
            Kind::String => Value::Text(Cow::Borrowed(raw)),
            Kind::Number => number::json(raw).map_or(Value::Null, Value::Number),
            _ => Value::Container,
        }
    }

    /// The event's own time in seconds since the epoch, if it has one that can be read.
    pub fn time(&self, utc_offset_seconds: i32) -> Option<f64> {
        let (alias, node) = self.role(Role::Time)?;
        Self::time_of(&self.node(node), alias, utc_offset_seconds)
    }

    /// What a value means as the time.
    pub fn time_of(value: &Value<'_>, alias: Alias, utc_offset_seconds: i32) -> Option<f64> {
        match value {
            Value::Text(text) => time::parse_text(text, utc_offset_seconds),
            Value::Number(number) => match alias.units_per_second {
                Some(unit) => Some(number / unit),
                None => time::from_number(*number),
            },
            _ => None,
        }
    }

    /// `Value::number` of a value that is no plain number.
    #[inline(never)]
    fn number_of_value(&self, source: Source) -> Option<f64> {
        self.value(source).number()
    }

    fn in_seconds(&self, duration: f64) -> f64 {
        duration / self.role(Role::Duration).and_then(|(alias, _)| alias.units_per_second).unwrap_or(1.0)
    }

    fn duration(&self) -> Value<'_> {
        let Some((alias, node)) = self.role(Role::Duration) else {
            return Value::Missing;
        };
        let unit = alias.units_per_second.unwrap_or(1.0);
        match self.node(node) {
            Value::Number(number) => Value::Number(number / unit),
            Value::Text(text) => match number::json(&text) {
                Some(number) => Value::Number(number / unit),
                None => Value::Text(text),
            },
            other => other,
        }
    }
}

impl Event for View<'_> {
    fn value(&self, source: Source) -> Value<'_> {
        match source {
            Source::Role(Role::Time) => Value::Number(self.time_seconds),
            Source::Role(Role::Duration) => self.duration(),
            Source::Role(role) => self.role(role).map_or(Value::Missing, |(_, node)| self.node(node)),
            Source::Path(slot) => match self.found[slot.0 as usize] {
                0 => Value::Missing,
                node => self.node(node),
            },
        }
    }

    #[inline(always)]
    fn number(&self, source: Source) -> Option<f64> {
        let index = self.place(source);
        let node = &self.nodes[index as usize];
        let (start, end) = (node.start as usize, node.end as usize);
        if source == Source::Role(Role::Time) {
            return Some(self.time_seconds).filter(|seconds| seconds.is_finite());
        }
        if index == 0 {
            return None;
        }
        if node.kind != Kind::Number || self.edited(start, end) {
            return self.number_of_value(source);
        }
        let number = number::inside(self.text, start, end)?;
        match source {
            Source::Role(Role::Duration) => Some(self.in_seconds(number)),
            _ => Some(number),
        }
    }

    #[inline(always)]
    fn is_there(&self, source: Source) -> bool {
        if source == Source::Role(Role::Time) {
            return true;
        }
        match self.place(source) {
            0 => false,
            // A number may be out of range.
            index => match self.nodes[index as usize].kind {
                Kind::Null | Kind::NonFinite => false,
                Kind::Number => self.value(source).is_there(),
                _ => true,
            },
        }
    }

    #[inline(always)]
    fn written(&self, source: Source) -> Option<Written<'_>> {
        if matches!(source, Source::Role(Role::Time | Role::Duration)) {
            return None;
        }
        let index = self.place(source);
        if index == 0 {
            return Some(Written::bare(Form::Missing));
        }
        let node = &self.nodes[index as usize];
        let form = if node.kind == Kind::String {
            if node.escaped {
                return None;
            }
            Form::Text
        } else if node.kind == Kind::Number {
            Form::Number
        } else if matches!(node.kind, Kind::True | Kind::False) {
            Form::Bool
        } else {
            let null = matches!(node.kind, Kind::Null | Kind::NonFinite);
            return Some(Written::bare(if null { Form::Null } else { Form::Container }));
        };
        let (start, end) = (node.start as usize, node.end as usize);
        (!self.edited(start, end)).then_some(Written { form, text: self.text, start, end })
    }

    fn time_seconds(&self) -> f64 {
        self.time_seconds
    }
}

fn decoded(raw: &[u8]) -> Vec<u8> {
    let mut decoded = Decoded::default();
    decoded.decode(raw);
    decoded.bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::reference::walk;
    use crate::json::tape::Tape;

    #[test]
    fn a_value_is_read_after_redaction() {
        let text = br#"{"pin":1234,"m":"a\u00e9b"}"#;
        let mut tape = Tape::default();
        walk(text, &mut tape).unwrap();
        let mut edits = Edits::default();
        edits.push(7, 11, 0, b"\"[REDACTED:pin]\"");
        edits.settle();
        let view =
            View { text, nodes: tape.nodes(), found: &[], edits: &edits, roles: &Roles::default(), time_seconds: 0.0 };
        assert_eq!(view.node(2), Value::Text(Cow::Borrowed(b"[REDACTED:pin]")));
        assert_eq!(view.node(4), Value::Text(Cow::Borrowed("aéb".as_bytes())));
    }
}
