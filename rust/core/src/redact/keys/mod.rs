//! Keys: which of them say that their value is a secret. Problem: `passwordHint` and `author` are no secrets, `db_passwd` is.
//! Idea: compare a key by its words, never by substrings; lists say which words make a value secret, and how surely.
//!
//! ```text
//! DBPassword_1 -> words: db password 1 -> vocabulary -> class: Secret(rule) | Bare | Likely | Owned | Short | Plain
//! ```

pub(crate) mod class;
pub(crate) mod folding;
pub(crate) mod metadata;
pub(crate) mod negative_cache;
pub(crate) mod pack;
pub(crate) mod parameters;
pub(crate) mod vocabulary;
pub(crate) mod words;

use crate::io::escape::Decoded;
use crate::redact::keys::class::KeyClass;
use crate::redact::keys::folding::folded;
use crate::redact::keys::negative_cache::NegativeCache;
use crate::redact::keys::pack::{KEY_RULE, PARAMETER_RULE};
use crate::redact::keys::parameters::Parameters;
use crate::redact::keys::vocabulary::{Beside, Known, Vocabulary};
use crate::redact::keys::words::{words, Words};
use crate::redact::token::{rule_name, segments};
use crate::spec::RedactSpec;
pub use pack::{KeysPack, KEYS_TOML};

/// Shortest secret word that is known when it is parted in two, in bytes: `p_in` is no PIN.
const PARTED_BYTES_MIN: usize = 6;
/// Short keys remembered, as a power of two: 4 KiB of the first-level cache.
const SHORT_LOG2: u32 = 7;
/// A word that ends with one of these is a likely key, even where it was glued together.
const TOKEN: &[u8] = b"token";
const KEY: &[u8] = b"key";

/// The keys of one spec.
pub struct Keys {
    vocabulary: Vocabulary,
    /// What words end with that were glued together.
    endings: Vec<(Vec<u8>, KeyClass)>,
    /// A bit for the last bytes of each.
    endings_filter: u64,
    /// The rules of words that end with `token` and `key`.
    token: Option<u16>,
    key: u16,
    parameters: Parameters,
    allowed: Vec<Vec<Vec<u8>>>,
}

/// Buffers for one key, short keys as they were met and their classes, and places where no key was found.
pub struct KeyMemo {
    decoded: Decoded,
    words: Words,
    /// Bounded: of two with one place the later is remembered. The empty key is plain.
    short: Box<[(Short, KeyClass); 1 << SHORT_LOG2]>,
    pub negative_cache: NegativeCache,
}

