//! Routes with few values: numbers, UUIDs and long hex segments become `{id}`, the query is cut.

/// Append `route` normalised. Bytes, as they come; the caller makes them a label.
pub fn normalise(route: &[u8], out: &mut Vec<u8>) {
    let end = route.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(route.len());
    for (index, segment) in route[..end].split(|byte| *byte == b'/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        out.extend_from_slice(if is_id(segment) { b"{id}" } else { segment });
    }
}

/// Shortest run of hex digits, with a decimal one among them, that is no word.
const HEX_DIGITS_MIN: usize = 8;

/// Digits only; or hex digits and dashes, as in a UUID, of some length and with a digit among them.
fn is_id(segment: &[u8]) -> bool {
    let digits = segment.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return false;
    }
    let dashes = segment.iter().filter(|byte| **byte == b'-').count();
    let hex = segment.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    let uuid = segment.len() == 36 && [8, 13, 18, 23].iter().all(|at| segment[*at] == b'-') && hex == 32;
    digits == segment.len() || uuid || (dashes == 0 && hex == segment.len() && hex >= HEX_DIGITS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_folded_and_words_are_not() {
        for (route, expected) in [
            ("/api/users/42/orders/0", "/api/users/{id}/orders/{id}"),
            ("/o/550e8400-e29b-41d4-a716-446655440000/x?token=a/1", "/o/{id}/x"),
            ("/blob/9f86d081884c7d65#top", "/blob/{id}"),
            ("GET /api/v1/deadbeef/2026-11-23", "GET /api/v1/deadbeef/2026-11-23"),
            ("/api/v2/feed/cafe1", "/api/v2/feed/cafe1"),
            ("/", "/"),
            ("", ""),
            ("/users/{id}", "/users/{id}"),
        ] {
            let mut out = Vec::new();
            normalise(route.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
