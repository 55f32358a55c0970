//! One batch through the core: validate, redact, extract, count, emit.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::edit::Edits;
use crate::engine::{lock, Shared};
use crate::escape::Decoded;
use crate::event::Fieldless;
use crate::extract::View;
use crate::limits::CUT_SLACK_BYTES;
use crate::lines::{memchr_lines, Lines};
use crate::metric::{LaneId, Metrics, Observer};
use crate::output::{cut, wrap, Output};
use crate::redact::Scratch;
use crate::roles::{RoleTable, Roles};
use crate::shape::Shapes;
use crate::spec::{Blank, NonFinite, OnBroken};
use crate::walk::{walk, Broken, Kind, Tape};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What became of one batch. `lines_in == lines_out + dropped_blank`.
#[derive(Debug)]
pub struct Processed {
    pub lines: Lines,
    pub lines_in: u64,
    pub lines_out: u64,
    pub time_max_seconds: Option<f64>,
    /// In the order of `Broken::ALL`.
    pub broken: [u64; Broken::ALL.len()],
    pub dropped_blank: u64,
    /// Rule name and count, of rules that found something.
    pub redactions: Vec<(String, u64)>,
    pub normalized: Normalized,
}

/// Changes to a line that are neither redaction nor repair.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Normalized {
    pub crlf: u64,
    pub bom: u64,
    pub non_finite: u64,
}

/// A lane's scratch memory, reused from line to line.
pub(crate) struct Worker {
    lane: LaneId,
    /// Apart, so that it may be written to while the rest is read.
    observer: Arc<Mutex<Observer>>,
    roles: Roles,
    /// Event times are not looked at: arrival counts.
    arrival_only: bool,
    utc_offset_seconds: i32,
    tape: Tape,
    edits: Edits,
    decoded: Decoded,
    found: Vec<u32>,
    shapes: Shapes,
    redaction: Scratch,
}

#[derive(Default)]
struct Counts {
    lines_in: u64,
    broken: [u64; Broken::ALL.len()],
    dropped_blank: u64,
    normalized: Normalized,
    time_max_seconds: Option<f64>,
}

/// A batch on its way into the metrics. Their lock is taken for the first merge and held to the end: a batch is counted
/// in one engine as a whole, and lanes wait for each other only to merge.
struct Counting<'a> {
    shared: &'a Shared,
    observer: MutexGuard<'a, Observer>,
    metrics: Option<MutexGuard<'a, Metrics>>,
    arrival_seconds: f64,
}

impl Counting<'_> {
    /// Count what was observed so far.
    ///
    /// # Errors
    /// The engine that took over; nothing was counted.
    fn merge(&mut self) -> Result<&mut Metrics, Arc<Shared>> {
        let first = self.metrics.is_none();
        let metrics = self.metrics.get_or_insert_with(|| lock(&self.shared.metrics));
        match self.shared.successor.get().filter(|_| first) {
            Some(successor) => Err(Arc::clone(successor)),
            None => {
                metrics.merge(&mut self.observer, self.arrival_seconds);
                Ok(metrics)
            }
        }
    }
}

/// One line and where it lies in the batch.
struct Line {
    /// Of the line as received.
    start: usize,
    /// First byte after its newline.
    next: usize,
    /// The text without BOM, CR and newline.
    text: (usize, usize),
}

impl Worker {
    pub(crate) fn new(shared: &Shared, lane: LaneId, observer: Observer, name: &str, roles: RoleTable) -> Self {
        let options = shared.spec.lanes.get(name);
        Self {
            lane,
            observer: Arc::new(Mutex::new(observer)),
            roles: Roles::new(roles),
            arrival_only: options.is_some_and(|lane| lane.time == "arrival"),
            utc_offset_seconds: options.map_or(0, |lane| lane.utc_offset_seconds),
            tape: Tape::default(),
            edits: Edits::default(),
            decoded: Decoded::default(),
            found: Vec::new(),
            shapes: Shapes::default(),
            redaction: shared.redactor.scratch(),
        }
    }

    /// # Errors
    /// The engine that took over; nothing was done.
    pub(crate) fn process(
        &mut self,
        shared: &Shared,
        input: &[u8],
        arrival_seconds: f64,
    ) -> Result<Processed, Arc<Shared>> {
        if let Some(successor) = shared.successor.get() {
            return Err(Arc::clone(successor));
        }
        let observer = Arc::clone(&self.observer);
        let mut counting = Counting { shared, observer: lock(&observer), metrics: None, arrival_seconds };
        // What a panic left.
        counting.observer.discard();
        let mut output = Output::new(input);
        let mut counts = Counts::default();
        let mut start = 0;
        for received in memchr_lines(input) {
            let next = (start + received.len() + 1).min(input.len());
            counts.lines_in += 1;
            let line = trim(received, start, next, &mut counts.normalized);
            let text = &input[line.text.0..line.text.1];
            if text.iter().all(u8::is_ascii_whitespace) {
                match shared.spec.blank {
                    Blank::Keep => output.keep(),
                    Blank::Drop => {
                        counts.dropped_blank += 1;
                        output.skip(line.start, line.next);
                    }
                }
            } else {
                match self.event(shared, text, arrival_seconds, &mut counting.observer, &mut counts) {
                    Ok(()) => emit(&mut output, &line, input, &self.edits),
                    Err(reason) => {
                        if shared.spec.on_broken == OnBroken::Wrap {
                            // What is written is an event: counted as one here as it would be by the next reader.
                            counting.observer.observe(&Fieldless { time_seconds: arrival_seconds });
                        }
                        self.broken(shared, &line, text, reason, arrival_seconds, &mut output, &mut counts);
                    }
                }
            }
            start = next;
            if counting.observer.is_full() {
                counting.merge().inspect_err(|_| self.forget())?;
            }
        }
        counting.merge().inspect_err(|_| self.forget())?.arrive(self.lane, counts.time_max_seconds, arrival_seconds);
        drop(counting);
        Ok(self.finish(shared, output, counts))
    }

