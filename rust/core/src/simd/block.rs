//! What a block of 64 bytes means for lines, quotes and escapes, whatever found its masks.

/// One line of a scanned text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineEnd {
    /// Position of the newline, or the length of the text when the last line has none.
    pub at: usize,
    /// It holds a control character, other than a carriage return that ends it.
    pub control: bool,
    pub backslash: bool,
}

/// The masks of 64 bytes, the first in the lowest bit.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Masks {
    pub quote: u64,
    pub backslash: u64,
    /// Below 0x20, newlines included.
    pub control: u64,
    pub newline: u64,
    pub carriage_return: u64,
}

/// A pass in progress.
pub(super) struct Kernel<'a> {
    pub text: &'a [u8],
    pub lines: &'a mut Vec<LineEnd>,
    /// 1 if the first byte of the next block is escaped.
    pub escaped: u64,
    /// Of the line that is open.
    pub control: bool,
    pub backslash: bool,
}

impl Kernel<'_> {
    /// The first byte of the next block is escaped.
    #[inline(always)]
    pub fn carries(&self) -> bool {
        self.escaped != 0
    }

    /// The `index`-th block, which has backslashes, control characters or an escaped first byte; gives its quotes and escapes.
    pub fn block(&mut self, index: usize, masks: Masks) -> (u64, u64) {
        let at = index * 64;
        if masks.control == masks.newline && masks.backslash | self.escaped == 0 {
            self.end_lines(at, masks.newline);
            return (masks.quote, 0);
        }
        let mut escapes = 0;
        let mut rest = masks.backslash & !self.escaped;
        while rest != 0 {
            // The first backslash left begins an escape; the byte after it, whatever it is, begins none.
            let first = rest & rest.wrapping_neg();
            escapes |= first;
            rest &= !(first | first << 1);
        }
        let quotes = masks.quote & !(escapes << 1 | self.escaped);
        self.escaped = escapes >> 63;
        let newline_follows = u64::from(self.text.get(at + 64) == Some(&b'\n')) << 63;
        let line_ends = masks.newline | masks.carriage_return & (masks.newline >> 1 | newline_follows);
        self.mark(at, masks.newline, masks.control & !line_ends, masks.backslash);
        (quotes, escapes)
    }

    /// End the lines of a block that has nothing else out of the ordinary.
    #[inline(always)]
    fn end_lines(&mut self, at: usize, mut newline: u64) {
        while newline != 0 {
            let at = at + newline.trailing_zeros() as usize;
            self.lines.push(LineEnd { at, control: self.control, backslash: self.backslash });
            (self.control, self.backslash) = (false, false);
            newline &= newline - 1;
        }
    }

    /// Give each line of a block what it holds, and end those that end here.
    fn mark(&mut self, at: usize, mut newline: u64, mut control: u64, mut backslash: u64) {
        while newline != 0 {
            let first = newline & newline.wrapping_neg();
            let before = first - 1;
            self.lines.push(LineEnd {
                at: at + newline.trailing_zeros() as usize,
                control: self.control || control & before != 0,
                backslash: self.backslash || backslash & before != 0,
            });
            (self.control, self.backslash) = (false, false);
            control &= !before;
            backslash &= !before;
            newline ^= first;
        }
        self.control |= control != 0;
        self.backslash |= backslash != 0;
    }

    /// The last line, if it has no newline.
    pub fn finish(&mut self) {
        if self.text.last().is_some_and(|byte| *byte != b'\n') {
            self.lines.push(LineEnd { at: self.text.len(), control: self.control, backslash: self.backslash });
        }
    }
}
