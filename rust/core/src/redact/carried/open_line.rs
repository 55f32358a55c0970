//! What a line of a document leaves open: a bracket under a secret key, a key without its value, a string without its end.

use memchr::memrchr;

use crate::redact::bytes::is_word;
use crate::redact::keys::class::KeyClass;
use crate::redact::siblings::NAMES;
use crate::redact::token::token_len;

/// The class of a key.
pub type Classify<'a> = dyn FnMut(&[u8]) -> KeyClass + 'a;

/// Deepest nesting that is followed on one line, in levels.
const LEVELS_MAX: usize = 32;
/// Longest key, and longest string that names one, in bytes.
const KEY_BYTES_MAX: usize = 64;

/// What goes on in the lines after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The bracket at this place of the line, or in later lines so many levels, under a secret key.
    Container(usize),
    /// The value of a key. `level`: it may stand no deeper than its key.
    Value { level: bool },
    /// Members of a mapping under a secret key, or its items, as YAML writes them.
    Mapping,
    /// A block scalar of YAML (YAML 1.2.2, section 8.1).
    Block,
    /// A string that ends in a later line: with this quote, or with three of them.
    Quoted(u8, bool),
    /// A string that may go on with another one, as compilers join them.
    Joined,
    /// `"name": "password"`: the value of a sibling.
    Name,
    /// An array: pairs of a name and a value, and headers by turns.
    Row,
    /// The content of an element of XML.
    Element,
}

/// What a line leaves open: where the key begins, and its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub kind: Kind,
    pub key: usize,
    /// Where the text of the line begins: behind the quote that opens the text of many lines.
    pub origin: usize,
    pub class: KeyClass,
}

/// A look at a line's ends tells that it leaves nothing open, which is so of nearly all.
#[inline]
pub fn may_go_on(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let last = match text {
        [.., b'{' | b'[' | b'(' | b':' | b'>' | b'|'] => return true,
        [.., quote @ (b'"' | b'\''), b','] => *quote,
        [.., b'-' | b'+' | b'0'..=b'9'] => {
            return text[text.len().saturating_sub(4)..].windows(2).any(|two| matches!(two, b" |" | b" >"))
                || named(text)
        }
        [.., a @ (b'"' | b'\''), b, c] if a == b && b == c => return true,
        _ => 0,
    };
    last != 0 || named(text)
}

/// The line begins as JSON does, or its last word but one says that a name follows.
fn named(text: &[u8]) -> bool {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'-');
    let start = text.iter().position(|byte| !space(byte)).unwrap_or(text.len());
    match &text[start..] {
        [b'"' | b'\'', ..] | [b'{' | b'[' | b'(', b'"' | b'\'' | b' ' | b'{' | b'[' | b'(', ..] => true,
        _ => {
            let last = memrchr(b' ', text).filter(|last| *last > 1 && text[last - 1] == b':');
            last.is_some_and(|last| {
                let key = &text[..last - 1];
                let start = key.iter().rev().take(8).take_while(|byte| byte.is_ascii_alphabetic()).count();
                is_name(&key[last - 1 - start..])
            })
        }
    }
}

fn is_name(key: &[u8]) -> bool {
    NAMES.iter().any(|name| key.eq_ignore_ascii_case(name))
}

/// A word or a string and where it stands; of a string `start` is its quote, and `text` what is in it.
#[derive(Clone, Copy)]
struct Token {
    start: usize,
    text: (usize, usize),
    quoted: bool,
}

/// What the line `text` leaves open.
pub fn left(text: &[u8], classify: &mut Classify<'_>) -> Option<Left> {
    let text = text.trim_ascii_end();
    let mut scan = Scan {
        text,
        at: 0,
        levels: Vec::new(),
        last: None,
        key: None,
        value_of: None,
        name: None,
        unclosed: Vec::new(),
    };
    let early = scan.run(classify);
    let container = |level: &Level| {
        let (at, key, class) = (level.at, level.key?, level.class);
        class.is_name().then_some(Left { kind: Kind::Container(at), key, origin: 0, class })
    };
    let left = scan.levels.iter().find_map(container).or(early).or_else(|| scan.end(classify))?;
    Some(Left {
        origin: scan.unclosed.iter().map(|(_, at)| at + 1).filter(|at| *at <= left.key).max().unwrap_or(0),
        ..left
    })
}

struct Level {
    at: usize,
    key: Option<usize>,
    class: KeyClass,
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    levels: Vec<Level>,
    last: Option<Token>,
    /// The key whose sign was read last, and the sign.
    key: Option<(Token, u8)>,
    /// The key whose value `last` is.
    value_of: Option<Token>,
    /// A name, and the levels around it.
    name: Option<(Left, usize)>,
    /// Quotes that nothing closes on the line, and where the first of each stands.
    unclosed: Vec<(u8, usize)>,
}

