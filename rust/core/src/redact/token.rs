//! Tokens: what stands where a secret was, and how to know one when it comes by again.

use hmac::{Hmac, Mac};
use memchr::memmem::Finder;
use once_cell::race::OnceBox;
use sha2::Sha256;

use crate::spec::{RuleError, TokenSpec};

pub const OPEN: &[u8] = b"[REDACTED";
/// Longest rule name, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Most characters a token may keep of a secret.
pub const KEEP_LAST_MAX: usize = 8;
/// Shortest key for keyed tokens, in bytes: the output size of the half of SHA-256 that is shown, four times over.
const HMAC_KEY_BYTES_MIN: usize = 32;

/// Where a fixed text in place of tokens is set.
pub const REPLACEMENT: &str = "redact.replacement";
/// Longest such text, in bytes.
pub const REPLACEMENT_BYTES_MAX: usize = 15;

/// How tokens are written.
pub struct Tokens {
    keep_last: usize,
    hmac: Option<Hmac<Sha256>>,
    /// Written in place of every token.
    replacement: Option<Vec<u8>>,
}

impl Tokens {
    /// # Errors
    /// A key that is too short, too many characters to keep, or a replacement that JSON cannot hold as it is. Neither is
    /// shown.
    pub fn new(spec: &TokenSpec, replacement: Option<&str>) -> Result<Self, RuleError> {
        check_keep_last(spec.keep_last, "token")?;
        if let Some(reason) = replacement.and_then(|text| flaw(text, spec)) {
            return Err(RuleError::new(REPLACEMENT, reason));
        }
        if !spec.hmac_key.is_empty() && spec.hmac_key.len() < HMAC_KEY_BYTES_MIN {
            return Err(RuleError::new("token", format!("hmac_key is shorter than {HMAC_KEY_BYTES_MIN} bytes")));
        }
        let hmac = match spec.hmac_key.as_bytes() {
            [] => None,
            key => Some(Hmac::new_from_slice(key).map_err(|error| RuleError::new("token", error.to_string()))?),
        };
        let replacement = replacement.map(|text| text.as_bytes().to_vec());
        Ok(Self { keep_last: spec.keep_last, hmac, replacement })
    }

    /// `text` is what stands in place of a secret, and nothing else.
    pub fn is_written(&self, text: &[u8]) -> bool {
        is_token(text) || self.is_replacement(text)
    }

    /// `text` begins with what stands in place of a secret.
    pub fn begins(&self, text: &[u8]) -> bool {
        token_len(text) > 0 || self.replacement.as_deref().is_some_and(|replacement| text.starts_with(replacement))
    }

    pub fn is_replacement(&self, text: &[u8]) -> bool {
        self.replacement.as_deref() == Some(text)
    }

    /// Append the token for a secret (decoded bytes). `keep_last` is the rule's own wish.
    pub fn write(&self, rule: &str, keep_last: Option<usize>, secret: &[u8], out: &mut Vec<u8>) {
        if let Some(replacement) = &self.replacement {
            return out.extend_from_slice(replacement);
        }
        out.extend_from_slice(b"[REDACTED:");
        out.extend_from_slice(rule.as_bytes());
        if let Some(hmac) = &self.hmac {
            let digest = hmac.clone().chain_update(secret).finalize().into_bytes();
            out.push(b'#');
            for byte in &digest[..8] {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend([HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]);
            }
        } else {
            let keep = keep_last.unwrap_or(self.keep_last);
            // A short secret would be given away by its end.
            let tail = &secret[secret.len() - keep.min(secret.len())..];
            if keep > 0 && secret.len() >= 4 * keep && tail.iter().all(u8::is_ascii_alphanumeric) {
                out.extend_from_slice(":…".as_bytes());
                out.extend_from_slice(tail);
            }
        }
        out.push(b']');
    }
}

/// Why a text cannot stand in place of tokens; none when it can.
fn flaw(text: &str, token: &TokenSpec) -> Option<String> {
    if token.keep_last > 0 || !token.hmac_key.is_empty() {
        return Some("excludes what token asks for: it stands in place of every token; keep one of them".to_owned());
    }
    if !(1..=REPLACEMENT_BYTES_MAX).contains(&text.len()) {
        return Some(format!("has {} bytes; write 1 to {REPLACEMENT_BYTES_MAX}", text.len()));
    }
    let refused = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\'' | '\\');
    text.chars().any(refused).then(|| "holds a blank, a quote or a backslash; leave them out".to_owned())
}

