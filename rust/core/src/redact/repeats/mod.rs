//! A secret that stands in its line once more, where nothing makes it one: `{"password":"x7-…","msg":"failed with x7-…"}`.
//! Problem: what is found by its label leaks without it. Idea: look for what was replaced in the rest of the line, as it stands
//! and as the escapes there mean. Lines without an edit cost nothing.
//!
//! ```text
//! edits -> values: telling ones, eight at most -> search of the line, of its escapes decoded -> more edits
//! ```

mod values;

use memchr::{memchr, memchr2, memchr_iter, memmem, memrchr};

use crate::io::edit::Edits;
use crate::io::escape::Decoded;
use crate::io::terminal::ends_with_control;
use crate::json::reference::walk;
use crate::json::tape::{Kind, Tape};
use crate::limits::NESTED_DEPTH_MAX;
use crate::redact::bytes::is_word;
use crate::redact::learned::{self, Span};
use crate::redact::rescan::ROUNDS_MAX;
use crate::redact::{Exempt, Redactor, Scratch};

use values::{values, Value, VALUE_BYTES_MIN, WEB_LEVELS_MAX};

/// First bytes of a value that are compared before the rest of it.
const HEAD_BYTES: usize = VALUE_BYTES_MIN;
/// The rarest byte of a value is one of so many.
const PIVOT_BYTES_MAX: usize = 32;
/// A search by one byte ends when more than one in so many bytes are that.
const HITS_SHARE: usize = 16;

/// Where a value stands once more, and the number of the edit that replaced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub start: usize,
    pub end: usize,
    pub edit: usize,
}

/// Names of fields for the pattern of a path, which metrics are labelled with: it holds no value.
const ROUTES: [&[u8]; 2] = [b"route", b"http.route"];

impl Redactor {
    /// Add edits where a document holds a replaced value once more, but in what is exempt and in its route.
    #[cold]
    #[inline(never)]
    pub(super) fn repeats_of_document(
        &self,
        text: &[u8],
        tape: &Tape,
        exempt: Exempt<'_>,
        scratch: &mut Scratch,
        edits: &mut Edits,
    ) {
        let repeats = find(text, edits, self.budget);
        if repeats.is_empty() {
            return;
        }
        let (mut added, mut at) = (Edits::default(), 0);
        let spans = repeats.iter().map(|repeat| Span { start: repeat.start as u32, end: repeat.end as u32 });
        learned::of_document(text, tape, spans, |span, is_number| {
            let node = tape.nodes().partition_point(|node| node.start <= span.start).saturating_sub(1);
            if is_number || exempt(node) || is_route(text, tape, node) {
                return;
            }
            let same = |repeat: &Repeat| (repeat.start, repeat.end) == (span.start as usize, span.end as usize);
            at += repeats[at..].iter().take_while(|repeat| !same(repeat)).count();
            replace_again(repeats[at], edits, &mut added);
        });
        add(&added, edits);
        for _ in 0..ROUNDS_MAX {
            let (edited, mut again, mut more) = (applied(text, edits), Tape::default(), Edits::default());
            if added.is_empty() || walk(&edited, &mut again).is_err() {
                return;
            }
            self.with_candidates(&edited, scratch, |text, scratch| {
                self.json(text, &again, exempt, 0, scratch, &mut more)
            });
            if more.is_empty() {
                return;
            }
            *edits = edits.then(&more);
        }
    }

    /// The same of a text that is no document.
    #[cold]
    #[inline(never)]
    pub(super) fn repeats_of_text(&self, text: &[u8], scratch: &mut Scratch, edits: &mut Edits) {
        let repeats = find(text, edits, self.budget);
        if repeats.is_empty() {
            return;
        }
        let mut added = Edits::default();
        repeats.iter().for_each(|repeat| replace_again(*repeat, edits, &mut added));
        add(&added, edits);
        for _ in 0..ROUNDS_MAX {
            let (edited, mut more) = (applied(text, edits), Edits::default());
            self.with_candidates(&edited, scratch, |text, scratch| self.plain(text, 0, scratch, &mut more));
            if more.is_empty() {
                return;
            }
            *edits = edits.then(&more);
        }
    }
}

/// A string is the value of a route's field.
fn is_route(text: &[u8], tape: &Tape, node: usize) -> bool {
    let key = node.checked_sub(1).map(|before| &tape.nodes()[before]).filter(|before| before.kind == Kind::Key);
    key.is_some_and(|key| ROUTES.contains(&&text[key.start as usize..key.end as usize]))
}

/// The token that replaced a value replaces it once more, without the quotes that a number's has.
fn replace_again(repeat: Repeat, edits: &Edits, added: &mut Edits) {
    let edit = &edits.list[repeat.edit];
    let with = edits.with(edit);
    if let (Some(open), Some(close)) = (memchr(b'[', with), memrchr(b']', with)) {
        added.push(repeat.start, repeat.end, edit.rule, &with[open..=close]);
    }
}

fn add(added: &Edits, edits: &mut Edits) {
    added.list.iter().for_each(|edit| edits.push(edit.start as usize, edit.end as usize, edit.rule, added.with(edit)));
    edits.settle();
}

fn applied(text: &[u8], edits: &Edits) -> Vec<u8> {
    let mut edited = Vec::with_capacity(text.len());
    edits.apply(text, 0, text.len(), &mut edited);
    edited
}

