//! Card numbers: where one may begin.

/// The 1st to 4th bytes of a card number are digits and so are the 6th to 9th, whether something parts them or not: how far
/// the last of the latter is from the first byte, and from the last of the former.
pub(crate) const CARD_SHIFT: usize = 8;
pub(crate) const FOURS_SHIFT: usize = 5;

/// 13 digits or more, or 4 and 4 with a space or dash between. No issuer of cards has another first digit.
pub fn may_be_card(text: &[u8]) -> bool {
    let Some(head) = text.first_chunk::<{ CARD_SHIFT + 1 }>() else { return false };
    let digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    if !matches!(head[0], b'2'..=b'6') || !digits(&head[..4]) || !digits(&head[5..]) {
        return false;
    }
    match head[4] {
        b' ' | b'-' => true,
        byte => byte.is_ascii_digit() && text.get(head.len()..13).is_some_and(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_begins_with_enough_digits() {
        for text in ["4111-1111", "4111 1111 1", "4111111111111", "22222222222222222x"] {
            assert!(may_be_card(text.as_bytes()), "{text}");
        }
        for text in ["", "4111-111", "4111.1111", "411111111111", "41111 1111", "1111-1111", "4111--1111", "4111 111x"]
        {
            assert!(!may_be_card(text.as_bytes()), "{text}");
        }
    }
}
