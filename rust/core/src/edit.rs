//! Edits: the spans of a text that are replaced, and with what.
//! Everything between edits is copied unchanged, so untouched bytes stay identical.

/// Replace `start..end` of the text by `with` of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    pub start: u32,
    pub end: u32,
    /// Span of the replacement in `Edits::arena`.
    with: (u32, u32),
}

/// Edits of one text. After `settle` they are sorted and disjoint.
#[derive(Default, Debug)]
pub struct Edits {
    pub list: Vec<Edit>,
    arena: Vec<u8>,
}

impl Edits {
    pub fn clear(&mut self) {
        self.list.clear();
        self.arena.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn push(&mut self, start: usize, end: usize, with: &[u8]) {
        let from = self.arena.len() as u32;
        self.arena.extend_from_slice(with);
        self.list.push(Edit { start: start as u32, end: end as u32, with: (from, self.arena.len() as u32) });
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
        let from = self.list.partition_point(|e| (e.end as usize) <= start);
        let to = self.list.partition_point(|e| (e.start as usize) < end);
        &self.list[from..to.max(from)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_edits_become_one_that_covers_both() {
        let mut edits = Edits::default();
        edits.push(4, 9, b"B");
        edits.push(2, 6, b"A");
        edits.push(10, 11, b"C");
        edits.settle();
        let mut out = Vec::new();
        edits.apply(b"0123456789abc", 0, 13, &mut out);
        assert_eq!(out, b"01A9Cbc");
    }
}
