//! The ring beside a log: a mapped file with the lines that the writer has not written yet. It outlives a process that is
//! killed, and the next one on that path writes what it holds. Only redacted bytes lie there.
//!
//! A circle of bytes behind one page of numbers: `[tail, head)` are whole lines, because `head` is moved when a line is
//! copied, and `tail` when it is in the log. Who owns it holds a lock of the open file (`F_OFD_SETLK`, fcntl(2)): it ends with
//! the process, and not when somebody there closes the same file, as a backup does. A forked child closes its copy. Numbers are little-endian on every machine that headrig runs on.

#![allow(unsafe_code, reason = "a mapped file has no safe form")]

pub mod drain;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{fallocate, fstatfs, FallocateFlags};
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};

use crate::limits::{RING_BYTES, RING_HEADER_BYTES};
use crate::log_file::{named_file, FileId, WrittenTo};

const MAGIC: &[u8; 16] = b"headrig ring 1\n\0";
const RING_MODE: u32 = 0o600;
/// Kinds of file systems (`f_type` in statfs(2), numbers in linux/magic.h) that keep what was allocated, so that no store
/// into a mapping finds the disk full: ext2 to ext4, xfs, tmpfs and ramfs, f2fs, jfs, and overlayfs, which is one of them
/// where a container has its files. Those that copy on write (btrfs, zfs, bcachefs) and remote ones kill who stores then.
const KEEPING: [u32; 7] = [0xef53, 0x5846_5342, 0x0102_1994, 0x8584_58f6, 0xf2f5_2010, 0x3153_464a, 0x794c_7630];

/// Number of a word in the header, behind the magic.
#[derive(Clone, Copy)]
enum Word {
    Capacity = 2,
    Head,
    Tail,
    /// The log while a piece is written, and its size before: whoever drains looks there for what was written.
    LogDevice,
    LogInode,
    LogBytes,
    /// Up to here a piece is being written.
    PieceEnd,
}

/// A ring of this process.
pub(crate) struct Ring {
    path: PathBuf,
    /// Its lock is held until it is closed.
    file: File,
    id: FileId,
    map: NonNull<u8>,
}

// SAFETY: the mapping belongs to no thread; only whoever is inside the buffer's gate uses it.
unsafe impl Send for Ring {}

impl Ring {
    /// Make the ring of this process beside a log.
    ///
    /// # Errors
    /// There can be none: the directory takes no file, the disk has no room, or the file system knows no locks.
    pub fn create(log: &Path) -> io::Result<Self> {
        let (path, file) = create_file(log)?;
        let made = Self::map(&path, file);
        if made.is_err() {
            let _ = fs::remove_file(&path);
        }
        made
    }

