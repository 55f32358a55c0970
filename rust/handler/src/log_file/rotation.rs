//! Rotation: the file gets another name, by one process at a time.

use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::SystemTime;

use super::naming::{appended, hidden, named_file, next_name, rotated_files, FileId};
use super::settings::Settings;

pub(super) enum Rotated {
    /// By us, or by another process just before.
    Done,
    /// Another process is at it.
    Busy,
}

/// Rotate the file, if the path still names it.
pub(super) fn rotate(settings: &Settings, id: FileId, now: SystemTime) -> io::Result<Rotated> {
    let path = &named_file(&settings.path);
    let lock =
        OpenOptions::new().write(true).create(true).truncate(false).mode(settings.mode).open(hidden(path, ".lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        // Nobody waits for a process that may have been stopped: the line goes into the file as it is.
        Err(TryLockError::WouldBlock) => return Ok(Rotated::Busy),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let rotated = rename(path, id, now);
    // Not left to the descriptor's end: a fork may just have copied it.
    lock.unlock()?;
    rotated
}

fn rename(path: &Path, id: FileId, now: SystemTime) -> io::Result<Rotated> {
    if FileId::at(path) != Some(id) {
        return Ok(Rotated::Done);
    }
    let name = next_name(rotated_files(path)?.last_key_value().map(|(name, _)| name.as_str()), now)?;
    fs::rename(path, appended(path, &format!(".{name}")))?;
    Ok(Rotated::Done)
}
