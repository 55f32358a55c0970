//! The engine: one spec compiled, shared by its lanes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::event::expr::Expr;
use crate::event::extract::{Extractor, Keys};
use crate::event::field::Fields;
use crate::event::semantic_fields::{RoleTable, Roles};
use crate::event::value_format::Shapes;
use crate::findings::{self, Finding, Redaction};
use crate::io::edit::Edits;
use crate::io::lines::{memchr_lines, Lines};
use crate::io::recent::Recent;
use crate::json::reference::walk;
use crate::metrics::window::store::TimeDomain;
use crate::metrics::window::timing::Arrival;
use crate::metrics::{Metrics, Reading};
use crate::process::Worker;
use crate::processed::Processed;
use crate::reader::Reader;
use crate::redact::Redactor;
use crate::shared::{lock, source, Memory, Shared, Superseded};
use crate::simd::{Path, PATH_VARIABLE};
use crate::spec::{RuleError, Spec};

/// Rules, windows and totals. Shared between threads; nothing here reads a clock.
///
/// # Example
///
/// ```
/// use headrig_core::engine::Engine;
///
/// let engine = Engine::new(br#"{"redact": {"keys": ["badge"]}}"#, None)?;
/// let line = b"{\"time\":\"2026-11-23T06:16:13Z\",\"badge\":\"B-12\"}\n";
/// let processed = engine.lane("tcp").process(line, 1_795_414_573.0);
/// assert_eq!(processed.lines.bytes(), b"{\"time\":\"2026-11-23T06:16:13Z\",\"badge\":\"[REDACTED:badge]\"}\n");
/// assert_eq!(processed.redactions, [("badge".to_owned(), 1)]);
/// # Ok::<(), headrig_core::spec::RuleError>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    state: Arc<State>,
}

/// One engine and who took over from it.
struct State {
    shared: Shared,
    /// Roles where the spec says nothing of a lane, and of the lanes it names.
    roles: RoleTable,
    lane_roles: BTreeMap<String, RoleTable>,
    lanes: Mutex<BTreeMap<String, Arc<Mutex<Worker>>>>,
    /// By lane. What is known of senders is known from engine to engine.
    memory: Arc<Mutex<BTreeMap<String, Arc<Memory>>>>,
    /// The engine that took over, set before `shared` says that one did.
    successor: OnceLock<Arc<State>>,
}

/// One ordered input. Calls of `process` run one after the other.
pub struct Lane {
    pub name: String,
    /// Kept by the engine, without the lane: a lane keeps its engine, and the two must not keep each other.
    worker: Arc<Mutex<Worker>>,
    engine: Engine,
}

impl Engine {
    /// Compile a spec (JSON; empty: all defaults). With `previous`, unchanged metrics keep totals and windows,
    /// and the recent lines stay; batches still given to `previous` go to the new engine.
    ///
    /// # Errors
    /// A rule, metric or expression that cannot be used.
    pub fn new(spec: &[u8], previous: Option<&Engine>) -> Result<Self, RuleError> {
        let path = Path::chosen().map_err(|reason| RuleError::new(PATH_VARIABLE, reason))?;
        Self::on_path(path, spec, previous)
    }

    /// The same with kernels of a given path; where this CPU lacks it, the plain ones.
    ///
    /// # Errors
    /// As `new`.
    pub fn on_path(path: Path, spec: &[u8], previous: Option<&Engine>) -> Result<Self, RuleError> {
        let path = if path.runs_here() { path } else { Path::Scalar };
        let spec = Spec::parse(spec)?;
        let redactor = Redactor::on_path(path, &spec.redact)?;
        Self::with_rules(path, Arc::new(spec), Arc::new(redactor), previous)
    }

    /// The same rules, with nothing counted and no lock that anybody could hold: for a forked child, which need not compile.
    ///
    /// # Errors
    /// None that making this engine has not had.
    pub fn emptied(&self) -> Result<Self, RuleError> {
        let Shared { path, spec, redactor, .. } = &self.state.shared;
        Self::with_rules(*path, Arc::clone(spec), Arc::clone(redactor), None)
    }

