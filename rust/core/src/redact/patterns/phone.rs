//! Telephone numbers: international ones with `+`, and national ones in the groups that people write.

use crate::redact::bytes::alone;

/// Fewest digits of an international number in use.
const DIGITS_MIN: usize = 8;
/// Most digits of one (ITU-T E.164).
const DIGITS_MAX: usize = 15;
/// Most groups that people write a number in.
const GROUPS_MAX: usize = 7;

/// A number as it is written: its digits, the lengths of its groups, and where it ends.
struct Written {
    digits: [u8; DIGITS_MAX],
    count: usize,
    groups: [usize; GROUPS_MAX],
    group_count: usize,
    end: usize,
}

impl Written {
    /// Groups of digits from `start` on, with one kind of separator between them; brackets may stand around one group.
    fn read(text: &[u8], start: usize) -> Option<Self> {
        let mut written =
            Self { digits: [0; DIGITS_MAX], count: 0, groups: [0; GROUPS_MAX], group_count: 0, end: start };
        let (mut at, mut separator) = (start, None);
        loop {
            let open = text.get(at) == Some(&b'(');
            at += usize::from(open);
            let group = text[at..].iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
            if group == 0 || written.count + group > DIGITS_MAX || written.group_count == GROUPS_MAX {
                break;
            }
            if open && text.get(at + group) != Some(&b')') {
                break;
            }
            written.digits[written.count..written.count + group].copy_from_slice(&text[at..at + group]);
            written.groups[written.group_count] = group;
            (written.count, written.group_count) = (written.count + group, written.group_count + 1);
            at += group + usize::from(open);
            written.end = at;
            match text.get(at) {
                Some(byte @ (b' ' | b'-' | b'.' | b'/')) if separator.is_none_or(|known| known == *byte) || open => {
                    // Behind brackets any may stand: `(555) 010-0199`.
                    separator = if open { None } else { Some(*byte) };
                    at += 1;
                }
                Some(b'(') => {}
                Some(byte) if open && byte.is_ascii_digit() => {}
                _ => break,
            }
        }
        (written.group_count > 0).then_some(written)
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..self.count]
    }

    fn groups(&self) -> &[usize] {
        &self.groups[..self.group_count]
    }
}

/// `+49 30 901820`, `+14155550132`: a country's code, and as many digits as its numbers have.
pub fn international(text: &[u8], start: usize) -> Option<usize> {
    if text[start] != b'+'
        || start > 0
            && !matches!(
                text[start - 1],
                b' ' | b'\t' | b'"' | b'\'' | b'(' | b'[' | b'<' | b'=' | b':' | b',' | b';' | b'>'
            )
    {
        return None;
    }
    let written = Written::read(text, start + 1)?;
    let digits = written.digits();
    let fits = match digits {
        [b'1', rest @ ..] => rest.len() == 10 && rest[0] > b'1' && rest[3] > b'1',
        [b'7', ..] => digits.len() == 11,
        [one, two, ..] => {
            let code = (one - b'0') * 10 + (two - b'0');
            // Codes of two digits, and the first two of those of three (ITU-T E.164, list of 2024).
            let two = matches!(code, 20 | 27 | 30..=34 | 36 | 39..=41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86 | 90..=95 | 98);
            let three =
                matches!(code, 21..=26 | 29 | 35 | 37 | 38 | 42 | 50 | 59 | 67..=69 | 85 | 87 | 88 | 96 | 97 | 99);
            (two || three) && digits.len() >= DIGITS_MIN + usize::from(written.group_count == 1)
        }
        _ => false,
    };
    let behind = text.get(written.end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    (fits && behind).then_some(written.end)
}

/// `(415) 555-0132`, `415-555-0132`, `06 12 34 56 78`, `020 7946 0018`, `030/901820`: the groups of North America, France, the
/// United Kingdom, Germany, Italy and Japan. A run of digits alone may be any number.
pub fn national(text: &[u8], start: usize) -> Option<usize> {
    let written = Written::read(text, start)?;
    let (digits, groups) = (written.digits(), written.groups());
    let separator = text[start..written.end].iter().find(|byte| matches!(byte, b' ' | b'-' | b'.' | b'/'))?;
    let american = |digits: &[u8]| digits[0] > b'1' && digits[3] > b'1' && !digits[1..3].eq(b"11");
    let fits = match (groups, digits[0]) {
        ([3, 3, 4], _) => american(digits),
        ([1, 3, 3, 4], b'1') => american(&digits[1..]),
        ([2, 2, 2, 2, 2], b'0') => (b'1'..=b'9').contains(&digits[1]) && *separator != b'/',
        ([5, 6] | [4, 3, 4] | [3, 4, 4], b'0') => (b'1'..=b'9').contains(&digits[1]) && *separator != b'.',
        ([2, 4, 4], b'0') => digits[1] != b'0' && *separator == b'-',
        ([3, 6..=8] | [4, 6..=8] | [5, 5..=7], b'0') => digits[1] != b'0' && matches!(separator, b'/' | b'-' | b' '),
        _ => false,
    };
    (fits && alone(text, start..written.end)).then_some(written.end)
}
