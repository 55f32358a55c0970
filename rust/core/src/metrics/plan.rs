//! Definitions and thresholds to what runs per event: groups of updates behind one shared condition each.

use std::collections::HashMap;

use super::definition::{definitions, is_label_name, Definition, Kind};
use super::event_index::Gates;
use super::groups::{Group, Part, Rules, Target};
use super::labels::Label;
use super::value::ValueOf;
use crate::event::expr::Expr;
use crate::event::field::Fields;
use crate::event::field::{Role, Source};
use crate::limits::{LABELS_MAX, WINDOW_SECONDS_MAX};
use crate::metrics::window::aggregate::{quantile_named, Aggregate};
use crate::metrics::window::panes_in;
use crate::metrics::window::store::{TimeDomain, Window};
use crate::spec::{RuleError, Spec, ThresholdSpec};

/// One threshold.
#[derive(Debug)]
pub struct Question {
    pub name: String,
    pub window: usize,
    /// Width of its window, in panes.
    pub panes: i64,
    /// By the time domain of the window.
    pub of_events: Aggregate,
    pub of_recorded: Aggregate,
}

/// What runs per event, and what finds it. Does not change while an engine lives, so that lanes share it without a lock.
#[derive(Debug, Default)]
pub struct Plan {
    pub rules: Rules,
    pub index: Gates,
}

/// All that a spec says about metrics.
#[derive(Debug, Default)]
pub struct Compiled {
    pub plan: Plan,
    pub families: Vec<Definition>,
    pub windows: Vec<Window>,
    pub questions: Vec<Question>,
    pub longest_seconds: f64,
}

/// # Errors
/// `RuleError` with the metric's or threshold's name.
pub fn compile(spec: &Spec, fields: &mut Fields) -> Result<Compiled, RuleError> {
    let all = definitions(&spec.metrics)?;
    let mut compiler = Compiler { fields, known: HashMap::new(), out: Compiled::default(), all: &all };
    for definition in &all {
        compiler.family(definition).map_err(|reason| RuleError::new(&definition.name, reason))?;
    }
    let mut names = std::collections::HashSet::new();
    for threshold in &spec.thresholds {
        if !names.insert(threshold.name.as_str()) {
            return Err(RuleError::new(&threshold.name, "defined twice"));
        }
        compiler.threshold(threshold).map_err(|reason| RuleError::new(&threshold.name, reason))?;
    }
    compiler.fill()?;
    let mut compiled = compiler.out;
    compiled.plan.index = Gates::new(&compiled.plan.rules);
    Ok(compiled)
}

/// The value of `values_label`, if there is one, and the number.
type Sample = (Option<String>, Option<ValueOf>);

struct Compiler<'a> {
    fields: &'a mut Fields,
    /// Condition text to group.
    known: HashMap<String, usize>,
    out: Compiled,
    all: &'a [Definition],
}

