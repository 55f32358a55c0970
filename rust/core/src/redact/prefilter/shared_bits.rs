//! Which prefixes share a bit of the kernels' tables. Problem: there are thousands of prefixes and few bits; a bit also lets
//! pass what has the first byte of one of its prefixes and the second of another. Idea: prefixes that have much in common,
//! or seldom bytes, go together. Each takes the bit that then lets the least more pass; in which order they do was searched
//! for with log lines.

use std::array::from_fn;

/// How many bytes of a literal are asked for.
pub(crate) const PREFIX3_BYTES: usize = 3;
/// The same with the one behind them.
pub(crate) const PREFIX4_BYTES: usize = 4;
pub type Prefix4 = [u8; PREFIX4_BYTES];

/// The bits by each byte of a prefix.
pub(super) type Bits = [[u8; 256]; PREFIX4_BYTES];

/// How tables tell bytes apart.
#[derive(Clone, Copy)]
pub(super) enum Told {
    /// The first three: all of them, but together with each that has its low half and another's high half. The fourth is not
    /// asked for: every byte may stand there.
    ByHalves,
    /// The first two but for the top bit, the others but for the top two: a look-up of six bits costs half of one of seven.
    ByBytes,
}

/// What tables tell apart at one place of prefixes, a bit each: bytes, or low halves and then high ones.
type Set = u128;
/// Where high halves begin in a set.
const HIGH_HALVES: u32 = 16;

impl Told {
    /// A byte that stands at a place of a prefix.
    fn set(self, byte: u8, at: usize) -> Set {
        match self {
            Self::ByHalves if at < PREFIX3_BYTES => 1 << (byte & 15) | 1 << (HIGH_HALVES + u32::from(byte >> 4)),
            Self::ByHalves => 0,
            Self::ByBytes if at < 2 => 1 << (byte & 0x7f),
            Self::ByBytes => 1 << (byte & 0x3f),
        }
    }

    /// How often bytes that these tables take for one of a set are seen in log lines, by `WEIGHTS`.
    fn weight_of(self, set: Set, at: usize) -> u32 {
        match self {
            Self::ByHalves if at < PREFIX3_BYTES => {
                let high = (0..16).filter(|high| set >> (HIGH_HALVES + *high) & 1 != 0);
                high.flat_map(|high| ones(set & 0xffff).map(move |low| WEIGHTS[high as usize * 16 + low])).sum()
            }
            Self::ByHalves => 1,
            Self::ByBytes if at < 2 => ones(set).map(|byte| WEIGHTS[byte] + WEIGHTS[byte + 128]).sum(),
            Self::ByBytes => ones(set).map(|byte| (0..4).map(|top| WEIGHTS[byte + 64 * top]).sum::<u32>()).sum(),
        }
    }
}

/// An odd number that parts neighbours (of the golden ratio), times an order.
const SHUFFLE: u32 = 0x9e37_79b1;
/// How often each group may take a better bit. Twice are enough for the packs.
const MOVES_MAX: usize = 2;

/// Share `count` bits among prefixes, which are sorted, those with the same first two bytes together. `order`: in which they
/// take them, any number: by weights alone others seem better than those that mark the fewest places of log lines.
pub(super) fn share(prefixes4: &[Prefix4], count: usize, told: Told, order: u32) -> Bits {
    let mut groups: Vec<Group> =
        prefixes4.chunk_by(|one, other| one[..2] == other[..2]).map(|prefixes4| Group::of(prefixes4, told)).collect();
    groups.sort_by_key(|group| group.number().wrapping_mul(SHUFFLE.wrapping_mul(order) | 1));
    let bits = take_bits(&groups, count, told);
    from_fn(|at| {
        from_fn(|byte| {
            let held = bits.iter().enumerate().map(|(number, bit)| u8::from(bit.holds(byte as u8, at)) << number);
            held.fold(0, |all, bit| all | bit)
        })
    })
}

/// The bits, taken by group after group, and then anew as long as there is a better one for some.
fn take_bits(groups: &[Group], count: usize, told: Told) -> Vec<Bit> {
    let mut bits = vec![Bit::new(told); count];
    let mut taken: Vec<Option<usize>> = vec![None; groups.len()];
    for _ in 0..=MOVES_MAX {
        let mut moved = false;
        for (group, taken) in groups.iter().zip(&mut taken) {
            let before = *taken;
            if let Some(now) = before {
                bits[now].remove(group);
            }
            // A group stays where it is unless there is a better place.
            let others = (0..count).filter(|bit| Some(*bit) != before);
            *taken = before.into_iter().chain(others).min_by_key(|bit| bits[*bit].more_with(group));
            if let Some(now) = *taken {
                bits[now].add(group);
            }
            moved |= *taken != before;
        }
        if !moved {
            break;
        }
    }
    bits
}

/// Prefixes with the same first two bytes: for each place what stands there.
struct Group {
    first: [u8; 2],
    sets: [Set; PREFIX4_BYTES],
}

impl Group {
    fn of(prefixes4: &[Prefix4], told: Told) -> Self {
        let sets = from_fn(|at| prefixes4.iter().fold(0, |set, prefix4| set | told.set(prefix4[at], at)));
        Self { first: [prefixes4[0][0], prefixes4[0][1]], sets }
    }