    fn with_rules(
        path: Path,
        spec: Arc<Spec>,
        redactor: Arc<Redactor>,
        previous: Option<&Engine>,
    ) -> Result<Self, RuleError> {
        let mut fields = Fields::default();
        let roles = RoleTable::new(&[&spec.fields], |path| fields.slot(path))?;
        let mut lane_roles = BTreeMap::new();
        for (name, lane) in &spec.lanes {
            if !["", "event", "arrival"].contains(&lane.time.as_str()) {
                return Err(RuleError::new(format!("lanes.{name}.time"), "must be event or arrival"));
            }
            lane_roles.insert(name.clone(), RoleTable::new(&[&lane.fields, &spec.fields], |path| fields.slot(path))?);
        }
        // Held until the successor is known, so that every batch is counted in one of the two.
        let handing_over = previous.map(|engine| lock(&engine.state.shared.metrics));
        let metrics = Metrics::new(&spec, &mut fields, handing_over.as_deref())?;
        let recent = match previous {
            Some(engine) => lock(&engine.state.shared.recent).clone().resized(spec.recent_bytes_max),
            None => Recent::new(spec.recent_bytes_max),
        };
        let state = Arc::new(State {
            shared: Shared {
                path,
                redactor,
                extractor: Extractor::new(&fields.paths),
                metrics: Mutex::new(metrics),
                recent: Mutex::new(recent),
                superseded: AtomicBool::new(false),
                spec,
            },
            roles,
            lane_roles,
            lanes: Mutex::default(),
            memory: previous.map(|engine| Arc::clone(&engine.state.memory)).unwrap_or_default(),
            successor: OnceLock::new(),
        });
        if let Some(engine) = previous {
            // A second successor of one engine starts from the same copy; batches go to the first.
            let _ = engine.state.successor.set(Arc::clone(&state));
            engine.state.shared.superseded.store(true, Ordering::Release);
        }
        drop(handing_over);
        Ok(Self { state })
    }

