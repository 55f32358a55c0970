//! JSON documents become lines, one an event, wherever the stream was cut into chunks.
//! It only finds where events begin and end. Whether one is valid is judged later, like any other line.

use std::fmt;

use memchr::{memchr, memchr3};

use crate::json::reference::walk;
use crate::json::tape::Tape;
use crate::limits::{CUT_SLACK_BYTES, DEPTH_MAX};

/// Capacity kept between events, in bytes: a splitter must not hold its longest event for ever.
const PARTIAL_KEEP_BYTES: usize = 4 * 1024;
/// Between the texts of a sequence (RFC 7464): ASCII's record separator, which no JSON text holds.
const RECORD_SEPARATOR: u8 = 0x1e;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What separates the events of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// JSON texts one after the other, with white space between them or without. The elements of an outermost array are
    /// events of their own.
    Documents,
    /// JSON texts, each behind a record separator (RFC 7464).
    Sequence,
}

/// Why a stream cannot be split. Positions are bytes from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitError {
    /// Where an element of an array should begin stands a comma or the array's end.
    NoElement { at: u64 },
    /// The stream ended within the array that begins here.
    Unclosed { array: u64 },
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoElement { at } => write!(f, "an array has no element at byte {at}, where one should begin"),
            Self::Unclosed { array } => write!(f, "the array that begins at byte {array} is not closed"),
        }
    }
}

impl std::error::Error for SplitError {}

/// Splits one stream. Between tokens, newlines become spaces; all else of an event stays as it was.
///
/// What is no JSON comes out as well, for the core to wrap and count, and costs its neighbours nothing: a document is
/// given up at a newline inside a string, and at a brace where no value may begin, which begins the next one. In an
/// array, and in a text of a sequence, such a newline becomes a carriage return, which is as wrong there: one event stays one line.
/// Of an over-long event `line_bytes_max + CUT_SLACK_BYTES` are kept, as by the framer.
///
/// # Example
///
/// ```
/// use headrig_core::io::splitter::{Framing, JsonSplitter};
///
/// let (mut splitter, mut lines) = (JsonSplitter::new(Framing::Documents, 1024), Vec::new());
/// splitter.feed(b"[{\"a\": 1}, {\"b\":", &mut lines)?;
/// splitter.feed(b" 2}]", &mut lines)?;
/// splitter.finish(&mut lines)?;
/// assert_eq!(lines, b"{\"a\": 1}\n{\"b\": 2}\n");
/// # Ok::<(), headrig_core::io::splitter::SplitError>(())
/// ```
#[derive(Debug)]
pub struct JsonSplitter {
    framing: Framing,
    line_bytes_kept: usize,
    /// Bytes of the stream before the chunk at hand.
    passed: u64,
    /// Where the outermost array begins, while it is open.
    array: Option<u64>,
    /// A comma was the last token of the array.
    comma: bool,
    state: State,
    event: Event,
    tape: Tape,
}

/// Bytes that mean something outside strings, white space included; others are taken many at a time.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let bytes = *b" \t\r\n\",[]{}\x1e";
    let mut at = 0;
    while at < bytes.len() {
        special[bytes[at] as usize] = true;
        at += 1;
    }
    special
};

/// How many others `text` begins with.
fn plain_bytes(text: &[u8]) -> usize {
    text.iter().take_while(|byte| !SPECIAL[usize::from(**byte)]).count()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No event has begun.
    Between,
    /// Inside an event, outside its strings.
    Value,
    String,
    /// A string goes on behind a backslash.
    Escape,
    /// A string, number or word that stands alone, or behind it.
    Scalar,
    /// No JSON: up to the end of the line.
    Text,
}

/// The event that is not whole.
#[derive(Debug, Default)]
struct Event {
    kept: Vec<u8>,
    /// Its bytes, those that were not kept included.
    bytes: usize,
    /// The same without white space at its end.
    significant_bytes: usize,
    /// Containers that are open in it.
    depth: usize,
    /// A bit for each of them, the innermost lowest: an object.
    objects: u128,
    /// It was nested deeper than a valid line may be: `objects` no longer knows all.
    deep: bool,
    /// The last byte outside strings that is no white space.
    before: u8,
}

