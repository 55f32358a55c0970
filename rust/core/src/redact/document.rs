//! One valid JSON text: keys rule over their values, pairs over theirs, every other string is read for its content.

use crate::io::edit::Edits;
use crate::json::dictionary::entry::UNKNOWN;
use crate::json::tape::{notable, Kind, Node, Tape};
use crate::redact::json_paths::{Paths, Verdict};
use crate::redact::keys::class::KeyClass;
use crate::redact::patterns::cards;
use crate::redact::prefilter::candidates::View;
use crate::redact::triage::Text;
use crate::redact::{Exempt, Redactor, Scratch};

pub(super) struct Pass<'a> {
    pub redactor: &'a Redactor,
    pub text: &'a [u8],
    view: View<'a>,
    pub nodes: &'a [Node],
    nested: usize,
}

/// Append the edits of `text`, not settled.
#[expect(clippy::too_many_arguments, reason = "per string or event: a struct would be filled each time")]
pub fn scan(
    redactor: &Redactor,
    text: Text<'_>,
    tape: &Tape,
    exempt: Exempt<'_>,
    nested: usize,
    scratch: &mut Scratch,
    edits: &mut Edits,
) {
    let pass = Pass { redactor, text: text.bytes, view: text.view, nodes: tape.nodes(), nested };
    if let Some(paths) = redactor.paths.as_ref().filter(|_| nested == 0) {
        if pass.find_paths(paths, scratch, edits) {
            return pass.walk::<true>(exempt, scratch, edits);
        }
    }
    if tape.notable & (notable::KEY | notable::ARRAY) == 0 {
        let numbers = tape.notable & notable::CARD != 0 || !redactor.rules.pii.is_empty();
        return pass.contents(numbers, exempt, scratch, edits);
    }
    pass.walk::<false>(exempt, scratch, edits);
}

/// Append the edits of some strings of an outermost text in which nothing else is notable, not settled.
pub fn strings(
    redactor: &Redactor,
    text: Text<'_>,
    tape: &Tape,
    strings: impl Iterator<Item = usize>,
    scratch: &mut Scratch,
    edits: &mut Edits,
) {
    let pass = Pass { redactor, text: text.bytes, view: text.view, nodes: tape.nodes(), nested: 0 };
    for node in strings {
        pass.content(&pass.nodes[node], scratch, edits);
    }
}

