//! Keys: which of them say that their value is a secret. Problem: `passwordHint` and `author` are no secrets, `db_passwd` is.
//! Idea: compare a key by its words, never by substrings; lists say which words make a value secret, and how surely.
//!
//! ```text
//! DBPassword_1 -> words: db password 1 -> vocabulary -> class: Secret(rule) | Bare | Likely | Owned | Short | Plain
//! ```

pub(crate) mod class;
pub(crate) mod negative_cache;
pub(crate) mod vocabulary;
pub(crate) mod words;

use std::cmp::Ordering;

use serde::Deserialize;

use crate::io::escape::Decoded;
use crate::redact::keys::class::KeyClass;
use crate::redact::keys::negative_cache::Dull;
use crate::redact::keys::vocabulary::{Known, Vocabulary};
use crate::redact::keys::words::{words, Words};
use crate::redact::token::{rule_name, segments};
use crate::spec::RedactSpec;

/// The built-in keys, as data with examples.
pub const KEYS_TOML: &str = include_str!("../../../../../python/headrig/rules/keys.toml");

/// Shortest secret word that is known when it is parted in two, in bytes: `p_in` is no PIN.
const PARTED_BYTES_MIN: usize = 6;
/// Short keys remembered, as a power of two: 4 KiB of the first-level cache.
const SHORT_LOG2: u32 = 7;
/// The rule of a key that belongs to somebody: `stripe_key`.
const OWNED_KEY: &str = "key";
/// A word that ends so is a likely key, even where it was glued together.
const TOKEN: &[u8] = b"token";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysPack {
    pub secret: Vec<String>,
    pub endings: Vec<String>,
    pub exact: Vec<String>,
    pub likely: Vec<String>,
    pub short: Vec<String>,
    pub vendors: Vec<String>,
    pub context: Vec<String>,
    pub metadata_suffix: Vec<String>,
    pub examples: Vec<String>,
    pub counterexamples: Vec<String>,
}

impl KeysPack {
    /// Whether values of some keys are masked under this name.
    pub fn has_rule(&self, name: &str) -> bool {
        let mut listed = [&self.secret, &self.exact, &self.likely, &self.short].into_iter().flatten();
        name == OWNED_KEY || listed.any(|key| rule_name(&words(key.as_bytes())) == name)
    }
}

/// The keys of one spec.
pub struct Keys {
    vocabulary: Vocabulary,
    /// What words end with that were glued together.
    endings: Vec<(Vec<u8>, u16)>,
    /// A bit for the last bytes of each.
    endings_filter: u64,
    /// The rule of a word that ends with `token`.
    token: Option<u16>,
    allowed: Vec<Vec<Vec<u8>>>,
}

/// Buffers for one key, short keys as they were met and their classes, and places where no key was found.
pub struct KeyMemo {
    decoded: Decoded,
    words: Words,
    /// Bounded: of two with one place the later is remembered. The empty key is plain.
    short: Box<[(Short, KeyClass); 1 << SHORT_LOG2]>,
    pub dull: Dull,
}

impl Default for KeyMemo {
    fn default() -> Self {
        Self {
            decoded: Decoded::default(),
            words: Words::default(),
            short: Box::new([(Short(0), KeyClass::Plain); 1 << SHORT_LOG2]),
            dull: Dull::default(),
        }
    }
}

/// A key of less than 16 bytes: they, and how many.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Short(u128);

impl Short {
    #[inline]
    fn of(key: &[u8]) -> Option<Self> {
        let mut bytes = [0; 16];
        bytes[15] = key.len() as u8;
        bytes[..15].get_mut(..key.len())?.copy_from_slice(key);
        Some(Self(u128::from_le_bytes(bytes)))
    }

    #[inline]
    fn place(self) -> usize {
        let [low, high] = [self.0 as u64, (self.0 >> 64) as u64];
        let mixed = (low.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ high).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> (u64::BITS - SHORT_LOG2)) as usize
    }
}

