//! `write_lines` for Python: whole lines to a descriptor that others may write to as well.

use std::os::fd::{BorrowedFd, RawFd};

use headrig_handler::whole_lines;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::shared_bytes::bytes_of;

#[pyfunction]
pub fn write_lines(descriptor: RawFd, lines: &Bound<'_, PyAny>, written: usize) -> PyResult<(usize, i32)> {
    if descriptor < 0 {
        return Err(PyValueError::new_err("no descriptor"));
    }
    let (py, bytes, mut written) = (lines.py(), bytes_of(lines)?, written);
    let done = py.detach(|| {
        // SAFETY: whoever calls keeps the descriptor open meanwhile, and it is none of ours: at worst a write fails.
        let to = unsafe { BorrowedFd::borrow_raw(descriptor) };
        whole_lines::write_lines(to, &bytes, &mut written)
    });
    Ok((written, done.err().and_then(|error| error.raw_os_error()).unwrap_or(0)))
}
