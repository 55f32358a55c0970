//! A log file that several processes append to, and whose name may come to mean another file: it is rotated by us, by one
//! of the other processes or by logrotate, truncated, or removed with its directory. No line is lost or torn by that.

mod compression;
mod naming;
mod rotation;
mod settings;
mod tail;
#[cfg(test)]
mod tests;
mod tidying;
mod trouble;
mod witness;

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use crate::limits::{LOCK_TRIES, NAMELESS_NAPS_MAX, NAP, PATH_CHECK, REOPENINGS_MAX};
use crate::whole_lines::{open_appending, write_lines};
pub(crate) use naming::{named_file, FileId};
use rotation::Rotated;
pub use settings::{Compression, Rotation, Settings};
pub(crate) use tail::take_back_alone;
use tidying::Tidying;
use trouble::Troubles;
pub use trouble::{reason_of, Change, Stage};
pub use witness::{Witness, WrittenTo};

/// A log file, for one thread.
///
/// The path is looked at before every write, and the file is locked (shared, by `flock`) during it: whoever compresses or
/// removes a rotated file, or ends a line that a crash left unfinished, takes the lock for itself.
///
/// # Example
///
/// ```
/// use std::time::SystemTime;
///
/// use headrig_handler::log_file::{LogFile, Settings};
///
/// let path = std::env::temp_dir().join(format!("headrig-log-file-{}.log", std::process::id()));
/// let mut log = LogFile::open(Settings { path: path.clone(), mode: 0o640, fsync: false, rotation: None })?;
/// log.append(b"one\n", &mut 0, SystemTime::now())?;
/// std::fs::remove_file(&path)?;
/// log.append(b"two\n", &mut 0, SystemTime::now())?;
/// assert_eq!(std::fs::read(&path)?, b"two\n");
/// std::fs::remove_file(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LogFile {
    settings: Settings,
    open: Option<OpenFile>,
    /// When the path could last not be opened.
    opening_failed: Option<SystemTime>,
    /// When a rotation last failed.
    rotation_failed: Option<SystemTime>,
    /// The process that opened it: a lock is shared with whom a fork gave the descriptor to.
    process: u32,
    troubles: Troubles,
    tidying: Arc<Tidying>,
}

struct OpenFile {
    file: File,
    /// None: a device or a pipe, which is never exchanged.
    id: Option<FileId>,
}

impl LogFile {
    /// Open the file, directories included.
    ///
    /// # Errors
    /// The file cannot be opened for writing.
    pub fn open(settings: Settings) -> io::Result<Self> {
        let mut log = Self::unopened(settings);
        log.reopen()?;
        Ok(log)
    }

    /// A log file that is opened by the first line.
    pub fn unopened(settings: Settings) -> Self {
        Self {
            settings,
            open: None,
            opening_failed: None,
            rotation_failed: None,
            process: process::id(),
            troubles: Troubles::default(),
            tidying: Arc::default(),
        }
    }

    /// Append whole lines, from the first byte that is not written yet; `written` is moved on, or back to the beginning of
    /// a line that did not fit and was taken back. `now` decides when the path is looked at, and when a file is old.
    ///
    /// # Errors
    /// Not everything could be written; call again with the same arguments.
    pub fn append(&mut self, lines: &[u8], written: &mut usize, now: SystemTime) -> io::Result<()> {
        self.append_before(&mut (), lines, written, now)
    }

    /// `append`, and tell somebody of each write.
    ///
    /// # Errors
    /// Not everything could be written; call again with the same arguments.
    pub fn append_before(
        &mut self,
        witness: &mut dyn Witness,
        lines: &[u8],
        written: &mut usize,
        now: SystemTime,
    ) -> io::Result<()> {
        if self.process != process::id() {
            // In the child of a fork: the lock and the thread that compresses are the parent's.
            self.process = process::id();
            self.tidying = Arc::default();
            if self.id().is_some() {
                // A process that may open the file no more keeps the descriptor it was given.
                let _ = self.reopen();
            }
        }
        let done = self.append_pieces(witness, lines, written, now);
        self.troubles.note(Stage::Write, done.as_ref().err());
        if let Some(ended) = self.tidying.ended() {
            self.troubles.note(Stage::Tidy, ended.as_ref().err());
        }
        done
    }

