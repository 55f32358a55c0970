//! Texts read for what is in them: JSON inside, pairs, content, and what escapes hide; again until nothing is found.

use super::patterns::search::Work;
use super::prefilter::places::{within, Places, Seen};
use super::text::{assignments, quoted_pairs, quoted_values};
use super::token::segments;
use super::triage::Text;
use super::{document, Exempt, Redactor, Scratch, BUDGET};
use crate::io::edit::Edits;
use crate::io::escape::{self, Decoded};
use crate::io::percent;
use crate::json::reference::walk;
use crate::json::tape::Tape;
use crate::limits::NESTED_DEPTH_MAX;

/// How often a text is scanned again after edits, until nothing new is found. Beyond it all of it goes.
pub(super) const ROUNDS_MAX: usize = 8;

impl Redactor {
    /// Edits of one JSON document at a level of nesting.
    #[expect(clippy::too_many_arguments, reason = "per string or event: a struct would be filled each time")]
    pub(super) fn json(
        &self,
        text: Text<'_>,
        tape: &Tape,
        exempt: Exempt<'_>,
        nested: usize,
        scratch: &mut Scratch,
        edits: &mut Edits,
    ) {
        let outer = std::mem::replace(&mut scratch.key_edited, false);
        document::scan(self, text, tape, exempt, nested, scratch, edits);
        edits.settle();
        let mut rounds = 0;
        // What is nested is read again with the string that holds it.
        let rounds_max = if nested == 0 { ROUNDS_MAX } else { 0 };
        while std::mem::replace(&mut scratch.key_edited, false) && rounds < rounds_max {
            let mut edited = Vec::with_capacity(text.bytes.len());
            edits.apply(text.bytes, 0, text.bytes.len(), &mut edited);
            let (mut again, mut more) = (Tape::default(), Edits::default());
            if walk(&edited, &mut again).is_err() {
                break;
            }
            self.with_candidates(&edited, scratch, |edited, scratch| {
                document::scan(self, edited, &again, exempt, nested, scratch, &mut more);
            });
            more.settle();
            if more.is_empty() {
                break;
            }
            *edits = edits.then(&more);
            rounds += 1;
        }
        scratch.key_edited = outer;
    }

    /// Edits of one decoded text.
    pub(super) fn plain(&self, text: Text<'_>, nested: usize, scratch: &mut Scratch, edits: &mut Edits) {
        let seen = self.look(text, scratch);
        // What was cut off may be too short to be seen.
        if !seen.nothing() || scratch.cut {
            self.read(text, seen, nested, scratch, edits);
        }
    }

    /// A first look at a text; leaves in `scratch.places` where to look again, for `read`.
    #[inline]
    pub(super) fn look(&self, text: Text<'_>, scratch: &mut Scratch) -> Seen {
        let seen = self.rules.triage(text, &self.keys, &mut scratch.memo, &mut scratch.places);
        #[cfg(test)]
        if self.everywhere
            && memchr::memchr_iter(b'%', text.bytes).any(|at| percent::percent(&text.bytes[at..]).is_some())
        {
            return seen.with(Seen::WEB);
        }
        seen
    }

    /// Edits of one decoded text, scanned again until nothing is found: a second run finds nothing either.
    /// Nested text is scanned once, for the text that holds it is scanned again: rounds must not multiply.
    pub(super) fn read(&self, text: Text<'_>, seen: Seen, nested: usize, scratch: &mut Scratch, edits: &mut Edits) {
        self.search(text, seen, nested, scratch, edits);
        if nested > 0 {
            return;
        }
        for _ in 0..ROUNDS_MAX {
            if edits.is_empty() {
                return;
            }
            let mut edited = Vec::with_capacity(text.bytes.len());
            edits.apply(text.bytes, 0, text.bytes.len(), &mut edited);
            let mut more = Edits::default();
            self.with_candidates(&edited, scratch, |edited, scratch| {
                let seen = self.look(edited, scratch);
                if !seen.nothing() || scratch.cut {
                    self.search(edited, seen, nested, scratch, &mut more);
                }
            });
            if more.is_empty() {
                return;
            }
            *edits = edits.then(&more);
        }
        self.take_all(text.bytes, edits);
    }

