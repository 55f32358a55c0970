//! Payment card numbers (ISO/IEC 7812): issuer, length, check digit, and how they are printed. One plain run of digits in
//! fifty passes all that by chance: there the key or word before it, and the other numbers of its list, have a say too.

use std::collections::HashSet;

use once_cell::race::OnceBox;

use crate::redact::bytes::is_word;
use crate::redact::keys::words::words;

/// Most digits of a payment card number (ISO/IEC 7812).
const CARD_DIGITS_MAX: usize = 19;
/// Room for them and what may follow, in words that are worked on as a whole.
const WORDS: usize = 3;
/// Least digits of one.
const CARD_DIGITS_MIN: usize = 13;
/// How far a list is read on either side of a number in it, in bytes: some dozen numbers.
const LIST_BYTES_MAX: usize = 256;
/// Numbers as long as a card's that make a list.
const LIST_NUMBERS_MIN: usize = 3;
/// Bytes between two numbers of a list, escaped or not.
const BETWEEN_NUMBERS: &[u8] = b", \t\r\n\"'\\";
/// Longest key or word before a number that is read, in bytes.
const KEY_BYTES_MAX: usize = 64;
/// Bytes between it and the number at most: quotes, a sign, spaces.
const BETWEEN_BYTES_MAX: usize = 16;

/// Words of keys whose value may well be a card number, whatever else the key says.
const OF_CARDS: &str = "\
    amex card cardno cardnumber cards carte cartao cc ccn ccnum ccnumber credit creditcard debit debitcard diners discover \
    jcb karte kreditkarte maestro mastercard pan tarjeta unionpay visa";
/// Words for what is numbered, counted or measured: the last one of such a key.
const OF_NUMBERS: &str = "\
    actor ad addr address age album amount app article asin asset avg balance batch block blocks book bucket build byte \
    bytes campaign case cell channel chat checkpoint checksum chunk client commit consumer cost count counter crc \
    created ctime customer cycles deadline device digest dim duration ean elapsed employee entity epoch expires expiry \
    factor fee file free frequency group gtin guild hash heap height host hz id ids idx imei imsi index ino inode \
    invoice isbn issue item job lag lat latency latitude lba len length line listing lon longitude lsn max mean median \
    mem member memory merchant micros microseconds millis milliseconds min mode ms mtime nanos nanoseconds node nonce ns \
    object offer offset oid operation order orders page parcel parent part partition percent percentage pid pixel play \
    pod pointer pos position posts price prob probability process product ptr pts px quantity query quota rank rate \
    ratio receipt record ref reference replica request rev revision root row rowid rows rss run sample score sector seed \
    segment seq sequence serial session sha shard shipment shop sid size sku slot snapshot space span stamp status step \
    store sum swap task tenant term thread ticket ticks tid tile time timestamp timestamps topic total trace tracking \
    transaction transfer ts tweet txid txn uid upc update updated uptime us usage used user users uuid variance version \
    video view visit visitor volume vsize weight width window worker xid";
/// Words for a number itself: what is numbered stands before.
const VAGUE: [&[u8]; 8] = [b"code", b"key", b"nbr", b"no", b"nr", b"num", b"number", b"value"];
/// Signs of currencies, and others that no card number has before it.
const BEFORE_AMOUNT: [&[u8]; 5] = [b"$", "€".as_bytes(), "£".as_bytes(), "¥".as_bytes(), b"~"];

/// Call `found(start, end)` for each card number: one run of digits, or groups as they are printed on cards, with one kind of
/// separator. `starts` are the digits that the prefilter marks, in order.
pub fn scan(text: &[u8], starts: impl Iterator<Item = usize>, mut found: impl FnMut(usize, usize)) {
    let mut at = 0;
    for start in starts {
        let issued = text[start..].first_chunk().is_some_and(|four| may_be_issued(*four));
        if start < at || !issued {
            continue;
        }
        let end = digits_end(text, start);
        let (card, bare) = match end - start {
            CARD_DIGITS_MIN..=CARD_DIGITS_MAX => (Some(end), true),
            4 => (grouped(text, start, end), false),
            _ => continue,
        };
        let is_card = |end: &usize| {
            stands_alone(text, start, *end)
                && is_card(&text[start..*end])
                && !(bare && is_other_number(text, start, *end))
        };
        if let Some(end) = card.filter(is_card) {
            found(start, end);
            at = end;
        }
    }
}

/// A payment card number by issuer range, length and check digit. `text` is digits, maybe grouped.
pub fn is_card(text: &[u8]) -> bool {
    let mut digits = [0; WORDS * 8];
    let mut len = 0;
    for byte in text {
        if len > CARD_DIGITS_MAX {
            return false;
        }
        // What is no digit is written over by the next one.
        digits[len] = byte.wrapping_sub(b'0');
        len += usize::from(digits[len] < 10);
    }
    digits[len] = 0;
    issued(len, digits[..4].iter().fold(0, |n, digit| n * 10 + u32::from(*digit)))
        && digits[..len].iter().any(|digit| *digit != digits[0])
        && has_check_digit(&digits, len)
}