/// # Errors
/// More characters than a token may keep.
pub fn check_keep_last(keep_last: usize, rule: &str) -> Result<(), RuleError> {
    if keep_last > KEEP_LAST_MAX {
        return Err(RuleError::new(rule, format!("keep_last is {keep_last}; at most {KEEP_LAST_MAX}")));
    }
    Ok(())
}

/// Length of the token that `text` begins with; 0 when there is none.
pub fn token_len(text: &[u8]) -> usize {
    let Some(rest) = text.strip_prefix(OPEN) else { return 0 };
    let done = |rest: &[u8]| match rest.first() {
        Some(b']') => text.len() - rest.len() + 1,
        _ => 0,
    };
    let Some(rest) = rest.strip_prefix(b":") else { return done(rest) };
    let name = rest.iter().take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || **b == b'_').count();
    if !(1..=NAME_BYTES_MAX).contains(&name) {
        return 0;
    }
    let rest = &rest[name..];
    if let Some(kept) = rest.strip_prefix(":…".as_bytes()) {
        let count = kept.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        return if (1..=KEEP_LAST_MAX).contains(&count) { done(&kept[count..]) } else { 0 };
    }
    if let Some(digest) = rest.strip_prefix(b"#") {
        let hex = digest.iter().take_while(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)).count();
        return if hex == 16 { done(&digest[16..]) } else { 0 };
    }
    done(rest)
}

/// `text` is one token and nothing else.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && token_len(text) == text.len()
}

/// The parts of `text` between tokens, as spans; all of it when it holds none. Empty parts are left out.
pub fn segments(text: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    /// Prepared once: that costs more than most searches.
    static OPENING: OnceBox<Finder<'static>> = OnceBox::new();
    let opening = OPENING.get_or_init(|| Box::new(Finder::new(OPEN)));
    // Behind the last token; None when all is given.
    let mut from = Some(0);
    std::iter::from_fn(move || loop {
        let start = from?;
        let token = |open: usize| Some((start + open, token_len(&text[start + open..]))).filter(|(_, len)| *len > 0);
        let (end, next) = match opening.find_iter(&text[start..]).find_map(token) {
            Some((open, len)) => (open, Some(open + len)),
            None => (text.len(), None),
        };
        from = next;
        if start < end {
            return Some((start, end));
        }
    })
}

/// Something of `text` was replaced before.
pub fn holds_token(text: &[u8]) -> bool {
    segments(text).map(|(start, end)| end - start).sum::<usize>() < text.len()
}

/// `[a-z0-9_]{1,64}` of a key's words.
pub fn rule_name(words: &[Vec<u8>]) -> String {
    let clean = |word: &Vec<u8>| word.iter().filter(|b| b.is_ascii()).map(|b| *b as char).collect::<String>();
    let name = words.iter().map(clean).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_");
    match name.get(..name.len().min(64)) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => "key".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tokens_we_write_are_tokens() {
        for text in ["[REDACTED]", "[REDACTED:a_1]", "[REDACTED:card:…1234]", "[REDACTED:x#0123456789abcdef]"] {
            assert!(is_token(text.as_bytes()), "{text}");
        }
        for text in
            ["[REDACTED", "[REDACTED:]", "[REDACTED:A]", "[REDACTED:a:1234]", "[REDACTED:a#0123]", "[REDACTED] "]
        {
            assert!(!is_token(text.as_bytes()), "{text}");
        }
        let parts = |text: &'static str| segments(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(parts("a[REDACTED]b[REDACTED:!]"), [(0, 1), (11, 24)]);
        assert_eq!(parts("[REDACTED][REDACTED]a[REDACTED]"), [(20, 21)]);
        assert_eq!(parts(""), []);
    }

    #[test]
    fn a_token_keeps_the_end_of_long_secrets_only() {
        let write = |spec: &TokenSpec, secret: &[u8]| {
            let mut out = Vec::new();
            Tokens::new(spec, None).unwrap().write("card", None, secret, &mut out);
            String::from_utf8(out).unwrap()
        };
        let keep = TokenSpec { keep_last: 4, ..TokenSpec::default() };
        assert_eq!(write(&keep, b"4111111111111111"), "[REDACTED:card:…1111]");
        assert_eq!(write(&keep, b"4111"), "[REDACTED:card]");
        let keyed = TokenSpec { hmac_key: "k".repeat(32), ..TokenSpec::default() };
        assert_eq!(write(&keyed, b"x").len(), "[REDACTED:card#0123456789abcdef]".len());
        assert!(is_token(write(&keyed, b"x").as_bytes()));
        assert!(Tokens::new(&TokenSpec { hmac_key: "short".into(), ..TokenSpec::default() }, None).is_err());
    }
}
