//! How web addresses, forms and pages write bytes: percent escapes (RFC 3986 section 2.1), `+` for a space in forms (WHATWG
//! URL, section 5.1) and character references (HTML, section 13.5). Decoded with a way back to the raw bytes.

use memchr::{memchr3, memmem};

use crate::io::escape::{push_utf8, Decoded};

/// References by name that pages cannot do without. The others stand for no sign and no quote.
const NAMED: [(&[u8], u32); 6] = [
    (b"&quot;", '"' as u32),
    (b"&apos;", '\'' as u32),
    (b"&lt;", '<' as u32),
    (b"&gt;", '>' as u32),
    (b"&amp;", '&' as u32),
    (b"&nbsp;", ' ' as u32),
];
/// An encoded blank, of which texts that are encoded whole have some.
const BLANK: &[u8] = b"%20";
/// Most digits of a reference by number: so many has the last code point in decimal.
const DIGITS_MAX: usize = 7;

impl Decoded {
    /// What a part of a web address, a form or a page means.
    ///
    /// # Example
    ///
    /// ```
    /// use headrig_core::io::escape::Decoded;
    ///
    /// let mut decoded = Decoded::default();
    /// decoded.web(b"a%3Db+c&#x3d;");
    /// assert_eq!(decoded.bytes, b"a=b c=");
    /// assert_eq!(decoded.raw_span(1, 2), (1, 4));
    /// ```
    pub fn web(&mut self, raw: &[u8]) {
        self.clear();
        self.bytes.reserve(raw.len());
        let mut at = 0;
        while let Some(next) = memchr3(b'%', b'&', b'+', &raw[at..]) {
            self.bytes.extend_from_slice(&raw[at..at + next]);
            at += next;
            let (len, raw_len) = match raw[at] {
                b'+' => self.one(b' ', 1),
                b'%' => percent(&raw[at..]).map_or((0, 1), |byte| self.one(byte, 3)),
                _ => reference(&raw[at..]).map_or((0, 1), |(code, len)| (push_utf8(code, &mut self.bytes), len)),
            };
            if len == 0 {
                self.bytes.push(raw[at]);
                at += 1;
                continue;
            }
            at += usize::from(raw_len);
            self.escape(len, raw_len, at);
        }
        self.bytes.extend_from_slice(&raw[at..]);
    }

    fn one(&mut self, byte: u8, raw_len: u8) -> (u8, u8) {
        self.bytes.push(byte);
        (1, raw_len)
    }
}

/// The byte that a percent escape at the beginning of `text` stands for.
#[inline]
#[must_use]
pub fn percent(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    match *text {
        [b'%', high, low, ..] => Some((digit(high)? << 4 | digit(low)?) as u8),
        _ => None,
    }
}

/// The code point that a character reference at the beginning of `text` stands for, and how many bytes it takes.
#[must_use]
pub fn reference(text: &[u8]) -> Option<(u32, u8)> {
    let Some(number) = text.strip_prefix(b"&#") else {
        let (name, code) = NAMED.iter().find(|(name, _)| text.starts_with(name))?;
        return Some((*code, name.len() as u8));
    };
    let (digits, radix) = match number.first()? {
        b'x' | b'X' => (&number[1..], 16),
        _ => (number, 10),
    };
    let len = digits.iter().take(DIGITS_MAX + 1).take_while(|byte| (**byte as char).is_digit(radix)).count();
    if !(1..=DIGITS_MAX).contains(&len) || digits.get(len) != Some(&b';') {
        return None;
    }
    let code = digits[..len].iter().fold(0, |code, byte| code * radix + (*byte as char).to_digit(radix).unwrap_or(0));
    char::from_u32(code)?;
    Some((code, (text.len() - digits.len() + len + 1) as u8))
}

/// Where in a text others are encoded whole, blanks included: from one blank or quote to the next. Not all of the text.
pub fn texts(text: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let around = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
    let mut from = 0;
    std::iter::from_fn(move || loop {
        let blank = from + memmem::find(text.get(from..)?, BLANK)?;
        let start = text[from..blank].iter().rposition(around).map_or(from, |at| from + at + 1);
        let end = text[blank..].iter().position(around).map_or(text.len(), |len| blank + len);
        from = end;
        if (start, end) != (0, text.len()) {
            return Some((start, end));
        }
    })
}

/// Append `text` as a part of a web address: only quotes are in need of it.
pub fn encode_quotes(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"%22"),
            byte => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_references_mean_bytes() {
        for (raw, expected) in [
            ("a%20b%3d%3D", "a b=="),
            ("%7B%22t%22%3A1%7d", "{\"t\":1}"),
            ("a+b", "a b"),
            ("%25%33%64", "%3d"),
            ("%C3%A9", "é"),
            ("100% %zz %4 %", "100% %zz %4 %"),
            ("&lt;a b=&quot;c&apos;&gt;&amp;&nbsp;", "<a b=\"c'>& "),
            ("&#61;&#x3d;&#X3D;&#233;", "===é"),
            ("a&b=c& &; &#; &#x; &#61 &#99999999; &#xd800; &lt", "a&b=c& &; &#; &#x; &#61 &#99999999; &#xd800; &lt"),
        ] {
            let mut decoded = Decoded::default();
            decoded.web(raw.as_bytes());
            assert_eq!(decoded.bytes, expected.as_bytes(), "{raw}");
            let all = decoded.raw_span(0, decoded.bytes.len());
            assert_eq!(all, (0, raw.len()), "{raw}");
        }
    }

    #[test]
    fn texts_are_encoded_from_blank_to_blank() {
        let found =
            |text: &str| texts(text.as_bytes()).map(|(start, end)| text[start..end].to_owned()).collect::<Vec<_>>();
        assert_eq!(found("POST /x body=a%20b%20c 302 \"d%20\" e%3Df"), ["body=a%20b%20c", "d%20"]);
        assert!(found("a%20b").is_empty() && found("a%3Db c").is_empty());
    }

    #[test]
    fn spans_map_back_to_whole_escapes() {
        let mut decoded = Decoded::default();
        decoded.web(b"a%3Dbc&#x3d;%C3%A9+d");
        assert_eq!(decoded.bytes, "a=bc=é d".as_bytes());
        assert_eq!(decoded.raw_span(1, 2), (1, 4));
        assert_eq!(decoded.raw_span(2, 4), (4, 6));
        assert_eq!(decoded.raw_span(4, 5), (6, 12));
        assert_eq!(decoded.raw_span(5, 7), (12, 18));
        assert_eq!(decoded.raw_span(8, 9), (19, 20));
    }
}
