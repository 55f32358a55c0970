//! Members of one array or object that say something of each other: `["key", "value"]`, `{"name": "key", "value": …}` and
//! headers in a row.

use crate::json::tape::{Kind, Node};
use crate::redact::calls::{self, Given};
use crate::redact::document::Pass;
use crate::redact::jwk;
use crate::redact::keys::class::KeyClass;
use crate::redact::siblings::{Part, MEMBER_BYTES_MAX};
use crate::redact::text::quoted_pairs::{HEADERS, HEADERS_MAX};
use crate::redact::Scratch;

/// Longest text that may be a key in a `["key", "value"]` or `{"name": "key", "value": …}` pair, in bytes.
const PAIR_KEY_BYTES_MAX: usize = 96;
/// Most words of a command line that are read for its options.
const WORDS_MAX: usize = 256;
/// Fewest: two are a pair of a name and a value.
const WORDS_MIN: usize = 3;
/// How options begin that have no value.
const SWITCHES: [&[u8]; 7] = [b"--no-", b"--with", b"--use-", b"--ask-", b"--require-", b"--skip-", b"--show-"];
/// Most columns of a table that are looked at.
const COLUMNS_MAX: usize = 256;

impl Pass<'_> {
    /// `["authorization", "Bearer …"]`, and headers in a row: `["Host", "x", "Authorization", "Bearer …"]`.
    pub fn array_pair(&self, at: usize, scratch: &mut Scratch) {
        let first = &self.nodes[at + 1];
        if first.kind != Kind::String {
            return;
        }
        let value = at + 2;
        let last = self.nodes[value].after(value);
        if self.nodes[value].kind == Kind::ArrayEnd {
            return;
        }
        match self.nodes.get(last).map(|node| node.kind) {
            Some(Kind::ArrayEnd) => {
                let from = scratch.marked.len();
                let class = self.named(first, scratch);
                self.mark(class, value, scratch);
                settle(&mut scratch.marked, from);
            }
            Some(Kind::String) => {
                self.headers_in_a_row(at + 1, scratch);
                self.options(at + 1, scratch);
            }
            _ => {}
        }
    }

    /// Names and values by turns, as Node keeps raw headers; known by a name that every request or answer has.
    #[cold]
    #[inline(never)]
    fn headers_in_a_row(&self, first: usize, scratch: &mut Scratch) {
        let strings = self.nodes[first..].iter().take(HEADERS_MAX).take_while(|node| node.kind == Kind::String).count();
        let names = || (first..first + strings).step_by(2);
        let common = |node: usize| HEADERS.iter().any(|name| self.raw(&self.nodes[node]).eq_ignore_ascii_case(name));
        if strings % 2 != 0 || !names().any(common) {
            return;
        }
        let from = scratch.marked.len();
        for name in names() {
            let class = self.named(&self.nodes[name], scratch);
            self.mark(class, name + 1, scratch);
        }
        settle(&mut scratch.marked, from);
    }

    /// The words of a command line: `["cli", "--api-key", "…"]`.
    #[cold]
    #[inline(never)]
    fn options(&self, first: usize, scratch: &mut Scratch) {
        // What was a number before it was redacted is no word either.
        let is_word = |node: &&Node| node.kind == Kind::String && !self.redactor.tokens.is_written(self.raw(node));
        let words = self.nodes[first..].iter().take(WORDS_MAX).take_while(is_word).count();
        if words < WORDS_MIN {
            return;
        }
        let from = scratch.marked.len();
        for at in first..first + words - 1 {
            let (word, next) = (self.raw(&self.nodes[at]), self.raw(&self.nodes[at + 1]));
            let switch = SWITCHES.iter().any(|switch| word.starts_with(switch));
            if word.starts_with(b"-") && !next.starts_with(b"-") && !switch {
                let class = self.named(&self.nodes[at], scratch);
                self.mark(class, at + 1, scratch);
            }
        }
        settle(&mut scratch.marked, from);
    }

    /// Mark the private members of the JSON Web Key at `at`.
    #[cold]
    #[inline(never)]
    fn private_members(&self, at: usize, scratch: &mut Scratch) {
        let class = self.redactor.keys.class(jwk::READ_AS, &mut scratch.memo);
        let from = scratch.marked.len();
        let mut key = at + 1;
        while self.nodes[key].kind == Kind::Key {
            let value = key + 1;
            let private = self.with_decoded(&self.nodes[key], scratch, jwk::is_private);
            if private && self.nodes[value].kind == Kind::String {
                self.mark(class, value, scratch);
            }
            key = self.nodes[value].after(value);
        }
        settle(&mut scratch.marked, from);
    }

    /// `{"name": "authorization", "value": "…"}`, of members of the same meaning each counts; and tables.
    pub fn object_pair(&self, at: usize, scratch: &mut Scratch) {
        let mut seen = Siblings::default();
        self.members(at, scratch, |part, node, _| seen.add(part, node, self.nodes[node].kind));
        if seen.key_type.is_some_and(|kind| jwk::is_type(self.raw(&self.nodes[kind]))) {
            self.private_members(at, scratch);
        }
        if seen.names && (seen.values || seen.things) {
            self.name_and_value(at, seen, scratch);
        }
        match seen.rows.map(|rows| (rows, self.nodes[rows].kind)) {
            Some((data, Kind::Object)) => self.secret_object(at, data, scratch),
            Some((_, Kind::Array)) => self.login(at, scratch),
            _ => {}
        }
        if let (Some(columns), Some(rows)) = (seen.columns, seen.rows) {
            self.table(columns, rows, scratch);
        }
    }

    /// Of a Secret of Kubernetes all that is in `data` goes, and in `stringData`, whatever its name.
    #[cold]
    #[inline(never)]
    fn secret_object(&self, at: usize, data: usize, scratch: &mut Scratch) {
        let (mut is_secret, mut text) = (false, None);
        let mut key = at + 1;
        while self.nodes[key].kind == Kind::Key {
            match self.raw(&self.nodes[key]) {
                b"kind" => is_secret = self.raw(&self.nodes[key + 1]) == b"Secret",
                b"data" | b"stringData" if key + 1 != data => text = Some(key + 1),
                _ => {}
            }
            key = self.nodes[key + 1].after(key + 1);
        }
        if is_secret {
            let class = self.redactor.keys.class(b"secret", &mut scratch.memo);
            let from = scratch.marked.len();
            [Some(data), text].into_iter().flatten().for_each(|node| self.mark(class, node, scratch));
            settle(&mut scratch.marked, from);
        }
    }

    /// What a call gives to a method that logs in.
    #[cold]
    #[inline(never)]
    fn login(&self, at: usize, scratch: &mut Scratch) {
        let (mut method, mut params) = (None, None);
        let mut key = at + 1;
        while self.nodes[key].kind == Kind::Key {
            match self.raw(&self.nodes[key]) {
                calls::METHOD => method = Some(self.raw(&self.nodes[key + 1])),
                calls::PARAMS => params = Some(key + 1),
                _ => {}
            }
            key = self.nodes[key + 1].after(key + 1);
        }
        let (Some(method), Some(params)) = (method, params) else { return };
        let (class, from) = match Given::to(method, &self.redactor.keys, &mut scratch.memo) {
            Given::Unknown => return,
            Given::Secrets(class) => (class, 0),
            Given::UserAndPassword(class) => (class, 1),
        };
        let before = scratch.marked.len();
        let strings = self.elements(params).skip(from).filter(|node| self.nodes[*node].kind == Kind::String);
        strings.for_each(|node| self.mark(class, node, scratch));
        settle(&mut scratch.marked, before);
    }

    fn name_and_value(&self, at: usize, seen: Siblings, scratch: &mut Scratch) {
        let is_name = |part: Part| part == Part::Name || part == Part::Path && seen.operation;
        let mut secret = KeyClass::Plain;
        self.members(at, scratch, |part, node, scratch| {
            if is_name(part) && !secret.is_name() {
                // Of `["body", "password"]`, a path to a field, the last step.
                let name = self.elements(node).last().unwrap_or(node);
                let class = self.named(&self.nodes[name], scratch);
                secret = if class == KeyClass::Plain { secret } else { class };
            }
        });
        let from = scratch.marked.len();
        self.members(at, scratch, |part, node, scratch| match part {
            Part::Value | Part::Values => self.mark(secret, node, scratch),
            // What is called `key` names the value, and is none itself.
            Part::Name => scratch.marked.push((node as u32, None)),
            _ => {}
        });
        settle(&mut scratch.marked, from);
    }

    /// `{"columns": ["name", "password"], "rows": [["bob", "…"]]}`; a row may be all there is.
    fn table(&self, columns: usize, rows: usize, scratch: &mut Scratch) {
        let mut classes = [KeyClass::Plain; COLUMNS_MAX];
        let mut count = 0;
        let mut some = false;
        for column in self.elements(columns).take(COLUMNS_MAX) {
            classes[count] = self.column(column, scratch);
            some |= classes[count] != KeyClass::Plain;
            count += 1;
        }
        if !some {
            return;
        }
        let from = scratch.marked.len();
        let is_row = |first: usize| self.nodes[first].kind == Kind::Array;
        let alone = Some(rows).filter(|_| !self.elements(rows).next().is_some_and(is_row));
        for row in alone.into_iter().chain(self.elements(rows)) {
            let cells = self.elements(row);
            if cells.clone().count() == count {
                cells.zip(&classes).for_each(|(cell, class)| self.mark(*class, cell, scratch));
            }
        }
        settle(&mut scratch.marked, from);
    }

    /// The class of a column, which is a name or an object that has one.
    fn column(&self, node: usize, scratch: &mut Scratch) -> KeyClass {
        let mut class = self.named(&self.nodes[node], scratch);
        if self.nodes[node].kind == Kind::Object {
            self.members(node, scratch, |part, node, scratch| {
                if part == Part::Name && !class.is_name() {
                    class = self.named(&self.nodes[node], scratch);
                }
            });
        }
        class
    }

    /// The elements of an array; none of anything else.
    fn elements(&self, array: usize) -> impl Iterator<Item = usize> + Clone + '_ {
        let end = self.nodes[array].after(array) - 1;
        let first = if self.nodes[array].kind == Kind::Array { array + 1 } else { end };
        let next = move |at: &usize| Some(self.nodes[*at].after(*at)).filter(|next| *next < end);
        std::iter::successors(Some(first).filter(|first| *first < end), next)
    }

    /// The string in an object that holds nothing else: `{"value": "…"}`.
    pub fn wrapped(&self, object: usize) -> Option<&Node> {
        let [key, value, end] = self.nodes.get(object + 1..object + 4)?.first_chunk()?;
        let alone = key.kind == Kind::Key && value.kind == Kind::String && end.kind == Kind::ObjectEnd;
        (alone && Part::wraps(self.raw(key))).then_some(value)
    }

    /// Call `member` for each member of an object that says something of its siblings, with its value's node.
    fn members(&self, at: usize, scratch: &mut Scratch, mut member: impl FnMut(Part, usize, &mut Scratch)) {
        let mut key = at + 1;
        while self.nodes[key].kind == Kind::Key {
            if let Some(part) = self.part(&self.nodes[key], scratch) {
                member(part, key + 1, scratch);
            }
            key = self.nodes[key + 1].after(key + 1);
        }
    }

    pub fn part(&self, key: &Node, scratch: &mut Scratch) -> Option<Part> {
        if key.escaped || self.raw(key).len() <= MEMBER_BYTES_MAX {
            return self.with_decoded(key, scratch, Part::of);
        }
        None
    }

    /// The class of the key that a string names.
    fn named(&self, node: &Node, scratch: &mut Scratch) -> KeyClass {
        let raw = self.raw(node);
        let like_a_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. /:[]$@'".contains(byte) || !byte.is_ascii();
        let alike = |text: &[u8]| text.len() <= PAIR_KEY_BYTES_MAX && text.iter().all(like_a_key);
        if node.kind != Kind::String || !self.with_decoded(node, scratch, alike) {
            return KeyClass::Plain;
        }
        self.redactor.keys.class(raw, &mut scratch.memo)
    }

    pub fn mark(&self, class: KeyClass, value: usize, scratch: &mut Scratch) {
        if let Some((_, rule)) = self.value_under(class, value, scratch) {
            scratch.marked.push((value as u32, Some(rule)));
        }
    }
}

