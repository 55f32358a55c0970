//! Arguments of calls: which are no values, and what stands beside one that is.

use crate::redact::text::placeholders;

/// `fail("password", "is too short")`, `t("password", "Password")`, `get("password", fallback)`: the argument behind the
/// name in `key` is no value. Its quotes are part of it.
pub fn is_no_value(key: &[u8], argument: &[u8]) -> bool {
    let argument = argument.trim_ascii_end();
    let quoted = matches!(argument.first(), Some(b'"' | b'\''));
    let value = argument.get(1..argument.len().saturating_sub(1)).unwrap_or_default();
    let says = value.eq_ignore_ascii_case(key) || placeholders::says_nothing(value);
    !quoted || says || value.iter().any(u8::is_ascii_whitespace)
}

/// A third argument that is `true` or `false` ends the call: `define("DB_PASSWORD", "…", true)` of PHP.
pub fn flag_follows(rest: &[u8]) -> bool {
    let flag = rest.trim_ascii_start().strip_prefix(b",").map(<[u8]>::trim_ascii_start).unwrap_or_default();
    let is = |known: &[u8]| flag.get(..known.len()).is_some_and(|flag| flag.eq_ignore_ascii_case(known));
    is(b"true)") || is(b"false)")
}
