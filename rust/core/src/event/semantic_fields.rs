//! Roles: what a field is for, found by alias. The alias order is the precedence.

use std::collections::BTreeMap;

use crate::event::field::{Role, Slot, DOTS_MAX, ROLES};
use crate::spec::{FieldSpec, RuleError};

/// Roles whose values look like nothing else, besides the time.
pub const SHAPED: [Role; 5] = [Role::Level, Role::Trace, Role::Span, Role::Status, Role::Duration];

/// One field that may have a role.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Alias {
    pub slot: Slot,
    /// Units of the field in one second; `None`: by the role's own rule (times by magnitude).
    /// Values are divided by it, which keeps 700 ms at 0.7 s.
    pub units_per_second: Option<f64>,
}

/// Per role, the fields that may have it, best first.
#[derive(Clone, Debug, Default)]
pub struct RoleTable {
    aliases: Vec<Alias>,
    /// Where those of each role begin and end, in `ROLES` order.
    spans: [(u16, u16); ROLES.len()],
}

impl RoleTable {
    /// `overrides`: lane's own fields first, then the spec's; they go before the aliases.
    ///
    /// # Errors
    /// An unknown semantic field or unit.
    pub fn new(
        overrides: &[&BTreeMap<String, FieldSpec>],
        mut slot: impl FnMut(&str) -> Slot,
    ) -> Result<Self, RuleError> {
        let mut aliases: Vec<Vec<Alias>> = vec![Vec::new(); ROLES.len()];
        for (name, field) in overrides.iter().flat_map(|fields| fields.iter()) {
            let known = ROLES.iter().position(|(_, role, _)| role == name);
            let index = known.ok_or_else(|| {
                let names: Vec<&str> = ROLES.iter().map(|(_, role, _)| *role).collect();
                RuleError::new(format!("fields.{name}"), format!("unknown semantic field; known: {}", names.join(" ")))
            })?;
            if field.path.is_empty() || field.path.matches('.').count() > DOTS_MAX {
                return Err(RuleError::new(
                    format!("fields.{name}"),
                    format!("path has no name or over {DOTS_MAX} dots"),
                ));
            }
            let units_per_second = match field.unit.as_str() {
                "" => default_unit(ROLES[index].0, &field.path),
                unit => Some(
                    units_per_second(unit)
                        .ok_or_else(|| RuleError::new(format!("fields.{name}"), "unknown unit; known: s ms us ns"))?,
                ),
            };
            aliases[index].push(Alias { slot: slot(&field.path), units_per_second });
        }
        for (index, (role, _, paths)) in ROLES.iter().enumerate() {
            for path in *paths {
                aliases[index].push(Alias { slot: slot(path), units_per_second: default_unit(*role, path) });
            }
        }
        let mut table = Self::default();
        for (span, aliases) in table.spans.iter_mut().zip(aliases) {
            let start = table.aliases.len() as u16;
            table.aliases.extend(aliases);
            *span = (start, table.aliases.len() as u16);
        }
        Ok(table)
    }

    pub fn aliases(&self, role: Role) -> &[Alias] {
        let (start, end) = self.spans[role as usize];
        &self.aliases[start as usize..end as usize]
    }
}

/// Shapes of lines remembered, beside that of the line: a service logs from some places by turns.
const SHAPES: usize = 4;

/// The roles of one line. Lines of one service have the same fields at the same places: then nothing is looked for.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    table: RoleTable,
    line: Shape,
    /// Of earlier lines, and which of them gives way next.
    earlier: [Shape; SHAPES],
    next: usize,
}

/// Which fields of a line have which role.
#[derive(Clone, Debug, Default)]
struct Shape {
    /// The fields.
    found: Vec<u32>,
    /// In `ROLES` order; node 0 where no field has the role.
    nodes: [u32; ROLES.len()],
    /// A bit for each node of a role whose values have a shape; the last one for all that are farther.
    shaped: u64,
    aliases: [Alias; ROLES.len()],
}

impl Roles {
    pub fn new(table: RoleTable) -> Self {
        Self { table, ..Self::default() }
    }

    /// Take the line whose fields are `found`: per role the first alias that is present counts.
    #[inline(always)]
    pub fn resolve(&mut self, found: &[u32]) {
        if self.line.found != found {
            self.reshape(found);
        }
    }

    #[inline(never)]
    fn reshape(&mut self, found: &[u32]) {
        let known = self.earlier.iter().position(|shape| shape.found == found);
        let at = known.unwrap_or_else(|| {
            self.next = (self.next + 1) % SHAPES;
            self.earlier[self.next].fill(&self.table, found);
            self.next
        });
        std::mem::swap(&mut self.line, &mut self.earlier[at]);
    }

