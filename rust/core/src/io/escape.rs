//! JSON string escapes (RFC 8259 section 7): decode with a way back to the raw bytes, encode.

use memchr::memchr;

/// A decoded string and where its bytes come from.
///
/// # Example
///
/// ```
/// use headrig_core::io::escape::Decoded;
///
/// let mut decoded = Decoded::default();
/// decoded.decode(br"a\u0062\/c");
/// assert_eq!(decoded.bytes, b"ab/c");
/// assert_eq!(decoded.raw_span(1, 2), (1, 7));
/// ```
#[derive(Default, Debug)]
pub struct Decoded {
    pub bytes: Vec<u8>,
    /// The escapes, in order. Between them every byte stands for itself.
    escapes: Vec<Escape>,
}

/// One escape: where its meaning ends in the decoded bytes, and where it ends in the raw ones.
#[derive(Clone, Copy, Debug)]
struct Escape {
    end: u32,
    raw_end: u32,
    /// Bytes it means, none where it is left out, and bytes it takes.
    len: u8,
    raw_len: u8,
}

/// How many backslashes `text` begins with, up to 64: eight at a time, since hostile texts hold long rows of them.
#[inline]
pub fn backslashes(text: &[u8]) -> usize {
    let mut count = 0;
    for word in text.as_chunks::<8>().0.iter().take(8) {
        let others = u64::from_le_bytes(*word) ^ u64::from_le_bytes([b'\\'; 8]);
        if others != 0 {
            return count + others.trailing_zeros() as usize / 8;
        }
        count += 8;
    }
    count + text[count..].iter().take((64 - count).min(7)).take_while(|byte| **byte == b'\\').count()
}

impl Decoded {
    /// Decode the content of a JSON string. Escapes that are not valid stay as they are, so that
    /// broken text can be read too, but for `\x3d`, as programming languages and nginx write it. A lone surrogate becomes U+FFFD, as it is written.
    pub fn decode(&mut self, raw: &[u8]) {
        self.clear();
        self.bytes.reserve(raw.len());
        let mut at = 0;
        while at < raw.len() {
            // Escapes often come one after the other.
            if raw[at] != b'\\' {
                let plain = memchr(b'\\', &raw[at..]).map_or(raw.len(), |run| at + run);
                self.bytes.extend_from_slice(&raw[at..plain]);
                at = plain;
                continue;
            }
            let pairs = backslashes(&raw[at..]) / 2;
            if pairs > 1 {
                self.pairs(at, pairs);
                at += 2 * pairs;
                continue;
            }
            let (len, raw_len) = match raw.get(at + 1).map_or(0, |next| MEANS[usize::from(*next)]) {
                0 => match hex_escape(&raw[at..]) {
                    Some(byte) => {
                        self.bytes.push(byte);
                        (1, 4)
                    }
                    None => self.unicode(&raw[at..]),
                },
                simple => {
                    self.bytes.push(simple);
                    (1, 2)
                }
            };
            at += usize::from(raw_len.max(1));
            if raw_len == 0 {
                self.bytes.push(b'\\');
                continue;
            }
            self.escapes.push(Escape { end: self.bytes.len() as u32, raw_end: at as u32, len, raw_len });
        }
    }

    /// So many escaped backslashes in a row, from `at` on.
    fn pairs(&mut self, at: usize, count: usize) {
        let end = self.bytes.len();
        self.bytes.resize(end + count, b'\\');
        let escape =
            |pair: usize| Escape { end: (end + pair) as u32, raw_end: (at + 2 * pair) as u32, len: 1, raw_len: 2 };
        self.escapes.extend((1..=count).map(escape));
    }

