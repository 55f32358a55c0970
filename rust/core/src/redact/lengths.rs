//! A first look at words: with which first bytes and lengths a list has any. All others need no look-up.

/// Per first byte, a bit for each length; the last one is for all that are longer.
pub struct Lengths(Box<[u32; 256]>);

impl Lengths {
    pub fn of<'a>(words: impl Iterator<Item = &'a Vec<u8>>) -> Self {
        let mut lengths = Box::new([0; 256]);
        words.filter(|word| !word.is_empty()).for_each(|word| lengths[usize::from(word[0])] |= bit(word));
        Self(lengths)
    }

    /// `word` has a byte at least.
    pub fn may_have(&self, word: &[u8]) -> bool {
        self.0[usize::from(word[0])] & bit(word) != 0
    }
}

fn bit(word: &[u8]) -> u32 {
    1 << word.len().min(31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_lengths_or_first_bytes_are_in_no_list() {
        let list = [b"".to_vec(), b"pin".to_vec(), vec![b'x'; 40]];
        let lengths = Lengths::of(list.iter());
        assert!(lengths.may_have(b"pin") && lengths.may_have(b"pit") && lengths.may_have(&[b'x'; 50]));
        assert!(!lengths.may_have(b"pi") && !lengths.may_have(b"bin"));
    }
}