    fn map(path: &Path, file: File) -> io::Result<Self> {
        if !KEEPING.contains(&(fstatfs(&file)?.f_type as u32)) {
            let reason = "the file system keeps no room for it (it copies on write, or is a remote one)";
            return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
        }
        lock(&file)?;
        let bytes = RING_HEADER_BYTES + RING_BYTES;
        // Before it is mapped: a hole that the disk has no room for kills whoever writes there.
        fallocate(&file, FallocateFlags::empty(), 0, bytes as u64)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping of a file that is as long and has its blocks.
        let map = unsafe { mmap(ptr::null_mut(), bytes, access, MapFlags::SHARED, &file, 0)? };
        let map = NonNull::new(map.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let ring = Self { path: path.to_path_buf(), id: FileId::of(&file.metadata()?), file, map };
        ring.word(Word::Capacity).store(RING_BYTES as u64, Ordering::Relaxed);
        // Last: until then it is no ring.
        ring.file.write_all_at(MAGIC, 0)?;
        Ok(ring)
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        // SAFETY: the header is mapped as long as the ring lives, its words are aligned, and all access is atomic.
        unsafe { &*self.map.as_ptr().cast::<AtomicU64>().add(word as usize) }
    }

    /// Take whole lines. They fit: a buffer takes no more bytes than its ring.
    pub fn push(&mut self, lines: &[u8]) {
        let head = self.word(Word::Head).load(Ordering::Relaxed);
        let at = head as usize % RING_BYTES;
        let (first, second) = lines.split_at(lines.len().min(RING_BYTES - at));
        // SAFETY: both pieces end within the mapping; nobody else writes there.
        unsafe {
            let data = self.map.as_ptr().add(RING_HEADER_BYTES);
            ptr::copy_nonoverlapping(first.as_ptr(), data.add(at), first.len());
            ptr::copy_nonoverlapping(second.as_ptr(), data, second.len());
        }
        self.word(Word::Head).store(head + lines.len() as u64, Ordering::Release);
    }

    /// The oldest bytes are about to be written to the log.
    pub fn begin_piece(&mut self, bytes: usize, log: WrittenTo) {
        self.word(Word::LogDevice).store(log.device, Ordering::Relaxed);
        self.word(Word::LogInode).store(log.inode, Ordering::Relaxed);
        self.word(Word::LogBytes).store(log.bytes, Ordering::Relaxed);
        let end = self.word(Word::Tail).load(Ordering::Relaxed) + bytes as u64;
        self.word(Word::PieceEnd).store(end, Ordering::Release);
    }

    /// They are written, or lost.
    pub fn end_piece(&mut self, bytes: usize) {
        let (head, tail) = (self.word(Word::Head), self.word(Word::Tail));
        let (end, written) = (head.load(Ordering::Relaxed), tail.load(Ordering::Relaxed) + bytes as u64);
        if written < end {
            return tail.store(written, Ordering::Release);
        }
        // Empty: begin at its beginning, so that few pages are in use. A tail beyond the head means empty, too.
        let next = end.next_multiple_of(RING_BYTES as u64);
        tail.store(next, Ordering::Release);
        head.store(next, Ordering::Release);
    }

    /// Take what is in another ring, which is empty then.
    pub fn take_over(&mut self, other: &mut Self) {
        let (head, tail) =
            (other.word(Word::Head).load(Ordering::Relaxed), other.word(Word::Tail).load(Ordering::Relaxed));
        let (count, at) = (head.saturating_sub(tail) as usize, tail as usize % RING_BYTES);
        let first = count.min(RING_BYTES - at);
        // SAFETY: both pieces lie within the other's mapping, and nobody writes there: whoever is inside the gate is here.
        let (first, second) = unsafe {
            let data = other.map.as_ptr().add(RING_HEADER_BYTES);
            (slice::from_raw_parts(data.add(at), first), slice::from_raw_parts(data, count - first))
        };
        // In one, because nobody may find half of a line.
        self.push(&[first, second].concat());
        other.end_piece(count);
    }

    /// What it takes to ask whether it still lies beside its log.
    pub fn place(&self) -> Place {
        Place { path: self.path.clone(), id: self.id }
    }

    /// Remove the file, wherever it is now. What is still in it is lost if the process dies.
    pub fn remove(self) {
        let link = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let path = fs::read_link(link).unwrap_or_else(|_| self.path.clone());
        if FileId::at(&path) == Some(self.id) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Where a ring was made, and which file it is.
pub(crate) struct Place {
    path: PathBuf,
    id: FileId,
}

impl Place {
    /// Whether whoever drains the log's rings finds it. Else it, its directory or a link to that was moved or removed.
    pub fn is_beside(&self, log: &Path) -> bool {
        let directory = naming(log).map(|(directory, _)| directory);
        directory.as_deref() == self.path.parent() && FileId::at(&self.path) == Some(self.id)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: nothing of the mapping is borrowed any more.
        let _ = unsafe { munmap(self.map.as_ptr().cast(), RING_HEADER_BYTES + RING_BYTES) };
    }
}

/// Lock a ring, unless somebody has it open who has.
fn lock(file: &File) -> io::Result<()> {
    // SAFETY: a lock of zeros is the whole file; the call reads it.
    let taken = unsafe {
        let mut whole: libc::flock = mem::zeroed();
        whole.l_type = libc::F_WRLCK as libc::c_short;
        libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &whole)
    };
    if taken == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Where the rings of a log lie, and what their names begin with. A log has one name there, whatever links lead to it.
fn naming(log: &Path) -> Option<(PathBuf, String)> {
    let log = named_file(log);
    let name = log.file_name()?.to_str()?;
    let directory = log.parent().filter(|directory| !directory.as_os_str().is_empty());
    Some((directory.unwrap_or(Path::new(".")).to_path_buf(), format!(".{name}.")))
}

fn create_file(log: &Path) -> io::Result<(PathBuf, File)> {
    let (directory, prefix) = naming(log).ok_or(io::ErrorKind::InvalidFilename)?;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let start = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(19)).unwrap_or("0").to_owned();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(RING_MODE);
    for attempt in 0..=u8::MAX {
        // Another container may have the same numbers, and so has a second handler of this process.
        let more = if attempt == 0 { String::new() } else { format!("-{attempt}") };
        let path = directory.join(format!("{prefix}{}-{start}{more}.ring", process::id()));
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (path, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
