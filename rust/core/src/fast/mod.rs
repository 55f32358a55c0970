//! The fast walker: leaps from string to string over the bitmaps of stage 1. Of every line it accepts the tape is the
//! twin's (`walk`); of any other it says nothing, and the twin gives the verdict.

mod context;

use context::{below, Context};

use crate::dictionary::{Dictionary, Spaces, UNKNOWN};
use crate::limits::DEPTH_MAX;
use crate::segment::{Line, Segment};
use crate::simd::structure::Bitmap;
use crate::tape::{notable, Kind, Node, Tape};

/// Numbers of these lengths are as long as a card's.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 15..=16;

/// Walk one object into `tape`; the line is valid UTF-8 and without control characters. `places`: what the survey of the
/// segment marked.
/// `None`: not done, and the tape then holds anything.
pub fn walk(segment: &Segment<'_>, line: &Line, places: &Bitmap, keys: &mut Dictionary, tape: &mut Tape) -> Option<()> {
    let before = tape.shape;
    tape.clear();
    let context = Context {
        text: &segment.bytes[line.text.0..],
        start: line.text.0,
        end: line.text.1 - line.text.0,
        backslash: line.backslash,
        structure: segment.structure,
        places,
    };
    let (inside, previous, seen) = (Kind::Object, UNKNOWN, 0);
    let escape = context.next_escape(0);
    let mut walker = Walker { context, keys, tape, inside, previous, escape, seen };
    if walker.document()? {
        walker.tape.has_shape(walker.keys.version(), before);
    }
    walker.tape.notable = walker.seen & notable::ANYTHING;
    walker.tape.numbered = true;
    Some(())
}

