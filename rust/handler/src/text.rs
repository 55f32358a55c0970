//! Lines for people: `2026-11-23 06:16:13.462 WARN  app.api: message key=value`, a stack below it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The members of an object in their order.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Append a redacted JSON line as text. What is no object stays as it is.
pub fn render(line: &[u8], out: &mut Vec<u8>) {
    let Ok(Members(members)) = serde_json::from_slice(line) else {
        out.extend_from_slice(line);
        out.push(b'\n');
        return;
    };
    let text = |name: &str| members.iter().find(|(key, _)| key == name).map_or("", |(_, value)| word(value));
    let time = text("timestamp").trim_end_matches('Z').replacen('T', " ", 1);
    let mut shown = format!("{time} {:<5} ", shield(text("level")));
    if !text("logger").is_empty() {
        shown += &format!("{}: ", shield(text("logger")));
    }
    shown += &shield(text("message"));
    let mut stack = String::new();
    for (key, value) in &members {
        match (key.as_str(), value) {
            ("timestamp" | "level" | "logger" | "message", _) => {}
            ("error", Value::Object(error)) if error.contains_key("stack") => {
                stack += &indented(error.get("stack").map_or("", word));
            }
            ("stack_info", Value::String(text)) => stack += &indented(text),
            (_, Value::String(text)) if !text.is_empty() && !text.contains([' ', '"', '=', '\n']) => {
                shown += &format!(" {}={}", shield(key), shield(text));
            }
            _ => shown += &format!(" {}={}", shield(key), value),
        }
    }
    out.extend_from_slice(shown.as_bytes());
    out.extend_from_slice(stack.trim_end().as_bytes());
    out.push(b'\n');
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Control characters as escapes: what a peer sent must not move a terminal's cursor or forge a line.
fn shield(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("\n  {}", shield(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_people_has_what_the_json_had() {
        let mut out = Vec::new();
        let line = br#"{"timestamp":"2026-11-23T06:16:13.462Z","level":"WARN","message":"two\nlines","logger":"app","b":"x","a":[1],"error":{"name":"E","message":"m","stack":"Traceback\n  E: m"}}"#;
        render(line, &mut out);
        let expected = "2026-11-23 06:16:13.462 WARN  app: two\\nlines b=x a=[1]\n  Traceback\n    E: m\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
