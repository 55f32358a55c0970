//! The shapes of role values. A value that looks like its role says is not scanned for secrets;
//! any other value in the same field is.

use crate::event::{Role, Value};
use crate::extract::{number, View};
use crate::time;

/// Longest duration, in whatever unit: a longer number has the length of a card's. 10^14 ns are a day.
const DURATION_MAX: f64 = 1e14;

const EXEMPT: [Role; 6] = [Role::Time, Role::Level, Role::Trace, Role::Span, Role::Status, Role::Duration];

/// The node is a role's value and has its role's shape.
pub fn exempt(view: &View<'_>, node: usize) -> bool {
    let is = |role: &Role| view.role(*role).is_some_and(|(_, value)| value as usize == node);
    EXEMPT.iter().any(|role| is(role) && fits(*role, &view.node(node as u32)))
}

fn fits(role: Role, value: &Value<'_>) -> bool {
    match (role, value) {
        (Role::Time, Value::Number(seconds)) => time::from_number(*seconds).is_some(),
        (Role::Time, Value::Text(text)) => time::parse_text(text, 0).is_some(),
        (Role::Level, Value::Number(level)) => (0.0..=100.0).contains(level),
        (Role::Level, Value::Text(text)) => {
            let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
            text.len() <= 16 && digits <= 2 && text.iter().all(u8::is_ascii_alphanumeric)
        }
        (Role::Trace, Value::Text(text)) => identifier(text, 16..=32),
        (Role::Span, Value::Text(text)) => identifier(text, 8..=16),
        (Role::Status, Value::Number(status)) => (0.0..1000.0).contains(status),
        (Role::Status, Value::Text(text)) => text.len() <= 3 && text.iter().all(u8::is_ascii_digit),
        (Role::Duration, Value::Number(duration)) => duration.abs() < DURATION_MAX,
        (Role::Duration, Value::Text(text)) => text.len() <= 12 && number(text).is_some(),
        _ => false,
    }
}

/// A number of hexadecimal digits within `digits`, or a UUID (RFC 9562).
fn identifier(text: &[u8], digits: std::ops::RangeInclusive<usize>) -> bool {
    let hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    let uuid = text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    uuid || (digits.contains(&text.len()) && hex(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn text(role: Role, text: &str) -> bool {
        fits(role, &Value::Text(Cow::Borrowed(text.as_bytes())))
    }

    #[test]
    fn only_values_of_the_right_shape_pass() {
        assert!(text(Role::Trace, "550e8400-e29b-41d4-a716-446655440000"));
        assert!(text(Role::Trace, "4bf92f3577b34da6a3ce929d0e0e4736"));
        assert!(!text(Role::Trace, "ghp_0000000000000000000000000000000000"));
        assert!(text(Role::Time, "2026-11-23T06:16:13.462Z"));
        assert!(!text(Role::Time, "2026-11-23T06:16:13.462Z password=x"));
        assert!(text(Role::Level, "DEBUG5") && !text(Role::Level, "password=hunter2"));
        assert!(!text(Role::Level, "4111111111111111") && !text(Role::Level, "a1b2c3d4e5f6a7b8"));
        assert!(
            fits(Role::Duration, &Value::Number(12.5))
                && !fits(Role::Duration, &Value::Number(4_111_111_111_111_111.0))
        );
        assert!(text(Role::Status, "200") && !text(Role::Status, "4111111111111111"));
    }
}