    /// Note that lines of a dead process could not be appended.
    pub fn note_ring(&mut self, error: &io::Error) {
        self.troubles.tell(Change::RingKept { reason: reason_of(error) });
    }

    /// What has changed since the last call: each beginning and each end of a trouble once.
    pub fn changes(&mut self) -> Vec<Change> {
        self.troubles.take()
    }

    /// Have the disk take what was written.
    ///
    /// # Errors
    /// The disk failed, or this is no file that could be synced.
    pub fn sync(&self) -> io::Result<()> {
        self.open.as_ref().map_or(Ok(()), |open| open.file.sync_all())
    }

    /// The descriptor that the file is open under now.
    pub fn number(&self) -> Option<RawFd> {
        self.open.as_ref().map(|open| open.file.as_raw_fd())
    }

    /// Close the file; a later line opens it again.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Wait until rotated files are compressed and superfluous ones removed.
    pub fn wait_until_tidy(&self) {
        self.tidying.wait();
    }

    fn append_pieces(
        &mut self,
        witness: &mut dyn Witness,
        lines: &[u8],
        written: &mut usize,
        now: SystemTime,
    ) -> io::Result<()> {
        let mut reopenings = 0;
        while *written < lines.len() {
            let begin = *written;
            let result = self.append_piece(witness, lines, written, now);
            self.unlock();
            let removed = self.is_removed();
            if !removed {
                witness.end(*written);
            }
            result?;
            if removed {
                // Removed during the write: nobody will find the lines there.
                self.open = None;
                *written = begin;
                reopenings += 1;
                if reopenings > REOPENINGS_MAX {
                    return Err(io::Error::other("the file is removed as often as it is made"));
                }
            }
        }
        Ok(())
    }

    /// Write as many lines as the file has room for, after a rotation if one is due.
    fn append_piece(
        &mut self,
        witness: &mut dyn Witness,
        lines: &[u8],
        written: &mut usize,
        now: SystemTime,
    ) -> io::Result<()> {
        let about = self.hold(now)?;
        let (Some(about), Some(rotation)) = (about, self.settings.rotation.clone()) else {
            return self.write(witness, lines, written);
        };
        let end = *written + rotation.fitting(&lines[*written..], about.len());
        let due = about.len() > 0 && (end == *written || rotation.is_old(&about, now));
        if due && !is_recent(self.rotation_failed, now) && self.rotate(&about, now) {
            return Ok(());
        }
        // A rotation that is not possible now must not hold the lines.
        let end = if end == *written { lines.len() } else { end };
        self.write(witness, &lines[..end], written)
    }

    fn write(&mut self, witness: &mut dyn Witness, lines: &[u8], written: &mut usize) -> io::Result<()> {
        let Some(OpenFile { file, id }) = &self.open else { return Err(io::ErrorKind::NotFound.into()) };
        if id.is_none() {
            witness.begin(WrittenTo::default(), lines.len())?;
            return write_lines(file.as_fd(), lines, written);
        }
        if tail::end_torn_line(file)? {
            self.troubles.tell(Change::TornLineEnded);
        }
        witness.begin(WrittenTo::of(&file.metadata()?), lines.len())?;
        tail::write_whole_lines(file, lines, written)
    }

