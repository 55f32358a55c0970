//! The tape: the tokens of one JSON text as spans, in order. No tree, no copies.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Object,
    ObjectEnd,
    Array,
    ArrayEnd,
    Key,
    String,
    Number,
    /// `NaN`, `Infinity` or `-Infinity`: not JSON, but what Python's `json.dumps` writes.
    NonFinite,
    True,
    False,
    Null,
}

/// One token of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub kind: Kind,
    /// A key or string holds at least one backslash.
    pub escaped: bool,
    /// Of a key that the lane's dictionary knows, its number there; else 0.
    pub key: u16,
    /// First byte; for keys and strings the one after the opening quote.
    pub start: u32,
    /// One past the last byte; for keys and strings the closing quote; for containers one past the bracket.
    pub end: u32,
    /// Index of the first node after this one and all it contains. A key's value is the node after the key.
    pub next: u32,
}

/// The nodes of one JSON text, in order. Reused from line to line.
#[derive(Default, Debug)]
pub struct Tape {
    pub nodes: Vec<Node>,
    /// Indices of the containers that are open. Empty after a successful walk.
    pub(crate) open: Vec<u32>,
    pub non_finite: bool,
    /// What may be among the nodes: flags of `notable`. Those not raised are sure not to be there.
    pub notable: u8,
    /// Keys have numbers, and `fields` is filled: of the outermost object's keys that extraction may want, the slot
    /// (or `dictionary::LOOK`) and the value's node.
    pub numbered: bool,
    pub fields: Vec<(u16, u32)>,
}

/// What redaction looks at beside the contents of strings.
pub mod notable {
    /// A key that says something about a value, or that nobody has looked at yet.
    pub const KEY: u8 = 1;
    pub const ARRAY: u8 = 2;
    /// A number as long as a card's.
    pub const CARD: u8 = 4;
    pub const ANYTHING: u8 = KEY | ARRAY | CARD;
}

impl Tape {
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.open.clear();
        self.non_finite = false;
        self.notable = 0;
        self.numbered = false;
        self.fields.clear();
    }
}
