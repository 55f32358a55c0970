//! The registry of field paths that rules ask for. Each path is looked up once per line, however many rules want it.

use crate::event::{Role, Slot, Source};

/// Most distinct paths of one engine: extraction keeps one place per path and line.
pub const FIELDS_MAX: usize = 1024;
/// Most dots in a path: each doubles the ways in which it can be nested.
pub const DOTS_MAX: usize = 7;

/// Paths in the order of their `Slot`s. A dotted path means nested objects as well as the literal dotted key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    pub paths: Vec<String>,
}

impl Fields {
    /// The slot of `path`, the same one each time. Paths of the program's own; others go through `source` or `path`.
    pub fn slot(&mut self, path: &str) -> Slot {
        let known = self.paths.iter().position(|known| known == path);
        let index = known.unwrap_or_else(|| {
            self.paths.push(path.to_owned());
            self.paths.len() - 1
        });
        Slot(index.min(u16::MAX as usize) as u16)
    }

    /// The role called `name`, else the path `name`; the reason when it cannot be one.
    pub fn source(&mut self, name: &str) -> Result<Source, String> {
        match Role::named(name) {
            Some(role) => Ok(Source::Role(role)),
            None => self.path(name),
        }
    }

    /// The path `name`; the reason when it cannot be one.
    pub fn path(&mut self, name: &str) -> Result<Source, String> {
        if name.is_empty() {
            return Err("an empty field name".to_owned());
        }
        if name.bytes().filter(|byte| *byte == b'.').count() > DOTS_MAX {
            return Err(format!("a field name with more than {DOTS_MAX} dots"));
        }
        if self.paths.len() >= FIELDS_MAX && !self.paths.iter().any(|known| known == name) {
            return Err(format!("more than {FIELDS_MAX} distinct fields"));
        }
        Ok(Source::Path(self.slot(name)))
    }
}
