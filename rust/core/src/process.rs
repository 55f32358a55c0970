//! One batch through the core: validate, redact, extract, count, emit.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::event::extract::{Keys, Wanted};
use crate::event::field::Role;
use crate::event::semantic_fields::{RoleTable, Roles};
use crate::event::value_format::Shapes;
use crate::event::view::View;
use crate::event::Fieldless;
use crate::findings::{note, Finding};
use crate::io::edit::Edits;
use crate::io::escape::{lone_surrogates, Decoded};
use crate::io::lines::{Lines, Normalized};
use crate::io::output::{cut, is_time_unknown, wrap, Output};
use crate::json::broken::Broken;
use crate::json::fast;
use crate::json::reference::walk;
use crate::json::segment::{keep_line_ends, Line, Segment};
use crate::json::tape::{Kind, Tape};
use crate::limits::CUT_SLACK_BYTES;
use crate::metrics::window::timing::{Arrival, Timing, Untimed, When};
use crate::metrics::{LaneId, Metrics, Observer};
use crate::processed::Processed;
use crate::redact::carried::{Carried, From};
use crate::redact::Scratch;
use crate::shared::{lock, source, Memory, Shared, Superseded};
use crate::simd::structure::Structure;
use crate::simd::Path;
use crate::spec::{Blank, LineEnds, LoneSurrogates, NonFinite, OnBroken};

/// A lane's scratch memory, reused from line to line.
pub(crate) struct Worker {
    lane: LaneId,
    /// Apart, so that it may be written to while the rest is read.
    observer: Arc<Mutex<Observer>>,
    memory: Arc<Memory>,
    roles: Roles,
    /// Event times are not looked at: arrival counts.
    arrival_only: bool,
    utc_offset_seconds: i32,
    structure: Structure,
    tape: Tape,
    edits: Edits,
    decoded: Decoded,
    wanted: Wanted,
    found: Vec<u32>,
    shapes: Shapes,
    redaction: Scratch,
    /// What is found, while somebody asks where that is.
    pub(crate) findings: Option<Vec<Finding>>,
}

#[derive(Default)]
struct Counts {
    lines_in: u64,
    broken: [u64; Broken::ALL.len()],
    dropped_blank: u64,
    normalized: Normalized,
}

/// A batch on its way. The lock of the metrics is taken for the first merge and held to the end: a batch is counted in
/// one engine as a whole, and lanes wait for each other only to merge.
struct Batch<'a> {
    shared: &'a Shared,
    arrival_seconds: f64,
    /// The same by a clock that nobody sets.
    moment: f64,
    timing: Timing<'a>,
    observer: MutexGuard<'a, Observer>,
    metrics: Option<MutexGuard<'a, Metrics>>,
    /// What lines before say of the next ones.
    carried: MutexGuard<'a, Carried>,
    output: Output<'a>,
    counts: Counts,
}

impl Batch<'_> {
    /// Whose line is read.
    fn from(&self) -> From {
        From { sender: self.timing.sender(), moment: self.moment }
    }

    /// Count what was observed so far.
    ///
    /// # Errors
    /// Another engine took over; nothing was counted.
    fn merge(&mut self) -> Result<(), Superseded> {
        let first = self.metrics.is_none();
        let metrics = self.metrics.get_or_insert_with(|| lock(&self.shared.metrics));
        if first && self.shared.is_superseded() {
            return Err(Superseded);
        }
        metrics.merge(&mut self.observer, self.arrival_seconds);
        Ok(())
    }
}

impl Worker {
    pub(crate) fn new(shared: &Shared, name: &str, roles: RoleTable, memory: Arc<Memory>) -> Self {
        let (lane, observer) = {
            let mut metrics = lock(&shared.metrics);
            (metrics.lane(name), metrics.observer())
        };
        let options = shared.spec.lanes.get(source(name));
        Self {
            lane,
            observer: Arc::new(Mutex::new(observer)),
            memory,
            roles: Roles::new(roles),
            arrival_only: options.is_some_and(|lane| lane.time == "arrival"),
            utc_offset_seconds: options.map_or(0, |lane| lane.utc_offset_seconds),
            structure: Structure::default(),
            tape: Tape::default(),
            edits: Edits::default(),
            decoded: Decoded::default(),
            wanted: Wanted::default(),
            found: Vec::new(),
            shapes: Shapes::default(),
            redaction: shared.redactor.scratch(),
            findings: None,
        }
    }

