//! `Engine`, `Lane` and what they give, for Python.

use std::collections::BTreeMap;
use std::sync::Arc;

use headrig_core::findings::Finding;
use headrig_core::json::broken::Broken;
use headrig_core::metrics::window::store::TimeDomain;
use headrig_core::metrics::window::timing::{Arrival, Run};
use headrig_core::metrics::Reading;
use headrig_core::spec;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMapping};

use crate::errors::RuleError;
use crate::lines::Lines;
use crate::shared_bytes::bytes_of;

#[pyclass(frozen, module = "headrig._core")]
pub struct Engine {
    pub inner: headrig_core::engine::Engine,
}

#[pyclass(frozen, module = "headrig._core")]
pub struct Lane {
    inner: Arc<headrig_core::engine::Lane>,
}

#[pyclass(frozen, get_all, module = "headrig._core")]
pub struct Processed {
    lines: Py<Lines>,
    lines_in: u64,
    lines_out: u64,
    time_max_seconds: Option<f64>,
    broken: BTreeMap<&'static str, u64>,
    dropped: BTreeMap<&'static str, u64>,
    redactions: BTreeMap<String, u64>,
    normalized: BTreeMap<&'static str, u64>,
}

#[pyclass(frozen, get_all, module = "headrig._core")]
pub struct Values {
    tick_seconds: f64,
    rows: Vec<(String, BTreeMap<String, String>, f64, u64)>,
}

/// Line, first byte and the one behind the last, rule, path.
type Row = (u64, usize, usize, String, String);
/// Start, end, rule, token, path.
type Found<'py> = (usize, usize, String, Bound<'py, PyBytes>, String);

fn rule_error(error: spec::RuleError) -> PyErr {
    RuleError::new_err((error.rule, error.reason))
}

fn domain_named(name: &str) -> PyResult<TimeDomain> {
    TimeDomain::named(name).ok_or_else(|| PyValueError::new_err("time_domain must be events or recorded"))
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (spec = b"".as_slice(), previous = None))]
    fn new(py: Python<'_>, spec: &[u8], previous: Option<&Bound<'_, Engine>>) -> PyResult<Self> {
        let previous = previous.map(|engine| engine.get().inner.clone());
        let inner = py.detach(|| headrig_core::engine::Engine::new(spec, previous.as_ref())).map_err(rule_error)?;
        Ok(Self { inner })
    }

    #[getter]
    fn path(&self) -> &'static str {
        self.inner.path()
    }

    #[getter]
    fn searched_everywhere(&self) -> Vec<&str> {
        self.inner.searched_everywhere()
    }

    fn lane(&self, name: &str) -> Lane {
        Lane { inner: self.inner.lane(name) }
    }

    fn close_lane(&self, py: Python<'_>, name: &str) {
        py.detach(|| self.inner.close_lane(name));
    }

    fn record(
        &self,
        py: Python<'_>,
        metric: &str,
        value: f64,
        labels: &Bound<'_, PyMapping>,
        time_seconds: f64,
    ) -> PyResult<()> {
        let items = labels.items()?;
        let mut owned: Vec<(String, String)> = Vec::with_capacity(items.len());
        for item in items.iter() {
            owned.push(item.extract()?);
        }
        py.detach(|| {
            let labels: Vec<(&str, &str)> = owned.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            self.inner.record(metric, value, &labels, time_seconds);
        });
        Ok(())
    }

    fn watermark(&self, py: Python<'_>, now_seconds: f64) -> Option<f64> {
        py.detach(|| self.inner.watermark(now_seconds))
    }

    #[pyo3(signature = (tick_seconds, time_domain = None))]
    fn evaluate(&self, py: Python<'_>, tick_seconds: f64, time_domain: Option<&str>) -> PyResult<Values> {
        let domain = time_domain.map(domain_named).transpose()?;
        let readings = py.detach(|| self.inner.evaluate(tick_seconds, domain));
        let row = |reading: Reading| {
            (reading.threshold, reading.labels.into_iter().collect(), reading.value, reading.samples)
        };
        Ok(Values { tick_seconds, rows: readings.into_iter().map(row).collect() })
    }

    fn oldest_pane_seconds(&self, py: Python<'_>, time_domain: &str) -> PyResult<Option<f64>> {
        let domain = domain_named(time_domain)?;
        Ok(py.detach(|| self.inner.oldest_pane_seconds(domain)))
    }

    fn time_domains(&self, py: Python<'_>) -> BTreeMap<String, &'static str> {
        py.detach(|| self.inner.time_domains()).into_iter().map(|(name, domain)| (name, domain.as_str())).collect()
    }

    fn totals<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.inner.totals()))
    }

    fn recent(&self, py: Python<'_>, r#where: &[u8], after: u64, limit: usize) -> PyResult<Lines> {
        let text = std::str::from_utf8(r#where)
            .map_err(|error| rule_error(spec::RuleError::new("where", error.to_string())))?;
        let inner = py.detach(|| self.inner.recent(text, after, limit)).map_err(rule_error)?;
        Ok(Lines { inner })
    }

    fn state(&self, py: Python<'_>) -> BTreeMap<&'static str, f64> {
        py.detach(|| self.inner.state()).into_iter().collect()
    }

    fn lanes_behind(&self, py: Python<'_>, now_seconds: f64) -> BTreeMap<String, f64> {
        py.detach(|| self.inner.lanes_behind(now_seconds)).into_iter().collect()
    }

    fn redact<'py>(&self, text: &Bound<'py, PyAny>, json: bool) -> PyResult<Bound<'py, PyBytes>> {
        let py = text.py();
        let text = bytes_of(text)?;
        Ok(PyBytes::new(py, &py.detach(|| self.inner.redact(&text, json))))
    }

    fn find<'py>(&self, text: &Bound<'py, PyAny>, json: bool) -> PyResult<Vec<Found<'py>>> {
        let py = text.py();
        let text = bytes_of(text)?;
        let found = py.detach(|| self.inner.find(&text, json)).into_iter();
        Ok(found.map(|each| (each.start, each.end, each.rule, PyBytes::new(py, &each.token), each.path)).collect())
    }
}

