//! Literals derived from a pattern: each match holds one of them, and how far from its begin is known. The prefilter looks
//! for these, so that a rule cannot be found at fewer places than its pattern matches.

use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Capture, Class, Hir, HirKind, Repetition};

/// Shortest literal, in bytes: as many are looked up at once, and shorter ones are in every other log line.
pub const LITERAL_BYTES_MIN: usize = 4;
/// Longest literal, in bytes: what differs at all differs earlier.
const LITERAL_BYTES_MAX: usize = 32;
/// Most bytes of a match before its literal: the longest key that is known by its end has 76.
const BEFORE_BYTES_MAX: usize = 128;
/// Largest class that is written out in a long literal: `[st]k_`.
const LONG_CLASS_MEMBERS_MAX: usize = 4;
/// Most long literals before those that are no use are left out.
const LONG_EXTRACTED_MAX: usize = 256;
/// Largest class that is written out in a literal of four bytes where matches begin with it: all visible bytes
/// (`sk-[A-Za-z0-9_-]`).
const BEGIN_CLASS_MEMBERS_MAX: usize = 96;
/// The same where they do not: small ones (`-us[0-9]`), for each member is one more literal to look for.
const INNER_CLASS_MEMBERS_MAX: usize = 16;

/// Most parts of a pattern that are gone through for its first bytes: repetitions in repetitions multiply. The packs need 1,100.
const STEPS_MAX: usize = 16 * 1024;

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
            let class_members_max = if before == 0 { BEGIN_CLASS_MEMBERS_MAX } else { INNER_CLASS_MEMBERS_MAX };
            let four = FirstFour { any_case, class_members_max, literals_max, steps_left: STEPS_MAX };
            let rest = Hir::concat(parts[first..].to_vec());
            let long = prefixes(&rest, any_case).filter(|list| list.len() <= literals_max);
            if let Some(list) = long.or_else(|| four.of(&rest)) {
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
fn prefixes(hir: &Hir, any_case: bool) -> Option<Vec<Vec<u8>>> {
    let found = Extractor::new()
        .kind(ExtractKind::Prefix)
        .limit_class(LONG_CLASS_MEMBERS_MAX)
        .limit_literal_len(LITERAL_BYTES_MAX)
        .limit_total(LONG_EXTRACTED_MAX)
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

/// Writes out all that matches may begin with, four bytes each, and no more: the extractor writes out what stands behind them
/// as well, which was most of an engine's start (17 of 26 ms, 2026-11-30).
struct FirstFour {
    any_case: bool,
    class_members_max: usize,
    literals_max: usize,
    steps_left: usize,
}

impl FirstFour {
    /// In order; None if one of them may be shorter, or there are too many.
    fn of(mut self, hir: &Hir) -> Option<Vec<Vec<u8>>> {
        let list = self.append(vec![Vec::new()], hir)?;
        (!list.is_empty() && list.iter().all(|begun| is_whole(begun))).then_some(list)
    }

    /// `begun`, each that is shorter with what a match of `hir` begins with; None if that is too much.
    fn append(&mut self, begun: Vec<Vec<u8>>, hir: &Hir) -> Option<Vec<Vec<u8>>> {
        self.steps_left = self.steps_left.checked_sub(1)?;
        if begun.iter().all(|begun| is_whole(begun)) {
            return Some(begun);
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Some(begun),
            HirKind::Literal(literal) => {
                let bytes = literal.0.iter().take(LITERAL_BYTES_MIN);
                bytes.copied().try_fold(begun, |begun, byte| self.append_one(begun, vec![byte]))
            }
            HirKind::Class(class) => self.append_one(begun, members(class)?),
            HirKind::Capture(capture) => self.append(begun, &capture.sub),
            HirKind::Concat(parts) => parts.iter().try_fold(begun, |begun, part| self.append(begun, part)),
            HirKind::Alternation(parts) => {
                let each: Option<Vec<_>> = parts.iter().map(|part| self.append(begun.clone(), part)).collect();
                self.in_order(each?.concat())
            }
            HirKind::Repetition(Repetition { min, max, sub, .. }) => {
                // Four times are enough: each adds a byte or may be left out.
                let times_max = LITERAL_BYTES_MIN.min(max.map_or(usize::MAX, |max| max as usize));
                let mut all = if *min == 0 { begun.clone() } else { Vec::new() };
                let mut now = begun;
                for times in 1..=times_max {
                    now = self.append(now, sub)?;
                    if times >= times_max.min(*min as usize) {
                        all.extend_from_slice(&now);
                    }
                }
                self.in_order(all)
            }
        }
    }

    /// The same with one byte more, which is any of `members`.
    fn append_one(&self, begun: Vec<Vec<u8>>, mut members: Vec<u8>) -> Option<Vec<Vec<u8>>> {
        if members.len() > self.class_members_max {
            return None;
        }
        if self.any_case {
            members.make_ascii_lowercase();
            members.sort_unstable();
            members.dedup();
        }
        let (mut list, short): (Vec<_>, Vec<_>) = begun.into_iter().partition(|begun| is_whole(begun));
        if list.len() + short.len() * members.len() > self.literals_max {
            return None;
        }
        list.extend(short.iter().flat_map(|begun| members.iter().map(move |byte| [&begun[..], &[*byte]].concat())));
        self.in_order(list)
    }

    fn in_order(&self, mut list: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
        list.sort_unstable();
        list.dedup();
        (list.len() <= self.literals_max).then_some(list)
    }
}

fn is_whole(begun: &[u8]) -> bool {
    begun.len() == LITERAL_BYTES_MIN
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
    match members(class)?[..] {
        [upper, lower] if upper.is_ascii_uppercase() && lower == upper.to_ascii_lowercase() => Some(lower),
        _ => None,
    }
}

/// The members of a class that has no others than bytes.
fn members(class: &Class) -> Option<Vec<u8>> {
    let byte = |char: char| u8::try_from(char).ok();
    match class {
        Class::Bytes(class) => Some(class.iter().flat_map(|range| range.start()..=range.end()).collect()),
        Class::Unicode(class) => {
            let ranges: Option<Vec<_>> =
                class.iter().map(|range| Some(byte(range.start())?..=byte(range.end())?)).collect();
            Some(ranges?.into_iter().flatten().collect())
        }
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
    fn first_bytes_are_written_out_with_what_may_repeat_or_be_left_out() {
        for (pattern, count, some) in [
            ("x{2,3}[0-5]-", 12, ["xx3-", "xxx5"]),
            ("a(?:bc)*[0-5]ef", 13, ["abcb", "a0ef"]),
            ("(?i)ke[A-F][0-5]z", 36, ["kea0", "kef5"]),
            ("[0-5]?[x-z]{2}=(?:ab|cd|)--", 81, ["xz=-", "0yy="]),
        ] {
            let (list, before) = literals(pattern).unwrap();
            assert_eq!((list.len(), before), (count, 0), "{pattern}: {list:?}");
            assert!(some.iter().all(|text| list.iter().any(|literal| literal == text)), "{pattern}: {list:?}");
        }
        let deep = format!("{}[0-9]{}[x-z]+", "(".repeat(60), "+)".repeat(60));
        for pattern in ["a(?:bc)*[0-9]e", "[a-z]{0,9}", "[0-9&&a-z]{5}", &deep] {
            assert_eq!(literals(pattern), None, "{pattern}");
        }
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
