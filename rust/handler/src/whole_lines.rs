//! Appending whole lines to a descriptor, so that other processes may write meanwhile; the beginning of a line that did not
//! fit into a file is taken back.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

use memchr::{memchr, memrchr};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fs::{fstat, FileType};
use rustix::io::{write, Errno};

use crate::limits::PIPE_BUF;

/// Permissions of a new log file, unless told otherwise.
pub const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;
/// Longest wait for room before it is looked again: by then a stream may be redirected.
const POLL: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// `take_back` for a stream, which may be a file that somebody redirected it to.
pub(crate) fn take_back_from(descriptor: BorrowedFd<'_>, written: &[u8]) -> usize {
    let Ok(file) = descriptor.try_clone_to_owned().map(File::from) else { return 0 };
    if file.metadata().is_ok_and(|about| about.is_file()) {
        take_back(&file, written)
    } else {
        0
    }
}

/// Take back the beginning of a line, if the file still ends with it; the bytes taken back.
pub(crate) fn take_back(file: &File, written: &[u8]) -> usize {
    let torn = &written[memrchr(b'\n', written).map_or(0, |at| at + 1)..];
    if torn.is_empty() {
        return 0;
    }
    let Ok(before) = file.metadata().map(|about| about.len().saturating_sub(torn.len() as u64)) else {
        return 0;
    };
    let mut last = vec![0; torn.len()];
    let ends = file.read_exact_at(&mut last, before).is_ok() && last == torn;
    if ends && file.set_len(before).is_ok() {
        torn.len()
    } else {
        0
    }
}

/// Write whole lines, from the first byte that is not written yet; `written` is moved on.
///
/// To what is no regular file (a pipe, a socket, a terminal) others may write as well: one write takes lines of at most
/// `PIPE_BUF` bytes together, which the kernel mixes with nobody's. A longer line goes alone, and nothing can keep others
/// from coming between its parts. What is full is waited for, also where writes do not block.
///
/// # Errors
/// Not everything could be written; call again with the same arguments.
///
/// # Example
///
/// ```
/// use std::os::fd::AsFd;
///
/// use headrig_handler::whole_lines::write_lines;
///
/// let (reader, writer) = std::io::pipe()?;
/// let mut written = 0;
/// write_lines(writer.as_fd(), b"one\ntwo\n", &mut written)?;
/// assert_eq!(written, 8);
/// drop((reader, writer));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_lines(to: BorrowedFd<'_>, lines: &[u8], written: &mut usize) -> io::Result<()> {
    let regular = FileType::from_raw_mode(fstat(to)?.st_mode).is_file();
    let mut bytes_max = usize::MAX;
    while *written < lines.len() {
        let rest = &lines[*written..];
        let piece = if regular { rest } else { together(rest) };
        let piece = &piece[..piece.len().min(bytes_max)];
        match write(to, piece) {
            Ok(count) => *written += count,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // Whoever shares it made it non-blocking. What else ends the wait, the next write says: a redirection, too.
                let _ = poll(&mut [PollFd::from_borrowed_fd(to, PollFlags::OUT)], Some(&POLL));
            }
            // A socket takes no message of that size.
            Err(Errno::MSGSIZE) if piece.len() > PIPE_BUF => bytes_max = PIPE_BUF,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The bytes for one write: as many whole lines as fit, or the first one.
fn together(rest: &[u8]) -> &[u8] {
    if rest.len() <= PIPE_BUF {
        return rest;
    }
    let end = memrchr(b'\n', &rest[..PIPE_BUF]).or_else(|| memchr(b'\n', rest));
    &rest[..end.map_or(rest.len(), |at| at + 1)]
}

/// Open a file for appending, directories included.
///
/// # Errors
/// The file cannot be opened for writing.
pub(crate) fn open_appending(path: &Path, mode: u32) -> io::Result<File> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(mode);
    // Reading as well lets a named pipe without a reader open at once; not every file may be read.
    match options.clone().read(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => options.open(path),
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixDatagram;
    use std::thread;

    fn line(bytes: usize) -> Vec<u8> {
        [vec![b'x'; bytes - 1], b"\n".to_vec()].concat()
    }

    #[test]
    fn one_write_takes_whole_lines_of_a_page_or_one_that_is_longer() {
        let lines =
            [line(3000), line(1096), line(1), line(PIPE_BUF), line(PIPE_BUF + 1), line(10), b"end".to_vec()].concat();
        let mut rest = &lines[..];
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            pieces.push(together(rest).len());
            rest = &rest[together(rest).len()..];
        }
        assert_eq!(pieces, [4096, 1, 4096, 4097, 13]);
    }

    #[test]
    fn a_datagram_is_whole_lines_and_one_that_is_too_long_goes_in_parts() {
        let (to, from) = UnixDatagram::pair().unwrap();
        let long = line(1024 * 1024);
        let lines = [line(2000), line(2000), line(2000), long.clone(), line(7)].concat();
        let reader = thread::spawn(move || {
            let mut messages = Vec::new();
            let mut room = vec![0; 2 * 1024 * 1024];
            while messages.iter().map(Vec::len).sum::<usize>() < 6000 + 1024 * 1024 + 7 {
                let count = from.recv(&mut room).unwrap();
                messages.push(room[..count].to_vec());
            }
            messages
        });
        let mut written = 0;
        write_lines(to.as_fd(), &lines, &mut written).unwrap();
        let messages = reader.join().unwrap();
        assert_eq!(messages.concat(), lines);
        assert_eq!(messages[..2].iter().map(Vec::len).collect::<Vec<_>>(), [4000, 2000]);
        assert!(messages[2..].iter().all(|message| message.len() <= PIPE_BUF));
    }

    #[test]
    fn a_full_pipe_that_does_not_block_is_waited_for() {
        let (mut from, to) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&to, true).unwrap();
        let lines = line(100).repeat(10_000);
        let expected = lines.clone();
        let writer = thread::spawn(move || write_lines(to.as_fd(), &lines, &mut 0));
        let mut got = Vec::new();
        from.read_to_end(&mut got).unwrap();
        assert!(writer.join().unwrap().is_ok());
        assert_eq!(got, expected);
    }

    #[test]
    fn directories_and_file_are_not_for_others() {
        let root = std::env::temp_dir().join(format!("headrig-whole-lines-{}", std::process::id()));
        let path = root.join("a/b/app.log");
        for bytes in [b"one\n", b"two\n"] {
            open_appending(&path, FILE_MODE).unwrap().write_all(bytes).unwrap();
        }
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        // The umask may take away more.
        assert_eq!(mode(&path) & !FILE_MODE, 0);
        assert_eq!(mode(&root.join("a")) & !DIRECTORY_MODE, 0);
        std::fs::remove_dir_all(root).unwrap();
    }
}
