//! One record as one JSON line, fields in their fixed order: timestamp, level, message, logger, traceId, spanId, event,
//! what the service added, error.

use headrig_core::event::time::format_millis;
use serde::Serialize;

/// Whether the line itself has that key. A service's field of such a name goes to `fields`.
pub fn is_own(key: &str) -> bool {
    matches!(key.as_bytes(), b"timestamp" | b"level" | b"message" | b"logger" | b"fields")
}

/// Formats times, remembering the second it formatted last.
#[derive(Default)]
pub struct Clock {
    second: i64,
    text: Vec<u8>,
}

impl Clock {
    /// Append `2026-11-23T06:16:13.462Z`.
    pub fn format(&mut self, seconds: f64, out: &mut Vec<u8>) {
        let millis = (seconds * 1e3).round();
        if !(0.0..=4e12).contains(&millis) {
            return format_millis(seconds, out);
        }
        let (second, milli) = (millis as i64 / 1000, millis as i64 % 1000);
        if self.text.is_empty() || self.second != second {
            self.text.clear();
            format_millis(second as f64, &mut self.text);
            self.second = second;
        }
        out.extend_from_slice(&self.text[..self.text.len() - 4]);
        out.extend([milli / 100, milli / 10 % 10, milli % 10].map(|digit| b'0' + digit as u8));
        out.push(b'Z');
    }
}

/// Begin a line: everything up to and with the level. Keys and values of the rest follow, then `end`.
pub fn begin(clock: &mut Clock, created_seconds: f64, level: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    clock.format(created_seconds, out);
    out.extend_from_slice(b"\",\"level\":");
    text(level, out);
}

/// Append a comma where one is due, the key and a colon. A key of the schema: it needs no escapes.
pub fn key(name: &str, out: &mut Vec<u8>) {
    debug_assert_eq!(special(name.as_bytes()), None);
    if !matches!(out.last(), Some(b'{') | None) {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// End the line.
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"}\n");
}

/// Append a JSON string. Lone surrogates (WTF-8) are written out as `\uNNNN` in text, for jq refuses them as escapes;
/// other bytes that are no UTF-8 become U+FFFD.
///
/// # Example
///
/// ```
/// use headrig_handler::line::{begin, end, key, string, Clock};
///
/// let mut line = Vec::new();
/// begin(&mut Clock::default(), 1_795_414_573.25, "INFO", &mut line);
/// key("user", &mut line);
/// string(b"o\"neil", &mut line);
/// end(&mut line);
/// assert!(line.starts_with(br#"{"timestamp":"2026-11-23T06:16:13.250Z","level":"INFO""#));
/// assert!(line.ends_with(b",\"user\":\"o\\\"neil\"}\n"));
/// ```
pub fn string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = bytes;
    while let Err(error) = std::str::from_utf8(rest) {
        let (valid, broken) = rest.split_at(error.valid_up_to());
        escaped(valid, out);
        rest = match broken {
            &[0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..] => {
                let code = 0xd000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f);
                out.extend_from_slice(format!("\\\\u{code:04x}").as_bytes());
                &broken[3..]
            }
            _ => {
                out.extend_from_slice("\u{fffd}".as_bytes());
                &broken[error.error_len().unwrap_or(broken.len())..]
            }
        };
    }
    escaped(rest, out);
    out.push(b'"');
}

/// Append a JSON string that is known to be UTF-8.
pub fn text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text.as_bytes(), out);
    out.push(b'"');
}

/// Append bytes as a JSON string, each one that is no UTF-8 as `\xNN`.
pub fn bytes(raw: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in raw.utf8_chunks() {
        escaped(chunk.valid().as_bytes(), out);
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\\\x{byte:02x}").as_bytes());
        }
    }
    out.push(b'"');
}

/// Append a number; JSON has no word for NaN and the infinities, which are null.
pub fn number(value: impl Serialize, out: &mut Vec<u8>) {
    // Into memory, which takes every number.
    let _ = serde_json::to_writer(out, &value);
}

fn escaped(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = special(text) {
        out.extend_from_slice(&text[..at]);
        headrig_core::io::escape::encode(&text[at..=at], out);
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
}

/// Where the first byte lies that stands for itself in no JSON string. Eight at a time: 2.1 of the 13.5 thousand instructions
/// of a record less (2026-12-01).
fn special(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(8 * place + found.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\')?;
    Some(8 * words.len() + at)
}

/// Bit 7 of each byte that is below a blank, a quote or a backslash; above the first such bit others may be wrong, because
/// subtraction borrows (Warren, Hacker's Delight, 6-1).
fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let same = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, b' ') | same(b'"') | same(b'\\')) & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_rounded_to_the_millisecond_and_the_memory_of_a_second_is_no_trap() {
        let mut clock = Clock::default();
        for (seconds, expected) in [
            (1_795_414_573.462, "2026-11-23T06:16:13.462Z"),
            (1_795_414_573.999_6, "2026-11-23T06:16:14.000Z"),
            (0.0, "1970-01-01T00:00:00.000Z"),
            (-1.5, "1969-12-31T23:59:58.500Z"),
            (f64::NAN, "1970-01-01T00:00:00.000Z"),
        ] {
            let mut out = Vec::new();
            clock.format(seconds, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn every_string_is_json() {
        assert_eq!(written(|out| string("a\"\\\n\u{1}é\u{2028}".as_bytes(), out)), "\"a\\\"\\\\\\n\\u0001é\u{2028}\"");
        assert_eq!(written(|out| string(b"x\xed\xa0\x80y", out)), r#""x\\ud800y""#);
        assert_eq!(written(|out| string(b"x\xffy\xe2\x82", out)), "\"x\u{fffd}y\u{fffd}\"");
        assert_eq!(written(|out| bytes(b"a\xff\0", out)), r#""a\\xff\u0000""#);
    }

    #[test]
    fn each_special_byte_is_found_wherever_it_lies() {
        for special_byte in 0..=u8::MAX {
            let is_special = special_byte < b' ' || special_byte == b'"' || special_byte == b'\\';
            for around in [b'a', 0x7f, 0x80, 0xff, b'!', b'#', b'[', b']'] {
                for len in 1..=20 {
                    for at in 0..len {
                        let mut text = vec![around; len];
                        text[at] = special_byte;
                        assert_eq!(special(&text), is_special.then_some(at), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_that_json_has_no_word_for_are_null() {
        assert_eq!(written(|out| number(f64::NAN, out)), "null");
        assert_eq!(written(|out| number(f64::NEG_INFINITY, out)), "null");
        assert_eq!(written(|out| number(0.01234, out)), "0.01234");
    }

    #[test]
    fn a_line_is_built_in_order() {
        let line = written(|out| {
            begin(&mut Clock::default(), 0.0, "INFO", out);
            key("message", out);
            string(b"hello", out);
            end(out);
        });
        assert_eq!(line, "{\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"level\":\"INFO\",\"message\":\"hello\"}\n");
    }
}