    /// # Errors
    /// Another engine took over; nothing was done.
    pub(crate) fn process(
        &mut self,
        shared: &Shared,
        input: &[u8],
        arrival: Arrival<'_>,
    ) -> Result<Processed, Superseded> {
        if shared.is_superseded() {
            return Err(Superseded);
        }
        let (observer, memory) = (Arc::clone(&self.observer), Arc::clone(&self.memory));
        let (observer, mut senders, mut carried) = (lock(&observer), lock(&memory.senders), lock(&memory.carried));
        carried.begin(shared.redactor.rule_names());
        let timing = Timing::new(&mut senders, arrival, &shared.spec.windows, self.arrival_only);
        let (output, counts) = (Output::new(input), Counts::default());
        let (arrival_seconds, moment) = (arrival.seconds, arrival.monotonic_seconds);
        let mut batch =
            Batch { shared, arrival_seconds, moment, timing, observer, metrics: None, carried, output, counts };
        if let Err(superseded) = self.segments(input, &mut batch) {
            self.redaction.take_counts();
            batch.carried.undo();
            batch.timing.undo();
            return Err(superseded);
        }
        let Batch { output, counts, timing, metrics, .. } = batch;
        let times = timing.finish();
        if let Some(mut metrics) = metrics {
            metrics.arrive(self.lane, &times, arrival_seconds);
        }
        Ok(self.finish(shared, output, counts, times.max))
    }

    /// # Errors
    /// Another engine took over; nothing was counted.
    fn segments(&mut self, input: &[u8], batch: &mut Batch<'_>) -> Result<(), Superseded> {
        let shared = batch.shared;
        // What a panic left.
        batch.observer.discard();
        self.tape.clear();
        let mut structure = std::mem::take(&mut self.structure);
        let mut start = 0;
        while start < input.len() {
            let segment = Segment::scan(input, start, shared.path, &mut structure);
            shared.redactor.find_candidates(segment.bytes, &mut self.redaction);
            self.segment(&segment, batch)?;
            start += segment.bytes.len();
        }
        self.structure = structure;
        batch.merge()
    }

