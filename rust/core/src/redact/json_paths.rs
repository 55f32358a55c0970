//! Places that the settings name. Problem: a secret under a key that tells nothing, or a harmless value under one that does,
//! is known by where it stands only. Idea: all paths are one trie; a document is compared with it from its root, and only
//! in containers in which a path can still match.
//!
//! ```text
//! items[*].code   credit_card.code   *.user.email   ["key.with.dots"]
//! ```

use std::collections::BTreeMap;

use crate::io::escape::Decoded;
use crate::json::tape::{Kind, Node};
use crate::limits::DEPTH_MAX;
use crate::redact::keys::words::words;
use crate::redact::token::rule_name;
use crate::spec::{RedactSpec, RuleError};

/// Most paths of one spec: every member may be compared with as many, and time must stay linear.
const PATHS_MAX: usize = 1000;
/// The rule under which members that are taken out are counted.
const REMOVED: &str = "removed";

/// What is done with the value at a path. Where several match, the last of these counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No rule applies to it.
    Allowed,
    /// It is secret whatever it is; the number is the rule's.
    Secret(u16),
    /// The member is taken out; the number is the rule's.
    Removed(u16),
}

/// A value of a document that some path names.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// Its first node; of a member that is taken out, the key.
    node: usize,
    /// The first node behind it.
    after: usize,
    verdict: Verdict,
}

/// What the paths say about one document, asked for node by node, in order.
#[derive(Default)]
pub struct Verdicts {
    found: Vec<Found>,
    /// How many of them were met.
    met: usize,
    /// Those that the node asked for last is in, outermost first.
    open: Vec<Found>,
    /// Spans of the text that are taken out, with their rule.
    pub removed: Vec<(usize, usize, u16)>,
}

/// One part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Component {
    Member(Vec<u8>),
    AnyMember,
    Element(u32),
    AnyElement,
}

#[derive(Default)]
struct Branch {
    verdict: Option<Verdict>,
    members: BTreeMap<Vec<u8>, usize>,
    any_member: Option<usize>,
    elements: BTreeMap<u32, usize>,
    any_element: Option<usize>,
}

/// The paths of one spec, compiled. The first branch is the root of documents.
pub struct Paths {
    branches: Vec<Branch>,
}

impl Paths {
    /// The paths of a spec; none when it names none. `rule` gives the number of a rule name, new or not.
    ///
    /// # Errors
    /// The first path that does not parse, or that can match nothing.
    pub fn new(spec: &RedactSpec, mut rule: impl FnMut(&str) -> u16) -> Result<Option<Self>, RuleError> {
        let lists = [("remove", &spec.remove), ("paths", &spec.paths), ("allow_paths", &spec.allow_paths)];
        if lists.iter().all(|(_, list)| list.is_empty()) {
            return Ok(None);
        }
        let mut paths = Self { branches: vec![Branch::default()] };
        let mut taken: Vec<(&str, Vec<Component>)> = Vec::new();
        for (name, list) in lists {
            for (index, text) in list.iter().enumerate() {
                let fail = |reason: String| RuleError::new(format!("redact.{name}[{index}]"), reason);
                if taken.len() == PATHS_MAX {
                    return Err(fail(format!("is one more than {PATHS_MAX} paths")));
                }
                let components = parsed(text).map_err(&fail)?;
                useful(name, &components, &taken).map_err(&fail)?;
                let verdict = match name {
                    "remove" => Verdict::Removed(rule(REMOVED)),
                    "paths" => Verdict::Secret(rule(&name_of(&components))),
                    _ => Verdict::Allowed,
                };
                paths.add(&components, verdict);
                taken.push((name, components));
            }
        }
        Ok(Some(paths))
    }

    fn add(&mut self, components: &[Component], verdict: Verdict) {
        let mut at = 0;
        for component in components {
            let new = self.branches.len();
            let branch = &mut self.branches[at];
            at = match component {
                Component::Member(name) => *branch.members.entry(name.clone()).or_insert(new),
                Component::AnyMember => *branch.any_member.get_or_insert(new),
                Component::Element(index) => *branch.elements.entry(*index).or_insert(new),
                Component::AnyElement => *branch.any_element.get_or_insert(new),
            };
            if at == new {
                self.branches.push(Branch::default());
            }
        }
        let branch = &mut self.branches[at];
        branch.verdict = branch.verdict.max(Some(verdict));
    }

