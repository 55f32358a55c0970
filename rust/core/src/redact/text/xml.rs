//! Elements of XML and HTML whose name says that their content is a secret, and what languages
//! write around a value.

use memchr::{memchr, memmem, memrchr2};

use crate::redact::bytes::is_word;
use crate::redact::keys::class::KeyClass;
use crate::redact::keys::{KeyMemo, Keys};
use crate::redact::patterns::checks;
use crate::redact::text::placeholders;
use crate::redact::text::separator::SPACES_MAX;

/// How far the beginning of a tag is looked for before its end, in bytes.
const TAG_BYTES_MAX: usize = 256;
/// Longest content, in bytes: a private key fits.
const CONTENT_BYTES_MAX: usize = 16 * 1024;
const CDATA: &[u8] = b"<![CDATA[";
const CDATA_END: &[u8] = b"]]>";

/// Where no end of character data is: elements with a beginning of it may stand close to each other.
#[derive(Default)]
pub struct Open {
    from: usize,
    to: usize,
}

impl Open {
    /// Where the character data that begins at `start` ends.
    fn cdata_end(&mut self, text: &[u8], start: usize) -> Option<usize> {
        if !(self.from..self.to).contains(&start) {
            *self = Self { from: start, to: start };
        }
        // An end may have begun where the text that was looked at ended.
        let from = start.max(self.to.saturating_sub(CDATA_END.len() - 1));
        let end = memmem::find(text.get(from..)?, CDATA_END).map(|len| from + len);
        self.to = end.unwrap_or(text.len());
        end
    }
}

/// The secret between the tags of the element whose start tag ends at `close`, and its rule. `named`: what an attribute
/// of it says, as in `<entry key="password">`.
pub fn secret(
    text: &[u8],
    close: usize,
    named: Option<KeyClass>,
    keys: &Keys,
    memo: &mut KeyMemo,
    open: &mut Open,
) -> Option<(usize, usize, u16)> {
    let name = name(text, close)?;
    let own = keys.class(name, memo);
    let class = match own {
        KeyClass::Plain => named.or_else(|| Some(keys.class(key_of_plist(text, close, name)?, memo)))?,
        own => own,
    };
    let (start, end) = content(text, close + 1, open)?;
    let value = &text[start..end];
    let vague =
        matches!(class, KeyClass::Bare(_)) && (name.eq_ignore_ascii_case(b"key") || !checks::high_entropy(value));
    let rule = class.rule_for(value).filter(|_| !vague && !placeholders::says_nothing(value))?;
    Some((start, end, rule))
}

/// The content of the `<key>` before a `<string>` or other value, as property lists of macOS have it.
fn key_of_plist<'a>(text: &'a [u8], close: usize, name: &[u8]) -> Option<&'a [u8]> {
    const VALUES: [&[u8]; 3] = [b"string", b"data", b"integer"];
    if !VALUES.contains(&name) {
        return None;
    }
    let near = &text[close.saturating_sub(TAG_BYTES_MAX)..close];
    let before = near.strip_suffix(name)?.strip_suffix(b"<")?.trim_ascii_end();
    let key = before.strip_suffix(b"</key>")?;
    let start = memmem::rfind(key, b"<key>")? + b"<key>".len();
    Some(&key[start..])
}

/// The name, without its prefix, of the element whose start tag ends at `close`.
fn name(text: &[u8], close: usize) -> Option<&[u8]> {
    let close = close - text[..close].iter().rev().take(SPACES_MAX).take_while(|byte| **byte == b' ').count();
    let before = *text[..close].last()?;
    if !(is_word(before) || matches!(before, b'"' | b'\'')) {
        return None;
    }
    let from = close.saturating_sub(TAG_BYTES_MAX);
    let open = from + memrchr2(b'<', b'>', &text[from..close])?;
    if text[open] != b'<' {
        return None;
    }
    let of_name = |byte: &u8| is_word(*byte) || b"-.:".contains(byte);
    let tag = text[open + 1..close].trim_ascii_start();
    let (name, rest) = tag.split_at(tag.iter().position(|byte| !of_name(byte)).unwrap_or(tag.len()));
    let local = name.iter().rposition(|byte| *byte == b':').map_or(name, |at| &name[at + 1..]);
    // An attribute ends in a quote.
    let whole = if is_word(before) { rest.is_empty() } else { rest.first().is_some_and(u8::is_ascii_whitespace) };
    (!local.is_empty() && whole).then_some(local)
}

/// The text from `start` up to the end tag, without spaces around it; None where an element or nothing is.
fn content(text: &[u8], start: usize, open: &mut Open) -> Option<(usize, usize)> {
    let text = &text[..text.len().min(start + CONTENT_BYTES_MAX)];
    let space = |byte: &&u8| byte.is_ascii_whitespace();
    let start = start + text[start..].iter().take_while(space).count();
    let (start, end) = if text[start..].starts_with(CDATA) {
        let start = start + CDATA.len();
        (start, open.cdata_end(text, start)?)
    } else {
        let end = start + memchr(b'<', &text[start..])?;
        (start, (text.get(end + 1) == Some(&b'/')).then_some(end)?)
    };
    let end = end - text[start..end].iter().rev().take_while(space).count();
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_has_a_name_and_content() {
        for (text, name_of, content_of) in [
            ("<a:dbPassword>x y</a:dbPassword>", Some("dbPassword"), Some("x y")),
            ("<p a=\"b\">\n x\n</p>", Some("p"), Some("x")),
            ("<p><![CDATA[a<b]]></p>", Some("p"), Some("a<b")),
            ("<p >a<br>", Some("p"), None),
            ("< p a='b' >a</p>", Some("p"), Some("a")),
            ("<p></p>", Some("p"), None),
            ("<p/>x</p>", None, Some("x")),
            ("a->b</", None, Some("b")),
            ("a<b,c>x</", None, Some("x")),
        ] {
            let close = text.find('>').unwrap();
            let span = content(text.as_bytes(), close + 1, &mut Open::default());
            assert_eq!(name(text.as_bytes(), close), name_of.map(str::as_bytes), "{text}");
            assert_eq!(span.map(|(start, end)| &text[start..end]), content_of, "{text}");
        }
    }
}
