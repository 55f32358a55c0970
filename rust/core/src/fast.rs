//! The fast walker: leaps from string to string over the bitmaps of stage 1. Of every line it accepts the tape is the
//! twin's (`walk`); of any other it says nothing, and the twin gives the verdict.

use crate::dictionary::{traits, Dictionary, UNKNOWN};
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
    let expected = keys.next(UNKNOWN);
    let backslash = line.backslash;
    Walker { text, start, end, backslash, structure, keys, tape, previous: UNKNOWN, expected, seen: 0 }.document()
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
    /// The key before, and the one that came after it last time.
    previous: u16,
    expected: u16,
    /// Flags of `notable` and `traits`.
    seen: u8,
}

impl Walker<'_> {
    fn document(&mut self) -> Option<()> {
        let mut at = self.space(self.start);
        if self.byte(at)? != b'{' {
            return None;
        }
        let mut inside = Kind::Object;
        loop {
            // A value begins at `at`.
            match self.byte(at)? {
                b'"' => at = self.string(at)?,
                bracket @ (b'{' | b'[') => {
                    inside = if bracket == b'{' { Kind::Object } else { Kind::Array };
                    at = self.open(inside, at)?;
                    // Brackets open and close two code points apart.
                    if self.byte(at)? != bracket + 2 {
                        at = if inside == Kind::Object { self.key(at)? } else { at };
                        continue;
                    }
                }
                b' ' => {
                    at += 1;
                    continue;
                }
                byte => at = self.scalar(byte, at)?,
            }
            if inside == Kind::Object {
                if let Some(value) = self.next_key(at) {
                    at = value;
                    continue;
                }
            }
            at = match self.behind_value(at, &mut inside)? {
                Some(value) => value,
                None => return Some(()),
            };
        }
    }

    /// From behind a value to where the next one begins; `None` if the line ends.
    #[inline(never)]
    fn behind_value(&mut self, mut at: usize, inside: &mut Kind) -> Option<Option<usize>> {
        loop {
            match self.byte(at)? {
                b',' => {
                    let next = self.space(at + 1);
                    return Some(Some(if *inside == Kind::Object { self.key(next)? } else { next }));
                }
                b' ' => {}
                b'}' if *inside == Kind::Object => *inside = self.close(Kind::ObjectEnd, at)?,
                b']' if *inside == Kind::Array => *inside = self.close(Kind::ArrayEnd, at)?,
                _ => return None,
            }
            at += 1;
            if self.tape.open.is_empty() {
                self.tape.notable = self.seen & notable::ANYTHING;
                self.tape.numbered = true;
                return (self.space(at) == self.end).then_some(None);
            }
            if *inside == Kind::Object {
                if let Some(value) = self.next_key(at) {
                    return Some(Some(value));
                }
            }
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
            self.seen |= notable::ARRAY;
        }
        self.tape.open.push(self.tape.nodes.len() as u32);
        self.push(kind, at, at + 1);
        Some(self.space(at + 1))
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

    /// From the comma behind a member to where the value of the next one begins, if its key is the expected one.
    #[inline(always)]
    fn next_key(&mut self, at: usize) -> Option<usize> {
        let entry = self.keys.guess(self.expected, self.text, at)?;
        let (bytes, next, traits) = (entry.token_bytes as usize, entry.next, entry.traits);
        Some(self.accept(at, bytes, next, traits))
    }

    /// From the quote before a key to where its value may begin.
    #[inline(always)]
    fn key(&mut self, at: usize) -> Option<usize> {
        let Some(entry) = self.keys.guess_first(self.expected, self.text, at - 1) else {
            return self.unexpected_key(at);
        };
        let (bytes, next, traits) = (entry.token_bytes as usize, entry.next, entry.traits);
        Some(self.accept(at - 1, bytes, next, traits))
    }

    /// Take the expected key, which stands between a byte at `at` and a colon.
    #[inline(always)]
    fn accept(&mut self, at: usize, token_bytes: usize, next: u16, traits: u8) -> usize {
        let number = std::mem::replace(&mut self.expected, next);
        self.take(number, traits, at + 2, at + token_bytes - 2);
        at + token_bytes
    }

    #[inline(always)]
    fn take(&mut self, number: u16, traits: u8, start: usize, end: usize) {
        self.previous = number;
        self.seen |= traits;
        if traits & traits::WANTED != 0 && self.tape.open.len() == 1 {
            self.tape.wanted.push(self.tape.nodes.len() as u32);
        }
        self.push_node(Kind::Key, traits & traits::ESCAPED != 0, number, start, end);
    }

    #[inline(never)]
    fn unexpected_key(&mut self, at: usize) -> Option<usize> {
        if self.byte(at)? != b'"' {
            return None;
        }
        let (start, end) = (at + 1, self.structure.quote(at + 1, self.end)?);
        let colon = self.space(end + 1);
        if self.byte(colon)? != b':' {
            return None;
        }
        let escaped = self.escaped(start, end)?;
        let number = self.keys.number(self.previous, &self.text[start..end]);
        let traits = match number {
            UNKNOWN => traits::NOTABLE | traits::WANTED | if escaped { traits::ESCAPED } else { 0 },
            number => self.keys.traits(number),
        };
        let previous = self.previous;
        self.take(number, traits, start, end);
        if number == UNKNOWN {
            self.previous = previous;
        }
        self.expected = self.keys.next(self.previous);
        Some(colon + 1)
    }

    #[inline(always)]
    fn string(&mut self, at: usize) -> Option<usize> {
        let (start, end) = (at + 1, self.structure.quote(at + 1, self.end)?);
        let escaped = self.backslash && self.escaped(start, end)?;
        self.push_node(Kind::String, escaped, UNKNOWN, start, end);
        Some(end + 1)
    }

    /// Whether a string holds escapes, which must be valid ones.
    fn escaped(&self, start: usize, end: usize) -> Option<bool> {
        let mut at = start;
        while let Some(escape) = self.structure.escape(at, end) {
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
                self.seen |= if CARD_DIGITS.contains(&(end - at)) { notable::CARD } else { 0 };
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
    fn push_node(&mut self, kind: Kind, escaped: bool, key: u16, start: usize, end: usize) {
        let next = self.tape.nodes.len() as u32 + 1;
        let (start, end) = ((start - self.start) as u32, (end - self.start) as u32);
        self.tape.nodes.push(Node { kind, escaped, key, start, end, next });
    }
}
