//! How long the run of visible bytes is that every match of a pattern begins with.

use regex_automata::util::syntax;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::simd::candidates::is_run;

/// Run bytes at the beginning of each match, at least; 0 for a pattern that does not parse.
pub fn leading(pattern: &str) -> usize {
    let config = syntax::Config::new().unicode(false).utf8(false);
    syntax::parse_with(pattern, &config).map_or(0, |hir| of(&hir).0)
}

/// The same of a part, and whether all of it is run bytes, however long it is.
fn of(hir: &Hir) -> (usize, bool) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (0, true),
        HirKind::Literal(literal) => {
            let len = literal.0.iter().take_while(|byte| is_run(**byte)).count();
            (len, len == literal.0.len())
        }
        HirKind::Class(class) => {
            let runs = match class {
                Class::Bytes(class) => class.iter().all(|range| is_run(range.start()) && is_run(range.end())),
                Class::Unicode(class) => {
                    let runs = |byte: char| u8::try_from(byte).is_ok_and(is_run);
                    class.iter().all(|range| runs(range.start()) && runs(range.end()))
                }
            };
            (usize::from(runs), runs)
        }
        HirKind::Repetition(repetition) => match (of(&repetition.sub), repetition.min) {
            ((len, true), min) => (len.saturating_mul(min as usize), true),
            ((_, false), 0) => (0, false),
            ((len, false), _) => (len, false),
        },
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Concat(parts) => {
            let mut total = 0;
            for part in parts {
                let (len, whole) = of(part);
                total += len;
                if !whole {
                    return (total, false);
                }
            }
            (total, true)
        }
        HirKind::Alternation(parts) => {
            parts.iter().map(of).reduce(|one, other| (one.0.min(other.0), one.1 && other.1)).unwrap_or((0, true))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("(", 0),
        ] {
            assert_eq!(leading(pattern), expected, "{pattern}");
        }
    }
}
