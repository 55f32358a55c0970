//! The last redacted lines, in memory: whole batches, shared with the sinks, up to a number of bytes.

use std::collections::VecDeque;

use crate::io::lines::Lines;

/// A ring of batches. Line n of all lines ever pushed has sequence number n, from 1.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    batches: VecDeque<(u64, Lines)>,
    bytes: usize,
    bytes_max: usize,
    sequence: u64,
}

impl Recent {
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, ..Self::default() }
    }

    /// The same lines under another bound.
    pub fn resized(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self.evict();
        self
    }

    pub fn push(&mut self, lines: &Lines) {
        let first = self.sequence + 1;
        self.sequence += lines.count() as u64;
        if self.bytes_max == 0 || lines.count() == 0 {
            return;
        }
        self.bytes += lines.bytes().len();
        self.batches.push_back((first, lines.clone()));
        self.evict();
    }

    /// Sequence number of the newest line; 0 before the first.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Batches that hold lines after sequence number `after`, oldest first, cut to those lines.
    pub fn after(&self, after: u64) -> Vec<Lines> {
        let newer = self.batches.iter().filter(|(first, lines)| first + lines.count() as u64 > after + 1);
        newer.map(|(first, lines)| lines.slice((after + 1).saturating_sub(*first) as usize, lines.count())).collect()
    }

    /// A batch larger than the bound is not kept at all.
    fn evict(&mut self) {
        while self.bytes > self.bytes_max {
            let Some((_, lines)) = self.batches.pop_front() else { return };
            self.bytes -= lines.bytes().len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_batches_go_and_sequence_numbers_stay() {
        let mut recent = Recent::new(8);
        for text in ["a\nb\n", "c\nd\n", "e\n"] {
            recent.push(&Lines::new(text.into(), text.len() / 2));
        }
        let texts = |after| recent.after(after).iter().flat_map(|l| l.bytes().to_vec()).collect::<Vec<u8>>();
        assert_eq!(recent.sequence(), 5);
        assert_eq!(texts(0), b"c\nd\ne\n");
        assert_eq!(texts(3), b"d\ne\n");
        assert_eq!(texts(5), b"");
    }
}
