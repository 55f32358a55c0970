//! Framing: a byte stream becomes whole lines, wherever its chunks were cut.

use memchr::{memchr, memchr_iter, memrchr};

use crate::limits::CUT_SLACK_BYTES;

/// Capacity a connection keeps between lines, in bytes: idle connections must not hold their longest line for ever.
const PARTIAL_KEEP_BYTES: usize = 16 * 1024;

/// Cuts one connection's bytes into lines. Of an over-long line it keeps `line_bytes_max + CUT_SLACK_BYTES`
/// and skips the rest up to the newline.
#[derive(Debug)]
pub struct Framer {
    line_bytes_kept: usize,
    /// What has arrived of a line that is not whole. `partial.len() <= line_bytes_kept`.
    partial: Vec<u8>,
    /// Bytes of the partial line have arrived, even if none were kept.
    open: bool,
}

impl Framer {
    pub fn new(line_bytes_max: usize) -> Self {
        Self { line_bytes_kept: line_bytes_max + CUT_SLACK_BYTES, partial: Vec::new(), open: false }
    }

    /// Append the lines that `chunk` completes to `out`, each with its newline; give their number.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> usize {
        let mut rest = chunk;
        let mut lines = 0;
        if self.open {
            let Some(end) = memchr(b'\n', rest) else {
                self.hold(rest);
                return 0;
            };
            self.hold(&rest[..end]);
            lines += self.finish(out);
            rest = &rest[end + 1..];
        }
        let Some(last) = memrchr(b'\n', rest) else {
            self.hold(rest);
            return lines;
        };
        let (whole, partial) = rest.split_at(last + 1);
        if whole.len() <= self.line_bytes_kept {
            lines += memchr_iter(b'\n', whole).count();
            out.extend_from_slice(whole);
        } else {
            let mut start = 0;
            for end in memchr_iter(b'\n', whole) {
                out.extend_from_slice(&whole[start..end.min(start + self.line_bytes_kept)]);
                out.push(b'\n');
                start = end + 1;
                lines += 1;
            }
        }
        self.hold(partial);
        lines
    }

    /// Append the partial line as a whole one; give 1, or 0 when there is none.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> usize {
        if !self.open {
            return 0;
        }
        out.extend_from_slice(&self.partial);
        out.push(b'\n');
        self.partial.clear();
        self.partial.shrink_to(PARTIAL_KEEP_BYTES);
        self.open = false;
        1
    }

    /// Bytes held of a line that is not whole.
    pub fn partial_bytes(&self) -> usize {
        self.partial.len()
    }

    fn hold(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.open = true;
        let room = self.line_bytes_kept - self.partial.len();
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
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
            prop_assert_eq!(frame(&chunks, 50), frame(&[&stream], 50));
        }
    }
}
