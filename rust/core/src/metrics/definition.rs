//! What a metric is, as data: the built-in pack and the spec's own metrics in one form, validated.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::limits::LABELS_MAX;
use crate::spec::{MetricSpec, MetricsSpec, RuleError};

const BUILT_IN: &str = include_str!("../../../../python/headrig/rules/metrics.toml");
/// What the program's own families begin with, and those that client libraries add to the same page. Both halves of the
/// page are one: no metric of the settings may begin so.
pub const RESERVED_PREFIXES: [&str; 5] = ["headrig_", "component_", "buffer_", "process_", "python_"];
/// Most buckets of one histogram.
const BUCKETS_MAX: usize = 64;
const BUCKETS_DEFAULT: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Quantile,
    Ratio,
}

/// One metric. `python/headrig/rules/metrics.toml` says what the fields mean.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    pub name: String,
    pub kind: Kind,
    #[serde(default)]
    pub help: String,
    #[serde(default, rename = "where")]
    pub where_: String,
    #[serde(default)]
    pub share: String,
    #[serde(default)]
    pub value: String,
    #[serde(default)]
    pub per: String,
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    #[serde(default)]
    pub values_label: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub group_by: Vec<String>,
    #[serde(default)]
    pub unit: String,
    #[serde(default)]
    pub buckets: Vec<f64>,
    #[serde(default)]
    pub of: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pack {
    metric: Vec<Definition>,
}

impl Definition {
    fn from_spec(spec: &MetricSpec) -> Result<Self, RuleError> {
        let kind = match spec.kind.as_str() {
            "counter" => Kind::Counter,
            "gauge" => Kind::Gauge,
            "histogram" => Kind::Histogram,
            "quantile" => Kind::Quantile,
            "ratio" => Kind::Ratio,
            _ => return Err(RuleError::new(&spec.name, "kind: none of counter, gauge, histogram, quantile, ratio")),
        };
        let no_buckets = kind == Kind::Histogram && spec.buckets.is_empty();
        Ok(Self {
            name: spec.name.clone(),
            kind,
            help: spec.help.clone(),
            where_: spec.where_.clone(),
            share: String::new(),
            value: spec.value.clone(),
            per: String::new(),
            values: BTreeMap::new(),
            values_label: String::new(),
            labels: spec.labels.clone(),
            group_by: Vec::new(),
            unit: spec.unit.clone(),
            buckets: if no_buckets { BUCKETS_DEFAULT.to_vec() } else { spec.buckets.clone() },
            of: spec.of.clone(),
        })
    }

    /// Whether it is a family of `totals`. Ratios and dotted names are windowed only.
    pub fn is_family(&self) -> bool {
        self.kind != Kind::Ratio && !self.name.contains('.')
    }

    /// Label names of the family, in the order of its series keys.
    pub fn label_names(&self) -> Vec<String> {
        let fan = Some(&self.values_label).filter(|label| !label.is_empty());
        self.labels.keys().chain(fan).cloned().collect()
    }

    /// Names that are its own on the page: of its samples, and of the family and samples that a reader takes them for. A
    /// counter is known without its `_total` (OpenMetrics 1.0, 5.1), and with `_created` beside it.
    fn page_names(&self) -> Vec<String> {
        let (stem, suffixes): (&str, &[&str]) = match self.kind {
            Kind::Histogram => (&self.name, &["", "_bucket", "_sum", "_count", "_created"]),
            Kind::Quantile => (&self.name, &["", "_sum", "_count", "_created"]),
            Kind::Counter => (self.name.strip_suffix("_total").unwrap_or(&self.name), &["", "_total", "_created"]),
            Kind::Gauge | Kind::Ratio => (&self.name, &[""]),
        };
        suffixes.iter().map(|suffix| format!("{stem}{suffix}")).collect()
    }

    fn check(&self) -> Result<(), String> {
        self.check_name()?;
        for label in self.label_names() {
            let reserved = match self.kind {
                Kind::Histogram => label == "le",
                Kind::Quantile => label == "quantile",
                _ => false,
            };
            if !is_label_name(&label) || reserved {
                return Err(format!("label {label:?} is not a Prometheus label name"));
            }
        }
        if self.label_names().len() > LABELS_MAX {
            return Err(format!("more than {LABELS_MAX} labels"));
        }
        let needs_value = matches!(self.kind, Kind::Gauge | Kind::Histogram | Kind::Quantile);
        if needs_value && self.value.is_empty() && self.values.is_empty() {
            return Err("needs `value`, the field of the number".to_owned());
        }
        if self.kind == Kind::Ratio && self.share.is_empty() && self.of.len() != 2 {
            return Err("needs `of`, two counters, numerator first".to_owned());
        }
        if self.kind != Kind::Ratio && !self.of.is_empty() {
            return Err("`of` is for ratios".to_owned());
        }
        if self.kind == Kind::Ratio && !(self.unit.is_empty() || self.unit == "percent") {
            return Err("unit: a ratio is in percent".to_owned());
        }
        self.check_buckets()
    }

    fn check_name(&self) -> Result<(), String> {
        let rest = self.name.split('.');
        let dotted = self.name.contains('.') && matches!(self.kind, Kind::Gauge | Kind::Quantile | Kind::Ratio);
        let fits = if dotted { rest.into_iter().all(is_label_name) } else { is_metric_name(&self.name) };
        if !fits {
            return Err("not a Prometheus metric name (dots only in windowed gauges, quantiles and ratios)".to_owned());
        }
        let reserved =
            RESERVED_PREFIXES.iter().find(|prefix| self.page_names().iter().any(|name| name.starts_with(*prefix)));
        match reserved {
            Some(prefix) => {
                Err(format!("{prefix} is reserved for names that headrig itself puts on the page; choose another name"))
            }
            None => Ok(()),
        }
    }

    fn check_buckets(&self) -> Result<(), String> {
        if self.kind != Kind::Histogram && !self.buckets.is_empty() {
            return Err("`buckets` are for histograms".to_owned());
        }
        let ascending = self.buckets.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || self.buckets.iter().any(|bound| !bound.is_finite()) {
            return Err("buckets must be finite and ascend".to_owned());
        }
        if self.buckets.len() > BUCKETS_MAX {
            return Err(format!("more than {BUCKETS_MAX} buckets"));
        }
        Ok(())
    }
}

/// The built-in metrics, if they are on, then the spec's own, all valid and with distinct names.
pub fn definitions(spec: &MetricsSpec) -> Result<Vec<Definition>, RuleError> {
    let mut all = Vec::new();
    if spec.builtin {
        let pack: Pack = toml::from_str(BUILT_IN).map_err(|error| RuleError::new("metrics.toml", error.to_string()))?;
        all = pack.metric;
    }
    let built_in = all.len();
    for own in &spec.rules {
        all.push(Definition::from_spec(own)?);
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for (index, definition) in all.iter().enumerate() {
        definition.check().map_err(|reason| RuleError::new(&definition.name, reason))?;
        for name in definition.page_names() {
            if let Some(other) = taken.insert(name, index).filter(|other| *other != index) {
                let reason = match other < built_in {
                    true => format!("collides with the built-in {}; choose another name", all[other].name),
                    false => format!("collides with {}; choose another name", all[other].name),
                };
                return Err(RuleError::new(&definition.name, reason));
            }
        }
    }
    Ok(all)
}

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`
fn is_metric_name(name: &str) -> bool {
    let word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'));
    word && !name.is_empty() && !name.as_bytes()[0].is_ascii_digit()
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, but for the prefix `__`, which is Prometheus' own.
pub fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':') && !name.starts_with("__")
}
