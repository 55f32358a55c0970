//! What languages write around a name or a value.

/// Length of what stands before the quote of a value: `Some("…")` of Rust, `string(8) "…"` of PHP.
pub fn wrapping(value: &[u8]) -> usize {
    if value.starts_with(b"Some(\"") {
        return 5;
    }
    let Some(rest) = value.strip_prefix(b"string(") else { return 0 };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let len = digits + b"string() ".len();
    if digits > 0 && rest[digits..].starts_with(b") \"") {
        len
    } else {
        0
    }
}

/// Java takes properties as `-Dname=value`.
pub fn plain_name(word: &[u8]) -> &[u8] {
    word.strip_prefix(b"-D").unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wraps_a_value_ends_before_its_quote() {
        for (value, len) in [("Some(\"x\")", 5), ("string(12) \"x\"", 11), ("string(1)", 0), ("Some(x)", 0), ("", 0)] {
            assert_eq!(wrapping(value.as_bytes()), len, "{value}");
        }
    }
}
