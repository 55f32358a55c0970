//! Who is told of each write, because a death in its middle leaves open what the file has.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;

/// Who keeps lines elsewhere until they are in the file, and is told of each write. Places are counted in bytes from the
/// first line that was given to `append`.
pub trait Witness {
    /// All up to `end` that is not written yet goes to this file now.
    ///
    /// # Errors
    /// It cannot be noted. Then it is not written, either.
    fn begin(&mut self, file: WrittenTo, end: usize) -> io::Result<()>;
    /// All up to `written` is in a file.
    fn end(&mut self, written: usize);
}

/// Nobody is told.
impl Witness for () {
    fn begin(&mut self, _: WrittenTo, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _: usize) {}
}

/// A file before a write: its device, inode and size. All zero: no regular file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct WrittenTo {
    pub device: u64,
    pub inode: u64,
    pub bytes: u64,
}

impl WrittenTo {
    pub fn of(about: &Metadata) -> Self {
        Self { device: about.dev(), inode: about.ino(), bytes: about.len() }
    }
}
