//! A batch in pieces of whole lines that stay in the cache while every stage reads them, and the lines of a piece.

use memchr::{memchr, memrchr};

use crate::io::lines::{memchr_lines, Normalized};
use crate::simd::structure::Structure;
use crate::simd::Path;
use crate::spec::Blank;

/// Bytes scanned ahead of the walker: with bitmaps and output they fit a second-level cache of 512 KiB.
const SEGMENT_BYTES: usize = 128 * 1024;
/// A batch that is longer by less is not worth another segment.
const SLACK_BYTES: usize = SEGMENT_BYTES / 8;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Some lines of a batch, scanned.
pub struct Segment<'a> {
    pub bytes: &'a [u8],
    /// Where it begins in the batch.
    pub offset: usize,
    pub structure: &'a Structure,
    /// All of it is UTF-8.
    valid: bool,
}

/// One line and where it lies in its segment.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Of the line as received.
    pub start: usize,
    /// First byte after its newline.
    pub next: usize,
    /// The text without BOM, CR and newline.
    pub text: (usize, usize),
    /// Among its bytes is a control character, other than a carriage return that ends it.
    pub control: bool,
    pub backslash: bool,
}

impl<'a> Segment<'a> {
    /// The segment of a batch that begins at `offset`, scanned into `structure`.
    pub fn scan(batch: &'a [u8], offset: usize, path: Path, structure: &'a mut Structure) -> Self {
        let bytes = &batch[offset..end(batch, offset)];
        structure.scan(path, bytes);
        let valid = !structure.wide || simdutf8::basic::from_utf8(bytes).is_ok();
        Self { bytes, offset, structure, valid }
    }

    pub fn lines(&self) -> impl Iterator<Item = (Line, Normalized)> + use<'a> {
        let bytes = self.bytes;
        self.structure.lines.iter().scan(0, move |next, end| {
            let start = *next;
            *next = bytes.len().min(end.at + 1);
            let (text, normalized) = trim(&bytes[start..end.at]);
            let text = (start + text.0, start + text.1);
            Some((Line { start, next: *next, text, control: end.control, backslash: end.backslash }, normalized))
        })
    }

    pub fn text(&self, line: &Line) -> &'a [u8] {
        &self.bytes[line.text.0..line.text.1]
    }

    pub fn is_utf8(&self, text: &[u8]) -> bool {
        self.valid || simdutf8::basic::from_utf8(text).is_ok()
    }
}

/// The end of the segment that begins at `start`: behind its last newline, if there is one.
fn end(batch: &[u8], start: usize) -> usize {
    let ahead = &batch[start..];
    if ahead.len() <= SEGMENT_BYTES + SLACK_BYTES {
        return batch.len();
    }
    let near = &ahead[..SEGMENT_BYTES];
    let newline =
        memrchr(b'\n', near).or_else(|| memchr(b'\n', &ahead[SEGMENT_BYTES..]).map(|newline| SEGMENT_BYTES + newline));
    newline.map_or(batch.len(), |newline| start + newline + 1)
}

/// The span of a received line without its BOM and CR, and what went: of most lines nothing.
#[inline(always)]
fn trim(received: &[u8]) -> ((usize, usize), Normalized) {
    match received {
        [b'{', .., b'}'] => ((0, received.len()), Normalized::default()),
        _ => trim_any(received),
    }
}

fn trim_any(received: &[u8]) -> ((usize, usize), Normalized) {
    let mut normalized = Normalized::default();
    let mut text = (0, received.len());
    if received.starts_with(BOM) {
        normalized.bom += 1;
        text.0 += BOM.len();
    }
    if received.last() == Some(&b'\r') && text.1 > text.0 {
        normalized.crlf += 1;
        text.1 -= 1;
    }
    (text, normalized)
}

/// The lines of a batch after redaction, with the byte order marks and carriage returns that `trim` took from them. In a pass
/// of its own, because next to no batch has any.
pub fn keep_line_ends(received: &[u8], redacted: Vec<u8>, blank: Blank, normalized: &mut Normalized) -> Vec<u8> {
    if std::mem::take(&mut normalized.crlf) + std::mem::take(&mut normalized.bom) == 0 {
        return redacted;
    }
    let mut out = Vec::with_capacity(redacted.len() + redacted.len() / 16);
    let mut redacted = memchr_lines(&redacted);
    for line in memchr_lines(received) {
        let ((start, end), _) = trim_any(line);
        let is_blank = line[start..end].iter().all(u8::is_ascii_whitespace);
        if is_blank && blank == Blank::Drop {
            continue;
        }
        let Some(text) = redacted.next() else { break };
        // A blank line that is kept was never trimmed.
        let (before, after) = if is_blank { (&b""[..], &b""[..]) } else { (&line[..start], &line[end..]) };
        out.extend_from_slice(before);
        out.extend_from_slice(text);
        out.extend_from_slice(after);
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_trimmed_comes_back_around_what_was_redacted() {
        let received = b"\xef\xbb\xbfa\r\n\r\nb\r\r\n{}\n\xef\xbb\xbf\n";
        let keep = |redacted: &[u8], blank| {
            let mut normalized = Normalized { crlf: 1, ..Normalized::default() };
            keep_line_ends(received, redacted.to_vec(), blank, &mut normalized)
        };
        let kept = keep(b"A\n\r\nB\r\n{}\n\xef\xbb\xbf\n", Blank::Keep);
        assert_eq!(kept, b"\xef\xbb\xbfA\r\n\r\nB\r\r\n{}\n\xef\xbb\xbf\n");
        assert_eq!(keep(b"A\nB\r\n{}\n", Blank::Drop), b"\xef\xbb\xbfA\r\nB\r\r\n{}\n");
    }
}
