//! A gate that may stay shut over a fork: it knows no waiting threads, so a child inherits none. Critical sections are
//! a copy or a swap; who waits yields.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const SPINS: u32 = 64;
const YIELDS: u32 = 64;
const NAP: Duration = Duration::from_micros(50);

/// Threads that are inside a gate or try to get in.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// Whether a thread is inside any gate. For a signal handler: if nobody is, the thread that it interrupted is not.
pub(crate) fn is_anyone_inside() -> bool {
    INSIDE.load(Ordering::Acquire) > 0
}

/// Of the threads that were inside, a forked child has the one that shut so many gates.
pub(crate) fn begin_in_child(shut: usize) {
    INSIDE.store(shut, Ordering::Relaxed);
}

#[derive(Default)]
pub struct Gate {
    held: AtomicBool,
}

/// Inside; leaves when dropped.
pub struct Inside<'a> {
    gate: &'a Gate,
}

impl Gate {
    /// Enter within a few dozen attempts, or not at all.
    pub fn try_enter(&self) -> Option<Inside<'_>> {
        // Before: a signal may come as soon as this thread is inside.
        INSIDE.fetch_add(1, Ordering::Relaxed);
        for _ in 0..SPINS {
            if self.held.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Some(Inside { gate: self });
            }
            std::hint::spin_loop();
        }
        INSIDE.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// Enter. Never to be called while something is held that the one inside may want.
    pub fn enter(&self) -> Inside<'_> {
        let mut turns = 0;
        loop {
            if let Some(inside) = self.try_enter() {
                return inside;
            }
            turns += 1;
            if turns < YIELDS {
                std::thread::yield_now();
            } else {
                std::thread::sleep(NAP);
            }
        }
    }

    /// Enter and stay until `leave_fork`.
    pub fn enter_fork(&self) {
        std::mem::forget(self.enter());
    }

    /// Leave, in parent and child, after `enter_fork`.
    pub fn leave_fork(&self) {
        drop(Inside { gate: self });
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.gate.held.store(false, Ordering::Release);
        INSIDE.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_inside_at_a_time() {
        let gate = Gate::default();
        let inside = gate.try_enter();
        assert!(inside.is_some());
        assert!(gate.try_enter().is_none());
        drop(inside);
        assert!(gate.try_enter().is_some());
    }

    #[test]
    fn it_stays_shut_over_a_fork() {
        let gate = Gate::default();
        gate.enter_fork();
        assert!(gate.try_enter().is_none());
        gate.leave_fork();
        assert!(gate.try_enter().is_some());
    }
}
