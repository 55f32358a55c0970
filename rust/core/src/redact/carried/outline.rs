//! A document whose lines come one by one, indented JSON and YAML and what languages print so: which values of the next
//! lines are under a secret key of the lines before.

use super::head::Head;
use super::leaves::{leaves, value, Found};
use super::open_line::{left, may_go_on, string_end, Classify, Kind};
use super::place::{key_end, Place, DASH, INDENT};
use crate::redact::keys::class::KeyClass;
use crate::redact::siblings::{NAMES, VALUES};
use crate::redact::text::placeholders;
use crate::redact::text::quoted_pairs::{HEADERS, HEADERS_MAX};
use crate::redact::token::{holds_token, token_len};

/// Most lines of one value, mapping or array.
const LINES_MAX: usize = 256;
/// Most lines between a name and its value.
const NAME_LINES_MAX: usize = 8;

/// What the lines before left open; nothing of a value is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline(Option<Open>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    kind: Kind,
    class: KeyClass,
    head: Head,
    /// Where its key stands behind the head.
    column: usize,
    /// A dash parts the head from the text, or is an item's.
    dash: bool,
    lines: usize,
    row: Row,
}

/// How far an array was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Row {
    /// A header that every request or answer has was among the names.
    common: bool,
    /// The class of the name that was read last.
    name: Option<KeyClass>,
}

impl Outline {
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// The rules that it holds, to be given new numbers; where one has none, it is forgotten.
    pub fn renumber(&mut self, number: impl Fn(u16) -> Option<u16>) {
        self.0 = self.0.take().and_then(|mut open| {
            open.class = open.class.renumbered(&number)?;
            open.row.name = open.row.name.and_then(|class| class.renumbered(&number));
            Some(open)
        });
    }

    /// Call `found` for what is secret in the next line by what the lines before say. `look`: read what it leaves open
    /// also where a glance at its ends tells of nothing.
    pub fn line(&mut self, text: &[u8], look: bool, classify: &mut Classify<'_>, found: &mut Found<'_>) {
        let text = text.trim_ascii_end();
        let was_open = self.is_open();
        if let Some(mut open) = self.0.take() {
            open.lines += 1;
            if open.is_blank(text) {
                self.0 = Some(open).filter(|open| open.lines <= LINES_MAX);
                return;
            }
            match open.step(text, classify, found) {
                Step::On => {
                    self.0 = Some(open).filter(|open| open.lines <= LINES_MAX);
                    return;
                }
                Step::Other => self.0 = Some(open).filter(|open| open.lines <= NAME_LINES_MAX),
                Step::End => {}
            }
        }
        if was_open || look || may_go_on(text) {
            self.open(text, look, classify, found);
        }
    }

    /// Remember what a line leaves open. What else the line holds is looked at only if nothing of it was replaced, now or
    /// before: a broken line is read in more than one way, and each would change what the other left.
    fn open(&mut self, text: &[u8], edited: bool, classify: &mut Classify<'_>, found: &mut Found<'_>) {
        let Some(left) = left(text, classify) else { return };
        if left.kind == Kind::Row && self.is_open() {
            return;
        }
        let before = &text[left.origin..left.key];
        let head = left.origin + before.iter().rposition(|byte| !INDENT.contains(byte)).map_or(0, |at| at + 1);
        let mut kind = left.kind;
        if let (Kind::Container(at), Some(rule)) = (left.kind, left.class.rule()) {
            let alone = !edited && !holds_token(text);
            let mut leaf = |start, end, quoted| {
                if alone {
                    found(at + start, at + end, rule, quoted)
                }
            };
            let depth = leaves(&text[at..], 0, &mut leaf);
            kind = Kind::Container(depth);
        }
        self.0 = Some(Open {
            kind,
            class: left.class,
            column: left.key - head,
            dash: head > left.origin && text[head..].starts_with(DASH),
            head: Head::of(&text[left.origin..head]),
            lines: 0,
            row: Row::default(),
        });
    }
}

/// What a line was to what is open.
enum Step {
    /// A part of it, and more may come.
    On,
    /// Passed over.
    Other,
    End,
}

