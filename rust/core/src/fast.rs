//! The fast walker: leaps from string to string over the bitmaps of stage 1. Of every line it accepts the tape is the
//! twin's (`walk`); of any other it says nothing, and the twin gives the verdict.

use crate::dictionary::{Dictionary, UNKNOWN};
use crate::limits::DEPTH_MAX;
use crate::segment::{Line, Segment};
use crate::simd::structure::Structure;
use crate::walk::{notable, Kind, Node, Tape};

/// Numbers of these lengths are as long as a card's.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 15..=16;

/// Walk one object into `tape`; the line is valid UTF-8 and without control characters.
/// `None`: not done, and the tape then holds anything.
pub fn walk(segment: &Segment<'_>, line: &Line, keys: &mut Dictionary, tape: &mut Tape) -> Option<()> {
    tape.clear();
    let (start, end) = line.text;
    let (text, structure) = (segment.bytes, segment.structure);
    Walker { text, start, end, backslash: line.backslash, structure, keys, tape, previous: UNKNOWN, notable: 0 }
        .document()
}

struct Walker<'a> {
    /// All that was scanned, so that a look beyond the line's end meets a newline or nothing.
    text: &'a [u8],
    /// Of the line in it.
    start: usize,
    end: usize,
    backslash: bool,
    structure: &'a Structure,
    keys: &'a mut Dictionary,
    tape: &'a mut Tape,
    /// The key before, from which the next one is guessed.
    previous: u16,
    notable: u8,
}