impl Event {
    fn push(&mut self, bytes: &[u8], kept_max: usize) {
        let room = kept_max.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(&bytes[..room]);
        self.bytes += bytes.len();
    }

    fn open(&mut self, bracket: u8) {
        self.depth += 1;
        self.deep |= self.depth > DEPTH_MAX;
        self.objects = self.objects << 1 | u128::from(bracket == b'{');
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    /// A value may begin here, as far as that can be told.
    fn may_begin(&self) -> bool {
        match self.objects & 1 {
            _ if self.deep => true,
            0 => matches!(self.before, b'[' | b','),
            _ => self.before == b':',
        }
    }

    /// Append it as a line.
    fn end(&mut self, out: &mut Vec<u8>) {
        // One that was cut ends where it was cut: white space may stand between that and what is missing.
        out.extend_from_slice(&self.kept[..self.significant_bytes.min(self.kept.len())]);
        out.push(b'\n');
        let mut kept = std::mem::take(&mut self.kept);
        kept.clear();
        kept.shrink_to(PARTIAL_KEEP_BYTES);
        *self = Self { kept, ..Self::default() };
    }
}

impl JsonSplitter {
    pub fn new(framing: Framing, line_bytes_max: usize) -> Self {
        Self {
            framing,
            line_bytes_kept: line_bytes_max.saturating_add(CUT_SLACK_BYTES),
            passed: 0,
            array: None,
            comma: false,
            state: State::Between,
            event: Event::default(),
            tape: Tape::default(),
        }
    }

    /// Bytes held of an event that is not whole.
    pub fn partial_bytes(&self) -> usize {
        self.event.kept.len()
    }

    /// Append the events that `chunk` completes to `out`, each with a newline; give their number.
    ///
    /// # Errors
    /// The stream cannot be split; nothing that came out of it should be used.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<usize, SplitError> {
        let mut count = 0;
        let mut at = 0;
        while at < chunk.len() {
            let rest = &chunk[at..];
            at += match self.state {
                State::Between => self.between(rest, self.passed + at as u64, out, &mut count)?,
                State::Value => self.value(rest, self.passed + at as u64, out, &mut count)?,
                State::String => self.string(rest, out, &mut count),
                State::Escape => self.escape(rest[0]),
                State::Scalar => self.scalar(rest, out, &mut count),
                State::Text => self.text(rest, out, &mut count),
            };
        }
        self.passed += chunk.len() as u64;
        Ok(count)
    }

