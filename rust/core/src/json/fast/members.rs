//! The run over members: what most lines are made of, in one loop that calls nothing and so stays in the registers.

use crate::json::dictionary::entry::{Entry, UNKNOWN};
use crate::json::dictionary::Dictionary;
use crate::json::tape::{notable, Kind, Node, Tape};
use crate::simd::bitmap::Beside;

use super::context::{bare, Context, Place};

/// Numbers of these lengths are as long as a card's.
pub(super) const CARD_DIGITS: std::ops::RangeInclusive<u32> = 15..=16;
/// Most members of one run: a bit for each.
const MEMBERS_MAX: usize = u64::BITS as usize;

/// Where a run goes.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    /// From the line on.
    text: &'a [u8],
    /// Of the line in what was scanned.
    start: usize,
    /// Quotes, and what the prefilter marked.
    bits: Beside<'a>,
    /// A string that ends before is without escapes, and ends in the line.
    limit: usize,
    keys: &'a Dictionary,
}

/// What was written of a run: pairs of a key and a value; of the last one perhaps the key alone.
pub(super) struct Run {
    /// Where it ended: behind a value, or where one begins.
    pub at: usize,
    keys: usize,
    values: usize,
    /// Flags of `notable`.
    pub seen: u8,
    /// A bit for each value, the first in the lowest place: a string with a mark.
    marks: u64,
}

impl<'a> Ground<'a> {
    #[inline(always)]
    pub fn new(context: &Context<'a>, limit: usize, keys: &'a Dictionary) -> Self {
        let &Context { text, start, structure, places, .. } = context;
        Self { text, start, bits: structure.quotes().beside(places), limit, keys }
    }

    /// Members as long as each is a comma, the key that came next last time, and a string without escapes, a number or
    /// a word. From the bracket that opens the line.
    #[inline(always)]
    pub fn run_first(&self, at: usize, room: &mut [Node]) -> Run {
        match self.keys.expected() {
            [] => self.guessed(self.keys.guesses().after(UNKNOWN), 8, at, room),
            expected => self.expected(expected, at, room),
        }
    }

    /// The same from behind a value of the key `previous`, which is that of the `members`-th member of the line if all
    /// is as expected.
    pub fn run(&self, previous: u16, members: usize, at: usize, room: &mut [Node]) -> Run {
        match self.keys.expected().get(members.wrapping_sub(1)..) {
            Some([last, rest @ ..]) if last.number == previous => self.expected(rest, at, room),
            _ => self.guessed(self.keys.guesses().after(previous), 0, at, room),
        }
    }

    /// The keys that lines have lately, in order.
    #[inline(never)]
    fn expected(&self, expected: &[Entry], at: usize, room: &mut [Node]) -> Run {
        let (ground, pairs) = (self.matched(), room.as_chunks_mut().0);
        let most = expected.len().min(pairs.len()).min(MEMBERS_MAX);
        let (expected, pairs) = (&expected[..most], &mut pairs[..most]);
        let mut steps = Steps::from(at);
        while steps.done < most {
            let (entry, pair) = (&expected[steps.done], &mut pairs[steps.done]);
            let Some(byte) = entry.begins(ground.text, steps.at, u128::MAX) else { break };
            if !steps.member(&ground, entry, byte, pair) {
                break;
            }
        }
        let run = steps.run();
        let traits = expected[..run.keys].last().map_or(0, |entry| entry.traits);
        Run { seen: run.seen | traits, ..run }
    }

    /// The keys that came after each other last time, `first` first. `skipped`: bits of its token that are not looked at.
    #[inline(never)]
    fn guessed(&self, first: &Entry, skipped: u32, at: usize, room: &mut [Node]) -> Run {
        let (ground, pairs) = (self.matched(), room.as_chunks_mut().0);
        let mut steps = Steps::from(at);
        let (mut entry, mut mask) = (first, u128::MAX << skipped);
        while steps.done < MEMBERS_MAX {
            let Some(pair) = pairs.get_mut(steps.done) else { break };
            let Some(byte) = entry.begins(ground.text, steps.at, mask) else { break };
            if !ground.keys.ends(entry, ground.text, steps.at) {
                break;
            }
            steps.seen |= entry.traits;
            if !steps.member(&ground, entry, byte, pair) {
                break;
            }
            (entry, mask) = (ground.keys.guesses().next(entry), u128::MAX);
        }
        steps.run()
    }

