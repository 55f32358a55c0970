//! Where lines go: a file opened for appending, or a stream that is open already. Whole lines per write; the beginning of
//! a line whose end did not fit is taken back, so that other processes may append meanwhile.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

use memchr::memrchr;

const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;

/// An open file or stream.
pub struct Output {
    file: File,
    /// Only of a file can anything be taken back.
    regular: bool,
}

impl Output {
    /// # Errors
    /// The file cannot be looked at.
    pub fn new(file: File) -> io::Result<Self> {
        let regular = file.metadata()?.is_file();
        Ok(Self { file, regular })
    }

    /// Append whole lines, from the first byte that is not written yet; `written` is moved on.
    ///
    /// # Errors
    /// Not everything could be written; call again with the same arguments.
    pub fn append(&self, lines: &[u8], written: &mut usize) -> io::Result<()> {
        while *written < lines.len() {
            match (&self.file).write(&lines[*written..]) {
                Ok(count) => *written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    *written -= self.take_back(&lines[..*written]);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Take back the beginning of a line, if the file still ends with it; the bytes taken back.
    fn take_back(&self, written: &[u8]) -> usize {
        let torn = &written[memrchr(b'\n', written).map_or(0, |at| at + 1)..];
        if torn.is_empty() || !self.regular {
            return 0;
        }
        let Ok(before) = self.file.metadata().map(|about| about.len().saturating_sub(torn.len() as u64)) else {
            return 0;
        };
        let mut last = vec![0; torn.len()];
        let ends = self.file.read_exact_at(&mut last, before).is_ok() && last == torn;
        if ends && self.file.set_len(before).is_ok() {
            torn.len()
        } else {
            0
        }
    }
}

/// Open a file for appending, directories included. A line that a crash left unfinished is ended first.
///
/// # Errors
/// The file cannot be opened for writing.
pub fn open(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(FILE_MODE);
    // Reading as well lets a named pipe without a reader open at once; not every file may be read.
    let mut file = match options.clone().read(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => options.open(path)?,
        opened => opened?,
    };
    let about = file.metadata()?;
    let mut last = [b'\n'];
    if about.is_file() && about.len() > 0 && file.read_exact_at(&mut last, about.len() - 1).is_ok() && last != [b'\n'] {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Standard output (`error`: standard error), under a descriptor of our own.
///
/// # Errors
/// The process has closed it.
pub fn stream(error: bool) -> io::Result<File> {
    let owned =
        if error { io::stderr().as_fd().try_clone_to_owned()? } else { io::stdout().as_fd().try_clone_to_owned()? };
    Ok(owned.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn directories_and_file_are_not_for_others_and_a_torn_line_is_ended() {
        let root = std::env::temp_dir().join(format!("headrig-output-{}", std::process::id()));
        let path = root.join("a/b/app.log");
        open(&path).unwrap().write_all(b"torn").unwrap();
        open(&path).unwrap().write_all(b"next\n").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(std::fs::read(&path).unwrap(), b"torn\nnext\n");
        // The umask may take away more.
        assert_eq!(mode(&path) & !FILE_MODE, 0);
        assert_eq!(mode(&root.join("a")) & !DIRECTORY_MODE, 0);
        std::fs::remove_dir_all(root).unwrap();
    }
}
