//! What every match of a pattern begins with: a run of visible bytes, so long at least, of which not all may be there.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::redact::prefilter::byte_classes::is_run;

/// Most bytes of a text compared with a prefix: what differs at all mostly differs at once.
const COMPARED_BYTES_MAX: usize = 24;

/// The first bytes of each match: how many at least, and which they may be.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct MinPrefix {
    pub len: usize,
    set: [u64; 4],
}

impl MinPrefix {
    /// Of a parsed pattern.
    pub fn of(hir: &Hir) -> Self {
        of(hir).0
    }

    /// False only if no match begins with these bytes.
    #[inline]
    pub fn may_begin(&self, text: &[u8]) -> bool {
        text.len() >= self.len && self.may_go_on(text)
    }

    /// The same for a text that may be too short because it was cut off.
    pub fn may_go_on(&self, text: &[u8]) -> bool {
        self.other(text).is_none()
    }

    /// The same for a text that may have to be decoded: what an escape stands for may go on.
    pub fn may_begin_escaped(&self, text: &[u8]) -> bool {
        text.len() >= self.len && self.other(text).is_none_or(|byte| matches!(byte, b'\\' | b'%' | b'&' | 0x1b))
    }

    /// The first byte that no match has here.
    fn other(&self, text: &[u8]) -> Option<u8> {
        let in_set = |byte: &u8| self.set[usize::from(byte / 64)] >> (byte % 64) & 1 != 0;
        let compared = &text[..text.len().min(self.len).min(COMPARED_BYTES_MAX)];
        compared.iter().find(|byte| !in_set(byte)).copied()
    }

    fn add(&mut self, byte: u8) {
        self.set[usize::from(byte / 64)] |= 1 << (byte % 64);
    }

    fn with(self, len: usize, other: Self) -> Self {
        Self { len, set: std::array::from_fn(|at| self.set[at] | other.set[at]) }
    }
}

/// The prefix of a part, and whether all of it is run bytes, however long it is.
fn of(hir: &Hir) -> (MinPrefix, bool) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (MinPrefix::default(), true),
        HirKind::Literal(literal) => {
            let run = literal.0.iter().take_while(|byte| is_run(**byte));
            let mut min_prefix = MinPrefix::default();
            run.for_each(|byte| {
                min_prefix.len += 1;
                min_prefix.add(*byte);
            });
            (min_prefix, min_prefix.len == literal.0.len())
        }
        HirKind::Class(class) => {
            let ranges: Option<Vec<(u8, u8)>> = match class {
                Class::Bytes(class) => Some(class.iter().map(|range| (range.start(), range.end())).collect()),
                Class::Unicode(class) => {
                    let byte = |char: char| u8::try_from(char).ok();
                    class.iter().map(|range| Some((byte(range.start())?, byte(range.end())?))).collect()
                }
            };
            match ranges.filter(|ranges| ranges.iter().all(|(start, end)| is_run(*start) && is_run(*end))) {
                None => (MinPrefix::default(), false),
                Some(ranges) => {
                    let mut min_prefix = MinPrefix { len: 1, ..MinPrefix::default() };
                    ranges.iter().flat_map(|(start, end)| *start..=*end).for_each(|byte| min_prefix.add(byte));
                    (min_prefix, true)
                }
            }
        }
        HirKind::Repetition(repetition) => match (of(&repetition.sub), repetition.min) {
            ((min_prefix, true), min) => {
                (min_prefix.with(min_prefix.len.saturating_mul(min as usize), min_prefix), true)
            }
            ((_, false), 0) => (MinPrefix::default(), false),
            ((min_prefix, false), _) => (min_prefix, false),
        },
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Concat(parts) => {
            let mut total = MinPrefix::default();
            for part in parts {
                let (min_prefix, whole) = of(part);
                total = total.with(total.len + min_prefix.len, min_prefix);
                if !whole {
                    return (total, false);
                }
            }
            (total, true)
        }
        HirKind::Alternation(parts) => {
            let both = |one: (MinPrefix, bool), other: (MinPrefix, bool)| {
                (one.0.with(one.0.len.min(other.0.len), other.0), one.1 && other.1)
            };
            parts.iter().map(of).reduce(both).unwrap_or((MinPrefix::default(), true))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::patterns::pattern::parsed;

    fn min_prefix(pattern: &str) -> MinPrefix {
        MinPrefix::of(&parsed(pattern).unwrap())
    }

    #[test]
    fn a_run_ends_where_a_match_may_hold_a_space() {
        for (pattern, expected) in [
            ("AKIA[0-9A-Z]{16}", 20),
            ("(?i)basic[ \\t]+([A-Za-z]{6,})", 5),
            ("a{2}(?:b|cd)*e", 3),
            ("(?:ab|c[^x])d", 1),
            ("[0-9]{2,}?x", 3),
            ("(?:a b){3}c", 1),
            ("\\bkey\\S{20}", 3),
            ("é", 0),
        ] {
            assert_eq!(min_prefix(pattern).len, expected, "{pattern}");
        }
    }
    #[test]
    fn what_no_match_begins_with_is_turned_away() {
        for (pattern, text, expected) in [
            ("AKIA[0-9A-Z]{16}", "AKIAIOSFODNN7EXAMPLE", true),
            ("AKIA[0-9A-Z]{16}", "AKIA/OSFODNN7EXAMPLE", false),
            ("AKIA[0-9A-Z]{16}", "AKIA", false),
            ("x*y{3}", "xxx", true),
            ("(?:ab|c[^x])d", "c d", true),
            ("(?i)basic[ \\t]+([A-Za-z]{6,})", "BASIC a", true),
        ] {
            assert_eq!(min_prefix(pattern).may_begin(text.as_bytes()), expected, "{pattern}");
        }
    }
}