impl Compiler<'_> {
    fn definition(&self, name: &str) -> Option<Definition> {
        self.all.iter().find(|definition| definition.name == name).cloned()
    }

    /// The group of that condition; an empty text is every event.
    fn group(&mut self, text: &str) -> Result<usize, String> {
        Ok(match self.known.get(text) {
            Some(index) => *index,
            None => {
                let (event, condition) = match text.trim() {
                    "" => (None, None),
                    text => Expr::parse(text, self.fields).map_err(|error| format!("where: {error}"))?.split_event(),
                };
                let groups = &mut self.out.plan.rules.groups;
                groups.push(Group { event, condition, updates: Vec::new() });
                self.known.insert(text.to_owned(), groups.len() - 1);
                groups.len() - 1
            }
        })
    }

    fn family(&mut self, definition: &Definition) -> Result<(), String> {
        // Conditions and values of what is windowed only are checked too, even when no threshold asks for it.
        let group = self.group(&definition.where_)?;
        let samples = self.samples(definition)?;
        if !definition.is_family() {
            return Ok(());
        }
        let target = self.out.families.len();
        self.out.families.push(definition.clone());
        for (fan, value) in samples {
            let mut labels = Vec::new();
            for sources in definition.labels.values() {
                labels.push(self.label(sources)?);
            }
            labels.extend(fan.map(|name| self.out.plan.rules.labels.fixed(&name)));
            self.out.plan.rules.update(group, Target::Family(target), labels, value);
        }
        Ok(())
    }

    /// The values one event gives, each with the value of `values_label` if there is one.
    fn samples(&mut self, definition: &Definition) -> Result<Vec<Sample>, String> {
        let Definition { value, per, unit, values, .. } = definition;
        if definition.kind == Kind::Ratio || (value.is_empty() && values.is_empty()) {
            return Ok(vec![(None, None)]);
        }
        if values.is_empty() {
            return Ok(vec![(None, Some(ValueOf::new(value, per, unit, self.fields)?))]);
        }
        let mut samples = Vec::new();
        for (name, path) in values {
            samples.push((Some(name.clone()), Some(ValueOf::new(path, per, unit, self.fields)?)));
        }
        Ok(samples)
    }

    /// `error_name | status`: the first that is there.
    fn label(&mut self, text: &str) -> Result<Label, String> {
        let mut sources = Vec::new();
        for name in text.split('|').map(str::trim) {
            sources.push(self.fields.source(name)?);
        }
        Ok(self.out.plan.rules.labels.event(sources))
    }

    fn threshold(&mut self, spec: &ThresholdSpec) -> Result<(), String> {
        let definition = self.definition(&spec.metric);
        if !(spec.window_seconds > 0.0 && spec.window_seconds <= WINDOW_SECONDS_MAX) {
            return Err(format!("window_seconds must be above 0 and at most {WINDOW_SECONDS_MAX}"));
        }
        if spec.metric.is_empty() {
            return Err("needs a metric".to_owned());
        }
        let default = definition.as_ref().map(|definition| definition.group_by.as_slice()).unwrap_or_default();
        let group_by = if spec.group_by.is_empty() { default } else { &spec.group_by };
        if group_by.len() > LABELS_MAX {
            return Err(format!("group_by of more than {LABELS_MAX} labels"));
        }
        if !group_by.iter().all(|label| is_label_name(label)) {
            return Err("group_by: not a label name".to_owned());
        }
        let (of_events, of_recorded) = aggregates(&spec.aggregate, &spec.metric, definition.as_ref())?;
        let sketch = [of_events, of_recorded].iter().any(|aggregate| matches!(aggregate, Aggregate::Quantile(_)));
        let windows = &mut self.out.windows;
        let known = windows.iter().position(|window| window.metric == spec.metric && window.group_by == *group_by);
        let window = known.unwrap_or_else(|| {
            windows.push(Window {
                identity: String::new(),
                metric: spec.metric.clone(),
                group_by: group_by.to_vec(),
                sketch: false,
                domain: if definition.is_some() { TimeDomain::Events } else { TimeDomain::Recorded },
                table: Default::default(),
            });
            windows.len() - 1
        });
        windows[window].sketch |= sketch;
        let panes = panes_in(spec.window_seconds);
        self.out.longest_seconds = self.out.longest_seconds.max(spec.window_seconds);
        self.out.questions.push(Question { name: spec.name.clone(), window, panes, of_events, of_recorded });
        Ok(())
    }

    /// The updates that fill the windows asked for, and the windows' identities.
    fn fill(&mut self) -> Result<(), RuleError> {
        for target in 0..self.out.windows.len() {
            let window = &self.out.windows[target];
            let (metric, group_by) = (window.metric.clone(), window.group_by.clone());
            let mut parts = Vec::new();
            if let Some(definition) = self.definition(&metric) {
                let filled = match definition.kind {
                    Kind::Ratio => self.ratio(target, &definition, &group_by, &mut parts),
                    _ => self.samples_of(target, &definition, &group_by),
                };
                filled.map_err(|reason| RuleError::new(&metric, reason))?;
                parts.push(definition);
            }
            let window = &mut self.out.windows[target];
            window.identity = format!("{metric:?} {group_by:?} {} {parts:?}", window.sketch);
        }
        // A ratio nobody asks for must name counters too.
        for definition in self.all.iter().filter(|definition| definition.kind == Kind::Ratio) {
            self.halves(definition).map_err(|reason| RuleError::new(&definition.name, reason))?;
        }
        Ok(())
    }

    fn samples_of(&mut self, target: usize, definition: &Definition, group_by: &[String]) -> Result<(), String> {
        for (fan, value) in self.samples(definition)? {
            let labels = self.grouping(group_by, &[definition], fan.as_deref())?;
            let group = self.group(&definition.where_)?;
            self.out.plan.rules.update(group, Target::Window(target, Part::Sample), labels, value);
        }
        Ok(())
    }

    fn ratio(
        &mut self,
        target: usize,
        definition: &Definition,
        group_by: &[String],
        parts: &mut Vec<Definition>,
    ) -> Result<(), String> {
        let (hit, base) = self.halves(definition)?;
        for (part, half) in [(Part::Base, &base), (Part::Hit, &hit)] {
            let labels = self.grouping(group_by, &[half, definition, &base], None)?;
            let group = self.group(&half.where_)?;
            self.out.plan.rules.update(group, Target::Window(target, part), labels, None);
        }
        parts.extend([hit, base]);
        Ok(())
    }

    /// Numerator and denominator as counters.
    fn halves(&self, definition: &Definition) -> Result<(Definition, Definition), String> {
        if !definition.share.is_empty() {
            let both = match definition.where_.trim() {
                "" => definition.share.clone(),
                condition => format!("({condition}) and ({})", definition.share),
            };
            let of = |where_| Definition { where_, kind: Kind::Counter, ..definition.clone() };
            return Ok((of(both), of(definition.where_.clone())));
        }
        let counter = |name: &String| match self.definition(name) {
            Some(counter) if counter.kind == Kind::Counter && counter.value.is_empty() => Ok(counter),
            Some(_) => Err("of: not a counter of events".to_owned()),
            None => Err("of: there is no metric of this name".to_owned()),
        };
        match definition.of.as_slice() {
            [hit, base] => Ok((counter(hit)?, counter(base)?)),
            _ => Err("needs `of`, two counters, numerator first".to_owned()),
        }
    }

    /// Where group labels come from: the first definition that has them, else the role or field of that name.
    fn grouping(
        &mut self,
        group_by: &[String],
        definitions: &[&Definition],
        fan: Option<&str>,
    ) -> Result<Vec<Label>, String> {
        let mut labels = Vec::new();
        for name in group_by {
            let known = definitions.iter().find_map(|definition| definition.labels.get(name));
            labels.push(match (known, fan) {
                (None, Some(fan)) if definitions[0].values_label == *name => self.out.plan.rules.labels.fixed(fan),
                (Some(sources), _) => self.label(sources)?,
                (None, _) if name == "level" => self.out.plan.rules.labels.event(vec![Source::Role(Role::Level)]),
                (None, _) => self.label(name)?,
            });
        }
        Ok(labels)
    }
}

