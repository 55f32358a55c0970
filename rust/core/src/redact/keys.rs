//! Keys: which of them say that their value is a secret. Compared by words, never by substrings.

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};
use serde::Deserialize;

use crate::escape::Decoded;
use crate::limits::KEY_MEMO_ENTRIES_MAX;
use crate::redact::check;
use crate::redact::dull::Dull;
use crate::redact::lengths::Lengths;
use crate::redact::token::{rule_name, segments};
use crate::spec::RedactSpec;

/// The built-in keys, as data with examples.
pub const KEYS_TOML: &str = include_str!("../../../../python/headrig/rules/keys.toml");

/// Shortest value that a bare key makes secret, in characters.
pub const BARE_VALUE_CHARS_MIN: usize = 16;

/// Shortest value that a likely key makes secret, in bytes.
const LIKELY_VALUE_BYTES_MIN: usize = 12;
/// Shortest value that a short key makes secret, in bytes: shorter ones are counts and states.
const SHORT_VALUE_BYTES_MIN: usize = 6;

/// Shortest secret word that is known when it is parted in two, in bytes: `p_in` is no PIN.
const PARTED_BYTES_MIN: usize = 6;
/// Longest key remembered, in bytes.
const KEY_BYTES_MAX: usize = 128;

/// What a key says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyClass {
    Plain,
    /// The value is secret whatever it is; the number is the rule's.
    Secret(u16),
    /// Secret if it is a string of `BARE_VALUE_CHARS_MIN` characters or more without spaces.
    Bare(u16),
    /// Secret if it is a string that looks random.
    Likely(u16),
    /// The same of a known service; secret also if it is letters and digits only.
    Owned(u16),
    /// Secret if it is a string in which letters stand beside digits or signs.
    Short(u16),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysPack {
    pub secret: Vec<String>,
    pub endings: Vec<String>,
    pub bare: Vec<String>,
    pub likely: Vec<String>,
    pub short: Vec<String>,
    pub owners: Vec<String>,
    pub places: Vec<String>,
    pub about: Vec<String>,
    pub examples: Vec<String>,
    pub counterexamples: Vec<String>,
}

/// The words of a secret key and its rule.
type Secret = (Vec<Vec<u8>>, u16);

/// The keys of one spec.
pub struct Keys {
    /// By first word.
    secret: HashMap<Vec<u8>, Vec<Secret>, RandomState>,
    endings: Vec<(Vec<u8>, u16)>,
    bare: HashMap<Vec<u8>, u16, RandomState>,
    likely: HashMap<Vec<u8>, u16, RandomState>,
    short: HashMap<Vec<u8>, u16, RandomState>,
    /// Words before `key` that make it a credential, and the rule of such a key.
    owners: HashMap<Vec<u8>, u16, RandomState>,
    places: HashSet<Vec<u8>, RandomState>,
    about: HashSet<Vec<u8>, RandomState>,
    allowed: Vec<Vec<Vec<u8>>>,
    /// Of words that are secret or a place, and of owners.
    lengths: Lengths,
    owner_lengths: Lengths,
}

/// Raw keys seen before. Bounded; a key that does not fit is classified anew each time.
#[derive(Default)]
pub struct KeyMemo {
    classes: HashMap<Box<[u8]>, KeyClass, RandomState>,
    /// Keys without any content to redact, and their class.
    clean: HashMap<Box<[u8]>, KeyClass, RandomState>,
    decoded: Decoded,
    words: Words,
    pub dull: Dull,
}

/// The words of one key, in lower case and one after the other; ends of words in `text`.
#[derive(Default)]
struct Words {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Keys {
    /// `rule` gives the number of a rule name, new or not.
    pub fn new(pack: &KeysPack, spec: &RedactSpec, mut rule: impl FnMut(&str) -> u16) -> Self {
        let set = |list: &[String]| list.iter().map(|word| word.clone().into_bytes()).collect();
        let mut number = |list: &[String]| list.iter().map(|word| (word.clone().into_bytes(), rule(word))).collect();
        let mut keys = Self {
            secret: HashMap::default(),
            endings: Vec::new(),
            bare: number(&pack.bare),
            likely: number(&pack.likely),
            short: number(&pack.short),
            owners: HashMap::default(),
            places: set(&pack.places),
            about: set(&pack.about),
            allowed: spec.allow_keys.iter().map(|key| words(key.as_bytes())).collect(),
            lengths: Lengths::of([].iter()),
            owner_lengths: Lengths::of([].iter()),
        };
        for name in pack.secret.iter().chain(&spec.keys) {
            let words = words(name.as_bytes());
            if words.is_empty() {
                continue;
            }
            let number = rule(&rule_name(&words));
            // `apikey` is `api_key` written as one word.
            let joined = words.concat();
            keys.secret.entry(joined.clone()).or_default().push((vec![joined], number));
            keys.secret.entry(words[0].clone()).or_default().push((words, number));
        }
        for list in keys.secret.values_mut() {
            list.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        }
        keys.endings = pack.endings.iter().map(|word| (word.clone().into_bytes(), rule(word))).collect();
        let key = rule("key");
        keys.owners = pack.owners.iter().map(|word| (word.clone().into_bytes(), key)).collect();
        keys.lengths = Lengths::of(keys.secret.keys().chain(&keys.places));
        keys.owner_lengths = Lengths::of(keys.owners.keys());
        keys
    }

