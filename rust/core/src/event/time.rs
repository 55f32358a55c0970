//! Times in log lines: text or number to seconds since the Unix epoch, and back. Pure arithmetic, no clock.

use crate::event::number;

/// Last second of year 9999, in seconds since the epoch. Later times are not times.
const SECONDS_MAX: i64 = 253_402_300_799;
/// First second of year 1.
const SECONDS_MIN: i64 = -62_135_596_800;

/// Seconds since the epoch of an RFC 3339 or ISO 8601 time, or of a number written as text.
///
/// `T` or a space between date and time; seconds optional; fraction after `.` or `,` of any length; offset `Z`,
/// `±HH:MM`, `±HHMM`, `±HH`, `UTC` or none, which means `utc_offset_seconds` east of UTC.
pub fn parse_text(text: &[u8], utc_offset_seconds: i32) -> Option<f64> {
    let text = text.trim_ascii();
    if text.get(4) != Some(&b'-') {
        return number::text(text).and_then(from_number);
    }
    let mut rest = Cursor { text, at: 0 };
    let local_seconds = rest.date_and_time()?;
    rest.finish(local_seconds, utc_offset_seconds)
}

/// Bytes of a date and a time to the second, `2026-11-23T06:16:13`.
const SECOND_BYTES: usize = 19;

/// Reads times as `parse_text` does, and those of the second read last without reading the date again.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    /// As written.
    second: [u8; SECOND_BYTES],
    /// What it means, before the offset; `None` before the first.
    local_seconds: Option<i64>,
    /// Of a time in that second, to the millisecond and in UTC: all up to the minute, and the rest with zeros in place of
    /// the milliseconds; `u64::MAX`, which is no text, outside of years 1 to 9999.
    minute: u128,
    rest: u64,
}

/// `:13.462Z`, as a number: the digits of the millisecond, and the first of them.
const MILLIS: u64 = 0x00ff_ffff_0000_0000;
const TENTHS_BIT: u32 = 32;

impl Memo {
    /// What `parse_text` gives.
    #[inline(always)]
    pub fn parse_text(&mut self, text: &[u8], utc_offset_seconds: i32) -> Option<f64> {
        self.near(text).or_else(|| self.parse_any(text, utc_offset_seconds))
    }

    /// A time of the second read last, to the millisecond and in UTC.
    #[inline(always)]
    fn near(&self, text: &[u8]) -> Option<f64> {
        let text: &[u8; 24] = text.try_into().ok()?;
        let (minute, rest) = (text.first_chunk()?, u64::from_le_bytes(*text.last_chunk()?));
        let digits = ((rest & MILLIS) >> TENTHS_BIT) ^ 0x30_3030;
        let known = u128::from_le_bytes(*minute) == self.minute && rest & !MILLIS == self.rest;
        // The top bit of each byte that is above 9.
        let other = ((digits + 0x76_7676) | digits) & 0x80_8080;
        let millis = (digits & 0xff) * 100 + (digits >> 8 & 0xff) * 10 + (digits >> 16);
        let seconds = self.local_seconds.filter(|_| known && other == 0)?;
        Some(seconds as f64 + (millis * 1_000_000) as f64 / 1e9)
    }

    #[inline(never)]
    fn parse_any(&mut self, text: &[u8], utc_offset_seconds: i32) -> Option<f64> {
        let known = self.local_seconds.filter(|_| text.first_chunk() == Some(&self.second));
        let Some(local_seconds) = known.or_else(|| self.learn(text)) else {
            return parse_text(text, utc_offset_seconds);
        };
        Cursor { text: text.trim_ascii_end(), at: SECOND_BYTES }.finish(local_seconds, utc_offset_seconds)
    }

    /// The date and time that `text` begins with, if it does, to be known from now on.
    fn learn(&mut self, text: &[u8]) -> Option<i64> {
        let second = *text.first_chunk()?;
        let mut rest = Cursor { text, at: 0 };
        let local_seconds = rest.date_and_time().filter(|_| rest.at == SECOND_BYTES)?;
        (self.second, self.local_seconds) = (second, Some(local_seconds));
        let (minute, [a, b, c]) = (second.first_chunk()?, [second[16], second[17], second[18]]);
        self.minute = u128::from_le_bytes(*minute);
        let inside = (SECONDS_MIN..=SECONDS_MAX).contains(&local_seconds);
        self.rest = if inside { u64::from_le_bytes([a, b, c, b'.', 0, 0, 0, b'Z']) } else { u64::MAX };
        Some(local_seconds)
    }
}