/// `checks::luhn` for the first `len` digits, the rest zeros: eight at a time, one to a byte.
fn has_check_digit(digits: &[u8; WORDS * 8], len: usize) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
    let counts_twice = if len.is_multiple_of(2) { EVEN } else { !EVEN };
    let sum = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        let doubled = (word & counts_twice) << 1;
        // Of two digits both count, which is nine less.
        let two_digits = (doubled + 0x76 * ONES) >> 7 & ONES;
        ((word & !counts_twice) + doubled - 9 * two_digits).wrapping_mul(ONES) >> 56
    };
    digits.as_chunks().0.iter().map(sum).sum::<u64>().is_multiple_of(10)
}

/// What stands around the digits `start..end` says that they are the number of something else, an amount or a count: the key
/// or word before them, or the list that they are in.
#[cold]
#[inline(never)]
pub fn is_other_number(text: &[u8], start: usize, end: usize) -> bool {
    static WORDS_OF_CARDS: WordSet = WordSet::new();
    let list = List::around(text, start, end);
    let key = key_before(text, list.start);
    if BEFORE_AMOUNT.iter().any(|sign| text[..start].ends_with(sign)) {
        return true;
    }
    let key = words(key);
    if key.iter().any(|word| of(&WORDS_OF_CARDS, OF_CARDS).contains(&word[..])) {
        return false;
    }
    list.numbers >= LIST_NUMBERS_MIN && list.cards * 2 <= list.numbers || numbers_something(&key)
}

/// The last word of a key is of what has a number, is counted or measured.
fn numbers_something(key: &[Vec<u8>]) -> bool {
    static WORDS_OF_NUMBERS: WordSet = WordSet::new();
    let known = |word: &[u8]| of(&WORDS_OF_NUMBERS, OF_NUMBERS).contains(word);
    // `order_id_2`, and `order number`.
    let said = |word: &&Vec<u8>| !word[0].is_ascii_digit() && !VAGUE.contains(&&word[..]);
    key.iter().rev().find(said).is_some_and(|word| {
        known(word) || [&b"ids"[..], b"id"].iter().any(|id| word.strip_suffix(*id).is_some_and(known))
    })
}

/// Words to look up: to read a list word by word takes 1 % of all the work on lines with numbers like cards' (2026-11-30).
type WordSet = OnceBox<HashSet<&'static [u8]>>;

fn of(set: &'static WordSet, words: &'static str) -> &'static HashSet<&'static [u8]> {
    set.get_or_init(|| Box::new(words.split(' ').map(str::as_bytes).collect()))
}

/// A list that a number stands in, as far as it is read: where it begins, and how many of its numbers are as long as a
/// card's, and cards.
struct List {
    start: usize,
    numbers: usize,
    cards: usize,
}

impl List {
    fn around(text: &[u8], start: usize, end: usize) -> Self {
        let of_list = |byte: &&u8| byte.is_ascii_digit() || BETWEEN_NUMBERS.contains(byte);
        let near = &text[start.saturating_sub(LIST_BYTES_MAX)..start];
        let before = near.iter().rev().take_while(of_list).count();
        // A number alone, which a key or word goes before.
        if !near[near.len() - before..].contains(&b',') && text.get(end..).is_none_or(|rest| !goes_on(rest)) {
            return Self { start, numbers: 1, cards: 1 };
        }
        let after = text[end..].iter().take(LIST_BYTES_MAX).take_while(of_list).count();
        let first = text[start - before..].iter().take_while(|byte| !byte.is_ascii_digit()).count();
        let (mut numbers, mut cards) = (0, 0);
        for number in text[start - before..end + after].split(|byte| !byte.is_ascii_digit()) {
            if (CARD_DIGITS_MIN..=CARD_DIGITS_MAX).contains(&number.len()) {
                numbers += 1;
                cards += usize::from(is_card(number));
            }
        }
        Self { start: start - before + first, numbers, cards }
    }
}

/// A comma and another number follow.
fn goes_on(rest: &[u8]) -> bool {
    let part = |byte: &&u8| BETWEEN_NUMBERS.contains(byte);
    let len = rest.iter().take(BETWEEN_BYTES_MAX).take_while(part).count();
    rest[..len].contains(&b',') && rest.get(len).is_some_and(u8::is_ascii_digit)
}

