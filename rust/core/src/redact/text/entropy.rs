//! Values under keys that say little: secret if they look random. Signs may stand close to each other in one long word, and
//! then so do the values after them: what is known of one is carried to the next.

use crate::io::escape::Decoded;
use crate::redact::keys::class::KeyClass;
use crate::redact::patterns::checks::{self, Kinds, RANDOM_BITS_MIN, RANDOM_PIECE_BYTES_MIN};

/// Longest value weighed, in bytes.
pub const WEIGHED_BYTES_MAX: usize = 512;
/// One bit of entropy in fixed point. With it sums need no rounding, so they can be carried on for ever.
const BIT: f64 = (1_u64 << 32) as f64;
/// What rounding may do to such a sum: half a unit for each count and each total.
const ROUNDING: i64 = WEIGHED_BYTES_MAX as i64;

/// The bytes `from..to` of a text, counted.
pub struct Window {
    from: usize,
    to: usize,
    /// They are counted: the first value of a word is not, for most are the only one.
    counted: bool,
    counts: [u16; 256],
    /// Of the counts, n times the logarithm of n.
    sum: i64,
    /// How many bytes are of which kinds.
    tally: Tally,
    /// Neighbours of which one is a digit or a capital and the other is not that.
    changes: usize,
    /// Bytes without a split, up to the last one; where as many as a piece needs were last seen to end.
    run: usize,
    piece_end: usize,
    /// n times the logarithm of n, by n.
    n_log_n: [i64; WEIGHED_BYTES_MAX + 1],
}

/// Four counts of 16 bits, so that a byte is added to all at once.
#[derive(Clone, Copy)]
struct Tally(u64);

/// Bytes that no random value has, that a value of letters has not, between pieces, and digits: where they are counted.
const ODD: u32 = 0;
const OTHERS: u32 = 16;
const SPLITS: u32 = 32;
const DIGITS: u32 = 48;

impl Tally {
    fn of(self, kind: u32) -> usize {
        usize::from((self.0 >> kind) as u16)
    }
}

const TALLIES: [u64; 256] = {
    let mut tallies = [0; 256];
    let mut byte = 0;
    while byte < tallies.len() {
        let kinds = Kinds::of(byte as u8);
        tallies[byte] = (!kinds.has(Kinds::OF_VALUE) as u64) << ODD
            | (kinds.has(Kinds::OTHER) as u64) << OTHERS
            | (kinds.has(Kinds::SPLIT) as u64) << SPLITS
            | (kinds.has(Kinds::DIGIT) as u64) << DIGITS;
        byte += 1;
    }
    tallies
};

impl Default for Window {
    fn default() -> Self {
        let n_log_n = |n: usize| (n as f64 * (n.max(1) as f64).log2() * BIT).round() as i64;
        Self {
            from: 0,
            to: 0,
            counted: false,
            counts: [0; 256],
            sum: 0,
            tally: Tally(0),
            changes: 0,
            run: 0,
            piece_end: 0,
            n_log_n: std::array::from_fn(n_log_n),
        }
    }
}

/// Words look random if their blanks are escapes: `red%20shoes%20for%20bob`.
fn weighs_decoded(value: &[u8], class: KeyClass) -> bool {
    if memchr::memmem::find(value, b"%20").is_none() {
        return true;
    }
    let mut decoded = Decoded::default();
    decoded.web(value);
    class.rule_for(&decoded.bytes).is_some()
}

impl Window {
    /// Forget the text.
    pub fn clear(&mut self) {
        (self.from, self.to) = (0, 0);
    }

    /// `class` makes `text[start..end]` secret, which is at most `WEIGHED_BYTES_MAX` long. `entry`: the value stands where
    /// the name of an entry may.
    pub fn weighs(&mut self, text: &[u8], start: usize, end: usize, class: KeyClass, entry: bool) -> bool {
        let value = &text[start..end];
        if self.moved(text, start, end) && !self.may_weigh(value.len(), class) {
            return false;
        }
        let entry = entry && checks::uuid(value);
        class.rule_for(value).is_some()
            && !(entry && matches!(class, KeyClass::Bare(_)))
            && weighs_decoded(value, class)
    }

    /// These bytes look random.
    pub fn random(&mut self, text: &[u8], start: usize, end: usize) -> bool {
        let may_be = !self.moved(text, start, end) || self.may_be_random(end - start);
        may_be && checks::high_entropy(&text[start..end])
    }

