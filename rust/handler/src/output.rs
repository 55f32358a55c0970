//! Where lines go: a log file, or a stream that is open already.

use std::io;
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::SystemTime;

use crate::log_file::{Change, LogFile, Settings, Witness};
use crate::standard_stream::{is_lasting, StandardStream};

const NO_DESCRIPTOR: RawFd = -1;

/// A log file, or a stream that is open already.
pub struct Output {
    target: Target,
}

enum Target {
    Stream(StandardStream),
    LogFile(Box<SharedLogFile>),
}

struct SharedLogFile {
    settings: Settings,
    /// Only the writer uses it.
    log: Mutex<LogFile>,
    /// The descriptor after the last write, for whoever must not wait for one.
    number: AtomicI32,
    /// In the child of a fork that came while the parent's writer held the other.
    of_child: OnceLock<Mutex<LogFile>>,
}

impl SharedLogFile {
    fn lock(&self) -> MutexGuard<'_, LogFile> {
        match self.log.try_lock() {
            Ok(log) => log,
            Err(TryLockError::Poisoned(log)) => log.into_inner(),
            // One writer runs at a time, so whoever holds it was left in the parent.
            Err(TryLockError::WouldBlock) => {
                let log = self.of_child.get_or_init(|| Mutex::new(LogFile::unopened(self.settings.clone())));
                log.lock().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }
}

impl Output {
    /// A stream: standard output, standard error.
    pub fn stream(stream: StandardStream) -> Self {
        Self { target: Target::Stream(stream) }
    }

    /// A log file, which is opened.
    ///
    /// # Errors
    /// The file cannot be opened for writing.
    pub fn log_file(settings: Settings) -> io::Result<Self> {
        let log = LogFile::open(settings.clone())?;
        let number = AtomicI32::new(log.number().unwrap_or(NO_DESCRIPTOR));
        let shared = SharedLogFile { settings, log: Mutex::new(log), number, of_child: OnceLock::new() };
        Ok(Self { target: Target::LogFile(Box::new(shared)) })
    }

    /// Note what kept lines of a dead process in their ring; it is told with the first line.
    pub fn note_ring(&self, error: &io::Error) {
        if let Target::LogFile(shared) = &self.target {
            shared.lock().note_ring(error);
        }
    }

    /// Whether lines that failed like that are lost. A file can always be opened again.
    pub(crate) fn is_lost(&self, error: &io::Error) -> bool {
        matches!(self.target, Target::Stream(_)) && is_lasting(error)
    }

    /// The descriptor that lines go to now. None: there is none at the moment.
    pub fn number(&self) -> Option<RawFd> {
        match &self.target {
            Target::Stream(stream) => stream.number(),
            Target::LogFile(shared) => {
                let number = shared.number.load(Ordering::Relaxed);
                (number != NO_DESCRIPTOR).then_some(number)
            }
        }
    }

    /// Append whole lines, from the first byte that is not written yet; `written` is moved on. What changes on the way (the
    /// disk is full, or is no more) is given to `tell`, each change once, and each write to a file to the witness.
    ///
    /// # Errors
    /// Not everything could be written; call again with the same arguments.
    pub(crate) fn append(
        &self,
        witness: &mut dyn Witness,
        lines: &[u8],
        written: &mut usize,
        now: SystemTime,
        tell: impl Fn(&Path, &Change),
    ) -> io::Result<()> {
        match &self.target {
            Target::Stream(stream) => stream.append(lines, written, tell),
            Target::LogFile(shared) => {
                let mut log = shared.lock();
                let done = log.append_before(witness, lines, written, now);
                shared.number.store(log.number().unwrap_or(NO_DESCRIPTOR), Ordering::Relaxed);
                for change in log.changes() {
                    tell(&shared.settings.path, &change);
                }
                done
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whole_lines::FILE_MODE;

    #[test]
    fn a_child_whose_parent_was_writing_opens_the_file_itself() {
        let path = std::env::temp_dir().join(format!("headrig-output-child-{}", std::process::id()));
        let output = Output::log_file(Settings { path: path.clone(), mode: FILE_MODE, fsync: false, rotation: None });
        let output = output.unwrap();
        let Target::LogFile(shared) = &output.target else { panic!("a stream") };
        let of_parent = shared.log.lock().unwrap();
        for line in [b"1\n", b"2\n"] {
            output.append(&mut (), line, &mut 0, SystemTime::now(), |_, change| panic!("{change}")).unwrap();
        }
        drop(of_parent);
        output.append(&mut (), b"3\n", &mut 0, SystemTime::now(), |_, change| panic!("{change}")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"1\n2\n3\n");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_kept_a_ring_is_told_once_with_the_first_line() {
        let path = std::env::temp_dir().join(format!("headrig-output-ring-{}", std::process::id()));
        let settings = Settings { path: path.clone(), mode: FILE_MODE, fsync: false, rotation: None };
        let output = Output::log_file(settings).unwrap();
        output.note_ring(&io::Error::from_raw_os_error(libc::EACCES));
        let told = Mutex::new(Vec::new());
        for line in [b"1\n", b"2\n"] {
            let tell = |at: &Path, change: &Change| told.lock().unwrap().push(format!("{}: {change}", at.display()));
            output.append(&mut (), line, &mut 0, SystemTime::now(), tell).unwrap();
        }
        let expected = format!("{}: lines of a dead process are still in its ring: Permission denied", path.display());
        assert_eq!(told.into_inner().unwrap(), [expected]);
        std::fs::remove_file(path).unwrap();
    }
}