    /// Compare a document; false when no path names anything in it.
    pub fn find(&self, text: &[u8], nodes: &[Node], decoded: &mut Decoded, verdicts: &mut Verdicts) -> bool {
        verdicts.clear();
        let mut search = Search { paths: self, text, nodes, decoded, verdicts };
        search.container(0, &[0]);
        !verdicts.found.is_empty()
    }
}

/// One comparison of a document.
struct Search<'a> {
    paths: &'a Paths,
    text: &'a [u8],
    nodes: &'a [Node],
    decoded: &'a mut Decoded,
    verdicts: &'a mut Verdicts,
}

impl Search<'_> {
    /// What is in the container at a node, of which the paths so far lead to these branches. A path has an end, and so has
    /// the recursion.
    fn container(&mut self, at: usize, branches: &[usize]) {
        match self.nodes[at].kind {
            Kind::Object => self.members(at, branches),
            Kind::Array => self.elements(at, branches),
            _ => {}
        }
    }

    fn members(&mut self, object: usize, branches: &[usize]) {
        let (mut next, mut kept, mut end) = (Vec::new(), false, 0);
        let mut key = object + 1;
        while self.nodes[key].kind == Kind::Key {
            next.clear();
            self.named(key, branches, &mut next);
            let value = key + 1;
            let after = self.nodes[value].after(value);
            if let Some(Verdict::Removed(rule)) = self.verdict(&next) {
                self.verdicts.found.push(Found { node: key, after, verdict: Verdict::Removed(rule) });
                // The comma goes with it: the one before it, or, with no member left before, the one behind.
                let start = if kept { end } else { self.nodes[key].start as usize - 1 };
                let last = self.nodes[after].kind != Kind::Key || kept;
                let behind = if last { self.end(value) } else { self.nodes[after].start as usize - 1 };
                self.verdicts.removed.push((start, behind, rule));
            } else {
                kept = true;
                self.value(value, &next);
            }
            end = self.end(value);
            key = after;
        }
    }

    fn elements(&mut self, array: usize, branches: &[usize]) {
        let (mut next, mut at) = (Vec::new(), array + 1);
        for index in 0.. {
            if self.nodes[at].kind == Kind::ArrayEnd {
                return;
            }
            next.clear();
            for branch in branches.iter().map(|branch| &self.paths.branches[*branch]) {
                next.extend(branch.elements.get(&index).into_iter().chain(&branch.any_element));
            }
            self.value(at, &next);
            at = self.nodes[at].after(at);
        }
    }

    /// The branches that a key leads to.
    fn named(&mut self, key: usize, branches: &[usize], next: &mut Vec<usize>) {
        let node = &self.nodes[key];
        let mut name = &self.text[node.start as usize..node.end as usize];
        if node.escaped {
            self.decoded.decode(name);
            name = &self.decoded.bytes;
        }
        for branch in branches.iter().map(|branch| &self.paths.branches[*branch]) {
            next.extend(branch.members.get(name).into_iter().chain(&branch.any_member));
        }
    }

    fn value(&mut self, at: usize, branches: &[usize]) {
        if branches.is_empty() {
            return;
        }
        if let Some(verdict) = self.verdict(branches) {
            self.verdicts.found.push(Found { node: at, after: self.nodes[at].after(at), verdict });
        }
        self.container(at, branches);
    }

    fn verdict(&self, branches: &[usize]) -> Option<Verdict> {
        branches.iter().filter_map(|branch| self.paths.branches[*branch].verdict).max()
    }

    /// Where a value ends in the text, its closing quote included.
    fn end(&self, value: usize) -> usize {
        let node = &self.nodes[value];
        let last = if node.kind == Kind::String { value } else { node.after(value) - 1 };
        self.nodes[last].end as usize + usize::from(node.kind == Kind::String)
    }
}

impl Verdicts {
    fn clear(&mut self) {
        self.found.clear();
        self.open.clear();
        self.removed.clear();
        self.met = 0;
    }

