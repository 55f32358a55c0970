//! Members of one array or object that say something of each other: `["key", "value"]`, `{"name": "key", "value": …}` and
//! headers in a row.

use crate::json::tape::{Kind, Node};
use crate::redact::document::Pass;
use crate::redact::keys::class::KeyClass;
use crate::redact::text::quoted_pairs::{HEADERS, HEADERS_MAX, NAMES, VALUES};
use crate::redact::Scratch;

/// Longest text that may be a key in a `["key", "value"]` or `{"name": "key", "value": …}` pair, in bytes.
const PAIR_KEY_BYTES_MAX: usize = 64;
/// Longest name of a member that is half of such a pair, in bytes.
const MEMBER_BYTES_MAX: usize = 6;

/// What a member of an object may be of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Name,
    Value,
}

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
                let class = self.named(first, scratch);
                self.mark(class, value, scratch);
            }
            Some(Kind::String) => self.headers_in_a_row(at + 1, scratch),
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
        scratch.marked[from..].reverse();
    }

    /// `{"name": "authorization", "value": "…"}`; of members of the same meaning each counts.
    pub fn object_pair(&self, at: usize, scratch: &mut Scratch) {
        let (mut names, mut values) = (0, 0);
        self.members(at, scratch, |part, _, _| match part {
            Part::Name => names += 1,
            Part::Value => values += 1,
        });
        if names == 0 || values == 0 {
            return;
        }
        let mut secret = KeyClass::Plain;
        self.members(at, scratch, |part, node, scratch| {
            if part == Part::Name && !matches!(secret, KeyClass::Secret(_)) {
                let class = self.named(&self.nodes[node], scratch);
                secret = if class == KeyClass::Plain { secret } else { class };
            }
        });
        if secret != KeyClass::Plain {
            let from = scratch.marked.len();
            self.members(at, scratch, |part, node, scratch| {
                if part == Part::Value {
                    self.mark(secret, node, scratch);
                }
            });
            scratch.marked[from..].reverse();
        }
    }

    /// Call `member` for each member of an object that may be half of a pair, with its value's node.
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
        let like_a_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte);
        let alike = |text: &[u8]| text.len() <= PAIR_KEY_BYTES_MAX && text.iter().all(like_a_key);
        if node.kind != Kind::String || !self.with_decoded(node, scratch, alike) {
            return KeyClass::Plain;
        }
        self.redactor.keys.class(raw, &mut scratch.memo)
    }

    fn mark(&self, class: KeyClass, value: usize, scratch: &mut Scratch) {
        if let Some((_, rule)) = self.value_under(class, value, scratch) {
            scratch.marked.push((value as u32, rule));
        }
    }
}

impl Part {
    fn of(key: &[u8]) -> Option<Self> {
        let one_of = |words: &[&[u8]]| words.iter().any(|word| key.eq_ignore_ascii_case(word));
        match key.len() {
            1 | 3..=MEMBER_BYTES_MAX if one_of(&NAMES) => Some(Part::Name),
            1 | 3..=MEMBER_BYTES_MAX if one_of(&VALUES) => Some(Part::Value),
            _ => None,
        }
    }
}
