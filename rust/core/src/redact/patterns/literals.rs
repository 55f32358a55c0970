//! Literals derived from a pattern: each match holds one of them, and how far from its begin is known. The prefilter looks
//! for these, so that a rule cannot be found at fewer places than its pattern matches.

use std::ops::Range;

use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Capture, Class, Hir, HirKind, Repetition};

/// Shortest literal, in bytes: as many are looked up at once, and shorter ones are in every other log line.
pub const LITERAL_BYTES_MIN: usize = 4;
/// Longest literal, in bytes: what differs at all differs earlier.
const LITERAL_BYTES_MAX: usize = 32;
/// Most bytes of a match before its literal: the longest key that is known by its end has 76.
const BEFORE_BYTES_MAX: usize = 128;
/// How classes are written out, one way after the other until there are four bytes: hardly (`[st]k_`), small ones
/// (`-us[0-9]`), and all visible bytes (`sk-[A-Za-z0-9_-]`), which is for what matches begin with.
const WAYS: [Way; 3] = [
    Way { class_members_max: 4, literal_bytes_max: LITERAL_BYTES_MAX, extracted_max: 256 },
    Way { class_members_max: 16, literal_bytes_max: LITERAL_BYTES_MIN, extracted_max: 256 },
    Way { class_members_max: 96, literal_bytes_max: LITERAL_BYTES_MIN, extracted_max: 16 * 1024 },
];

struct Way {
    class_members_max: usize,
    literal_bytes_max: usize,
    /// Before those that are no use are left out.
    extracted_max: usize,
}

/// Most literals of a pattern of the packs: `--` and two bytes of an option's name.
pub const LITERALS_MAX: usize = 1536;
/// The same of a user's: what may begin in more ways begins in every other line, and is searched as a whole.
pub const OWN_LITERALS_MAX: usize = 256;

/// The literals of a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Literals {
    pub list: Vec<Vec<u8>>,
    /// In lower case, and found in any.
    pub any_case: bool,
    /// Bytes of a match before its literal.
    pub before: usize,
}

impl Literals {
    /// Of a pattern: those it begins with, else those nearest to its begin that are always as far from it; None if it has
    /// neither, or more than so many.
    pub fn of(hir: &Hir, literals_max: usize) -> Option<Self> {
        let mut any_case = false;
        let mut parts = Vec::new();
        flatten(&fold_case(hir, &mut any_case), &mut parts);
        let mut before = 0;
        for first in 0..parts.len() {
            let ways = if before == 0 { &WAYS[..] } else { &WAYS[..2] };
            let rest = Hir::concat(parts[first..].to_vec());
            if let Some(list) =
                ways.iter().find_map(|way| prefixes(&rest, any_case, way)).filter(|list| list.len() <= literals_max)
            {
                return Some(Self { list, any_case, before });
            }
            before += fixed_len(&parts[first]).filter(|len| before + len <= BEFORE_BYTES_MAX)?;
        }
        None
    }

    /// Each of them begins with one of these.
    pub fn begin_with(&self, anchors: &[String]) -> bool {
        let begins = |literal: &[u8], anchor: &[u8]| anchor.len() <= literal.len() && alike(anchor, literal);
        self.list.iter().all(|literal| anchors.iter().any(|anchor| begins(literal, anchor.as_bytes())))
    }

    /// One of them begins with this, or this with one of them.
    pub fn may_be(&self, anchor: &[u8]) -> bool {
        self.list.iter().any(|literal| alike(anchor, literal))
    }
}

/// One begins with the other, in any case.
fn alike(one: &[u8], other: &[u8]) -> bool {
    let len = one.len().min(other.len());
    one[..len].eq_ignore_ascii_case(&other[..len])
}

/// The length of all matches, in bytes, if they have one.
pub fn fixed_len(hir: &Hir) -> Option<usize> {
    let properties = hir.properties();
    properties.maximum_len().filter(|longest| properties.minimum_len() == Some(*longest))
}

/// JSON writes it as an escape.
pub fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 8..=10 | 12 | 13)
}

/// What all matches begin with, without those that begin with another one; None if any of it is too short or there is too
/// much of it.
fn prefixes(hir: &Hir, any_case: bool, way: &Way) -> Option<Vec<Vec<u8>>> {
    let found = Extractor::new()
        .kind(ExtractKind::Prefix)
        .limit_class(way.class_members_max)
        .limit_literal_len(way.literal_bytes_max)
        .limit_total(way.extracted_max)
        .extract(hir);
    // A byte that JSON escapes is not looked for where there are enough without it: strings are then read as they are.
    let kept = |bytes: &[u8]| match bytes.iter().position(|byte| is_escaped(*byte)) {
        Some(end) if end >= LITERAL_BYTES_MIN => bytes[..end].to_vec(),
        _ => bytes.to_vec(),
    };
    let folded = |bytes: Vec<u8>| if any_case { bytes.to_ascii_lowercase() } else { bytes };
    let mut list: Vec<_> = found.literals()?.iter().map(|literal| folded(kept(literal.as_bytes()))).collect();
    list.sort_unstable();
    list.dedup_by(|next, kept| next.starts_with(kept));
    let usable = |literal: &Vec<u8>| literal.len() >= LITERAL_BYTES_MIN;
    (!list.is_empty() && list.iter().all(usable)).then_some(list)
}