/// Where in `text` a value that settled `edits` replace stands once more, in order; what `skipped` replaced is no value.
pub fn find(text: &[u8], edits: &Edits, skipped: u16) -> Vec<Repeat> {
    let values = values(text, edits, skipped);
    let mut repeats = Vec::new();
    if values.is_empty() {
        return repeats;
    }
    let mut found = |start: usize, end: usize, edit: usize| {
        if edits.within(start, end).is_empty() {
            repeats.push(Repeat { start, end, edit });
        }
    };
    search(text, &values, &mut found);
    if memchr2(b'\\', b'%', text).is_some() {
        decoded(text, b'\\', NESTED_DEPTH_MAX + 1, Decoded::decode, &values, &mut found);
        decoded(text, b'%', WEB_LEVELS_MAX, Decoded::web, &values, &mut found);
    }
    repeats.sort_unstable_by_key(|repeat| (repeat.start, repeat.end));
    repeats.dedup_by_key(|repeat| (repeat.start, repeat.end));
    repeats
}

/// Look for the values in what the escapes of a text mean, and in what escapes there mean.
fn decoded(
    text: &[u8],
    sign: u8,
    levels: usize,
    decode: fn(&mut Decoded, &[u8]),
    values: &[Value],
    found: &mut impl FnMut(usize, usize, usize),
) {
    let mut chain: Vec<Decoded> = Vec::new();
    for _ in 0..levels {
        let source = chain.last().map_or(text, |decoded| &decoded.bytes);
        if memchr(sign, source).is_none() {
            return;
        }
        let mut next = Decoded::default();
        decode(&mut next, source);
        if next.is_plain() {
            return;
        }
        chain.push(next);
        let Some(last) = chain.last() else { return };
        search(&last.bytes, values, &mut |start, end, edit| {
            let (start, end) = chain.iter().rev().fold((start, end), |(start, end), level| level.raw_span(start, end));
            found(start, end, edit);
        });
    }
}

fn search(text: &[u8], values: &[Value], found: &mut impl FnMut(usize, usize, usize)) {
    for value in values {
        let goes_on = |byte: Option<&u8>| byte.is_some_and(|byte| is_word(*byte));
        let inside = |start: usize, end: usize| {
            goes_on(text.get(end)) || goes_on(text[..start].last()) && !ends_with_control(&text[..start])
        };
        occurrences(text, &value.bytes, |start| {
            let end = start + value.bytes.len();
            if !(inside(start, end) && value.is_alone()) {
                found(start, end, value.edit);
            }
        });
    }
}

/// Call `found` where `value` begins in `text`. A search by its rarest byte needs no preparing, which takes longer than to
/// go over a line; where that byte is everywhere after all, a search that is prepared goes on.
fn occurrences(text: &[u8], value: &[u8], mut found: impl FnMut(usize)) {
    let pivot = rarest(value);
    let mut work = text.len() / HITS_SHARE + 2 * value.len();
    for hit in memchr_iter(value[pivot], text) {
        let Some(start) = hit.checked_sub(pivot) else { continue };
        let begins = text[start..].starts_with(&value[..HEAD_BYTES]);
        let Some(left) = work.checked_sub(if begins { value.len() } else { 1 }) else {
            return memmem::find_iter(&text[start..], value).for_each(|at| found(start + at));
        };
        work = left;
        if begins && text[start..].starts_with(value) {
            found(start);
        }
    }
}

/// Of the first bytes of a value the one that is least expected in a log.
fn rarest(value: &[u8]) -> usize {
    let (mut rarest, mut rank) = (0, u8::MAX);
    for (at, byte) in value.iter().take(PIVOT_BYTES_MAX).enumerate() {
        if RANKS[usize::from(*byte)] < rank {
            (rarest, rank) = (at, RANKS[usize::from(*byte)]);
        }
    }
    rarest
}

/// How common a byte is in logs: few signs are, and most of all those of JSON.
const RANKS: [u8; 256] = {
    let mut ranks = [0; 256];
    let mut at = 0;
    while at < ranks.len() {
        ranks[at] = match at as u8 {
            b'A'..=b'Z' | b'j' | b'q' | b'x' | b'z' => 1,
            b'0'..=b'9' => 2,
            b'a'..=b'z' => 3,
            b' ' | b'"' | b'\'' | b',' | b'-' | b'.' | b'/' | b':' | b'=' | b'_' | b'[' | b']' | b'{' | b'}'
            | b'\\' => 4,
            _ => 0,
        };
        at += 1;
    }
    ranks
};

#[cfg(test)]
mod tests {
    use super::values::VALUES_MAX;
    use super::*;

    #[test]
    fn repeats_are_found_in_every_reading() {
        let text =
            br#"k=a"b/cd1efgh x a"b/cd1efgh y a\"b/cd1efgh z a\\\"b/cd1efgh a%22b%2Fcd1efgh a%2522b%252fcd1efgh"#;
        let mut edits = Edits::default();
        edits.push(2, 13, 3, b"*");
        for repeat in find(text, &edits, 9).into_iter().rev() {
            edits.push(repeat.start, repeat.end, 3, b"*");
        }
        edits.settle();
        let mut out = Vec::new();
        edits.apply(text, 0, text.len(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "k=* x * y * z * * *");
        assert!(find(text, &edits, 3).is_empty());
    }

    #[test]
    fn short_values_count_alone_and_only_so_many() {
        let mut edits = Edits::default();
        edits.push(0, 8, 0, b"*");
        assert_eq!(find(b"admin12x admin12xy xadmin12x (admin12x)", &edits, 9).len(), 1);
        let many: Vec<String> = (0..20).map(|n| format!("secret{n:02}secret{n:02}")).collect();
        let text = many.join(" ") + " " + &many.join(" ");
        let mut edits = Edits::default();
        (0..20).for_each(|n| edits.push(17 * n, 17 * n + 16, 0, b"*"));
        assert_eq!(find(text.as_bytes(), &edits, 9).len(), VALUES_MAX);
    }
}
