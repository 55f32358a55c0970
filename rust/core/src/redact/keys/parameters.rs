//! Parameters of URLs whose names say nothing elsewhere: `?code=4/0AX…`, `&sig=…`.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::redact::keys::words::words;

/// Longest name that is looked up, in letters and digits: those of the pack are shorter.
const NAME_BYTES_MAX: usize = 32;

#[derive(Default)]
pub struct Parameters {
    /// In small letters and without signs.
    names: HashSet<Vec<u8>, RandomState>,
    /// The rule of their values.
    pub rule: u16,
}

impl Parameters {
    pub fn new(names: &[String], rule: u16) -> Self {
        Self { names: names.iter().map(|name| words(name.as_bytes()).concat()).collect(), rule }
    }

    pub fn contains(&self, name: &[u8]) -> bool {
        let (mut small, mut len) = ([0; NAME_BYTES_MAX], 0);
        for byte in name.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
            let Some(next) = small.get_mut(len) else { return false };
            *next = byte.to_ascii_lowercase();
            len += 1;
        }
        self.names.contains(&small[..len])
    }
}