/// The parts of a concatenation, those of groups in it included.
fn flatten(hir: &Hir, parts: &mut Vec<Hir>) {
    match hir.kind() {
        HirKind::Concat(list) => list.iter().for_each(|part| flatten(part, parts)),
        HirKind::Capture(capture) => flatten(&capture.sub, parts),
        _ => parts.push(hir.clone()),
    }
}

/// The same with a small letter for each class of a letter in both cases. `any_case`: there is one.
fn fold_case(hir: &Hir, any_case: &mut bool) -> Hir {
    match hir.kind() {
        HirKind::Class(class) => match letter(class) {
            Some(letter) => {
                *any_case = true;
                Hir::literal([letter])
            }
            None => hir.clone(),
        },
        HirKind::Repetition(repetition) => {
            let sub = Box::new(fold_case(&repetition.sub, any_case));
            Hir::repetition(Repetition { sub, ..repetition.clone() })
        }
        HirKind::Capture(capture) => {
            let sub = Box::new(fold_case(&capture.sub, any_case));
            Hir::capture(Capture { sub, ..capture.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(|part| fold_case(part, any_case)).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(|part| fold_case(part, any_case)).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => hir.clone(),
    }
}

/// The small letter of a class of one letter in both cases.
fn letter(class: &Class) -> Option<u8> {
    let one = |range: Range<u32>| u8::try_from(range.start).ok().filter(|_| range.end == range.start + 1);
    let bytes: Option<Vec<u8>> = match class {
        Class::Bytes(class) => {
            class.iter().map(|range| one(range.start().into()..u32::from(range.end()) + 1)).collect()
        }
        Class::Unicode(class) => {
            class.iter().map(|range| one(range.start().into()..u32::from(range.end()) + 1)).collect()
        }
    };
    match bytes?[..] {
        [upper, lower] if upper.is_ascii_uppercase() && lower == upper.to_ascii_lowercase() => Some(lower),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::patterns::pattern::parsed;

    fn literals(pattern: &str) -> Option<(Vec<String>, usize)> {
        let literals = Literals::of(&parsed(pattern).unwrap(), OWN_LITERALS_MAX)?;
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        Some((literals.list.iter().map(text).collect(), literals.before))
    }

    #[test]
    fn what_all_matches_begin_with_is_found() {
        for (pattern, expected) in [
            ("gh[op]_[A-Za-z0-9]{36}", &["gho_", "ghp_"][..]),
            ("(?i)bearer[ \t]+([a-z]{8})", &["bearer"]),
            ("(?i)bearer +([a-z]{8})", &["bearer "]),
            ("(?:SB-)?Mid-server-[a-z]{4}", &["Mid-server-", "SB-Mid-server-"]),
            (r"\bacme_(live|test)_[0-9]", &["acme_live_", "acme_test_"]),
            ("(?:key_live|key)_[0-9]{9}", &["key_"]),
            ("ab[0-1][x-y]", &["ab0x", "ab0y", "ab1x", "ab1y"]),
        ] {
            let (list, before) = literals(pattern).unwrap();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!((list.iter().map(String::as_str).collect::<Vec<_>>(), before), (expected, 0), "{pattern}");
        }
        assert_eq!(literals("sk-[A-Za-z0-9_-]{32}").unwrap().0.len(), 64);
    }

    #[test]
    fn a_literal_inside_counts_if_it_is_always_as_far_from_the_begin() {
        let expected =
            |list: &[&str], before: usize| Some((list.iter().map(|text| (*text).to_owned()).collect(), before));
        assert_eq!(literals("[A-Za-z0-9+/]{33}AIoT[a-z]{6}="), expected(&["AIoT"], 33));
        assert_eq!(literals("([0-9a-f]{32})-us[0-9]{1,2}").unwrap().1, 32);
        assert_eq!(literals("(?:[a-z]{2}|[0-9]{2})[0-9a-f]-key-[a-z]{6}").unwrap().1, 2);
        for pattern in ["[A-Z]{2}-[0-9]{3}", "[a-z]{1,2}secret", "[a-z]{200}secret", "[a-z]+", "x|[a-z]{8}", ""] {
            assert_eq!(literals(pattern), None, "{pattern}");
        }
    }
}
