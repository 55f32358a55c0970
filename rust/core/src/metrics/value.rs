//! The number a metric takes from an event.

use crate::event::field::Fields;
use crate::event::field::{Role, Source};
use crate::event::Event;

#[derive(Debug, Clone, PartialEq)]
pub struct ValueOf {
    source: Source,
    per: Option<Source>,
    factor: f64,
    /// A divisor of its own keeps decimals: 250 ms is 0.25 s, while 250 * 0.001 may be a digit off.
    divisor: f64,
}

impl ValueOf {
    /// `unit` is that of the field; times become seconds. With a time unit given, `duration` is the field of that
    /// name and not the role, which is in seconds already. The reason when it cannot be.
    pub fn new(value: &str, per: &str, unit: &str, fields: &mut Fields) -> Result<Self, String> {
        let (factor, divisor) = match unit {
            "" | "bytes" | "s" => (1.0, 1.0),
            "percent" if per.is_empty() => (1.0, 1.0),
            "percent" => (100.0, 1.0),
            "ms" => (1.0, 1e3),
            "us" => (1.0, 1e6),
            "ns" => (1.0, 1e9),
            _ => return Err("unit: none of s, ms, us, ns, bytes, percent".to_owned()),
        };
        let timed = matches!(unit, "s" | "ms" | "us" | "ns");
        let mut source = |name: &str| match Role::named(name) {
            Some(role) if !(timed && role == Role::Duration) => Ok(Source::Role(role)),
            _ => fields.path(name),
        };
        let per = if per.is_empty() { None } else { Some(source(per)?) };
        Ok(Self { source: source(value)?, per, factor, divisor })
    }

    /// Finite; `None` when the event has no such number or would divide by 0.
    pub fn read<E: Event + ?Sized>(&self, event: &E) -> Option<f64> {
        let mut number = event.number(self.source)? * self.factor;
        if let Some(per) = self.per {
            number /= event.number(per)?;
        }
        Some(number / self.divisor).filter(|number| number.is_finite())
    }
}