struct Walker<'a> {
    context: Context<'a>,
    keys: &'a mut Dictionary,
    tape: &'a mut Tape,
    /// The innermost container.
    inside: Kind,
    /// The key before.
    previous: u16,
    /// The first escape behind all that was walked, or one walked already; the line's end if there is none.
    escape: usize,
    /// Flags of `notable`, and others.
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
    /// Whether the whole line was as expected.
    #[inline(always)]
    fn document(&mut self) -> Option<bool> {
        let context = self.context;
        let at = context.space(0);
        if context.byte(at)? != b'{' {
            return None;
        }
        self.open(Kind::Object, at)?;
        let place = self.members(at, true);
        match place {
            Place::Behind(behind) if context.byte(behind)? == b'}' => {
                self.close(Kind::ObjectEnd, behind)?;
                (context.space(behind + 1) == context.end).then_some(true)
            }
            place => self.go_on(place, at),
        }
    }

    /// From any place on.
    #[inline(never)]
    fn go_on(&mut self, place: Place, first: usize) -> Option<bool> {
        let context = self.context;
        let mut place = match place {
            Place::Behind(behind) if behind == first => self.first(first)?,
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
                Place::End(at) => return (context.space(at) == context.end).then_some(false),
            };
        }
    }

    /// One value, or the bracket that opens it and the key of its first member.
    fn value(&mut self, at: usize) -> Option<Place> {
        let context = self.context;
        let at = context.space(at);
        Some(match context.byte(at)? {
            b'"' => {
                let (start, end) = (at + 1, context.quote(at + 1)?);
                let escaped = context.escaped(start, end)?;
                if context.marked(start, end) {
                    self.tape.candidates.push(self.tape.len as u32);
                }
                self.push(Kind::String, escaped, UNKNOWN, start, end);
                Place::Behind(end + 1)
            }
            bracket @ (b'{' | b'[') => {
                self.open(if bracket == b'{' { Kind::Object } else { Kind::Array }, at)?;
                self.first(at)?
            }
            byte => {
                let (kind, end) = context.bare(byte, at)?;
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
        let context = self.context;
        let Context { text, start, structure, places, .. } = context;
        if self.escape < at {
            self.escape = context.next_escape(at);
        }
        // A string that ends before is without escapes, and ends in the line.
        let limit = self.escape;
        let (keys, bits) = (self.keys.guesses(), structure.quotes().beside(places));
        let Tape { room, len, candidates, .. } = &mut *self.tape;
        let (mut at, mut node) = (at, *len as u32);
        let mut room = &mut room[*len..];
        let mut seen = self.seen;
        let mut number = self.keys.entry(self.previous).next;
        let guess = if first { keys.guess_first(number, text, at) } else { keys.guess(number, text, at) };
        let Some(mut entry) = guess else { return Place::Behind(at) };
        let place = loop {
            let [key, value, rest @ ..] = room else { break Place::Behind(at) };
            let key_start = at as u32 + u32::from(entry.key_at);
            let key_end = key_start + u32::from(entry.key_bytes);
            *key =
                Node { kind: Kind::Key, escaped: false, key: number, start: key_start, end: key_end, next: node + 1 };
            seen |= entry.traits;
            number = entry.next;
            at += usize::from(entry.token_bytes);
            let Some(&byte) = text.get(at) else { break Place::Value(at) };
            if byte == b'"' {
                let from = at + 1;
                let (ends, marks) = bits.windows(start + from);
                let (to, candidate) = match ends {
                    0 => context.far(from, marks != 0),
                    _ => (from + ends.trailing_zeros() as usize, marks & below(ends) != 0),
                };
                if to >= limit {
                    node += 1;
                    break Place::Value(at);
                }
                if candidate {
                    candidates.push(node + 1);
                }
                *value = leaf(Kind::String, from, to, node + 2);
                at = to + 1;
            } else if let Some((kind, to)) = context.bare(byte, at) {
                seen |= if kind == Kind::Number { card(to - at) } else { 0 };
                *value = leaf(kind, at, to, node + 2);
                at = to;
            } else {
                node += 1;
                break Place::Value(at);
            }
            node += 2;
            room = rest;
            entry = match keys.guess(number, text, at) {
                Some(entry) => entry,
                None => break Place::Behind(at),
            };
        };
        let before = std::mem::replace(len, node as usize);
        self.seen = seen;
        self.previous = self.tape.last_key(before).unwrap_or(self.previous);
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

    #[inline(always)]
    fn open(&mut self, kind: Kind, at: usize) -> Option<()> {
        if self.tape.open.len() == DEPTH_MAX {
            return None;
        }
        if kind == Kind::Array {
            self.seen |= notable::ARRAY;
        }
        self.inside = kind;
        self.tape.open.push(self.tape.len as u32);
        self.push(kind, false, UNKNOWN, at, at + 1);
        Some(())
    }

    /// Close the innermost container, which `kind` fits.
    #[inline(always)]
    fn close(&mut self, kind: Kind, at: usize) -> Option<()> {
        self.push(kind, false, UNKNOWN, at, at + 1);
        let next = self.tape.len as u32;
        let node = &mut self.tape.room[self.tape.open.pop()? as usize];
        node.next = next;
        node.end = at as u32 + 1;
        if let Some(outer) = self.tape.open.last() {
            self.inside = self.tape.room[*outer as usize].kind;
        }
        Some(())
    }

    /// A key with its colon; gives where its value may begin. `comma`: the one before it, which the first has not.
    fn key(&mut self, at: usize, comma: Option<usize>) -> Option<usize> {
        let context = self.context;
        if context.byte(at)? != b'"' {
            return None;
        }
        let (start, end) = (at + 1, context.quote(at + 1)?);
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
        self.seen |= self.keys.entry(number).traits;
        self.push(Kind::Key, escaped, number, start, end);
        if number != UNKNOWN {
            self.previous = number;
        }
        Some(value)
    }

    fn push(&mut self, kind: Kind, escaped: bool, key: u16, start: usize, end: usize) {
        let next = self.tape.len as u32 + 1;
        self.tape.push(Node { kind, escaped, key, start: start as u32, end: end as u32, next });
    }
}

#[inline(always)]
fn leaf(kind: Kind, start: usize, end: usize, next: u32) -> Node {
    Node { kind, escaped: false, key: UNKNOWN, start: start as u32, end: end as u32, next }
}

#[inline(always)]
fn card(bytes: usize) -> u8 {
    if CARD_DIGITS.contains(&bytes) {
        notable::CARD
    } else {
        0
    }
}

#[cfg(test)]
mod tests;