    /// Begin a text anew.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.escapes.clear();
    }

    /// The last `raw_len` bytes before `raw_end` mean the last `len` ones of `bytes`; none where they are left out.
    pub(super) fn escape(&mut self, len: u8, raw_len: u8, raw_end: usize) {
        self.escapes.push(Escape { end: self.bytes.len() as u32, raw_end: raw_end as u32, len, raw_len });
    }

    /// One byte stands for the raw bytes of a span.
    pub(super) fn stand_in(&mut self, byte: u8, start: usize, end: usize) {
        let first = (end - start).min(usize::from(u8::MAX));
        self.bytes.push(byte);
        self.escape(1, first as u8, start + first);
        self.leave_out(start + first, end);
    }

    /// Nothing stands for the raw bytes of a span.
    pub(super) fn leave_out(&mut self, start: usize, end: usize) {
        for from in (start..end).step_by(usize::from(u8::MAX)) {
            let raw_len = (end - from).min(usize::from(u8::MAX));
            self.escape(0, raw_len as u8, from + raw_len);
        }
    }

    /// Every byte stands for itself.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.escapes.is_empty()
    }

    /// The raw span of a decoded span, widened to whole escapes.
    #[must_use]
    pub fn raw_span(&self, start: usize, end: usize) -> (usize, usize) {
        let end = if start < end { self.raw_after(end - 1) } else { self.raw_at(end) };
        (self.raw_at(start), end)
    }

    /// Where the raw bytes of a decoded byte begin.
    fn raw_at(&self, place: usize) -> usize {
        match self.around(place) {
            (_, Some(inside)) => inside.raw_end as usize - usize::from(inside.raw_len),
            (Some(before), None) => before.raw_end as usize + place - before.end as usize,
            (None, None) => place,
        }
    }

    /// Where the raw bytes of a decoded byte end.
    fn raw_after(&self, place: usize) -> usize {
        match self.around(place) {
            (_, Some(inside)) => inside.raw_end as usize,
            _ => self.raw_at(place) + 1,
        }
    }

    /// The last escape before a decoded byte, and the one that it is part of.
    fn around(&self, place: usize) -> (Option<Escape>, Option<Escape>) {
        // The first that ends after the byte.
        let next = self.escapes.partition_point(|escape| escape.end as usize <= place);
        let inside = |escape: &Escape| place >= escape.end as usize - usize::from(escape.len);
        let before = next.checked_sub(1).map(|last| self.escapes[last]);
        (before, self.escapes.get(next).copied().filter(inside))
    }

    /// The meaning of a `\uXXXX` that `raw` begins with is appended: its length, and that of the escape; 0 where there is
    /// none.
    fn unicode(&mut self, raw: &[u8]) -> (u8, u8) {
        let Some(high) = hex4(raw) else { return (0, 0) };
        if (0xd800..0xdc00).contains(&high) {
            if let Some(low) = hex4(&raw[6..]).filter(|low| (0xdc00..0xe000).contains(low)) {
                let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return (push_utf8(code, &mut self.bytes), 12);
            }
        }
        let code = if (0xd800..0xe000).contains(&high) { u32::from(char::REPLACEMENT_CHARACTER) } else { high };
        (push_utf8(code, &mut self.bytes), 6)
    }
}

/// The digits of a `\uXXXX` are those of half a surrogate pair: D800 to DFFF.
#[inline]
pub fn is_surrogate(digits: &[u8]) -> bool {
    matches!(digits, [b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..])
}

/// Where the escapes of half a surrogate pair stand in the content of a JSON string whose other half does not follow.
pub fn lone_surrogates(raw: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || loop {
        at += memchr(b'\\', raw.get(at..)?)?;
        let start = at;
        let Some(half) = hex4(&raw[start..]) else {
            at += 2;
            continue;
        };
        at += 6;
        let low_follows = || hex4(&raw[start + 6..]).is_some_and(|low| (0xdc00..0xe000).contains(&low));
        match half {
            0xd800..0xdc00 if low_follows() => at += 6,
            0xd800..0xe000 => return Some((start, start + 6)),
            _ => {}
        }
    })
}

/// What a byte after a backslash means; 0 where that is no escape of two bytes.
const MEANS: [u8; 256] = {
    let mut means = [0; 256];
    let simple = [
        (b'"', b'"'),
        (b'\\', b'\\'),
        (b'/', b'/'),
        (b'b', 8),
        (b'f', 12),
        (b'n', b'\n'),
        (b'r', b'\r'),
        (b't', b'\t'),
    ];
    let mut at = 0;
    while at < simple.len() {
        means[simple[at].0 as usize] = simple[at].1;
        at += 1;
    }
    means
};

/// The character behind a leading `\xXX`, if it is ASCII and no control character but a blank.
#[inline]
pub fn hex_escape(raw: &[u8]) -> Option<u8> {
    let [high, low] = *raw.strip_prefix(b"\\x")?.first_chunk()?;
    let digit = |byte: u8| (byte as char).to_digit(16);
    let byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~').then_some(byte)
}

/// The number behind a leading `\uXXXX`.
fn hex4(raw: &[u8]) -> Option<u32> {
    let digits = raw.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |value, &byte| Some(value << 4 | (byte as char).to_digit(16)?))
}

