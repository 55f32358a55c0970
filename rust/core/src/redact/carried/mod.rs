//! Redaction over lines. Problem: a private key and an indented document come as many lines, and most of them look like
//! nothing by themselves. Idea: each sender of a lane has a memory of what its last lines left open: a key block, or one
//! place of a document. A line is redacted by itself with what is known; nothing waits for the next one. No value is
//! remembered, and what is open ends after some lines, some seconds, or at a line of another form.
//!
//! ```text
//! line -> key_block: BEGIN ... END, the runs of base64 between
//!      -> outline:   what is under the open key   --> edits
//!           open_line: what this line leaves open --> memory of the sender
//! ```
//!
//! More: `docs/internals/redaction.md`.

mod head;
mod key_block;
mod leaves;
mod open_line;
mod outline;
mod place;

use std::sync::Arc;

use memchr::{memchr, memchr_iter};

use crate::io::edit::Edits;
use crate::io::escape;
use crate::json::tape::{Kind, Node, Tape};
use crate::redact::rescan::{map_back, ROUNDS_MAX};
use crate::redact::{Redactor, Scratch};
use key_block::KeyBlock;
use outline::Outline;

/// Senders of one lane that something is remembered of. With more, the one that was silent longest is forgotten.
const SENDERS_MAX: usize = 64;
/// Longest silence of a sender in the middle of a key or document, in seconds: a program writes one at once, and whoever
/// passes its lines on may wait for a while.
const SILENCE_SECONDS_MAX: f64 = 30.0;
/// Longest key of a member that holds the lines of a private key, in bytes.
const MEMBER_BYTES_MAX: usize = 64;
/// The member that a broken line is written as.
const WRAPPED: &[u8] = b"message";
/// How a line begins that docker wrote for a container (its `json-file` driver).
const DOCKER: &[u8; 7] = b"{\"log\":";

/// What sequences for a terminal begin with.
const ESCAPE: u8 = 0x1b;

/// Start, end, rule, and whether the replacement needs quotes of its own.
type Span = (usize, usize, u16, bool);

/// What the lines before say of the next ones, for each sender of a lane. Kept over a reload.
#[derive(Debug, Default)]
pub struct Carried {
    /// Those with something open; the one heard last is last.
    senders: Vec<(u64, Memory)>,
    /// What to go back to when a batch was not counted after all.
    before: Vec<(u64, Memory)>,
    /// Of the rules whose numbers are remembered.
    names: Arc<[String]>,
}

#[derive(Clone, Debug, Default)]
struct Memory {
    key: Option<KeyBlock>,
    /// The member that holds the lines of the key.
    member: Vec<u8>,
    outline: Outline,
    /// The lines of the document are in docker's.
    docker: bool,
    /// Moment of the last line.
    moment: f64,
}

impl Carried {
    /// A batch begins, to be redacted by the rules of these names.
    pub fn begin(&mut self, names: &Arc<[String]>) {
        if !Arc::ptr_eq(&self.names, names) {
            let old = std::mem::replace(&mut self.names, Arc::clone(names));
            let number = |rule: u16| {
                let name = old.get(usize::from(rule))?;
                names.iter().position(|known| known == name).map(|at| at as u16)
            };
            self.senders.iter_mut().for_each(|(_, memory)| memory.outline.renumber(number));
        }
        self.before.clone_from(&self.senders);
    }

    /// The batch that began last was counted nowhere: it comes again.
    pub fn undo(&mut self) {
        self.senders = std::mem::take(&mut self.before);
    }

    /// Something is open.
    #[inline(always)]
    pub fn is_open(&self) -> bool {
        !self.senders.is_empty()
    }

    fn take(&mut self, sender: u64, moment: f64) -> Memory {
        let known = self.senders.iter().position(|(known, _)| *known == sender).map(|at| self.senders.remove(at).1);
        known.filter(|memory| (moment - memory.moment).abs() <= SILENCE_SECONDS_MAX).unwrap_or_default()
    }

    fn keep(&mut self, sender: u64, moment: f64, memory: Memory) {
        if memory.key.is_none() && !memory.outline.is_open() {
            return;
        }
        if self.senders.len() == SENDERS_MAX {
            self.senders.remove(0);
        }
        self.senders.push((sender, Memory { moment, ..memory }));
    }
}

/// Whose line it is, and the moment it came.
#[derive(Clone, Copy, Debug)]
pub struct From {
    pub sender: u64,
    pub moment: f64,
}

