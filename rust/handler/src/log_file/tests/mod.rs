//! Real files in a directory of their own; the clock is passed in.

mod concurrent;
mod following;
mod rotating;

use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::naming::rotated_files;
use super::*;

/// A directory that goes with the test, and `app.log` in it.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = env::temp_dir().join(format!("headrig-log-file-{}-{number}", process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    fn log(&self) -> PathBuf {
        self.0.join("logs/app.log")
    }

    fn settings(&self, rotation: Option<Rotation>) -> Settings {
        Settings { path: self.log(), mode: 0o640, fsync: false, rotation }
    }

    fn open(&self, rotation: Option<Rotation>) -> LogFile {
        LogFile::open(self.settings(rotation)).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_000_000 + seconds)
}

fn append(log: &mut LogFile, lines: &[u8], seconds: u64) {
    log.append(lines, &mut 0, at(seconds)).unwrap();
}

fn by_size(bytes_max: u64) -> Rotation {
    Rotation { bytes_max: Some(bytes_max), ..Rotation::default() }
}

fn plain_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = File::open(path).unwrap();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap(),
        Some("zst") => zstd::Decoder::new(file).unwrap().read_to_end(&mut bytes).unwrap(),
        _ => (&file).read_to_end(&mut bytes).unwrap(),
    };
    bytes
}

/// What all files of a log hold, oldest first.
fn contents(path: &Path) -> String {
    let mut bytes = Vec::new();
    for file in rotated_files(path).unwrap().values() {
        assert_eq!(file.plain.iter().count() + file.compressed.len(), 1, "{file:?}");
        bytes.extend(file.plain.iter().chain(&file.compressed).flat_map(|path| plain_bytes(path)));
    }
    bytes.extend(fs::read(path).unwrap_or_default());
    String::from_utf8(bytes).unwrap()
}

/// Each of `n` lines of each writer, whole, once, and in the order of that writer.
fn assert_all(path: &Path, writers: &[&str], n: usize) {
    let text = contents(path);
    assert!(text.ends_with('\n'));
    assert_eq!(text.lines().count(), writers.len() * n);
    for writer in writers {
        let of_writer = text.lines().filter(|line| line.starts_with(writer));
        assert!(of_writer.eq((0..n).map(|number| numbered(writer, number).trim_end().to_owned())), "{writer}");
    }
}

fn numbered(writer: &str, number: usize) -> String {
    format!("{writer} {number} {}.\n", "x".repeat(number % 50))
}

/// Write `n` lines, several at a time; again where the file was exchanged as often as it was opened.
fn write_numbered(log: &mut LogFile, writer: &str, n: usize) {
    let numbers: Vec<usize> = (0..n).collect();
    for some in numbers.chunks(3) {
        let lines: String = some.iter().map(|number| numbered(writer, *number)).collect();
        let mut written = 0;
        while let Err(error) = log.append(lines.as_bytes(), &mut written, SystemTime::now()) {
            assert_eq!(error.kind(), io::ErrorKind::Other, "{error}");
        }
    }
}