/// UTF-8 of a code point. Gives how many bytes they are.
pub(super) fn push_utf8(code: u32, out: &mut Vec<u8>) -> u8 {
    let tail = |shift: u32| 0x80 | (code >> shift & 0x3f) as u8;
    match code {
        0..=0x7f => out.push(code as u8),
        0x80..=0x7ff => out.extend([0xc0 | (code >> 6) as u8, tail(0)]),
        0x800..=0xffff => out.extend([0xe0 | (code >> 12) as u8, tail(6), tail(0)]),
        _ => out.extend([0xf0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
    }
    match code {
        0..=0x7f => 1,
        0x80..=0x7ff => 2,
        0x800..=0xffff => 3,
        _ => 4,
    }
}

/// Append `text` as the content of a JSON string. Bytes that are not UTF-8 become U+FFFD.
///
/// # Example
///
/// ```
/// use headrig_core::io::escape::encode;
///
/// let mut out = Vec::new();
/// encode(b"a \"b\"\n", &mut out);
/// assert_eq!(out, br#"a \"b\"\n"#);
/// ```
pub fn encode(text: &[u8], out: &mut Vec<u8>) {
    // Chunks are looked for byte by byte, and nearly every text is one.
    if simdutf8::basic::from_utf8(text).is_ok() {
        return encode_valid(text, out);
    }
    for chunk in text.utf8_chunks() {
        encode_valid(chunk.valid().as_bytes(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// The same of a text that is UTF-8.
fn encode_valid(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(plain) = text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        out.extend_from_slice(&text[..plain]);
        escape(text[plain], out);
        text = &text[plain + 1..];
    }
    out.extend_from_slice(text);
}

/// Append the escape for a byte that needs one.
fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend(*b"\\\""),
        b'\\' => out.extend(*b"\\\\"),
        b'\n' => out.extend(*b"\\n"),
        b'\r' => out.extend(*b"\\r"),
        b'\t' => out.extend(*b"\\t"),
        byte => {
            let [high, low] = [byte >> 4, byte & 15].map(|half| HEX[usize::from(half)]);
            out.extend([b'\\', b'u', b'0', b'0', high, low]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_map_back_to_whole_escapes() {
        let mut decoded = Decoded::default();
        decoded.decode(br#"a\u00e9\"b\ud83d\ude00c\q"#);
        assert_eq!(decoded.bytes, "aé\"b😀c\\q".as_bytes());
        assert_eq!(decoded.raw_span(1, 2), (1, 7));
        assert_eq!(decoded.raw_span(3, 5), (7, 10));
        assert_eq!(decoded.raw_span(5, 6), (10, 22));
        assert_eq!(decoded.raw_span(9, 12), (22, 25));
        decoded.decode(br"a\x3Db\x00\x\x4");
        assert_eq!(decoded.bytes, br"a=b\x00\x\x4");
        assert_eq!(decoded.raw_span(1, 3), (1, 6));
    }

    #[test]
    fn half_a_surrogate_pair_is_a_replacement_character() {
        let raw = br#"\ud83d\ud83d\ude00\\ud83d\uDC00x\udBff\n\ud83"#;
        let mut decoded = Decoded::default();
        decoded.decode(raw);
        assert_eq!(decoded.bytes, "\u{fffd}😀\\ud83d\u{fffd}x\u{fffd}\n\\ud83".as_bytes());
        assert_eq!(lone_surrogates(raw).collect::<Vec<_>>(), [(0, 6), (25, 31), (32, 38)]);
        assert!([&b"d83d"[..], b"DFFF", b"D8"].into_iter().all(is_surrogate));
        assert!(![&b"d7ff"[..], b"e000", b"d", b""].into_iter().any(is_surrogate));
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        let text = "tab\t \"q\" \\ é \u{1}\n".as_bytes();
        let mut raw = Vec::new();
        encode(text, &mut raw);
        let mut decoded = Decoded::default();
        decoded.decode(&raw);
        assert_eq!(decoded.bytes, text);
    }

    #[test]
    fn backslashes_in_a_row_are_counted_and_decoded_in_pairs() {
        for length in 0..150 {
            let raw = "\\".repeat(length) + "n\\";
            assert_eq!(backslashes(raw.as_bytes()), length.min(64));
            let mut decoded = Decoded::default();
            decoded.decode(raw.as_bytes());
            let pairs = length / 2;
            let rest = if length % 2 == 0 { "n\\" } else { "\n\\" };
            assert_eq!(decoded.bytes, ("\\".repeat(pairs) + rest).into_bytes(), "{length}");
            assert!((0..pairs).all(|pair| decoded.raw_span(pair, pair + 1) == (2 * pair, 2 * pair + 2)), "{length}");
        }
    }
}