    /// What the paths say about a node: the innermost that it is in counts.
    pub fn of(&mut self, node: usize) -> Option<Verdict> {
        while self.open.last().is_some_and(|open| open.after <= node) {
            self.open.pop();
        }
        if let Some(found) = self.found.get(self.met).filter(|found| found.node == node) {
            self.met += 1;
            self.open.push(*found);
        }
        self.open.last().map(|open| open.verdict)
    }
}

/// The parts of a path, or why it does not parse.
fn parsed(text: &str) -> Result<Vec<Component>, String> {
    let mut components = Vec::new();
    let mut rest = text;
    while !rest.is_empty() || components.is_empty() {
        let first = components.is_empty();
        let (component, behind) = if let Some(inside) = rest.strip_prefix('[') {
            bracketed(inside)?
        } else {
            let name = if first { rest } else { rest.strip_prefix('.').ok_or(SEPARATOR)? };
            let (name, behind) = name.split_at(name.find(['.', '[', ']', '"', '\'']).unwrap_or(name.len()));
            match name {
                "" => return Err(EMPTY.to_owned()),
                "*" => (Component::AnyMember, behind),
                _ if name.contains('*') => return Err(STAR.to_owned()),
                _ => (Component::Member(name.as_bytes().to_vec()), behind),
            }
        };
        components.push(component);
        if components.len() >= DEPTH_MAX {
            return Err(format!("can match nothing: lines are nested less than {DEPTH_MAX} levels deep"));
        }
        rest = behind;
    }
    Ok(components)
}

const EMPTY: &str = "can match nothing: a name is missing; write it as a.b, *.b or a[*].b";
const SEPARATOR: &str = "is no path: a dot or a bracket is missing; write it as a.b, *.b or a[*].b";
const STAR: &str = "can match nothing: * stands for a whole name; write a name or *";
const BRACKET: &str = "is no path: in brackets stands *, a number or a name in quotes; write [*], [0] or [\"a.b\"]";

/// The part in brackets, and what is behind it.
fn bracketed(inside: &str) -> Result<(Component, &str), String> {
    if let Some(quote) = inside.chars().next().filter(|first| matches!(first, '"' | '\'')) {
        let (name, behind) = inside[1..].split_once(quote).ok_or(BRACKET)?;
        let behind = behind.strip_prefix(']').ok_or(BRACKET)?;
        return Ok((Component::Member(name.as_bytes().to_vec()), behind));
    }
    let (index, behind) = inside.split_once(']').ok_or(BRACKET)?;
    if index == "*" {
        return Ok((Component::AnyElement, behind));
    }
    if index.is_empty() || !index.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BRACKET.to_owned());
    }
    Ok((Component::Element(index.parse().map_err(|_| "can match nothing: no line has so many elements")?), behind))
}

/// Whether a path can make a difference beside those taken before.
fn useful(name: &str, components: &[Component], taken: &[(&str, Vec<Component>)]) -> Result<(), String> {
    let inside = |outer: &[Component]| {
        outer.len() <= components.len() && outer.iter().zip(components).all(|(outer, inner)| covers(outer, inner))
    };
    if name == "remove" && matches!(components.last(), Some(Component::Element(_) | Component::AnyElement)) {
        return Err("can match nothing: remove takes members, not elements; name the member".to_owned());
    }
    if name == "allow_paths" && matches!(components, [Component::AnyMember | Component::AnyElement]) {
        return Err("allows everything; to redact nothing, set enabled = false".to_owned());
    }
    for (other, path) in taken {
        let same = path.len() == components.len();
        match *other {
            "remove" if name != "remove" && inside(path) => {
                return Err("can match nothing: remove takes what it names; keep one of them".to_owned());
            }
            "paths" if name == "allow_paths" && same && inside(path) => {
                return Err("can match nothing: paths has it as well; keep one of them".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

fn covers(outer: &Component, inner: &Component) -> bool {
    match (outer, inner) {
        (Component::AnyMember, Component::Member(_)) | (Component::AnyElement, Component::Element(_)) => true,
        (outer, inner) => outer == inner,
    }
}

/// The rule of a path: its last name.
fn name_of(components: &[Component]) -> String {
    let named = components.iter().rev().find_map(|component| match component {
        Component::Member(name) => Some(rule_name(&words(name))),
        _ => None,
    });
    named.unwrap_or_else(|| "path".to_owned())
}