#[pymethods]
impl Lane {
    #[getter]
    fn name(&self) -> &str {
        &self.inner.name
    }

    #[pyo3(signature = (lines, arrival_seconds, monotonic_seconds = None, runs = Vec::new()))]
    fn process(
        &self,
        lines: &Bound<'_, PyAny>,
        arrival_seconds: f64,
        monotonic_seconds: Option<f64>,
        runs: Vec<(u64, usize)>,
    ) -> PyResult<Processed> {
        let py = lines.py();
        let lines = bytes_of(lines)?;
        let runs: Vec<Run> = runs.into_iter().map(|(sender, first_byte)| Run { sender, first_byte }).collect();
        let arrival = Arrival {
            seconds: arrival_seconds,
            monotonic_seconds: monotonic_seconds.unwrap_or(arrival_seconds),
            runs: &runs,
        };
        Processed::new(py, py.detach(|| self.inner.process(&lines, arrival)))
    }

    fn explain(&self, lines: &Bound<'_, PyAny>, arrival_seconds: f64) -> PyResult<(Processed, Vec<Row>)> {
        let py = lines.py();
        let lines = bytes_of(lines)?;
        let (processed, findings) = py.detach(|| self.inner.explain(&lines, arrival_seconds));
        let row = |finding: Finding| {
            let rule = self.inner.rule_name(finding.rule).to_owned();
            (finding.line, finding.start, finding.end, rule, finding.path)
        };
        Ok((Processed::new(py, processed)?, findings.into_iter().map(row).collect()))
    }
}

impl Processed {
    fn new(py: Python<'_>, processed: headrig_core::processed::Processed) -> PyResult<Self> {
        Ok(Self {
            lines: Py::new(py, Lines { inner: processed.lines })?,
            lines_in: processed.lines_in,
            lines_out: processed.lines_out,
            time_max_seconds: processed.time_max_seconds,
            broken: Broken::ALL
                .iter()
                .zip(processed.broken)
                .filter(|(_, n)| *n > 0)
                .map(|(b, n)| (b.as_str(), n))
                .collect(),
            dropped: [("blank", processed.dropped_blank)].into_iter().filter(|(_, n)| *n > 0).collect(),
            redactions: processed.redactions.into_iter().collect(),
            normalized: [
                ("crlf", processed.normalized.crlf),
                ("bom", processed.normalized.bom),
                ("non_finite", processed.normalized.non_finite),
                ("lone_surrogates", processed.normalized.lone_surrogates),
            ]
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .collect(),
        })
    }
}
