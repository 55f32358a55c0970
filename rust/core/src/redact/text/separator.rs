//! Signs: what stands between a key and its value in plain text, and what stands around them.

use std::ops::Range;

use memchr::memchr_iter;

use crate::redact::bytes::{is_key_byte, table, KEY_BYTES};
use crate::redact::keys::class::KeyClass;
use crate::redact::keys::folding::is_of_word;
use crate::redact::keys::{KeyMemo, Keys};
use crate::redact::siblings::{NAMES, VALUES};
use crate::redact::text::wrapping::{plain_name, wrapping};

/// Longest key looked back for, in bytes.
pub const KEY_BYTES_MAX: usize = 64;
/// Spaces allowed between a key, its sign and its value: tables are aligned.
pub const SPACES_MAX: usize = 64;

/// Longest shaft of an arrow, in bytes.
const ARROW_BYTES_MAX: usize = 3;

/// Words after which the word before says what is meant: `api key: …`, `password is: …`.
const VAGUE: [&[u8]; 9] = [b"key", b"token", b"is", b"was", b"code", b"value", b"hash", b"passe", b"sandi"];
/// Words for a type, which some languages write between a name and its value.
const TYPES: [&[u8]; 6] = [b"string", b"str", b"text", b"char", b"any", b"var"];
/// Quotes as URLs and HTML write them.
const QUOTES: [&[u8]; 5] = [b"%22", b"%27", b"&quot;", b"&#34;", b"&#39;"];

/// What stands between a key and its value: `=` or `:`, also as URLs write them, or the end of a tag.
#[derive(Clone, Copy)]
pub struct Sign {
    pub start: usize,
    pub end: usize,
    /// What it means, as one byte.
    pub byte: u8,
    coded: bool,
}

/// What a word may be beside a key, as flags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WordKind(u8);

impl WordKind {
    pub const NONE: Self = Self(0);
    const TYPE: u8 = 1;
    const VAGUE: u8 = 2;
    /// Of `name="key" value="…"`.
    pub const NAME: u8 = 4;
    pub const VALUE: u8 = 8;

    pub fn has(self, kind: u8) -> bool {
        self.0 & kind != 0
    }

    /// Of a word that is made of bytes of keys.
    #[inline]
    pub fn of(word: &[u8]) -> Self {
        if word.is_empty() || word.len() > WORD_BYTES_MAX {
            return Self::NONE;
        }
        let word = folded(word);
        let (known, kind) = WORD_KINDS[slot(word)];
        Self(if known == word { kind } else { 0 })
    }
}

/// Longest word with a kind, in bytes.
const WORD_BYTES_MAX: usize = 6;

/// Places for words with a kind, as a power of two, and a factor by which no two of them have one.
const SLOTS_LOG2: u32 = 6;
const SLOT_FACTOR: u64 = 0xe901_e35c_d47d_380d;

const fn slot(folded: u64) -> usize {
    (folded.wrapping_mul(SLOT_FACTOR) >> (u64::BITS - SLOTS_LOG2)) as usize
}

/// Words with a kind in lower case, and all of their kinds.
const WORD_KINDS: [(u64, u8); 1 << SLOTS_LOG2] = {
    let lists: [(&[&[u8]], u8); 4] =
        [(&VAGUE, WordKind::VAGUE), (&TYPES, WordKind::TYPE), (&NAMES, WordKind::NAME), (&VALUES, WordKind::VALUE)];
    let mut kinds = [(0, 0); 1 << SLOTS_LOG2];
    let mut list = 0;
    while list < lists.len() {
        let (words, kind) = lists[list];
        let mut at = 0;
        while at < words.len() {
            assert!(words[at].len() <= WORD_BYTES_MAX, "a kind is looked up for short words only");
            let word = folded(words[at]);
            let (known, before) = kinds[slot(word)];
            assert!(before == 0 || known == word, "another factor parts the words");
            kinds[slot(word)] = (word, before | kind);
            at += 1;
        }
        list += 1;
    }
    kinds
};