    /// The name of the path its kernels take.
    pub fn path(&self) -> &'static str {
        self.state.shared.path.name()
    }

    /// The lane of that name; the same one each time.
    pub fn lane(&self, name: &str) -> Arc<Lane> {
        let state = &self.state;
        let mut lanes = lock(&state.lanes);
        let worker = lanes.entry(name.to_owned()).or_insert_with(|| {
            let roles = state.lane_roles.get(source(name)).unwrap_or(&state.roles).clone();
            let memory = Arc::clone(lock(&state.memory).entry(name.to_owned()).or_default());
            Arc::new(Mutex::new(Worker::new(&state.shared, name, roles, memory)))
        });
        Arc::new(Lane { name: name.to_owned(), worker: Arc::clone(worker), engine: self.clone() })
    }

    /// Forget a lane from which nothing more comes: its tables, what is known of its senders, and its part in the
    /// watermark. What its events counted for stays.
    pub fn close_lane(&self, name: &str) {
        lock(&self.state.lanes).remove(name);
        lock(&self.state.memory).remove(name);
        lock(&self.state.shared.metrics).close_lane(name);
    }

    /// Add one value to a metric's windows; to those of the engine that took over, if one did.
    pub fn record(&self, metric: &str, value: f64, labels: &[(&str, &str)], time_seconds: f64) {
        let mut metrics = lock(&self.state.shared.metrics);
        match self.state.successor.get() {
            None => metrics.record(metric, value, labels, time_seconds),
            Some(next) => {
                let next = Engine { state: Arc::clone(next) };
                drop(metrics);
                next.record(metric, value, labels, time_seconds);
            }
        }
    }

    /// Event time up to which windows are complete; `None` before the first event.
    pub fn watermark(&self, now_seconds: f64) -> Option<f64> {
        lock(&self.state.shared.metrics).watermark(now_seconds)
    }

    /// Each threshold over `[tick - window, tick)`, per label set that has samples; `domain`: only those that tick by it.
    pub fn evaluate(&self, tick_seconds: f64, domain: Option<TimeDomain>) -> Vec<Reading> {
        let mut metrics = lock(&self.state.shared.metrics);
        match domain {
            Some(domain) => metrics.evaluate_domain(domain, tick_seconds),
            None => metrics.evaluate(tick_seconds),
        }
    }

    /// Start of the oldest pane kept of a time domain, in seconds: ticks up to it have nothing to read.
    pub fn oldest_pane_seconds(&self, domain: TimeDomain) -> Option<f64> {
        lock(&self.state.shared.metrics).oldest_pane_seconds(domain)
    }

    /// Each threshold and who fills its window.
    pub fn time_domains(&self) -> Vec<(String, TimeDomain)> {
        lock(&self.state.shared.metrics).time_domains()
    }

    /// Cumulative families as Prometheus text (exposition format 0.0.4).
    pub fn totals(&self) -> Vec<u8> {
        let mut out = Vec::new();
        lock(&self.state.shared.metrics).totals(&mut out);
        out
    }

    /// Gauges and counters of the core itself, by name.
    pub fn state(&self) -> Vec<(&'static str, f64)> {
        let mut state = lock(&self.state.shared.metrics).state();
        state.push(("recent_sequence", lock(&self.state.shared.recent).sequence() as f64));
        [state, self.state.shared.spec.redact.state()].concat()
    }

    /// Seconds each lane's newest event is behind the clock; lanes with events only.
    pub fn lanes_behind(&self, now_seconds: f64) -> Vec<(String, f64)> {
        lock(&self.state.shared.metrics).lanes_behind(now_seconds)
    }

    /// The newest `limit` redacted lines that match an expression (empty: all), after a sequence number, oldest first.
    ///
    /// # Errors
    /// The expression cannot be used.
    ///
    /// # Example
    ///
    /// ```
    /// use headrig_core::engine::Engine;
    ///
    /// let engine = Engine::new(b"", None)?;
    /// engine.lane("tcp").process(b"{\"status\":200}\n{\"status\":503}\n", 0.0);
    /// assert_eq!(engine.recent("status >= 500", 0, 10)?.bytes(), b"{\"status\":503}\n");
    /// # Ok::<(), headrig_core::spec::RuleError>(())
    /// ```
    pub fn recent(&self, expression: &str, after: u64, limit: usize) -> Result<Lines, RuleError> {
        let batches = lock(&self.state.shared.recent).after(after);
        let mut fields = Fields::default();
        let roles = RoleTable::new(&[&self.state.shared.spec.fields], |path| fields.slot(path))?;
        let expression = match expression.trim() {
            "" => None,
            text => Some(Expr::parse(text, &mut fields).map_err(|error| RuleError::new("where", error.to_string()))?),
        };
        let (extractor, roles) = (Extractor::new(&fields.paths), Roles::new(roles));
        let mut reader = Reader { extractor, roles, ..Reader::default() };
        let mut found: Vec<&[u8]> = Vec::new();
        'newest: for batch in batches.iter().rev() {
            let lines: Vec<&[u8]> = memchr_lines(batch.bytes()).collect();
            for line in lines.into_iter().rev() {
                if found.len() == limit {
                    break 'newest;
                }
                if expression.as_ref().is_none_or(|expression| reader.matches(expression, line)) {
                    found.push(line);
                }
            }
        }
        let mut buffer = Vec::with_capacity(found.iter().map(|line| line.len() + 1).sum());
        for line in found.iter().rev() {
            buffer.extend_from_slice(line);
            buffer.push(b'\n');
        }
        Ok(Lines::new(buffer, found.len()))
    }

    /// Names of the user's redaction rules that are searched on every string.
    pub fn searched_everywhere(&self) -> Vec<&str> {
        self.state.shared.redactor.searched_everywhere()
    }

    /// Redact one text outside any lane: as one JSON document where `json` is asked for and it is one, else as text.
    ///
    /// # Example
    ///
    /// ```
    /// use headrig_core::engine::Engine;
    ///
    /// let engine = Engine::new(b"", None)?;
    /// assert_eq!(engine.redact(b"password=hunter2", false), b"password=[REDACTED:password]");
    /// assert_eq!(engine.redact(br#"{"password":"hunter2"}"#, true), br#"{"password":"[REDACTED:password]"}"#);
    /// # Ok::<(), headrig_core::spec::RuleError>(())
    /// ```
    pub fn redact(&self, text: &[u8], json: bool) -> Vec<u8> {
        let (edits, mut out) = (self.edits(text, json, &mut Reader::default()), Vec::with_capacity(text.len()));
        edits.apply(text, 0, text.len(), &mut out);
        out
    }

    /// What `redact` would replace, in order.
    pub fn find(&self, text: &[u8], json: bool) -> Vec<Redaction> {
        let mut reader = Reader::default();
        let edits = self.edits(text, json, &mut reader);
        findings::redactions(text, reader.tape.nodes(), &edits, self.state.shared.redactor.rule_names())
    }

    /// The edits of one text, settled; the tape is left empty where it is read as text.
    fn edits(&self, text: &[u8], json: bool, reader: &mut Reader) -> Edits {
        let (redactor, mut edits) = (&self.state.shared.redactor, Edits::default());
        let mut scratch = redactor.scratch();
        reader.roles = Roles::new(self.state.roles.clone());
        if json && simdutf8::basic::from_utf8(text).is_ok() && walk(text, &mut reader.tape).is_ok() {
            let mut shapes = Shapes::default();
            let Reader { tape, keys, wanted, decoded, found, .. } = &mut *reader;
            let keys = &mut Keys { numbers: keys, wanted };
            self.state.shared.extractor.find(text, tape, keys, decoded, found);
            reader.roles.resolve(&reader.found);
            let view = reader.view(text);
            shapes.read(&view, 0);
            let exempt = |node| shapes.exempt(&view, node);
            redactor.document(text, None, &reader.tape, &exempt, &mut scratch, &mut edits);
        } else {
            reader.tape.clear();
            redactor.text(text, &mut scratch, &mut edits);
        }
        edits
    }
}

