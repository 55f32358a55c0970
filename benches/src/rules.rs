//! The default pack as the peers get it: one pattern a rule, to be run over raw lines.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Keys that are secret by default (design section 7), as one alternation for patterns over raw text.
const KEYS: &str = "password|passwd|pwd|passphrase|secret|client[_-]?secret|api[_-]?key|access[_-]?key|private[_-]?key\
    |authorization|cookie|set[_-]cookie|(?:access|refresh|id|auth|bearer|session)[_-]?token|credentials|cvv|pin";

/// Rules of the pack that are code, and for which `code_rules` stand.
const STOOD_FOR: [&str; 3] = ["assignment", "url_credentials", "card"];

#[derive(Clone, Debug, Serialize)]
pub struct PeerRule {
    pub name: String,
    /// Group 1, if there is one, is what is replaced, else the whole match.
    pub pattern: String,
    /// Neither side of the match may touch `[A-Za-z0-9_]`.
    pub whole_word: bool,
    /// The digits of the match must pass Luhn's check.
    pub luhn: bool,
}

/// The pack for peers, and what of it they cannot have.
pub struct PeerRules {
    pub rules: Vec<PeerRule>,
    /// Rules of the pack that are code, without a pattern and without one of ours in their stead.
    pub lacking: Vec<String>,
}

#[derive(Deserialize)]
struct Pack {
    #[serde(default)]
    rule: Vec<PackRule>,
}

#[derive(Deserialize)]
struct PackRule {
    name: String,
    #[serde(default)]
    pattern: String,
    #[serde(default = "yes")]
    whole_word: bool,
    #[serde(default = "yes")]
    enabled: bool,
}

fn yes() -> bool {
    true
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../python/headrig/rules")
}

impl PeerRules {
    /// All rules of the default pack that are on and have a pattern, then those that stand for what the core does
    /// in code.
    ///
    /// # Errors
    /// A pack that cannot be read, by path.
    pub fn read() -> Result<Self, String> {
        let directory = directory();
        let entries = std::fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        let mut read = Self { rules: Vec::new(), lacking: Vec::new() };
        for path in paths {
            let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let text = std::fs::read_to_string(&path).map_err(|error| fault(&error))?;
            let pack: Pack = toml::from_str(&text).map_err(|error| fault(&error))?;
            read.add(pack);
        }
        if read.rules.is_empty() {
            return Err(format!("{}: no rule with a pattern", directory.display()));
        }
        read.rules.extend(code_rules());
        Ok(read)
    }

    fn add(&mut self, pack: Pack) {
        for rule in pack.rule.into_iter().filter(|rule| rule.enabled) {
            if rule.pattern.is_empty() {
                self.lacking.extend((!STOOD_FOR.contains(&rule.name.as_str())).then_some(rule.name));
                continue;
            }
            let PackRule { name, pattern, whole_word, .. } = rule;
            self.rules.push(PeerRule { name, pattern, whole_word, luhn: false });
        }
    }
}

/// What anybody would write for the parts of the core that are not patterns.
fn code_rules() -> [PeerRule; 4] {
    let rule = |name: &str, pattern: String, luhn| PeerRule { name: name.into(), pattern, whole_word: false, luhn };
    [
        rule("peer_key_field", format!(r#"(?i:"(?:{KEYS})")[ ]?:[ ]?"((?:[^"\\]|\\.)+)""#), false),
        rule("peer_key_text", format!(r#"(?i:\b(?:{KEYS}))[ ]?[=:][ ]?([^\s"',;&\\]+)"#), false),
        rule("peer_url", r#"://[^\s:/@"]{0,64}:([^\s/@"]{1,128})@"#.into(), false),
        rule("peer_card", r"\b(\d(?:[ -]?\d){12,18})\b".into(), true),
    ]
}

/// Luhn's check over the digits of `text`.
pub fn luhn(text: &[u8]) -> bool {
    let digits = text.iter().rev().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_knows_a_card() {
        assert!(luhn(b"4111-1111 11111111"));
        assert!(!luhn(b"4111111111111112"));
    }

    #[test]
    fn rules_without_a_pattern_are_named_as_lacking() {
        let text = "[[rule]]\nname = 'a'\npattern = 'x+'\n[[rule]]\nname = 'b'\n[[rule]]\nname = 'card'\n[[rule]]\nname = 'c'\nenabled = false\n";
        let mut read = PeerRules { rules: Vec::new(), lacking: Vec::new() };
        read.add(toml::from_str(text).expect("a pack"));
        assert_eq!((1, true, vec!["b".to_owned()]), (read.rules.len(), read.rules[0].whole_word, read.lacking));
    }
}