impl Pass<'_> {
    /// Every node, in order. `PATHS`: some path of the settings names something in the text.
    fn walk<const PATHS: bool>(&self, exempt: Exempt<'_>, scratch: &mut Scratch, edits: &mut Edits) {
        scratch.marked.clear();
        // The rule all leaves before a node are under.
        let mut by_key: Option<(usize, u16)> = None;
        for (at, node) in self.nodes.iter().enumerate() {
            by_key = by_key.filter(|(until, _)| at < *until);
            if by_key.is_none() && !scratch.marked.is_empty() {
                by_key = self.marked(at, scratch);
            }
            let mut under = by_key;
            if PATHS {
                match scratch.verdicts.of(at) {
                    Some(Verdict::Secret(rule)) => under = Some((at, rule)),
                    Some(_) => continue,
                    None => {}
                }
            }
            match (node.kind, under) {
                (Kind::Key, _) => {
                    let class = self.key(node, scratch, edits);
                    if under.is_none() && class != KeyClass::Plain && !self.is_ordinary(at + 1, scratch) {
                        by_key = self.value_under(class, at + 1, scratch);
                    }
                }
                (Kind::String | Kind::Number | Kind::NonFinite, Some((_, rule))) => {
                    self.secret(node, rule, scratch, edits);
                }
                (Kind::String, None) if self.anything(node) && !exempt(at) => self.content(node, scratch, edits),
                (Kind::Number, None) if !exempt(at) => self.number(node, scratch, edits),
                (Kind::Array, None) => self.array_pair(at, scratch),
                (Kind::Object, None) => self.object_pair(at, scratch),
                _ => {}
            }
        }
    }

    /// Compare the text with the paths of the settings, and take out what is to go; false when none names anything in it.
    #[cold]
    fn find_paths(&self, paths: &Paths, scratch: &mut Scratch, edits: &mut Edits) -> bool {
        let mut decoded = scratch.decoded.pop().unwrap_or_default();
        let found = paths.find(self.text, self.nodes, &mut decoded, &mut scratch.verdicts);
        scratch.decoded.push(decoded);
        for (start, end, rule) in &scratch.verdicts.removed {
            edits.push(*start, *end, *rule, b"");
        }
        found
    }

    pub fn raw(&self, node: &Node) -> &[u8] {
        &self.text[node.start as usize..node.end as usize]
    }

    /// The decoded text of a string node, for a question about it.
    pub fn with_decoded<T>(&self, node: &Node, scratch: &mut Scratch, ask: impl FnOnce(&[u8]) -> T) -> T {
        if !node.escaped {
            return ask(self.raw(node));
        }
        let mut decoded = scratch.decoded.pop().unwrap_or_default();
        decoded.decode(self.raw(node));
        let answer = ask(&decoded.bytes);
        scratch.decoded.push(decoded);
        answer
    }

    /// What a key's class makes of the value at `value`: the node behind it, and the rule of all strings and numbers in it.
    pub fn value_under(&self, class: KeyClass, value: usize, scratch: &mut Scratch) -> Option<(usize, u16)> {
        let node = &self.nodes[value];
        let secret = |node: &Node, scratch: &mut Scratch| self.with_decoded(node, scratch, |text| class.rule_for(text));
        let rule = match node.kind {
            Kind::String => secret(node, scratch),
            Kind::Number | Kind::NonFinite => class.rule_for_number(self.raw(node)),
            _ if class.is_name() => class.rule(),
            Kind::Object => self.wrapped(value).and_then(|node| secret(node, scratch)),
            _ => None,
        };
        rule.map(|rule| (node.after(value), rule))
    }

    fn marked(&self, at: usize, scratch: &mut Scratch) -> Option<(usize, u16)> {
        while let Some((node, rule)) = scratch.marked.last().copied().filter(|(node, _)| *node as usize <= at) {
            scratch.marked.pop();
            if let Some(rule) = rule.filter(|_| node as usize == at) {
                return Some((self.nodes[at].after(at), rule));
            }
        }
        None
    }

    /// A sibling says that the value at a node is no secret, whatever its key.
    fn is_ordinary(&self, value: usize, scratch: &Scratch) -> bool {
        scratch.marked.last().is_some_and(|(node, rule)| *node as usize == value && rule.is_none())
    }

    fn secret(&self, node: &Node, rule: u16, scratch: &mut Scratch, edits: &mut Edits) {
        let mut token = std::mem::take(&mut scratch.token);
        token.clear();
        let number = node.kind != Kind::String;
        let quote: &[u8] = if number { b"\"" } else { b"" };
        let written = self.with_decoded(node, scratch, |text| {
            let done = !number && (text.is_empty() || self.redactor.tokens.is_written(text));
            if done || self.redactor.allowed_values.holds(text) {
                return false;
            }
            token.extend_from_slice(quote);
            self.redactor.tokens.write(&self.redactor.names[rule as usize], None, text, &mut token);
            token.extend_from_slice(quote);
            true
        });
        if written {
            edits.push(node.start as usize, node.end as usize, rule, &token);
        }
        scratch.token = token;
    }

    /// Where no key says anything about a value: strings, and `numbers` as well.
    fn contents(&self, numbers: bool, exempt: Exempt<'_>, scratch: &mut Scratch, edits: &mut Edits) {
        for (at, node) in self.nodes.iter().enumerate() {
            if node.kind == Kind::String && self.anything(node) {
                self.unless_exempt(at, exempt, scratch, edits);
            } else if numbers && node.kind == Kind::Number && !exempt(at) {
                self.number(node, scratch, edits);
            }
        }
    }

    #[inline(never)]
    fn unless_exempt(&self, at: usize, exempt: Exempt<'_>, scratch: &mut Scratch, edits: &mut Edits) {
        if !exempt(at) {
            self.content(&self.nodes[at], scratch, edits);
        }
    }

    /// Read a key for its content, and give its class. Most keys were seen before.
    fn key(&self, node: &Node, scratch: &mut Scratch, edits: &mut Edits) -> KeyClass {
        let raw = self.raw(node);
        let known = match node.key {
            UNKNOWN => None,
            number => scratch.classes.get(number),
        };
        if let Some(class) = known {
            return class;
        }
        let before = edits.list.len();
        if self.anything(node) {
            self.content(node, scratch, edits);
        }
        let class = self.redactor.keys.class(raw, &mut scratch.memo);
        if edits.list.len() > before {
            scratch.key_edited = true;
        } else if node.key != UNKNOWN {
            let notable = class != KeyClass::Plain || self.part(node, scratch).is_some();
            scratch.classes.set(node.key, class);
            scratch.keys.set_notable(node.key, notable);
        }
        class
    }

    /// Something may be in a string or key.
    #[inline(always)]
    fn anything(&self, node: &Node) -> bool {
        self.view.any(node.start as usize..node.end as usize) || self.redactor.rules.read_everything
    }

    /// Read a string or key for its content.
    fn content(&self, node: &Node, scratch: &mut Scratch, edits: &mut Edits) {
        let start = node.start as usize;
        let text = Text { bytes: self.raw(node), view: self.view.from(start) };
        if self.redactor.idle(text, scratch) {
            return;
        }
        if node.escaped {
            return self.redactor.escaped(text.bytes, start, self.nested, scratch, edits);
        }
        let seen = self.redactor.look(text, scratch);
        if seen.nothing() {
            return;
        }
        let mut inner = Edits::default();
        self.redactor.read(text, seen, self.nested, scratch, &mut inner);
        for edit in &inner.list {
            if edit.start == 0 && edit.end as usize == text.bytes.len() && self.is_other_number(node, edit.rule) {
                continue;
            }
            // Quotes of a replacement must be escaped one level deeper than where they were written.
            scratch.token.clear();
            crate::io::escape::encode(inner.with(edit), &mut scratch.token);
            edits.push(start + edit.start as usize, start + edit.end as usize, edit.rule, &scratch.token);
        }
    }

    /// A card's rule took a string as a whole, but its key or list says that it is the number of something else.
    #[cold]
    fn is_other_number(&self, node: &Node, rule: u16) -> bool {
        let rules = &self.redactor.rules;
        let (start, end) = (node.start as usize, node.end as usize);
        rules.card.is_some_and(|card| rules.list[card].number == rule)
            && self.raw(node).iter().all(u8::is_ascii_digit)
            && cards::is_other_number(self.text, start, end)
    }

    fn card(&self, node: &Node) -> bool {
        cards::is_card(self.raw(node)) && !cards::is_other_number(self.text, node.start as usize, node.end as usize)
    }

    /// Whole numbers of a card's usual lengths, and personal numbers; others are times and identifiers.
    fn number(&self, node: &Node, scratch: &mut Scratch, edits: &mut Edits) {
        let (raw, rules) = (self.raw(node), &self.redactor.rules);
        let is_card = |_: &usize| matches!(raw.len(), 15 | 16) && raw.iter().all(u8::is_ascii_digit) && self.card(node);
        if let Some(rule) = rules.card.filter(is_card).or_else(|| rules.pii.number(raw)) {
            let rule = &rules.list[rule];
            let (start, end) = (node.start as usize, node.end as usize);
            let token = &mut scratch.token;
            self.redactor.replace(self.text, start, end, rule.number, rule.keep_last, true, token, edits);
        }
    }
}