    /// Open what the path names, unless it is open, and lock it against removal. None: a device or a pipe, or a file that
    /// the path does not name any more.
    fn hold(&mut self, now: SystemTime) -> io::Result<Option<Metadata>> {
        let nameless_naps = if self.settings.rotation.is_none() { NAMELESS_NAPS_MAX } else { 0 };
        let (mut reopenings, mut waits, mut naps) = (0, 0, 0);
        while reopenings <= REOPENINGS_MAX {
            if self.open.is_none() {
                self.reopen()?;
                reopenings += 1;
            }
            let Some(OpenFile { file, id: Some(id) }) = &self.open else { return Ok(None) };
            if !file.metadata().is_ok_and(|about| FileId::of(&about) == *id) {
                // Somebody has closed all descriptors, as daemons do. Whoever has the number now may keep it.
                let _ = self.open.take().map(|open| open.file.into_raw_fd());
                continue;
            }
            // A file system without locks (some of FUSE): rotation still works, and tidying, which needs them, says so.
            let locked = !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
            match fs::metadata(&self.settings.path) {
                // Who has it for himself ends a torn line, or was stopped at it.
                Ok(about) if FileId::of(&about) == *id && (locked || waits == LOCK_TRIES) => {
                    self.opening_failed = None;
                    self.troubles.note(Stage::Open, None);
                    return Ok(Some(about));
                }
                Ok(about) if FileId::of(&about) == *id => {
                    waits += 1;
                    thread::sleep(NAP);
                }
                _ if self.is_removed() || !locked => self.open = None,
                // Whoever renamed it makes the new one next, and would find ours in its way. Lines must not go on into the
                // renamed one: it may be read for the last time just now. With rotation of our own nobody else makes it.
                Err(error) if error.kind() == io::ErrorKind::NotFound && naps < nameless_naps => {
                    naps += 1;
                    thread::sleep(NAP);
                }
                // Whatever keeps us from the new one, lines are safe in the one we have.
                _ if is_recent(self.opening_failed, now) => return Ok(None),
                _ => {
                    if let Err(error) = self.reopen() {
                        self.opening_failed = Some(now);
                        self.troubles.note(Stage::Open, Some(&error));
                        return Ok(None);
                    }
                    reopenings += 1;
                }
            }
        }
        Err(io::Error::other("the file is exchanged as often as it is opened"))
    }

    /// Whether the file has been rotated, by us or another process.
    fn rotate(&mut self, about: &Metadata, now: SystemTime) -> bool {
        let synced = if self.settings.fsync { self.sync() } else { Ok(()) };
        let rotated = synced.and_then(|()| rotation::rotate(&self.settings, FileId::of(about), now));
        match &rotated {
            Ok(Rotated::Busy) => return false,
            Ok(Rotated::Done) => self.open = None,
            Err(_) => {}
        }
        self.rotation_failed = rotated.is_err().then_some(now);
        self.troubles.note(Stage::Rotate, rotated.as_ref().err());
        rotated.is_ok()
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = open_appending(&self.settings.path, self.settings.mode)?;
        let about = file.metadata()?;
        self.open = Some(OpenFile { file, id: about.is_file().then(|| FileId::of(&about)) });
        self.opening_failed = None;
        self.troubles.note(Stage::Open, None);
        if self.settings.rotation.is_some() {
            // After a rotation, whoever's, and at the start: a process before may have left something.
            self.tidying.start(&self.settings);
        }
        Ok(())
    }

    fn id(&self) -> Option<FileId> {
        self.open.as_ref().and_then(|open| open.id)
    }

    fn is_removed(&self) -> bool {
        let Some(OpenFile { file, id: Some(_) }) = &self.open else { return false };
        file.metadata().is_ok_and(|about| about.nlink() == 0)
    }

    fn unlock(&self) {
        if let Some(OpenFile { file, id: Some(_) }) = &self.open {
            // It fails only where locking failed.
            let _ = file.unlock();
        }
    }
}

/// Less than a check ago. A clock that was set back makes nothing recent.
fn is_recent(then: Option<SystemTime>, now: SystemTime) -> bool {
    then.is_some_and(|then| now.duration_since(then).is_ok_and(|since| since < PATH_CHECK))
}