    /// The batch goes elsewhere.
    fn forget(&mut self) {
        self.redaction.take_counts();
    }

    fn finish(&mut self, shared: &Shared, output: Output<'_>, counts: Counts) -> Processed {
        let (buffer, lines_out) = output.finish();
        let lines = Lines::new(buffer, lines_out);
        lock(&shared.recent).push(&lines);
        let names = shared.redactor.rule_names();
        let redactions = self.redaction.take_counts().into_iter().map(|(rule, n)| (names[rule].clone(), n)).collect();
        Processed {
            lines,
            lines_in: counts.lines_in,
            lines_out: lines_out as u64,
            time_max_seconds: counts.time_max_seconds,
            broken: counts.broken,
            dropped_blank: counts.dropped_blank,
            redactions,
            normalized: counts.normalized,
        }
    }
}

impl Worker {
    /// Take one line as an event: leave its edits in `self.edits`, count it.
    fn event(
        &mut self,
        shared: &Shared,
        text: &[u8],
        arrival_seconds: f64,
        observer: &mut Observer,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        self.edits.clear();
        if text.len() > shared.spec.line_bytes_max {
            return Err(Broken::TooLong);
        }
        if simdutf8::basic::from_utf8(text).is_err() {
            return Err(Broken::Utf8);
        }
        walk(text, &mut self.tape)?;
        if self.tape.non_finite && shared.spec.non_finite == NonFinite::Broken {
            return Err(Broken::NotJson);
        }
        shared.extractor.find(text, &self.tape, &mut self.decoded, &mut self.found);
        self.roles.resolve(&self.found);
        let mut shapes = std::mem::take(&mut self.shapes);
        let own_time = shapes.read(&self.view(text, arrival_seconds), self.utc_offset_seconds);
        let time_seconds = observer.clamp(own_time.filter(|_| !self.arrival_only), arrival_seconds);
        shared.redactor.document(text, &self.tape, &shapes.exempt, &mut self.redaction, &mut self.edits);
        self.shapes = shapes;
        if self.tape.non_finite && shared.spec.non_finite == NonFinite::Null {
            counts.normalized.non_finite += self.null_non_finite();
        }
        observer.observe(&self.view(text, time_seconds));
        counts.time_max_seconds = Some(counts.time_max_seconds.map_or(time_seconds, |max| max.max(time_seconds)));
        Ok(())
    }

    fn view<'a>(&'a self, text: &'a [u8], time_seconds: f64) -> View<'a> {
        View { text, nodes: &self.tape.nodes, found: &self.found, edits: &self.edits, roles: &self.roles, time_seconds }
    }

    /// Write `null` for every number that JSON does not have; give how many.
    fn null_non_finite(&mut self) -> u64 {
        let nodes = self.tape.nodes.iter().filter(|node| node.kind == Kind::NonFinite);
        let before = self.edits.list.len();
        for node in nodes {
            if self.edits.within(node.start as usize, node.end as usize).is_empty() {
                self.edits.push(node.start as usize, node.end as usize, u16::MAX, b"null");
            }
        }
        let added = self.edits.list.len() - before;
        self.edits.settle();
        added as u64
    }

    #[allow(clippy::too_many_arguments)]
    fn broken(
        &mut self,
        shared: &Shared,
        line: &Line,
        text: &[u8],
        reason: Broken,
        arrival_seconds: f64,
        output: &mut Output<'_>,
        counts: &mut Counts,
    ) {
        counts.broken[reason as usize] += 1;
        self.edits.clear();
        let kept = &text[..text.len().min(shared.spec.line_bytes_max + CUT_SLACK_BYTES)];
        // Read as it will be written, so that the next reader finds nothing that was not found here.
        let written = match shared.spec.on_broken {
            OnBroken::Wrap => String::from_utf8_lossy(kept),
            OnBroken::Pass => "".into(),
        };
        let kept = if written.is_empty() { kept } else { written.as_bytes() };
        shared.redactor.text(kept, &mut self.redaction, &mut self.edits);
        let end = match reason {
            Broken::TooLong => cut(kept, &self.edits, shared.spec.line_bytes_max),
            _ => kept.len(),
        };
        output.replace(line.start, line.next, |out| match shared.spec.on_broken {
            OnBroken::Wrap => wrap(&kept[..end], &self.edits, arrival_seconds, reason.as_str(), out),
            OnBroken::Pass => self.edits.apply(kept, 0, end, out),
        });
    }
}

/// Part a received line from its BOM and CR.
fn trim(received: &[u8], start: usize, next: usize, normalized: &mut Normalized) -> Line {
    let mut text = (start, start + received.len());
    if received.starts_with(BOM) {
        normalized.bom += 1;
        text.0 += BOM.len();
    }
    if received.ends_with(b"\r") && text.1 > text.0 {
        normalized.crlf += 1;
        text.1 -= 1;
    }
    Line { start, next, text }
}

/// Write a line with its edits, or leave it to the run of untouched ones.
fn emit(output: &mut Output<'_>, line: &Line, input: &[u8], edits: &Edits) {
    let (from, to) = line.text;
    if edits.is_empty() && from == line.start && to + 1 == line.next {
        output.keep();
    } else {
        output.replace(line.start, line.next, |out| edits.apply(&input[from..to], 0, to - from, out));
    }
}
