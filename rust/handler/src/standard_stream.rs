//! Standard output and standard error as they are at each write: whoever redirects the descriptor is followed. What can heal
//! (a disk that is full) is waited for; what cannot (a reader that has gone) takes the lines with it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use crate::log_file::{reason_of, Change, Stage};
use crate::whole_lines::{take_back_from, write_lines};

/// Standard output, or standard error.
pub struct StandardStream {
    error: bool,
    /// Its number may come to be another file's, which is not for lines.
    closed: bool,
    failing: AtomicBool,
}

impl StandardStream {
    /// Standard output (`error`: standard error). `closed`: the process was started without it.
    pub fn new(error: bool, closed: bool) -> Self {
        Self { error, closed, failing: AtomicBool::new(false) }
    }

    /// Whether a path names one of them: false for standard output, true for standard error. To open a pipe by such a name
    /// would make us its reader as well, who never goes.
    pub fn named(path: &Path) -> Option<bool> {
        match path.to_str()? {
            "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(false),
            "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(true),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<RawFd> {
        (!self.closed).then(|| self.with(|descriptor| descriptor.as_raw_fd()))
    }

    fn with<R>(&self, act: impl FnOnce(BorrowedFd<'_>) -> R) -> R {
        if self.error {
            act(io::stderr().as_fd())
        } else {
            act(io::stdout().as_fd())
        }
    }

    /// Append whole lines. A trouble is told once, and so is its end. That no lock is held leaves nothing to a fork.
    pub(crate) fn append(&self, lines: &[u8], written: &mut usize, tell: impl Fn(&Path, &Change)) -> io::Result<()> {
        let done = if self.closed {
            Err(Errno::BADF.into())
        } else {
            self.with(|descriptor| {
                let done = write_lines(descriptor, lines, written);
                if done.is_err() {
                    *written -= take_back_from(descriptor, &lines[..*written]);
                }
                done
            })
        };
        let name = Path::new(if self.error { "standard error" } else { "standard output" });
        match &done {
            Ok(()) if self.failing.load(Ordering::Relaxed) => {
                self.failing.store(false, Ordering::Relaxed);
                tell(name, &Change::Recovered(Stage::Write));
            }
            Err(error) if !self.failing.swap(true, Ordering::Relaxed) => {
                let stage = if is_lasting(error) { Stage::Reach } else { Stage::Write };
                let reason = if self.closed { "it is closed".to_owned() } else { reason_of(error) };
                tell(name, &Change::Failed { stage, reason });
            }
            _ => {}
        }
        done
    }
}

/// Nobody reads there, and nobody will: the reader of a pipe or the peer of a socket has gone, or it is closed.
pub(crate) fn is_lasting(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(number, Some(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN | Errno::BADF))
}
