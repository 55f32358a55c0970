//! Places in a text where something may be found, and which searches can find it.

/// Places of the bits that are set.
#[derive(Clone)]
pub struct Bits(pub u64);

impl Bits {
    /// Leave out the bits below `place`.
    #[inline]
    pub fn skip_to(&mut self, place: usize) {
        self.0 &= u64::MAX.checked_shl(place as u32).unwrap_or(0);
    }
}

impl Iterator for Bits {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let bits = self.0;
        self.0 = bits & bits.wrapping_sub(1);
        (bits != 0).then_some(bits.trailing_zeros() as usize)
    }
}

/// What triage found in a text, as places in it, in order.
#[derive(Default)]
pub struct Places {
    /// Where literals may begin.
    pub prefixes: Vec<u32>,
    /// `: = > @`, and digits with which a card may begin.
    pub signs: Vec<u32>,
}

impl Places {
    pub(crate) fn clear(&mut self) {
        self.prefixes.clear();
        self.signs.clear();
    }
}

/// The places of `list` in `start..end`, from `start` on.
pub fn within(list: &[u32], start: usize, end: usize) -> impl Iterator<Item = usize> + Clone + '_ {
    let first = list.partition_point(|at| (*at as usize) < start);
    list[first..].iter().map(|at| *at as usize).take_while(move |at| *at < end).map(move |at| at - start)
}

/// What triage saw in a text, and so which searches can find something: flags of `Seen::*`.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Seen(pub(crate) u16);

impl Seen {
    pub(crate) const COLON: u16 = 1;
    pub(crate) const EQUALS: u16 = 2;
    pub(crate) const AT: u16 = 4;
    pub(crate) const DIGITS: u16 = 8;
    pub(crate) const BACKSLASH: u16 = 16;
    pub(crate) const QUOTE: u16 = 32;
    pub(crate) const BRACKET: u16 = 64;
    pub(crate) const PREFIX: u16 = 128;
    pub(crate) const TERMINAL: u16 = 256;
    pub(crate) const WEB: u16 = 512;
    pub(crate) const QUOTED_VALUE: u16 = 1024;

    pub(crate) fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }

    pub fn nothing(self) -> bool {
        self.0 & !(Self::QUOTE | Self::BRACKET) == 0 && !self.quoted()
    }

    /// JSON or something like it may be inside.
    pub fn quoted(self) -> bool {
        self.has(Self::QUOTE) && self.has(Self::COLON | Self::BRACKET)
    }

    pub fn assign(self) -> bool {
        self.has(Self::COLON | Self::EQUALS)
    }

    pub fn backslash(self) -> bool {
        self.has(Self::BACKSLASH)
    }

    /// A token may be inside.
    pub fn bracket(self) -> bool {
        self.has(Self::BRACKET)
    }

    pub fn at(self) -> bool {
        self.has(Self::AT)
    }

    /// As many as a card has.
    pub fn digits(self) -> bool {
        self.has(Self::DIGITS)
    }

    pub fn prefix(self) -> bool {
        self.has(Self::PREFIX)
    }

    /// A control sequence of a terminal.
    pub fn terminal(self) -> bool {
        self.has(Self::TERMINAL)
    }

    /// A percent escape or a character reference.
    pub fn web(self) -> bool {
        self.has(Self::WEB)
    }

    /// A quoted value right behind a word for a secret.
    pub fn quoted_value(self) -> bool {
        self.has(Self::QUOTED_VALUE)
    }

    #[cfg(test)]
    pub(crate) fn with(self, flag: u16) -> Self {
        Self(self.0 | flag)
    }

    #[must_use]
    pub(crate) fn without(self, flag: u16) -> Self {
        Self(self.0 & !flag)
    }
}

/// Per byte that the prefilter marks, the flags it raises. What `%`, `&` and `[` raise besides depends on what stands around.
pub(crate) const FLAGS: [u16; 256] = {
    let mut flags = [0; 256];
    flags[b':' as usize] = Seen::COLON;
    flags[b'=' as usize] = Seen::EQUALS;
    flags[b'>' as usize] = Seen::EQUALS;
    flags[b'@' as usize] = Seen::AT;
    flags[b'\\' as usize] = Seen::BACKSLASH;
    flags[b'"' as usize] = Seen::QUOTE;
    flags[b'\'' as usize] = Seen::QUOTE;
    flags[b'[' as usize] = Seen::BRACKET;
    flags[0x1b] = Seen::TERMINAL;
    let mut digit = b'0';
    while digit <= b'9' {
        flags[digit as usize] = Seen::DIGITS;
        digit += 1;
    }
    flags
};