impl Lane {
    /// Parse, redact and count whole lines; a last one without newline counts as whole. Of an arrival of which only the
    /// seconds are given, all lines are the source's own.
    pub fn process<'a>(&self, lines: &[u8], arrival: impl Into<Arrival<'a>>) -> Processed {
        let arrival = arrival.into();
        let state = &self.engine.state;
        // Held while the batch goes to the engine that took over, so that batches of one lane stay in order.
        let mut worker = lock(&self.worker);
        match worker.process(&state.shared, lines, arrival) {
            Ok(processed) => processed,
            // It is there: it was set before the flag was raised.
            Err(Superseded) => {
                Engine { state: Arc::clone(state.successor.wait()) }.lane(&self.name).process(lines, arrival)
            }
        }
    }
}

impl Lane {
    /// The same, and where something was masked, in order.
    ///
    /// # Example
    ///
    /// ```
    /// use headrig_core::engine::Engine;
    ///
    /// let lane = Engine::new(b"", None)?.lane("tcp");
    /// let (_, findings) = lane.explain(b"{\"db\":{\"password\":\"hunter2\"}}\n", 0.0);
    /// assert_eq!((findings[0].start, findings[0].end, findings[0].path.as_str()), (19, 26, "db.password"));
    /// assert_eq!(lane.rule_name(findings[0].rule), "password");
    /// # Ok::<(), headrig_core::spec::RuleError>(())
    /// ```
    pub fn explain<'a>(&self, lines: &[u8], arrival: impl Into<Arrival<'a>>) -> (Processed, Vec<Finding>) {
        lock(&self.worker).findings = Some(Vec::new());
        let processed = self.process(lines, arrival);
        let findings = lock(&self.worker).findings.take();
        (processed, findings.unwrap_or_default())
    }

    /// The name of a rule by its number.
    pub fn rule_name(&self, number: u16) -> &str {
        &self.engine.state.shared.redactor.rule_names()[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_goes_with_its_last_lane() {
        let engine = Engine::new(b"", None).expect("the defaults are valid");
        let (kept, lane) = (Arc::downgrade(&engine.state), engine.lane("a"));
        drop(engine);
        assert_eq!(1, lane.process(b"{}\n", 0.0).lines_out);
        drop(lane);
        assert!(kept.upgrade().is_none(), "somebody keeps the engine");
    }

    #[test]
    fn an_emptied_engine_has_the_rules_and_none_of_the_sums() {
        let engine = Engine::new(br#"{"redact": {"keys": ["badge"]}}"#, None).expect("the spec is valid");
        let fresh = engine.totals();
        let line = b"{\"badge\":\"B-12\",\"level\":\"INFO\"}\n";
        let redacted = engine.lane("a").process(line, 0.0);
        let emptied = engine.emptied().expect("it was valid before");
        assert_eq!(emptied.totals(), fresh);
        assert_ne!(engine.totals(), fresh);
        assert_eq!(emptied.lane("a").process(line, 0.0).lines.bytes(), redacted.lines.bytes());
        assert!(Arc::ptr_eq(&engine.state.shared.redactor, &emptied.state.shared.redactor));
    }
}
