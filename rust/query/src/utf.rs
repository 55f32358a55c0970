//! UTF-16 and UTF-32 to UTF-8 and back, without loss: halves of surrogate pairs that stand alone are written as three bytes,
//! as UTF-8 would if it might (WTF-8, Sapin). The core takes them for bytes that are no UTF-8 and leaves them.

use crate::form::Encoding;

const SURROGATES: std::ops::RangeInclusive<u32> = 0xd800..=0xdfff;
const CHARACTER_MAX: u32 = 0x0010_ffff;
/// Written for bytes that are no character any more.
const REPLACEMENT: u32 = 0xfffd;

impl Encoding {
    /// Bytes of one unit.
    pub fn unit_bytes(self) -> usize {
        match self {
            Self::Bytes => 1,
            Self::Utf16Le | Self::Utf16Be => 2,
            Self::Utf32Le | Self::Utf32Be => 4,
        }
    }

    fn unit(self, bytes: &[u8]) -> u32 {
        let value = |total: u32, byte: &u8| total << 8 | u32::from(*byte);
        match self {
            Self::Utf16Le | Self::Utf32Le => bytes.iter().rev().fold(0, value),
            Self::Bytes | Self::Utf16Be | Self::Utf32Be => bytes.iter().fold(0, value),
        }
    }

    fn push_unit(self, unit: u32, out: &mut Vec<u8>) {
        match self {
            Self::Bytes => out.push(unit as u8),
            Self::Utf16Le => out.extend_from_slice(&(unit as u16).to_le_bytes()),
            Self::Utf16Be => out.extend_from_slice(&(unit as u16).to_be_bytes()),
            Self::Utf32Le => out.extend_from_slice(&unit.to_le_bytes()),
            Self::Utf32Be => out.extend_from_slice(&unit.to_be_bytes()),
        }
    }
}

/// Append `raw` as UTF-8, as far as it holds whole characters; give how many bytes that were. With `last`, a half of a
/// surrogate pair at the end stands alone.
///
/// # Errors
/// The first byte of a unit that is no character.
pub fn decode(encoding: Encoding, raw: &[u8], last: bool, out: &mut Vec<u8>) -> Result<usize, usize> {
    let size = encoding.unit_bytes();
    let wide = size == 2;
    let mut at = 0;
    while let Some(bytes) = raw.get(at..at + size) {
        let unit = encoding.unit(bytes);
        if wide && (0xd800..0xdc00).contains(&unit) {
            match raw.get(at + size..at + 2 * size).map(|next| encoding.unit(next)) {
                Some(low @ 0xdc00..=0xdfff) => {
                    push_utf8(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), out);
                    at += 2 * size;
                    continue;
                }
                None if !last => break,
                _ => {}
            }
        }
        if unit > CHARACTER_MAX {
            return Err(at);
        }
        push_utf8(unit, out);
        at += size;
    }
    Ok(at)
}

/// Append UTF-8 in an encoding. Bytes that are none become U+FFFD, one for each.
pub fn encode(encoding: Encoding, text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < text.len() {
        let (character, bytes) = character(&text[at..]);
        at += bytes;
        if encoding.unit_bytes() == 2 && character > 0xffff {
            let offset = character - 0x10000;
            encoding.push_unit(0xd800 + (offset >> 10), out);
            encoding.push_unit(0xdc00 + (offset & 0x3ff), out);
        } else {
            encoding.push_unit(character, out);
        }
    }
}

fn push_utf8(character: u32, out: &mut Vec<u8>) {
    match char::from_u32(character) {
        Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            out.extend([0xe0 | character >> 12, 0x80 | character >> 6 & 0x3f, 0x80 | character & 0x3f].map(|b| b as u8))
        }
    }
}

/// The first character of a text and its bytes.
fn character(text: &[u8]) -> (u32, usize) {
    let (first, more) = match text[0] {
        byte @ 0x00..=0x7f => return (u32::from(byte), 1),
        byte @ 0xc2..=0xdf => (u32::from(byte & 0x1f), 1),
        byte @ 0xe0..=0xef => (u32::from(byte & 0x0f), 2),
        byte @ 0xf0..=0xf4 => (u32::from(byte & 0x07), 3),
        _ => return (REPLACEMENT, 1),
    };
    let Some(rest) = text.get(1..1 + more).filter(|rest| rest.iter().all(|byte| byte & 0xc0 == 0x80)) else {
        return (REPLACEMENT, 1);
    };
    let character = rest.iter().fold(first, |total, byte| total << 6 | u32::from(byte & 0x3f));
    let shortest = [0, 0x80, 0x800, 0x10000][more];
    let known = char::from_u32(character).is_some() || SURROGATES.contains(&character);
    if known && character >= shortest {
        (character, 1 + more)
    } else {
        (REPLACEMENT, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn characters_are_what_the_standard_library_says() {
        let text = "a\u{e9}\u{2028}\u{fffd}\u{10ffff}\r\n\u{feff}";
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let (mut decoded, mut encoded) = (Vec::new(), Vec::new());
        assert_eq!(decode(Encoding::Utf16Le, &units, true, &mut decoded), Ok(units.len()));
        encode(Encoding::Utf16Le, text.as_bytes(), &mut encoded);
        assert_eq!((decoded, encoded), (text.as_bytes().to_vec(), units));
    }

    #[test]
    fn what_is_no_character_is_said_or_replaced() {
        let mut out = Vec::new();
        assert_eq!(decode(Encoding::Utf32Le, b"a\0\0\0\0\0\x11\0", true, &mut out), Err(4));
        out.clear();
        encode(Encoding::Utf16Be, b"\xff\xc0\x80a", &mut out);
        assert_eq!(out, b"\xff\xfd\xff\xfd\xff\xfd\0a");
    }

    proptest! {
        #[test]
        fn units_come_back_whatever_they_are(
            units in proptest::collection::vec(prop_oneof![any::<u16>(), 0xd700..0xe100u16], 0..60),
            cut in any::<prop::sample::Index>(),
        ) {
            for encoding in [Encoding::Utf16Le, Encoding::Utf16Be, Encoding::Utf32Le, Encoding::Utf32Be] {
                let mut raw = Vec::new();
                units.iter().for_each(|unit| encoding.push_unit(u32::from(*unit), &mut raw));
                let (mut text, mut back) = (Vec::new(), Vec::new());
                let first = decode(encoding, &raw[..cut.index(raw.len() + 1)], false, &mut text).unwrap_or(0);
                prop_assert_eq!(decode(encoding, &raw[first..], true, &mut text), Ok(raw.len() - first));
                encode(encoding, &text, &mut back);
                prop_assert_eq!(back, raw);
            }
        }
    }
}