impl Redactor {
    /// Whether an event is to be read with what is carried: so are few.
    #[inline(always)]
    pub fn carries(&self, carried: &Carried, text: &[u8], scratch: &Scratch) -> bool {
        carried.is_open() || scratch.key_begun || text.starts_with(DOCKER)
    }

    /// Add the edits of a line that is no JSON, which was redacted by itself, that the lines before ask for.
    pub fn carried_text(
        &self,
        carried: &mut Carried,
        from: From,
        text: &[u8],
        scratch: &mut Scratch,
        edits: &mut Edits,
    ) {
        let look = !edits.is_empty();
        if !self.enabled || !(look || carried.is_open() || scratch.key_begun || may_go_on(text)) {
            return;
        }
        let mut memory = carried.take(from.sender, from.moment);
        if std::mem::replace(&mut memory.docker, false) {
            memory.outline.clear();
        }
        let before = memory.clone();
        let inner = self.line(&mut memory, WRAPPED, text, Some(look), scratch);
        let some = !inner.list.is_empty();
        inner
            .list
            .iter()
            .for_each(|edit| edits.push(edit.start as usize, edit.end as usize, edit.rule, inner.with(edit)));
        edits.settle();
        if some {
            self.read_again(&before, text, scratch, edits);
        }
        scratch.key_begun = false;
        carried.keep(from.sender, from.moment, memory);
    }

    /// Where quotes have no partner, tokens part the rest of a line in another way: read it until nothing more is found. What
    /// the lines before ask for then is all of the rest.
    fn read_again(&self, before: &Memory, text: &[u8], scratch: &mut Scratch, edits: &mut Edits) {
        let key_begun = scratch.key_begun;
        for _ in 0..ROUNDS_MAX {
            let (mut edited, mut more) = (Vec::with_capacity(text.len()), Edits::default());
            edits.apply(text, 0, text.len(), &mut edited);
            self.text(&edited, scratch, &mut more);
            scratch.key_begun = key_begun;
            if more.is_empty() {
                let mut asked = self.line(&mut before.clone(), WRAPPED, &edited, Some(false), scratch);
                asked.settle();
                if let Some(first) = asked.list.first() {
                    let start = first.start as usize;
                    self.replace(&edited, start, edited.len(), first.rule, None, false, &mut scratch.token, &mut more);
                }
            }
            if more.is_empty() {
                return;
            }
            *edits = edits.then(&more);
        }
    }

    /// The same of a line that is JSON.
    #[expect(clippy::too_many_arguments, reason = "per event: a struct would be filled each time")]
    pub fn carried_event(
        &self,
        carried: &mut Carried,
        from: From,
        text: &[u8],
        tape: &Tape,
        scratch: &mut Scratch,
        edits: &mut Edits,
    ) {
        if !self.enabled {
            return;
        }
        let mut memory = carried.take(from.sender, from.moment);
        let nodes = tape.nodes();
        match nodes[0].kind {
            Kind::Object | Kind::Array if text[0] != b' ' => self.event(&mut memory, text, nodes, scratch, edits),
            Kind::Object | Kind::Array => self.piece(&mut memory, text, nodes, scratch, edits),
            _ => self.piece(&mut memory, text, &nodes[..1], scratch, edits),
        }
        scratch.key_begun = false;
        carried.keep(from.sender, from.moment, memory);
        edits.settle();
    }

    /// A whole event: strings may be lines of a key, and docker's those of a document.
    fn event(&self, memory: &mut Memory, text: &[u8], nodes: &[Node], scratch: &mut Scratch, edits: &mut Edits) {
        let docker = text.starts_with(DOCKER);
        if docker != memory.docker || !docker {
            memory.outline.clear();
        }
        memory.docker = docker;
        let mut member: &[u8] = b"";
        for (at, node) in nodes.iter().enumerate() {
            let raw = &text[node.start as usize..node.end as usize];
            let line = docker && at == 2;
            match node.kind {
                Kind::Key => member = &raw[..raw.len().min(MEMBER_BYTES_MAX)],
                Kind::String if line || scratch.key_begun || memory.key.is_some() => {
                    let mut decoded = scratch.decoded.pop().unwrap_or_default();
                    decoded.decode(raw);
                    let look = line.then_some(!edits.is_empty());
                    let inner = self.line(memory, member, &decoded.bytes, look, scratch);
                    let encode = |with: &[u8], out: &mut Vec<u8>| escape::encode(with, out);
                    map_back(&inner, &decoded, node.start as usize, encode, scratch, edits);
                    scratch.decoded.push(decoded);
                }
                _ => {}
            }
        }
    }

