//! What happens to rotated files, on a thread of low priority that ends with its work: superfluous ones are removed, the
//! others compressed. All of it may be done by several processes at once, and again after a crash.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::process::setpriority_process;
use rustix::thread::gettid;

use super::compression::{compress, UNFINISHED};
use super::naming::{appended, directory, hidden, named_file, rotated_files, FileId, RotatedFile};
use super::settings::{Compression, Rotation, Settings};
use crate::quiet_thread;

/// Niceness of the thread: it takes what nobody else wants.
const NICENESS: i32 = 19;

#[derive(Default)]
pub(super) struct Tidying {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    /// Another rotation came meanwhile.
    again: bool,
    result: Option<io::Result<()>>,
}

impl Tidying {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Start the thread, or have the one that runs go over the files again.
    pub(super) fn start(self: &Arc<Self>, settings: &Settings) {
        let mut state = self.lock();
        state.again = true;
        if mem::replace(&mut state.running, true) {
            return;
        }
        drop(state);
        let (tidying, settings) = (Arc::clone(self), settings.clone());
        let started = quiet_thread::spawn("headrig-tidy", move || tidying.run(&settings));
        if let Err(error) = started {
            let mut state = self.lock();
            state.running = false;
            state.result = Some(Err(error));
        }
    }

    fn run(&self, settings: &Settings) {
        // On Linux a thread has its own niceness. If it cannot be set, the work is done all the same.
        let _ = setpriority_process(Some(gettid()), NICENESS);
        while self.goes_on() {
            let result = tidy(settings);
            self.lock().result = Some(result);
        }
        self.ended.notify_all();
    }

    fn goes_on(&self) -> bool {
        let mut state = self.lock();
        state.running = mem::take(&mut state.again);
        state.running
    }

    /// How the last attempt ended, once.
    pub(super) fn ended(&self) -> Option<io::Result<()>> {
        // Never waits: the writer is the hot path.
        self.state.try_lock().ok()?.result.take()
    }

    pub(super) fn wait(&self) {
        let state = self.lock();
        drop(self.ended.wait_while(state, |state| state.running).unwrap_or_else(PoisonError::into_inner));
    }
}

/// Remove and compress what is due. One file that fails does not keep the others from it; the first error is given.
pub(super) fn tidy(settings: &Settings) -> io::Result<()> {
    let Some(rotation) = &settings.rotation else { return Ok(()) };
    let path = named_file(&settings.path);
    let Some(mut files) = existing(rotated_files(&path))? else { return Ok(()) };
    let mut result = remove_unfinished(&path);
    let size = fs::metadata(&path).map_or(0, |about| about.len());
    for name in superfluous(rotation, size, &files) {
        let file = files.remove(&name).unwrap_or_default();
        result = result.and(remove(&file));
    }
    let Some(compression) = rotation.compression else { return result };
    for file in files.values().rev().skip(rotation.compress_delay).rev() {
        let Some(path) = &file.plain else { continue };
        result = result.and(match claim(path) {
            Ok(Some(plain)) => compress_anew(&plain, path, file, compression),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        });
    }
    result
}

/// The oldest ones that are too many, or make all together too large.
fn superfluous(rotation: &Rotation, size: u64, files: &BTreeMap<String, RotatedFile>) -> Vec<String> {
    let mut total = size;
    let mut names = Vec::new();
    for (place, (name, file)) in files.iter().rev().enumerate() {
        let paths = file.plain.iter().chain(&file.compressed);
        total += paths.map(|path| fs::metadata(path).map_or(0, |about| about.len())).sum::<u64>();
        let over = rotation.total_bytes_max.is_some_and(|bytes_max| total > bytes_max);
        if over || rotation.keep.is_some_and(|keep| place >= keep) {
            names.push(name.clone());
        }
    }
    names
}

fn remove(file: &RotatedFile) -> io::Result<()> {
    if let Some(path) = &file.plain {
        // Whoever holds it is in the middle of a line: the next rotation comes by again.
        let Some(_claimed) = claim(path)? else { return Ok(()) };
        fs::remove_file(path)?;
    }
    file.compressed.iter().try_for_each(|path| existing(fs::remove_file(path)).map(drop))
}

/// Compress a file, in place of what a crash left in another form just before the plain one would have gone.
fn compress_anew(plain: &File, path: &Path, file: &RotatedFile, compression: Compression) -> io::Result<()> {
    for other in file.compressed.iter().filter(|other| **other != appended(path, compression.extension())) {
        existing(fs::remove_file(other))?;
    }
    compress(plain, path, compression)
}

/// Lock a rotated file for oneself. None: somebody writes its last line, or another process is at it or has done it.
fn claim(path: &Path) -> io::Result<Option<File>> {
    let Some(file) = existing(OpenOptions::new().read(true).open(path))? else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let id = FileId::of(&file.metadata()?);
    Ok((FileId::at(path) == Some(id)).then_some(file))
}

/// None instead of an error that there is no such file or directory: somebody else was faster.
fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Remove what a crash left of a compression whose plain file is gone; any other is overwritten by the next attempt.
fn remove_unfinished(path: &Path) -> io::Result<()> {
    let begin = hidden(path, ".");
    let begin = begin.file_name().unwrap_or_default().as_bytes();
    let Some(entries) = existing(fs::read_dir(directory(path)))? else { return Ok(()) };
    for entry in entries {
        let name = entry?.file_name();
        let Some(plain) = name.as_bytes().strip_suffix(UNFINISHED.as_bytes()) else { continue };
        // As long as somebody is at it, the plain file is there.
        if plain.starts_with(begin) && !directory(path).join(OsStr::from_bytes(&plain[1..])).exists() {
            existing(fs::remove_file(directory(path).join(&name)))?;
        }
    }
    Ok(())
}