impl Walker<'_> {
    fn document(&mut self) -> Option<()> {
        let mut at = self.space(self.start);
        // The outermost object is read like an element: without a key.
        let mut inside = Kind::Array;
        if self.byte(at)? != b'{' {
            return None;
        }
        loop {
            at = self.space(at);
            if inside == Kind::Object {
                at = self.key(at)?;
                at = self.space(at);
            }
            match self.byte(at)? {
                b'"' => at = self.string(at)?,
                bracket @ (b'{' | b'[') => {
                    inside = if bracket == b'{' { Kind::Object } else { Kind::Array };
                    at = self.open(inside, at)?;
                    at = self.space(at);
                    // Brackets open and close two code points apart.
                    if self.byte(at)? != bracket + 2 {
                        continue;
                    }
                }
                byte => at = self.scalar(byte, at)?,
            }
            loop {
                match self.byte(at)? {
                    b',' => break,
                    b' ' => {}
                    b'}' if inside == Kind::Object => inside = self.close(Kind::ObjectEnd, at)?,
                    b']' if inside == Kind::Array => inside = self.close(Kind::ArrayEnd, at)?,
                    _ => return None,
                }
                at += 1;
                if self.tape.open.is_empty() {
                    self.tape.notable = self.notable;
                    return (self.space(at) == self.end).then_some(());
                }
            }
            at += 1;
        }
    }

    #[inline(always)]
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    /// Tabs and carriage returns are control characters: lines that hold some are the twin's.
    #[inline(always)]
    fn space(&self, mut at: usize) -> usize {
        while self.text.get(at) == Some(&b' ') {
            at += 1;
        }
        at
    }

    fn open(&mut self, kind: Kind, at: usize) -> Option<usize> {
        if self.tape.open.len() == DEPTH_MAX {
            return None;
        }
        if kind == Kind::Array {
            self.notable |= notable::ARRAY;
        }
        self.tape.open.push(self.tape.nodes.len() as u32);
        self.push(kind, at, at + 1);
        Some(at + 1)
    }

    /// Close the innermost container, which `kind` fits; give the kind of the one around it.
    fn close(&mut self, kind: Kind, at: usize) -> Option<Kind> {
        self.push(kind, at, at + 1);
        let next = self.tape.nodes.len() as u32;
        let node = &mut self.tape.nodes[self.tape.open.pop()? as usize];
        node.next = next;
        node.end = (at + 1 - self.start) as u32;
        let outer = self.tape.open.last().copied();
        Some(outer.map_or(Kind::Array, |outer| self.tape.nodes[outer as usize].kind))
    }

    /// A key with its colon; gives where its value may begin.
    #[inline(always)]
    fn key(&mut self, at: usize) -> Option<usize> {
        let Some((number, entry)) = self.keys.guess(self.previous, self.text, at) else {
            return self.unexpected_key(at);
        };
        let (key_bytes, token_bytes) = entry.bytes();
        let (escaped, notable) = (entry.escaped, entry.notable);
        self.previous = number;
        self.notable |= u8::from(notable);
        self.push_key(number, escaped, at + 1, at + 1 + key_bytes);
        Some(at + token_bytes)
    }

    #[inline(never)]
    fn unexpected_key(&mut self, at: usize) -> Option<usize> {
        if self.byte(at)? != b'"' {
            return None;
        }
        let (start, end) = (at + 1, self.structure.quote(at + 1)?);
        let colon = self.space(end + 1);
        if end >= self.end || self.byte(colon)? != b':' {
            return None;
        }
        let escaped = self.escaped(start, end)?;
        let number = self.keys.number(self.previous, &self.text[start..end]);
        if number != UNKNOWN {
            self.previous = number;
        }
        self.notable |= u8::from(self.keys.entry(number).notable);
        self.push_key(number, escaped, start, end);
        Some(colon + 1)
    }

    #[inline(always)]
    fn string(&mut self, at: usize) -> Option<usize> {
        let (start, end) = (at + 1, self.structure.quote(at + 1)?);
        if end >= self.end {
            return None;
        }
        let escaped = self.backslash && self.escaped(start, end)?;
        self.push_node(Kind::String, escaped, UNKNOWN, start, end);
        Some(end + 1)
    }

    /// Whether a string holds escapes, which must be valid ones.
    fn escaped(&self, start: usize, end: usize) -> Option<bool> {
        let mut at = start;
        while let Some(escape) = self.structure.escape(at).filter(|escape| *escape < end) {
            at = escape + 2;
            match self.byte(escape + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' if self.text.get(at..at + 4)?.iter().all(u8::is_ascii_hexdigit) => {}
                _ => return None,
            }
        }
        Some(at > start)
    }

    fn scalar(&mut self, byte: u8, at: usize) -> Option<usize> {
        let (kind, end) = match byte {
            b'-' | b'0'..=b'9' => {
                let end = self.number(at)?;
                self.notable |= if CARD_DIGITS.contains(&(end - at)) { notable::CARD } else { 0 };
                (Kind::Number, end)
            }
            b't' => (Kind::True, self.word(b"true", at)?),
            b'f' => (Kind::False, self.word(b"false", at)?),
            b'n' => (Kind::Null, self.word(b"null", at)?),
            // `NaN` and `Infinity` as well.
            _ => return None,
        };
        self.push(kind, at, end);
        Some(end)
    }

    #[inline(always)]
    fn word<const N: usize>(&self, word: &[u8; N], at: usize) -> Option<usize> {
        (self.text.get(at..at + N)? == word).then_some(at + N)
    }

    /// The end of `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    fn number(&self, start: usize) -> Option<usize> {
        let mut at = start + usize::from(self.text[start] == b'-');
        at = match self.byte(at)? {
            b'0' => at + 1,
            _ => self.digits(at)?,
        };
        if self.text.get(at) == Some(&b'.') {
            at = self.digits(at + 1)?;
        }
        if matches!(self.text.get(at), Some(b'e' | b'E')) {
            let signed = matches!(self.text.get(at + 1), Some(b'+' | b'-'));
            at = self.digits(at + 1 + usize::from(signed))?;
        }
        Some(at)
    }

    /// The end of one digit or more.
    #[inline(always)]
    fn digits(&self, start: usize) -> Option<usize> {
        let mut at = start;
        while self.text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at > start).then_some(at)
    }

    #[inline(always)]
    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.push_node(kind, false, UNKNOWN, start, end);
    }

    #[inline(always)]
    fn push_key(&mut self, number: u16, escaped: bool, start: usize, end: usize) {
        self.push_node(Kind::Key, escaped, number, start, end);
    }

    #[inline(always)]
    fn push_node(&mut self, kind: Kind, escaped: bool, key: u16, start: usize, end: usize) {
        let next = self.tape.nodes.len() as u32 + 1;
        let (start, end) = ((start - self.start) as u32, (end - self.start) as u32);
        self.tape.nodes.push(Node { kind, escaped, key, start, end, next });
    }
}
