//! Edits: the spans of a text that are replaced, and with what.
//! Everything between edits is copied unchanged, so untouched bytes stay identical.

/// Replace `start..end` of the text by `with` of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    pub start: u32,
    pub end: u32,
    /// The redaction rule that asked for it, for counting.
    pub rule: u16,
    /// Span of the replacement in `Edits::arena`.
    with: (u32, u32),
}

impl Edit {
    /// Nothing stands in its place.
    pub fn is_removal(&self) -> bool {
        self.with.0 == self.with.1
    }
}

/// Where positions of the result of edits stand in the text. Asked for in order, it reads the edits once.
struct Origin<'a> {
    edits: &'a Edits,
    /// Edits before this one end before any position still to come.
    index: usize,
    /// By how much they made the text longer.
    shift: isize,
}

impl Origin<'_> {
    /// The place of a position; inside a replacement, its start or its end.
    fn of(&mut self, position: usize, end: bool) -> usize {
        while let Some(edit) = self.edits.list.get(self.index) {
            let from = (edit.start as isize + self.shift) as usize;
            let to = from + self.edits.with(edit).len();
            if position < from || (position == from && !(end && from == to)) {
                break;
            }
            if position < to || (position == to && end) {
                return if end { edit.end as usize } else { edit.start as usize };
            }
            self.shift += (to - from) as isize - (edit.end - edit.start) as isize;
            self.index += 1;
        }
        (position as isize - self.shift) as usize
    }
}

/// Edits of one text. After `settle` they are sorted and disjoint.
///
/// # Example
///
/// ```
/// use headrig_core::io::edit::Edits;
///
/// let (mut edits, mut out) = (Edits::default(), Vec::new());
/// edits.push(4, 11, 0, b"***");
/// edits.settle();
/// edits.apply(b"pin=hunter2;", 0, 12, &mut out);
/// assert_eq!(out, b"pin=***;");
/// ```
#[derive(Default, Debug)]
pub struct Edits {
    pub list: Vec<Edit>,
    arena: Vec<u8>,
}

impl Edits {
    /// Of a text that is as it was.
    pub const NONE: &'static Self = &Self { list: Vec::new(), arena: Vec::new() };

    pub fn clear(&mut self) {
        self.list.clear();
        self.arena.clear();
    }

    /// These edits, then `next`, which are edits of their result: as edits of the first text.
    /// Both settled. An edit of a replacement takes the whole replacement with it.
    pub fn then(&self, next: &Edits) -> Edits {
        let mut both = Edits::default();
        let mut origin = Origin { edits: self, index: 0, shift: 0 };
        for edit in &next.list {
            let (start, end) = (origin.of(edit.start as usize, false), origin.of(edit.end as usize, true));
            both.push(start, end, edit.rule, next.with(edit));
        }
        both.settle();
        let (mut later, settled) = (0, both.list.len());
        for edit in &self.list {
            later += both.list[later..settled].iter().take_while(|other| other.end < edit.end).count();
            if both.list[later..settled].first().is_none_or(|other| other.start > edit.start) {
                both.push(edit.start as usize, edit.end as usize, edit.rule, self.with(edit));
            }
        }
        both.settle();
        both
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn push(&mut self, start: usize, end: usize, rule: u16, with: &[u8]) {
        let from = self.arena.len() as u32;
        self.arena.extend_from_slice(with);
        self.list.push(Edit { start: start as u32, end: end as u32, rule, with: (from, self.arena.len() as u32) });
    }

    pub fn with(&self, edit: &Edit) -> &[u8] {
        &self.arena[edit.with.0 as usize..edit.with.1 as usize]
    }

    /// Sort by start; of edits that overlap, the earlier start and then the longer one stays,
    /// widened to cover what the other one would have covered.
    pub fn settle(&mut self) {
        self.list.sort_by_key(|e| (e.start, std::cmp::Reverse(e.end)));
        let mut kept: usize = 0;
        for index in 0..self.list.len() {
            let edit = self.list[index];
            match kept.checked_sub(1).map(|last| &mut self.list[last]) {
                Some(last) if edit.start < last.end || (edit.start == last.start && edit.end == last.end) => {
                    last.end = last.end.max(edit.end);
                }
                _ => {
                    self.list[kept] = edit;
                    kept += 1;
                }
            }
        }
        self.list.truncate(kept);
    }

    /// The edits that touch `start..end`. Needs `settle` first.
    pub fn within(&self, start: usize, end: usize) -> &[Edit] {
        touching(&self.list, start, end)
    }

    /// Replace, for no rule, each of the spans that no edit touches; give how many. Needs `settle` first, and leaves it so.
    pub fn fill(&mut self, spans: impl Iterator<Item = (usize, usize)>, with: &[u8]) -> usize {
        let settled = self.list.len();
        for (start, end) in spans {
            if touching(&self.list[..settled], start, end).is_empty() {
                self.push(start, end, u16::MAX, with);
            }
        }
        let added = self.list.len() - settled;
        self.settle();
        added
    }

    /// Append `text[start..end]` with its edits applied. Needs `settle` first, and no edit that crosses the span.
    pub fn apply(&self, text: &[u8], start: usize, end: usize, out: &mut Vec<u8>) {
        let mut at = start;
        for edit in self.within(start, end) {
            out.extend_from_slice(&text[at..edit.start as usize]);
            out.extend_from_slice(self.with(edit));
            at = edit.end as usize;
        }
        out.extend_from_slice(&text[at..end]);
    }
}

/// Those of settled edits that touch `start..end`.
fn touching(settled: &[Edit], start: usize, end: usize) -> &[Edit] {
    let from = settled.partition_point(|edit| (edit.end as usize) <= start);
    let to = settled.partition_point(|edit| (edit.start as usize) < end);
    &settled[from..to.max(from)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_filled_where_nothing_was_edited() {
        let mut edits = Edits::default();
        edits.push(4, 6, 0, b"X");
        edits.push(8, 9, 0, b"Y");
        assert_eq!(edits.fill([(0, 1), (3, 5), (6, 8), (9, 10)].into_iter(), b"-"), 3);
        let mut out = Vec::new();
        edits.apply(b"0123456789", 0, 10, &mut out);
        assert_eq!(out, b"-123X-Y-");
    }

    #[test]
    fn overlapping_edits_become_one_that_covers_both() {
        let mut edits = Edits::default();
        edits.push(4, 9, 0, b"B");
        edits.push(2, 6, 0, b"A");
        edits.push(10, 11, 0, b"C");
        edits.settle();
        let mut out = Vec::new();
        edits.apply(b"0123456789abc", 0, 13, &mut out);
        assert_eq!(out, b"01A9Cbc");
    }

    #[test]
    fn edits_of_edited_text_become_edits_of_the_text() {
        let text = b"aa SECRET bb OTHER cc";
        let (mut first, mut second) = (Edits::default(), Edits::default());
        first.push(3, 9, 0, b"[X]");
        let mut middle = Vec::new();
        first.apply(text, 0, text.len(), &mut middle);
        assert_eq!(middle, b"aa [X] bb OTHER cc");
        second.push(10, 15, 0, b"[Y]");
        let mut out = Vec::new();
        first.then(&second).apply(text, 0, text.len(), &mut out);
        assert_eq!(out, b"aa [X] bb [Y] cc");
        second.push(4, 8, 0, b"[Z]");
        second.settle();
        out.clear();
        first.then(&second).apply(text, 0, text.len(), &mut out);
        assert_eq!(out, b"aa [Z]b [Y] cc");
    }
}
