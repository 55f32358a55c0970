//! The words of a key, in lower case: split at what is no letter or digit, at camel humps, and around digits.

use crate::redact::keys::folding::folded;

/// The words of one key, one after the other. Reused from key to key: what is behind the ends is of longer ones.
#[derive(Default)]
pub struct Words {
    text: Vec<u8>,
    text_end: usize,
    /// Where words begin, and then where the last one ends.
    borders: Vec<Border>,
    count: usize,
}

/// A place between words, and the sum of the weights of all bytes before it.
#[derive(Clone, Copy, Default)]
struct Border {
    place: u32,
    sum: u32,
}

/// A word, or two that follow each other as one.
#[derive(Clone, Copy)]
pub struct Spelling<'a> {
    pub text: &'a [u8],
    pub hash: u32,
}

/// What a byte of a key is.
mod is {
    pub const OTHER: u8 = 0;
    pub const LOWER: u8 = 1;
    pub const UPPER: u8 = 2;
    pub const DIGIT: u8 = 3;
    /// Those from here on are not what they seem, or nothing.
    pub const ODD: u8 = 4;
    pub const CONTROL: u8 = 4;
    /// Lower, unless it is of U+FFFD.
    pub const REPLACED: u8 = 5;
}

const IS: [u8; 256] = {
    let mut table = [is::OTHER; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = match byte as u8 {
            b'a'..=b'z' => is::LOWER,
            b'A'..=b'Z' => is::UPPER,
            b'0'..=b'9' => is::DIGIT,
            0..=0x1f | 0x7f => is::CONTROL,
            0xef | 0xbf | 0xbd => is::REPLACED,
            0x80.. => is::LOWER,
            _ => is::OTHER,
        };
        byte += 1;
    }
    table
};

/// A word begins: by what the byte before is, and 4 times what its first byte is, and 16 times what comes next.
const BEGINS: [bool; 128] = {
    let mut table = [false; 128];
    let mut at = 0;
    while at < table.len() {
        let (before, now, next) = (at as u8 % 4, at as u8 / 4 % 4, at as u8 / 16);
        let hump = now == is::UPPER && before == is::UPPER && matches!(next, is::LOWER | is::REPLACED);
        let same = now == before && !hump || before == is::UPPER && now == is::LOWER;
        table[at] = now != is::OTHER && !same;
        at += 1;
    }
    table
};

/// What a byte adds to the hash of its word: by the finalizer of MurmurHash3 (Appleby), the same for both cases, nothing
/// for a byte of no word. A sum knows no order, but two words are one by adding theirs.
const WEIGHT: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        if IS[byte] != is::OTHER {
            let mixed = ((byte as u8).to_ascii_lowercase() as u32).wrapping_mul(0x9e37_79b1);
            let mixed = (mixed ^ mixed >> 16).wrapping_mul(0x85eb_ca6b);
            table[byte] = mixed ^ mixed >> 13;
        }
        byte += 1;
    }
    table
};

/// The hash of a word.
pub fn hash(word: &[u8]) -> u32 {
    word.iter().fold(0, |sum, byte| sum.wrapping_add(WEIGHT[usize::from(*byte)]))
}

/// The words of a key.
pub fn words(key: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Words::default();
    words.split(&folded(key));
    (0..words.len()).map(|at| words.at(at).text.to_vec()).collect()
}

/// The byte at `at` is one of U+FFFD.
fn is_replaced(key: &[u8], at: usize) -> bool {
    let back = match key[at] {
        0xef => 0,
        0xbf => 1,
        _ => 2,
    };
    at >= back && key[at - back..].starts_with("\u{fffd}".as_bytes())
}

impl Words {
    pub fn clear(&mut self) {
        (self.text_end, self.count) = (0, 0);
    }

    pub fn len(&self) -> usize {
        self.count
    }

