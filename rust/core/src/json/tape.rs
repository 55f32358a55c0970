//! The tape: the tokens of one JSON text as spans, in order. No tree, no copies.

/// Room for nodes to begin with: an ordinary line has fewer.
const ROOM_NODES: usize = 64;

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
    /// Nodes that it and all it contains take: 1 but for containers. A key's value is the node after the key.
    pub span: u32,
}

impl Node {
    /// The index of the first node after this one, which is at `at`, and all it contains.
    #[inline(always)]
    pub fn after(&self, at: usize) -> usize {
        at + self.span as usize
    }
}

/// The nodes of one JSON text, in order. Reused from line to line.
#[derive(Default, Debug)]
pub struct Tape {
    /// The nodes, and behind them old ones: room to be written without a thought of growth.
    pub(crate) room: Vec<Node>,
    /// How many of them are this text's.
    pub(crate) len: usize,
    /// Indices of the containers that are open. Empty after a successful walk.
    pub(crate) open: Vec<u32>,
    pub non_finite: bool,
    /// Some escape stands for half of a surrogate pair: of a whole one, or a lone one.
    pub surrogates: bool,
    /// What may be among the nodes: flags of `notable`. Those not raised are sure not to be there.
    pub notable: u8,
    /// The fast walker's: keys have numbers, and `candidates` are filled.
    pub numbered: bool,
    /// Its keys are those of the text before, in the same order, and neither has a container in it.
    pub same_shape: bool,
    /// What to compare for that, where there is no container.
    pub(crate) shape: Option<Shape>,
    /// The strings, but not the keys, in which the prefilter marked something.
    pub candidates: Vec<u32>,
}

/// Texts of one shape hold the same keys: each is the one that comes next by the dictionary, of such a version, and there
/// are as many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub version: u64,
    pub nodes: usize,
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
    pub fn nodes(&self) -> &[Node] {
        &self.room[..self.len]
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.open.clear();
        self.non_finite = false;
        self.surrogates = false;
        self.notable = 0;
        self.numbered = false;
        self.same_shape = false;
        self.shape = None;
        self.candidates.clear();
    }

    /// The keys are all as the dictionary expected, and there is no container but the outermost.
    pub(crate) fn has_shape(&mut self, version: u64, before: Option<Shape>) {
        self.shape = Some(Shape { version, nodes: self.len });
        self.same_shape = self.shape == before;
    }

    /// The bracket that opens the outermost object, and room for what comes.
    #[inline(always)]
    pub(crate) fn begin(&mut self, at: usize) {
        self.push(Node { kind: Kind::Object, escaped: false, key: 0, start: at as u32, end: at as u32 + 1, span: 1 });
    }

    /// The bracket that closes it. Nothing else is open.
    #[inline(always)]
    pub(crate) fn end(&mut self, at: usize) {
        let end = at as u32 + 1;
        self.push(Node { kind: Kind::ObjectEnd, escaped: false, key: 0, start: at as u32, end, span: 1 });
        let span = self.len as u32;
        if let Some(object) = self.room.first_mut() {
            (object.end, object.span) = (end, span);
        }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, node: Node) {
        if self.len == self.room.len() {
            self.grow(node);
        }
        self.room[self.len] = node;
        self.len += 1;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, fill: Node) {
        self.room.resize(2 * self.len + ROOM_NODES, fill);
    }
}