/// The key or word before a number or list: `order_id=`, `"orderId": [`, `order #`.
fn key_before(text: &[u8], start: usize) -> &[u8] {
    let near = &text[start.saturating_sub(KEY_BYTES_MAX + BETWEEN_BYTES_MAX)..start];
    let between = near.iter().rev().take(BETWEEN_BYTES_MAX).take_while(|byte| b" \t\r\n\"'`=:>-#([{&\\".contains(byte));
    let near = &near[..near.len() - between.count()];
    let of_key = |byte: &u8| is_word(*byte) || b"-.".contains(byte);
    let word = near.iter().rposition(|byte| !of_key(byte)).map_or(0, |at| at + 1);
    let key = &near[word..];
    // `order number`, `card no.`: both words count.
    let vague =
        VAGUE.iter().any(|vague| key.trim_ascii_end().strip_suffix(b".").unwrap_or(key).eq_ignore_ascii_case(vague));
    if vague && word > 1 && near[word - 1] == b' ' {
        let before = near[..word - 1].iter().rposition(|byte| !of_key(byte)).map_or(0, |at| at + 1);
        return &near[before..];
    }
    key
}

/// Some issuer's cards have so many digits and begin with these four.
fn issued(len: usize, four: u32) -> bool {
    let (one, two, three) = (four / 1000, four / 100, four / 10);
    match len {
        13 | 19 => one == 4 || (len == 19 && two == 62),
        14 => (300..=305).contains(&three) || [36, 38, 39].contains(&two),
        15 => two == 34 || two == 37,
        16 => {
            one == 4
                || (51..=55).contains(&two)
                || (2221..=2720).contains(&four)
                || (3528..=3589).contains(&four)
                || four == 6011
                || two == 65
                || two == 62
                || (644..=649).contains(&three)
        }
        _ => false,
    }
}

/// What begins with these four digits may be a card number, whatever its length.
fn may_be_issued(four: [u8; 4]) -> bool {
    let four = four.iter().fold(0, |n, digit| n * 10 + u32::from(digit.wrapping_sub(b'0')));
    // Those of 13 and 19 begin as some of 16 do.
    (14..=16).any(|len| issued(len, four))
}

fn digits_end(text: &[u8], start: usize) -> usize {
    text[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(text.len(), |len| start + len)
}

/// The end of the groups of digits that begin with the four of `start..end`, if cards are printed so.
fn grouped(text: &[u8], start: usize, end: usize) -> Option<usize> {
    /// Longer groups are no card's.
    const GROUP_DIGITS_MAX: usize = 6;
    let separator = *text.get(end).filter(|byte| matches!(byte, b' ' | b'-'))?;
    let (mut lens, mut ends) = ([end - start, 0, 0, 0, 0], [end; 5]);
    for group in 1..lens.len() {
        let before = ends[group - 1];
        if text.get(before) != Some(&separator) {
            break;
        }
        let from = before + 1;
        let digits = text[from..].iter().take(GROUP_DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit());
        lens[group] = digits.count();
        ends[group] = from + lens[group];
        if lens[group] > GROUP_DIGITS_MAX {
            break;
        }
    }
    match lens {
        [4, 4, 4, 4, 3] => Some(ends[4]),
        [4, 4, 4, 4, _] => Some(ends[3]),
        [4, 6, 4 | 5, _, _] => Some(ends[2]),
        _ => None,
    }
}

/// Not a part of a longer number, identifier, UUID or decimal.
fn stands_alone(text: &[u8], start: usize, end: usize) -> bool {
    let joins = |byte: u8| matches!(byte, b'-' | b'.' | b'/' | b'+' | b'%');
    let left = match (start.checked_sub(1).map(|at| text[at]), start.checked_sub(2).map(|at| text[at])) {
        (Some(byte), _) if is_word(byte) => false,
        (Some(byte), Some(before)) if joins(byte) && is_word(before) => false,
        _ => true,
    };
    let right = match (text.get(end), text.get(end + 1)) {
        (Some(byte), _) if is_word(*byte) => false,
        (Some(byte), Some(after)) if joins(*byte) && is_word(*after) => false,
        _ => true,
    };
    left && right
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::redact::patterns::checks::luhn;

    #[test]
    fn cards_are_known_by_issuer_length_and_check_digit() {
        for text in
            ["4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "30569309025904"]
        {
            assert!(is_card(text.as_bytes()), "{text}");
        }
        for text in ["4111111111111112", "1234567890123452", "1800000000000", "0000000000000000", "411111111111"] {
            assert!(!is_card(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn check_digits_of_cards_are_those_of_any_number(text in "[0-9]{1,19}") {
            let mut digits = [0; WORDS * 8];
            digits.iter_mut().zip(text.bytes()).for_each(|(digit, byte)| *digit = byte - b'0');
            prop_assert_eq!(has_check_digit(&digits, text.len()), luhn(text.as_bytes()));
        }
    }
}
