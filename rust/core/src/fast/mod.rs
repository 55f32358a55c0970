//! The fast walker: leaps from string to string over the bitmaps of stage 1. Of every line it accepts the tape is the
//! twin's (`walk`); of any other it says nothing, and the twin gives the verdict.

use crate::dictionary::{traits, Dictionary, Spaces, LOOK, UNKNOWN};
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
    let context = Context {
        text: segment.bytes,
        start: line.text.0,
        end: line.text.1,
        backslash: line.backslash,
        structure: segment.structure,
    };
    let (inside, previous, seen) = (Kind::Object, UNKNOWN, 0);
    let mut walker = Walker { context, keys, tape, inside, previous, seen };
    walker.document()?;
    walker.tape.notable = walker.seen & notable::ANYTHING;
    walker.tape.numbered = true;
    Some(())
}

/// A line and what is known of it.
#[derive(Clone, Copy)]
struct Context<'a> {
    /// All that was scanned, so that a look beyond the line's end meets a newline or nothing.
    text: &'a [u8],
    /// Of the line in it.
    start: usize,
    end: usize,
    backslash: bool,
    structure: &'a Structure,
}

struct Walker<'a> {
    context: Context<'a>,
    keys: &'a mut Dictionary,
    tape: &'a mut Tape,
    /// The innermost container.
    inside: Kind,
    /// The key before.
    previous: u16,
    /// Flags of `notable` and `traits`.
    seen: u8,
}

/// Where a walk stands.
enum Place {
    /// A value begins here, or a space before it.
    Value(usize),
    /// A value ended here.
    Behind(usize),
    /// The outermost value ended here.
    End(usize),
}

