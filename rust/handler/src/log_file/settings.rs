//! What a log file is told: where it lies, when it is rotated, and what becomes of it then.

use std::fs::Metadata;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use memchr::{memchr, memrchr};

/// Which file, and what becomes of it once it is large or old.
#[derive(Debug, Clone)]
pub struct Settings {
    pub path: PathBuf,
    /// Permissions of a new file; the umask may take away more.
    pub mode: u32,
    /// Whoever writes syncs after each write: what a rotation leaves behind must be on the disk, too.
    pub fsync: bool,
    /// None: somebody else rotates it, or nobody.
    pub rotation: Option<Rotation>,
}

/// When a file is rotated, and what becomes of it then.
#[derive(Debug, Clone, Default)]
pub struct Rotation {
    /// Bytes that no file exceeds, unless by a single line that is longer; several processes may exceed it by what each
    /// writes at once.
    pub bytes_max: Option<u64>,
    /// Length of a period in seconds, at least 1; periods are counted from 1970 in UTC, so that 86,400 is a day. A file
    /// has lines of one period.
    pub period_seconds: Option<u64>,
    /// Rotated files that are kept.
    pub keep: Option<usize>,
    /// Bytes of the file and all rotated ones together; the oldest ones go.
    pub total_bytes_max: Option<u64>,
    pub compression: Option<Compression>,
    /// Newest rotated files that are left as they are.
    pub compress_delay: usize,
}

impl Rotation {
    /// Bytes of whole lines that still fit into a file of that size. A line that is longer than a file gets its own.
    pub(super) fn fitting(&self, lines: &[u8], size: u64) -> usize {
        let room = self.bytes_max.map_or(u64::MAX, |bytes_max| bytes_max.saturating_sub(size));
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        if lines.len() <= room {
            return lines.len();
        }
        match memrchr(b'\n', &lines[..room]) {
            Some(at) => at + 1,
            None if size == 0 => memchr(b'\n', lines).map_or(lines.len(), |at| at + 1),
            None => 0,
        }
    }

    /// Whether the file was last written in a period before this one.
    pub(super) fn is_old(&self, about: &Metadata, now: SystemTime) -> bool {
        let Some(seconds) = self.period_seconds else { return false };
        let period = |time| epoch_seconds(time) / seconds.max(1);
        about.modified().is_ok_and(|last| period(last) < period(now))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

/// Seconds since 1970; 0 before.
pub(super) fn epoch_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_whole_lines_fit_as_there_is_room_for() {
        let rotation = Rotation { bytes_max: Some(10), ..Rotation::default() };
        let cases = [
            (&b"one\ntwo\n"[..], 0, 8),
            (b"one\ntwo\n", 2, 8),
            (b"one\ntwo\n", 3, 4),
            (b"one\ntwo\n", 7, 0),
            (b"longer than that\ntwo\n", 0, 17),
            (b"longer than that\ntwo\n", 1, 0),
            (b"one\n", 11, 0),
        ];
        for (lines, size, expected) in cases {
            assert_eq!(rotation.fitting(lines, size), expected, "{lines:?} {size}");
        }
        assert_eq!(Rotation::default().fitting(b"one\n", u64::MAX), 4);
    }
}
