//! Values that the process itself holds, found wherever they appear, without a key or a rule.
//! Problem: a service knows its database password, and no pattern does; it is logged plain, escaped or in Base64.
//! Idea: every form of every value is a needle of at least 12 bytes. Of a text only every eighth place is looked at: five
//! bytes there are in a table of those that needles begin with, give or take seven. That is Wu and Manber's shift (1994)
//! with a fixed step: a step cannot jump over a needle.
//!
//! ```text
//! value -> encodings -> needles -> table of 5-byte parts
//! batch -> every eighth place -> table -> needle compared -> span
//! ```

mod encodings;
#[cfg(test)]
mod learned_tests;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use memchr::memmem;

use crate::json::tape::{Kind, Node, Tape};
use crate::limits::{LEARNED_BYTES_MAX, LEARNED_BYTES_MIN};
use crate::redact::token::OPEN;
use crate::spec::RuleError;

/// Most values: their needles then take a few megabytes.
const VALUES_MAX: usize = 4096;

/// Bytes compared by the table. Of four, one in forty that are hexadecimal digits is some needle's by chance.
const PART_BYTES: usize = 5;
/// Of so many neighbouring places one is looked at; of more where all needles are longer.
const STEP_BYTES: usize = LEARNED_BYTES_MIN - PART_BYTES + 1;
const STEPS_BYTES: [usize; 3] = [24, 16, 12];
/// Bytes of the table, as a power of two: 128 KiB. Of 200 values in it one place in a hundred passes by chance.
const TABLE_BYTES_LOG2: u32 = 17;
const TABLE_BYTES: usize = 1 << TABLE_BYTES_LOG2;
/// Two bits of a byte, by another byte. Looked up, because to shift by a number of bits that is not known takes three steps.
const MASKS: [u8; 256] = masks();
/// Of the golden ratio so many bits that a product has nothing of the bytes behind a part.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15 << (8 * (8 - PART_BYTES));
/// Places that are looked at side by side.
const LANES: usize = 4;

/// The rule's name, and where an error is.
pub const NAME: &str = "learned";

/// The needles of all values.
pub struct Learned {
    /// The rule's number.
    pub rule: u16,
    /// Of so many neighbouring places one is looked at.
    step_bytes: usize,
    /// Two bits of one byte for every part.
    table: Box<[u8; TABLE_BYTES]>,
    parts: HashMap<u64, Vec<Part>, RandomState>,
    needles: Vec<Vec<u8>>,
}

/// Where five bytes stand in a needle.
#[derive(Clone, Copy)]
struct Part {
    needle: u32,
    offset: u8,
}

/// A value found: where it begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Learned {
    /// None where nothing was learned.
    ///
    /// # Errors
    /// Too many values, or one that is too short or too long, by its number. No value is shown.
    pub fn new(values: &[String], rule: u16) -> Result<Option<Self>, RuleError> {
        if values.is_empty() {
            return Ok(None);
        }
        let fail = |reason: String| Err(RuleError::new(NAME, reason));
        if values.len() > VALUES_MAX {
            return fail(format!("more than {VALUES_MAX} values"));
        }
        let fits = LEARNED_BYTES_MIN..=LEARNED_BYTES_MAX;
        if let Some(at) = values.iter().position(|value| !fits.contains(&value.len())) {
            return fail(format!("value {} has not {LEARNED_BYTES_MIN} to {LEARNED_BYTES_MAX} bytes", at + 1));
        }
        // A part of a token would be found in tokens.
        let values = values.iter().filter(|value| memmem::find(value.as_bytes(), OPEN).is_none());
        let mut needles: Vec<Vec<u8>> = values.flat_map(|value| encodings::of(value)).collect();
        needles.sort_unstable();
        needles.dedup();
        let shortest = needles.iter().map(Vec::len).min().unwrap_or(LEARNED_BYTES_MIN);
        let fits = |step: &&usize| **step < shortest + 2 - PART_BYTES;
        let step_bytes = STEPS_BYTES.iter().find(fits).copied().unwrap_or(STEP_BYTES);
        let (table, parts) = (Box::new([0; TABLE_BYTES]), HashMap::default());
        let mut learned = Self { rule, step_bytes, table, parts, needles: Vec::new() };
        for (number, needle) in needles.iter().enumerate() {
            for offset in 0..step_bytes {
                let part = part_at(needle, offset);
                let (byte, mask) = place_in_table(part);
                learned.table[byte] |= mask;
                let parts = learned.parts.entry(part).or_default();
                parts.push(Part { needle: number as u32, offset: offset as u8 });
            }
        }
        learned.needles = needles;
        Ok(Some(learned))
    }

    /// Append to `spans` where values stand in `text`, by their start. Each may touch or hold others.
    pub fn find(&self, text: &[u8], spans: &mut Vec<Span>) {
        let from = spans.len();
        match self.step_bytes {
            24.. => self.look::<{ LANES * 24 }>(text, spans),
            16.. => self.look::<{ LANES * 16 }>(text, spans),
            12.. => self.look::<{ LANES * 12 }>(text, spans),
            _ => self.look::<{ LANES * STEP_BYTES }>(text, spans),
        }
        // One place may lie in several needles.
        spans[from..].sort_unstable_by_key(|span| (span.start, span.end));
    }

    /// Blocks of a length that is known to the compiler: no look-up is checked.
    fn look<const BLOCK_BYTES: usize>(&self, text: &[u8], spans: &mut Vec<Span>) {
        let (blocks, rest) = text.as_chunks::<BLOCK_BYTES>();
        let step = BLOCK_BYTES / LANES;
        for (number, block) in blocks.iter().enumerate() {
            let lanes: [bool; LANES] = std::array::from_fn(|lane| self.may_begin(eight_in(block, lane * step)));
            if lanes.contains(&true) {
                let found = (0..LANES).filter(|lane| lanes[*lane]);
                found.for_each(|lane| self.compare(text, number * BLOCK_BYTES + lane * step, spans));
            }
        }
        for at in (text.len() - rest.len()..text.len()).step_by(step).take_while(|at| at + PART_BYTES <= text.len()) {
            self.compare(text, at, spans);
        }
    }

    /// True where the part may be in the table.
    #[inline(always)]
    fn may_begin(&self, part: u64) -> bool {
        let (byte, mask) = place_in_table(part);
        self.table[byte] & mask == mask
    }

    #[inline(never)]
    fn compare(&self, text: &[u8], at: usize, spans: &mut Vec<Span>) {
        if !self.may_begin(part_at(text, at)) {
            return;
        }
        let Some(parts) = self.parts.get(&part_at(text, at)) else { return };
        for part in parts {
            let Some(start) = at.checked_sub(usize::from(part.offset)) else { continue };
            let needle = &self.needles[part.needle as usize];
            if text[start..].starts_with(needle) {
                spans.push(Span { start: start as u32, end: (start + needle.len()) as u32 });
            }
        }
    }
}

