//! The shapes of role values. A value that looks like its role says is not scanned for secrets;
//! any other value in the same field is.

use crate::event::field::Role;
use crate::event::number;
use crate::event::semantic_fields::{Roles, SHAPED};
use crate::event::time;
use crate::event::view::View;
use crate::event::Value;
use crate::json::tape::{Kind, Node};

/// Longest duration, in whatever unit: a longer number has the length of a card's. 10^14 ns are a day.
const DURATION_MAX: f64 = 1e14;

/// Reads what every line is asked first, its time, and tells role values that look like it. Kept from line to line.
#[derive(Debug, Default)]
pub struct Shapes {
    times: time::Memo,
    /// Of the line read last, the node of its time if that has a time's shape.
    time: Option<u32>,
}

impl Shapes {
    /// What `read` gives of a line whose time is a string as it stands: of most. `None` of others.
    #[inline(always)]
    pub fn read_plain(&mut self, text: &[u8], nodes: &[Node], roles: &Roles, utc_offset: i32) -> Option<Option<f64>> {
        let place = roles.node(Role::Time);
        let node = nodes.get(place as usize).filter(|node| node.kind == Kind::String && !node.escaped && place != 0)?;
        Some(self.text(&text[node.start as usize..node.end as usize], place, utc_offset))
    }

    /// The event's own time, as `View::time` gives it.
    pub fn read(&mut self, view: &View<'_>, utc_offset_seconds: i32) -> Option<f64> {
        self.time = None;
        let (alias, node) = view.role(Role::Time)?;
        if let Some(text) = view.plain(node) {
            return self.text(text, node, utc_offset_seconds);
        }
        let value = view.node(node);
        let Value::Text(text) = &value else {
            let shaped = matches!(value, Value::Number(number) if time::from_number(number).is_some());
            self.time = shaped.then_some(node);
            return View::time_of(&value, alias, utc_offset_seconds);
        };
        self.text(text, node, utc_offset_seconds)
    }

    #[inline(always)]
    fn text(&mut self, text: &[u8], node: u32, utc_offset_seconds: i32) -> Option<f64> {
        let own_time = self.times.parse_text(text, utc_offset_seconds);
        // The shape is that of a time anywhere: an offset moves the ends of the years that are times.
        let shaped = match utc_offset_seconds {
            0 => own_time.is_some(),
            _ => self.times.parse_text(text, 0).is_some(),
        };
        self.time = shaped.then_some(node);
        own_time
    }

    /// Whether there is nothing among these nodes of the line read last but its time, which has a time's shape.
    #[inline(always)]
    pub fn is_time(&self, nodes: &[u32]) -> bool {
        match nodes {
            [] => true,
            [node] => self.time == Some(*node),
            _ => false,
        }
    }

    /// Whether a string or number of the line read last is a role's value and has its role's shape.
    pub fn exempt(&self, view: &View<'_>, index: usize) -> bool {
        if self.time == Some(index as u32) {
            return true;
        }
        if !view.roles.may_be_shaped(index) {
            return false;
        }
        SHAPED.iter().any(|role| view.roles.node(*role) as usize == index && fits(*role, view, index))
    }
}

fn fits(role: Role, view: &View<'_>, index: usize) -> bool {
    let node = &view.nodes[index];
    let raw = &view.text[node.start as usize..node.end as usize];
    match node.kind {
        Kind::Number => number_fits(role, raw),
        Kind::String if !node.escaped => text_fits(role, raw),
        Kind::String => matches!(view.node(index as u32), Value::Text(text) if text_fits(role, &text)),
        _ => false,
    }
}

/// Most cases are decided by length: what is as short as that needs no reading.
fn number_fits(role: Role, raw: &[u8]) -> bool {
    let plain = |length| raw.len() <= length && raw.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    match role {
        Role::Level => number::json(raw).is_some_and(|level| (0.0..=100.0).contains(&level)),
        Role::Status => plain(3) || number::json(raw).is_some_and(|status| (0.0..1000.0).contains(&status)),
        Role::Duration => plain(14) || number::json(raw).is_some_and(|duration| duration.abs() < DURATION_MAX),
        _ => false,
    }
}

fn text_fits(role: Role, text: &[u8]) -> bool {
    match role {
        Role::Level if text.len() <= 16 => {
            let mut digits = 0;
            for byte in text {
                digits += u32::from(byte.is_ascii_digit());
                if !byte.is_ascii_alphanumeric() {
                    return false;
                }
            }
            digits <= 2
        }
        Role::Trace => identifier(text, 16..=32),
        Role::Span => identifier(text, 8..=16),
        Role::Status => text.len() <= 3 && text.iter().all(u8::is_ascii_digit),
        Role::Duration => text.len() <= 12 && number::json(text).is_some(),
        _ => false,
    }
}

/// Eight at a time, without an early end among them.
fn hex(bytes: &[u8]) -> bool {
    let all = |bytes: &[u8]| bytes.iter().fold(true, |hex, byte| hex & byte.is_ascii_hexdigit());
    let mut eights = bytes.chunks_exact(8);
    eights.by_ref().all(all) && all(eights.remainder())
}

/// A number of hexadecimal digits within `digits`, or a UUID (RFC 9562).
fn identifier(text: &[u8], digits: std::ops::RangeInclusive<usize>) -> bool {
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

    fn text(role: Role, text: &str) -> bool {
        if role == Role::Time {
            return time::parse_text(text.as_bytes(), 0).is_some();
        }
        text_fits(role, text.as_bytes())
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
        assert!(number_fits(Role::Duration, b"12.5") && !number_fits(Role::Duration, b"4111111111111111"));
        assert!(number_fits(Role::Duration, b"-1e3") && !number_fits(Role::Duration, b"1e14"));
        assert!(number_fits(Role::Status, b"200") && !number_fits(Role::Status, b"4111"));
        assert!(number_fits(Role::Level, b"30") && !number_fits(Role::Level, b"101"));
        assert!(text(Role::Status, "200") && !text(Role::Status, "4111111111111111"));
    }
}
