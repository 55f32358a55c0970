//! The walk of what is not as expected: step by step, through containers, escapes, new keys and spaces.

use super::context::{Context, Place};
use super::members::{card, Ground};
use crate::json::dictionary::entry::{Spaces, UNKNOWN};
use crate::json::dictionary::Dictionary;
use crate::json::tape::{notable, Kind, Node, Tape};
use crate::limits::DEPTH_MAX;

pub(super) struct Walker<'a> {
    pub context: Context<'a>,
    pub keys: &'a mut Dictionary,
    pub tape: &'a mut Tape,
    /// The innermost container.
    pub inside: Kind,
    /// The key before.
    pub previous: u16,
    /// The first escape behind all that was walked, or one walked already; the line's end if there is none.
    pub escape: usize,
    /// Flags of `notable`, and others.
    pub seen: u8,
    /// There is no container but the outermost, and every key has a number.
    pub flat: bool,
}

impl Walker<'_> {
    /// From any place in the outermost object on, which begins at `first`. Gives what there was to see: flags.
    #[inline(never)]
    pub fn go_on(mut self, place: Place, first: usize) -> Option<(u8, bool)> {
        let context = self.context;
        let mut place = match place {
            Place::Behind(behind) if behind == first => self.first(first)?,
            place => place,
        };
        loop {
            place = match place {
                Place::Value(at) => match (self.value(at)?, self.inside) {
                    (Place::Behind(at), Kind::Object) => self.members(at),
                    (place, _) => place,
                },
                Place::Behind(at) => match (self.behind_value(at)?, self.inside) {
                    (Place::Behind(at), Kind::Object) => self.members(at),
                    (place, _) => place,
                },
                Place::End(at) => return (context.space(at) == context.end).then_some((self.seen, self.flat)),
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
                let escapes = context.escapes(start, end)?;
                self.tape.surrogates |= escapes.surrogates;
                if context.marked(start, end) {
                    self.tape.candidates.push(self.tape.len as u32);
                }
                self.push(Kind::String, escapes.any, UNKNOWN, start, end);
                Place::Behind(end + 1)
            }
            bracket @ (b'{' | b'[') => {
                self.open(if bracket == b'{' { Kind::Object } else { Kind::Array }, at)?;
                self.first(at)?
            }
            byte => {
                let (kind, end) = context.bare(byte, at as u32)?;
                self.seen |= card(kind, end - at as u32);
                self.push(kind, false, UNKNOWN, at, end as usize);
                Place::Behind(end as usize)
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

    /// Members of an object as long as all is as expected, from behind a value on.
    fn members(&mut self, at: usize) -> Place {
        if self.escape < at {
            self.escape = self.context.next_escape(at);
        }
        let Self { context, keys, tape, .. } = self;
        let ground = Ground::new(context, self.escape, keys);
        let members = if self.flat { tape.len / 2 } else { 0 };
        let run = ground.run(self.previous, members, at, &mut tape.room[tape.len..]);
        self.seen |= run.seen;
        run.note(self.tape);
        self.previous = run.last_key(self.tape).unwrap_or(self.previous);
        run.place()
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
        self.flat = false;
        self.inside = kind;
        self.tape.open.push(self.tape.len as u32);
        self.push(kind, false, UNKNOWN, at, at + 1);
        Some(())
    }

    /// Close the innermost container, which `kind` fits.
    #[inline(always)]
    fn close(&mut self, kind: Kind, at: usize) -> Option<()> {
        self.push(kind, false, UNKNOWN, at, at + 1);
        let index = self.tape.open.pop()?;
        let span = self.tape.len as u32 - index;
        let node = &mut self.tape.room[index as usize];
        node.span = span;
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
        let escapes = context.escapes(start, end)?;
        self.tape.surrogates |= escapes.surrogates;
        let value = context.space(colon + 1);
        let one = |bytes: usize| bytes.min(1) as u8;
        let before = comma.map_or(0, |comma| one(at - comma - 1));
        let spaces = (colon == end + 1).then(|| Spaces { before, behind: one(value - colon - 1) });
        let number = self.keys.number(self.previous, &context.text[start..end], spaces);
        self.seen |= self.keys.entry(number).traits;
        self.push(Kind::Key, escapes.any, number, start, end);
        if number == UNKNOWN {
            self.flat = false;
        } else {
            self.previous = number;
        }
        Some(value)
    }

    fn push(&mut self, kind: Kind, escaped: bool, key: u16, start: usize, end: usize) {
        self.tape.push(Node { kind, escaped, key, start: start as u32, end: end as u32, span: 1 });
    }
}
