//! Values that tell something about a credential and are none: states, dates, names of pins.

use hashbrown::HashSet;
use once_cell::race::OnceBox;

/// Longest value that is looked at, in bytes: a date in words is shorter.
const METADATA_BYTES_MAX: usize = 40;
/// Longest state, in bytes.
const STATE_BYTES_MAX: usize = 24;
/// Groups of digits of a date or a time at least.
const DATE_GROUPS_MIN: usize = 3;
/// Digits of a group of a date at most: those of a fraction are left out.
const DATE_DIGITS_MAX: usize = 4;
/// How boards call their pins, before a number.
const PIN_NAMES: [&[u8]; 17] = [
    b"gpio", b"gp", b"io", b"pin", b"bcm", b"d", b"a", b"p", b"pa", b"pb", b"pc", b"pd", b"pe", b"pf", b"pg", b"ph",
    b"pt",
];
/// Words for how a credential is, what may be done with it and what it is for.
const STATES: &str = "\
    able absent accept accepted access accessible active add added after all allow allowed already always and \
    anonymous any approved as asked at attached attempted audit auth authenticated authentication authorized auto \
    automatic available bad be been before blank blocked bool boolean both bound broken but by bytes cached call \
    can canceled cancelled cannot change changed channel check checked checking cleared client closed completed \
    compromised config configured confirmed conflict copied correct could count create created creating critical \
    daily date db declined default deferred delayed delegated delete deleted denied deny deprecated destroyed \
    detected did disable disabled dismissed do does done draft dry duplicate dynamic edit editor empty enable \
    enabled encrypted encryption enforced environment error essential every everyone exceeded execute exists \
    expected expire expired expires expiring explicit exported external fail failed failing failure false fetched \
    field file filtered first float for forbidden found from full functional generated get given global good grant \
    granted group has hash hashed have header healthy hidden high hourly if ignore ignored implicit in inactive \
    include included incomplete incorrect info inherit inherited initial input inside int integer interactive \
    internal invalid invalidated is issued it its keychain keyring known last lax legacy length limited list \
    loaded loading local lock locked login long low malformed manage managed manager mandatory manual marketing \
    masked match matched matches matching maybe medium memory method minimal mismatch missing mode module monthly \
    moved must n na named native necessary needed needs never new nil no none nonexistent normal not nothing now \
    null number object of off ok okay old omit omitted on once one only open opened option optional or origin \
    other out outdated over overridden override owner partial partially pass passed passing passwordless path \
    pattern pending per performance permanent permission permissions permitted plain plaintext planned platform \
    policy pool post preferences present previous primary private privileged processed processing prompt prompted \
    protected provided public pull purged push query queued random rate raw read readable readonly readwrite ready \
    received recent recently recommended redacted refresh refreshed refused registered reject rejected released \
    remote removed renewed repository request requested require required requires reset resolved restricted result \
    retrieved retry return returned reused revoked role rotate rotated rotating rotation run runtime safe same \
    saved scheduled scope secondary secure see select selected self send sent server service session set shared \
    short should shown signed single skip skipped sms soft some specified standard started state static statistics \
    status still stored strict string strong succeeded success successful sufficient supplied supported suspended \
    system tampered temporary the there this throttled to too totp true two type unable unauthorized unavailable \
    unchanged unconfirmed undefined unencrypted unexpected unknown unlimited unlock unlocked unnecessary \
    unprotected unsafe unset unsupported unused unverified up update updated uploaded use used valid validated \
    value variable vault verification verified verify via view visible voice warning was weak weekly when will \
    with without writable write wrong y yearly yes your";
/// Words of dates.
const DATE_WORDS: [&[u8]; 27] = [
    b"t", b"z", b"am", b"pm", b"utc", b"gmt", b"est", b"cet", b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul",
    b"aug", b"sep", b"oct", b"nov", b"dec", b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun",
];

/// The value is a state, a date or the name of a pin. Nobody's key or code is one of these; a password may be.
pub fn is_metadata(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let value = if value.eq_ignore_ascii_case(b"n/a") { b"" } else { value };
    value.is_empty() || value.len() <= METADATA_BYTES_MAX && (is_state(value) || is_date(value) || is_pin_name(value))
}