impl Scan<'_> {
    /// Read on to the line's end, or to what goes on over it.
    fn run(&mut self, classify: &mut Classify<'_>) -> Option<Left> {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'[' if token_len(&self.text[self.at..]) > 0 => {
                    self.at += token_len(&self.text[self.at..]);
                    (self.last, self.key, self.value_of) = (None, None, None);
                }
                b'{' | b'[' | b'(' => {
                    let typed = self.value_of.take().filter(|key| self.begins(*key));
                    let key = self.key.take().map(|(key, _)| key).or(typed);
                    self.open(key, classify);
                }
                b'}' | b']' | b')' => {
                    self.levels.pop();
                    self.name = self.name.filter(|(_, levels)| *levels <= self.levels.len());
                    (self.key, self.value_of) = (None, None);
                    self.at += 1;
                    // PHP writes `["key"]=>`.
                    let sign = byte == b']' && self.text[self.at..].trim_ascii_start().starts_with(b"=");
                    self.last = self.last.filter(|_| sign);
                }
                b'"' | b'\'' | b'`' if self.opens(byte) => {
                    if let Some(left) = self.string(byte, classify) {
                        return Some(left);
                    }
                }
                b'|' | b'>' if self.key.is_some_and(|(_, sign)| sign == b':') && self.block_follows() => {
                    return self.left(self.key?.0, Kind::Block, classify);
                }
                b':' | b'=' => self.sign(byte),
                b'>' => {
                    self.key = self.key.map(|(key, sign)| (key, if sign == b'=' { byte } else { sign }));
                    self.at += 1;
                }
                b',' | b';' => {
                    (self.last, self.key, self.value_of) = (None, None, None);
                    self.at += 1;
                }
                byte if is_word(byte) || byte >= 0x80 => self.word(classify),
                _ => self.at += 1,
            }
        }
        None
    }

    /// A key is no word of a sentence or a program: it is indented, or brackets and commas stand before it.
    fn begins(&self, key: Token) -> bool {
        let before = &self.text[..key.start];
        before.ends_with(b"  ")
            || matches!(before.trim_ascii_end(), [] | [.., b'{' | b'[' | b'(' | b',' | b'"' | b'\''])
    }

    /// A string may begin at a quote.
    fn opens(&self, quote: u8) -> bool {
        (self.at == 0 || !is_word(self.text[self.at - 1])) && self.unclosed.iter().all(|(known, _)| *known != quote)
    }

    fn open(&mut self, key: Option<Token>, classify: &mut Classify<'_>) {
        let class = key.map_or(KeyClass::Plain, |key| self.class(key, classify));
        if self.levels.len() < LEVELS_MAX {
            self.levels.push(Level { at: self.at, key: key.map(|key| key.start), class });
        }
        self.last = None;
        self.at += 1;
    }

    fn sign(&mut self, byte: u8) {
        let doubled = byte == b':' && self.text.get(self.at + 1) == Some(&b':');
        match (self.last.take(), self.key) {
            (Some(last), None) if !doubled => self.key = Some((last, byte)),
            (None, Some(_)) => {}
            _ => self.key = None,
        }
        self.value_of = None;
        self.at += 1 + usize::from(doubled);
    }

    fn string(&mut self, quote: u8, classify: &mut Classify<'_>) -> Option<Left> {
        let (start, rest) = (self.at, &self.text[self.at + 1..]);
        // Rust writes `&'static`.
        self.key = self.key.filter(|_| start > 0 && matches!(self.text[start - 1], b' ' | b'\t' | b':' | b'=' | b'>'));
        if rest.starts_with(&[quote; 2]) {
            let end = rest[2..].windows(3).position(|three| three == [quote; 3]);
            self.at = end.map_or(self.text.len(), |end| start + end + 6);
            return match (self.key.take(), end) {
                (Some((key, _)), None) => self.left(key, Kind::Quoted(quote, true), classify),
                _ => None,
            };
        }
        match string_end(self.text, start) {
            Some(end) => {
                self.token(Token { start, text: (start + 1, end), quoted: true }, end + 1, classify);
                None
            }
            None => {
                self.unclosed.push((quote, start));
                (self.at, self.last, self.value_of) = (start + 1, None, None);
                let (key, _) = self.key.take()?;
                self.left(key, Kind::Quoted(quote, false), classify)
            }
        }
    }

    fn word(&mut self, classify: &mut Classify<'_>) {
        let stops = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`,;:=()[]{}|<>".contains(byte);
        let len = self.text[self.at..].iter().position(stops).unwrap_or(self.text.len() - self.at);
        let (start, end) = (self.at, self.at + len);
        // Python writes bytes as b'…'.
        if len == 1 && matches!(self.text.get(end), Some(b'"' | b'\'')) && b"bruf".contains(&self.text[start]) {
            self.at = end;
            if string_end(self.text, end).is_some() {
                let end = string_end(self.text, end).unwrap_or(end);
                self.token(Token { start, text: (start + 2, end), quoted: true }, end + 1, classify);
            }
            self.at = self.at.max(end + 1);
            return;
        }
        self.token(Token { start, text: (start, end), quoted: false }, end, classify);
    }

    fn token(&mut self, token: Token, next: usize, classify: &mut Classify<'_>) {
        self.at = next;
        self.value_of = self.key.take().map(|(key, _)| key);
        self.last = Some(token);
        let rest = self.text[next..].trim_ascii_start();
        let alone = matches!(rest, [] | [b',', ..]);
        let Some(key) = self.value_of.filter(|key| alone && is_name(self.of(*key))) else { return };
        let class = self.class(token, classify);
        if class != KeyClass::Plain {
            self.name = Some((Left { kind: Kind::Name, key: key.start, origin: 0, class }, self.levels.len()));
        }
    }

    /// Nothing but the indicators of a block scalar, and a comment, follows.
    fn block_follows(&self) -> bool {
        let rest = &self.text[self.at + 1..];
        let indicators = rest.iter().take(2).take_while(|byte| matches!(byte, b'+' | b'-' | b'1'..=b'9')).count();
        matches!(rest[indicators..].trim_ascii_start(), [] | [b'#', ..])
    }

    fn of(&self, token: Token) -> &[u8] {
        &self.text[token.text.0..token.text.1]
    }

    fn class(&self, token: Token, classify: &mut Classify<'_>) -> KeyClass {
        let key = self.of(token);
        let like_a_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte) || *byte >= 0x80;
        if key.len() > KEY_BYTES_MAX || !key.iter().all(like_a_key) {
            return KeyClass::Plain;
        }
        classify(key)
    }

    fn left(&self, key: Token, kind: Kind, classify: &mut Classify<'_>) -> Option<Left> {
        let class = self.class(key, classify);
        let long = matches!(kind, Kind::Quoted(..));
        (class != KeyClass::Plain && (!long || class.is_name())).then_some(Left {
            kind,
            key: key.start,
            origin: 0,
            class,
        })
    }

    /// What is open at the end of a line that was read whole.
    fn end(&self, classify: &mut Classify<'_>) -> Option<Left> {
        if let Some((key, sign)) = self.key {
            // `PASSWORD=` and nothing is how an empty one is written.
            let kind = Kind::Value { level: sign == b'>' };
            return self.left(key, kind, classify).filter(|_| sign != b'=');
        }
        if let Some(key) = self.value_of {
            let last = self.last?;
            match last.quoted {
                // PHP writes a mapping so, and its bracket on the next line.
                false if self.of(last) == b"Array" => return self.left(key, Kind::Value { level: true }, classify),
                true if self.joins() => {
                    if let Some(left) = self.left(key, Kind::Joined, classify) {
                        return Some(left);
                    }
                }
                _ => {}
            }
        }
        if let Some((name, _)) = self.name {
            return Some(name);
        }
        match self.text.last()? {
            b'[' | b'(' => {
                let level = self.levels.last()?;
                Some(Left { kind: Kind::Row, key: level.key.unwrap_or(level.at), origin: 0, class: KeyClass::Plain })
            }
            b'>' => self.element(classify),
            _ => None,
        }
    }

    /// Nothing but what joins two strings follows the last one.
    fn joins(&self) -> bool {
        let rest = self.last.map_or(&b"."[..], |last| self.text[last.text.1 + 1..].trim_ascii());
        matches!(rest, b"" | b"+" | b"\\" | b".")
    }

    /// The start tag that ends the line.
    fn element(&self, classify: &mut Classify<'_>) -> Option<Left> {
        let start = self.text.iter().rposition(|byte| *byte == b'<')?;
        let name = (start + 1, self.text.len() - 1);
        let token = Token { start, text: name, quoted: false };
        self.class(token, classify).is_name().then(|| self.left(token, Kind::Element, classify)).flatten()
    }
}

/// The quote that closes the string at `open`, on the same line.
pub fn string_end(text: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            byte if byte == text[open] => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}
