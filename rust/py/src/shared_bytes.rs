//! Bytes of Python objects, to be read while the interpreter goes on.

use crate::block::Filled;
use crate::frame::RawLines;
use crate::lines::Lines;
use pyo3::prelude::*;

/// Bytes that nobody changes, to be read without the GIL.
pub enum Shared {
    Bytes(pyo3::pybacked::PyBackedBytes),
    Lines(headrig_core::io::lines::Lines),
    Raw(Filled),
}

impl std::ops::Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Lines(lines) => lines.bytes(),
            Self::Raw(lines) => lines,
        }
    }
}

/// The bytes of any object with a buffer: shared for `bytes`, `Lines` and `RawLines`, copied for everything that may change.
pub fn bytes_of(object: &pyo3::Bound<'_, pyo3::PyAny>) -> pyo3::PyResult<Shared> {
    if let Ok(lines) = object.cast::<RawLines>() {
        return Ok(Shared::Raw(lines.get().lines.clone()));
    }
    if let Ok(lines) = object.cast::<Lines>() {
        return Ok(Shared::Lines(lines.get().inner.clone()));
    }
    if let Ok(bytes) = object.extract() {
        return Ok(Shared::Bytes(bytes));
    }
    let buffer = pyo3::buffer::PyBuffer::<u8>::get(object)?;
    let copy = pyo3::types::PyBytes::new(object.py(), &buffer.to_vec(object.py())?);
    Ok(Shared::Bytes(copy.into()))
}
