//! Lines on their way out: one shared buffer, views into it.

use std::ops::AddAssign;
use std::sync::Arc;

use memchr::memchr_iter;

/// Whole lines, each with its newline, over memory that all sinks share.
///
/// # Example
///
/// ```
/// use headrig_core::io::lines::Lines;
///
/// let lines = Lines::new(b"1\n2\n3\n".to_vec(), 3);
/// assert_eq!(lines.slice(1, 9).bytes(), b"2\n3\n");
/// assert_eq!(lines.array(), b"[1,2,3]");
/// ```
#[derive(Clone, Debug)]
pub struct Lines {
    buffer: Arc<Vec<u8>>,
    start: usize,
    end: usize,
    count: usize,
}

impl Lines {
    /// `count` must be the number of newlines in `buffer`, which ends with one unless it is empty.
    pub fn new(buffer: Vec<u8>, count: usize) -> Self {
        let end = buffer.len();
        Self { buffer: Arc::new(buffer), start: 0, end, count }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Lines `first` (inclusive) to `last` (exclusive); beyond the end there are none.
    pub fn slice(&self, first: usize, last: usize) -> Self {
        let last = last.min(self.count);
        let first = first.min(last);
        let offset = |line: usize| match line {
            0 => 0,
            _ => memchr_iter(b'\n', self.bytes()).nth(line - 1).map_or(self.bytes().len(), |at| at + 1),
        };
        let (from, to) = (offset(first), offset(last));
        Self { buffer: Arc::clone(&self.buffer), start: self.start + from, end: self.start + to, count: last - first }
    }

    /// One JSON array of all lines.
    pub fn array(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes().len() + 2);
        out.push(b'[');
        for line in memchr_lines(self.bytes()) {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(line);
        }
        out.push(b']');
        out
    }
}

/// The lines of `bytes` without their newlines; a last one need not have one.
///
/// # Example
///
/// ```
/// use headrig_core::io::lines::memchr_lines;
///
/// let lines: Vec<&[u8]> = memchr_lines(b"one\n\ntwo").collect();
/// assert_eq!(lines, [&b"one"[..], b"", b"two"]);
/// ```
pub fn memchr_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', bytes).chain((!bytes.is_empty() && bytes.last() != Some(&b'\n')).then_some(bytes.len())).map(
        move |end| {
            let line = &bytes[start..end];
            start = end + 1;
            line
        },
    )
}

/// Changes to a line that are neither redaction nor repair.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Normalized {
    pub crlf: u64,
    pub bom: u64,
    pub non_finite: u64,
    /// Escapes.
    pub lone_surrogates: u64,
}

impl AddAssign for Normalized {
    fn add_assign(&mut self, more: Self) {
        self.crlf += more.crlf;
        self.bom += more.bom;
        self.non_finite += more.non_finite;
        self.lone_surrogates += more.lone_surrogates;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_whole_lines_of_the_same_memory() {
        let lines = Lines::new(b"1\n22\n333\n".to_vec(), 3);
        assert_eq!(lines.slice(1, 2).bytes(), b"22\n");
        assert_eq!(lines.slice(1, 9).slice(1, 2).bytes(), b"333\n");
        assert_eq!(lines.slice(5, 9).bytes(), b"");
        assert_eq!(lines.array(), b"[1,22,333]");
        assert_eq!(memchr_lines(b"a\n\nb").collect::<Vec<_>>(), [&b"a"[..], b"", b"b"]);
    }
}
