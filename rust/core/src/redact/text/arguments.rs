//! What stands beside a value that is an argument of a call.

/// A third argument that is `true` or `false` ends the call: `define("DB_PASSWORD", "…", true)` of PHP.
pub fn flag_follows(rest: &[u8]) -> bool {
    let flag = rest.trim_ascii_start().strip_prefix(b",").map(<[u8]>::trim_ascii_start).unwrap_or_default();
    let is = |known: &[u8]| flag.get(..known.len()).is_some_and(|flag| flag.eq_ignore_ascii_case(known));
    is(b"true)") || is(b"false)")
}