/// A short word without regard to case: of the bytes of keys no two fall together.
const fn folded(word: &[u8]) -> u64 {
    let (mut folded, mut at) = (0, 0);
    while at < word.len() {
        folded = folded << 8 | (word[at] | 0x20) as u64;
        at += 1;
    }
    folded
}

/// Control characters and U+FFFD stand where a line was damaged; U+00A0, U+200B to U+200D and U+3000 are blanks, too.
const SPACE: [bool; 256] = {
    let mut space = table(b"\x7f\xef\xbf\xbd\xc2\xa0\xe2\x80\x8b\x8c\x8d\xe3");
    let mut byte = 0;
    while byte <= b' ' as usize {
        space[byte] = byte != b'\n' as usize && byte != b'\r' as usize;
        byte += 1;
    }
    space
};
/// Bytes that may stand right before a sign that follows a key: before any, and before `=` alone.
const BEFORE_ANY: [bool; 256] = {
    let mut before = table(b";*`>");
    let mut byte = 0;
    while byte < before.len() {
        before[byte] |= KEY_BYTES[byte] || SPACE[byte] || byte >= 0x80;
        byte += 1;
    }
    before
};
const BEFORE_EQUALS: [bool; 256] = table(b":?.+|\"']");

impl Sign {
    #[inline]
    pub fn plain(text: &[u8], at: usize) -> Self {
        Self { start: at, end: at + 1, byte: text[at], coded: false }
    }

    /// The sign that URLs write at a percent sign.
    pub fn coded(text: &[u8], start: usize) -> Option<Self> {
        let byte = match text.get(start + 1..start + 3)? {
            b"3D" | b"3d" => b'=',
            b"3A" | b"3a" => b':',
            _ => return None,
        };
        Some(Self { start, end: start + 3, byte, coded: true })
    }

    /// The arrow that ends in a `>`, with blanks around it: `key -> value`.
    pub fn arrow(self, text: &[u8]) -> Option<Self> {
        let shaft = text[..self.start]
            .iter()
            .rev()
            .take(ARROW_BYTES_MAX)
            .take_while(|byte| matches!(byte, b'-' | b'='))
            .count();
        let start = self.start - shaft;
        let arrow = text[..self.start].ends_with(b"-") || shaft > 1;
        let apart = start > 0 && text[start - 1] == b' ' && text.get(self.end) == Some(&b' ');
        (arrow && apart).then_some(Self { start, ..self })
    }

    pub fn is_coded(self) -> bool {
        self.coded
    }

    /// What stands right before may be a key, or its quote, or what belongs to the sign.
    #[inline]
    pub fn may_follow_key(self, text: &[u8]) -> bool {
        let before =
            |byte: &u8| BEFORE_ANY[usize::from(*byte)] || self.byte == b'=' && BEFORE_EQUALS[usize::from(*byte)];
        text[..self.start].last().is_some_and(before)
    }

    /// The class of the key before the sign, the key, and its kind.
    pub fn key(self, text: &[u8], keys: &Keys, memo: &mut KeyMemo) -> (KeyClass, Range<usize>, WordKind) {
        let mut end = key_end(text, self);
        let mut start = word_before(text, end);
        if self.byte == b'=' && WordKind::of(&text[start..end]).has(WordKind::TYPE) {
            let apart = text[..start].iter().rev().take(SPACES_MAX).take_while(|byte| b" :*&".contains(byte)).count();
            if apart > 0 {
                end = start - apart;
                start = word_before(text, end);
            }
            // Visual Basic: `Dim password As String = "…"`.
            if text[..end].ends_with(b" As") {
                end -= b" As".len();
                start = word_before(text, end);
            }
        }
        let name = plain_name(&text[start..end]);
        let kind = WordKind::of(name);
        let mut class = match start == end {
            true => KeyClass::Plain,
            false => keys.class(name, memo),
        };
        let vague = kind.has(WordKind::VAGUE) || class == KeyClass::Plain && !name.is_ascii();
        if vague
            && start > 1
            && text[start - 1] == b' '
            && (is_key_byte(text[start - 2]) || !text[start - 2].is_ascii())
        {
            let both = keys.class(&text[word_before(text, start - 1)..end], memo);
            class = if both == KeyClass::Plain { class } else { both };
        }
        (class, start..end, kind)
    }

