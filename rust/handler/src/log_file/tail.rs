//! The end of a log file stays the end of a line. A kill or a full disk ends write(2) between any two pages, which leaves
//! the beginning of a line; the next line of whoever else writes must not be glued to it.
//!
//! Whoever writes holds the file's lock (`flock`) shared. So an unfinished line that is still there once the lock is one's
//! own is nobody's, and may be ended; without the lock it may be a write that is under way.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::thread;

use memchr::memrchr;

use crate::limits::{LOCK_TRIES, NAP};
use crate::whole_lines::{take_back, write_lines};

/// Where the line begins that the byte at `at` belongs to.
pub(super) fn line_begin(lines: &[u8], at: usize) -> usize {
    memrchr(b'\n', &lines[..at]).map_or(0, |at| at + 1)
}

/// End the line that somebody who died within it has left; whether there was one. The lock, shared before, is so again or
/// one's own.
pub(super) fn end_torn_line(mut file: &File) -> io::Result<bool> {
    let mut shared = true;
    for _ in 0..LOCK_TRIES {
        shared = shared || file.try_lock_shared().is_ok();
        if shared && !is_torn(file) {
            return Ok(false);
        }
        if shared && file.try_lock().is_ok() {
            break;
        }
        // A failed attempt loses the lock that was shared, so that two who try it do not wait for one another. Who then wrote
        // without it would have others end a line in the middle.
        shared = false;
        thread::sleep(NAP);
    }
    // Whoever still has it was stopped within a write, or nothing can be locked here.
    let torn = is_torn(file);
    if torn {
        file.write_all(b"\n")?;
    }
    Ok(torn)
}

/// Write whole lines; the beginning of one that did not fit is taken back, and `written` moved back to it.
pub(super) fn write_whole_lines(file: &File, lines: &[u8], written: &mut usize) -> io::Result<()> {
    *written = line_begin(lines, *written);
    let done = write_lines(file.as_fd(), lines, written);
    if done.is_err() {
        take_back_alone(file, &lines[..*written]);
        // If it stays, the next write ends it.
        *written = line_begin(lines, *written);
    }
    done
}

/// Take back the beginning of a line, if the file still ends with it and nobody else is within a write.
pub(crate) fn take_back_alone(file: &File, written: &[u8]) {
    if own(file) {
        take_back(file, written);
    }
}

/// Have the lock for oneself: nobody else is within a write.
fn own(file: &File) -> bool {
    (0..LOCK_TRIES).any(|_| {
        let locked = file.try_lock().is_ok();
        if !locked {
            thread::sleep(NAP);
        }
        locked
    })
}

/// Whether the last byte ends no line. A file that cannot be read is taken for whole.
fn is_torn(file: &File) -> bool {
    let mut last = [b'\n'];
    let size = file.metadata().map_or(0, |about| about.len());
    size > 0 && file.read_exact_at(&mut last, size - 1).is_ok() && last != [b'\n']
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, OpenOptions};

    #[test]
    fn who_waited_for_another_writer_has_the_lock_again() {
        let path = std::env::temp_dir().join(format!("headrig-tail-{}", std::process::id()));
        let open = || OpenOptions::new().read(true).append(true).create(true).open(&path).unwrap();
        let (file, mut other, third) = (open(), open(), open());
        file.try_lock_shared().unwrap();
        other.try_lock_shared().unwrap();
        other.write_all(b"half").unwrap();
        thread::scope(|scope| {
            let ended = scope.spawn(|| end_torn_line(&file));
            // Time for an attempt that fails; without one there is nothing to see.
            thread::sleep(10 * NAP);
            other.write_all(b" and half\n").unwrap();
            other.unlock().unwrap();
            assert!(!ended.join().unwrap().unwrap());
        });
        assert!(third.try_lock().is_err(), "somebody may end a line that is being written");
        assert_eq!(fs::read(&path).unwrap(), b"half and half\n");
        fs::remove_file(path).unwrap();
    }
}