    /// Move on to these bytes; false where what is known of the last ones does not help.
    fn moved(&mut self, text: &[u8], start: usize, end: usize) -> bool {
        let overlaps = self.from <= start && start < self.to && self.to <= end;
        if !overlaps {
            (self.from, self.to, self.counted) = (start, end, false);
            return false;
        }
        if !self.counted {
            (self.from, self.to, self.counted) = (start, start, true);
            self.counts.fill(0);
            (self.sum, self.tally, self.changes) = (0, Tally(0), 0);
            (self.run, self.piece_end) = (0, 0);
        }
        for pair in text[self.from..=start].windows(2) {
            self.tally.0 -= TALLIES[usize::from(pair[0])];
            self.count(pair[0], usize::MAX);
            self.changes -= usize::from(Kinds::of(pair[0]).changes(Kinds::of(pair[1])));
        }
        let mut before = text[..self.to].last().filter(|_| self.to > start).map(|byte| Kinds::of(*byte));
        for (at, byte) in text[self.to..end].iter().enumerate() {
            self.tally.0 += TALLIES[usize::from(*byte)];
            self.count(*byte, 1);
            let kinds = Kinds::of(*byte);
            self.changes += usize::from(before.is_some_and(|before| before.changes(kinds)));
            before = Some(kinds);
            self.run = if kinds.has(Kinds::SPLIT) { 0 } else { self.run + 1 };
            if self.run >= RANDOM_PIECE_BYTES_MIN {
                self.piece_end = self.to + at + 1;
            }
        }
        (self.from, self.to) = (start, end);
        true
    }

    /// One byte more (1) or less (`usize::MAX`).
    #[inline]
    fn count(&mut self, byte: u8, change: usize) {
        let count = &mut self.counts[usize::from(byte)];
        let before = usize::from(*count);
        let after = before.wrapping_add(change);
        *count = after as u16;
        self.sum += self.n_log_n[after] - self.n_log_n[before];
    }

    /// False only if the class does not make these bytes secret.
    fn may_weigh(&self, len: usize, class: KeyClass) -> bool {
        match class {
            KeyClass::Bare(_) | KeyClass::Likely(_) => self.may_be_random(len),
            // Letters and digits only have no sign among them.
            KeyClass::Owned(_) => {
                self.may_be_random(len) || [b'=', b':'].iter().all(|sign| self.counts[usize::from(*sign)] == 0)
            }
            KeyClass::Short(_) => self.tally.of(OTHERS) > 0,
            KeyClass::Plain
            | KeyClass::Secret(_)
            | KeyClass::Credential(_)
            | KeyClass::Plural(_)
            | KeyClass::Directory(_) => true,
        }
    }

    fn may_be_random(&self, len: usize) -> bool {
        let bits = self.n_log_n[len] - self.sum;
        let bits_min = (len as f64 * RANDOM_BITS_MIN * BIT) as i64;
        // The longest piece is all, or at least long enough to be one.
        let mixed = match self.tally.of(SPLITS) {
            0 => checks::piece_is_mixed(self.tally.of(DIGITS), self.changes, len),
            _ => self.tally.of(DIGITS) >= 2 || checks::piece_is_mixed(0, self.changes, RANDOM_PIECE_BYTES_MIN),
        };
        mixed
            && self.tally.of(ODD) == 0
            && bits + ROUNDING >= bits_min
            && self.piece_end >= self.from + RANDOM_PIECE_BYTES_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is carried on says the same as looking at each value by itself.
        #[test]
        fn a_window_says_what_a_value_does(
            text in "([a-z=]{1,9}|[0-9A-F]{1,20}|token=1{0,4}|[-_.]|\\[|é){20,80}",
            starts in prop::collection::vec((0_usize..40, 1_usize..WEIGHED_BYTES_MAX), 1..20),
        ) {
            let text = text.as_bytes();
            let mut window = Window::default();
            let mut start = 0;
            for (step, len) in starts {
                start = (start + step) % text.len();
                let len = if step % 4 == 0 { len } else { WEIGHED_BYTES_MAX };
                let end = text.len().min(start + len);
                for class in [KeyClass::Bare(0), KeyClass::Likely(0), KeyClass::Owned(0), KeyClass::Short(0)] {
                    let alone = Window::default().weighs(text, start, end, class, false);
                    prop_assert_eq!(window.weighs(text, start, end, class, false), alone);
                }
            }
        }
    }
}
