//! Decimal numbers as text: the short way for those that services write, the library's for all others.

/// Powers of ten that are exact, as all up to 10^22 are.
const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Digits of which every number is below 2^53, and so exact.
const DIGITS_MAX: usize = 15;

/// A finite decimal as JSON writes it; infinite ones (`1e999`) are none.
pub fn json(text: &[u8]) -> Option<f64> {
    if let Some(number) = short(text) {
        return Some(number);
    }
    let first = text.first()?;
    if !(first.is_ascii_digit() || *first == b'-') {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A finite decimal number written as text; neither `nan` nor `inf`.
pub fn text(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    if let Some(number) = short(text) {
        return Some(number);
    }
    let digits_only = text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    if !digits_only || text.len() > 64 {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// `-12.5`: at most 15 digits and no exponent. Mantissa and power of ten are exact, so that the one division rounds as
/// the exact value would (Clinger, "How to Read Floating Point Numbers Accurately", 1990).
fn short(text: &[u8]) -> Option<f64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let (mut mantissa, mut at) = (0_u64, 0);
    let mut digits_from = |from: usize| {
        at = from;
        while let Some(digit) = digits.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            mantissa = mantissa * 10 + u64::from(digit);
            at += 1;
        }
        at
    };
    let point = digits_from(0);
    let mut fraction = 0;
    if point < digits.len() {
        fraction = digits.len() - point - 1;
        if digits[point] != b'.' || point == 0 || fraction == 0 || digits_from(point + 1) < digits.len() {
            return None;
        }
    }
    let mut number = mantissa as f64;
    if fraction > 0 {
        number /= TENS[fraction];
    }
    Some(if digits.len() < text.len() { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_decimal_is_none() {
        for written in ["", "-", ".", "-.", "1.2.3", "1-", "--1", "nan", "inf", "1e999", "0x1", "1_0", "１"] {
            assert_eq!((json(written.as_bytes()), text(written.as_bytes())), (None, None), "{written}");
        }
        assert_eq!((json(b"+1"), text(b"+1")), (None, Some(1.0)));
        assert_eq!((json(b".5"), text(b" .5 ")), (None, Some(0.5)));
        assert_eq!(json(b"-0").map(f64::to_bits), Some((-0.0_f64).to_bits()));
    }

    proptest! {
        #[test]
        fn the_short_way_gives_what_the_library_gives(written in "-?[0-9]{0,17}\\.?[0-9]{0,17}([eE][+-]?[0-9]{1,3})?") {
            let plain: Option<f64> = written.parse().ok().filter(|number: &f64| number.is_finite());
            prop_assert_eq!(text(written.as_bytes()).map(f64::to_bits), plain.map(f64::to_bits));
            let starts = written.starts_with(|c: char| c == '-' || c.is_ascii_digit());
            prop_assert_eq!(json(written.as_bytes()).map(f64::to_bits), plain.filter(|_| starts).map(f64::to_bits));
        }
    }
}
