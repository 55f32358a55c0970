//! A fuzzer's bytes as an input: lines, and how they are cut. The lines stay as they are, so that seeds are log files.

/// Bytes at the end of an input that say how the rest is cut.
const CONTROL_BYTES: usize = 8;
/// Cuts tried of one input.
const CUTS_MAX: u64 = 12;

/// Lines, with or without a last newline, and a source of choices.
pub struct Input<'a> {
    pub lines: &'a [u8],
    choices: u64,
}

impl<'a> Input<'a> {
    pub fn read(data: &'a [u8]) -> Self {
        let (lines, control) = data.split_at(data.len().saturating_sub(CONTROL_BYTES));
        let choices = control.iter().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        Self { lines, choices }
    }

    /// Whether this input takes a way that one of `ways` takes.
    pub fn chooses_one_of(&self, ways: u64) -> bool {
        self.choices % ways == 0
    }

    /// The lines in pieces that are cut anywhere.
    pub fn chunks(&self) -> Vec<&'a [u8]> {
        let mut state = self.choices;
        let mut cuts: Vec<usize> = (0..state % CUTS_MAX).map(|_| next(&mut state, self.lines.len())).collect();
        cuts.extend([0, self.lines.len()]);
        cuts.sort_unstable();
        cuts.windows(2).map(|pair| &self.lines[pair[0]..pair[1]]).collect()
    }

    /// The lines in batches: cut after some of the newlines.
    pub fn batches(&self) -> Vec<&'a [u8]> {
        let mut state = !self.choices;
        let each = 1 + state % CUTS_MAX;
        let mut batches = Vec::new();
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', self.lines) {
            if next(&mut state, each as usize) == 0 {
                batches.push(&self.lines[start..=newline]);
                start = newline + 1;
            }
        }
        if start < self.lines.len() {
            batches.push(&self.lines[start..]);
        }
        batches
    }

    /// Every line by itself, with its newline.
    pub fn single(&self) -> impl Iterator<Item = &'a [u8]> {
        self.lines.split_inclusive(|byte| *byte == b'\n')
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014), up to and including `max`.
fn next(state: &mut u64, max: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) % (max as u64 + 1)) as usize
}
