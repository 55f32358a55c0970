//! `Framer`, `JsonSplitter`, `ReadBuffer` and `RawLines` for Python: bytes are read where the core will find them.

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::sync::Arc;

use headrig_core::io::splitter::{Framing, SplitError};
use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::block::{Block, Filled, Pool};
use crate::errors::DecodeError;
use crate::lines::expose;
use crate::shared_bytes::bytes_of;

/// A read of less than this is not worth asking for: the buffer goes on with a new block instead.
const ROOM_BYTES_MIN: usize = 64 * 1024;

#[pyclass(module = "headrig._core")]
pub struct Framer {
    inner: headrig_core::io::frame::Framer,
}

#[pymethods]
impl Framer {
    #[new]
    #[pyo3(signature = (line_bytes_max = headrig_core::limits::LINE_BYTES_MAX))]
    fn new(line_bytes_max: usize) -> Self {
        Self { inner: headrig_core::io::frame::Framer::new(line_bytes_max) }
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

#[pyclass(module = "headrig._core")]
pub struct JsonSplitter {
    inner: headrig_core::io::splitter::JsonSplitter,
}

#[pymethods]
impl JsonSplitter {
    #[new]
    #[pyo3(signature = (line_bytes_max = headrig_core::limits::LINE_BYTES_MAX, *, sequence = false))]
    fn new(line_bytes_max: usize, sequence: bool) -> Self {
        let framing = if sequence { Framing::Sequence } else { Framing::Documents };
        Self { inner: headrig_core::io::splitter::JsonSplitter::new(framing, line_bytes_max) }
    }

    fn feed<'py>(&mut self, chunk: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyBytes>, usize)> {
        let py = chunk.py();
        let chunk = bytes_of(chunk)?;
        let (out, count) = py.detach(|| {
            let mut out = Vec::with_capacity(self.inner.partial_bytes() + chunk.len());
            let count = self.inner.feed(&chunk, &mut out);
            (out, count)
        });
        Ok((PyBytes::new(py, &out), count.map_err(decode_error)?))
    }

    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, usize)> {
        let mut out = Vec::new();
        let count = self.inner.finish(&mut out).map_err(decode_error)?;
        Ok((PyBytes::new(py, &out), count))
    }

    #[getter]
    fn partial_bytes(&self) -> usize {
        self.inner.partial_bytes()
    }
}

fn decode_error(error: SplitError) -> PyErr {
    DecodeError::new_err(error.to_string())
}

/// Room that was given to read into, and to whom.
struct Given {
    framer: Py<Framer>,
    /// Behind the gap for what the framer carries.
    room: Range<usize>,
}

#[pyclass(module = "headrig._core")]
pub struct ReadBuffer {
    block_bytes: usize,
    pool: Arc<Pool>,
    block: Arc<Block>,
    /// The fill mark: what lies before it is shared.
    filled: usize,
    given: Option<Given>,
}

#[pymethods]
impl ReadBuffer {
    #[new]
    fn new(block_bytes: usize) -> Self {
        let pool = Arc::new(Pool::default());
        let block = pool.block(block_bytes);
        Self { block_bytes, pool, block, filled: 0, given: None }
    }

