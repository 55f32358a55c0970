//! Threads that take no signal. One that is sent to the process is then handled in a thread of the service's: uWSGI ends a
//! worker in its handler, and there waits for every thread but the one that this runs in.

#![allow(unsafe_code, reason = "pthread_sigmask has no safe form")]

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::thread;

/// Signals of a fault in the thread itself: who blocks them sees no traceback of `faulthandler`.
const FAULTS: [i32; 6] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT, libc::SIGTRAP];

/// Start a thread that no signal interrupts, not even while it starts: it has its mask from this one.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut before = MaybeUninit::uninit();
    // SAFETY: `sigfillset` fills the set that the others read, and `pthread_sigmask` fills `before` in.
    let masked = unsafe {
        let mut blocked = MaybeUninit::uninit();
        libc::sigfillset(blocked.as_mut_ptr());
        for fault in FAULTS {
            libc::sigdelset(blocked.as_mut_ptr(), fault);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), before.as_mut_ptr()) == 0
    };
    let started = thread::Builder::new().name(name.to_owned()).spawn(run);
    if masked {
        // SAFETY: `before` was filled in.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    }
    started.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// Whether the calling thread blocks a signal.
    fn blocks(signal: i32) -> bool {
        let mut now = MaybeUninit::uninit();
        // SAFETY: without a new set it only fills in the present one.
        unsafe {
            assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), now.as_mut_ptr()), 0);
            libc::sigismember(now.as_ptr(), signal) == 1
        }
    }

    #[test]
    fn it_blocks_what_is_sent_to_the_process_and_its_starter_does_not() {
        const SENT: [i32; 5] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGCHLD];
        let (tell, told) = channel();
        let before = SENT.map(blocks);
        spawn("quiet", move || tell.send((SENT.map(blocks), FAULTS.map(blocks))).unwrap()).unwrap();
        assert_eq!(told.recv().unwrap(), ([true; 5], [false; 6]));
        assert_eq!(SENT.map(blocks), before);
    }
}