impl Open {
    fn step(&mut self, text: &[u8], classify: &mut Classify<'_>, found: &mut Found<'_>) -> Step {
        let Some(place) = self.place(text) else { return Step::End };
        let deeper = place.spaces() > place.base;
        let closes = matches!(place.rest().get(place.spaces()), Some(b'}' | b']' | b')'));
        match self.kind {
            Kind::Container(depth) if deeper || closes => self.container(depth, place, found),
            Kind::Value { level } => self.awaited(level, place, classify, found),
            Kind::Mapping if place.column() > place.base => self.member(place, found),
            Kind::Block if deeper => {
                let start = place.offset + place.spaces();
                self.whole(text, start, text.len(), found);
                Step::On
            }
            Kind::Quoted(quote, triple) if deeper || triple => self.quoted(quote, triple, place, found),
            Kind::Joined if deeper => self.joined(place, found),
            Kind::Name => self.sibling(place, found),
            Kind::Row if deeper => self.row(place, classify, found),
            Kind::Element if !place.rest().trim_ascii_start().starts_with(b"<") => {
                let start = place.offset + place.spaces();
                let end = text[start..].iter().position(|byte| *byte == b'<').map_or(text.len(), |len| start + len);
                self.whole(text, start, end, found);
                if end < text.len() {
                    Step::End
                } else {
                    Step::On
                }
            }
            _ => Step::End,
        }
    }

    /// Nothing stands in the line, or nothing behind the head.
    fn is_blank(&self, text: &[u8]) -> bool {
        let rest = self.head.end(text).map_or(text, |end| &text[end..]).trim_ascii();
        rest.is_empty() || (self.dash && rest == b"-")
    }

