//! `Engine`, `Lane` and what they give, for Python.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use headrig_core::spec;
use headrig_core::walk::Broken;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::lines::Lines;
use crate::{bytes_of, RuleError};

#[pyclass(frozen, module = "headrig._core")]
pub struct Engine {
    inner: headrig_core::engine::Engine,
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

fn rule_error(error: spec::RuleError) -> PyErr {
    RuleError::new_err((error.rule, error.reason))
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

    fn lane(&self, name: &str) -> Lane {
        Lane { inner: self.inner.lane(name) }
    }

    fn record(&self, metric: &str, value: f64, labels: HashMap<String, String>, time_seconds: f64) {
        let _ = (metric, value, labels, time_seconds);
    }

    fn watermark(&self, now_seconds: f64) -> Option<f64> {
        let _ = now_seconds;
        None
    }

    fn evaluate(&self, tick_seconds: f64) -> Values {
        Values { tick_seconds, rows: Vec::new() }
    }

    fn totals<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, b"")
    }

    fn recent(&self, py: Python<'_>, r#where: &[u8], after: u64, limit: usize) -> PyResult<Lines> {
        let text = std::str::from_utf8(r#where)
            .map_err(|error| rule_error(spec::RuleError::new("where", error.to_string())))?;
        let inner = py.detach(|| self.inner.recent(text, after, limit)).map_err(rule_error)?;
        Ok(Lines { inner })
    }

    fn state(&self) -> BTreeMap<&'static str, f64> {
        BTreeMap::new()
    }

    fn lanes_behind(&self, now_seconds: f64) -> BTreeMap<String, f64> {
        let _ = now_seconds;
        BTreeMap::new()
    }

    fn redact<'py>(&self, text: &Bound<'py, PyAny>, json: bool) -> PyResult<Bound<'py, PyBytes>> {
        let _ = json;
        Ok(PyBytes::new(text.py(), &bytes_of(text)?))
    }
}

#[pymethods]
impl Lane {
    #[getter]
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn process(&self, lines: &Bound<'_, PyAny>, arrival_seconds: f64) -> PyResult<Processed> {
        let py = lines.py();
        let lines = bytes_of(lines)?;
        let processed = py.detach(|| self.inner.process(&lines, arrival_seconds));
        Ok(Processed {
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
            ]
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .collect(),
        })
    }
}
