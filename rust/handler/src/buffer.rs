//! The bounded buffer between the threads that log and the one that writes. Every line offered is written, waiting or
//! dropped with a reason: received = written + dropped + waiting.

use std::fs::File;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::gate::Gate;
use crate::level;
use crate::limits::{BUFFER_BYTES_MAX, RESERVED_BYTES, SPARE_BYTES_MAX, WAIT_MAX, WAKE_BYTES};
use crate::writer;

/// What a buffer writes to, and when.
pub struct Settings {
    pub file: File,
    /// Lines for people in place of JSON.
    pub text: bool,
    /// Waiting lines that wake the writer before its time.
    pub entries_max: u64,
    /// Longest wait of a line; never more than `WAIT_MAX`.
    pub wait: Duration,
}

/// The sums of one buffer, all taken at one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub received: u64,
    pub written: u64,
    /// The buffer was full.
    pub dropped_full: u64,
    /// A bug: no line came of the record.
    pub dropped_internal: u64,
    pub waiting: u64,
    /// Attempts to write that failed. Their lines wait and come again.
    pub write_errors: u64,
}

/// A buffer, shared by all threads of a process.
pub struct Buffer {
    pub settings: Settings,
    gate: Gate,
    state: Mutex<State>,
    /// A writer is there or on its way.
    started: AtomicBool,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    lines: u64,
    /// When the first of these lines came.
    since: Option<Instant>,
    /// Bytes and lines that the writer has and has not written.
    taken_bytes: usize,
    taken_lines: u64,
    counts: Counts,
    /// Lines that found room, and those of them the writer is done with.
    accepted: u64,
    finished: u64,
    /// Drops that a line in the file has told of.
    reported: u64,
    urgent: bool,
    closing: bool,
    writer: Option<Thread>,
    /// The writer sleeps until it is woken.
    idle: bool,
    flushing: Vec<Thread>,
}

/// What the writer does next.
pub(crate) enum Turn {
    Write(Vec<u8>),
    Report(u64),
    Wait(Option<Duration>),
    End,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Buffer {
    pub fn new(settings: Settings) -> Arc<Self> {
        let settings = Settings { wait: settings.wait.min(WAIT_MAX), ..settings };
        Arc::new(Self { settings, gate: Gate::default(), state: Mutex::default(), started: AtomicBool::new(false) })
    }

    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let inside = self.gate.enter();
        let result = act(&mut lock(&self.state));
        drop(inside);
        result
    }

    /// Take a whole line; false when that would have meant to wait. Nothing is waited for, no call leaves this crate.
    pub fn try_push(self: &Arc<Self>, line: &[u8], level: i64) -> bool {
        let Some(inside) = self.gate.try_enter() else { return false };
        let wake = lock(&self.state).push(line, level, self.settings.entries_max);
        drop(inside);
        self.wake(wake);
        true
    }

    /// The same, waiting its turn. Not to be called while attached to the interpreter.
    pub fn push(self: &Arc<Self>, line: &[u8], level: i64) {
        let wake = self.with(|state| state.push(line, level, self.settings.entries_max));
        self.wake(wake);
    }

    /// Count a record of which no line came.
    pub fn lose(&self) {
        self.with(|state| {
            state.counts.received += 1;
            state.counts.dropped_internal += 1;
        });
    }

    fn wake(self: &Arc<Self>, wake: Wake) {
        match wake {
            Wake::No => {}
            Wake::Writer(thread) => thread.unpark(),
            Wake::Start => self.start(),
        }
    }

