//! The bounded buffer between the threads that log and the one that writes. Every line offered is written, waiting or
//! dropped with a reason: received = written + dropped + waiting.

use std::io;
use std::mem::{self, ManuallyDrop};
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use headrig_core::engine::Engine;
use headrig_core::io::lines::Lines;

use crate::fork;
use crate::gate::Gate;
use crate::output::Output;
use crate::quiet_thread;
use crate::ship_queue::{self, Chunk, ShipCounters, Shipping};
use crate::state::{BufferState, Turn, Wake, UNDECIDED, WITHOUT};
pub use crate::state::{Counts, Tally};
use crate::terminate;
use crate::writer;

/// Where a buffer writes its lines, and when.
pub struct Settings {
    /// File or stream; None if lines are only shipped.
    pub output: Option<Output>,
    pub shipping: Shipping,
    /// A log file beside which a ring keeps the lines that wait, for who comes after this process. They are redacted by
    /// the thread that logs, then.
    pub ring_beside: Option<PathBuf>,
    /// Lines for people in place of JSON.
    pub text: bool,
    /// Spec of the engine that the lines go through (`Engine::new`), until another engine is set.
    pub spec: Vec<u8>,
    /// Waiting lines that wake the writer before its time.
    pub entries_max: u64,
    /// Longest wait of a line. A caller that gives more than `WAIT_MAX` risks more lines in a crash.
    pub wait: Duration,
}

/// A buffer, shared by all threads of a process.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use headrig_handler::buffer::{Buffer, Settings};
/// use headrig_handler::log_file;
/// use headrig_handler::output::Output;
/// use headrig_handler::ship_queue::Shipping;
///
/// let path = std::env::temp_dir().join(format!("headrig-example-{}.log", std::process::id()));
/// let buffer = Buffer::new(Settings {
///     output: Some(Output::log_file(log_file::Settings { path: path.clone(), mode: 0o640, fsync: false, rotation: None })?),
///     shipping: Shipping::No,
///     ring_beside: None,
///     text: false,
///     spec: Vec::new(),
///     entries_max: 100,
///     wait: Duration::from_millis(5),
/// });
/// buffer.push(b"{\"password\":\"hunter2\"}\n", 20);
/// assert!(buffer.flush(Duration::from_secs(10)));
/// assert_eq!(std::fs::read(&path)?, b"{\"password\":\"[REDACTED:password]\"}\n");
/// buffer.close();
/// std::fs::remove_file(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Buffer {
    pub settings: Settings,
    pub(crate) gate: Gate,
    pub(crate) state: Mutex<BufferState>,
    /// A writer runs or is being started.
    pub(crate) started: AtomicBool,
    pub(crate) mode: AtomicU8,
}