    /// The stream ended: append its last event, if it is not whole yet; give 1, or 0 when there is none.
    ///
    /// # Errors
    /// It ended within an array.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<usize, SplitError> {
        if let Some(array) = self.array {
            return Err(SplitError::Unclosed { array });
        }
        let mut count = 0;
        if self.state != State::Between && self.event.kept != BOM {
            self.end(out, &mut count);
        }
        Ok(count)
    }

    /// Each of these takes a state one step further, and gives how many bytes it went; none where only the state changed.
    fn between(&mut self, rest: &[u8], at: u64, out: &mut Vec<u8>, count: &mut usize) -> Result<usize, SplitError> {
        match rest[0] {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            RECORD_SEPARATOR if self.framing == Framing::Sequence => {}
            b'[' if self.framing == Framing::Documents && self.array.is_none() => self.array = Some(at),
            b']' if self.array.is_some() && !self.comma => self.array = None,
            b']' | b',' if self.array.is_some() => return Err(SplitError::NoElement { at }),
            byte => {
                self.comma = false;
                if self.array.is_some() || self.framing == Framing::Sequence || byte == b'{' {
                    self.state = State::Value;
                    return self.value(rest, at, out, count);
                }
                self.state = if byte == b'"' { State::String } else { State::Scalar };
                self.significant(byte);
            }
        }
        Ok(1)
    }

    fn value(&mut self, rest: &[u8], at: u64, out: &mut Vec<u8>, count: &mut usize) -> Result<usize, SplitError> {
        let plain = plain_bytes(rest);
        if plain > 0 {
            return Ok(self.keep(&rest[..plain]));
        }
        let elements = self.array.is_some() && self.event.depth == 0;
        let byte = rest[0];
        match byte {
            b' ' | b'\t' => self.event.push(&[byte], self.line_bytes_kept),
            b'\r' | b'\n' => self.event.push(b" ", self.line_bytes_kept),
            b'"' => {
                self.significant(byte);
                self.state = State::String;
            }
            _ if self.framing == Framing::Sequence => {
                if byte == RECORD_SEPARATOR {
                    self.end(out, count);
                } else {
                    self.significant(byte);
                }
            }
            b',' if elements => {
                self.end(out, count);
                self.comma = true;
            }
            b']' if elements => {
                self.end(out, count);
                self.array = None;
            }
            b'{' if self.event.depth > 0 && !self.event.may_begin() => {
                self.end(out, count);
                return self.between(rest, at, out, count);
            }
            b'{' | b'[' => {
                self.event.open(byte);
                self.significant(byte);
            }
            b'}' | b']' if self.event.depth > 0 => {
                self.event.close();
                self.significant(byte);
                if self.event.depth == 0 && self.array.is_none() {
                    self.end(out, count);
                }
            }
            _ => self.significant(byte),
        }
        Ok(1)
    }

    fn string(&mut self, rest: &[u8], out: &mut Vec<u8>, count: &mut usize) -> usize {
        let mut plain = memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
        if self.framing == Framing::Sequence {
            if let Some(separator) = memchr(RECORD_SEPARATOR, &rest[..plain]) {
                plain = separator;
                self.state = State::Value;
            }
        }
        self.keep(&rest[..plain]);
        if self.state == State::Value {
            return plain;
        }
        match rest.get(plain) {
            Some(b'\n') => {
                if self.array.is_none() && self.framing == Framing::Documents {
                    self.end(out, count);
                } else {
                    self.significant(b'\r');
                }
            }
            Some(b'\\') => {
                self.significant(b'\\');
                self.state = State::Escape;
            }
            Some(_) => {
                self.significant(b'"');
                let alone = self.event.depth == 0 && self.array.is_none() && self.framing == Framing::Documents;
                self.state = if alone { State::Scalar } else { State::Value };
            }
            None => return plain,
        }
        plain + 1
    }

    fn escape(&mut self, byte: u8) -> usize {
        self.state = State::String;
        if byte == b'\n' || byte == RECORD_SEPARATOR && self.framing == Framing::Sequence {
            return 0;
        }
        self.significant(byte);
        1
    }

    fn scalar(&mut self, rest: &[u8], out: &mut Vec<u8>, count: &mut usize) -> usize {
        if self.event.kept == BOM {
            self.event = Event::default();
            self.state = State::Between;
            return 0;
        }
        let plain = plain_bytes(rest);
        if plain > 0 && self.event.bytes >= BOM.len() {
            return self.keep(&rest[..plain]);
        }
        match rest[0] {
            b' ' | b'\t' | b'\r' | b'\n' | b'{' | b'[' | b'"' => {
                let whole = self.event.bytes == self.event.kept.len();
                if whole && walk(&self.event.kept, &mut self.tape).is_ok() {
                    self.end(out, count);
                } else {
                    self.state = State::Text;
                }
                0
            }
            byte => {
                self.significant(byte);
                1
            }
        }
    }

    fn text(&mut self, rest: &[u8], out: &mut Vec<u8>, count: &mut usize) -> usize {
        let end = memchr(b'\n', rest);
        let line = &rest[..end.unwrap_or(rest.len())];
        if let Some(last) = line.iter().rposition(|byte| !byte.is_ascii_whitespace()) {
            self.event.significant_bytes = self.event.bytes + last + 1;
        }
        self.event.push(line, self.line_bytes_kept);
        if end.is_some() {
            self.end(out, count);
        }
        line.len() + usize::from(end.is_some())
    }

    fn significant(&mut self, byte: u8) {
        self.keep(&[byte]);
    }

    /// Take bytes of the event of which the last is no white space between tokens; give how many.
    fn keep(&mut self, bytes: &[u8]) -> usize {
        self.event.push(bytes, self.line_bytes_kept);
        self.event.significant_bytes = self.event.bytes;
        self.event.before = bytes.last().copied().unwrap_or(self.event.before);
        bytes.len()
    }

    fn end(&mut self, out: &mut Vec<u8>, count: &mut usize) {
        self.event.end(out);
        self.state = State::Between;
        *count += 1;
    }
}
