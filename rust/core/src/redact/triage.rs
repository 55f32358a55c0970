//! The first look at one text: which searches can find something in it, and where. Most texts need none.

use memchr::memchr;

use crate::io::escape::{backslashes, hex_escape};
use crate::io::percent::{percent, reference};
use crate::io::terminal::is_written;
use crate::redact::bytes::is_word;
use crate::redact::keys::{KeyMemo, Keys};
use crate::redact::patterns::rules::Rules;
use crate::redact::prefilter::candidates::{Block, View};
use crate::redact::prefilter::card::may_be_card;
use crate::redact::prefilter::places::{Bits, Places, Seen, FLAGS};
use crate::redact::text::separator::may_hide;
use crate::redact::text::{assignments, quoted_values};

/// A text and its candidates.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    pub bytes: &'a [u8],
    pub view: View<'a>,
}

impl<'a> Text<'a> {
    #[inline]
    #[must_use]
    pub fn part(self, start: usize, end: usize) -> Self {
        Self { bytes: &self.bytes[start..end], view: self.view.from(start) }
    }
}

fn flags_of(text: &[u8], at: usize, block: Block, keys: &Keys, memo: &mut KeyMemo, places: &mut Places) -> u16 {
    const SIGNS: u16 = Seen::COLON | Seen::EQUALS | Seen::AT | Seen::DIGITS;
    let mut flags = 0;
    let mut marks = Bits(block.marks);
    while let Some(bit) = marks.next() {
        let place = at + bit;
        let flag = FLAGS[text[place] as usize];
        flags |= flag;
        if flag & SIGNS != 0 {
            places.signs.push(place as u32);
        } else if flag == Seen::BACKSLASH {
            marks.skip_to(bit + backslashes(&text[place..]));
        } else if flag == Seen::QUOTE {
            flags |= quote_flags(text, place, flags, keys, memo);
        } else if flag & !Seen::BRACKET == 0 && (flags & Seen::TERMINAL == 0 || text[place] != b'[') {
            flags |= encoding(text, place);
        }
    }
    // A prefix that the text does not hold whole belongs to the text behind it.
    for place in Bits(block.prefixes).map(|bit| at + bit).filter(|place| place + 4 <= text.len()) {
        flags |= Seen::PREFIX;
        places.prefixes.push(place as u32);
    }
    flags
}

/// What a quote opens, if it is not known yet of another one.
fn quote_flags(text: &[u8], quote: usize, known: u16, keys: &Keys, memo: &mut KeyMemo) -> u16 {
    let mut flags = 0;
    if known & Seen::BRACKET == 0 && in_call(text, quote) {
        flags |= Seen::BRACKET;
    }
    if known & Seen::QUOTED_VALUE == 0 && quoted_values::may_begin(text, quote, keys, memo) {
        flags |= Seen::QUOTED_VALUE;
    }
    flags
}

/// What a bracket, a percent sign or an ampersand begins that has to be decoded.
fn encoding(text: &[u8], place: usize) -> u16 {
    match text[place] {
        b'[' if is_written(text, place) => Seen::TERMINAL,
        b'%' if percent(&text[place..]).is_some() => Seen::WEB,
        b'&' if hides(&text[place..]) => Seen::WEB,
        _ => 0,
    }
}

/// A character reference at the beginning of a text stands for a sign or a tag, or hides one that does. Quotes and
/// ampersands are read as they are.
fn hides(text: &[u8]) -> bool {
    let read = [&b"&quot;"[..], b"&amp;"].into_iter().find(|read| text.starts_with(read));
    match read {
        None => reference(text).is_some(),
        Some(b"&amp;") => {
            let rest = &text[b"&amp;".len()..];
            let name =
                rest.iter().take(REFERENCE_BYTES_MAX).take_while(|byte| is_word(**byte) || **byte == b'#').count();
            name > 0 && rest.get(name) == Some(&b';')
        }
        Some(_) => false,
    }
}

/// Longest name or number of a character reference, in bytes.
const REFERENCE_BYTES_MAX: usize = 8;

/// Longest label that is looked for before a blank in an escape, in bytes.
const LABEL_BYTES_MAX: usize = 24;

/// A quote that is escaped three times has seven backslashes, and a byte before them.
const ESCAPES_MAX: usize = 8;

/// A quote opens the first argument of a call, which may name what the second one is.
fn in_call(text: &[u8], quote: usize) -> bool {
    text[..quote].iter().rev().take(ESCAPES_MAX).find(|byte| **byte != b'\\') == Some(&b'(')
}

impl Rules {
    /// Which searches are worth while in a text, and where they have to look.
    #[inline]
    pub fn triage(&self, text: Text<'_>, keys: &Keys, memo: &mut KeyMemo, places: &mut Places) -> Seen {
        places.clear();
        let mut flags: u16 = if self.read_everything { Seen::PREFIX } else { 0 };
        for at in (0..text.bytes.len()).step_by(64) {
            let block = text.view.window(at).first(text.bytes.len() - at);
            if !block.is_empty() {
                flags |= flags_of(text.bytes, at, block, keys, memo, places);
            }
        }
        Seen(flags)
    }