    /// First byte of the value after the sign, past `==`, `=>`, `:=`, spaces and an opening quote's prefix.
    pub fn value_start(self, text: &[u8]) -> Option<usize> {
        let mut at = self.end;
        match (text[self.start], text.get(at)?) {
            (b':', b':') => return None,
            (b':', b'/') if text.get(at + 1) == Some(&b'/') => return None,
            (b'=' | b':', b'=' | b'>') => at += 1,
            _ => {}
        }
        at += spaces_at(text, at);
        at = past_markup(text, at);
        let quoted = matches!(text.get(at), Some(b'%' | b'&'));
        at +=
            QUOTES.iter().filter(|_| quoted).find(|quote| text[at..].starts_with(quote)).map_or(0, |quote| quote.len());
        at += wrapping(&text[at..]);
        // Python writes bytes as b'…'.
        if matches!(text.get(at), Some(b'b' | b'u' | b'r' | b'f' | b'@'))
            && matches!(text.get(at + 1), Some(b'"' | b'\''))
        {
            at += 1;
        }
        (at < text.len() && !(self.byte == b':' && typed(text, at))).then_some(at)
    }
}

/// A text may hold a sign as URLs write it.
pub fn may_hide(text: &[u8]) -> bool {
    memchr_iter(b'%', text).any(|at| Sign::coded(text, at).is_some())
}

/// Most stars that Markdown makes bold with.
const STARS_MAX: usize = 3;
/// Longest tag around a key, in bytes.
const TAG_BYTES_MAX: usize = 12;

/// Past what ends the markup of a key right after its sign: `**key:** value`, `<b>key:</b> value`.
fn past_markup(text: &[u8], at: usize) -> usize {
    let stars = text[at..].iter().take(STARS_MAX + 1).take_while(|byte| **byte == b'*').count();
    if (1..=STARS_MAX).contains(&stars) && matches!(text.get(at + stars), Some(b' ' | b'`')) {
        return at + stars + spaces_at(text, at + stars);
    }
    let near = &text[at..text.len().min(at + TAG_BYTES_MAX)];
    match near.strip_prefix(b"</").and_then(|tag| tag.iter().position(|byte| *byte == b'>')) {
        Some(len) => at + len + 3 + spaces_at(text, at + len + 3),
        None => at,
    }
}

/// Where a key ends that markup may follow up to `end`: `**key**`, `` `key` ``, `<b>key</b>`.
fn before_markup(text: &[u8], end: usize) -> usize {
    let mut end = end;
    if text[..end].ends_with(b">") {
        let from = end.saturating_sub(TAG_BYTES_MAX);
        match text[from..end].windows(2).rposition(|pair| pair == b"</") {
            Some(at) => end = from + at,
            None => return end,
        }
    }
    end - text[..end].iter().rev().take(STARS_MAX).take_while(|byte| matches!(byte, b'*' | b'`')).count()
}

