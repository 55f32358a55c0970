//! `Framer` for Python.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::bytes_of;

#[pyclass(module = "headrig._core")]
pub struct Framer {
    inner: headrig_core::frame::Framer,
}

#[pymethods]
impl Framer {
    #[new]
    #[pyo3(signature = (line_bytes_max = headrig_core::limits::LINE_BYTES_MAX))]
    fn new(line_bytes_max: usize) -> Self {
        Self { inner: headrig_core::frame::Framer::new(line_bytes_max) }
    }

    fn feed<'py>(&mut self, chunk: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyBytes>, usize)> {
        let py = chunk.py();
        let chunk = bytes_of(chunk)?;
        let (out, count) = py.detach(|| {
            let mut out = Vec::with_capacity(self.inner.partial_bytes() + chunk.len());
            let count = self.inner.feed(&chunk, &mut out);
            (out, count)
        });
        Ok((PyBytes::new(py, &out), count))
    }

    fn finish<'py>(&mut self, py: Python<'py>) -> (Bound<'py, PyBytes>, usize) {
        let mut out = Vec::new();
        let count = self.inner.finish(&mut out);
        (PyBytes::new(py, &out), count)
    }

    #[getter]
    fn partial_bytes(&self) -> usize {
        self.inner.partial_bytes()
    }
}
