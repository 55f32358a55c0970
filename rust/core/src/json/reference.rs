//! The twin: a byte-at-a-time JSON walker that defines what a valid line is (RFC 8259).
//! It writes a tape of spans and decides nothing about their meaning.

use crate::io::escape::is_surrogate;
use crate::json::broken::Broken;
use crate::json::tape::{notable, Kind, Node, Tape};
use crate::limits::DEPTH_MAX;

/// Walk one JSON text, which must be valid UTF-8, into `tape`.
///
/// # Errors
/// The reason the text is not JSON by RFC 8259; the tape then holds what came before.
///
/// # Example
///
/// ```
/// use headrig_core::json::broken::Broken;
/// use headrig_core::json::reference::walk;
/// use headrig_core::json::tape::{Kind, Tape};
///
/// let mut tape = Tape::default();
/// assert_eq!(walk(br#"{"a":[1,"b"]}"#, &mut tape), Ok(()));
/// let kinds: Vec<Kind> = tape.nodes().iter().map(|node| node.kind).collect();
/// assert_eq!(kinds[..4], [Kind::Object, Kind::Key, Kind::Array, Kind::Number]);
/// assert_eq!(walk(b"{'a':1}", &mut tape), Err(Broken::NotJson));
/// ```
pub fn walk(text: &[u8], tape: &mut Tape) -> Result<(), Broken> {
    tape.clear();
    tape.notable = notable::ANYTHING;
    let mut walker = Walker { text, at: 0, tape };
    walker.space();
    if walker.at == text.len() {
        return Err(Broken::NotJson);
    }
    let starts_json = matches!(text[walker.at], b'{' | b'[' | b'"');
    let result = walker.document();
    match result {
        // `2026-01-01 INFO started` is text that begins with a number, not JSON with something after it.
        Err(Broken::Trailing | Broken::Truncated) if !starts_json => Err(Broken::NotJson),
        other => other,
    }
}

/// Where the run of plain string bytes from `at` ends: at a quote, a backslash, a control character or the end.
/// Eight bytes at a time, by the test for zero bytes of Mycroft (1987): its first hit is always a true one.
fn plain_end(text: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    while let Some(chunk) = text.get(at..at + 8).and_then(|chunk| chunk.try_into().ok()) {
        let word = u64::from_le_bytes(chunk);
        let equal = |byte: u64| {
            let other = word ^ (ONES * byte);
            other.wrapping_sub(ONES) & !other
        };
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let special = (equal(b'"' as u64) | equal(b'\\' as u64) | control) & HIGHS;
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    text[at..].iter().position(special).map_or(text.len(), |run| at + run)
}

struct Walker<'a> {
    text: &'a [u8],
    at: usize,
    tape: &'a mut Tape,
}

/// What the grammar allows next.
enum Expect {
    Value,
    /// After `[`: a value or `]`.
    ValueOrEnd,
    /// After `{`: a key or `}`.
    KeyOrEnd,
    Key,
    /// After a value: `,`, the closing bracket, or the end of the text.
    Separator,
}