    /// Never waits: who logs is attached to the interpreter.
    fn start(self: &Arc<Self>) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let buffer = Arc::clone(self);
        let started = thread::Builder::new().name("headrig-writer".to_owned()).spawn(move || writer::run(&buffer));
        if started.is_err() {
            self.started.store(false, Ordering::Release);
        }
    }

    /// The writer is there.
    pub(crate) fn enlist(&self) {
        self.with(|state| state.writer = Some(thread::current()));
    }

    /// Have everything written that was pushed before; false when that took longer.
    pub fn flush(self: &Arc<Self>, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let target = self.with(|state| state.accepted);
        loop {
            let (done, wake) = self.with(|state| {
                let done = state.finished >= target;
                state.flushing.retain(|thread| thread.id() != thread::current().id());
                if !done {
                    state.urgent = true;
                    state.flushing.push(thread::current());
                }
                (done, if done { Wake::No } else { state.wake_writer() })
            });
            self.wake(wake);
            let left = deadline.saturating_duration_since(Instant::now());
            if done || left.is_zero() {
                return done;
            }
            thread::park_timeout(left);
        }
    }

    /// Let the writer end once nothing waits. A later push starts it again. Nothing is waited for: in the middle of a
    /// fork, the thread stays.
    pub fn close(&self) {
        let Some(inside) = self.gate.try_enter() else { return };
        let writer = {
            let mut state = lock(&self.state);
            state.closing = true;
            state.writer.clone()
        };
        drop(inside);
        if let Some(thread) = writer {
            thread.unpark();
        }
    }

    pub fn counts(&self) -> Counts {
        self.with(|state| Counts { waiting: state.lines + state.taken_lines, ..state.counts })
    }

    /// Before a fork: nobody else is inside until `after_fork`.
    pub fn before_fork(&self) {
        self.gate.enter_fork();
    }

    /// After it, in both processes. What waits belongs to the parent: the child begins empty, without a writer.
    pub fn after_fork(&self, child: bool) {
        if child {
            // Neither the parent's thread handles nor its memory may be given back here: they may be in use as it stood.
            mem::forget(mem::take(&mut *lock(&self.state)));
            self.started.store(false, Ordering::Release);
        }
        self.gate.leave_fork();
    }

    /// The writer's next turn. `spare` is given in exchange for the bytes.
    pub(crate) fn turn(&self, spare: &mut Vec<u8>) -> Turn {
        self.with(|state| {
            let dropped = state.counts.dropped();
            if state.bytes.is_empty() {
                if dropped > state.reported {
                    return Turn::Report(dropped - mem::replace(&mut state.reported, dropped));
                }
                state.urgent = false;
                state.notify();
                if state.closing {
                    state.writer = None;
                    self.started.store(false, Ordering::Release);
                    return Turn::End;
                }
                state.idle = true;
                return Turn::Wait(None);
            }
            state.idle = false;
            let waited = state.since.map_or(self.settings.wait, |since| since.elapsed());
            let due = state.urgent || state.closing || state.crowded(self.settings.entries_max);
            if !due && waited < self.settings.wait {
                return Turn::Wait(Some(self.settings.wait - waited));
            }
            state.take(spare)
        })
    }

    /// A piece is written (`lines` of it) or lost.
    pub(crate) fn done(&self, bytes: usize, lines: u64, lost: bool) {
        self.with(|state| {
            state.taken_bytes -= bytes;
            state.taken_lines -= lines;
            state.finished += lines;
            *if lost { &mut state.counts.dropped_internal } else { &mut state.counts.written } += lines;
            state.notify();
        });
    }

    pub(crate) fn failed(&self) {
        self.with(|state| state.counts.write_errors += 1);
    }
}

enum Wake {
    No,
    Writer(Thread),
    Start,
}

impl Counts {
    pub fn dropped(&self) -> u64 {
        self.dropped_full + self.dropped_internal
    }
}

impl State {
    fn push(&mut self, line: &[u8], level: i64, entries_max: u64) -> Wake {
        self.counts.received += 1;
        let room = if level >= level::WARN { BUFFER_BYTES_MAX } else { BUFFER_BYTES_MAX - RESERVED_BYTES };
        if self.bytes.len() + self.taken_bytes + line.len() > room {
            self.counts.dropped_full += 1;
            return Wake::No;
        }
        if self.bytes.is_empty() {
            self.since = Some(Instant::now());
        }
        let was_crowded = self.crowded(entries_max);
        self.bytes.extend_from_slice(line);
        self.lines += 1;
        self.accepted += 1;
        self.closing = false;
        let at_once = (level >= level::ERROR && !self.urgent) || (!was_crowded && self.crowded(entries_max));
        self.urgent |= level >= level::ERROR;
        if self.writer.is_none() || self.idle || at_once {
            return self.wake_writer();
        }
        Wake::No
    }

    fn crowded(&self, entries_max: u64) -> bool {
        self.lines >= entries_max || self.bytes.len() >= WAKE_BYTES
    }

    fn wake_writer(&mut self) -> Wake {
        self.idle = false;
        match &self.writer {
            Some(thread) => Wake::Writer(thread.clone()),
            None => Wake::Start,
        }
    }

    fn take(&mut self, spare: &mut Vec<u8>) -> Turn {
        spare.clear();
        if spare.capacity() > SPARE_BYTES_MAX {
            *spare = Vec::new();
        }
        let bytes = mem::replace(&mut self.bytes, mem::take(spare));
        self.taken_bytes += bytes.len();
        self.taken_lines += mem::take(&mut self.lines);
        self.since = None;
        self.urgent = false;
        Turn::Write(bytes)
    }

    fn notify(&mut self) {
        for thread in self.flushing.drain(..) {
            thread.unpark();
        }
    }
}
