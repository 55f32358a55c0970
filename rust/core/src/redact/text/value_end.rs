//! How far the value of a secret key goes in plain text.

use crate::redact::bytes::table;

/// Authorization schemes (RFC 9110 section 11) whose credentials go on to the line's end.
const LONG_SCHEMES: [&[u8]; 4] = [b"digest", b"aws4-hmac-sha256", b"oauth", b"hawk"];
/// Schemes that are no credentials when they stand alone.
const SCHEMES: [&[u8]; 4] = [b"bearer", b"basic", b"digest", b"negotiate"];

/// How far the bracket that closes is looked for, in bytes.
const BRACKET_BYTES_MAX: usize = 1024;
/// How much of that is counted at once, in bytes: few enough for a count in one.
const BRACKET_CHUNK_BYTES: usize = 64;

/// What the rule of a key means for the extent of its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Word,
    /// A word that a person chose, of any characters but blanks.
    Password,
    /// `Authorization`: a scheme and its credentials.
    Scheme,
    /// `Cookie`: everything to the end of the line.
    Line,
}

/// A part of a text in which no word ends: signs may stand so close that the values after them are one word.
#[derive(Default)]
pub struct Clear {
    from: usize,
    to: usize,
}

/// A value to be found: what its key says of its extent, and whether its sign is written as in URLs.
#[derive(Clone, Copy)]
pub struct Value {
    pub extent: Extent,
    pub coded: bool,
}

impl Value {
    pub const WORD: Self = Self { extent: Extent::Word, coded: false };

    /// The span of the value that begins at `start`, without its quotes or brackets.
    pub fn span(self, text: &[u8], start: usize, clear: &mut Clear) -> (usize, usize) {
        let (start, end) = self.whole(text, start, clear);
        (start, if self.coded { start + coded_end(&text[start..end]) } else { end })
    }

    fn whole(self, text: &[u8], start: usize, clear: &mut Clear) -> (usize, usize) {
        match text[start] {
            quote @ (b'"' | b'\'' | b'`') => return (start + 1, quoted_end(text, start + 1, quote)),
            open @ (b'[' | b'(' | b'{' | b'<') => {
                let goes_on = |end: usize| {
                    let next = text.get(end + 1).copied().unwrap_or(b' ');
                    let blank = text[start..end].iter().any(|byte| byte.is_ascii_whitespace());
                    self.extent == Extent::Password && !blank && !STOPS[usize::from(next)] && !b".:".contains(&next)
                };
                if let Some(end) = bracket_end(text, start, open).filter(|end| !goes_on(*end)) {
                    return (start + 1, end);
                }
            }
            _ => {}
        }
        let end = match self.extent {
            Extent::Line => self.line_end(text, start),
            Extent::Scheme => self.scheme_end(text, start, clear),
            Extent::Word | Extent::Password => word_end(text, start, clear),
        };
        // A backslash before a quote is the quote's.
        let trimmed = match text.get(end) {
            Some(b'"' | b'\'') => {
                text[start..end].iter().rposition(|byte| *byte != b'\\').map_or(start, |at| start + at + 1)
            }
            _ => end,
        };
        (start, trimmed)
    }

    /// In a URL what is behind the end need not be read: there may be as much of it after each of many signs.
    fn line_end(self, text: &[u8], start: usize) -> usize {
        let reach = if self.coded { start + coded_end(&text[start..]) } else { text.len() };
        line_end(&text[..reach], start)
    }

    /// `Bearer x`, `Custom x, a=b`, `Digest …`: a scheme, its credentials and what commas add.
    fn scheme_end(self, text: &[u8], start: usize, clear: &mut Clear) -> usize {
        let mut end = word_end(text, start, clear);
        let scheme = &text[start..end];
        let is = |known: &[&[u8]]| known.iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let spaces = |at: usize| text[at..].iter().take_while(|byte| **byte == b' ').count();
        let next = end + spaces(end);
        if is(&LONG_SCHEMES) && next > end {
            return self.line_end(text, start);
        }
        let named = scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !named || next == end || bare_end(text, next) == next {
            return if is(&SCHEMES) { start } else { end };
        }
        end = bare_end(text, next);
        while text.get(end) == Some(&b',') {
            let next = end + 1 + spaces(end + 1);
            let after = bare_end(text, next);
            if !text[next..after].contains(&b'=') {
                break;
            }
            end = after;
        }
        end
    }
}

