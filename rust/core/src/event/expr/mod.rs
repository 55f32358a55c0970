//! The expression language of metrics, filters and the analysis verbs. Problem: an expression is written by users and met by
//! every event. Idea: parse it once to a tree of bounded depth; to evaluate it allocates nothing and cannot fail.
//!
//! ```text
//! event == "request_completed" and (status >= 500 or exists(error_name))
//! text -> lexer: tokens -> parser: All[Test, Any[Test, Exists]] -> eval: true or false for one event
//! ```

mod eval;
pub(crate) mod level;
pub mod lexer;
mod parser;

use crate::event::field::{Fields, Role, Source};
use crate::event::Event;

use lexer::ExprError;

/// Longest expression, in bytes.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// A compiled expression. A comparison with a missing field is false, `!=` is true.
///
/// Role names (`level`, `status`, `duration`, …) mean the role; any other name, and every name in backquotes or
/// `field("…")`, is a field path. `duration` is in seconds, `level` compares by rank, `time` also with text.
///
/// # Example
///
/// ```
/// use headrig_core::event::expr::Expr;
/// use headrig_core::event::field::Fields;
/// use headrig_core::event::Fieldless;
///
/// let mut fields = Fields::default();
/// let expression = Expr::parse("status >= 500 or not exists(user.id)", &mut fields).unwrap();
/// assert!(expression.matches(&Fieldless { time_seconds: 0.0 }));
/// assert_eq!(fields.paths, ["user.id"]);
/// assert_eq!(Expr::parse("status >=", &mut fields).unwrap_err().column, 10);
/// ```
#[derive(Debug, Clone)]
pub struct Expr {
    root: eval::Node,
}

impl Expr {
    /// Compile `text`; the field paths it asks for are added to `fields`.
    ///
    /// # Errors
    /// `ExprError` with the column of the first thing that does not fit and what was expected there.
    pub fn parse(text: &str, fields: &mut Fields) -> Result<Self, ExprError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(ExprError { column: 1, reason: format!("longer than {TEXT_BYTES_MAX} bytes") });
        }
        parser::parse(text, fields).map(|root| Self { root })
    }

    pub fn matches<E: Event + ?Sized>(&self, event: &E) -> bool {
        self.root.matches(event)
    }

    /// Append the sources that it asks for.
    pub fn sources(&self, sources: &mut Vec<Source>) {
        self.root.sources(sources);
    }

    /// Split `event == "name" and rest` into the name and the rest, so that rules can be found by event name.
    /// `(None, Some(self))` when the expression does not begin so.
    pub fn split_event(self) -> (Option<Vec<u8>>, Option<Self>) {
        match self.root {
            eval::Node::All(mut nodes) => {
                let Some(name) = nodes.first().and_then(event_name) else {
                    return (None, Some(Self { root: eval::Node::All(nodes) }));
                };
                nodes.remove(0);
                let root = if nodes.len() == 1 { nodes.remove(0) } else { eval::Node::All(nodes) };
                (Some(name), Some(Self { root }))
            }
            root => match event_name(&root) {
                Some(name) => (Some(name), None),
                None => (None, Some(Self { root })),
            },
        }
    }
}

fn event_name(node: &eval::Node) -> Option<Vec<u8>> {
    match node {
        eval::Node::Test(Source::Role(Role::Event), eval::Test::Text(eval::Op::Eq, text, None)) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod expr_tests;