impl Keys {
    /// `rule` gives the number of a rule name, new or not.
    pub fn new(pack: &KeysPack, spec: &RedactSpec, mut rule: impl FnMut(&str) -> u16) -> Self {
        let mut vocabulary = Vocabulary::default();
        let mut tell = |list: &[String], tell: &mut dyn FnMut(&mut Known, &str)| {
            list.iter().for_each(|word| tell(vocabulary.word(word.as_bytes()), word));
        };
        tell(&pack.exact, &mut |known, word| known.bare = Some(rule(word)));
        tell(&pack.likely, &mut |known, word| known.likely = Some(rule(word)));
        tell(&pack.short, &mut |known, word| known.short = Some(rule(word)));
        tell(&pack.context, &mut |known, _| known.place = true);
        tell(&pack.metadata_suffix, &mut |known, _| known.about = true);
        for name in pack.secret.iter().chain(&spec.keys) {
            let words = words(name.as_bytes());
            let Some(first) = words.first() else { continue };
            let number = rule(&rule_name(&words));
            // `apikey` is `api_key` written as one word.
            let joined = words.concat();
            vocabulary.word(first).secret.push((words, number));
            vocabulary.word(&joined).secret.push((vec![joined.clone()], number));
        }
        vocabulary.longest_first();
        let endings: Vec<_> = pack.endings.iter().map(|word| (word.clone().into_bytes(), rule(word))).collect();
        let last = |word: &[u8]| word.last_chunk().map_or(u64::MAX, |last| 1 << last_bytes(*last));
        let endings_filter = endings.iter().fold(last(TOKEN), |bits, (word, _)| bits | last(word));
        let key = rule(OWNED_KEY);
        pack.vendors.iter().for_each(|word| vocabulary.word(word.as_bytes()).owner = Some(key));
        let allowed = spec.allow_keys.iter().map(|key| words(key.as_bytes())).collect();
        let token = vocabulary.word(TOKEN).likely;
        Self { vocabulary, endings, endings_filter, token, allowed }
    }

    /// Classify a key of a JSON text, as it stands there.
    pub fn class(&self, raw: &[u8], memo: &mut KeyMemo) -> KeyClass {
        let Some(short) = Short::of(raw) else { return self.fresh_class(raw, memo) };
        let known = &memo.short[short.place()];
        if known.0 == short {
            return known.1;
        }
        let class = self.fresh_class(raw, memo);
        memo.short[short.place()] = (short, class);
        class
    }

    fn fresh_class(&self, raw: &[u8], memo: &mut KeyMemo) -> KeyClass {
        let KeyMemo { decoded, words, .. } = &mut *memo;
        if raw.contains(&b'\\') {
            decoded.decode(raw);
            return self.decoded_class(&decoded.bytes, words);
        }
        self.decoded_class(raw, words)
    }

    /// Classify a key. What a token in it says does not count.
    fn decoded_class(&self, key: &[u8], words: &mut Words) -> KeyClass {
        words.clear();
        if key.contains(&b'[') {
            segments(key).for_each(|(start, end)| words.split(&key[start..end]));
        } else {
            words.split(key);
        }
        let ends = |last: [u8; 2]| self.endings_filter >> last_bytes(last) & 1 != 0;
        if words.len() == 0 || !words.any(|hash| self.vocabulary.may_know(hash), ends) {
            return KeyClass::Plain;
        }
        self.known_class(words)
    }

    /// The class of a key of which some word is known, or may be.
    #[inline(never)]
    fn known_class(&self, words: &Words) -> KeyClass {
        let count = words.len();
        let about = self.vocabulary.find(words.at(count - 1)).is_some_and(|known| known.about);
        if about || self.allowed.iter().any(|allowed| words.have(0, allowed, true)) {
            return KeyClass::Plain;
        }
        // `token_2` is a token too: what is said of the last word is said of the one before.
        let numbered = count > 1 && words.at(count - 1).text[0].is_ascii_digit();
        let last = count - 1 - usize::from(numbered);
        let mut hints = Hints { alone: count == 1, ..Hints::default() };
        let (mut parted, mut glued) = (None, usize::MAX);
        for at in 0..count {
            let word = words.at(at);
            if let Some(known) = self.vocabulary.find(word) {
                if let Some((_, rule)) = known.secret.iter().find(|(secret, _)| words.have(at, secret, false)) {
                    return KeyClass::Secret(*rule);
                }
                match at.cmp(&last) {
                    Ordering::Less => hints.before(known),
                    Ordering::Equal => hints.last = Some(known),
                    Ordering::Greater => {}
                }
            }
            if let Some(pair) = (at > 0).then(|| words.joined(at)) {
                if let Some(known) = self.vocabulary.find(pair) {
                    // `passWord` and `pass_phrase` are one word to those who write them so.
                    let secret = if pair.text.len() >= PARTED_BYTES_MIN { &known.secret[..] } else { &[] };
                    parted = parted.or_else(|| Some(secret.iter().find(|(secret, _)| secret.len() == 1)?.1));
                    hints.joined_owner = hints.joined_owner.or(known.owner.filter(|_| at <= last));
                }
            }
            glued = glued.min(self.ending(word.text).unwrap_or(usize::MAX));
        }
        let secret = parted.or_else(|| Some(self.endings.get(glued)?.1));
        secret.map_or_else(|| self.hinted_class(words.at(last).text, &hints), KeyClass::Secret)
    }

