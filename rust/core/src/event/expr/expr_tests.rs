//! What expressions mean, by table, and that no text can break the parser.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::event::expr::parser::DEPTH_MAX;
use crate::event::field::Slot;
use crate::event::Value;

/// Roles and paths by name.
struct Named<'a>(Vec<(Source, Value<'a>)>);

impl Event for Named<'_> {
    fn value(&self, source: Source) -> Value<'_> {
        self.0.iter().find(|(known, _)| *known == source).map_or(Value::Missing, |(_, value)| value.clone())
    }

    fn time_seconds(&self) -> f64 {
        0.0
    }
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text.as_bytes()))
}

fn holds(expression: &str) -> bool {
    let mut fields =
        Fields { paths: ["user", "odd key", "count", "flag", "nothing", "list"].map(str::to_owned).to_vec() };
    let expr = Expr::parse(expression, &mut fields).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let role = Source::Role;
    let path = |slot| Source::Path(Slot(slot));
    expr.matches(&Named(vec![
        (role(Role::Event), text("request_completed")),
        (role(Role::Status), Value::Number(503.0)),
        (role(Role::Level), text("warning")),
        (role(Role::Duration), Value::Number(0.25)),
        (role(Role::Time), Value::Number(1_795_414_573.0)),
        (role(Role::ErrorName), text("TimeoutError")),
        (path(0), text("zoë")),
        (path(1), text("it's")),
        (path(2), text("17")),
        (path(3), Value::Bool(true)),
        (path(4), Value::Null),
        (path(5), Value::Container),
    ]))
}

#[test]
fn expressions_that_hold() {
    for expression in [
        r#"event == "request_completed""#,
        r#"event == 'request_completed' and status >= 500"#,
        r#"event == "other" or status == 503"#,
        r#"not event == "other" and not (status < 500)"#,
        r#"status == "503" and status ~ "^5\d\d$" and status in (502, 503) and status in ["503",]"#,
        r#"status not in (200, 201) and status != 200"#,
        r#"count == 17 and count > 16.5 and count == "17" and count < 1e3 and count >= -1"#,
        r#"level >= "INFO" and level == "WARN" and level < "error" and level == 40 and level in ("warn", "fatal")"#,
        r#"level != "NOTICE""#,
        r#"duration > 0.2 and duration <= 0.25"#,
        r#"time >= "2026-11-23T06:16:00Z" and time < 1795414574000"#,
        r#"error.name == "TimeoutError" and error_name ~ "(?i)timeout""#,
        r#"`odd key` == "it's" and field("odd key") == 'it\'s' and `odd key` == 'it\u0027s'"#,
        r#"user > "z" and user ~ "zo." and user == "zo\u00eb""#,
        r#"flag == true and flag != false and nothing == null and nothing != "x""#,
        r#"exists(flag) and not exists(nothing) and not exists(absent) and exists(list)"#,
        r#"absent != 5 and absent != "x" and absent != true and not absent == 5 and not absent < 5"#,
        r#"not absent in (1, 2) and absent not in (1) and not absent ~ "" and not list == "x""#,
        r#"not flag == 1 and flag != 1 and not user > 3"#,
        "status>=500 and(status<600)",
    ] {
        assert!(holds(expression), "{expression}");
    }
}

#[test]
fn precedence_is_not_then_and_then_or() {
    assert!(holds("status == 503 or status == 1 and status == 2"));
    assert!(!holds("(status == 503 or status == 1) and status == 2"));
    assert!(holds("not status == 1 and status == 503"));
    assert!(holds("not not status == 503"));
}

#[test]
fn errors_name_the_column_and_what_was_expected() {
    for (expression, expected) in [
        ("", "column 1: expected a field name, `exists(`, `not` or `(`, found the end"),
        ("status", "column 7: expected one of == != < <= > >= ~ in, found the end"),
        ("status = 5", "column 8: `=` is not an operator; write `==`"),
        ("status > 5 && a == 1", "column 12: `&&` is not an operator; write `and`"),
        ("status >", "column 9: expected a quoted text, a number, true, false or null, found the end"),
        ("status > 5 5", "column 12: expected `and`, `or` or the end, found a number"),
        ("(status > 5", "column 12: expected `)`, found the end"),
        ("é == \"x", "column 6: a text without its closing \""),
        ("status in 5", "column 11: expected `(` or `[`, found a number"),
        ("status in (5 6)", "column 14: expected `,` or `)`, found a number"),
        ("a ~ \"(\"", "column 5: pattern does not compile: column 1: unclosed group"),
        ("a > null", "column 5: `null` has no order; expected == or !="),
        ("level > \"LOUD\"", "column 9: expected a level: TRACE DEBUG INFO WARN ERROR CRITICAL"),
        ("time > \"noon\"", "column 8: expected a time such as \"2026-11-23T06:16:13Z\""),
        ("a == 5x", "column 6: not a number"),
        ("and == 1", "column 1: expected a field name, `exists(`, `not` or `(`, found `and`"),
        ("5 == a", "column 1: expected a field name, `exists(`, `not` or `(`, found a number"),
    ] {
        let error = Expr::parse(expression, &mut Fields::default()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{expression}");
    }
}

#[test]
fn hostile_nesting_and_size_are_refused() {
    let nested = "(".repeat(5000) + "a == 1";
    assert_eq!(Expr::parse(&nested, &mut Fields::default()).unwrap_err().column, DEPTH_MAX + 1);
    let negated = "not ".repeat(4000) + "a == 1";
    assert!(Expr::parse(&negated, &mut Fields::default()).unwrap_err().reason.contains("nested"));
    let long = "a".repeat(TEXT_BYTES_MAX + 1);
    assert!(Expr::parse(&long, &mut Fields::default()).unwrap_err().reason.contains("longer"));
    let wide = vec!["a == 1"; 1000].join(" or ");
    assert!(Expr::parse(&wide, &mut Fields::default()).is_ok());
    assert!(Expr::parse("a ~ \"(\\w{1000}){1000}\"", &mut Fields::default()).is_err());
}

#[test]
fn a_leading_event_name_is_split_off() {
    let split = |text| {
        let (name, rest) = Expr::parse(text, &mut Fields::default()).unwrap().split_event();
        (name.map(|name| String::from_utf8(name).unwrap()), rest.is_some())
    };
    assert_eq!(split("event == 'a'"), (Some("a".to_owned()), false));
    assert_eq!(split("event == 'a' and x == 1 and y == 2"), (Some("a".to_owned()), true));
    assert_eq!(split("event == '5'"), (None, true));
    assert_eq!(split("event == 'a' or x == 1"), (None, true));
}

proptest! {
    #[test]
    fn any_text_is_survived(text: String) {
        let _ = Expr::parse(&text, &mut Fields::default());
    }

    #[test]
    fn any_pieces_are_survived(pieces in prop::collection::vec(prop::sample::select(vec![
        "(", ")", "[", "]", ",", "==", "!=", "<", ">=", "~", "in", "not", "and", "or", "exists", "field", "a.b", "level",
        "time", "\"x\"", "'\\", "`k`", "5", "-1e9", "null", "true", "é", " ", "\\u12",
    ]), 0..40)) {
        for glue in ["", " "] {
            let text = pieces.join(glue);
            if let Err(error) = Expr::parse(&text, &mut Fields::default()) {
                prop_assert!(error.column <= text.chars().count() + 1);
            }
        }
    }
}