    fn number(&self) -> u32 {
        u32::from(u16::from_le_bytes(self.first))
    }
}

/// What one bit lets pass: for each place how many groups hold what tables tell apart, what some group holds, and how often
/// that is seen.
#[derive(Clone)]
struct Bit {
    told: Told,
    held: [[u16; Set::BITS as usize]; PREFIX4_BYTES],
    sets: [Set; PREFIX4_BYTES],
    weights: [u32; PREFIX4_BYTES],
}

impl Bit {
    fn new(told: Told) -> Self {
        let held = [[0; Set::BITS as usize]; PREFIX4_BYTES];
        Self { told, held, sets: [0; PREFIX4_BYTES], weights: from_fn(|at| told.weight_of(0, at)) }
    }

    fn add(&mut self, group: &Group) {
        for at in 0..PREFIX4_BYTES {
            ones(group.sets[at]).for_each(|one| self.held[at][one] += 1);
            self.weights[at] = self.weight_with(group, at);
            self.sets[at] |= group.sets[at];
        }
    }

    /// What was added.
    fn remove(&mut self, group: &Group) {
        for at in 0..PREFIX4_BYTES {
            let mut gone = 0;
            for one in ones(group.sets[at]) {
                self.held[at][one] -= 1;
                gone |= Set::from(self.held[at][one] == 0) << one;
            }
            if gone != 0 {
                self.sets[at] &= !gone;
                self.weights[at] = self.told.weight_of(self.sets[at], at);
            }
        }
    }

    /// How much more often it is seen in log lines with a group.
    fn more_with(&self, group: &Group) -> u64 {
        let product =
            |weight: &dyn Fn(usize) -> u32| (0..PREFIX4_BYTES).map(|at| u64::from(weight(at))).product::<u64>();
        product(&|at| self.weight_with(group, at)) - product(&|at| self.weights[at])
    }

    fn weight_with(&self, group: &Group, at: usize) -> u32 {
        match (group.sets[at] & !self.sets[at], self.told) {
            (0, _) => self.weights[at],
            (new, Told::ByBytes) => self.weights[at] + self.told.weight_of(new, at),
            (new, Told::ByHalves) => self.told.weight_of(self.sets[at] | new, at),
        }
    }

    fn holds(&self, byte: u8, at: usize) -> bool {
        let set = self.told.set(byte, at);
        self.sets[at] & set == set
    }
}

/// The places of ones, the lowest first.
fn ones(mut set: Set) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let one = (set != 0).then(|| set.trailing_zeros() as usize);
        set &= set.wrapping_sub(1);
        one
    })
}

/// How often bytes are seen in log lines, roughly. Of some hundred numbers for those of ASCII these mark the fewest places in
/// the lines of the benchmark and in 1.3 MB of ordinary ones (17 in 1,024 bytes, others up to 37). Where the others weigh
/// nothing, each text in Cyrillic is looked up at every tenth byte.
const WEIGHTS: [u32; 256] = {
    const ABOVE_ASCII: u32 = 3;
    const SHARES: [(&[u8], u32); 3] =
        [(b"etaoinsrlc", 10), (b"abcdefghijklmnopqrstuvwxyz", 6), (b"0123456789 \".-_/:,", 3)];
    let mut weights = [0; 256];
    let mut byte = 0x80;
    while byte < weights.len() {
        weights[byte] = ABOVE_ASCII;
        byte += 1;
    }
    let mut byte = b' ';
    while byte <= b'~' {
        weights[byte as usize] = 1;
        byte += 1;
    }
    let mut share = 0;
    while share < SHARES.len() {
        let (bytes, weight) = SHARES[share];
        let mut at = 0;
        while at < bytes.len() {
            weights[bytes[at] as usize] += weight;
            at += 1;
        }
        share += 1;
    }
    weights
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn group(prefix4: Prefix4, told: Told) -> Group {
        Group::of(&[prefix4], told)
    }

    proptest! {
        #[test]
        fn what_leaves_a_bit_leaves_no_trace(stay: Vec<Prefix4>, leave: Vec<Prefix4>) {
            for told in [Told::ByHalves, Told::ByBytes] {
                let mut bit = Bit::new(told);
                leave.iter().chain(&stay).for_each(|prefix4| bit.add(&group(*prefix4, told)));
                leave.iter().for_each(|prefix4| bit.remove(&group(*prefix4, told)));
                let mut fresh = Bit::new(told);
                stay.iter().for_each(|prefix4| fresh.add(&group(*prefix4, told)));
                prop_assert_eq!((bit.held, bit.sets, bit.weights), (fresh.held, fresh.sets, fresh.weights));
            }
        }

        #[test]
        fn every_prefix_has_a_bit_at_all_its_bytes(prefixes4: std::collections::BTreeSet<Prefix4>) {
            let prefixes4: Vec<Prefix4> = prefixes4.into_iter().collect();
            for told in [Told::ByHalves, Told::ByBytes] {
                let bits = share(&prefixes4, 4, told, 1);
                for prefix4 in &prefixes4 {
                    let common = (0..PREFIX4_BYTES).fold(u8::MAX, |all, at| all & bits[at][usize::from(prefix4[at])]);
                    prop_assert!(common != 0, "{:?}", prefix4);
                }
            }
        }
    }
}