    /// The number of the first ending that a word has.
    fn ending(&self, word: &[u8]) -> Option<usize> {
        // Were there an ending of one byte, all bits were set.
        let bit = word.last_chunk().map_or(0, |last| last_bytes(*last));
        let may = word.len() > 1 && self.endings_filter >> bit & 1 != 0 || self.endings_filter == u64::MAX;
        may.then(|| self.endings.iter().position(|(ending, _)| word.ends_with(ending)))?
    }

    /// The class of a key that says little by itself, by its last word.
    fn hinted_class(&self, last: &[u8], hints: &Hints<'_>) -> KeyClass {
        let nothing = Known::default();
        let known = hints.last.unwrap_or(&nothing);
        let likely = if last.ends_with(TOKEN) { self.token } else { known.likely };
        let owner = hints.owner.or(hints.joined_owner).filter(|_| last == b"key");
        match (known.bare.filter(|_| hints.alone), known.short) {
            (Some(rule), _) => KeyClass::Bare(rule),
            (_, Some(rule)) => KeyClass::Short(rule),
            _ if hints.place || known.place => KeyClass::Plain,
            _ => match likely {
                Some(rule) if hints.owner.is_some() => KeyClass::Owned(rule),
                likely => likely.or(owner).map_or(KeyClass::Plain, KeyClass::Likely),
            },
        }
    }
}

/// What the words of a key say that is not secret by itself.
#[derive(Default)]
struct Hints<'a> {
    /// There is one word only.
    alone: bool,
    last: Option<&'a Known>,
    /// Of a word before the last, and of two that end with it at the latest.
    owner: Option<u16>,
    joined_owner: Option<u16>,
    /// A word before the last is a place.
    place: bool,
}

impl Hints<'_> {
    fn before(&mut self, known: &Known) {
        self.owner = self.owner.or(known.owner);
        self.place |= known.place;
    }
}

/// A number below 64 for the last two bytes of a word.
#[inline(always)]
fn last_bytes([before, last]: [u8; 2]) -> u32 {
    (u32::from(before) * 5 + u32::from(last)) % 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_proves_itself() {
        let pack: KeysPack = toml::from_str(KEYS_TOML).unwrap();
        let keys = Keys::new(&pack, &RedactSpec::default(), |_| 0);
        let known = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (list, class) in [
            (pack.examples, KeyClass::Secret(0)),
            (pack.counterexamples, KeyClass::Plain),
            (pack.exact, KeyClass::Bare(0)),
            (known(&["upload_token", "token4", "ALGOLIA_ADMIN_KEY", "newRelicKey", "group_auth"]), KeyClass::Likely(0)),
            (known(&["slack_token", "githubToken"]), KeyClass::Owned(0)),
            (known(&["pass", "smtpPass"]), KeyClass::Short(0)),
        ] {
            for key in list {
                assert_eq!(keys.class(key.as_bytes(), &mut KeyMemo::default()), class, "{key}");
            }
        }
    }

    #[test]
    fn own_keys_count_and_allowed_ones_do_not() {
        let pack: KeysPack = toml::from_str(KEYS_TOML).unwrap();
        let spec = RedactSpec {
            keys: vec!["iban".into()],
            allow_keys: vec!["passwordHint".into(), "password".into()],
            ..RedactSpec::default()
        };
        let keys = Keys::new(&pack, &spec, |_| 0);
        let class = |key: &str| keys.class(key.as_bytes(), &mut KeyMemo::default());
        assert_eq!(class("customer_IBAN"), KeyClass::Secret(0));
        assert_eq!((class("password_hint"), class("PASSWORD")), (KeyClass::Plain, KeyClass::Plain));
        assert_eq!(class("db_password"), KeyClass::Secret(0));
    }
}
