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
        match look(file, &mut shared) {
            Look::Whole => return Ok(false),
            Look::Alone => break,
            Look::Busy => thread::sleep(NAP),
        }
    }
    // Whoever still has it was stopped within a write, or nothing can be locked here.
    let torn = is_torn(file);
    if torn {
        file.write_all(b"\n")?;
    }
    Ok(torn)
}

#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// The file ends with a line, and the lock is shared.
    Whole,
    /// It does not, and the lock is one's own: nobody is within a write.
    Alone,
    Busy,
}

/// A failed attempt to have the lock for oneself loses the one that was shared, so that two who try it do not wait for one
/// another. Without one nobody may write: others would end the line in its middle.
fn look(file: &File, shared: &mut bool) -> Look {
    *shared = *shared || file.try_lock_shared().is_ok();
    if !*shared {
        return Look::Busy;
    }
    if !is_torn(file) {
        return Look::Whole;
    }
    if file.try_lock().is_ok() {
        return Look::Alone;
    }
    *shared = false;
    Look::Busy
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
        let mut shared = true;
        file.try_lock_shared().unwrap();
        other.try_lock_shared().unwrap();
        other.write_all(b"half").unwrap();
        assert_eq!((look(&file, &mut shared), shared), (Look::Busy, false));
        other.write_all(b" and half\n").unwrap();
        other.unlock().unwrap();
        third.try_lock().unwrap();
        assert_eq!((look(&file, &mut shared), shared), (Look::Busy, false));
        third.unlock().unwrap();
        assert_eq!((look(&file, &mut shared), shared), (Look::Whole, true));
        assert!(third.try_lock().is_err(), "somebody may end a line that is being written");
        file.unlock().unwrap();
        (&file).write_all(b"of a dead one").unwrap();
        assert!(end_torn_line(&file).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"half and half\nof a dead one\n");
        fs::remove_file(path).unwrap();
    }
}
