//! Cumulative families: what every series of a metric holds, and its Prometheus text (exposition format 0.0.4).

use std::io::Write;

use super::definition::{Definition, Kind};
use super::interner::Interner;
use super::series::{Series, SeriesTable};
use crate::metrics::window::fixed::Fixed;

/// What one series holds. Which fields count depends on the family's kind.
#[derive(Clone, Debug, Default)]
pub struct Total {
    /// Events.
    count: u64,
    /// Of values. Exact, so that it does not depend on order.
    sum: Fixed,
    /// A gauge's last value by event time, and that time in seconds.
    last: Option<(f64, f64)>,
    /// A histogram's buckets, not cumulative, the one above the last bound included.
    buckets: Box<[u64]>,
}

/// When an event happened and when it came, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub time_seconds: f64,
    pub clock_seconds: f64,
}

#[derive(Debug)]
pub struct Family {
    pub definition: Definition,
    label_names: Vec<String>,
    pub table: SeriesTable<Total>,
}

impl Family {
    pub fn new(definition: Definition) -> Self {
        let label_names = definition.label_names();
        Self { definition, label_names, table: SeriesTable::default() }
    }

    /// Count so many events of the series at `at`.
    pub fn count_events(&mut self, at: usize, events: u64, clock_seconds: f64) {
        let series = self.table.at(at);
        series.see(clock_seconds);
        series.data.count += events;
    }

    /// Count one value of the series at `at`.
    pub fn count(&mut self, at: usize, value: f64, moment: Moment) {
        let Self { definition, table, .. } = self;
        let series = table.at(at);
        series.see(moment.clock_seconds);
        let total = &mut series.data;
        match definition.kind {
            // A counter never goes back: what is negative is not counted.
            Kind::Counter if value < 0.0 => return,
            Kind::Gauge if total.last.is_none_or(|(_, time)| time <= moment.time_seconds) => {
                total.last = Some((value, moment.time_seconds));
            }
            Kind::Histogram => {
                if total.buckets.is_empty() {
                    total.buckets = vec![0; definition.buckets.len() + 1].into();
                }
                total.buckets[definition.buckets.partition_point(|bound| *bound < value)] += 1;
            }
            _ => {}
        }
        total.count += 1;
        total.sum += Fixed::new(value);
    }

    /// Append HELP, TYPE and all series, in the order of their labels; nothing when there is no series.
    pub fn write(&self, interner: &Interner, out: &mut Vec<u8>) {
        if self.table.is_empty() {
            return;
        }
        let Definition { name, kind, help, .. } = &self.definition;
        let kind_name = match kind {
            Kind::Counter => "counter",
            Kind::Gauge | Kind::Ratio => "gauge",
            Kind::Histogram => "histogram",
            Kind::Quantile => "summary",
        };
        let help = if help.is_empty() { "Derived from log events." } else { help };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        put(out, format_args!("# HELP {name} {help}\n# TYPE {name} {kind_name}\n"));
        let mut series: Vec<&Series<Total>> = self.table.series().iter().collect();
        series.sort_by(|a, b| {
            let texts = |series: &'_ Series<Total>| series.key.iter().map(|id| interner.text(*id)).collect::<Vec<_>>();
            texts(a).cmp(&texts(b))
        });
        for series in series {
            self.write_series(series, interner, out);
        }
    }

    fn write_series(&self, series: &Series<Total>, interner: &Interner, out: &mut Vec<u8>) {
        let Definition { kind, value, .. } = &self.definition;
        let mut labels = Vec::new();
        for (name, id) in self.label_names.iter().zip(&series.key) {
            labels.extend_from_slice(if labels.is_empty() { b"" } else { b"," });
            put(&mut labels, format_args!("{name}=\""));
            escape(interner.text(*id), &mut labels);
            labels.push(b'"');
        }
        let total = &series.data;
        match kind {
            Kind::Counter if value.is_empty() => self.sample("", &labels, None, format_args!("{}", total.count), out),
            Kind::Counter => self.sample("", &labels, None, format_args!("{}", total.sum.value()), out),
            Kind::Gauge | Kind::Ratio => {
                let last = total.last.map_or(0.0, |(value, _)| value);
                self.sample("", &labels, None, format_args!("{last}"), out);
            }
            Kind::Histogram | Kind::Quantile => {
                let mut below = 0;
                for (count, bound) in total.buckets.iter().zip(&self.definition.buckets) {
                    below += count;
                    self.sample("_bucket", &labels, Some(*bound), format_args!("{below}"), out);
                }
                if *kind == Kind::Histogram {
                    self.sample("_bucket", &labels, Some(f64::INFINITY), format_args!("{}", total.count), out);
                }
                self.sample("_sum", &labels, None, format_args!("{}", total.sum.value()), out);
                self.sample("_count", &labels, None, format_args!("{}", total.count), out);
            }
        }
    }

    fn sample(
        &self,
        suffix: &str,
        labels: &[u8],
        bound: Option<f64>,
        value: std::fmt::Arguments<'_>,
        out: &mut Vec<u8>,
    ) {
        put(out, format_args!("{}{suffix}", self.definition.name));
        if !labels.is_empty() || bound.is_some() {
            out.push(b'{');
            out.extend_from_slice(labels);
            let comma = if labels.is_empty() { "" } else { "," };
            match bound {
                Some(bound) if bound.is_finite() => put(out, format_args!("{comma}le=\"{bound:?}\"")),
                Some(_) => put(out, format_args!("{comma}le=\"+Inf\"")),
                None => {}
            }
            out.push(b'}');
        }
        put(out, format_args!(" {value}\n"));
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec does not fail.
    let _ = out.write_fmt(text);
}

/// Label values: backslash, quote and newline are escaped, nothing else may be.
fn escape(text: &str, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
}