impl Walker<'_> {
    fn document(&mut self) -> Option<()> {
        let context = self.context;
        let at = context.space(context.start);
        if context.byte(at)? != b'{' {
            return None;
        }
        self.open(Kind::Object, at)?;
        let mut place = match self.members(at, true) {
            Place::Behind(behind) if behind == at => self.first(at)?,
            place => place,
        };
        loop {
            place = match place {
                Place::Value(at) => match (self.value(at)?, self.inside) {
                    (Place::Behind(at), Kind::Object) => self.members(at, false),
                    (place, _) => place,
                },
                Place::Behind(at) => match (self.behind_value(at)?, self.inside) {
                    (Place::Behind(at), Kind::Object) => self.members(at, false),
                    (place, _) => place,
                },
                Place::End(at) => return (context.space(at) == context.end).then_some(()),
            };
        }
    }

    /// One value, or the bracket that opens it and the key of its first member.
    fn value(&mut self, at: usize) -> Option<Place> {
        let context = self.context;
        let at = context.space(at);
        Some(match context.byte(at)? {
            b'"' => {
                let (start, end) = (at + 1, context.structure.quote(at + 1, context.end)?);
                let escaped = context.escaped(start, end)?;
                self.push(Kind::String, escaped, UNKNOWN, start, end);
                Place::Behind(end + 1)
            }
            bracket @ (b'{' | b'[') => {
                self.open(if bracket == b'{' { Kind::Object } else { Kind::Array }, at)?;
                self.first(at)?
            }
            byte => {
                let (kind, end) = match context.number(byte, at) {
                    Some(end) => (Kind::Number, end),
                    None => context.word(byte, at)?,
                };
                self.seen |= if kind == Kind::Number { card(end - at) } else { 0 };
                self.push(kind, false, UNKNOWN, at, end);
                Place::Behind(end)
            }
        })
    }

    /// From an opening bracket to the value of the first member or element, or the end.
    fn first(&mut self, at: usize) -> Option<Place> {
        let first = self.context.space(at + 1);
        let byte = self.context.byte(first)?;
        Some(match self.inside {
            Kind::Object if byte == b'}' => Place::Behind(first),
            Kind::Object => Place::Value(self.key(first, None)?),
            _ if byte == b']' => Place::Behind(first),
            _ => Place::Value(first),
        })
    }

    /// Members of an object as long as all is as expected: each a comma, the key that came next last time, and a
    /// string without escapes, a number or a word. From behind a value, or (`first`) from the opening bracket.
    #[inline(never)]
    fn members(&mut self, at: usize, first: bool) -> Place {
        let Context { start, end, backslash, structure, .. } = self.context;
        // Places are the line's own in here.
        let context = Context { text: &self.context.text[start..], start: 0, end: end - start, ..self.context };
        let (text, mut at) = (context.text, at - start);
        let (keys, tape) = (&*self.keys, &mut *self.tape);
        let wanted = if tape.open.len() == 1 { traits::FIELD } else { 0 };
        let mut seen = self.seen;
        let mut expected = keys.entry(self.previous).next;
        let before = tape.nodes.len();
        let guess = if first { keys.guess_first(expected, text, at) } else { keys.guess(expected, text, at) };
        let Some(mut entry) = guess else { return Place::Behind(start + at) };
        let place = loop {
            let next = tape.nodes.len() as u32 + 1;
            if entry.traits & wanted != 0 {
                tape.fields.push((entry.slot, next));
            }
            let key = at as u32 + u32::from(entry.key_at);
            let key_end = key + u32::from(entry.key_bytes);
            tape.nodes.push(Node { kind: Kind::Key, escaped: false, key: expected, start: key, end: key_end, next });
            seen |= entry.traits;
            expected = entry.next;
            at += usize::from(entry.token_bytes);
            let Some(&byte) = text.get(at) else { break Place::Value(start + at) };
            if byte == b'"' {
                let quote = match structure.quotes_from(start + at + 1) {
                    0 => context.far_quote(start, at + 1),
                    quotes => at + 1 + quotes.trailing_zeros() as usize,
                };
                if quote >= context.end || backslash && context.hides_escape(start, at + 1, quote) {
                    break Place::Value(start + at);
                }
                tape.nodes.push(leaf(Kind::String, at + 1, quote, next + 1));
                at = quote + 1;
            } else if let Some(end) = context.number(byte, at) {
                seen |= card(end - at);
                tape.nodes.push(leaf(Kind::Number, at, end, next + 1));
                at = end;
            } else if let Some((kind, end)) = context.word(byte, at) {
                tape.nodes.push(leaf(kind, at, end, next + 1));
                at = end;
            } else {
                break Place::Value(start + at);
            }
            entry = match keys.guess(expected, text, at) {
                Some(entry) => entry,
                None => break Place::Behind(start + at),
            };
        };
        self.seen = seen;
        let mut last_two = tape.nodes[before..].iter().rev().take(2);
        if let Some(key) = last_two.find(|node| node.kind == Kind::Key) {
            self.previous = key.key;
        }
        place
    }

    /// One step from behind a value.
    fn behind_value(&mut self, at: usize) -> Option<Place> {
        match self.context.byte(at)? {
            b',' => {
                let next = self.context.space(at + 1);
                let key = self.inside == Kind::Object;
                return Some(Place::Value(if key { self.key(next, Some(at))? } else { next }));
            }
            b' ' => {}
            b'}' if self.inside == Kind::Object => self.close(Kind::ObjectEnd, at)?,
            b']' if self.inside == Kind::Array => self.close(Kind::ArrayEnd, at)?,
            _ => return None,
        }
        Some(if self.tape.open.is_empty() { Place::End(at + 1) } else { Place::Behind(at + 1) })
    }

    fn open(&mut self, kind: Kind, at: usize) -> Option<()> {
        if self.tape.open.len() == DEPTH_MAX {
            return None;
        }
        if kind == Kind::Array {
            self.seen |= notable::ARRAY;
        }
        self.inside = kind;
        self.tape.open.push(self.tape.nodes.len() as u32);
        self.push(kind, false, UNKNOWN, at, at + 1);
        Some(())
    }

    /// Close the innermost container, which `kind` fits.
    fn close(&mut self, kind: Kind, at: usize) -> Option<()> {
        self.push(kind, false, UNKNOWN, at, at + 1);
        let next = self.tape.nodes.len() as u32;
        let node = &mut self.tape.nodes[self.tape.open.pop()? as usize];
        node.next = next;
        node.end = (at + 1 - self.context.start) as u32;
        if let Some(outer) = self.tape.open.last() {
            self.inside = self.tape.nodes[*outer as usize].kind;
        }
        Some(())
    }

    /// A key with its colon; gives where its value may begin. `comma`: the one before it, which the first has not.
    fn key(&mut self, at: usize, comma: Option<usize>) -> Option<usize> {
        let context = self.context;
        if context.byte(at)? != b'"' {
            return None;
        }
        let (start, end) = (at + 1, context.structure.quote(at + 1, context.end)?);
        let colon = context.space(end + 1);
        if context.byte(colon)? != b':' {
            return None;
        }
        let escaped = context.escaped(start, end)?;
        let value = context.space(colon + 1);
        let one = |bytes: usize| bytes.min(1) as u8;
        let before = comma.map_or(0, |comma| one(at - comma - 1));
        let spaces = (colon == end + 1).then(|| Spaces { before, behind: one(value - colon - 1) });
        let number = self.keys.number(self.previous, &context.text[start..end], spaces);
        let (traits, slot) = match number {
            UNKNOWN => (traits::NOTABLE | traits::FIELD, LOOK),
            number => (self.keys.entry(number).traits, self.keys.entry(number).slot),
        };
        if traits & traits::FIELD != 0 && self.tape.open.len() == 1 {
            self.tape.fields.push((slot, self.tape.nodes.len() as u32 + 1));
        }
        self.seen |= traits;
        self.push(Kind::Key, escaped, number, start, end);
        if number != UNKNOWN {
            self.previous = number;
        }
        Some(value)
    }

    fn push(&mut self, kind: Kind, escaped: bool, key: u16, start: usize, end: usize) {
        let next = self.tape.nodes.len() as u32 + 1;
        let (start, end) = ((start - self.context.start) as u32, (end - self.context.start) as u32);
        self.tape.nodes.push(Node { kind, escaped, key, start, end, next });
    }
}

