//! `Lines` for Python: the buffer protocol over memory that all sinks share.

use std::ffi::c_int;

use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

#[pyclass(frozen, module = "headrig._core")]
pub struct Lines {
    pub inner: headrig_core::io::lines::Lines,
}

#[pymethods]
impl Lines {
    #[getter]
    fn count(&self) -> usize {
        self.inner.count()
    }

    fn __len__(&self) -> usize {
        self.inner.bytes().len()
    }

    fn slice(&self, first: usize, last: usize) -> Self {
        Self { inner: self.inner.slice(first, last) }
    }

    fn encode<'py>(&self, py: Python<'py>, format: &str) -> PyResult<Bound<'py, PyBytes>> {
        match format {
            "array" => Ok(PyBytes::new(py, &py.detach(|| self.inner.array()))),
            _ => Err(PyValueError::new_err(format!("unknown format {format:?}; known: array"))),
        }
    }

    /// # Safety
    /// Called by Python with a `view` it owns.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: the bytes are immutable and live as long as this frozen object.
        unsafe { expose(slf.as_any(), slf.get().inner.bytes(), view, flags) }
    }
}

/// Fill a read-only view of `bytes`.
///
/// # Safety
/// Nobody changes the bytes, and they live as long as `owner`, which the view keeps alive.
pub unsafe fn expose(owner: &Bound<'_, PyAny>, bytes: &[u8], view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
    if view.is_null() {
        return Err(PyBufferError::new_err("no view"));
    }
    let (data, len) = (bytes.as_ptr(), bytes.len() as ffi::Py_ssize_t);
    // SAFETY: by the contract above; read-only is enforced by the fifth argument.
    if unsafe { ffi::PyBuffer_FillInfo(view, owner.as_ptr(), data.cast_mut().cast(), len, 1, flags) } == 0 {
        Ok(())
    } else {
        Err(PyErr::fetch(owner.py()))
    }
}
