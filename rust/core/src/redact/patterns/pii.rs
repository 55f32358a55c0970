//! Personal data, off until it is asked for by name. Problem: it has no prefix, so each word may begin with it. Idea: at each
//! place where a word begins, recognizers that read a few bytes each; check digits and number plans decide.
//!
//! ```text
//! word begins -> iban | mac | ip | national ids | ssn | phone, the first that fits -> its end
//! ```
//!
//! Plain runs of digits are left to keys (`rules/pii.toml`), but for numbers whose date and check digits leave less than one in
//! a hundred.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::redact::bytes::is_word;
use crate::redact::patterns::{national_ids, phone};

/// Longest text form of an IPv6 address, in bytes (RFC 4291 section 2.2).
const IPV6_BYTES_MAX: usize = 45;
/// Longest text form of an IPv4 address, in bytes.
const IPV4_BYTES_MAX: usize = 15;
/// Longest IBAN, in characters (ISO 13616).
const IBAN_CHARS_MAX: usize = 34;

/// Where what begins at a place ends, if it is what is looked for.
type Recognizer = fn(&[u8], usize) -> Option<usize>;

/// Recognizers by the name of their check, those that need most to fit first.
const RECOGNIZERS: [(&str, Recognizer); 17] = [
    ("iban", iban),
    ("mac_address", mac),
    ("ipv6", ipv6),
    ("ipv4", ipv4),
    ("codice_fiscale", national_ids::codice_fiscale),
    ("china_id", national_ids::china_id),
    ("nir", national_ids::nir),
    ("cpf", national_ids::cpf),
    ("personnummer", national_ids::personnummer),
    ("dni", national_ids::dni),
    ("nino", national_ids::nino),
    ("aadhaar", national_ids::aadhaar),
    ("steuer_id", national_ids::steuer_id),
    ("pesel", national_ids::pesel),
    ("us_ssn", national_ids::us_ssn),
    ("phone", phone::international),
    ("phone", phone::national),
];
/// Those whose plain digits are found in JSON numbers as well.
const IN_NUMBERS: [&str; 3] = ["china_id", "nir", "pesel"];

/// The recognizers that are on, each with the number of its rule in the list.
#[derive(Default)]
pub struct Pii {
    on: Vec<(&'static str, Recognizer, usize)>,
}

impl Pii {
    /// Switch a check on; false when there is none of this name.
    pub fn add(&mut self, check: &str, rule: usize) -> bool {
        let before = self.on.len();
        let named = RECOGNIZERS.iter().filter(|(name, _)| *name == check);
        self.on.extend(named.map(|(name, recognizer)| (*name, *recognizer, rule)));
        let place = |of: &str| RECOGNIZERS.iter().position(|(name, _)| *name == of);
        let added = self.on.len() > before;
        self.on.sort_by_key(|(name, _, _)| place(name));
        added
    }

    pub fn is_empty(&self) -> bool {
        self.on.is_empty()
    }

    /// Call `found(start, end, rule)` for what is in `text`, in order.
    pub fn scan(&self, text: &[u8], mut found: impl FnMut(usize, usize, usize)) {
        let mut at = 0;
        while at < text.len() {
            let begins = text[at].is_ascii_alphanumeric() || matches!(text[at], b'+' | b'(' | b':');
            if !begins || (at > 0 && is_word(text[at - 1])) {
                at += 1;
                continue;
            }
            let first = self.on.iter().find_map(|(_, recognizer, rule)| Some((recognizer(text, at)?, *rule)));
            if let Some((end, rule)) = first {
                found(at, end, rule);
                at = end;
            } else {
                at += 1;
            }
        }
    }

    /// The rule of a JSON number that is personal data.
    pub fn number(&self, digits: &[u8]) -> Option<usize> {
        let fits = |(name, recognizer, _): &&(&str, Recognizer, usize)| {
            IN_NUMBERS.contains(name) && recognizer(digits, 0) == Some(digits.len())
        };
        self.on.iter().find(fits).map(|(_, _, rule)| *rule)
    }
}

/// An international bank account number (ISO 13616): length by country, check digits of ISO 7064 MOD 97-10; as one word or in
/// groups of four.
fn iban(text: &[u8], start: usize) -> Option<usize> {
    let country = text
        .get(start..start + 4)
        .filter(|four| four[..2].iter().all(u8::is_ascii_uppercase) && four[2..].iter().all(u8::is_ascii_digit))?;
    let (_, len) = IBAN_LENGTHS.iter().find(|(code, _)| code.as_bytes() == &country[..2])?;
    let (mut chars, mut count, mut at) = ([0; IBAN_CHARS_MAX], 0, start);
    while count < *len {
        let byte = *text.get(at)?;
        if byte == b' ' && count % 4 == 0 && text[at - 1] != b' ' {
            at += 1;
            continue;
        }
        if !(byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            return None;
        }
        chars[count] = byte;
        (count, at) = (count + 1, at + 1);
    }
    let digits = chars[4..count].iter().chain(&chars[..4]).map(|byte| match byte {
        b'0'..=b'9' => (10, u32::from(byte - b'0')),
        _ => (100, u32::from(byte - b'A') + 10),
    });
    let rest = digits.fold(0, |rest, (shift, value)| (rest * shift + value) % 97);
    (rest == 1 && text.get(at).is_none_or(|byte| !is_word(*byte))).then_some(at)
}

/// Country codes and lengths of the IBAN registry (release 99).
const IBAN_LENGTHS: [(&str, usize); 80] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
];