    /// Classify a key of a JSON text, as it stands there.
    pub fn class(&self, raw: &[u8], memo: &mut KeyMemo) -> KeyClass {
        if let Some(class) = memo.classes.get(raw) {
            return *class;
        }
        let KeyMemo { decoded, words, .. } = &mut *memo;
        let class = if raw.contains(&b'\\') {
            decoded.decode(raw);
            self.decoded_class(&decoded.bytes, words)
        } else {
            self.decoded_class(raw, words)
        };
        if memo.classes.len() < KEY_MEMO_ENTRIES_MAX && raw.len() <= KEY_BYTES_MAX {
            memo.classes.insert(raw.into(), class);
        }
        class
    }

    /// Classify a key. What a token in it says does not count.
    fn decoded_class(&self, key: &[u8], words: &mut Words) -> KeyClass {
        words.clear();
        if key.contains(&b'[') {
            segments(key).into_iter().for_each(|(start, end)| words.split(&key[start..end]));
        } else {
            words.split(key);
        }
        let count = words.ends.len();
        let Some(last) = count.checked_sub(1).map(|last| words.joined(last, 1)) else { return KeyClass::Plain };
        if self.about.contains(last) || self.allowed.iter().any(|allowed| words.have(0, allowed, true)) {
            return KeyClass::Plain;
        }
        for at in (0..count).filter(|at| self.may_know(words.joined(*at, 1))) {
            for (secret, rule) in self.secret.get(words.joined(at, 1)).into_iter().flatten() {
                if words.have(at, secret, false) {
                    return KeyClass::Secret(*rule);
                }
            }
        }
        // `passWord` and `pass_phrase` are one word to those who write them so.
        let pairs = (1..count)
            .map(|at| words.joined(at - 1, 2))
            .filter(|pair| pair.len() >= PARTED_BYTES_MIN && self.may_know(pair));
        for pair in pairs {
            let whole = |(secret, _): &&Secret| secret.len() == 1;
            if let Some((_, rule)) = self.secret.get(pair).into_iter().flatten().find(whole) {
                return KeyClass::Secret(*rule);
            }
        }
        let glued = |(ending, _): &&(Vec<u8>, u16)| (0..count).any(|at| words.joined(at, 1).ends_with(ending));
        if let Some((_, rule)) = self.endings.iter().find(glued) {
            return KeyClass::Secret(*rule);
        }
        self.hinted_class(words, count)
    }

    /// The class of a key that says little by itself.
    fn hinted_class(&self, words: &Words, count: usize) -> KeyClass {
        let last = words.joined(count - 1, 1);
        if let (1, Some(rule)) = (count, self.bare.get(last)) {
            return KeyClass::Bare(*rule);
        }
        // `token_2` is a token too.
        let numbered = last.iter().all(u8::is_ascii_digit) && count > 1;
        let count = count - usize::from(numbered);
        let last = words.joined(count - 1, 1);
        if let Some(rule) = self.short.get(last) {
            return KeyClass::Short(*rule);
        }
        let known = |at: usize| self.may_know(words.joined(at, 1)) && self.places.contains(words.joined(at, 1));
        if (0..count).any(known) {
            return KeyClass::Plain;
        }
        let glued = if last.ends_with(b"token") { b"token" } else { last };
        let owner = |word: &[u8]| self.owner_lengths.may_have(word).then(|| self.owners.get(word)).flatten();
        let owned = || (1..count).any(|at| owner(words.joined(at - 1, 1)).is_some());
        match self.likely.get(glued) {
            Some(rule) if owned() => return KeyClass::Owned(*rule),
            Some(rule) => return KeyClass::Likely(*rule),
            None => {}
        }
        if last != b"key" {
            return KeyClass::Plain;
        }
        let mut before = (1..count).flat_map(|at| [words.joined(at - 1, 1), words.joined(at - 1, 2)]);
        before.find_map(owner).map_or(KeyClass::Plain, |rule| KeyClass::Likely(*rule))
    }