#[inline(always)]
fn leaf(kind: Kind, start: usize, end: usize, next: u32) -> Node {
    Node { kind, escaped: false, key: UNKNOWN, start: start as u32, end: end as u32, next }
}

fn card(bytes: usize) -> u8 {
    if CARD_DIGITS.contains(&bytes) {
        notable::CARD
    } else {
        0
    }
}

impl Context<'_> {
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

    /// Whether a string holds escapes, which must be valid ones.
    fn escaped(&self, start: usize, end: usize) -> Option<bool> {
        let mut at = start;
        if !self.backslash {
            return Some(false);
        }
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

    /// Where the quote is that ends a string of the line; out of it if there is none. Both places count from the line's
    /// `start` on.
    #[cold]
    #[inline(never)]
    fn far_quote(&self, start: usize, at: usize) -> usize {
        self.structure.quote(start + at, start + self.end).map_or(self.end, |quote| quote - start)
    }

    #[cold]
    #[inline(never)]
    fn hides_escape(&self, start: usize, from: usize, to: usize) -> bool {
        self.structure.escape(start + from, start + to).is_some()
    }

    /// The kind of a word and its end. `NaN` and `Infinity` are the twin's.
    #[inline(always)]
    fn word(&self, first: u8, at: usize) -> Option<(Kind, usize)> {
        let (word, kind): (&[u8], Kind) = match first {
            b't' => (b"true", Kind::True),
            b'f' => (b"false", Kind::False),
            b'n' => (b"null", Kind::Null),
            _ => return None,
        };
        self.text[at..].starts_with(word).then_some((kind, at + word.len()))
    }

    /// The end of `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    #[inline(always)]
    fn number(&self, first: u8, start: usize) -> Option<usize> {
        let mut at = match first {
            b'0' => start + 1,
            b'1'..=b'9' => self.more_digits(start + 1),
            b'-' if self.text.get(start + 1) == Some(&b'0') => start + 2,
            b'-' => self.digits(start + 1)?,
            _ => return None,
        };
        if self.text.get(at) == Some(&b'.') {
            at = self.digits(at + 1)?;
        }
        match self.text.get(at) {
            Some(b'e' | b'E') => self.exponent(at + 1),
            _ => Some(at),
        }
    }

    #[cold]
    fn exponent(&self, at: usize) -> Option<usize> {
        let signed = matches!(self.text.get(at), Some(b'+' | b'-'));
        self.digits(at + usize::from(signed))
    }

    #[inline(always)]
    fn more_digits(&self, mut at: usize) -> usize {
        while self.text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    }

    /// The end of one digit or more.
    #[inline(always)]
    fn digits(&self, start: usize) -> Option<usize> {
        let end = self.more_digits(start);
        (end > start).then_some(end)
    }
}

#[cfg(test)]
mod tests;
