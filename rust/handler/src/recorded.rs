//! A buffer whose lines also lie in a ring: redacted by the thread that logs, and removed from there by the writer.

use std::io::{self, Write};
use std::mem;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use headrig_core::engine::Lane;
use headrig_core::io::lines::Lines;

use crate::buffer::Buffer;
use crate::log_file::WrittenTo;
use crate::ring::{drain::drain, Ring};
use crate::state::{UNDECIDED, WITH, WITHOUT};
use crate::whole_lines::FILE_MODE;
use crate::writer::{now_seconds, tally, LANE};

impl Buffer {
    /// Whether lines are to be redacted before they are pushed.
    pub fn takes_redacted(&self) -> bool {
        match self.mode.load(Ordering::Acquire) {
            UNDECIDED => self.decide(),
            mode => mode == WITH,
        }
    }

    /// The first line decides it. It waits for the disk, and until the rules are compiled.
    pub fn is_undecided(&self) -> bool {
        self.mode.load(Ordering::Acquire) == UNDECIDED
    }

    /// What the first line waits for.
    pub fn prepare(&self) {
        if self.takes_redacted() {
            self.lane();
        }
    }

    /// A line as it is to be pushed then; None: the core failed on it, and it must not be shown.
    pub fn redacted(&self, line: &[u8]) -> Option<Lines> {
        let lane = self.lane()?;
        let processed = catch_unwind(AssertUnwindSafe(|| lane.process(line, now_seconds()))).ok()?;
        let seen = tally(&processed);
        if !seen.is_empty() {
            self.tell(seen);
        }
        Some(processed.lines)
    }

    fn lane(&self) -> Option<Arc<Lane>> {
        if let Some(lane) = self.with(|state| state.lane.clone()) {
            return Some(lane);
        }
        let lane = catch_unwind(AssertUnwindSafe(|| self.engine().map(|engine| engine.lane(LANE)))).ok()??;
        Some(self.with(|state| Arc::clone(state.lane.get_or_insert(lane))))
    }

    /// Drain what the dead have left, and make a ring of our own.
    fn decide(&self) -> bool {
        let Some(log) = &self.settings.ring_beside else { return false };
        // What hinders it was told when the log was opened.
        let _ = drain(log, FILE_MODE);
        let made = Ring::create(log);
        let failed = made.as_ref().err().map(ToString::to_string);
        let (mode, superfluous) = self.with(|state| {
            let mode = self.mode.load(Ordering::Acquire);
            if mode != UNDECIDED {
                return (mode, made.ok());
            }
            let mode = if made.is_ok() { WITH } else { WITHOUT };
            if let Ok(ring) = made {
                state.begin_ring(ring);
            }
            self.mode.store(mode, Ordering::Release);
            (mode, None)
        });
        if let Some(ring) = superfluous {
            ring.remove();
        } else if let Some(reason) = failed {
            tell_without(log, &reason);
        }
        mode == WITH
    }

    /// Have the ring beside the log again, if it, its directory or a link to that was moved or removed; the writer calls it
    /// after a write, which makes the directory. `failing`: whether the last attempt failed, which is told once.
    pub(crate) fn follow_log(&self, failing: &mut bool) {
        let Some(log) = &self.settings.ring_beside else { return };
        let Some(place) = self.with(|state| state.ring.as_ref().map(Ring::place)) else { return };
        if place.is_beside(log) {
            *failing = false;
            return;
        }
        match Ring::create(log) {
            Ok(ring) => {
                *failing = false;
                if let Some(superfluous) = self.with(|state| state.move_ring(ring)) {
                    superfluous.remove();
                }
            }
            Err(error) => {
                if !mem::replace(failing, true) {
                    tell_without(log, &error.to_string());
                }
            }
        }
    }

    /// The writer begins to write bytes that lie in the ring.
    pub(crate) fn begin_piece(&self, bytes: usize, file: WrittenTo) {
        self.with(|state| {
            if let Some(ring) = &mut state.ring {
                ring.begin_piece(bytes.saturating_sub(state.taken_before_ring), file);
            }
        });
    }

    /// Remove the ring if nothing waits: the process ends, or (`again`) a later line shall make another.
    pub fn remove_ring(&self, again: bool) {
        let ring = self.with(|state| {
            if state.lines + state.taken_lines > 0 {
                return None;
            }
            if again && self.mode.load(Ordering::Acquire) == WITH {
                self.mode.store(UNDECIDED, Ordering::Release);
            }
            state.ring.take()
        });
        if let Some(ring) = ring {
            ring.remove();
        }
    }
}

fn tell_without(log: &Path, reason: &str) {
    let said =
        format!("headrig: {}: lines that wait are lost with a process that is killed: {reason}\n", log.display());
    let _ = io::stderr().write_all(said.as_bytes());
}