/// What a threshold reads from a window that events fill, and from one that is recorded.
///
/// A ratio is one number over its window: but for `count`, `sum` and `rate` every aggregate of it is that.
fn aggregates(name: &str, metric: &str, definition: Option<&Definition>) -> Result<(Aggregate, Aggregate), String> {
    let kind = definition.map(|definition| definition.kind);
    if name.is_empty() {
        let natural = match kind {
            Some(Kind::Counter) => Aggregate::Sum,
            Some(Kind::Ratio) => Aggregate::Percent,
            Some(Kind::Quantile) => {
                let suffix = metric.rsplit(['.', '_']).next().unwrap_or_default();
                Aggregate::Quantile(quantile_named(suffix).unwrap_or(0.95))
            }
            Some(Kind::Gauge | Kind::Histogram) | None => Aggregate::Mean,
        };
        return Ok((natural, Aggregate::Mean));
    }
    if name == "rate" {
        let sums = matches!(kind, None | Some(Kind::Counter));
        return Ok((if sums { Aggregate::SumRate } else { Aggregate::CountRate }, Aggregate::SumRate));
    }
    let Some(asked) = Aggregate::named(name) else {
        return Err("aggregate: none of mean, sum, count, min, max, rate, p50 to p99".to_owned());
    };
    let of_ratio = !matches!(asked, Aggregate::Count | Aggregate::Sum) && kind == Some(Kind::Ratio);
    Ok((if of_ratio { Aggregate::Percent } else { asked }, asked))
}