impl Default for KeyMemo {
    fn default() -> Self {
        Self {
            decoded: Decoded::default(),
            words: Words::default(),
            short: Box::new([(Short(0), KeyClass::Plain); 1 << SHORT_LOG2]),
            negative_cache: NegativeCache::default(),
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
    /// `more` are secret keys beside those of the pack and the spec; `rule` gives the number of a rule name, new or not.
    pub fn new(pack: &KeysPack, spec: &RedactSpec, more: &[String], mut rule: impl FnMut(&str) -> u16) -> Self {
        let mut vocabulary = Vocabulary::default();
        let mut tell = |list: &[String], tell: &mut dyn FnMut(&mut Known, &str)| {
            list.iter().for_each(|word| tell(vocabulary.word(&words(word.as_bytes()).concat()), word));
        };
        tell(&pack.exact, &mut |known, word| known.bare = Some(rule(word)));
        tell(&pack.likely, &mut |known, word| known.likely = Some(rule(word)));
        tell(&pack.short, &mut |known, word| known.short = Some(rule(word)));
        tell(&pack.given, &mut |known, _| known.given = true);
        type List<'a> = (&'a [String], fn(u16) -> KeyClass);
        let lists: [List<'_>; 4] = [
            (&pack.secret, KeyClass::Secret),
            (&pack.credential, KeyClass::Credential),
            (&pack.plural, KeyClass::Plural),
            (&pack.random, KeyClass::Likely),
        ];
        for (name, class) in lists.iter().flat_map(|(list, class)| list.iter().map(move |name| (name, class))) {
            vocabulary.name(name, class(rule(&rule_name(&words(name.as_bytes())))));
        }
        for (english, names) in &pack.translations {
            let number = rule(english);
            match lists.iter().find(|(list, _)| list.contains(english)) {
                Some((_, class)) => names.iter().for_each(|name| vocabulary.phrase(name, class(number))),
                None => names
                    .iter()
                    .for_each(|name| vocabulary.word(&words(name.as_bytes()).concat()).likely = Some(number)),
            }
        }
        for name in spec.keys.iter().chain(more) {
            vocabulary.name(name, KeyClass::Secret(rule(&rule_name(&words(name.as_bytes())))));
        }
        vocabulary.longest_first();
        for (list, flag) in [
            (&pack.metadata_suffix, Beside::METADATA),
            (&pack.qualifier_prefix, Beside::QUALIFIER_PREFIX),
            (&pack.qualifier_suffix, Beside::QUALIFIER_SUFFIX),
            (&pack.place, Beside::PLACE),
            (&pack.entry, Beside::ENTRY),
            (&pack.owners, Beside::OWNER),
            (&pack.vendors, Beside::OWNER | Beside::VENDOR),
        ] {
            list.iter().for_each(|word| vocabulary.add_beside(word.as_bytes(), flag));
        }
        let endings: Vec<_> = pack.endings.iter().filter_map(|word| vocabulary.ending(word)).collect();
        let last = |word: &[u8]| word.last_chunk().map_or(u64::MAX, |last| 1 << last_bytes(*last));
        let endings_filter = endings.iter().fold(last(TOKEN) | last(KEY), |bits, (word, _)| bits | last(word));
        let allowed = spec.allow_keys.iter().map(|key| words(key.as_bytes())).collect();
        let token = vocabulary.word(TOKEN).likely;
        let parameters = Parameters::new(&pack.query, rule(PARAMETER_RULE));
        Self { vocabulary, endings, endings_filter, token, key: rule(KEY_RULE), parameters, allowed }
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

    /// The same of the name of a parameter of a URL, which says more there than elsewhere.
    pub fn class_in_query(&self, name: &[u8], elsewhere: KeyClass) -> KeyClass {
        let listed = elsewhere == KeyClass::Plain && self.parameters.contains(name);
        let secret = listed && !self.allowed.contains(&words(name));
        if secret {
            KeyClass::Likely(self.parameters.rule)
        } else {
            elsewhere
        }
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
        if !key.is_ascii() {
            segments(key).for_each(|(start, end)| words.split(&folded(&key[start..end])));
        } else if key.contains(&b'[') {
            segments(key).for_each(|(start, end)| words.split(&key[start..end]));
        } else {
            words.split(key);
        }
        let ends = |last: [u8; 2]| self.endings_filter >> last_bytes(last) & 1 != 0;
        if words.len() == 0 || !words.any(|hash| self.vocabulary.may_know(hash), ends) {
            return KeyClass::Plain;
        }
        match self.known_class(words) {
            KeyClass::Secret(rule) if is_directory(key) => KeyClass::Directory(rule),
            class => class,
        }
    }

    /// The class of a key of which some word is known, or may be.
    #[inline(never)]
    fn known_class(&self, words: &Words) -> KeyClass {
        let count = words.len();
        // `token_2` is a token too: what is said of the last word is said of the one before.
        let numbered = count > 1 && words.at(count - 1).text[0].is_ascii_digit();
        let last = count - 1 - usize::from(numbered);
        let Some((class, from, to)) = self.named(words) else { return self.hinted_class(words, last) };
        let beside = |at: usize| self.vocabulary.beside(words.at(at).text);
        let to = self.last_name(words, to, last);
        if (to..count).contains(&last) && beside(last).has(Beside::METADATA) || self.is_allowed(words) {
            return KeyClass::Plain;
        }
        let qualified = from > 0 && beside(0).has(Beside::QUALIFIER_PREFIX)
            || (to..count).any(|at| beside(at).has(Beside::METADATA | Beside::QUALIFIER_SUFFIX));
        if qualified {
            class.qualified()
        } else {
            class
        }
    }

    /// Where the last name of a key ends, if some end behind `to`: `secret_access_key` is all name.
    fn last_name(&self, words: &Words, to: usize, last: usize) -> usize {
        let end = |at: usize| {
            let known = self.vocabulary.find(words.at(at))?;
            let name =
                known.names.iter().find(|(name, _)| words.have(at, name, false)).map(|(name, _)| at + name.len());
            name.or_else(|| (at == last && known.bare.or(known.likely).or(known.short).is_some()).then_some(at + 1))
        };
        (to..words.len()).filter_map(end).max().unwrap_or(to)
    }

    fn is_allowed(&self, words: &Words) -> bool {
        self.allowed.iter().any(|allowed| words.have(0, allowed, true))
    }

    /// The first name in a key: its class, and the words that it takes.
    fn named(&self, words: &Words) -> Option<(KeyClass, usize, usize)> {
        let (mut parted, mut glued) = (None, None);
        for at in 0..words.len() {
            let word = words.at(at);
            let names = self.vocabulary.find(word).map_or(&[][..], |known| &known.names);
            if let Some((name, class)) = names.iter().find(|(name, _)| words.have(at, name, false)) {
                return Some((*class, at, at + name.len()));
            }
            if at > 0 && parted.is_none() && words.joined(at).text.len() >= PARTED_BYTES_MIN {
                // `passWord` and `pass_phrase` are one word to those who write them so.
                let names = self.vocabulary.find(words.joined(at)).map_or(&[][..], |known| &known.names);
                parted = names.iter().find(|(name, _)| name.len() == 1).map(|(_, class)| (*class, at - 1, at + 1));
            }
            if let Some(ending) = self.ending(word.text).filter(|ending| glued.is_none_or(|(first, _)| *ending < first))
            {
                glued = Some((ending, at));
            }
        }
        parted.or_else(|| glued.map(|(ending, at)| (self.endings[ending].1, at, at + 1)))
    }

    /// The number of the first ending that a word has.
    fn ending(&self, word: &[u8]) -> Option<usize> {
        // Were there an ending of one byte, all bits were set.
        let bit = word.last_chunk().map_or(0, |last| last_bytes(*last));
        let may = word.len() > 1 && self.endings_filter >> bit & 1 != 0 || self.endings_filter == u64::MAX;
        may.then(|| self.endings.iter().position(|(ending, _)| word.ends_with(ending)))?
    }

    /// The class of a key that says little by itself, by its last word.
    fn hinted_class(&self, words: &Words, last: usize) -> KeyClass {
        let word = words.at(last);
        let nothing = Known::default();
        let known = self.vocabulary.find(word).unwrap_or(&nothing);
        let glued = |ending: &[u8]| word.text.ends_with(ending);
        let likely = if glued(TOKEN) { self.token } else { known.likely };
        let key = glued(KEY) && (last > 0 || words.len() > 1 || word.text.len() > KEY.len());
        if known.bare.or(known.short).or(likely).is_none() && !key && !known.given || self.is_metadata_or_allowed(words)
        {
            return KeyClass::Plain;
        }
        // `cachekey` and `cache_key` are one.
        let stem = &word.text[..word.text.len() - if key { KEY.len() } else { 0 }];
        let near = if stem.is_empty() && last > 0 { words.at(last - 1).text } else { stem };
        // `s3` and `newRelic` are one word to those who write them so.
        let beside = |word: &[u8], flag: u8| self.vocabulary.beside(word).has(flag);
        let before = |flag: u8| {
            (0..last).any(|at| beside(words.at(at).text, flag) || at > 0 && beside(words.joined(at).text, flag))
        };
        // `cypress_record_key` is what that service gives out.
        let of_owner = || last > 1 && beside(words.at(last - 2).text, Beside::OWNER);
        match (known.bare.filter(|_| words.len() == 1), known.short) {
            (Some(rule), _) => KeyClass::Bare(rule),
            (_, Some(rule)) => KeyClass::Short(rule),
            _ if before(Beside::PLACE) || beside(stem, Beside::PLACE) => KeyClass::Plain,
            _ if key && beside(near, Beside::ENTRY) && !of_owner() => KeyClass::Plain,
            _ if known.given && before(Beside::VENDOR) => KeyClass::Likely(self.key),
            _ if key && (before(Beside::VENDOR) || beside(stem, Beside::VENDOR)) => KeyClass::Owned(self.key),
            _ if key => KeyClass::Likely(self.key),
            _ => match likely {
                Some(rule) if before(Beside::OWNER) || last > 0 && beside(words.joined(last).text, Beside::OWNER) => {
                    KeyClass::Owned(rule)
                }
                likely => likely.map_or(KeyClass::Plain, KeyClass::Likely),
            },
        }
    }

    /// The last word says that the key holds no secret, or the user did.
    fn is_metadata_or_allowed(&self, words: &Words) -> bool {
        self.vocabulary.beside(words.at(words.len() - 1).text).has(Beside::METADATA) || self.is_allowed(words)
    }
}

/// The variable of the shell that holds its working directory: `PWD`, `OLDPWD`, `$(pwd)`, `${PWD}/x`.
fn is_directory(key: &[u8]) -> bool {
    let Some(name) = key.strip_prefix(b"$") else { return matches!(key, b"PWD" | b"OLDPWD") };
    let mut words = name.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"pwd") || word.eq_ignore_ascii_case(b"oldpwd"))
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
        let keys = Keys::new(&pack, &RedactSpec::default(), &[], |_| 0);
        let known = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (list, class) in [
            (pack.secret, KeyClass::Secret(0)),
            (pack.credential, KeyClass::Credential(0)),
            (pack.plural, KeyClass::Plural(0)),
            (pack.random, KeyClass::Likely(0)),
            (pack.counterexamples, KeyClass::Plain),
            (pack.exact, KeyClass::Bare(0)),
            (known(&["has_password", "PasswordLastSet", "password_policy_upper"]), KeyClass::Credential(0)),
            (known(&["cvc_check", "CountOfCredentialsReturned", "otp_channel"]), KeyClass::Likely(0)),
            (known(&["atera_key", "X-Foo-Key", "billingkey", "key1", "dbkey2"]), KeyClass::Likely(0)),
            (known(&["upload_token", "token4", "group_auth", "snyk_private", "statuspage-api"]), KeyClass::Likely(0)),
            (known(&["slack_token", "githubToken", "ALGOLIA_ADMIN_KEY", "newRelicKey"]), KeyClass::Owned(0)),
            (known(&["pass", "smtpPass"]), KeyClass::Short(0)),
        ] {
            for key in list {
                assert_eq!(keys.class(key.as_bytes(), &mut KeyMemo::default()), class, "{key}");
            }
        }
        for key in pack.examples {
            assert!(keys.class(key.as_bytes(), &mut KeyMemo::default()).is_name(), "{key}");
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
        let keys = Keys::new(&pack, &spec, &[], |_| 0);
        let class = |key: &str| keys.class(key.as_bytes(), &mut KeyMemo::default());
        assert_eq!(class("customer_IBAN"), KeyClass::Secret(0));
        assert_eq!((class("password_hint"), class("PASSWORD")), (KeyClass::Plain, KeyClass::Plain));
        assert_eq!(class("db_password"), KeyClass::Secret(0));
    }
}
