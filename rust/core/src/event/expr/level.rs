//! Levels, their order and their one name each.

use crate::event::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// What a missing or unknown level is called.
pub const UNKNOWN: &str = "UNKNOWN";

impl Level {
    /// Case-blind; WARNING is WARN, FATAL is CRITICAL.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let is = |name: &[u8]| text.eq_ignore_ascii_case(name);
        Some(match text.len() {
            5 if is(b"TRACE") => Self::Trace,
            5 if is(b"DEBUG") => Self::Debug,
            4 if is(b"INFO") => Self::Info,
            4 if is(b"WARN") => Self::Warn,
            7 if is(b"WARNING") => Self::Warn,
            5 if is(b"ERROR") => Self::Error,
            8 if is(b"CRITICAL") => Self::Critical,
            5 if is(b"FATAL") => Self::Critical,
            _ => return None,
        })
    }

    /// The numbers of pino and bunyan, 10 to 60; custom levels between two count as the lower.
    pub fn from_number(number: f64) -> Option<Self> {
        Some(match number {
            n if !(10.0..70.0).contains(&n) => return None,
            n if n < 20.0 => Self::Trace,
            n if n < 30.0 => Self::Debug,
            n if n < 40.0 => Self::Info,
            n if n < 50.0 => Self::Warn,
            n if n < 60.0 => Self::Error,
            _ => Self::Critical,
        })
    }

    pub fn from_value(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Self::from_text(text),
            Value::Number(number) => Self::from_number(*number),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_have_one_name() {
        let ranked = ["trace", "Debug", "INFO", "Warning", "error", "FATAL"];
        let names: Vec<_> = ranked.iter().map(|text| Level::from_text(text.as_bytes()).unwrap().name()).collect();
        assert_eq!(names, ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]);
        let levels: Vec<_> = (1..=6).map(|ten| Level::from_number(f64::from(ten) * 10.0).unwrap()).collect();
        assert!(levels.is_sorted());
        assert_eq!(Level::from_text(b"critical"), Level::from_number(60.0));
        assert_eq!((Level::from_text(b"NOTICE"), Level::from_number(f64::NAN)), (None, None));
    }
}
