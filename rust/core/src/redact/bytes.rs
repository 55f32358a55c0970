//! Tables of bytes, and what a byte is to words.

/// Bytes that next to no pattern reads across.
pub fn ends_run(byte: &u8) -> bool {
    ENDS[usize::from(*byte)]
}

const ENDS: [bool; 256] = table(b" \t\n\x0c\r\"',;<>&|(){}[]\\");

/// A look-up table of `bytes`.
pub const fn table(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