/// A MAC address (IEEE 802): six pairs with colons or hyphens, or three groups of four with dots. Of digits alone it may be a
/// time; all ones is everybody.
fn mac(text: &[u8], start: usize) -> Option<usize> {
    let (group, separator) = match text.get(start + 2)? {
        byte @ (b':' | b'-') => (2, *byte),
        _ => (4, *text.get(start + 4).filter(|byte| **byte == b'.')?),
    };
    let end = start + if group == 2 { 17 } else { 14 };
    let bytes = text.get(start..end)?;
    let fits = |(at, byte): (usize, &u8)| match at % (group + 1) == group {
        true => *byte == separator,
        false => byte.is_ascii_hexdigit(),
    };
    let letter = bytes.iter().any(u8::is_ascii_alphabetic);
    let broadcast = bytes.iter().all(|byte| matches!(byte, b'f' | b'F') || *byte == separator);
    let longer = text.get(end) == Some(&separator) && text.get(end + 1).is_some_and(u8::is_ascii_hexdigit);
    let inside = start > 1 && text[start - 1] == separator && text[start - 2].is_ascii_hexdigit();
    let whole = !longer && !inside && text.get(end).is_none_or(|byte| !is_word(*byte));
    (whole && letter && !broadcast && bytes.iter().enumerate().all(fits)).then_some(end)
}

/// What stands before a version.
const VERSION_BEFORE: [&[u8]; 6] = [b"ersion ", b"ersions ", b">= ", b"<= ", b"release ", b" (= "];

/// An IPv4 address that stands for a machine: not a version, not loopback, not everybody.
fn ipv4(text: &[u8], start: usize) -> Option<usize> {
    let rest = &text[start..];
    let len = rest.iter().take(IPV4_BYTES_MAX + 1).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let len = len - usize::from(rest[..len].ends_with(b"."));
    let address: Ipv4Addr = std::str::from_utf8(rest.get(..len)?).ok()?.parse().ok()?;
    let before = |back: usize| start.checked_sub(back).map(|at| text[at]);
    // `Chrome/120.0.0.0`, `libc-2.3.1.0` and `>= 2.3.1.0` are versions, `http://10.0.0.1` is none.
    let version = match before(1) {
        Some(b'/') => before(2).is_some_and(is_word),
        Some(b' ') => VERSION_BEFORE.iter().any(|word| text[..start].ends_with(word)),
        Some(b'-' | b'.' | b'_' | b'+' | b'^' | b'~') => true,
        _ => false,
    };
    let behind = (text.get(start + len), text.get(start + len + 1));
    let longer = match behind {
        (Some(byte), _) if is_word(*byte) => true,
        (Some(b'.'), Some(next)) => next.is_ascii_digit(),
        // `10.0.0.1-10.0.0.9` is a range of addresses, `1.2.3.4-1` a version.
        (Some(b'-'), _) => !text[start + len + 1..].iter().take(4).any(|byte| *byte == b'.'),
        (Some(b'+' | b'~'), Some(next)) => is_word(*next),
        _ => false,
    };
    let nobody =
        address.is_loopback() || address.is_unspecified() || address.is_broadcast() || address.octets()[0] == 0;
    (!version && !longer && !nobody).then_some(start + len)
}

/// An IPv6 address (RFC 4291), not loopback. Without a digit it may be names of code: `abc::de`.
fn ipv6(text: &[u8], start: usize) -> Option<usize> {
    let rest = &text[start..];
    let of_address = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(**byte, b':' | b'.');
    let len = rest.iter().take(IPV6_BYTES_MAX + 1).take_while(of_address).count();
    let bytes = rest[..len].strip_suffix(b".").unwrap_or(&rest[..len]);
    let bytes = if bytes.ends_with(b"::") { bytes } else { bytes.strip_suffix(b":").unwrap_or(bytes) };
    let end = start + bytes.len();
    if bytes.iter().filter(|byte| **byte == b':').count() < 2 || text.get(end).is_some_and(|byte| is_word(*byte)) {
        return None;
    }
    let address: Ipv6Addr = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    let groups = bytes.split(|byte| *byte == b':').filter(|group| !group.is_empty()).count();
    let joined = |at: usize| text[at].is_ascii_hexdigit() || text[at] == b':';
    let inside = start > 0 && (text[start - 1] == b'.' || text[start - 1] == b':' && (start == 1 || joined(start - 2)));
    let real = groups > 1 && bytes.iter().any(u8::is_ascii_digit) && !address.is_loopback();
    (real && !inside).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::patterns::rules::built_in;

    #[test]
    fn each_recognizer_has_a_rule_and_leaves_its_counterexamples() {
        let rules: Vec<_> =
            built_in().unwrap().into_iter().filter(|rule| rule.candidate.as_deref() == Some("word")).collect();
        let mut pii = Pii::default();
        for (index, rule) in rules.iter().enumerate() {
            assert!(pii.add(rule.check.as_deref().unwrap(), index), "{}", rule.name);
            assert!(!rule.enabled, "{} is on", rule.name);
        }
        assert_eq!(pii.on.len(), RECOGNIZERS.len());
        for text in rules.iter().flat_map(|rule| &rule.counterexamples) {
            pii.scan(text.as_bytes(), |start, end, rule| {
                panic!("{}: {} in {text}", rules[rule].name, &text[start..end]);
            });
        }
        for (rule, example) in rules.iter().flat_map(|rule| rule.examples.iter().map(move |example| (rule, example))) {
            let mut names = Vec::new();
            pii.scan(example.as_bytes(), |_, _, rule| names.push(rules[rule].name.as_str()));
            assert_eq!(names, [rule.name.as_str()], "{example}");
        }
        assert_eq!((pii.number(b"44051401359").is_some(), pii.number(b"-5")), (true, None));
    }
}
