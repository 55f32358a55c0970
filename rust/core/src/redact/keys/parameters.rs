//! Parameters of URLs whose names say nothing elsewhere: `?code=4/0AX…`, `&sig=…`.

use crate::redact::keys::words::words;

#[derive(Default)]
pub struct Parameters {
    /// In small letters and without signs.
    names: Vec<Vec<u8>>,
    /// The rule of their values.
    pub rule: u16,
}

impl Parameters {
    pub fn new(names: &[String], rule: u16) -> Self {
        Self { names: names.iter().map(|name| words(name.as_bytes()).concat()).collect(), rule }
    }

    pub fn contains(&self, name: &[u8]) -> bool {
        let small = || name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
        self.names.iter().any(|known| small().eq(known.iter().copied()))
    }
}
