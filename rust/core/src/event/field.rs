//! Fields: what they are for, by the semantic names that expressions know, and the registry of the paths that rules ask for.
//! Each path is looked up once per line, however many rules want it.

/// Index of a field path in `Fields`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

impl Role {
    /// The role a configuration or an expression calls by this name.
    pub fn named(name: &str) -> Option<Self> {
        // The runbook's own spelling of the one role that is nested.
        let name = if name == "error.name" { "error_name" } else { name };
        ROLES.iter().find(|(_, known, _)| *known == name).map(|(role, _, _)| *role)
    }
}

/// What an expression or a label asks an event for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    Role(Role),
    Path(Slot),
}

/// Every role, its name in expressions and configs, and the fields that may have it.
pub const ROLES: [(Role, &str, &[&str]); 13] = [
    (Role::Time, "time", &["timestamp", "time", "ts", "@timestamp", "asctime"]),
    (Role::Level, "level", &["level", "severity", "levelname", "lvl", "log.level"]),
    (Role::Message, "message", &["message", "msg", "event_message"]),
    (Role::Logger, "logger", &["logger", "name"]),
    (Role::Trace, "trace", &["traceId", "trace_id", "trace.id"]),
    (Role::Span, "span", &["spanId", "span_id", "span.id"]),
    (Role::Event, "event", &["event", "event.name"]),
    (Role::Route, "route", &["route", "http.route", "url.path", "path"]),
    (Role::Method, "method", &["method", "http.method", "http.request.method"]),
    (Role::Status, "status", &["status", "status_code", "http.status_code"]),
    (Role::Duration, "duration", &["duration", "duration_ms", "latency_ms", "duration_seconds"]),
    (Role::ErrorName, "error_name", &["error.name", "error.type", "error_type", "exc_type", "exception.type"]),
    (Role::Provider, "provider", &["provider", "ai.provider", "gen_ai.system"]),
];

/// Most distinct paths of one engine: extraction keeps one place per path and line.
pub const FIELDS_MAX: usize = 1024;
/// Most dots in a path: each doubles the ways in which it can be nested.
pub const DOTS_MAX: usize = 7;

/// Paths in the order of their `Slot`s. A dotted path means nested objects as well as the literal dotted key.
///
/// # Example
///
/// ```
/// use headrig_core::event::field::{Fields, Role, Slot, Source};
///
/// let mut fields = Fields::default();
/// assert_eq!(fields.source("level"), Ok(Source::Role(Role::Level)));
/// assert_eq!(fields.source("user.id"), Ok(Source::Path(Slot(0))));
/// assert_eq!(fields.source("user.id"), Ok(Source::Path(Slot(0))));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    pub paths: Vec<String>,
}

impl Fields {
    /// The slot of `path`, the same one each time. Paths of the program's own; others go through `source` or `path`.
    pub fn slot(&mut self, path: &str) -> Slot {
        let known = self.paths.iter().position(|known| known == path);
        let index = known.unwrap_or_else(|| {
            self.paths.push(path.to_owned());
            self.paths.len() - 1
        });
        Slot(index.min(u16::MAX as usize) as u16)
    }

    /// The role called `name`, else the path `name`; the reason when it cannot be one.
    pub fn source(&mut self, name: &str) -> Result<Source, String> {
        match Role::named(name) {
            Some(role) => Ok(Source::Role(role)),
            None => self.path(name),
        }
    }

    /// The path `name`; the reason when it cannot be one.
    pub fn path(&mut self, name: &str) -> Result<Source, String> {
        if name.is_empty() {
            return Err("an empty field name".to_owned());
        }
        if name.bytes().filter(|byte| *byte == b'.').count() > DOTS_MAX {
            return Err(format!("a field name with more than {DOTS_MAX} dots"));
        }
        if self.paths.len() >= FIELDS_MAX && !self.paths.iter().any(|known| known == name) {
            return Err(format!("more than {FIELDS_MAX} distinct fields"));
        }
        Ok(Source::Path(self.slot(name)))
    }
}