/// Where the key before a sign ends. `"key" =>`, `[key] =>` and `key ?=` are how Ruby, PHP and make write them.
fn key_end(text: &[u8], sign: Sign) -> usize {
    if text[..sign.start].last().is_some_and(|last| is_key_byte(*last) && !matches!(last, b'.' | b'2' | b'7')) {
        return sign.start;
    }
    let space = |byte: &&u8| SPACE[usize::from(**byte)];
    let spaces = |end: usize| text[..end].iter().rev().take(SPACES_MAX).take_while(space).count();
    let mut end = sign.start - spaces(sign.start);
    if end < sign.start && text[..end].last().is_some_and(|last| !last.is_ascii()) {
        // Bytes of U+FFFD are of letters, too.
        end = foreign_key_end(text, sign.start);
    }
    end = before_markup(text, end);
    if sign.byte == b'=' && !sign.is_coded() {
        let operator = text[..end].iter().rev().take(3).take_while(|byte| b":?.+|".contains(byte)).count();
        if operator > 0 {
            end -= operator;
            end -= spaces(end);
        }
        if end > 0 && matches!(text[end - 1], b'"' | b'\'' | b']') {
            end -= 1;
            end -= usize::from(end > 0 && text[end] == b']' && matches!(text[end - 1], b'"' | b'\'' | b'['));
        }
    }
    if end > 0 && matches!(text[end - 1], b'2' | b'7' | b';') {
        end -= QUOTES.iter().find(|quote| text[..end].ends_with(quote)).map_or(0, |quote| quote.len());
    }
    end
}

/// Where the word that ends at `end` begins, or what is looked at of it.
pub fn word_before(text: &[u8], end: usize) -> usize {
    let from = end.saturating_sub(KEY_BYTES_MAX);
    let start = text[from..end].iter().rposition(|byte| !is_key_byte(*byte)).map_or(from, |at| from + at + 1);
    match text[..start].last() {
        // Two hexadecimal digits after `%` are a byte of their own.
        Some(b'%') => end.min(start + 2),
        Some(before) if !before.is_ascii() => foreign_word_before(text, start, end),
        _ => start,
    }
}

/// The same where letters that are not ASCII stand before `start`: `contraseña`, `пароль`.
#[cold]
fn foreign_word_before(text: &[u8], start: usize, end: usize) -> usize {
    let near = &text[end.saturating_sub(KEY_BYTES_MAX).min(start)..start];
    let of_key = |letter: char| is_of_word(letter) || letter.is_ascii() && is_key_byte(letter as u8);
    // What is cut in two, or no text, is no letter.
    let part = near.utf8_chunks().last().filter(|chunk| chunk.invalid().is_empty());
    let part = part.map_or("", |chunk| chunk.valid());
    start - (part.len() - part.trim_end_matches(of_key).len())
}

/// Where the key ends before spaces and damaged bytes that end at `end`, if its last letter is not ASCII.
#[cold]
fn foreign_key_end(text: &[u8], end: usize) -> usize {
    let mut key = &text[..end];
    for _ in 0..SPACES_MAX {
        let blank = [" ", "\u{fffd}", "\u{a0}", "\u{200b}", "\u{3000}"].into_iter();
        let Some(rest) = blank.filter_map(|blank| key.strip_suffix(blank.as_bytes())).next() else { break };
        key = rest;
    }
    key.len()
}

/// After a type, a name or a value, or a word that says little, the key is elsewhere; and `.=` is a sign.
pub fn elsewhere(word: &[u8], kind: WordKind) -> bool {
    kind != WordKind::NONE || word.ends_with(b".")
}

fn spaces_at(text: &[u8], at: usize) -> usize {
    let space = |byte: &&u8| matches!(**byte, 0..=9 | 11 | 12 | 14..=b' ' | 0x7f);
    text[at..].iter().take(SPACES_MAX).take_while(space).count()
}

/// A type stands at `at` and the value after it: `password: str = "…"`.
fn typed(text: &[u8], at: usize) -> bool {
    if !matches!(text[at] | 0x20, b's' | b't' | b'c' | b'a' | b'v') {
        return false;
    }
    let after = |word: &&[u8]| {
        text[at..].get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word)).map(|head| at + head.len())
    };
    TYPES.iter().find_map(after).is_some_and(|end| {
        let next = end + spaces_at(text, end);
        text.get(next) == Some(&b'=')
    })
}