    fn room<'py>(slf: Bound<'py, Self>, framer: Py<Framer>, bytes_max: usize) -> PyResult<Bound<'py, Self>> {
        let gap = framer.try_borrow(slf.py())?.inner.partial_bytes();
        let mut this = slf.try_borrow_mut()?;
        if this.block.len() - this.filled < gap + bytes_max.min(ROOM_BYTES_MIN) {
            this.next_block(gap + bytes_max);
        }
        let start = this.filled + gap;
        let room = start..this.block.len().min(start + bytes_max);
        this.given = Some(Given { framer, room });
        drop(this);
        Ok(slf)
    }

    fn take(&mut self, py: Python<'_>, count: usize) -> PyResult<(RawLines, usize)> {
        let given = self.given.take().filter(|given| count <= given.room.len());
        let given = given.ok_or_else(|| PyValueError::new_err("more was taken than room was given"))?;
        let mut framer = given.framer.try_borrow_mut(py)?;
        if self.filled + framer.inner.partial_bytes() != given.room.start {
            return Err(PyValueError::new_err("the framer was used since room was given"));
        }
        let start = self.filled;
        // SAFETY: it lies at or after the fill mark, and whoever was given the room has said that it wrote its part.
        let taken = framer.inner.take(unsafe { self.block.unfilled(start..given.room.start + count) });
        self.filled = start + taken.bytes;
        // SAFETY: the fill mark has just moved behind it.
        let lines = unsafe { Filled::new(Arc::clone(&self.block), start..self.filled) };
        Ok((RawLines { lines }, taken.lines))
    }

    fn __len__(&self) -> usize {
        self.given.as_ref().map_or(0, |given| given.room.len())
    }

    /// # Safety
    /// Called by Python with a `view` it owns.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let this = slf.try_borrow()?;
        let Some(given) = this.given.as_ref().filter(|_| !view.is_null()) else {
            return Err(PyBufferError::new_err("no room was given"));
        };
        let (data, len) = (this.block.address(given.room.start), given.room.len() as ffi::Py_ssize_t);
        // SAFETY: the memory is the block's, which the view keeps alive by the count taken below.
        if unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), data.cast::<c_void>(), len, 0, flags) } != 0 {
            return Err(PyErr::fetch(slf.py()));
        }
        // SAFETY: the view is valid and ours to fill.
        unsafe { (*view).internal = Arc::into_raw(Arc::clone(&this.block)).cast_mut().cast() };
        Ok(())
    }

    /// # Safety
    /// Called by Python, once, with a view that `__getbuffer__` filled.
    unsafe fn __releasebuffer__(&self, view: *mut ffi::Py_buffer) {
        // SAFETY: `internal` is the count that `__getbuffer__` left there.
        drop(unsafe { Arc::from_raw((*view).internal.cast_const().cast::<Block>()) });
    }
}

impl ReadBuffer {
    fn next_block(&mut self, bytes_min: usize) {
        self.block = if bytes_min <= self.block_bytes {
            self.pool.block(self.block_bytes)
        } else {
            // For one very long line.
            Block::alone(vec![0; bytes_min])
        };
        self.filled = 0;
    }
}

#[pyclass(frozen, module = "headrig._core")]
pub struct RawLines {
    pub lines: Filled,
}

#[pymethods]
impl RawLines {
    #[staticmethod]
    fn join(py: Python<'_>, parts: Vec<Bound<'_, PyAny>>) -> PyResult<Self> {
        if let Some(lines) = contiguous(&parts) {
            return Ok(Self { lines });
        }
        let parts = parts.iter().map(bytes_of).collect::<PyResult<Vec<_>>>()?;
        let joined = py.detach(|| {
            let mut joined = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
            parts.iter().for_each(|part| joined.extend_from_slice(part));
            joined
        });
        Ok(Self { lines: Filled::alone(joined) })
    }

    fn follows(&self, before: &Bound<'_, PyAny>) -> bool {
        before.cast::<RawLines>().is_ok_and(|before| self.lines.follows(&before.get().lines))
    }

    fn __len__(&self) -> usize {
        self.lines.len()
    }

    /// # Safety
    /// Called by Python with a `view` it owns.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: what is filled is immutable and lives as long as this frozen object.
        unsafe { expose(slf.as_any(), &slf.get().lines, view, flags) }
    }
}

/// The parts as one piece, where they lie one after the other in one block.
fn contiguous(parts: &[Bound<'_, PyAny>]) -> Option<Filled> {
    let mut parts = parts.iter().map(|part| part.cast::<RawLines>());
    let mut whole = parts.next()?.ok()?.get().lines.clone();
    parts.all(|part| part.is_ok_and(|part| whole.extend(&part.get().lines))).then_some(whole)
}