/// Marks from `from` on are new: put all in order, the next one last. Those of a table may lie before ones of its rows.
pub fn settle(marked: &mut [(u32, Option<u16>)], from: usize) {
    let Some(last) = marked[from..].iter().map(|(node, _)| *node).max() else { return };
    let before = marked[..from].iter().rev().take_while(|(node, _)| *node < last).count();
    marked[from - before..].sort_unstable_by_key(|(node, _)| std::cmp::Reverse(*node));
}

/// What members an object has.
#[derive(Clone, Copy, Default)]
struct Siblings {
    names: bool,
    operation: bool,
    values: bool,
    things: bool,
    key_type: Option<usize>,
    columns: Option<usize>,
    rows: Option<usize>,
}

impl Siblings {
    fn add(&mut self, part: Part, node: usize, kind: Kind) {
        match part {
            Part::Name if kind == Kind::Array => {
                self.columns = self.columns.or(Some(node));
                self.names = true;
            }
            Part::Name | Part::Path => self.names = true,
            Part::Operation => self.operation = true,
            Part::Value => self.values = true,
            Part::Values => {
                self.values = true;
                self.rows = self.rows.or(Some(node));
            }
            Part::OfThing => self.things = true,
            Part::KeyType => self.key_type = Some(node),
            // Found beside `data`, or in its place.
            Part::StringData => self.rows = self.rows.or(Some(node)),
            Part::Columns => self.columns = self.columns.or(Some(node)),
            Part::Rows => self.rows = self.rows.or(Some(node)),
        }
    }
}