    #[inline]
    pub fn at(&self, at: usize) -> Spelling<'_> {
        self.spelling(at, 1)
    }

    /// The word before `at` and the one there.
    #[inline]
    pub fn joined(&self, at: usize) -> Spelling<'_> {
        self.spelling(at - 1, 2)
    }

    #[inline]
    fn spelling(&self, at: usize, count: usize) -> Spelling<'_> {
        let (start, end) = (self.borders[at], self.borders[at + count]);
        Spelling { text: &self.text[start.place as usize..end.place as usize], hash: end.sum.wrapping_sub(start.sum) }
    }

    /// Some word, or two that follow each other, may be known by their hash, or some word by its last two bytes.
    #[inline]
    pub fn any(&self, known: impl Fn(u32) -> bool, ends: impl Fn([u8; 2]) -> bool) -> bool {
        let mut before = Border::default();
        self.borders[..=self.count].windows(2).any(|word| {
            let [start, end] = [word[0], word[1]];
            // Of a word of one byte, the one before is another's: one look more at worst.
            let last = self.text[..end.place as usize].last_chunk();
            let joined = end.sum.wrapping_sub(before.sum);
            before = start;
            known(end.sum.wrapping_sub(start.sum)) || known(joined) || last.is_some_and(|last| ends(*last))
        })
    }

    /// From `at` on stand these words, and (`only`) no others.
    pub fn have(&self, at: usize, words: &[Vec<u8>], only: bool) -> bool {
        let left = self.count - at;
        (if only { left == words.len() } else { left >= words.len() })
            && words.iter().enumerate().all(|(next, word)| self.at(at + next).text == word)
    }

    /// Append the words of a key, or of a part of it at whose borders words end. What a byte is decides no branch: in keys
    /// made to be slow it is anyone's guess.
    pub fn split(&mut self, key: &[u8]) {
        if self.text.len() < self.text_end + key.len() {
            self.text.resize(self.text_end + key.len(), 0);
        }
        if self.borders.len() <= self.count + key.len() {
            self.borders.resize(self.count + key.len() + 1, Border::default());
        }
        let (text, borders) = (&mut self.text[..], &mut self.borders[..]);
        let (mut text_end, mut count) = (self.text_end, self.count);
        let mut sum = borders[count].sum;
        let mut before = is::OTHER;
        for (at, &byte) in key.iter().enumerate() {
            let mut now = IS[usize::from(byte)];
            if now >= is::ODD {
                // Control characters and U+FFFD stand where a key was damaged: they part no word.
                if now == is::CONTROL || is_replaced(key, at) {
                    continue;
                }
                now = is::LOWER;
            }
            let next = key.get(at + 1).map_or(is::OTHER, |next| IS[usize::from(*next)]);
            borders[count] = Border { place: text_end as u32, sum };
            count += usize::from(BEGINS[usize::from(before | now << 2 | next << 4)]);
            text[text_end] = byte.to_ascii_lowercase();
            text_end += usize::from(now != is::OTHER);
            sum = sum.wrapping_add(WEIGHT[usize::from(byte)]);
            before = now;
        }
        borders[count] = Border { place: text_end as u32, sum };
        (self.text_end, self.count) = (text_end, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_by_words() {
        let text = |key: &str| {
            words(key.as_bytes()).iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(text("X-APIKey2_dbPassword"), ["x", "api", "key", "2", "db", "password"]);
        assert_eq!(text("--"), [""; 0]);
        assert_eq!(text("pass\u{fffd}wo\u{1}rdÉ\u{ff0f}"), ["password", "e"]);
    }

    #[test]
    fn words_know_their_hashes() {
        let mut words = Words::default();
        words.split(b"dbPass_word2");
        let two = [&b"dbpass"[..], b"password", b"word2"];
        for (at, word) in [&b"db"[..], b"pass", b"word", b"2"].into_iter().enumerate() {
            assert_eq!((words.at(at).text, words.at(at).hash), (word, hash(word)));
        }
        for (at, joined) in two.into_iter().enumerate() {
            assert_eq!((words.joined(at + 1).text, words.joined(at + 1).hash), (joined, hash(joined)));
        }
    }
}