/// Those of `spans` that lie in `start..end`, counted from `start` on.
pub fn within(spans: &[Span], start: usize, end: usize) -> impl Iterator<Item = Span> + '_ {
    let first = spans.partition_point(|span| (span.start as usize) < start);
    let inside = spans[first..].iter().take_while(move |span| (span.start as usize) < end);
    let moved = move |span: &Span| Span { start: span.start - start as u32, end: span.end - start as u32 };
    inside.filter(move |span| span.end as usize <= end).map(moved)
}

/// What has to go of a JSON text for these spans: of a string or key the span itself, of a number all of it, with quotes.
pub fn of_document(text: &[u8], tape: &Tape, spans: impl Iterator<Item = Span>, mut found: impl FnMut(Span, bool)) {
    let mut units = Units::default();
    for span in spans {
        let index = tape.nodes().partition_point(|node| node.start <= span.start);
        let Some(node) = index.checked_sub(1).map(|last| &tape.nodes()[last]) else { continue };
        match node.kind {
            Kind::String | Kind::Key if span.end <= node.end && units.are_whole(text, node, span) => {
                found(span, false);
            }
            Kind::Number | Kind::NonFinite if span.end <= node.end => {
                found(Span { start: node.start, end: node.end }, true);
            }
            _ => {}
        }
    }
}

/// Reads a string escape by escape: a value must not begin or end within one.
#[derive(Default)]
struct Units {
    /// Where an escape or a byte begins, in the string read last.
    at: usize,
}

impl Units {
    /// Asked for in order of the spans' starts.
    fn are_whole(&mut self, text: &[u8], node: &Node, span: Span) -> bool {
        if !node.escaped {
            return true;
        }
        let [start, end] = [span.start, span.end].map(|at| at as usize);
        self.at = go_on(text, self.at.max(node.start as usize), start);
        self.at == start && go_on(text, start, end) == end
    }
}

/// The first place from `to` on at which an escape or a byte begins; one begins at `at`.
fn go_on(text: &[u8], mut at: usize, to: usize) -> usize {
    while at < to {
        at += match (text[at], text.get(at + 1)) {
            (b'\\', Some(b'u')) => 6,
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    at
}

/// Five bytes of a text, in the lower ones of a word.
fn part_at(text: &[u8], at: usize) -> u64 {
    let mut part = [0; 8];
    part[..PART_BYTES].copy_from_slice(&text[at..at + PART_BYTES]);
    u64::from_le_bytes(part)
}

/// The same of a block, with the three bytes behind it, which look-ups do not regard.
#[inline(always)]
fn eight_in<const BLOCK_BYTES: usize>(block: &[u8; BLOCK_BYTES], at: usize) -> u64 {
    block[at..at + 8].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight))
}

/// A byte of the table and two bits of it (a blocked filter, Putze, Sanders and Singler 2007).
#[inline(always)]
fn place_in_table(part: u64) -> (usize, u8) {
    let hash = part.wrapping_mul(MULTIPLIER);
    let bits = (hash >> (u64::BITS - TABLE_BYTES_LOG2 - u8::BITS)) as u8;
    ((hash >> (u64::BITS - TABLE_BYTES_LOG2)) as usize, MASKS[usize::from(bits)])
}

const fn masks() -> [u8; 256] {
    let mut masks = [0; 256];
    let mut at = 0;
    while at < 256 {
        // Of eight neighbours the second bit is another than the first, by one to seven places.
        masks[at] = 1_u8.rotate_left(at as u32) | 1_u8.rotate_left((at + 1 + (at >> 3) % 7) as u32);
        at += 1;
    }
    masks
}