    /// One scan of one decoded text: JSON inside it, pairs, content, and what its own escapes hide.
    fn search(&self, text: Text<'_>, seen: Seen, nested: usize, scratch: &mut Scratch, edits: &mut Edits) {
        if seen.terminal() && self.on_terminal(text.bytes, nested, scratch, edits) {
            return;
        }
        let places = std::mem::take(&mut scratch.places);
        let from = edits.list.len();
        let inner = seen.quoted() && nested < NESTED_DEPTH_MAX && self.inner_json(text, nested, scratch, edits);
        if !inner && self.content(text.bytes, seen, &places, scratch, edits) {
            let deeper = (seen.backslash() || seen.web()) && nested < NESTED_DEPTH_MAX;
            if deeper && (scratch.cut || !self.idle(text, scratch)) {
                if seen.backslash() {
                    self.escaped(text.bytes, 0, nested + 1, scratch, edits);
                }
                if seen.web() {
                    let as_written = edits.list.len() - from;
                    self.web(text.bytes, nested + 1, scratch, edits);
                    // Of two edits of one span the first stays: the one of the decoded text, which knows of quotes.
                    edits.list[from..].rotate_left(as_written);
                }
            }
            edits.settle();
            if seen.assign() || seen.quoted() {
                self.lines_of_text(text.bytes, scratch, edits);
            }
        }
        scratch.places = places;
    }

    /// Pairs and content of one decoded text; false when that took too much work, and all of it went.
    fn content(&self, bytes: &[u8], seen: Seen, places: &Places, scratch: &mut Scratch, edits: &mut Edits) -> bool {
        let Scratch { memo, window, token, cut, key_begun, .. } = scratch;
        let signs = |start: usize, end: usize, wanted: fn(u8) -> bool| {
            within(&places.signs, start, end).filter(move |at| wanted(bytes[start + at]))
        };
        if seen.quoted() {
            let mut found = |found: quoted_pairs::Found| {
                self.replace(bytes, found.start, found.end, found.rule, None, found.quoted, token, edits);
            };
            let colons = signs(0, bytes.len(), |byte| byte == b':');
            quoted_pairs::scan(bytes, colons, &self.keys, memo, &mut found);
            if seen.bracket() {
                quoted_pairs::pairs(bytes, &self.keys, memo, &mut found);
            }
        }
        if seen.quoted_value() {
            quoted_values::scan(bytes, &self.keys, memo, |from, to, rule| {
                self.replace(bytes, from, to, rule, None, false, token, edits);
            });
        }
        let mut work = Work::new(bytes.len(), window);
        let mut part = |start: usize, end: usize| {
            let part = &bytes[start..end];
            self.rules.scan(part, seen, places, start, &mut work, |from, to, rule| {
                self.replace(bytes, start + from, start + to, rule.number, rule.keep_last, false, token, edits);
            });
            if seen.assign() && self.rules.assignment {
                let extent = |rule: u16| self.extents[rule as usize];
                // None of the others lies between these.
                let signs = signs(start, end, |byte| (b':'..=b'>').contains(&byte));
                assignments::scan(part, &self.keys, memo, work.window, extent, signs, |from, to, rule| {
                    self.replace(bytes, start + from, start + to, rule, None, false, token, edits);
                });
            }
        };
        if seen.bracket() {
            segments(bytes).for_each(|(start, end)| part(start, end));
        } else {
            part(0, bytes.len());
        }
        if *cut {
            if let Some((start, rule)) = self.rules.tail(bytes) {
                self.replace(bytes, start, bytes.len(), rule.number, None, false, token, edits);
            }
        }
        *key_begun |= work.key_begun;
        if work.exhausted() {
            self.take_all(bytes, edits);
        }
        !work.exhausted()
    }

    /// Nothing can be found in a text, however often its escapes are decoded.
    pub(super) fn idle(&self, text: Text<'_>, scratch: &mut Scratch) -> bool {
        #[cfg(test)]
        if self.everywhere {
            return false;
        }
        self.rules.idle(text, &self.keys, &mut scratch.memo)
    }