fn state_words() -> &'static HashSet<&'static [u8]> {
    static STATE_WORDS: OnceBox<HashSet<&[u8]>> = OnceBox::new();
    STATE_WORDS.get_or_init(|| Box::new(STATES.split(' ').map(str::as_bytes).collect()))
}

/// A word for how something is, or several: `read`, `not required`, `same-origin`.
fn is_state(value: &[u8]) -> bool {
    let mut words = value.split(|byte| b" -_,/|+.!".contains(byte)).filter(|word| !word.is_empty()).peekable();
    let known = |word: &[u8]| {
        let mut lower = [0; STATE_BYTES_MAX];
        let Some(lower) = lower.get_mut(..word.len()) else { return false };
        lower.copy_from_slice(word);
        lower.make_ascii_lowercase();
        let lower: &[u8] = lower;
        state_words().contains(lower)
    };
    words.peek().is_some() && words.all(known)
}

/// Groups of digits as dates, times and versions have them, and nothing else but words of dates.
fn is_date(value: &[u8]) -> bool {
    let (mut groups, mut at) = (0, 0);
    while at < value.len() {
        let rest = &value[at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        // What is behind a point may be longer: a fraction of a second.
        let fraction = at > 0 && value[at - 1] == b'.' && groups >= DATE_GROUPS_MIN;
        if digits > 0 && (digits <= DATE_DIGITS_MAX || fraction) {
            groups += 1;
            at += digits;
        } else if letters > 0 && is_date_word(&rest[..letters]) {
            at += letters;
        } else if b"-/.:, +".contains(&rest[0]) {
            at += 1;
        } else {
            return false;
        }
    }
    groups >= DATE_GROUPS_MIN && !is_number_in_groups(value)
}

/// `1234-5678-9012`: what a credential of digits looks like where it is printed. A date has a group of two digits or one.
fn is_number_in_groups(value: &[u8]) -> bool {
    let groups = || value.split(|byte| b"- ".contains(byte));
    groups().all(|group| group.len() == DATE_DIGITS_MAX && group.iter().all(u8::is_ascii_digit))
}

/// A month or a day may be written out: its first three letters tell.
fn is_date_word(word: &[u8]) -> bool {
    let head = &word[..word.len().min(3)];
    DATE_WORDS.iter().any(|known| known.eq_ignore_ascii_case(if word.len() > 2 { head } else { word }))
}

/// `GPIO17`, `D13`, `PA5`, `P0.13`.
fn is_pin_name(value: &[u8]) -> bool {
    let letters = value.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let number = value[letters..].strip_prefix(b"_").unwrap_or(&value[letters..]);
    (1..=4).contains(&number.len())
        && number[0] != b'.'
        && number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
        && number.iter().filter(|byte| byte.is_ascii_digit()).count() < 4
        && PIN_NAMES.iter().any(|name| name.eq_ignore_ascii_case(&value[..letters]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_in_order_and_short() {
        assert!(STATES.split(' ').is_sorted_by(|a, b| a < b));
        assert!(state_words().iter().all(|state| (1..=STATE_BYTES_MAX).contains(&state.len())));
    }

    #[test]
    fn what_tells_of_a_credential_is_told_from_one() {
        for text in [
            "read",
            "Allowed",
            "not required",
            "same-origin",
            "2026-11-30",
            "2026-11-30T12:00:00.123456Z",
            "9/16/2020 11:40:05 PM",
            "Mon, 30 Nov 2026 12:00:00 GMT",
            "30. November 2026 12:01",
            "1.2.3",
            "593-762-075",
            "GPIO17",
            "p0.13",
            "A0",
            "true",
            "N/A",
            " ",
        ] {
            assert!(is_metadata(text.as_bytes()), "{text}");
        }
        for text in ["hunter2", "readme", "482910", "12345", "1234-5678-9012", "a1b2c3", "Bearer x", "sid=1", "A1B2"] {
            assert!(!is_metadata(text.as_bytes()), "{text}");
        }
    }
}