    fn may_know(&self, word: &[u8]) -> bool {
        self.lengths.may_have(word)
    }
}

impl KeyMemo {
    /// The class of a key that is known to hold nothing to redact itself.
    pub fn clean(&self, raw: &[u8]) -> Option<KeyClass> {
        self.clean.get(raw).copied()
    }

    /// Remember that a key of this class holds nothing to redact itself.
    pub fn set_clean(&mut self, raw: &[u8], class: KeyClass) {
        if self.clean.len() < KEY_MEMO_ENTRIES_MAX && raw.len() <= KEY_BYTES_MAX {
            self.clean.insert(raw.into(), class);
        }
    }
}

impl KeyClass {
    /// The rule, if the value is secret.
    pub fn rule(self) -> Option<u16> {
        match self {
            KeyClass::Plain => None,
            KeyClass::Secret(rule)
            | KeyClass::Bare(rule)
            | KeyClass::Likely(rule)
            | KeyClass::Owned(rule)
            | KeyClass::Short(rule) => Some(rule),
        }
    }

    /// The rule that makes `value` (a decoded string) secret, if one does.
    pub fn rule_for(self, value: &[u8]) -> Option<u16> {
        // Tokens do not count: a value that was short before something in it was replaced is short still.
        let chars = || segments(value).iter().map(|(start, end)| end - start).sum::<usize>();
        let long = || {
            value.len() >= BARE_VALUE_CHARS_MIN
                && chars() >= BARE_VALUE_CHARS_MIN
                && !value.iter().any(u8::is_ascii_whitespace)
                && !check::entry(value)
        };
        match self {
            KeyClass::Secret(rule) => Some(rule),
            KeyClass::Bare(rule) if long() => Some(rule),
            KeyClass::Likely(rule) if value.len() >= LIKELY_VALUE_BYTES_MIN && check::random(value) => Some(rule),
            KeyClass::Owned(rule) if value.len() >= LIKELY_VALUE_BYTES_MIN && check::coded(value) => Some(rule),
            KeyClass::Short(rule) if value.len() >= SHORT_VALUE_BYTES_MIN && check::mixed(value) => Some(rule),
            _ => None,
        }
    }
}

/// The words of a key, in lower case: split at what is no letter or digit, at camel humps, and around digits.
pub fn words(key: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Words::default();
    words.split(key);
    (0..words.ends.len()).map(|at| words.joined(at, 1).to_vec()).collect()
}

impl Words {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// `count` words from `at` on, as one.
    fn joined(&self, at: usize, count: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[at + count - 1]]
    }

    /// From `at` on stand these words, and (`only`) no others.
    fn have(&self, at: usize, words: &[Vec<u8>], only: bool) -> bool {
        let left = self.ends.len() - at;
        (if only { left == words.len() } else { left >= words.len() })
            && words.iter().enumerate().all(|(next, word)| self.joined(at + next, 1) == word)
    }

    /// Append the words of a key.
    fn split(&mut self, key: &[u8]) {
        #[derive(PartialEq, Clone, Copy)]
        enum Is {
            Lower,
            Upper,
            Digit,
            Other,
        }
        let class = |byte: u8| match byte {
            b'a'..=b'z' | 0x80.. => Is::Lower,
            b'A'..=b'Z' => Is::Upper,
            b'0'..=b'9' => Is::Digit,
            _ => Is::Other,
        };
        let from = self.ends.len();
        let mut before = Is::Other;
        for (at, &byte) in key.iter().enumerate() {
            // Control characters and U+FFFD stand where a key was damaged: they part no word.
            let replaced = || (0..3.min(at + 1)).any(|back| key[at - back..].starts_with("\u{fffd}".as_bytes()));
            if byte.is_ascii_control() || (byte >= 0x80 && replaced()) {
                continue;
            }
            let now = class(byte);
            let hump =
                now == Is::Upper && before == Is::Upper && key.get(at + 1).is_some_and(|b| class(*b) == Is::Lower);
            let same = now == before && !hump || (before == Is::Upper && now == Is::Lower);
            if now != Is::Other {
                self.text.push(byte.to_ascii_lowercase());
                match self.ends[from..].last_mut() {
                    Some(end) if same => *end = self.text.len(),
                    _ => self.ends.push(self.text.len()),
                }
            }
            before = now;
        }
    }
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
            (pack.bare, KeyClass::Bare(0)),
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
    fn a_key_is_read_by_words() {
        let text = |key: &str| {
            words(key.as_bytes()).iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(text("X-APIKey2_dbPassword"), ["x", "api", "key", "2", "db", "password"]);
        assert_eq!(text("--"), [""; 0]);
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