    /// Nothing can be found in the content of a JSON string, however often it is decoded. What has to be decoded to be
    /// seen begins with `\u` or `\/`. All other escapes stand for what is in no word: a word then begins after them.
    pub fn idle(&self, text: Text<'_>, keys: &Keys, memo: &mut KeyMemo) -> bool {
        let Text { bytes: text, view } = text;
        if self.read_everything || self.prefixes.escaped() {
            return false;
        }
        let begins = |at: usize| {
            let prefix = text.get(at..).and_then(<[u8]>::first_chunk);
            prefix.is_some_and(|prefix| self.prefixes.may_begin(*prefix))
                && self.prefixes.rules_at(&text[at..]).next().is_some()
        };
        let first = |at: usize| begins(at) || text.get(at..).is_some_and(may_be_card);
        let (mut quote, mut bracket, mut sign, mut web) = (false, false, false, false);
        for at in (0..text.len()).step_by(64) {
            let block = view.window(at).first(text.len() - at);
            let mut marks = Bits(block.marks);
            while let Some(bit) = marks.next() {
                let place = at + bit;
                match text[place] {
                    b'"' | b'\'' => {
                        quote = true;
                        bracket |= in_call(text, place);
                        if quoted_values::may_begin(text, place, keys, memo) {
                            return false;
                        }
                    }
                    b'[' => {
                        bracket = true;
                        if is_written(text, place) {
                            return false;
                        }
                    }
                    b':' | b'=' | b'>' if assignments::idle(text, place, keys, memo) => sign = true,
                    b'\\' => match text.get(place + 1) {
                        Some(b'u' | b'/') => return false,
                        Some(b'x') if hex_escape(&text[place..]).is_some() => return false,
                        // Of those in a row the last is what matters.
                        Some(b'\\') => marks.skip_to((bit + backslashes(&text[place..]) - 1).min(63)),
                        _ if first(place + 2) => return false,
                        _ => {}
                    },
                    b'%' | b'&' | 0x1c if self.idle_web(text, place) => web |= text[place] == b'%',
                    _ => return false,
                }
            }
            if (quote && bracket) || Bits(block.prefixes).any(|bit| begins(at + bit)) {
                return false;
            }
        }
        let prefix = || (0..text.len()).step_by(64).any(|at| view.window(at).first(text.len() - at).prefixes != 0);
        // What a percent escape is a part of may not look like it, and a plus sign beside one is a space.
        !(web && (memchr(b'+', text).is_some() || prefix())) && !(sign && may_hide(text))
    }

    /// Nothing begins or ends at the percent escape or character reference at `place`, if there is one: it stands for a byte
    /// that parts words, and no literal and no card number has it.
    #[cold]
    #[inline(never)]
    fn idle_web(&self, text: &[u8], place: usize) -> bool {
        if text[place] == b'&' {
            return !hides(&text[place..]);
        }
        let Some(byte) = percent(&text[place..]) else { return true };
        let scheme = || text[place + 3..].get(..6).is_some_and(|slashes| slashes.eq_ignore_ascii_case(b"%2f%2f"));
        let parts = match byte {
            b' ' | b'/' | b',' | b'?' | b'&' | b'#' | b';' | b'!' | b'(' | b')' | b'*' | b'$' | b'|' | b'~' => true,
            b':' => scheme(),
            byte => !byte.is_ascii(),
        };
        let digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_digit);
        if !parts || (digit(place.checked_sub(1)) && digit(Some(place + 3)) && byte == b' ') {
            return false;
        }
        // So many bytes of a literal may stand before the escape.
        const BEFORE: usize = 3;
        let mut near = [0; 2 * BEFORE + 2];
        let before = place.min(BEFORE);
        near[BEFORE - before..BEFORE].copy_from_slice(&text[place - before..place]);
        let mut at = place;
        for byte in &mut near[BEFORE..] {
            let Some(first) = text.get(at) else { break };
            let decoded = percent(&text[at..]);
            *byte = decoded.unwrap_or(*first);
            at += if decoded.is_some() { 3 } else { 1 };
        }
        !near.windows(4).any(|four| four.first_chunk().is_some_and(|four| self.prefixes.may_begin(*four)))
            && !may_be_card(&text[place + 3..])
            && (byte != b' ' || !self.label_before(text, place))
    }

    /// A label in front of the blank that is written as `%20` at `place` is a literal with what follows: `token%20`.
    fn label_before(&self, text: &[u8], place: usize) -> bool {
        let before = place.min(LABEL_BYTES_MAX);
        let mut near = [0; 2 * LABEL_BYTES_MAX];
        near[..before].copy_from_slice(&text[place - before..place]);
        let (mut at, mut len) = (place, before);
        while let Some(first) = text.get(at).filter(|_| len < near.len()) {
            let decoded = percent(&text[at..]);
            near[len] = decoded.unwrap_or(*first);
            at += if decoded.is_some() { 3 } else { 1 };
            len += 1;
        }
        let near = &near[..len];
        (0..before).any(|at| {
            let four = near[at..].first_chunk();
            four.is_some_and(|four| self.prefixes.may_begin(*four))
                && self.prefixes.rules_at(&near[at..]).any(|rule| self.list[rule].may_start(near, at))
        })
    }
}