/// `None` outside of years 1 to 9999.
fn seconds_of(seconds: i64, nanos: i64) -> Option<f64> {
    (SECONDS_MIN..=SECONDS_MAX).contains(&seconds).then_some(seconds as f64 + nanos as f64 / 1e9)
}

/// Seconds since the epoch of a number: below 1e11 seconds, below 1e14 ms, below 1e17 µs, else ns.
pub fn from_number(number: f64) -> Option<f64> {
    let seconds = match number.abs() {
        size if size < 1e11 => number,
        size if size < 1e14 => number / 1e3,
        size if size < 1e17 => number / 1e6,
        _ => number / 1e9,
    };
    (seconds >= SECONDS_MIN as f64 && seconds <= SECONDS_MAX as f64).then_some(seconds)
}

/// Append `seconds` as `2026-11-23T06:16:13.462Z`, rounded to the millisecond and kept within years 1 to 9999.
///
/// # Example
///
/// ```
/// use headrig_core::event::time::{format_millis, parse_text};
///
/// let mut out = Vec::new();
/// format_millis(1_795_414_573.25, &mut out);
/// assert_eq!(out, b"2026-11-23T06:16:13.250Z");
/// assert_eq!(parse_text(&out, 0), Some(1_795_414_573.25));
/// ```
pub fn format_millis(seconds: f64, out: &mut Vec<u8>) {
    let finite = if seconds.is_finite() { seconds } else { 0.0 };
    let bounded = finite.clamp(SECONDS_MIN as f64, SECONDS_MAX as f64);
    let millis = (bounded * 1e3).round() as i64;
    let (days, in_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil_from_days(days);
    let second = in_day / 1000;
    for (value, width, end) in [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (second / 3600, 2, b':'),
        (second / 60 % 60, 2, b':'),
        (second % 60, 2, b'.'),
        (in_day % 1000, 3, b'Z'),
    ] {
        for place in (0..width).rev() {
            out.push(b'0' + (value / 10_i64.pow(place) % 10) as u8);
        }
        out.push(end);
    }
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// Date and time to the second, in seconds since the epoch as if its place were at UTC.
    fn date_and_time(&mut self) -> Option<i64> {
        let year = self.digits(4)?;
        self.expect(b"-")?;
        let month = self.digits(2)?;
        self.expect(b"-")?;
        let day = self.digits(2)?;
        self.expect(b"Tt ")?;
        let hour = self.digits(2)?;
        self.expect(b":")?;
        let minute = self.digits(2)?;
        let second = if self.expect(b":").is_some() { self.digits(2)? } else { 0 };
        let in_range = year >= 1 && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        // 60 is a leap second: it is the first second of the next minute.
        let exists = in_range && hour <= 23 && minute <= 59 && second <= 60;
        exists.then(|| days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
    }

    /// What follows the seconds: fraction and offset.
    fn finish(mut self, local_seconds: i64, utc_offset_seconds: i32) -> Option<f64> {
        let nanos = if self.expect(b".,").is_some() { self.fraction()? } else { 0 };
        let offset = self.offset(i64::from(utc_offset_seconds))?;
        seconds_of(local_seconds - offset, nanos)
    }

    fn expect(&mut self, any_of: &[u8]) -> Option<()> {
        any_of.contains(self.text.get(self.at)?).then(|| self.at += 1)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.text.get(self.at..self.at + count)?;
        self.at += count;
        digits.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    }

    /// Nanoseconds; digits beyond the ninth are read and forgotten.
    fn fraction(&mut self) -> Option<i64> {
        let digits = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let kept = digits.min(9);
        let nanos = self.digits(kept)? * 10_i64.pow(9 - kept as u32);
        self.at += digits - kept;
        (digits > 0).then_some(nanos)
    }

    /// Seconds east of UTC; nothing may follow.
    fn offset(&mut self, default: i64) -> Option<i64> {
        let spaced = self.expect(b" ").is_some();
        let offset = match self.text.get(self.at..)? {
            b"" if !spaced => return Some(default),
            b"Z" | b"z" | b"UTC" | b"GMT" => return Some(0),
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return None,
        };
        self.at += 1;
        let hours = self.digits(2)?;
        let colon = self.expect(b":").is_some();
        let minutes = if colon || self.at < self.text.len() { self.digits(2)? } else { 0 };
        let fits = self.at == self.text.len() && hours <= 23 && minutes <= 59;
        fits.then_some(offset * (hours * 3600 + minutes * 60))
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The date of a day since 1970-01-01, by the same source.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn formatted(seconds: f64) -> String {
        let mut out = Vec::new();
        format_millis(seconds, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_written_form_of_one_instant_is_that_instant() {
        let expected = 1_795_414_573.462;
        for text in [
            "2026-11-23T06:16:13.462Z",
            "2026-11-23t06:16:13,462z",
            "2026-11-23 06:16:13.462",
            "2026-11-23 06:16:13.462 UTC",
            "2026-11-23T07:16:13.462+01:00",
            "2026-11-23T07:46:13.462 +0130",
            "2026-11-22T23:16:13.462-07",
            "2026-11-23T06:16:13.46200000000000000001Z",
            "1795414573.462",
            "1795414573462",
            "1795414573462000",
            "1795414573462000000",
        ] {
            let seconds = parse_text(text.as_bytes(), 0).unwrap_or_else(|| panic!("{text}"));
            assert!((seconds - expected).abs() < 1e-6, "{text} {seconds}");
            assert_eq!(formatted(seconds), "2026-11-23T06:16:13.462Z");
        }
        assert_eq!(parse_text(b"2026-11-23T06:16", 0), Some(1_795_414_560.0));
        assert_eq!(parse_text(b"2026-11-23T06:16:00", 3600), Some(1_795_410_960.0));
    }

    #[test]
    fn what_is_not_a_time_is_none() {
        for text in [
            "",
            "-",
            "2026",
            "2026-",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T06:60:00Z",
            "2026-11-23T06:16:13.Z",
            "2026-11-23T06:16:13+1",
            "2026-11-23T06:16:13Zjunk",
            "2026-11-23",
            "0000-01-01T00:00:00Z",
            "now",
            "nan",
            "1e400",
            "２０２６-11-23T06:16:13Z",
        ] {
            let seconds = parse_text(text.as_bytes(), 0);
            assert!(seconds.is_none() || text == "2026", "{text} {seconds:?}");
        }
        assert_eq!(from_number(f64::NAN), None);
        assert_eq!(from_number(f64::INFINITY), None);
        assert_eq!(from_number(1e300), None);
    }

    proptest! {
        #[test]
        fn any_bytes_and_numbers_are_survived(text: Vec<u8>, offset: i32, number: f64) {
            let _ = parse_text(&text, offset);
            let _ = from_number(number);
            prop_assert_eq!(formatted(number).len(), 24);
        }

        #[test]
        fn a_memo_reads_what_is_read_without(
            texts in prop::collection::vec(
                "([ \t]?(2026-11-2[23][T ]06:16:(1[34]|60|61)|2026-11-23T06:16|0001-01-01T00:00:00|9999-12-31T23:59:59)\
                  ([.,][0-9]{0,4})?(Z|z| UTC|[+-]0[0-9]:?30|[+-]07| |x)?[ \n]?)|[0-9]{1,20}|.{0,24}", 1..20),
            offset in -50_000..50_000,
        ) {
            let mut memo = Memo::default();
            for text in texts {
                let plain = parse_text(text.as_bytes(), offset);
                prop_assert_eq!(memo.parse_text(text.as_bytes(), offset), plain, "{:?}", text);
            }
        }

        #[test]
        fn writing_is_undone_by_reading(millis in SECONDS_MIN * 1000..SECONDS_MAX * 1000) {
            let text = formatted(millis as f64 / 1e3);
            let seconds = parse_text(text.as_bytes(), 0).unwrap();
            prop_assert_eq!((seconds * 1e3).round() as i64, millis);
        }
    }
}
