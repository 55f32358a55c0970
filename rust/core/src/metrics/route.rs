//! Routes with few values: numbers, UUIDs and long hex segments become `{id}`, the query is cut.

const DIGIT: u8 = 1;
const HEX: u8 = 2;
const SLASH: u8 = 4;
const END: u8 = 8;

/// What a byte can be part of.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT | HEX,
            b'a'..=b'f' | b'A'..=b'F' => HEX,
            b'/' => SLASH,
            b'?' | b'#' => END,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Fewest hex digits, with a decimal one among them, that are no word.
const HEX_DIGITS_MIN: usize = 8;

/// Append `route` normalised. Bytes, as they come; the caller makes them a label.
pub fn normalise(route: &[u8], out: &mut Vec<u8>) {
    let mut start = 0;
    let (mut all, mut any) = (u8::MAX, 0);
    for (at, byte) in route.iter().enumerate() {
        let class = CLASSES[*byte as usize];
        if class & (SLASH | END) == 0 {
            all &= class;
            any |= class;
            continue;
        }
        push_segment(&route[start..at], all, any, out);
        if class & END != 0 {
            return;
        }
        out.push(b'/');
        start = at + 1;
        (all, any) = (u8::MAX, 0);
    }
    push_segment(&route[start..], all, any, out);
}

/// `all` and `any`: the classes of all of its bytes and of any of them.
fn push_segment(segment: &[u8], all: u8, any: u8, out: &mut Vec<u8>) {
    let number = all & DIGIT != 0;
    let hex = all & HEX != 0 && segment.len() >= HEX_DIGITS_MIN;
    let id = any & DIGIT != 0 && (number || hex || is_uuid(segment));
    out.extend_from_slice(if id { b"{id}" } else { segment });
}

fn is_uuid(segment: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    segment.len() == 36 && segment.iter().enumerate().all(fits)
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
