//! State of a buffer: its lines, its counters, and the writer's next step. Used only behind the gate; nothing here waits.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use headrig_core::engine::{Engine, Lane};
use rustix::process::Pid;

use crate::level;
use crate::limits::{BUFFER_BYTES_MAX, CROWD_ENTRIES, RESERVED_BYTES, SPARE_BYTES_MAX, WAKE_BYTES};
use crate::ring::Ring;
use crate::ship_queue::{ShipQueue, Shipping};
use crate::terminate;

/// Whether a process has a ring is decided with its first line, once.
pub(crate) const UNDECIDED: u8 = 0;
/// The writer redacts.
pub(crate) const WITHOUT: u8 = 1;
/// Lines come redacted.
pub(crate) const WITH: u8 = 2;

/// The sums of one buffer, all taken at one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub received: u64,
    /// In the file, or acknowledged by who they were shipped to.
    pub written: u64,
    /// The buffer was full.
    pub dropped_full: u64,
    /// A bug: no line came of the record.
    pub dropped_internal: u64,
    pub waiting: u64,
    /// Attempts to write that failed. Their lines wait and come again.
    pub write_errors: u64,
}

/// What the core did to the lines: `redactions` by rule, `broken` and `normalized` by kind.
pub type Tally = BTreeMap<(&'static str, String), u64>;

#[derive(Default)]
pub(crate) struct BufferState {
    pub bytes: Vec<u8>,
    pub lines: u64,
    /// When the first of these lines came.
    pub since: Option<Instant>,
    /// Bytes and lines that the writer has and has not written.
    pub taken_bytes: usize,
    pub taken_lines: u64,
    pub counts: Counts,
    /// Lines that found room, and those of them the writer is done with.
    pub accepted: u64,
    pub finished: u64,
    /// Holds the same lines, for who comes after this process.
    pub ring: Option<Ring>,
    /// Of the bytes that the writer has, those that it took before there was this ring, and that are not in it.
    pub taken_before_ring: usize,
    pub lane: Option<Arc<Lane>>,
    /// Drops that a line in the file has told of.
    pub reported: u64,
    /// Nobody ships any more.
    pub abandoned: bool,
    pub engine: Option<Engine>,
    pub tally: Tally,
    pub ship_queue: ShipQueue,
    /// What the parent's lines went through: its rules serve the child as well.
    pub inherited: Option<Engine>,
    pub urgent: bool,
    /// A fork waits for the writer to end.
    pub forking: bool,
    pub closing: bool,
    pub writer: Option<Thread>,
    /// Of the writer that runs or ran last.
    pub writer_id: Option<Pid>,
    /// The writer sleeps until it is woken.
    pub idle: bool,
    /// The writer took a crowd, and is to pause after it.
    pub pause_due: bool,
    /// It pauses: a crowd need not wake it.
    pub pausing: bool,
    pub flushing: Vec<Thread>,
}

/// The writer's next step.
pub(crate) enum Turn {
    Write(Vec<u8>),
    Report(u64),
    Wait(Option<Duration>),
    Pause,
    /// Whether the buffer is closed; else a fork comes.
    End(bool),
}

pub(crate) enum Wake {
    No,
    Writer(Thread),
    Start,
}

impl Counts {
    pub fn dropped(&self) -> u64 {
        self.dropped_full + self.dropped_internal
    }
}

impl BufferState {
    pub fn push(&mut self, line: &[u8], level: i64, entries_max: u64) -> Wake {
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
        if self.lines + self.taken_lines == 0 {
            terminate::begin();
        }
        self.bytes.extend_from_slice(line);
        if let Some(ring) = &mut self.ring {
            ring.push(line);
        }
        self.lines += 1;
        self.accepted += 1;
        self.closing = false;
        let comes_crowd = !was_crowded && !self.pausing && self.crowded(entries_max);
        let at_once = (level >= level::ERROR && !self.urgent) || comes_crowd;
        self.urgent |= level >= level::ERROR;
        if self.writer.is_none() || self.idle || at_once {
            return self.wake_writer();
        }
        Wake::No
    }

    /// Have a ring from now on, also for lines that another thread has pushed since it was decided that there be one.
    pub fn begin_ring(&mut self, mut ring: Ring) {
        ring.push(&self.bytes);
        self.taken_before_ring = self.taken_bytes;
        self.ring = Some(ring);
    }

    /// Have another ring in place of this one; gives the superfluous one.
    pub fn move_ring(&mut self, mut ring: Ring) -> Option<Ring> {
        // Meanwhile removed, because nothing waits any more.
        let Some(mut before) = self.ring.take() else { return Some(ring) };
        ring.take_over(&mut before);
        self.ring = Some(ring);
        Some(before)
    }

    pub fn crowded(&self, entries_max: u64) -> bool {
        self.lines >= entries_max || self.bytes.len() >= WAKE_BYTES
    }

    pub fn wake_writer(&mut self) -> Wake {
        self.idle = false;
        match &self.writer {
            Some(thread) => Wake::Writer(thread.clone()),
            // The fork starts it again.
            None if self.forking => Wake::No,
            None => Wake::Start,
        }
    }

    pub fn take(&mut self, spare: &mut Vec<u8>, entries_max: u64) -> Turn {
        self.pause_due = self.crowded(entries_max.max(CROWD_ENTRIES));
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

    /// The writer is done with lines that it took.
    pub fn give_back(&mut self, bytes: usize, lines: u64) {
        let before_ring = self.taken_before_ring.min(bytes);
        self.taken_before_ring -= before_ring;
        if let Some(ring) = &mut self.ring {
            ring.end_piece(bytes - before_ring);
        }
        self.taken_bytes -= bytes;
        self.taken_lines -= lines;
        if lines > 0 && self.lines + self.taken_lines == 0 {
            terminate::end();
        }
    }

    /// The oldest shipment is decided, and so many of its lines are lost; gives the writer, which may wait for room.
    pub fn settle(&mut self, lost: u64, shipping: Shipping) -> Option<Thread> {
        let (records, lost) = self.ship_queue.settle(lost);
        if shipping == Shipping::Only {
            self.finished += records;
            self.counts.written += records - lost;
            self.counts.dropped_internal += lost;
            self.notify();
        }
        self.writer.clone()
    }

    /// Begin anew in a forked child, with no line and no writer.
    pub fn begin(&mut self) {
        // The file and its lock stay the parent's.
        drop(self.ring.take());
        let engine = self.engine.take().or_else(|| self.inherited.take());
        // Neither the parent's thread handles nor its memory may be given back here: they may be in use as it stood.
        mem::forget(mem::take(self));
        self.inherited = engine;
    }

    pub fn lose_shipment(&mut self) {
        let records = self.ship_queue.clear();
        self.finished += records;
        self.counts.dropped_internal += records;
        self.notify();
    }

    pub fn notify(&mut self) {
        for thread in self.flushing.drain(..) {
            thread.unpark();
        }
    }
}
