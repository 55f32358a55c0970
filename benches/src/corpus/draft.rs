//! Kinds of lines, and a corpus while it is being written.

use crate::calendar;
use crate::random::Random;

/// One kind of line.
pub struct Shape {
    pub name: &'static str,
    /// Hostile rows are made to be slow, so they are timed over a quarter of the bytes.
    pub hostile: bool,
    /// Mean length without the newline, in bytes.
    pub line_bytes: usize,
    pub build: fn(&mut Draft, usize),
}

/// Bytes that must not be in line `line` of the output.
pub struct Planted {
    pub line: usize,
    pub needle: String,
}

/// A corpus while it is being written: builders append one line at a time.
pub struct Draft {
    pub out: Vec<u8>,
    pub random: Random,
    /// Event time of the line being written, in milliseconds.
    pub millis: i64,
    pub line: usize,
    pub broken: u64,
    pub requests: u64,
    pub planted: Vec<Planted>,
    pub exact: bool,
}

impl Draft {
    pub fn timestamp(&self) -> String {
        calendar::timestamp(self.millis)
    }

    /// Note that `needle`, in the line being written, must not survive.
    pub fn plant(&mut self, needle: impl Into<String>) {
        self.planted.push(Planted { line: self.line, needle: needle.into() });
    }

    /// This shape promises only a lower bound of redactions.
    pub fn inexact(&mut self) {
        self.exact = false;
    }
}
