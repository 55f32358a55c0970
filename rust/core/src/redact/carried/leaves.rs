//! The values in a piece of a document: what stands in brackets, without keys, signs and the names of types.

use super::open_line::string_end;
use crate::redact::bytes::is_word;
use crate::redact::text::placeholders;
use crate::redact::text::wrapping::wrapping;
use crate::redact::token::token_len;

/// Takes the start and end of a secret, its rule, and whether the replacement needs quotes of its own.
pub type Found<'a> = dyn FnMut(usize, usize, u16, bool) + 'a;

/// Call `found(start, end, quoted)` for each value in `text`, which begins so deep in brackets, until the outermost one is
/// closed; give how deep its end is.
pub fn leaves(text: &[u8], depth: usize, found: &mut dyn FnMut(usize, usize, bool)) -> usize {
    let (mut at, mut depth) = (0, depth);
    while let Some(&byte) = text.get(at) {
        let token = token_len(&text[at..]);
        match byte {
            _ if token > 0 => at += token,
            b'{' | b'[' | b'(' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                at += 1;
                if depth == 0 {
                    return 0;
                }
            }
            b'"' | b'\'' | b'`' => {
                let end = string_end(text, at).unwrap_or(text.len());
                let after = text.get(end + 1..).unwrap_or_default();
                if !is_key(after) && end > at + 1 && token_len(&text[at + 1..end]) != end - at - 1 {
                    found(at + 1, end, false);
                }
                at = end + 1;
            }
            byte if is_word(byte) || byte >= 0x80 || matches!(byte, b'-' | b'+' | b'/') => at = word(text, at, found),
            _ => at += 1,
        }
    }
    depth
}

/// Take the word at `at` for a value unless it is something else; give where to go on.
fn word(text: &[u8], at: usize, found: &mut dyn FnMut(usize, usize, bool)) -> usize {
    let skip = wrapping(&text[at..]);
    if skip > 0 {
        return at + skip;
    }
    let stops = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`,;()[]{}<>".contains(byte);
    let mut end = text[at..].iter().position(stops).map_or(text.len(), |len| at + len);
    // `key:` and `key=value`.
    let sign = text[at..end].iter().position(|byte| matches!(byte, b':' | b'='));
    if let Some(sign) = sign.filter(|sign| text[at + sign] == b'=' || at + sign + 1 >= end) {
        return at + sign + 1;
    }
    if sign == Some(0) {
        return at + 1;
    }
    let prefix = end - at == 1 && matches!(text.get(end), Some(b'"' | b'\''));
    let after = &text[end..];
    let of_type = matches!(after.trim_ascii_start(), [b'(' | b'{', ..]);
    if prefix || of_type || is_key(after) {
        return end;
    }
    end = end.max(at + 1);
    // A word without a digit is a name in a program, but where PHP writes what its arrays hold.
    let plain = text[at..end].iter().any(u8::is_ascii_digit) || text[..at].trim_ascii_end().ends_with(b"=>");
    if plain && !placeholders::nothing(&text[at..end]) {
        found(at, end, true);
    }
    end
}

/// A sign follows.
fn is_key(after: &[u8]) -> bool {
    let after = after.trim_ascii_start();
    let after = after.strip_prefix(b"]").map_or(after, <[u8]>::trim_ascii_start);
    matches!(after, [b':' | b'=', ..])
}

/// The value that begins at `start`, without its quotes and what wraps it, and where it ends with them. A word goes on to
/// the line's end, or to a comment.
pub fn value(text: &[u8], start: usize) -> Option<(usize, usize, usize)> {
    let start = start + wrapping(&text[start..]);
    let start = start + usize::from(text[start..].starts_with(b"b'") || text[start..].starts_with(b"b\""));
    match text.get(start)? {
        b'"' | b'\'' => {
            let end = string_end(text, start).unwrap_or(text.len());
            Some((start + 1, end, (end + 1).min(text.len())))
        }
        _ => {
            let comment = text[start..].windows(2).position(|two| two == b" #");
            let end = comment.map_or(text.len(), |len| start + len);
            let end = start + text[start..end].trim_ascii_end().len();
            let end = if text[start..end].ends_with(b",") { end - 1 } else { end };
            Some((start, end, end))
        }
    }
    .filter(|(from, to, _)| from < to)
}