    /// A line of a document that is JSON by itself: each string and number in it goes if anything of the line does.
    fn piece(&self, memory: &mut Memory, text: &[u8], nodes: &[Node], scratch: &mut Scratch, edits: &mut Edits) {
        if std::mem::replace(&mut memory.docker, false) {
            memory.outline.clear();
        }
        let inner = self.line(memory, WRAPPED, text, Some(!edits.is_empty()), scratch);
        let Some(rule) = inner.list.first().map(|edit| edit.rule) else { return };
        for node in nodes.iter().filter(|node| matches!(node.kind, Kind::String | Kind::Number)) {
            let (start, end) = (node.start as usize, node.end as usize);
            if start < end && edits.within(start, end).is_empty() {
                self.replace(text, start, end, rule, None, node.kind == Kind::Number, &mut scratch.token, edits);
                edits.settle();
            }
        }
    }

    /// The edits that the lines before ask for in this one, as it shows on a terminal. `look`: it may be a document's, and
    /// whether it was edited.
    fn line(
        &self,
        memory: &mut Memory,
        member: &[u8],
        text: &[u8],
        look: Option<bool>,
        scratch: &mut Scratch,
    ) -> Edits {
        let mut decoded = scratch.decoded.pop().unwrap_or_default();
        decoded.shown(text, false);
        let shown = if decoded.is_plain() { text } else { &decoded.bytes };
        let (mut spans, mut inner, mut edits) = (Vec::new(), Edits::default(), Edits::default());
        self.key_line(memory, member, shown, scratch, &mut spans);
        if let Some(look) = look {
            self.outline_line(&mut memory.outline, shown, look, scratch, &mut spans);
        }
        for (start, end, rule, quoted) in spans {
            self.replace(shown, start, end, rule, None, quoted, &mut scratch.token, &mut inner);
            scratch.count_one(rule);
        }
        if !decoded.is_plain() {
            map_back(&inner, &decoded, 0, |with, out| out.extend_from_slice(with), scratch, &mut edits);
        }
        scratch.decoded.push(decoded);
        if edits.is_empty() {
            inner
        } else {
            edits
        }
    }

    fn key_line(&self, memory: &mut Memory, member: &[u8], text: &[u8], scratch: &Scratch, spans: &mut Vec<Span>) {
        if let Some(mut key) = memory.key.take() {
            if memory.member != member {
                memory.key = Some(key);
            } else if let Some(rule) = self.number(key.rule()) {
                let on = key.line(text, |start, end| spans.push((start, end, rule, false)));
                memory.key = on.then_some(key);
            }
        }
        if scratch.key_begun {
            if let Some(key) = KeyBlock::begun(text) {
                (memory.key, memory.member) = (Some(key), member.to_vec());
            }
        }
    }

    fn outline_line(
        &self,
        outline: &mut Outline,
        text: &[u8],
        look: bool,
        scratch: &mut Scratch,
        spans: &mut Vec<Span>,
    ) {
        let Scratch { memo, .. } = scratch;
        let mut classify = |key: &[u8]| self.keys.class(key, memo);
        outline.line(text, look, &mut classify, &mut |start, end, rule, quoted| {
            if start < end {
                spans.push((start, end, rule, quoted));
            }
        });
    }

    /// Add the edits of a text of several lines, whose own are settled, that lines of it ask for in the next ones.
    pub(super) fn lines_of_text(&self, text: &[u8], scratch: &mut Scratch, edits: &mut Edits) {
        if memchr(b'\n', text).is_none_or(|at| at + 1 >= text.len()) {
            return;
        }
        let (mut outline, mut spans, mut start) = (Outline::default(), Vec::new(), 0);
        for end in memchr_iter(b'\n', text).chain([text.len()]) {
            let line = &text[start..end];
            let edited = !edits.is_empty() && !edits.within(start, end).is_empty();
            if outline.is_open() || edited || open_line::may_go_on(line) {
                let first = spans.len();
                self.outline_line(&mut outline, line, edited, scratch, &mut spans);
                spans[first..].iter_mut().for_each(|(from, to, ..)| (*from, *to) = (*from + start, *to + start));
            }
            start = end + 1;
        }
        for (start, end, rule, quoted) in spans {
            self.replace(text, start, end, rule, None, quoted, &mut scratch.token, edits);
        }
        edits.settle();
    }

    fn number(&self, name: &str) -> Option<u16> {
        self.names.iter().position(|known| known == name).map(|at| at as u16)
    }
}

/// A look at a line's ends; of one with colours nothing is known.
fn may_go_on(text: &[u8]) -> bool {
    open_line::may_go_on(text) || (text.ends_with(b"m") && memchr(ESCAPE, text).is_some())
}
