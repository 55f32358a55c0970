//! Lines out: the batch's output buffer, the wrapping of broken lines, the cut of over-long ones.

use crate::event::time;
use crate::io::edit::Edits;
use crate::io::escape;
use crate::metrics::window::timing::When;

/// How far back a cut looks for a delimiter, in bytes; without one it cuts at the bound itself.
const CUT_SEARCH_BYTES: usize = 4 * 1024;

/// Longest piece copied at once, in bytes. Longer ones the C library copies by one repeated instruction, which takes a
/// while to start and which tools that count instructions count once per byte.
const PIECE_BYTES: usize = 2 * 1024;

/// The output of one batch. Runs of untouched lines are copied in one piece.
pub struct Output<'a> {
    pub input: &'a [u8],
    /// Everything of `input` before is in `out`, or was left out on purpose.
    copied: usize,
    out: Vec<u8>,
    lines: usize,
}

impl<'a> Output<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, copied: 0, out: Vec::with_capacity(input.len() + input.len() / 16 + 256), lines: 0 }
    }

    /// The next line is `input[start..next]` as it is.
    pub fn keep(&mut self) {
        self.lines += 1;
    }

    /// `input[start..next]` is no line of the output.
    pub fn skip(&mut self, start: usize, next: usize) {
        self.copy(start);
        self.copied = next;
    }

    fn copy(&mut self, until: usize) {
        let run = &self.input[self.copied..until];
        self.out.reserve(run.len());
        run.chunks(PIECE_BYTES).for_each(|piece| self.out.extend_from_slice(piece));
    }

    /// In place of `input[start..next]` stands the line that `write` appends (without its newline).
    pub fn replace(&mut self, start: usize, next: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.skip(start, next);
        write(&mut self.out);
        self.out.push(b'\n');
        self.lines += 1;
    }

    /// The buffer and the number of its lines.
    pub fn finish(mut self) -> (Vec<u8>, usize) {
        self.copy(self.input.len());
        // A last line that came without a newline and was kept as it is.
        if self.out.last().is_some_and(|last| *last != b'\n') {
            self.out.push(b'\n');
        }
        (self.out, self.lines)
    }
}

/// How a wrapped line ends whose time is only that of its arrival, for want of anything that told it.
const TIME_UNKNOWN: &[u8] = b",\"time\":\"unknown\"}}";

/// Whether that is so of a line: its time is not to be taken for its own.
#[inline(always)]
pub fn is_time_unknown(line: &[u8]) -> bool {
    line.ends_with(TIME_UNKNOWN)
}

/// Append a broken line as one valid event.
pub fn wrap(text: &[u8], edits: &Edits, when: When, reason: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    time::format_millis(when.seconds, out);
    out.extend_from_slice(b"\",\"level\":\"UNKNOWN\",\"message\":\"");
    let mut redacted = Vec::with_capacity(text.len());
    edits.apply(text, 0, text.len(), &mut redacted);
    escape::encode(&redacted, out);
    out.extend_from_slice(b"\",\"headrig\":{\"broken\":\"");
    out.extend_from_slice(reason.as_bytes());
    out.push(b'"');
    out.extend_from_slice(if when.known { b"}}" } else { TIME_UNKNOWN });
}

/// Where an over-long line ends: at or before `bytes_max`, after a delimiter, never inside an edit or a character.
pub fn cut(text: &[u8], edits: &Edits, bytes_max: usize) -> usize {
    let bound = bytes_max.min(text.len());
    let from = bound.saturating_sub(CUT_SEARCH_BYTES);
    let delimiter = |byte: &u8| byte.is_ascii_whitespace() || b",;&\"'}])".contains(byte);
    let mut at = match text[from..bound].iter().rposition(delimiter) {
        Some(index) => from + index + 1,
        None => (from..=bound).rev().find(|&at| text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80)).unwrap_or(bound),
    };
    if let Some(edit) = edits.within(at, at + 1).first().filter(|edit| (edit.start as usize) < at) {
        at = edit.end as usize;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_runs_replacements_and_gaps_come_out_in_order() {
        let mut output = Output::new(b"one\ntwo\n\nfour\n");
        output.keep();
        output.replace(4, 8, |out| out.extend_from_slice(b"2"));
        output.skip(8, 9);
        output.keep();
        assert_eq!(output.finish(), (b"one\n2\nfour\n".to_vec(), 3));
    }

    #[test]
    fn a_cut_falls_on_a_delimiter_and_never_splits_a_secret_or_a_character() {
        let mut edits = Edits::default();
        assert_eq!(cut(b"aaa, bbbbbb", &edits, 8), 5);
        assert_eq!(cut("aaaé".as_bytes(), &edits, 4), 3);
        edits.push(3, 9, 0, b"x");
        assert_eq!(cut(b"aaaSECRETbb", &edits, 7), 9);
    }

    #[test]
    fn a_wrapped_line_is_json_whatever_the_bytes_were() {
        let mut out = Vec::new();
        let when = When { seconds: 0.0, moves: false, known: true };
        wrap(b"a\"\xff\x00", &Edits::default(), when, "utf8", &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["message"], "a\"\u{fffd}\0");
        assert_eq!(value["timestamp"], "1970-01-01T00:00:00.000Z");
    }
}
