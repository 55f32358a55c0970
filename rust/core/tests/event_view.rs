//! The short ways to a field's value say what the value says.
#![allow(clippy::unwrap_used)]

use headrig_core::event::expr::Expr;
use headrig_core::event::extract::{Extractor, Keys, Wanted};
use headrig_core::event::field::{Fields, Role, Source};
use headrig_core::event::semantic_fields::{RoleTable, Roles};
use headrig_core::event::view::View;
use headrig_core::event::{Event, Form, Value};
use headrig_core::io::edit::Edits;
use headrig_core::io::escape::Decoded;
use headrig_core::json::dictionary::Dictionary;
use headrig_core::json::reference::walk;
use headrig_core::json::tape::{Kind, Tape};
use proptest::prelude::*;

/// An event that can be asked for values only.
struct Plain<'a>(&'a View<'a>);

impl Event for Plain<'_> {
    fn value(&self, source: Source) -> Value<'_> {
        self.0.value(source)
    }

    fn time_seconds(&self) -> f64 {
        self.0.time_seconds()
    }
}

const NAMES: [&str; 9] = ["status", "duration", "duration_s", "timestamp", "level", "event", "route", "own", "error"];
const EXPRESSIONS: [&str; 8] = [
    "status >= 500",
    "status != 500",
    r#"event == "a""#,
    r#"event != "a""#,
    r#"own == "1" or own == 1"#,
    "exists(error_name) and not exists(own)",
    "duration < 1.5 or exists(duration)",
    "time > 0 and exists(time)",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "NaN",
            "[1]",
            "{}",
            r#""""#,
            r#""a""#,
            r#""\\u0061""#,
            r#""500""#,
            r#"{"name":"x"}"#,
            r#""2026-11-23T06:16:13.462Z""#,
            "1e999",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn bytes_as_written_numbers_and_presence_agree_with_the_value(
        members in prop::collection::vec((prop::sample::select(NAMES.to_vec()), value(), prop::bool::weighted(0.2)), 0..8),
        seconds in prop::option::of(0.0..2e9),
    ) {
        let text = members.iter().map(|(name, value, _)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(",");
        let text = format!("{{{text}}}").into_bytes();
        let mut fields = Fields::default();
        let mut roles = Roles::new(RoleTable::new(&[], |path| fields.slot(path)).unwrap());
        let mut sources: Vec<Source> = NAMES.iter().map(|name| fields.path(name).unwrap()).collect();
        sources.extend(["time", "level", "event", "route", "status", "duration", "error_name"].map(|name| Source::Role(Role::named(name).unwrap())));
        let expressions = EXPRESSIONS.map(|text| Expr::parse(text, &mut fields).unwrap());
        let (mut tape, mut found) = (Tape::default(), Vec::new());
        walk(&text, &mut tape).unwrap();
        let mut keys = Keys { numbers: &mut Dictionary::default(), wanted: &mut Wanted::default() };
        Extractor::new(&fields.paths).find(&text, &tape, &mut keys, &mut Decoded::default(), &mut found);
        roles.resolve(&found);
        let mut edits = Edits::default();
        for (index, node) in tape.nodes().iter().enumerate() {
            let with: &[u8] = match node.kind {
                Kind::String => b"[REDACTED:x]",
                Kind::Number => b"\"[REDACTED:x]\"",
                _ => continue,
            };
            if members[index % members.len()].2 {
                edits.push(node.start as usize, node.end as usize, 0, with);
            }
        }
        edits.settle();
        let time_seconds = seconds.unwrap_or(0.0);
        let view = View { text: &text, nodes: tape.nodes(), found: &found, edits: &edits, roles: &roles, time_seconds };
        for source in sources {
            let value = view.value(source);
            prop_assert_eq!(view.number(source), value.number(), "{:?} of {:?}", source, value);
            prop_assert_eq!(view.is_there(source), value.is_there(), "{:?} of {:?}", source, value);
            match (view.written(source).map(|written| (written.form, written.raw())), value) {
                (None, _) => {}
                (Some((Form::Text, raw)), Value::Text(text)) => prop_assert_eq!(raw, text.as_ref()),
                (Some((Form::Number, raw)), Value::Number(number)) => {
                    prop_assert_eq!(std::str::from_utf8(raw).unwrap().parse(), Ok(number));
                }
                // Out of range.
                (Some((Form::Number, _)), Value::Null) => {}
                (Some((Form::Bool, raw)), Value::Bool(truth)) => prop_assert_eq!(raw == b"true", truth),
                (Some((Form::Missing, raw)), Value::Missing)
                | (Some((Form::Null, raw)), Value::Null)
                | (Some((Form::Container, raw)), Value::Container) => prop_assert!(raw.is_empty()),
                (written, value) => prop_assert!(false, "{:?} is {:?}", written, value),
            }
        }
        for (expression, text) in expressions.iter().zip(EXPRESSIONS) {
            prop_assert_eq!(expression.matches(&view), expression.matches(&Plain(&view)), "{}", text);
        }
    }
}
