//! What form a file has, by its first bytes: its compression, and the encoding of its text.

/// First bytes that are enough to say what form a file has.
pub const HEAD_BYTES: usize = 64;
/// Characters that must look so before a text without a byte order mark is taken for UTF-16.
const UTF16_CHARACTERS_MIN: usize = 2;

/// Gzip is RFC 1952, Zstandard RFC 8878.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// `Bytes`: UTF-8, or whatever else is read byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Bytes,
    Utf16Le,
    Utf16Be,
    Utf32Le,
    Utf32Be,
}

/// How a file's text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    pub compression: Compression,
    pub encoding: Encoding,
}

/// A form in which secrets would pass unseen, and a command that turns it into text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported {
    pub name: &'static str,
    pub command: &'static str,
}

/// Magic numbers from the formats' own documents, and of Zstandard the frame of RFC 8878 section 3.1.1.
const GZIP: &[u8] = b"\x1f\x8b\x08";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const UNSUPPORTED: &[(&[u8], Unsupported)] = &[
    (b"BZh", Unsupported { name: "bzip2", command: "bzip2 -dc" }),
    (b"\xfd7zXZ\0", Unsupported { name: "xz", command: "xz -dc" }),
    (b"\x04\x22\x4d\x18", Unsupported { name: "lz4", command: "lz4 -dc" }),
    (b"PK\x03\x04", Unsupported { name: "zip", command: "unzip -p" }),
    (b"\x1f\x9d", Unsupported { name: "compress", command: "gzip -dc" }),
    (b"7z\xbc\xaf\x27\x1c", Unsupported { name: "7-Zip", command: "7z e -so" }),
    (b"LZIP", Unsupported { name: "lzip", command: "lzip -dc" }),
    (b"\x89LZO\0\r\n\x1a\n", Unsupported { name: "lzop", command: "lzop -dc" }),
    (b"\xff\x06\0\0sNaPpY", Unsupported { name: "snappy", command: "snzip -dc" }),
];
/// After `BZh`, which may begin a word: the size of its blocks and the magic of the first, or of the end.
const BZIP2_BLOCKS: [&[u8]; 2] = [b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"];

const ENCODINGS: &[(&[u8], Encoding)] = &[
    // Before UTF-16: its mark begins with that of UTF-16.
    (b"\xff\xfe\0\0", Encoding::Utf32Le),
    (b"\0\0\xfe\xff", Encoding::Utf32Be),
    (b"\xff\xfe", Encoding::Utf16Le),
    (b"\xfe\xff", Encoding::Utf16Be),
];

/// The compression of a file that begins so; None while more bytes may say another thing and there are more.
///
/// # Errors
/// A form that is known and not read.
pub fn compression(head: &[u8], whole: bool) -> Option<Result<Compression, Unsupported>> {
    let known = [(GZIP, Compression::Gzip), (ZSTD, Compression::Zstd)];
    if let Some((_, compression)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(Ok(*compression));
    }
    if is_skippable(head) {
        return Some(Ok(Compression::Zstd));
    }
    let bzip2 = head.get(4..).map(|blocks| BZIP2_BLOCKS.iter().any(|block| blocks.starts_with(block)));
    let foreign = UNSUPPORTED.iter().find(|(magic, _)| head.starts_with(magic));
    match foreign {
        Some((b"BZh", _)) if bzip2 != Some(true) => {}
        Some((_, unsupported)) => return Some(Err(*unsupported)),
        None => {}
    }
    let magics = known.iter().map(|(magic, _)| *magic).chain(UNSUPPORTED.iter().map(|(magic, _)| *magic));
    let open = |magic: &[u8]| head.len() < magic.len() && magic.starts_with(head);
    let undecided = magics.into_iter().any(open) || head.starts_with(b"BZh") && head.len() < 10;
    (whole || !undecided && !is_skippable_start(head)).then_some(Ok(Compression::None))
}

/// The encoding of a text that begins so; None while more bytes may say another thing and there are more.
pub fn encoding(head: &[u8], whole: bool) -> Option<Encoding> {
    let undecided = ENCODINGS.iter().any(|(mark, _)| head.len() < mark.len() && mark.starts_with(head));
    if undecided && !whole {
        return None;
    }
    if let Some((_, encoding)) = ENCODINGS.iter().find(|(mark, _)| head.starts_with(mark)) {
        return Some(*encoding);
    }
    let text = |byte: u8| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic();
    for (encoding, of_text) in [(Encoding::Utf16Le, 0), (Encoding::Utf16Be, 1)] {
        let alike = |(at, byte): (usize, &u8)| if at % 2 == of_text { text(*byte) } else { *byte == 0 };
        if head.iter().enumerate().take(2 * UTF16_CHARACTERS_MIN).all(alike) {
            match head.len() >= 2 * UTF16_CHARACTERS_MIN {
                true => return Some(encoding),
                false if !whole => return None,
                false => {}
            }
        }
    }
    Some(Encoding::Bytes)
}

/// A frame of Zstandard that holds no text (RFC 8878 section 3.1.2); pzstd begins with one.
fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn is_skippable_start(head: &[u8]) -> bool {
    matches!(head, [] | [0x50..=0x5f, 0x2a] | [0x50..=0x5f, 0x2a, 0x4d])
}

impl Form {
    /// As it is called in messages: `gzip`, `zstd, utf-16le`, `plain`.
    pub fn name(&self) -> String {
        let compression = match self.compression {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        };
        let encoding = match self.encoding {
            Encoding::Bytes => None,
            Encoding::Utf16Le => Some("utf-16le"),
            Encoding::Utf16Be => Some("utf-16be"),
            Encoding::Utf32Le => Some("utf-32le"),
            Encoding::Utf32Be => Some("utf-32be"),
        };
        let parts: Vec<&str> = compression.into_iter().chain(encoding).collect();
        if parts.is_empty() {
            return "plain".to_owned();
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_told_by_magic_and_text_is_no_magic() {
        let is = |head: &[u8]| compression(head, true);
        assert_eq!(is(b"\x1f\x8b\x08\0"), Some(Ok(Compression::Gzip)));
        assert_eq!(is(b"\x28\xb5\x2f\xfd\0"), Some(Ok(Compression::Zstd)));
        assert_eq!(is(b"\x5f\x2a\x4d\x18\0"), Some(Ok(Compression::Zstd)));
        for (magic, unsupported) in UNSUPPORTED.iter().filter(|(_, unsupported)| unsupported.name != "bzip2") {
            assert_eq!(is(&[magic, &b" and more"[..]].concat()), Some(Err(*unsupported)));
        }
        assert!(is(b"BZh91AY&SY\0\0").is_some_and(|form| form.is_err()));
        for text in [&b""[..], b"BZhang logged in", b"PKI", b"P", b"\x1f\x8b", b"{}", b"LZ4"] {
            assert_eq!(is(text), Some(Ok(Compression::None)), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_prefix_of_a_magic_is_decided_at_once() {
        for text in [&b"a"[..], b"{", b"\n", b"[", b"1", b"2026-11-30 INFO", b"P "] {
            assert_eq!(compression(text, false), Some(Ok(Compression::None)), "{text:?}");
        }
        for start in [&b""[..], b"\x1f", b"\x28\xb5", b"B", b"BZh9"] {
            assert_eq!(compression(start, false), None, "{start:?}");
        }
    }

    #[test]
    fn encodings_are_told_by_mark_or_by_zeros_between_letters() {
        let is = |head: &[u8]| encoding(head, true);
        assert_eq!(is(b"\xff\xfea\0"), Some(Encoding::Utf16Le));
        assert_eq!(is(b"\xff\xfe\0\0a\0\0\0"), Some(Encoding::Utf32Le));
        assert_eq!(is(b"\0\0\xfe\xff"), Some(Encoding::Utf32Be));
        assert_eq!(is(b"a\0b\0"), Some(Encoding::Utf16Le));
        assert_eq!(is(b"\0a\0b"), Some(Encoding::Utf16Be));
        for bytes in [&b"a"[..], b"a\n", b"a\0", b"a\0\0\0", b"\0\0\0\0", b"\xef\xbb\xbfa", b"", b"{\x00}\n"] {
            assert_eq!(is(bytes), Some(Encoding::Bytes), "{bytes:?}");
        }
        for bytes in [&b"a\n"[..], b"\n", b"ab", b"{}"] {
            assert_eq!(encoding(bytes, false), Some(Encoding::Bytes), "{bytes:?}");
        }
    }
}