pub(crate) fn lock(state: &Mutex<BufferState>) -> MutexGuard<'_, BufferState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Buffer {
    pub fn new(settings: Settings) -> Arc<Self> {
        let mode = AtomicU8::new(if settings.ring_beside.is_some() { UNDECIDED } else { WITHOUT });
        let (gate, state, started) = (Gate::default(), Mutex::default(), AtomicBool::new(false));
        let buffer = Arc::new(Self { settings, gate, state, started, mode });
        let watched: Weak<Self> = Arc::downgrade(&buffer);
        fork::watch(watched);
        buffer
    }

    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut BufferState) -> R) -> R {
        let inside = self.gate.enter();
        let result = act(&mut lock(&self.state));
        drop(inside);
        result
    }

    fn try_with<R>(&self, act: impl FnOnce(&mut BufferState) -> R) -> Option<R> {
        let inside = self.gate.try_enter()?;
        let result = act(&mut lock(&self.state));
        drop(inside);
        Some(result)
    }

    /// Take a whole line; false if it would have to wait for the gate. Never waits, and calls nothing outside this crate.
    pub fn try_push(self: &Arc<Self>, line: &[u8], level: i64) -> bool {
        let Some(inside) = self.gate.try_enter() else { return false };
        let wake = lock(&self.state).push(line, level, self.settings.entries_max);
        drop(inside);
        self.wake(wake);
        true
    }

    /// Take a whole line, waiting for the gate.
    pub fn push(self: &Arc<Self>, line: &[u8], level: i64) {
        let wake = self.with(|state| state.push(line, level, self.settings.entries_max));
        self.wake(wake);
    }

    /// Count a record that could not be encoded as a line.
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

    /// Start the writer. Never waits, because the caller is attached to the interpreter.
    pub(crate) fn start(self: &Arc<Self>) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let buffer = Arc::clone(self);
        let started = quiet_thread::spawn("headrig-writer", move || writer::run(&buffer));
        if started.is_err() {
            self.started.store(false, Ordering::Release);
        }
    }

    /// Register the calling thread as the writer.
    pub(crate) fn enlist(&self) {
        self.with(|state| {
            state.writer = Some(thread::current());
            state.writer_id = Some(rustix::thread::gettid());
        });
    }

    /// Write everything that was pushed before; false if that takes longer than the timeout.
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

    /// Let the writer end once nothing waits; a later push starts it again.
    pub fn close(&self) {
        let writer = self.with(|state| {
            state.closing = true;
            state.writer.clone()
        });
        unpark(writer);
    }

    pub fn counts(&self) -> Counts {
        self.with(|state| {
            let shipped = if self.settings.shipping == Shipping::Only { state.ship_queue.records() } else { 0 };
            Counts { waiting: state.lines + state.taken_lines + shipped, ..state.counts }
        })
    }

    pub fn ship_counters(&self) -> ShipCounters {
        self.with(|state| state.ship_queue.counters())
    }

    pub fn tally(&self) -> Tally {
        self.with(|state| state.tally.clone())
    }

    /// The engine that the lines go through, made on first use. None if the spec cannot be used.
    pub fn engine(&self) -> Option<Engine> {
        if let Some(engine) = self.with(|state| state.engine.clone()) {
            return Some(engine);
        }
        let made = match self.with(|state| state.inherited.take()) {
            // The parent's own is never dropped: another thread may have been at work in it.
            Some(inherited) => ManuallyDrop::new(inherited).emptied(),
            None => Engine::new(&self.settings.spec, None),
        };
        let made = made.ok()?;
        Some(self.with(|state| state.engine.get_or_insert_with(|| made.clone()).clone()))
    }

    /// Use another engine from now on.
    pub fn set_engine(&self, engine: Engine) {
        let before = self.with(|state| (state.engine.replace(engine), state.lane.take()));
        drop(before);
    }

    /// A descriptor that becomes readable when there is something to ship; replaces the one before.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn open_ship_queue(&self) -> io::Result<RawFd> {
        self.with(|state| state.ship_queue.open())
    }

    /// The oldest lines to ship, which stay counted until `settle`.
    pub fn take(&self) -> Option<Lines> {
        self.with(|state| state.ship_queue.take())
    }

    /// `take`, or None if it would have to wait for the gate.
    pub fn try_take(&self) -> Option<Option<Lines>> {
        self.try_with(|state| state.ship_queue.take())
    }

    /// The oldest chunk that was taken is accepted, except `lost` lines, which are lost for good.
    pub fn settle(&self, lost: u64) {
        let shipping = self.settings.shipping;
        unpark(self.with(|state| state.settle(lost, shipping)));
    }

    /// `settle`; false if it would have to wait for the gate.
    pub fn try_settle(&self, lost: u64) -> bool {
        let shipping = self.settings.shipping;
        let settled = self.try_with(|state| state.settle(lost, shipping));
        settled.map(unpark).is_some()
    }

    /// The writer's next turn. `spare` is given in exchange for the bytes.
    pub(crate) fn turn(&self, spare: &mut Vec<u8>) -> Turn {
        self.with(|state| {
            let dropped = state.counts.dropped();
            let awaited = terminate::is_due() || state.urgent || state.closing || state.forking;
            state.pausing = mem::take(&mut state.pause_due) && !awaited;
            if state.pausing {
                return Turn::Pause;
            }
            if state.bytes.is_empty() {
                if dropped > state.reported {
                    return Turn::Report(dropped - mem::replace(&mut state.reported, dropped));
                }
                state.urgent = false;
                state.notify();
                if state.closing || state.forking {
                    state.writer = None;
                    self.started.store(false, Ordering::Release);
                    return Turn::End(state.closing);
                }
                state.idle = true;
                return Turn::Wait(None);
            }
            state.idle = false;
            let waited = state.since.map_or(self.settings.wait, |since| since.elapsed());
            if !awaited && !state.crowded(self.settings.entries_max) && waited < self.settings.wait {
                return Turn::Wait(Some(self.settings.wait - waited));
            }
            state.take(spare, self.settings.entries_max)
        })
    }

    /// A chunk is written (`lines` of it) or lost.
    pub(crate) fn done(&self, bytes: usize, lines: u64, lost: bool) {
        self.with(|state| {
            state.give_back(bytes, lines);
            state.finished += lines;
            *if lost { &mut state.counts.dropped_internal } else { &mut state.counts.written } += lines;
            state.notify();
        });
    }

    /// Stop shipping: lines in the ship queue are lost, and so are later ones.
    pub fn abandon(&self) {
        let writer = self.with(|state| {
            state.abandoned = true;
            state.lose_shipment();
            state.writer.clone()
        });
        unpark(writer);
    }

    pub(crate) fn failed(&self) {
        self.with(|state| state.counts.write_errors += 1);
    }

    pub(crate) fn tell(&self, seen: Tally) {
        self.with(|state| {
            for (kind, count) in seen {
                *state.tally.entry(kind).or_default() += count;
            }
        });
    }

    /// Offer lines to be shipped beside the file.
    pub(crate) fn offer(&self, chunk: Chunk) {
        let wakeup = self.with(|state| {
            state.ship_queue.make_room(chunk.lines.bytes().len());
            if state.ship_queue.has_room(chunk.lines.bytes().len()) {
                state.ship_queue.put(chunk)
            } else {
                state.ship_queue.refuse(&chunk);
                None
            }
        });
        wake_shipper(wakeup);
    }

    /// Hand lines on to be shipped, once there is room. `bytes` is what the writer took for them.
    pub(crate) fn hand_on(&self, chunk: &Chunk, bytes: usize) {
        loop {
            let handed = self.with(|state| {
                let room = state.abandoned || state.ship_queue.has_room(chunk.lines.bytes().len());
                room.then(|| {
                    state.give_back(bytes, chunk.records);
                    let wakeup = state.ship_queue.put(chunk.clone());
                    if state.abandoned {
                        state.lose_shipment();
                    }
                    wakeup
                })
            });
            match handed {
                Some(wakeup) => return wake_shipper(wakeup),
                None => thread::park(),
            }
        }
    }
}

pub(crate) fn unpark(thread: Option<Thread>) {
    if let Some(thread) = thread {
        thread.unpark();
    }
}

fn wake_shipper(wakeup: Option<Arc<UnixStream>>) {
    if let Some(wakeup) = wakeup {
        ship_queue::wake(&wakeup);
    }
}
