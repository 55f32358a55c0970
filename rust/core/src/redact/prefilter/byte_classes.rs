//! What a byte is to the prefilter, as tables that kernels look up by the low and the high half of a byte.

/// What a byte is: at most one of these bits, by the tables of its low and its high half.
pub(crate) const DIGIT: u8 = 0x80;
const LETTER_A_TO_O: u8 = 0x40;
const LETTER_P_TO_Z: u8 = 0x20;
const AT: u8 = 0x08;
const SIGN: u8 = 0x04;
/// `"` and `'`, and `%` and `&`, with which web addresses and pages write them.
const QUOTE: u8 = 0x02;
/// `[` and `\`, and the escape character before `[`; with it comes 0x1c, which no one writes.
const BRACKET_OR_BACKSLASH: u8 = 0x01;
/// Classes from here on are words'. An underscore is of none: credentials stand behind it (`GH_TOKEN_ghp_...`).
pub(crate) const WORD_MIN: u8 = LETTER_P_TO_Z;

pub(crate) const CLASS_LOW: [u8; 16] = {
    let mut table = [LETTER_A_TO_O; 16];
    let mut low = 0;
    while low <= 10 {
        table[low] |= LETTER_P_TO_Z;
        low += 1;
    }
    low = 0;
    while low <= 9 {
        table[low] |= DIGIT;
        low += 1;
    }
    table[0x0] = (table[0x0] & !LETTER_A_TO_O) | AT;
    table[0x2] |= QUOTE;
    table[0x5] |= QUOTE;
    table[0x6] |= QUOTE;
    table[0x7] |= QUOTE;
    table[0xa] |= SIGN;
    table[0xb] |= BRACKET_OR_BACKSLASH;
    table[0xc] |= BRACKET_OR_BACKSLASH;
    table[0xd] |= SIGN;
    table[0xe] |= SIGN;
    table
};
pub(crate) const CLASS_HIGH: [u8; 16] = {
    let mut table = [0; 16];
    table[0x1] = BRACKET_OR_BACKSLASH;
    table[0x2] = QUOTE;
    table[0x3] = DIGIT | SIGN;
    table[0x4] = LETTER_A_TO_O | AT;
    table[0x5] = LETTER_P_TO_Z | BRACKET_OR_BACKSLASH;
    table[0x6] = LETTER_A_TO_O;
    table[0x7] = LETTER_P_TO_Z;
    table
};

/// The same in one table, of ASCII.
pub(crate) const CLASSES: [u8; 128] = {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = CLASS_LOW[byte & 15] & CLASS_HIGH[byte >> 4];
        byte += 1;
    }
    table
};

/// Most literals count at the first byte of a word if at least so many bytes from there on are run bytes: `#` to DEL.
pub const RUN_BYTES: usize = 16;
/// The last byte that is none.
pub(crate) const RUN_AFTER: u8 = b'"';

pub fn is_run(byte: u8) -> bool {
    byte > RUN_AFTER && byte.is_ascii()
}

/// The bytes of the classes below those of words.
pub(crate) const MARKED: &[u8] = b"@:=>[\\\"'%&\x1b\x1c";
