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

/// `json` of `text[start..end]`. Numbers of up to eight bytes are read at once, whatever their number of digits.
#[inline(always)]
pub fn inside(text: &[u8], start: usize, end: usize) -> Option<f64> {
    near(text, start, end).or_else(|| json(&text[start..end]))
}

#[inline(always)]
fn near(text: &[u8], start: usize, end: usize) -> Option<f64> {
    let length = (end - start) as u32;
    let bytes = match text.get(start..start + 8).and_then(<[u8]>::first_chunk) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        // The last ones, and zeros behind them.
        None => u64::from_le_bytes(*text.last_chunk()?).checked_shr(8 * (start + 8 - text.len()) as u32)?,
    };
    let whole = digits_in(bytes);
    if !(1..=8).contains(&length) || whole == 0 {
        return None;
    }
    if whole >= length {
        return Some(eight(bytes, length) as f64);
    }
    // The point taken out from between the digits.
    let below = (1 << (8 * whole)) - 1;
    let (digits, point) = (bytes & below | bytes >> 8 & !below, bytes >> (8 * whole) & 0xff);
    let decimal = point == u64::from(b'.') && whole + 1 < length && digits_in(digits) >= length - 1;
    decimal.then(|| eight(digits, length - 1) as f64 / TENS[(length - 1 - whole) as usize & 15])
}

/// The number that the first `digits` of these bytes are: one to eight.
#[inline(always)]
fn eight(bytes: u64, digits: u32) -> u64 {
    // The last digit in the top byte, and zeros before the first.
    let bytes = (bytes & (EACH * 0x0f)) << (64 - 8 * digits);
    // Pairs, then fours, then all eight: each step adds ten, a hundred, ten thousand times the lower part to the higher.
    let pairs = (bytes.wrapping_mul(10) + (bytes >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff
}

const EACH: u64 = 0x0101_0101_0101_0101;

/// How many of eight bytes are digits, up to the first that is none.
#[inline(always)]
pub fn digits_in(bytes: u64) -> u32 {
    let other = bytes ^ (b'0' as u64 * EACH);
    // The top bit of each byte that is now above 9; no sum leaves its byte.
    let above = (((other & (0x7f * EACH)) + 0x76 * EACH) | other) & (0x80 * EACH);
    above.trailing_zeros() / 8
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

    #[test]
    fn digits_are_counted_up_to_the_first_other_byte() {
        for at in 0..8 {
            for byte in 0..=u8::MAX {
                let mut bytes = *b"05918273";
                bytes[at] = byte;
                let expected = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
                assert_eq!(digits_in(u64::from_le_bytes(bytes)) as usize, expected, "{bytes:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_number_inside_a_text_is_the_number(
            written in "-?[0-9]{0,10}\\.?[0-9]{0,10}([eE][+-]?[0-9]{1,3})?",
            behind in "[0-9.e,}\\]]?.{0,9}",
        ) {
            let text = format!("[{written}{behind}");
            let inside = inside(text.as_bytes(), 1, 1 + written.len());
            prop_assert_eq!(inside.map(f64::to_bits), json(written.as_bytes()).map(f64::to_bits), "{}", text);
        }

        #[test]
        fn the_short_way_gives_what_the_library_gives(written in "-?[0-9]{0,17}\\.?[0-9]{0,17}([eE][+-]?[0-9]{1,3})?") {
            let plain: Option<f64> = written.parse().ok().filter(|number: &f64| number.is_finite());
            prop_assert_eq!(text(written.as_bytes()).map(f64::to_bits), plain.map(f64::to_bits));
            let starts = written.starts_with(|c: char| c == '-' || c.is_ascii_digit());
            prop_assert_eq!(json(written.as_bytes()).map(f64::to_bits), plain.filter(|_| starts).map(f64::to_bits));
        }
    }
}