impl Walker<'_> {
    fn document(&mut self) -> Result<(), Broken> {
        let mut expect = Expect::Value;
        loop {
            self.space();
            let Some(&byte) = self.text.get(self.at) else {
                let done = matches!(expect, Expect::Separator) && self.tape.open.is_empty();
                return if done { Ok(()) } else { Err(Broken::Truncated) };
            };
            expect = match (expect, byte) {
                (Expect::Value | Expect::ValueOrEnd, b'{') => {
                    self.open(Kind::Object)?;
                    Expect::KeyOrEnd
                }
                (Expect::Value | Expect::ValueOrEnd, b'[') => {
                    self.open(Kind::Array)?;
                    Expect::ValueOrEnd
                }
                (Expect::ValueOrEnd, b']') | (Expect::KeyOrEnd, b'}') => self.close(byte)?,
                (Expect::Value | Expect::ValueOrEnd, _) => {
                    self.scalar(byte)?;
                    Expect::Separator
                }
                (Expect::Key | Expect::KeyOrEnd, b'"') => {
                    self.string(Kind::Key)?;
                    self.colon()?;
                    Expect::Value
                }
                (Expect::Separator, b',') => self.comma()?,
                (Expect::Separator, b']' | b'}') => self.close(byte)?,
                (Expect::Separator, _) if self.tape.open.is_empty() => return Err(Broken::Trailing),
                _ => return Err(self.unexpected()),
            };
        }
    }

    fn open(&mut self, kind: Kind) -> Result<(), Broken> {
        if self.tape.open.len() == DEPTH_MAX {
            return Err(Broken::Depth);
        }
        self.tape.open.push(self.tape.len as u32);
        self.push(kind, false, self.at, self.at + 1);
        self.at += 1;
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<Expect, Broken> {
        let (kind, end_kind) = match byte {
            b']' => (Kind::Array, Kind::ArrayEnd),
            _ => (Kind::Object, Kind::ObjectEnd),
        };
        match self.tape.open.last() {
            None => return Err(Broken::Trailing),
            Some(&index) if self.tape.room[index as usize].kind == kind => {
                self.push(end_kind, false, self.at, self.at + 1);
                let span = self.tape.len as u32 - index;
                let node = &mut self.tape.room[index as usize];
                node.span = span;
                node.end = self.at as u32 + 1;
            }
            Some(_) => return Err(Broken::NotJson),
        }
        self.tape.open.pop();
        self.at += 1;
        Ok(Expect::Separator)
    }

    fn comma(&mut self) -> Result<Expect, Broken> {
        let Some(&index) = self.tape.open.last() else {
            return Err(Broken::Trailing);
        };
        self.at += 1;
        Ok(match self.tape.room[index as usize].kind {
            Kind::Object => Expect::Key,
            _ => Expect::Value,
        })
    }

    fn colon(&mut self) -> Result<(), Broken> {
        self.space();
        match self.text.get(self.at) {
            Some(b':') => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.unexpected()),
            None => Err(Broken::Truncated),
        }
    }

    fn scalar(&mut self, byte: u8) -> Result<(), Broken> {
        match byte {
            b'"' => self.string(Kind::String),
            b'-' if self.text.get(self.at + 1) == Some(&b'I') => self.word(b"-Infinity", Kind::NonFinite),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Kind::True),
            b'f' => self.word(b"false", Kind::False),
            b'n' => self.word(b"null", Kind::Null),
            b'N' => self.word(b"NaN", Kind::NonFinite),
            b'I' => self.word(b"Infinity", Kind::NonFinite),
            _ => Err(self.unexpected()),
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), Broken> {
        let rest = &self.text[self.at..];
        if !rest.starts_with(word) {
            let cut = word.starts_with(rest);
            return Err(if cut { Broken::Truncated } else { self.unexpected() });
        }
        self.tape.non_finite |= kind == Kind::NonFinite;
        self.push(kind, false, self.at, self.at + word.len());
        self.at += word.len();
        Ok(())
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&mut self) -> Result<(), Broken> {
        let start = self.at;
        if self.text[self.at] == b'-' {
            self.at += 1;
        }
        if self.text.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.push(Kind::Number, false, start, self.at);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Broken> {
        let start = self.at;
        while matches!(self.text.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start {
            return Ok(());
        }
        Err(if self.at == self.text.len() { Broken::Truncated } else { self.unexpected() })
    }

    fn string(&mut self, kind: Kind) -> Result<(), Broken> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = plain_end(self.text, self.at);
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    // Escapes often come one after the other.
                    while self.text.get(self.at) == Some(&b'\\') {
                        self.escape()?;
                    }
                }
                Some(_) => return Err(Broken::Control),
                None => return Err(Broken::Truncated),
            }
        }
        self.push(kind, escaped, start, self.at);
        self.at += 1;
        Ok(())
    }

    /// Lone surrogates are valid, and noted: Python's `json.dumps` writes them, and not every reader takes them.
    fn escape(&mut self) -> Result<(), Broken> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => {
                let digits = &self.text[self.at + 2..self.text.len().min(self.at + 6)];
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Broken::NotJson);
                }
                self.at += 2 + digits.len();
                self.tape.surrogates |= is_surrogate(digits);
                if digits.len() == 4 {
                    Ok(())
                } else {
                    Err(Broken::Truncated)
                }
            }
            Some(_) => Err(Broken::NotJson),
            None => Err(Broken::Truncated),
        }
    }

    fn space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn unexpected(&self) -> Broken {
        match self.text.get(self.at) {
            Some(0..=0x1f) => Broken::Control,
            _ => Broken::NotJson,
        }
    }

    fn push(&mut self, kind: Kind, escaped: bool, start: usize, end: usize) {
        self.tape.push(Node { kind, escaped, key: 0, start: start as u32, end: end as u32, span: 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<(), Broken> {
        walk(text.as_bytes(), &mut Tape::default())
    }

    #[test]
    fn every_json_value_is_a_line() {
        for text in
            ["{}", "[]", "\"a\"", "0", "-0.5e+3", "true", "null", " {\"a\" : [1, {\"b\":null}] } ", "\"\\ud800\""]
        {
            assert_eq!(verdict(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn each_fault_has_its_reason() {
        for (text, reason) in [
            ("hello", Broken::NotJson),
            ("2026-01-01 INFO x", Broken::NotJson),
            ("{\"a\":1", Broken::Truncated),
            ("{\"a\":\"x", Broken::Truncated),
            ("{\"a\":\"\\u12", Broken::Truncated),
            ("{\"a\":tru", Broken::Truncated),
            ("{\"a\":1}x", Broken::Trailing),
            ("{}{}", Broken::Trailing),
            ("{\"a\":\"\u{1}\"}", Broken::Control),
            ("{\"a\":01}", Broken::NotJson),
            ("{\"a\":1,}", Broken::NotJson),
            ("[1 2]", Broken::NotJson),
            ("[1}", Broken::NotJson),
            ("{\"a\":\"\\uZZZZ\"}", Broken::NotJson),
            ("{a:1}", Broken::NotJson),
        ] {
            assert_eq!(verdict(text), Err(reason), "{text}");
        }
        assert_eq!(verdict(&"[".repeat(DEPTH_MAX + 1)), Err(Broken::Depth));
    }

    #[test]
    fn a_container_knows_where_it_ends() {
        let mut tape = Tape::default();
        walk(b"{\"a\":[1,\"b\\n\"],\"c\":NaN}", &mut tape).unwrap();
        let nodes = tape.nodes();
        assert_eq!(nodes[0].after(0), nodes.len());
        assert_eq!((nodes[2].kind, nodes[2].after(2)), (Kind::Array, 6));
        assert!(nodes[4].escaped && tape.non_finite);
        assert_eq!((nodes[2].start, nodes[2].end), (5, 14));
    }
}
