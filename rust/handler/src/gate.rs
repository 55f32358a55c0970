//! A gate that may stay shut over a fork: it knows no waiting threads, so a child inherits none. Critical sections are
//! a copy or a swap; who waits yields.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const SPINS: u32 = 64;
const YIELDS: u32 = 64;
const NAP: Duration = Duration::from_micros(50);

static THREADS: AtomicU64 = AtomicU64::new(1);
thread_local! {
    static ME: u64 = THREADS.fetch_add(1, Ordering::Relaxed);
}

#[derive(Default)]
pub struct Gate {
    held: AtomicBool,
    /// The thread that holds it over a fork; 0: nobody does.
    forking: AtomicU64,
}

/// Inside; leaves when dropped.
pub struct Inside<'a> {
    gate: Option<&'a Gate>,
}

impl Gate {
    /// Enter within a few dozen attempts, or not at all.
    pub fn try_enter(&self) -> Option<Inside<'_>> {
        for _ in 0..SPINS {
            if self.held.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return Some(Inside { gate: Some(self) });
            }
            std::hint::spin_loop();
        }
        // A signal handler or another fork hook logs on the very thread that forks: it is inside already.
        (self.forking.load(Ordering::Relaxed) == ME.with(|me| *me)).then_some(Inside { gate: None })
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
        let inside = self.enter();
        if inside.gate.is_some() {
            self.forking.store(ME.with(|me| *me), Ordering::Relaxed);
            std::mem::forget(inside);
        }
    }

    /// Leave, in parent and child, when this thread has entered for a fork.
    pub fn leave_fork(&self) {
        if self.forking.load(Ordering::Relaxed) == ME.with(|me| *me) {
            self.forking.store(0, Ordering::Relaxed);
            self.held.store(false, Ordering::Release);
        }
    }
}

impl Inside<'_> {
    /// Inside because this very thread forks.
    pub fn during_fork(&self) -> bool {
        self.gate.is_none()
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if let Some(gate) = self.gate {
            gate.held.store(false, Ordering::Release);
        }
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
    fn the_forking_thread_may_pass_and_others_may_not() {
        let gate = Gate::default();
        gate.enter_fork();
        assert!(gate.try_enter().is_some());
        assert!(std::thread::scope(|scope| scope.spawn(|| gate.try_enter().is_none()).join().unwrap()));
        gate.leave_fork();
        assert!(std::thread::scope(|scope| scope.spawn(|| gate.try_enter().is_some()).join().unwrap()));
    }
}
