//! SIGTERM where nothing else takes it: what waits is written first, then the process ends as it would have.

#![allow(unsafe_code, reason = "a signal handler has no safe form")]

use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::gate;
use crate::limits::{TERMINATE_CHECK, TERMINATE_WAIT_MAX};

/// Buffers with lines that are neither written nor lost.
static UNWRITTEN: AtomicUsize = AtomicUsize::new(0);
static TERMINATING: AtomicBool = AtomicBool::new(false);
/// The signal came in the middle of a push: a writer is to send it again.
static AGAIN: AtomicBool = AtomicBool::new(false);
static WRITERS: Mutex<Vec<Thread>> = Mutex::new(Vec::new());

pub(crate) fn writers() -> MutexGuard<'static, Vec<Thread>> {
    WRITERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The calling thread is a writer from now on.
pub(crate) fn enlist() {
    writers().push(thread::current());
}

/// The calling thread ends.
pub(crate) fn retire() {
    writers().retain(|thread| thread.id() != thread::current().id());
}

/// A forked child has neither writers nor lines.
pub(crate) fn begin_in_child(mut writers: MutexGuard<'_, Vec<Thread>>) {
    mem::forget(mem::take(&mut *writers));
    UNWRITTEN.store(0, Ordering::Relaxed);
    TERMINATING.store(false, Ordering::Relaxed);
    AGAIN.store(false, Ordering::Relaxed);
}

/// A buffer has its first line that is to be written.
pub(crate) fn begin() {
    UNWRITTEN.fetch_add(1, Ordering::Relaxed);
}

/// Nothing of a buffer waits any more.
pub(crate) fn end() {
    UNWRITTEN.fetch_sub(1, Ordering::Release);
}

/// Whether lines are to be written at once, because the process ends.
pub(crate) fn is_due() -> bool {
    if !TERMINATING.load(Ordering::Relaxed) {
        return false;
    }
    if AGAIN.swap(false, Ordering::Relaxed) {
        // SAFETY: a system call without pointers.
        unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
    }
    true
}

/// Whether nobody takes a signal: neither Python, nor C code of which Python does not know.
pub fn is_default(signal: i32) -> bool {
    let mut before = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action it only fills in the old one, which is read if that has worked.
    unsafe {
        libc::sigaction(signal, ptr::null(), before.as_mut_ptr()) == 0
            && before.assume_init().sa_sigaction == libc::SIG_DFL
    }
}

/// Write what waits when SIGTERM comes, before it ends the process, unless somebody takes that signal already. It does not end
/// the first process of a container, which lives on: pid_namespaces(7).
pub fn flush_on_terminate() {
    if !is_default(libc::SIGTERM) || std::process::id() == 1 {
        return;
    }
    // SAFETY: an action of zeros is a valid one; the handler is a function that is never unloaded.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = on_terminate as extern "C" fn(i32) as usize;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigfillset(&mut action.sa_mask);
        libc::sigaction(libc::SIGTERM, &action, ptr::null_mut());
    }
}

/// Have SIGTERM end the process at once, as before `flush_on_terminate`. Whoever else takes it keeps it.
pub fn end_on_terminate() {
    // SAFETY: as above; the action before is read if the call that fills it in has worked.
    unsafe {
        let mut before = MaybeUninit::<libc::sigaction>::uninit();
        let default: libc::sigaction = mem::zeroed();
        if libc::sigaction(libc::SIGTERM, ptr::null(), before.as_mut_ptr()) == 0
            && before.assume_init().sa_sigaction == on_terminate as extern "C" fn(i32) as usize
        {
            libc::sigaction(libc::SIGTERM, &default, ptr::null_mut());
        }
    }
}

/// Calls only what a signal handler may: system calls and atomics. The thread that it interrupts waits here, so that the
/// service does nothing more.
extern "C" fn on_terminate(signal: i32) {
    // SAFETY: the place of errno is this thread's own, and lives as long as the thread.
    let errno = unsafe { *libc::__errno_location() };
    TERMINATING.store(true, Ordering::Relaxed);
    let mut left = TERMINATE_WAIT_MAX;
    let mut pushing = true;
    while UNWRITTEN.load(Ordering::Acquire) > 0 && !left.is_zero() {
        pushing &= gate::is_anyone_inside();
        if pushing && left < TERMINATE_WAIT_MAX.saturating_sub(10 * TERMINATE_CHECK) {
            // It is this thread: no other stays inside for so long. It comes out, and the signal comes again.
            AGAIN.store(true, Ordering::Relaxed);
            wake_writers();
            // SAFETY: as above.
            unsafe { *libc::__errno_location() = errno };
            return;
        }
        wake_writers();
        sleep(TERMINATE_CHECK);
        left = left.saturating_sub(TERMINATE_CHECK);
    }
    TERMINATING.store(false, Ordering::Relaxed);
    // SAFETY: an action of zeros is the default one. The signal comes as soon as this handler returns.
    unsafe {
        let default: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, &default, ptr::null_mut());
        libc::kill(libc::getpid(), signal);
        *libc::__errno_location() = errno;
    }
}

fn wake_writers() {
    // Whoever has the lock adds a writer, which looks for lines then, or removes one.
    if let Ok(writers) = WRITERS.try_lock() {
        for writer in writers.iter() {
            writer.unpark();
        }
    }
}

fn sleep(duration: Duration) {
    let wait = libc::timespec { tv_sec: 0, tv_nsec: i64::from(duration.subsec_nanos()) };
    // SAFETY: it reads the given time; the rest is not asked for.
    unsafe { libc::nanosleep(&wait, ptr::null_mut()) };
}
