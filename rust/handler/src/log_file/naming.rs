//! Names: `app.log` becomes `app.log.20261130T203722-0000`. Such names sort by age and never change again, except that `.gz`
//! or `.zst` is added: nothing is renamed under a reader, and a rotation costs the same however many files are kept.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use headrig_core::event::time::format_millis;

use super::settings::epoch_seconds;

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    pub(crate) fn of(about: &Metadata) -> Self {
        Self(about.dev(), about.ino())
    }

    pub(crate) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::of)
    }
}

/// A name that sorts after the newest one, also if the clock was set back.
pub(super) fn next_name(newest: Option<&str>, now: SystemTime) -> io::Result<String> {
    let mut text = Vec::new();
    format_millis(epoch_seconds(now) as f64, &mut text);
    let stamp: String = text.iter().take(19).filter(|byte| !b"-:".contains(byte)).map(|byte| *byte as char).collect();
    let Some((second, number)) = newest.and_then(|newest| newest.split_once('-')) else {
        return Ok(format!("{stamp}-0000"));
    };
    if second < stamp.as_str() {
        return Ok(format!("{stamp}-0000"));
    }
    match number.parse::<u32>() {
        Ok(number) if number < 9999 => Ok(format!("{second}-{:04}", number + 1)),
        _ => Err(io::Error::other("10,000 rotations within one second")),
    }
}

/// A rotated file. Right after a crash there may be both forms.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RotatedFile {
    pub plain: Option<PathBuf>,
    pub compressed: Vec<PathBuf>,
}

/// Rotated files by the time in their name, oldest first.
pub(super) fn rotated_files(path: &Path) -> io::Result<BTreeMap<String, RotatedFile>> {
    let mut files = BTreeMap::<String, RotatedFile>::new();
    let prefix = [path.file_name().unwrap_or_default().as_bytes(), b"."].concat();
    for entry in fs::read_dir(directory(path))? {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(Ok(rest)) = file_name.as_bytes().strip_prefix(&prefix[..]).map(std::str::from_utf8) else { continue };
        let (name, extension) = rest.split_once('.').unwrap_or((rest, ""));
        if !is_name(name) {
            continue;
        }
        let at = directory(path).join(&file_name);
        match extension {
            "" if !rest.ends_with('.') => files.entry(name.to_owned()).or_default().plain = Some(at),
            "gz" | "zst" => files.entry(name.to_owned()).or_default().compressed.push(at),
            _ => {}
        }
    }
    Ok(files)
}

/// `20261130T203722-0000`
fn is_name(name: &str) -> bool {
    let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let name = name.as_bytes();
    name.len() == 20
        && name[8] == b'T'
        && name[15] == b'-'
        && [&name[..8], &name[9..15], &name[16..]].iter().all(|part| digits(part))
}

/// The file that a path names, through links: that one is renamed, and the links go on to name what is made in its place.
pub(crate) fn named_file(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

pub(super) fn directory(path: &Path) -> &Path {
    path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `dir/app.log` as `dir/app.logEND`.
pub(super) fn appended(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// `dir/app.log` as `dir/.app.logEND`, which no pattern for logs finds.
pub(super) fn hidden(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or(OsStr::new("")));
    name.push(end);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn names_sort_by_age_also_within_a_second_and_if_the_clock_goes_back() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut names: Vec<String> = Vec::new();
        for seconds in [1_796_070_642, 1_796_070_642, 1_796_070_643, 5, 5, 1_796_070_700] {
            names.push(next_name(names.last().map(String::as_str), at(seconds)).unwrap());
        }
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
        assert!(names.iter().all(|name| is_name(name)), "{names:?}");
        assert_eq!(names[1], "20261130T203042-0001");
        assert!(next_name(Some("20261130T203042-9999"), at(5)).is_err());
    }
}
