//! Framing: a byte stream becomes whole lines, wherever its chunks were cut.

use memchr::{memchr, memchr_iter, memrchr};

use crate::limits::CUT_SLACK_BYTES;

/// Capacity a connection keeps between lines, in bytes: idle connections must not hold their longest line for ever.
const PARTIAL_KEEP_BYTES: usize = 4 * 1024;

/// Cuts one connection's bytes into lines. Of an over-long line it keeps `line_bytes_max + CUT_SLACK_BYTES`
/// and skips the rest up to the newline.
///
/// # Example
///
/// ```
/// use headrig_core::io::frame::Framer;
///
/// let (mut framer, mut lines) = (Framer::new(1024), Vec::new());
/// assert_eq!(framer.feed(b"one\ntw", &mut lines), 1);
/// assert_eq!(framer.feed(b"o\nthree", &mut lines), 1);
/// assert_eq!(framer.finish(&mut lines), 1);
/// assert_eq!(lines, b"one\ntwo\nthree\n");
/// ```
#[derive(Debug)]
pub struct Framer {
    line_bytes_kept: usize,
    /// What has arrived of a line that is not whole; empty when there is none. `partial.len() <= line_bytes_kept`.
    partial: Vec<u8>,
}

/// The whole lines that stand at the beginning of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub bytes: usize,
    pub lines: usize,
}

impl Framer {
    pub fn new(line_bytes_max: usize) -> Self {
        Self { line_bytes_kept: line_bytes_max.saturating_add(CUT_SLACK_BYTES), partial: Vec::new() }
    }

    /// Frame in place: `room` is a gap of `partial_bytes()`, whatever it holds, and the bytes that arrived after it.
    /// Whole lines, each with its newline, then stand at its beginning; what follows them has been carried over.
    /// A partial line is copied twice in all, however many chunks it comes in.
    pub fn take(&mut self, room: &mut [u8]) -> Taken {
        let gap = self.partial.len();
        let Some(last) = memrchr(b'\n', &room[gap..]) else {
            self.hold(&room[gap..]);
            return Taken { bytes: 0, lines: 0 };
        };
        let end = gap + last + 1;
        room[..gap].copy_from_slice(&self.partial);
        self.forget();
        let taken = if end <= self.line_bytes_kept {
            Taken { bytes: end, lines: memchr_iter(b'\n', &room[gap..end]).count() }
        } else {
            self.shorten(&mut room[..end])
        };
        self.hold(&room[end..]);
        taken
    }

    /// Append the lines that `chunk` completes to `out`, each with its newline; give their number.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> usize {
        if memchr(b'\n', chunk).is_none() {
            self.hold(chunk);
            return 0;
        }
        let start = out.len();
        out.extend_from_slice(&self.partial);
        out.extend_from_slice(chunk);
        let taken = self.take(&mut out[start..]);
        out.truncate(start + taken.bytes);
        taken.lines
    }

    /// Append the partial line as a whole one; give 1, or 0 when there is none.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> usize {
        if self.partial.is_empty() {
            return 0;
        }
        out.extend_from_slice(&self.partial);
        out.push(b'\n');
        self.forget();
        1
    }

    /// Bytes held of a line that is not whole.
    pub fn partial_bytes(&self) -> usize {
        self.partial.len()
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = self.line_bytes_kept - self.partial.len();
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn forget(&mut self) {
        self.partial.clear();
        self.partial.shrink_to(PARTIAL_KEEP_BYTES);
    }

    /// Cut over-long lines among whole ones, moving up what follows them.
    fn shorten(&self, lines: &mut [u8]) -> Taken {
        let mut taken = Taken { bytes: 0, lines: 0 };
        let mut start = 0;
        while let Some(length) = memchr(b'\n', &lines[start..]) {
            let kept = length.min(self.line_bytes_kept);
            lines.copy_within(start..start + kept, taken.bytes);
            lines[taken.bytes + kept] = b'\n';
            taken.bytes += kept + 1;
            taken.lines += 1;
            start += length + 1;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(chunks: &[&[u8]], line_bytes_max: usize) -> (Vec<u8>, usize) {
        let mut framer = Framer::new(line_bytes_max);
        let mut out = Vec::new();
        let mut lines = 0;
        for chunk in chunks {
            lines += framer.feed(chunk, &mut out);
        }
        lines += framer.finish(&mut out);
        (out, lines)
    }

    #[test]
    fn a_partial_line_is_carried_and_a_last_one_is_whole() {
        assert_eq!(frame(&[b"a\nb", b"c\n\nd"], 100), (b"a\nbc\n\nd\n".to_vec(), 4));
    }

    #[test]
    fn an_over_long_line_is_kept_up_to_the_bound() {
        let long = vec![b'x'; 10 + CUT_SLACK_BYTES + 5];
        let mut stream = long.clone();
        stream.extend_from_slice(b"\nnext\n");
        let (out, lines) = frame(&[&stream], 10);
        assert_eq!((out.len(), lines), (10 + CUT_SLACK_BYTES + 1 + 5, 2));
        assert_eq!(frame(&[&stream[..7000], &stream[7000..]], 10).0, out);
    }

    /// The same stream read into rooms, as a socket is.
    fn take(chunks: &[&[u8]], line_bytes_max: usize) -> (Vec<u8>, usize) {
        let mut framer = Framer::new(line_bytes_max);
        let mut out = Vec::new();
        let mut lines = 0;
        for chunk in chunks {
            let mut room = vec![b'\n'; framer.partial_bytes()];
            room.extend_from_slice(chunk);
            let taken = framer.take(&mut room);
            out.extend_from_slice(&room[..taken.bytes]);
            lines += taken.lines;
        }
        lines += framer.finish(&mut out);
        (out, lines)
    }

    #[test]
    fn an_empty_read_changes_nothing() {
        assert_eq!(take(&[b"", b"a", b"", b"b\n", b""], 10), (b"ab\n".to_vec(), 1));
    }

    proptest! {
        #[test]
        fn the_result_does_not_depend_on_the_cuts(
            stream in proptest::collection::vec(prop_oneof![3 => Just(b'\n'), 20 => any::<u8>()], 0..20_000),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut at: Vec<usize> = cuts.iter().map(|c| c.index(stream.len() + 1)).collect();
            at.extend([0, stream.len()]);
            at.sort_unstable();
            let chunks: Vec<&[u8]> = at.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
            let whole = frame(&[&stream], 50);
            prop_assert_eq!(frame(&chunks, 50), whole.clone());
            prop_assert_eq!(take(&chunks, 50), whole);
        }
    }
}
