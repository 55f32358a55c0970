//! Single lines, read outside a lane: whether an expression matches.

use crate::event::expr::Expr;
use crate::event::extract::{Extractor, Keys, Wanted};
use crate::event::semantic_fields::Roles;
use crate::event::view::View;
use crate::io::edit::Edits;
use crate::io::escape::Decoded;
use crate::json::dictionary::Dictionary;
use crate::json::reference::walk;
use crate::json::tape::Tape;

/// Reads one line at a time, with tables of its own.
#[derive(Default)]
pub(crate) struct Reader {
    pub extractor: Extractor,
    pub roles: Roles,
    pub tape: Tape,
    /// Stays empty: the reference walker gives keys no numbers.
    pub keys: Dictionary,
    pub wanted: Wanted,
    pub decoded: Decoded,
    pub found: Vec<u32>,
    pub edits: Edits,
}

impl Reader {
    pub fn view<'a>(&'a self, text: &'a [u8]) -> View<'a> {
        let (nodes, found) = (self.tape.nodes(), &self.found);
        View { text, nodes, found, edits: &self.edits, roles: &self.roles, time_seconds: 0.0 }
    }

    pub fn matches(&mut self, expression: &Expr, line: &[u8]) -> bool {
        if walk(line, &mut self.tape).is_err() {
            return false;
        }
        let mut keys = Keys { numbers: &mut self.keys, wanted: &mut self.wanted };
        self.extractor.find(line, &self.tape, &mut keys, &mut self.decoded, &mut self.found);
        self.roles.resolve(&self.found);
        let time_seconds = self.view(line).time(0).unwrap_or(0.0);
        expression.matches(&View { time_seconds, ..self.view(line) })
    }
}
