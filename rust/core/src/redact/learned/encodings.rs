//! The forms that one value takes in logs.

use std::fmt::Write as _;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use base64::Engine as _;

use crate::limits::{LEARNED_BYTES_MIN, NESTED_DEPTH_MAX};

/// How often JSON may hold JSON: as deep as strings are read for their content.
const JSON_LEVELS: usize = NESTED_DEPTH_MAX + 1;
/// Bytes that no percent-encoder touches (RFC 3986 section 2.3), and what JavaScript's leaves as well.
const UNRESERVED: &[u8] = b"-_.~";
const COMPONENT: &[u8] = b"-_.~!*'()";
/// And what is left where a path is encoded.
const PATH: &[u8] = b"-_.~/";

/// All of them, each long enough to be looked for.
pub fn of(value: &str) -> Vec<Vec<u8>> {
    let bytes = value.as_bytes();
    let mut forms = vec![bytes.to_vec()];
    let (mut plain, mut ascii, mut slashed) = (value.to_owned(), value.to_owned(), value.to_owned());
    for _ in 0..JSON_LEVELS {
        plain = json(&plain, false, false);
        ascii = json(&ascii, true, false);
        slashed = json(&slashed, true, true);
        forms.extend([&plain, &ascii, &slashed].map(|form| form.clone().into_bytes()));
    }
    for kept in [UNRESERVED, COMPONENT, PATH] {
        let once = percent(bytes, kept, true);
        forms.push(percent(&once, kept, true));
        forms.push(percent(bytes, kept, false));
        forms.push(once);
    }
    forms.push(form_encoded(bytes));
    forms.push(html(value).into_bytes());
    for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        forms.extend((0..3).map(|offset| base64(engine, bytes, offset)));
    }
    let hex: String = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    forms.extend([hex.to_ascii_uppercase().into_bytes(), hex.into_bytes()]);
    forms.retain(|form| form.len() >= LEARNED_BYTES_MIN);
    forms
}

/// As the content of a JSON string (RFC 8259 section 7), as Python, JavaScript and PHP write it.
fn json(text: &str, ascii: bool, slashes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '/' if slashes => out.push_str("\\/"),
            _ if char < ' ' || (ascii && !char.is_ascii()) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            _ => out.push(char),
        }
    }
    out
}

/// Percent-encoded (RFC 3986 section 2.1), with hexadecimal digits of either case.
fn percent(bytes: &[u8], kept: &[u8], upper: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || kept.contains(byte) {
            out.push(*byte);
        } else {
            let code = if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
            out.extend_from_slice(code.as_bytes());
        }
    }
    out
}

/// As forms are sent (WHATWG URL, `application/x-www-form-urlencoded`): a space is a plus.
fn form_encoded(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(&percent(bytes, UNRESERVED, true)).replace("%20", "+").into_bytes()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#x27;")
}

/// What Base64 (RFC 4648) of any text writes of these bytes alone, when so many others stand before them.
fn base64(engine: &base64::engine::GeneralPurpose, bytes: &[u8], offset: usize) -> Vec<u8> {
    let before = [&[0; 2][..offset], bytes].concat();
    let text = engine.encode(&before);
    let (first, last) = ((offset * 8).div_ceil(6), before.len() * 8 / 6);
    text.as_bytes()[first..last].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_what_others_write() {
        let forms = of("pa/ß\"wörd+9x");
        let has = |form: &str| assert!(forms.iter().any(|known| known == form.as_bytes()), "{form}");
        has(r#"pa/ß\"wörd+9x"#);
        has(r#"pa/\u00df\"w\u00f6rd+9x"#);
        has(r#"pa\/\u00df\"w\u00f6rd+9x"#);
        has(r#"pa/ß\\\"wörd+9x"#);
        has("pa%2F%C3%9F%22w%C3%B6rd%2B9x");
        has("pa%2f%c3%9f%22w%c3%b6rd%2b9x");
        has("pa%252F%25C3%259F%2522w%25C3%25B6rd%252B9x");
        has("pa/ß&quot;wörd+9x");
        has("70612fc39f2277c3b672642b3978");
    }

    #[test]
    fn base64_is_found_at_every_offset() {
        let value = "hunter2hunter2";
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "y", "yz"] {
                let text = STANDARD_NO_PAD.encode(format!("{before}{value}{after}"));
                let known =
                    of(value).into_iter().any(|form| text.contains(&String::from_utf8_lossy(&form).into_owned()));
                assert!(known, "{before}{value}{after}");
            }
        }
    }
}
