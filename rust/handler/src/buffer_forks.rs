//! A buffer over forks: its writer ends, its gate is shut, and the child's is empty.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use rustix::process::Pid;

use crate::buffer::{lock, unpark, Buffer};
use crate::fork::OverForks;
use crate::limits::FORK_CHECK;
use crate::state::UNDECIDED;

impl OverForks for Buffer {
    fn prepare(&self) {
        let writer = self.with(|state| {
            state.forking = true;
            state.writer.clone()
        });
        unpark(writer);
    }

    fn shut(&self, deadline: Instant) {
        loop {
            let ended = !self.started.load(Ordering::Acquire) && self.with(|state| is_gone(state.writer_id));
            if ended || Instant::now() >= deadline {
                break;
            }
            thread::sleep(FORK_CHECK);
        }
        // Children need not compile the rules each.
        let _ = catch_unwind(AssertUnwindSafe(|| self.engine()));
        self.gate.enter_fork();
    }

    /// Waiting lines belong to the parent: the child starts empty, without a writer.
    fn open(self: Arc<Self>, child: bool) {
        let waiting = {
            let mut state = lock(&self.state);
            if child {
                state.begin();
                self.started.store(false, Ordering::Release);
                if self.settings.ring_beside.is_some() {
                    self.mode.store(UNDECIDED, Ordering::Release);
                }
            }
            state.forking = false;
            state.lines > 0
        };
        self.gate.leave_fork();
        if waiting {
            self.start();
        }
    }
}

/// Whether a thread is no more. Where the kernel does not say, nobody counts it either.
fn is_gone(thread: Option<Pid>) -> bool {
    thread.is_none_or(|id| !Path::new(&format!("/proc/self/task/{}", id.as_raw_nonzero())).exists())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    use crate::buffer::Settings;
    use crate::log_file;
    use crate::output::Output;
    use crate::ship_queue::Shipping;
    use crate::state::Counts;

    #[test]
    fn a_fork_leaves_the_child_an_empty_buffer_and_the_rules() {
        let path = std::env::temp_dir().join(format!("headrig-fork-{}", std::process::id()));
        let file = log_file::Settings { path: path.clone(), mode: 0o640, fsync: false, rotation: None };
        let output = Some(Output::log_file(file).unwrap());
        let (spec, wait) = (Vec::new(), Duration::from_secs(60));
        let settings =
            Settings { output, shipping: Shipping::No, ring_beside: None, text: false, spec, entries_max: 100, wait };
        let buffer = Buffer::new(settings);
        buffer.push(b"{\"before\":1}\n", 20);
        buffer.shut(Instant::now());
        assert!(!buffer.try_push(b"{\"during\":1}\n", 20));
        Arc::clone(&buffer).open(true);
        assert_eq!(buffer.counts(), Counts::default());
        assert!(lock(&buffer.state).inherited.is_some());
        buffer.push(b"{\"after\":1}\n", 20);
        assert!(buffer.flush(Duration::from_secs(60)));
        assert!(fs::read_to_string(&path).unwrap().ends_with("{\"after\":1}\n"));
        fs::remove_file(path).unwrap();
    }
}