    /// Where a line's text begins: behind the head that the first one had, or at once where only that one had one.
    fn place<'a>(&self, text: &'a [u8]) -> Option<Place<'a>> {
        if let Some(offset) = self.head.end(text) {
            // An item's dash is not before every line.
            let parted = if self.dash && text[offset..].starts_with(DASH) { DASH.len() } else { 0 };
            return Some(Place { text, offset: offset + parted, base: self.column.saturating_sub(parted) });
        }
        let alone = matches!(self.kind, Kind::Container(_) | Kind::Quoted(..) | Kind::Joined);
        alone.then(|| Place { text, offset: self.head.part(text).unwrap_or(0), base: 0 })
    }

    fn container(&mut self, depth: usize, place: Place<'_>, found: &mut Found<'_>) -> Step {
        let Some(rule) = self.class.rule().filter(|_| self.class.is_name()) else { return Step::End };
        let offset = place.offset;
        let depth = leaves(place.rest(), depth, &mut |start, end, quoted| {
            found(offset + start, offset + end, rule, quoted);
        });
        self.kind = Kind::Container(depth);
        if depth == 0 {
            Step::End
        } else {
            Step::On
        }
    }

    /// The line after a key without a value.
    fn awaited(&mut self, level: bool, place: Place<'_>, classify: &mut Classify<'_>, found: &mut Found<'_>) -> Step {
        let (spaces, rest) = (place.spaces(), place.rest().trim_ascii());
        let near = spaces + usize::from(level) + self.column.min(1) >= place.base;
        if matches!(rest, [b'{' | b'[' | b'(', ..] if token_len(rest) == 0) && near {
            self.column = spaces;
            return self.container(0, place, found);
        }
        if place.column() <= place.base && !(level && near) {
            return Step::End;
        }
        let pair = left(rest, classify).is_some() || key_end(rest).is_some();
        if (pair || rest.starts_with(b"- ")) && self.class.is_name() {
            self.kind = Kind::Mapping;
            return self.member(place, found);
        }
        if pair || rest.iter().any(u8::is_ascii_whitespace) && !matches!(rest, [b'"' | b'\'' | b's', ..]) {
            return Step::End;
        }
        self.scalar(place.text, place.offset + spaces, found);
        Step::End
    }

    /// One line of a mapping or list of YAML.
    fn member(&mut self, place: Place<'_>, found: &mut Found<'_>) -> Step {
        let text = place.text;
        let mut start = place.offset + place.spaces();
        while text[start..].starts_with(b"- ") {
            start += 2;
            start += text[start..].iter().take_while(|byte| **byte == b' ').count();
        }
        if text[start..].starts_with(b"#") {
            return Step::On;
        }
        let value = start + key_end(&text[start..]).unwrap_or(0);
        let value = value + text[value..].iter().take_while(|byte| **byte == b' ').count();
        let indicator = matches!(&text[value..], [] | [b'|' | b'>' | b'&' | b'*', ..]);
        if !indicator {
            match (self.class.rule(), text[value]) {
                (Some(rule), b'{' | b'[') if token_len(&text[value..]) == 0 => {
                    leaves(&text[value..], 0, &mut |start, end, quoted| {
                        found(value + start, value + end, rule, quoted);
                    });
                }
                _ => self.scalar(text, value, found),
            }
        }
        Step::On
    }

    /// A later line of a string.
    fn quoted(&mut self, quote: u8, triple: bool, place: Place<'_>, found: &mut Found<'_>) -> Step {
        let text = place.text;
        let start = place.offset + place.spaces();
        let end = if triple {
            text[start..].windows(3).position(|three| three == [quote; 3]).map(|len| start + len)
        } else {
            string_end(&[&[quote], &text[start..]].concat(), 0).map(|len| start + len - 1)
        };
        self.whole(text, start, end.unwrap_or(text.len()), found);
        if end.is_some() {
            Step::End
        } else {
            Step::On
        }
    }

    /// A string that goes on with what the line before said of its first part.
    fn joined(&mut self, place: Place<'_>, found: &mut Found<'_>) -> Step {
        let text = place.text;
        let start = place.offset + place.spaces();
        let start = start + usize::from(text[start] == b'b');
        if !matches!(text.get(start), Some(b'"' | b'\'')) {
            return Step::End;
        }
        let Some(end) = string_end(text, start) else { return Step::End };
        let rest = text[end + 1..].trim_ascii();
        if rest.starts_with(b":") || rest.starts_with(b"=") {
            return Step::End;
        }
        self.whole(text, start + 1, end, found);
        if matches!(rest, b"" | b"+" | b"\\" | b".") {
            Step::On
        } else {
            Step::End
        }
    }

    /// A member beside a name: the one called `value` is what it names.
    fn sibling(&mut self, place: Place<'_>, found: &mut Found<'_>) -> Step {
        let (column, text) = (place.column(), place.text);
        if column != place.base {
            return if column > place.base { Step::Other } else { Step::End };
        }
        let start = place.offset + column;
        let Some(sign) = key_end(&text[start..]) else { return Step::Other };
        let key = text[start..start + sign].trim_ascii_end();
        let key = key.strip_suffix(b":").unwrap_or(key).trim_ascii();
        let key = key.strip_prefix(b"\"").or(key.strip_prefix(b"'")).unwrap_or(key);
        let key = key.strip_suffix(b"\"").or(key.strip_suffix(b"'")).unwrap_or(key);
        if !VALUES.iter().any(|word| key.eq_ignore_ascii_case(word)) {
            let other = NAMES.iter().any(|word| key.eq_ignore_ascii_case(word));
            return if other { Step::End } else { Step::Other };
        }
        let value = start + sign + text[start + sign..].iter().take_while(|byte| **byte == b' ').count();
        self.lines = 0;
        match &text[value..] {
            [] => self.kind = Kind::Value { level: false },
            [b'|' | b'>', ..] => self.kind = Kind::Block,
            [b'{' | b'[', ..] if token_len(&text[value..]) == 0 => {
                return self.container(0, Place { offset: value, ..place }, found);
            }
            [quote @ (b'"' | b'\''), ..] if string_end(text, value).is_none() => {
                self.kind = Kind::Quoted(*quote, false);
                self.whole(text, value + 1, text.len(), found);
            }
            _ => {
                self.scalar(text, value, found);
                return Step::End;
            }
        }
        Step::On
    }

    /// An item of an array: the value of a pair whose name was the first, or of a header.
    fn row(&mut self, place: Place<'_>, classify: &mut Classify<'_>, found: &mut Found<'_>) -> Step {
        let (text, start) = (place.text, place.offset + place.spaces());
        let Some((from, to, next)) = value(text, start) else { return Step::End };
        let more = match text[next..].trim_ascii() {
            b"," => true,
            b"" => false,
            _ => return Step::End,
        };
        if self.lines > HEADERS_MAX || !matches!(text[start], b'"' | b'\'') {
            return Step::End;
        }
        if self.lines % 2 == 1 {
            let name = &text[from..to];
            self.row.common |= HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header));
            self.row.name = (self.lines == 1 || self.row.common).then(|| classify(name));
        } else {
            let pair = self.lines == 2 && !more;
            let class = self.row.name.filter(|_| pair || self.row.common);
            if let Some(rule) = class.and_then(|class| class.rule_for(&text[from..to])) {
                found(from, to, rule, false);
            } else if !self.row.common {
                self.row.name = None;
            }
        }
        if more {
            Step::On
        } else {
            Step::End
        }
    }

    /// The value that begins at `start`, if the key makes it secret.
    fn scalar(&self, text: &[u8], start: usize, found: &mut Found<'_>) {
        let Some((from, to, _)) = value(text, start) else { return };
        let secret = &text[from..to];
        let quoted = from > start && matches!(text[from - 1], b'"' | b'\'');
        let sentence = !quoted && (placeholders::nothing(secret) || secret.starts_with(b"$"));
        if let Some(rule) = self.class.rule_for(secret).filter(|_| !sentence && token_len(secret) == 0) {
            found(from, to, rule, false);
        }
    }

    /// All of a span but the spaces around it.
    fn whole(&self, text: &[u8], start: usize, end: usize, found: &mut Found<'_>) {
        let secret = text[start..end].trim_ascii_end();
        if let Some(rule) =
            self.class.rule_for(secret).filter(|_| !secret.is_empty() && token_len(secret) != secret.len())
        {
            found(start, start + secret.len(), rule, false);
        }
    }
}