    /// # Errors
    /// Another engine took over; nothing was counted.
    fn segment(&mut self, segment: &Segment<'_>, batch: &mut Batch<'_>) -> Result<(), Superseded> {
        for (line, normalized) in segment.lines() {
            batch.timing.reach(segment.offset + line.start);
            batch.counts.lines_in += 1;
            batch.counts.normalized += normalized;
            let text = segment.text(&line);
            if text.first() != Some(&b'{') && text.iter().all(u8::is_ascii_whitespace) {
                match batch.shared.spec.blank {
                    Blank::Keep => batch.output.keep(),
                    Blank::Drop => {
                        batch.counts.dropped_blank += 1;
                        batch.output.skip(segment.offset + line.start, segment.offset + line.next);
                    }
                }
                continue;
            }
            match self.event(segment, &line, batch) {
                Ok(()) => {
                    if emit(&mut batch.output, segment, &line, &self.edits) {
                        note(&mut self.findings, batch.counts.lines_in, segment, &line, self.tape.nodes(), &self.edits);
                    }
                }
                Err(reason) => self.broken(segment, &line, reason, batch),
            }
            if batch.observer.is_full() {
                batch.merge()?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, shared: &Shared, output: Output<'_>, mut counts: Counts, newest: Option<f64>) -> Processed {
        let received = output.input;
        let (mut buffer, lines_out) = output.finish();
        if shared.spec.line_ends == LineEnds::Keep {
            buffer = keep_line_ends(received, buffer, shared.spec.blank, &mut counts.normalized);
        }
        let lines = Lines::new(buffer, lines_out);
        lock(&shared.recent).push(&lines);
        let names = shared.redactor.rule_names();
        let redactions = self.redaction.take_counts().into_iter().map(|(rule, n)| (names[rule].clone(), n)).collect();
        Processed {
            lines,
            lines_in: counts.lines_in,
            lines_out: lines_out as u64,
            time_max_seconds: newest,
            broken: counts.broken,
            dropped_blank: counts.dropped_blank,
            redactions,
            normalized: counts.normalized,
        }
    }
}

impl Worker {
    /// Take one line as an event: leave its edits in `self.edits`, count it.
    fn event(&mut self, segment: &Segment<'_>, line: &Line, batch: &mut Batch<'_>) -> Result<(), Broken> {
        let (shared, text) = (batch.shared, segment.text(line));
        self.edits.clear();
        if text.len() > shared.spec.line_bytes_max {
            return Err(Broken::TooLong);
        }
        self.walk(shared.path, segment, line)?;
        if self.tape.non_finite && shared.spec.non_finite == NonFinite::Broken {
            return Err(Broken::NotJson);
        }
        if !self.tape.same_shape {
            let mut keys = Keys { numbers: &mut self.redaction.keys, wanted: &mut self.wanted };
            shared.extractor.find(text, &self.tape, &mut keys, &mut self.decoded, &mut self.found);
            self.roles.resolve(&self.found);
        }
        let (nodes, found, roles) = (self.tape.nodes(), &self.found, &self.roles);
        let arrival_seconds = batch.arrival_seconds;
        let raw = || View { text, nodes, found, edits: Edits::NONE, roles, time_seconds: arrival_seconds };
        let own_time = match self.shapes.read_plain(text, nodes, roles, self.utc_offset_seconds) {
            Some(read) => read,
            None => self.shapes.read(&raw(), self.utc_offset_seconds),
        };
        let lent = is_time_unknown(text);
        let when = match batch.timing.own(own_time.filter(|_| !lent)) {
            Some(when) => when,
            None if lent => batch.timing.other(Some(Untimed::Broken)),
            None => self.other_time(own_time, batch),
        };
        // Most lines have marks in their time only.
        let redactor = &shared.redactor;
        if !self.shapes.is_time(&self.tape.candidates)
            || !redactor.reads_marked_only(&self.tape)
            || !redactor.nothing_learned(&self.redaction, line.text.0, line.text.1)
        {
            let raw = raw();
            let exempt = |node| self.shapes.exempt(&raw, node);
            let (at, scratch) = (Some(line.text.0), &mut self.redaction);
            redactor.document(text, at, &self.tape, &exempt, scratch, &mut self.edits);
        }
        if shared.redactor.carries(&batch.carried, text, &self.redaction) {
            let (from, scratch) = (batch.from(), &mut self.redaction);
            shared.redactor.carried_event(&mut batch.carried, from, text, &self.tape, scratch, &mut self.edits);
        }
        if self.tape.non_finite && shared.spec.non_finite == NonFinite::Null {
            batch.counts.normalized.non_finite += self.null_non_finite();
        }
        if self.tape.surrogates && shared.spec.lone_surrogates == LoneSurrogates::Replace {
            batch.counts.normalized.lone_surrogates += self.replace_lone_surrogates(text);
        }
        batch.observer.observe(&self.view(text, when.seconds), when.moves);
        Ok(())
    }

    /// When an event was whose own time is missing or not to be trusted.
    #[inline(never)]
    fn other_time(&self, own_time: Option<f64>, batch: &mut Batch<'_>) -> When {
        let why = match (own_time, self.roles.node(Role::Time) as usize) {
            (Some(seconds), _) => batch.timing.distrusted(seconds),
            (None, 0) => Some(Untimed::Missing),
            (None, node) if matches!(self.tape.nodes()[node].kind, Kind::Null | Kind::NonFinite) => Some(Untimed::Null),
            (None, _) => Some(Untimed::Unreadable),
        };
        batch.timing.other(why)
    }

    /// Leave the line's tape in `self.tape`.
    fn walk(&mut self, path: Path, segment: &Segment<'_>, line: &Line) -> Result<(), Broken> {
        let text = segment.text(line);
        if !segment.is_utf8(text) {
            return Err(Broken::Utf8);
        }
        if path != Path::Scalar && !line.control {
            let (keys, places) = self.redaction.for_walk();
            if fast::walk(segment, line, places, keys, &mut self.tape).is_some() {
                return Ok(());
            }
        }
        walk(text, &mut self.tape)
    }

    fn view<'a>(&'a self, text: &'a [u8], time_seconds: f64) -> View<'a> {
        View {
            text,
            nodes: self.tape.nodes(),
            found: &self.found,
            edits: &self.edits,
            roles: &self.roles,
            time_seconds,
        }
    }

    /// Write `null` for every number that JSON does not have; give how many.
    fn null_non_finite(&mut self) -> u64 {
        let nodes = self.tape.nodes().iter().filter(|node| node.kind == Kind::NonFinite);
        self.edits.fill(nodes.map(|node| (node.start as usize, node.end as usize)), b"null") as u64
    }

    /// Write `\ufffd` for every half of a surrogate pair that redaction left; give how many.
    #[cold]
    fn replace_lone_surrogates(&mut self, text: &[u8]) -> u64 {
        let escaped = self.tape.nodes().iter().filter(|node| node.escaped);
        let spans = escaped.flat_map(|node| {
            let start = node.start as usize;
            lone_surrogates(&text[start..node.end as usize]).map(move |(from, to)| (start + from, start + to))
        });
        self.edits.fill(spans, br"\ufffd") as u64
    }

    fn broken(&mut self, segment: &Segment<'_>, line: &Line, reason: Broken, batch: &mut Batch<'_>) {
        let shared = batch.shared;
        let mut when = When { seconds: batch.arrival_seconds, moves: false, known: false };
        if shared.spec.on_broken == OnBroken::Wrap {
            // What is written is an event: counted as one here as it would be by the next reader, its time included.
            when = batch.timing.other(Some(Untimed::Broken));
            batch.observer.observe(&Fieldless { time_seconds: when.seconds }, when.moves);
        }
        batch.counts.broken[reason as usize] += 1;
        self.edits.clear();
        let text = segment.text(line);
        let kept = &text[..text.len().min(shared.spec.line_bytes_max + CUT_SLACK_BYTES)];
        // Read as it will be written, so that the next reader finds nothing that was not found here.
        let written = match shared.spec.on_broken {
            OnBroken::Wrap => String::from_utf8_lossy(kept),
            OnBroken::Pass => Cow::Borrowed(""),
        };
        let at = matches!(written, Cow::Borrowed(_)).then_some(line.text.0);
        let kept = if written.is_empty() { kept } else { written.as_bytes() };
        shared.redactor.text_in_batch(kept, at, &mut self.redaction, &mut self.edits);
        let (from, scratch) = (batch.from(), &mut self.redaction);
        shared.redactor.carried_text(&mut batch.carried, from, kept, scratch, &mut self.edits);
        let end = match reason {
            Broken::TooLong => cut(kept, &self.edits, shared.spec.line_bytes_max),
            _ => kept.len(),
        };
        note(&mut self.findings, batch.counts.lines_in, segment, line, &[], &self.edits);
        batch.output.replace(segment.offset + line.start, segment.offset + line.next, |out| {
            match shared.spec.on_broken {
                OnBroken::Wrap => wrap(&kept[..end], &self.edits, when, reason.as_str(), out),
                OnBroken::Pass => self.edits.apply(kept, 0, end, out),
            }
        });
    }
}

/// Write a line with its edits, or leave it to the run of untouched ones; true when it was written.
fn emit(output: &mut Output<'_>, segment: &Segment<'_>, line: &Line, edits: &Edits) -> bool {
    let (from, to) = line.text;
    if edits.is_empty() && from == line.start && segment.bytes[to..line.next] == *b"\n" {
        output.keep();
        return false;
    }
    output.replace(segment.offset + line.start, segment.offset + line.next, |out| {
        edits.apply(segment.text(line), 0, to - from, out);
    });
    true
}