    /// A text that is JSON itself; false when it is not.
    fn inner_json(&self, text: Text<'_>, nested: usize, scratch: &mut Scratch, edits: &mut Edits) -> bool {
        let bytes = text.bytes;
        if !matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) || std::str::from_utf8(bytes).is_err() {
            return false;
        }
        let mut tape = scratch.tapes.pop().unwrap_or_default();
        let valid = walk(bytes, &mut tape).is_ok();
        if valid {
            let marked = std::mem::take(&mut scratch.marked);
            // Nothing of it is missing.
            let cut = std::mem::replace(&mut scratch.cut, false);
            self.json(text, &tape, &|_| false, nested + 1, scratch, edits);
            (scratch.marked, scratch.cut) = (marked, cut);
        }
        scratch.tapes.push(tape);
        valid
    }

    /// Edits of an escaped text, found in its decoded form; `offset` is where `raw` stands in the text of `edits`.
    pub(super) fn escaped(&self, raw: &[u8], offset: usize, nested: usize, scratch: &mut Scratch, edits: &mut Edits) {
        let mut decoded = scratch.decoded.pop().unwrap_or_default();
        decoded.decode(raw);
        // A text that stands for itself was read before it came here.
        if decoded.bytes.len() < raw.len() {
            let mut inner = Edits::default();
            self.with_candidates(&decoded.bytes, scratch, |text, scratch| {
                self.plain(text, nested, scratch, &mut inner)
            });
            map_back(&inner, &decoded, offset, escape::encode, scratch, edits);
        }
        scratch.decoded.push(decoded);
    }

    /// Edits of a text with percent escapes or character references, found in what they mean.
    fn web(&self, raw: &[u8], nested: usize, scratch: &mut Scratch, edits: &mut Edits) {
        let mut decoded = scratch.decoded.pop().unwrap_or_default();
        decoded.web(raw);
        if !decoded.is_plain() {
            let mut inner = Edits::default();
            self.with_candidates(&decoded.bytes, scratch, |text, scratch| {
                self.plain(text, nested, scratch, &mut inner)
            });
            map_back(&inner, &decoded, 0, percent::encode_quotes, scratch, edits);
        }
        // What is encoded whole is a text of its own, and what it holds ends with it: `body=password%20x 302`.
        for (start, end) in percent::texts(raw) {
            decoded.web(&raw[start..end]);
            let mut inner = Edits::default();
            self.with_candidates(&decoded.bytes, scratch, |text, scratch| {
                self.plain(text, nested, scratch, &mut inner)
            });
            map_back(&inner, &decoded, start, percent::encode_quotes, scratch, edits);
        }
        scratch.decoded.push(decoded);
    }

    /// Edits of a text with control sequences of a terminal, found in what is shown there, and in the texts inside them;
    /// false when there are none.
    fn on_terminal(&self, raw: &[u8], nested: usize, scratch: &mut Scratch, edits: &mut Edits) -> bool {
        let mut decoded = scratch.decoded.pop().unwrap_or_default();
        let shown = decoded.shown(raw, false);
        let some = !decoded.is_plain();
        if some {
            self.without_sequences(&decoded, nested, scratch, edits);
            if shown.joined {
                decoded.shown(raw, true);
                self.without_sequences(&decoded, nested, scratch, edits);
            }
            if shown.titled {
                decoded.inside_sequences(raw);
                self.without_sequences(&decoded, nested, scratch, edits);
            }
            edits.settle();
        }
        scratch.decoded.push(decoded);
        some
    }

    fn without_sequences(&self, decoded: &Decoded, nested: usize, scratch: &mut Scratch, edits: &mut Edits) {
        let mut inner = Edits::default();
        self.with_candidates(&decoded.bytes, scratch, |text, scratch| {
            // What shows only now was none when it was sent.
            let seen = self.look(text, scratch).without(Seen::TERMINAL);
            if !seen.nothing() || scratch.cut {
                self.search(text, seen, nested, scratch, &mut inner);
            }
        });
        map_back(&inner, decoded, 0, |with, out| out.extend_from_slice(with), scratch, edits);
    }

    /// Replace `text[start..end]` by a token, in quotes where a bare word or number stood.
    #[expect(clippy::too_many_arguments, reason = "per string or event: a struct would be filled each time")]
    pub(super) fn replace(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
        rule: u16,
        keep_last: Option<usize>,
        quoted: bool,
        token: &mut Vec<u8>,
        edits: &mut Edits,
    ) {
        let secret = &text[start..end];
        if self.tokens.is_replacement(secret) || self.allowed_values.holds(secret) {
            return;
        }
        let quote: &[u8] = if quoted { b"\"" } else { b"" };
        token.clear();
        token.extend_from_slice(quote);
        self.tokens.write(&self.names[rule as usize], keep_last, secret, token);
        token.extend_from_slice(quote);
        edits.push(start, end, rule, token);
    }

    fn take_all(&self, text: &[u8], edits: &mut Edits) {
        let mut token = Vec::new();
        self.tokens.write(BUDGET, None, b"", &mut token);
        edits.clear();
        edits.push(0, text.len(), self.budget, &token);
    }
}

/// Append edits of a decoded text as edits of the raw one that begins at `offset`; `encode` writes a replacement as it has to
/// stand there.
pub(super) fn map_back(
    inner: &Edits,
    decoded: &Decoded,
    offset: usize,
    encode: impl Fn(&[u8], &mut Vec<u8>),
    scratch: &mut Scratch,
    edits: &mut Edits,
) {
    for edit in &inner.list {
        let (start, end) = decoded.raw_span(edit.start as usize, edit.end as usize);
        scratch.token.clear();
        encode(inner.with(edit), &mut scratch.token);
        edits.push(offset + start, offset + end, edit.rule, &scratch.token);
    }
}