    /// The node of the role's value, 0 where no field has it.
    pub fn node(&self, role: Role) -> u32 {
        self.line.nodes[role as usize]
    }

    /// Whether a role whose values have a shape may have its value at this node.
    #[inline(always)]
    pub fn may_be_shaped(&self, node: usize) -> bool {
        self.line.shaped >> node.min(63) & 1 != 0
    }

    /// The field that has the role, and its value's node.
    pub fn get(&self, role: Role) -> Option<(Alias, u32)> {
        let node = self.line.nodes[role as usize];
        (node != 0).then(|| (self.line.aliases[role as usize], node))
    }
}

impl Shape {
    fn fill(&mut self, table: &RoleTable, found: &[u32]) {
        self.found.clear();
        self.found.extend_from_slice(found);
        for (role, _, _) in ROLES {
            let present = |alias: &&Alias| found[alias.slot.0 as usize] != 0;
            let alias = table.aliases(role).iter().find(present);
            self.nodes[role as usize] = alias.map_or(0, |alias| found[alias.slot.0 as usize]);
            self.aliases[role as usize] = alias.copied().unwrap_or_default();
        }
        let bit = |role: &Role| 1 << self.nodes[*role as usize].min(63);
        self.shaped = SHAPED.iter().fold(0, |all, role| all | bit(role));
    }
}

/// Milliseconds unless the name says otherwise.
fn default_unit(role: Role, path: &str) -> Option<f64> {
    let seconds = path.ends_with("_s") || path.ends_with("_seconds");
    (role == Role::Duration).then_some(if seconds { 1.0 } else { 1e3 })
}

/// How many `s`, `ms`, `us` or `ns` are a second.
fn units_per_second(unit: &str) -> Option<f64> {
    Some(match unit {
        "s" => 1.0,
        "ms" => 1e3,
        "us" => 1e6,
        "ns" => 1e9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, (role, _, _)) in ROLES.iter().enumerate() {
            assert_eq!(*role as usize, index);
        }
    }

    #[test]
    fn the_first_alias_that_a_line_has_counts() {
        let mut paths = Vec::new();
        let mut slot = |path: &str| {
            paths.push(path.to_owned());
            Slot(paths.len() as u16 - 1)
        };
        let mut roles = Roles::new(RoleTable::new(&[], &mut slot).unwrap());
        let at = |path: &str| paths.iter().position(|known| known == path).unwrap();
        let mut found = vec![0; paths.len()];
        found[at("ts")] = 4;
        roles.resolve(&found);
        assert_eq!(roles.get(Role::Time).map(|(_, node)| node), Some(4));
        found[at("timestamp")] = 8;
        roles.resolve(&found);
        assert_eq!(roles.get(Role::Time).map(|(_, node)| node), Some(8));
        assert_eq!(roles.get(Role::Level), None);
    }

    #[test]
    fn lines_of_many_shapes_by_turns_have_each_its_own_roles() {
        let mut roles = Roles::new(RoleTable::new(&[], |path| Slot(u16::from(path == "level"))).unwrap());
        for turn in 0..60_u32 {
            let level = turn % 7;
            roles.resolve(&[0, level]);
            assert_eq!(roles.get(Role::Level).map_or(0, |(_, node)| node), level);
            roles.resolve(&[0, turn % 3 + 10]);
            assert_eq!(roles.node(Role::Level), turn % 3 + 10);
        }
    }

    #[test]
    fn an_override_goes_before_the_aliases_and_unknown_ones_are_refused() {
        let field = |path: &str, unit: &str| FieldSpec { path: path.into(), unit: unit.into() };
        let fields = BTreeMap::from([("duration".to_owned(), field("took", "us"))]);
        let mut paths = Vec::new();
        let mut slot = |path: &str| {
            paths.push(path.to_owned());
            Slot(paths.len() as u16 - 1)
        };
        let table = RoleTable::new(&[&fields], &mut slot).unwrap();
        assert_eq!(table.aliases(Role::Duration)[0], Alias { slot: Slot(0), units_per_second: Some(1e6) });
        assert_eq!(table.aliases(Role::Duration)[4].units_per_second, Some(1.0));
        for (role, unit) in [("took", "s"), ("duration", "h")] {
            let fields = BTreeMap::from([(role.to_owned(), field("x", unit))]);
            assert!(RoleTable::new(&[&fields], &mut slot).is_err());
        }
    }
}