    /// Write the value at `at`, which begins with `byte`; give what is behind it. `marked`: a string with a mark.
    #[inline(always)]
    fn value(&self, byte: u8, at: u32, value: &mut Node, seen: &mut u8, marked: &mut bool) -> Option<u32> {
        if byte == b'"' {
            let (bytes, mark) = self.bits.string(self.start + at as usize + 1)?;
            let to = at + 1 + bytes;
            if to as usize >= self.limit {
                return None;
            }
            *marked = mark;
            *value = leaf(Kind::String, at + 1, to);
            Some(to + 1)
        } else {
            let (kind, to) = bare(self.text, byte, at)?;
            *seen |= card(kind, to - at);
            *value = leaf(kind, at, to);
            Some(to)
        }
    }

    /// The same, so that the compiler sees more of it.
    #[inline(always)]
    fn matched(&self) -> Self {
        Self { bits: self.bits.matched(), ..*self }
    }
}

/// A run in progress.
struct Steps {
    /// As in the tape, so that sums of places are known not to overflow.
    at: u32,
    seen: u8,
    marks: u64,
    /// Members written; the key of one more may be.
    done: usize,
    pending: bool,
}

impl Steps {
    #[inline(always)]
    fn from(at: usize) -> Self {
        Self { at: at as u32, seen: 0, marks: 0, done: 0, pending: false }
    }

    /// Write the member whose key is that of `entry`, and whose value begins with `byte`; false if the value is not
    /// one of a run.
    #[inline(always)]
    fn member(&mut self, ground: &Ground<'_>, entry: &Entry, byte: u8, [key, value]: &mut [Node; 2]) -> bool {
        *key = entry.node(self.at);
        self.at += u32::from(entry.token_bytes);
        let mut marked = false;
        let Some(behind) = ground.value(byte, self.at, value, &mut self.seen, &mut marked) else {
            self.pending = true;
            return false;
        };
        // Mostly the same strings of every line.
        if marked {
            self.marks |= 1 << self.done;
        }
        self.at = behind;
        self.done += 1;
        true
    }

    #[inline(always)]
    fn run(self) -> Run {
        let Self { at, seen, marks, done, pending } = self;
        Run { at: at as usize, keys: done + usize::from(pending), values: done, seen, marks }
    }
}

impl Run {
    /// Every key has its value.
    #[inline(always)]
    pub fn is_whole(&self) -> bool {
        self.keys == self.values
    }

    pub fn place(&self) -> Place {
        match self.is_whole() {
            true => Place::Behind(self.at),
            false => Place::Value(self.at),
        }
    }

    /// What was written is of the tape.
    #[inline(always)]
    pub fn note(&self, tape: &mut Tape) {
        let mut marks = self.marks;
        while marks != 0 {
            tape.candidates.push(tape.len as u32 + 2 * marks.trailing_zeros() + 1);
            marks &= marks - 1;
        }
        tape.len += self.keys + self.values;
    }

    /// The last key, of a tape that it was just noted in.
    pub fn last_key(&self, tape: &Tape) -> Option<u16> {
        let behind = 1 + usize::from(self.is_whole());
        let node = tape.nodes().get(tape.len.checked_sub(behind)?)?;
        (self.keys > 0).then_some(node.key)
    }
}

#[inline(always)]
fn leaf(kind: Kind, start: u32, end: u32) -> Node {
    Node { kind, escaped: false, key: UNKNOWN, start, end, span: 1 }
}

#[inline(always)]
pub(super) fn card(kind: Kind, bytes: u32) -> u8 {
    if kind == Kind::Number && CARD_DIGITS.contains(&bytes) {
        notable::CARD
    } else {
        0
    }
}
