//! JSON string escapes (RFC 8259 section 7): decode with a way back to the raw bytes, encode.

use memchr::memchr;

/// A decoded string and where its bytes come from.
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
    /// Bytes it means and bytes it takes.
    len: u8,
    raw_len: u8,
}

impl Decoded {
    /// Decode the content of a JSON string. Escapes that are not valid stay as they are, so that
    /// broken text can be read too. A lone surrogate becomes its three-byte form (WTF-8).
    pub fn decode(&mut self, raw: &[u8]) {
        self.bytes.clear();
        self.escapes.clear();
        let mut at = 0;
        while at < raw.len() {
            // Escapes often come one after the other.
            if raw[at] != b'\\' {
                let plain = memchr(b'\\', &raw[at..]).map_or(raw.len(), |run| at + run);
                self.bytes.extend_from_slice(&raw[at..plain]);
                at = plain;
                continue;
            }
            let before = self.bytes.len();
            let width = self.escape(&raw[at..]);
            at += width.max(1);
            if width == 0 {
                self.bytes.push(b'\\');
                continue;
            }
            let len = (self.bytes.len() - before) as u8;
            self.escapes.push(Escape { end: self.bytes.len() as u32, raw_end: at as u32, len, raw_len: width as u8 });
        }
    }

    /// The raw span of a decoded span, widened to whole escapes.
    pub fn raw_span(&self, start: usize, end: usize) -> (usize, usize) {
        (self.raw(start, false), self.raw(end, start < end))
    }

    /// Where a decoded place stands in the raw bytes: inside an escape its start, or (`after`) its end.
    fn raw(&self, place: usize, after: bool) -> usize {
        // The first escape that ends after the place.
        let next = self.escapes.partition_point(|escape| escape.end as usize <= place);
        if let Some(escape) = self.escapes.get(next) {
            let start = escape.end as usize - usize::from(escape.len);
            if place >= start {
                let whole = if after && place > start { 0 } else { usize::from(escape.raw_len) };
                return escape.raw_end as usize - whole;
            }
        }
        match next.checked_sub(1).map(|last| self.escapes[last]) {
            Some(last) => last.raw_end as usize + place - last.end as usize,
            None => place,
        }
    }

    /// Bytes of `raw` that one escape takes, having appended what it means; 0 when it is not an escape.
    fn escape(&mut self, raw: &[u8]) -> usize {
        let simple = match raw.get(1) {
            Some(b'"') => b'"',
            Some(b'\\') => b'\\',
            Some(b'/') => b'/',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => return self.unicode(raw),
            _ => return 0,
        };
        self.bytes.push(simple);
        2
    }

    fn unicode(&mut self, raw: &[u8]) -> usize {
        let Some(high) = hex4(raw) else { return 0 };
        if (0xd800..0xdc00).contains(&high) {
            if let Some(low) = hex4(&raw[6..]).filter(|low| (0xdc00..0xe000).contains(low)) {
                let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                push_utf8(code, &mut self.bytes);
                return 12;
            }
        }
        push_utf8(high, &mut self.bytes);
        6
    }
}

/// The number behind a leading `\uXXXX`.
fn hex4(raw: &[u8]) -> Option<u32> {
    let digits = raw.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |value, &byte| Some(value << 4 | (byte as char).to_digit(16)?))
}

/// UTF-8 of a code point, surrogates included (generalised UTF-8).
fn push_utf8(code: u32, out: &mut Vec<u8>) {
    let tail = |shift: u32| 0x80 | (code >> shift & 0x3f) as u8;
    match code {
        0..=0x7f => out.push(code as u8),
        0x80..=0x7ff => out.extend([0xc0 | (code >> 6) as u8, tail(0)]),
        0x800..=0xffff => out.extend([0xe0 | (code >> 12) as u8, tail(6), tail(0)]),
        _ => out.extend([0xf0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
    }
}

/// Append `text` as the content of a JSON string. Bytes that are not UTF-8 become U+FFFD.
pub fn encode(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..=0x1f => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    out.extend_from_slice(b"\\u00");
                    out.push(HEX[(byte >> 4) as usize]);
                    out.push(HEX[(byte & 15) as usize]);
                }
                _ => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
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
}