/// The end of a value in an escaped query: the `&` or quote after it.
fn coded_end(value: &[u8]) -> usize {
    let ends = |part: &[u8]| matches!(part, b"%26" | b"%22" | b"%27" | b"%20" | b"%2C" | b"%2c" | b"%7D" | b"%7d");
    value.windows(3).position(ends).unwrap_or(value.len())
}

/// The quote that closes, the end of the line, or the end of the text.
fn quoted_end(text: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 1,
            b'\n' => return at,
            byte if byte == quote => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The bracket that closes the one at `open`, on the same line.
fn bracket_end(text: &[u8], start: usize, open: u8) -> Option<usize> {
    let close = match open {
        b'(' => b')',
        _ => open + 2,
    };
    let mut depth = 0_usize;
    let near = &text[start..text.len().min(start + BRACKET_BYTES_MAX)];
    for (chunk, at) in near.chunks(BRACKET_CHUNK_BYTES).zip((start..).step_by(BRACKET_CHUNK_BYTES)) {
        let count = |wanted: u8| usize::from(chunk.iter().map(|byte| u8::from(*byte == wanted)).sum::<u8>());
        // Not so many close that the one at `open` is among them.
        if depth > count(close) && count(b'\n') == 0 {
            depth = depth + count(open) - count(close);
            continue;
        }
        for (at, &byte) in (at..).zip(chunk) {
            match byte {
                b'\n' => return None,
                _ if byte == open => depth += 1,
                _ if byte == close => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
        }
    }
    None
}

/// The end of the line, or the quote or brace that was opened before `start`. `a="b"` is skipped whole.
fn line_end(text: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < text.len() {
        match text[at] {
            b'\n' | b'\r' => return at,
            quote @ (b'"' | b'\'') if at > start && text[at - 1] == b'=' => at = quoted_end(text, at + 1, quote),
            b'"' | b'\'' => return at,
            b'{' => depth += 1,
            b'}' if depth == 0 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Bytes with which a word ends.
pub const STOPS: [bool; 256] = table(b" \t\n\x0c\r,;&)]}<>\"'|`");

fn bare_end(text: &[u8], start: usize) -> usize {
    word_end(text, start, &mut Clear::default())
}

/// The end of a word; a string that an opening bracket goes before is part of it: `SecretStr('x')`.
fn word_end(text: &[u8], start: usize, clear: &mut Clear) -> usize {
    let mut at = start;
    loop {
        if !(clear.from <= at && at < clear.to) {
            *clear = Clear { from: at, to: at };
        }
        let known = clear.to.min(text.len());
        at = text[known..].iter().position(|byte| STOPS[usize::from(*byte)]).map_or(text.len(), |next| known + next);
        clear.to = clear.to.max(at);
        match text.get(at) {
            Some(quote @ (b'"' | b'\'')) if at > start && text[at - 1] == b'(' => {
                at = (quoted_end(text, at + 1, *quote) + 1).min(text.len());
            }
            _ => return at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_its_kind_does() {
        for (text, extent, expected) in [
            ("a b", Extent::Word, "a"),
            ("\"a\\\"b\" c", Extent::Word, "a\\\"b"),
            ("f('a b', c) d", Extent::Word, "f('a b'"),
            ("[a [b] c] d", Extent::Word, "a [b] c"),
            ("[a b", Extent::Word, "[a"),
            ("a=\"b\"; c=d\" e", Extent::Line, "a=\"b\"; c=d"),
            ("a={b}; c=d} e", Extent::Line, "a={b}; c=d"),
            ("Custom a, b=c, d e", Extent::Scheme, "Custom a, b=c"),
            ("Digest a=\"b\", c=\"d\"", Extent::Scheme, "Digest a=\"b\", c=\"d\""),
            ("Bearer  a b", Extent::Scheme, "Bearer  a"),
            ("Bearer", Extent::Scheme, ""),
            ("a\\\" b", Extent::Word, "a"),
        ] {
            let value = Value { extent, coded: false };
            let (start, end) = value.span(text.as_bytes(), 0, &mut Clear::default());
            assert_eq!(&text[start..end], expected, "{text}");
        }
    }
}
