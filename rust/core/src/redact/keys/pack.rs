//! The built-in keys as data, and the rules that they give.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::redact::keys::words::words;
use crate::redact::token::rule_name;

/// The built-in keys, as data with examples.
pub const KEYS_TOML: &str = include_str!("../../../../../python/headrig/rules/keys.toml");
/// The rule of a key of anything: `stripe_key`.
pub const KEY_RULE: &str = "key";
/// The rule of a parameter of a URL whose name says nothing elsewhere: `?code=4/0AX…`.
pub const PARAMETER_RULE: &str = "url_parameter";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysPack {
    pub secret: Vec<String>,
    pub credential: Vec<String>,
    pub plural: Vec<String>,
    pub endings: Vec<String>,
    pub exact: Vec<String>,
    pub likely: Vec<String>,
    pub given: Vec<String>,
    pub random: Vec<String>,
    pub short: Vec<String>,
    pub query: Vec<String>,
    pub owners: Vec<String>,
    pub vendors: Vec<String>,
    pub place: Vec<String>,
    pub entry: Vec<String>,
    pub metadata_suffix: Vec<String>,
    pub qualifier_prefix: Vec<String>,
    pub qualifier_suffix: Vec<String>,
    pub examples: Vec<String>,
    pub counterexamples: Vec<String>,
    /// Names in other languages, by the rule of the English one.
    pub translations: BTreeMap<String, Vec<String>>,
}

impl KeysPack {
    /// Whether values of some keys are masked under this name.
    pub fn has_rule(&self, name: &str) -> bool {
        let lists =
            [&self.secret, &self.credential, &self.plural, &self.exact, &self.likely, &self.random, &self.short];
        let mut listed = lists.into_iter().flatten();
        name == KEY_RULE || name == PARAMETER_RULE || listed.any(|key| rule_name(&words(key.as_bytes())) == name)
    }
}
