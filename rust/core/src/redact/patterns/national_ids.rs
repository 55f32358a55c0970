//! National identity and tax numbers with their check digits, as their authorities publish them.

use crate::redact::bytes::{alone, word};

/// Digits of a number in groups of these lengths with this separator between them, all from `start` on; none if it is
/// written in another way or is a part of something longer.
fn grouped<const N: usize>(text: &[u8], start: usize, groups: &[usize], separators: &[u8]) -> Option<([u8; N], usize)> {
    let (mut digits, mut count, mut at) = ([0; N], 0, start);
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            let separator = separators[(index - 1).min(separators.len() - 1)];
            at += usize::from(text.get(at) == Some(&separator));
            if text[at - 1] != separator {
                return None;
            }
        }
        let part = text.get(at..at + group).filter(|part| part.iter().all(u8::is_ascii_digit))?;
        for byte in part {
            digits[count] = byte - b'0';
            count += 1;
        }
        at += group;
    }
    (count == N && alone(text, start..at)).then_some((digits, at))
}

fn weighed(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, digit| number * 10 + u32::from(*digit))
}

fn is_day(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// United States: social security number with hyphens, by the areas and groups that are never given (SSA, 2011).
pub fn us_ssn(text: &[u8], start: usize) -> Option<usize> {
    let (digits, end) = grouped::<9>(text, start, &[3, 2, 4], b"-")?;
    let (area, group, serial) = (number(&digits[..3]), number(&digits[3..5]), number(&digits[5..]));
    (area > 0 && area != 666 && area < 900 && group > 0 && serial > 0).then_some(end)
}

/// Brazil: CPF, `000.000.000-00`, two check digits modulo 11.
pub fn cpf(text: &[u8], start: usize) -> Option<usize> {
    let (digits, end) = grouped::<11>(text, start, &[3, 3, 3, 2], b"..-")?;
    let check = |len: usize| {
        let weights: Vec<u32> = (2..=len as u32 + 1).rev().collect();
        (weighed(&digits[..len], &weights) * 10 % 11 % 10) as u8
    };
    let different = digits.iter().any(|digit| *digit != digits[0]);
    (different && check(9) == digits[9] && check(10) == digits[10]).then_some(end)
}

/// India: Aadhaar in groups of four, check digit of Verhoeff (1969).
pub fn aadhaar(text: &[u8], start: usize) -> Option<usize> {
    let separator = *text.get(start + 4).filter(|byte| matches!(byte, b' ' | b'-'))?;
    let (digits, end) = grouped::<12>(text, start, &[4, 4, 4], &[separator])?;
    // The dihedral group of order ten: a product, and the permutation of each place.
    let product = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let place = |digit: u8, place: usize| (0..place % 8).fold(digit, |digit, _| PERMUTATION[usize::from(digit)]);
    let sum = digits.iter().rev().enumerate().fold(0, |sum, (at, digit)| product(sum, place(*digit, at)));
    (digits[0] > 1 && sum == 0).then_some(end)
}

/// Germany: tax identification number in groups (2 3 3 3), check digit of ISO 7064 MOD 11,10. Of the ten digits before it
/// exactly one comes more than once, two or three times.
pub fn steuer_id(text: &[u8], start: usize) -> Option<usize> {
    let (digits, end) = grouped::<11>(text, start, &[2, 3, 3, 3], b" ")?;
    let rest = digits[..10].iter().fold(10, |rest, digit| {
        let sum = (rest + u32::from(*digit)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    let times = |digit: u8| digits[..10].iter().filter(|other| **other == digit).count();
    let more: Vec<usize> = (0..10).map(times).filter(|times| *times > 1).collect();
    let formed = matches!(more[..], [2 | 3]) && digits[0] > 0;
    (formed && (11 - rest) % 10 == u32::from(digits[10])).then_some(end)
}

/// Sweden: personal identity number, `YYMMDD-NNNN` with or without the century, check digit of Luhn.
pub fn personnummer(text: &[u8], start: usize) -> Option<usize> {
    let date = word(text, start, 8);
    let separator = *text.get(start + date.len()).filter(|byte| matches!(byte, b'-' | b'+'))?;
    let (digits, end) = match date.len() {
        6 => grouped::<10>(text, start, &[6, 4], &[separator])?,
        8 if date.starts_with(b"19") || date.starts_with(b"20") => {
            let (digits, end) = grouped::<12>(text, start, &[8, 4], &[separator])?;
            (*digits.last_chunk()?, end)
        }
        _ => return None,
    };
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(at, digit)| {
            let twice = u32::from(*digit) * (2 - at as u32 % 2);
            twice / 10 + twice % 10
        })
        .sum();
    // A coordination number has 60 added to its day.
    let day = number(&digits[4..6]);
    let real = is_day(number(&digits[2..4]), if day > 60 { day - 60 } else { day });
    (real && sum.is_multiple_of(10)).then_some(end)
}

/// Poland: PESEL, a date with the century in its month, and a check digit.
pub fn pesel(text: &[u8], start: usize) -> Option<usize> {
    let (digits, end) = grouped::<11>(text, start, &[11], b" ")?;
    let month = number(&digits[2..4]);
    let real = is_day(if month > 20 { month - 20 } else { month }, number(&digits[4..6]));
    let sum = weighed(&digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    (real && sum.is_multiple_of(10)).then_some(end)
}

/// France: NIR (social security number) with its key, as one word or in groups (1 2 2 2 3 3 2): 97 minus the rest modulo 97.
pub fn nir(text: &[u8], start: usize) -> Option<usize> {
    if !matches!(text[start], b'1' | b'2') {
        return None;
    }
    const GROUPS: [usize; 7] = [1, 2, 2, 2, 3, 3, 2];
    let (mut chars, mut count, mut at) = ([0; 15], 0, start);
    let spaced = text.get(start + 1) == Some(&b' ');
    for (index, group) in GROUPS.iter().enumerate() {
        if spaced && index > 0 {
            at += usize::from(text.get(at) == Some(&b' '));
        }
        chars[count..count + group].copy_from_slice(text.get(at..at + group)?);
        (count, at) = (count + group, at + group);
    }
    // Corsica counts as a smaller number: 2A as 19, 2B as 18.
    let island = match &chars[5..7] {
        b"2A" => Some(*b"19"),
        b"2B" => Some(*b"18"),
        _ => None,
    };
    let department = island.unwrap_or([chars[5], chars[6]]);
    chars[5..7].copy_from_slice(&department);
    if !chars.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = |chars: &[u8]| chars.iter().fold(0, |value, byte| value * 10 + u64::from(byte - b'0'));
    let (month, department) = (value(&chars[3..5]), value(&chars[5..7]));
    let real = (matches!(month, 1..=12 | 20..=42)) && department > 0;
    let key = 97 - value(&chars[..13]) % 97;
    (real && key == value(&chars[13..]) && alone(text, start..at)).then_some(at)
}

/// China: resident identity number, a date, and a check character of ISO 7064 MOD 11-2 (GB 11643).
pub fn china_id(text: &[u8], start: usize) -> Option<usize> {
    let chars = word(text, start, 18);
    if chars.len() != 18 || !chars[..17].iter().all(u8::is_ascii_digit) || !alone(text, start..start + 18) {
        return None;
    }
    let digits: [u8; 17] = std::array::from_fn(|at| chars[at] - b'0');
    let year = number(&digits[6..10]);
    let real = (1900..2100).contains(&year) && is_day(number(&digits[10..12]), number(&digits[12..14]));
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let check = b"10X98765432"[weighed(&digits, &weights) as usize % 11];
    (real && digits[0] > 0 && check == chars[17].to_ascii_uppercase()).then_some(start + 18)
}

/// Spain: DNI (eight digits) and NIE (X, Y or Z and seven digits), with the letter of the rest modulo 23.
pub fn dni(text: &[u8], start: usize) -> Option<usize> {
    let first = match text[start] {
        byte @ b'X'..=b'Z' => byte - b'X',
        byte @ b'0'..=b'9' => byte - b'0',
        _ => return None,
    };
    let rest = text.get(start + 1..start + 8).filter(|rest| rest.iter().all(u8::is_ascii_digit))?;
    let letter = start + 8 + usize::from(text.get(start + 8) == Some(&b'-'));
    let value = rest.iter().fold(u32::from(first), |value, byte| value * 10 + u32::from(byte - b'0'));
    let check = b"TRWAGMYFPDXBNJZSQVHLCKE"[value as usize % 23];
    (text.get(letter) == Some(&check) && alone(text, start..letter + 1)).then_some(letter + 1)
}

/// United Kingdom: national insurance number, by the prefixes that are never given (HMRC NIM39110).
pub fn nino(text: &[u8], start: usize) -> Option<usize> {
    let prefix = text.get(start..start + 2)?;
    let refused = [*b"BG", *b"GB", *b"KN", *b"NK", *b"NT", *b"TN", *b"ZZ"];
    let first = prefix[0].is_ascii_uppercase() && !b"DFIQUV".contains(&prefix[0]);
    let second = prefix[1].is_ascii_uppercase() && !b"DFIOQUV".contains(&prefix[1]);
    if !first || !second || refused.iter().any(|pair| pair == prefix) {
        return None;
    }
    let spaced = text.get(start + 2) == Some(&b' ');
    let mut at = start + 2;
    for _ in 0..3 {
        at += usize::from(spaced && text.get(at) == Some(&b' '));
        text.get(at..at + 2).filter(|pair| pair.iter().all(u8::is_ascii_digit))?;
        at += 2;
    }
    at += usize::from(spaced && text.get(at) == Some(&b' '));
    let suffix = text.get(at).is_some_and(|byte| (b'A'..=b'D').contains(byte));
    (suffix && alone(text, start..at + 1)).then_some(at + 1)
}

/// Italy: tax code, by its form and its check letter (decree of 23 December 1976).
pub fn codice_fiscale(text: &[u8], start: usize) -> Option<usize> {
    let chars = word(text, start, 16);
    let letters = |range: std::ops::Range<usize>| chars[range].iter().all(u8::is_ascii_uppercase);
    let digits = |range: std::ops::Range<usize>| chars[range].iter().all(u8::is_ascii_digit);
    let formed = chars.len() == 16 && letters(0..6) && digits(6..8) && b"ABCDEHLMPRST".contains(&chars[8]);
    if !formed || !digits(9..11) || !letters(11..12) || !digits(12..15) || !alone(text, start..start + 16) {
        return None;
    }
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let value = |byte: u8| usize::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
    let weight = |(at, byte): (usize, &u8)| if at % 2 == 0 { ODD[value(*byte)] } else { value(*byte) as u32 };
    let sum: u32 = chars[..15].iter().enumerate().map(weight).sum();
    (value(chars[15]) as u32 == sum % 26 && chars[15].is_ascii_uppercase()).then_some(start + 16)
}
