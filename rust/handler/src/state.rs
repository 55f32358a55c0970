//! State of a buffer: its lines, its counters, and the writer's next step. Used only behind the gate; nothing here waits.

use std::collections::BTreeMap;
use std::mem;
use std::thread::Thread;
use std::time::{Duration, Instant};

use headrig_core::engine::Engine;

use crate::level;
use crate::limits::{BUFFER_BYTES_MAX, RESERVED_BYTES, SPARE_BYTES_MAX, WAKE_BYTES};
use crate::ship_queue::{ShipQueue, Shipping};

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
    /// Drops that a line in the file has told of.
    pub reported: u64,
    /// Nobody ships any more.
    pub abandoned: bool,
    pub engine: Option<Engine>,
    pub tally: Tally,
    pub ship_queue: ShipQueue,
    /// The process that these lines are of; 0 until somebody was inside during a fork.
    pub process: u32,
    /// The child began before its own fork hook.
    pub begun: bool,
    pub urgent: bool,
    pub closing: bool,
    pub writer: Option<Thread>,
    /// The writer sleeps until it is woken.
    pub idle: bool,
    pub flushing: Vec<Thread>,
}

/// The writer's next step.
pub(crate) enum Turn {
    Write(Vec<u8>),
    Report(u64),
    Wait(Option<Duration>),
    End,
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

    pub fn crowded(&self, entries_max: u64) -> bool {
        self.lines >= entries_max || self.bytes.len() >= WAKE_BYTES
    }

    pub fn wake_writer(&mut self) -> Wake {
        self.idle = false;
        match &self.writer {
            Some(thread) => Wake::Writer(thread.clone()),
            None => Wake::Start,
        }
    }

    pub fn take(&mut self, spare: &mut Vec<u8>) -> Turn {
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
