//! `FileReader` and `FileWriter` for Python: a log file's text, and the same form back.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};

use headrig_query::form::{Compression, Encoding, Form};
use headrig_query::reader::{ReadError, READ_BYTES_MIN};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::DecodeError;
use crate::shared_bytes::bytes_of;

/// A descriptor of Python's, which stays open.
struct Borrowed(ManuallyDrop<File>);

impl Read for Borrowed {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

#[pyclass(module = "headrig._core")]
pub struct FileReader {
    inner: headrig_query::reader::FileReader<Borrowed>,
}

#[pymethods]
impl FileReader {
    #[new]
    fn new(py: Python<'_>, descriptor: RawFd) -> PyResult<Self> {
        if descriptor < 0 {
            return Err(PyValueError::new_err("no descriptor"));
        }
        // SAFETY: whoever calls keeps the descriptor open meanwhile, and it is never closed here: at worst a read fails.
        let file = Borrowed(ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) }));
        let inner = py.detach(|| headrig_query::reader::FileReader::open(file)).map_err(read_error)?;
        Ok(Self { inner })
    }

    fn read_into(&mut self, py: Python<'_>, room: &Bound<'_, PyAny>) -> PyResult<usize> {
        let buffer = PyBuffer::<u8>::get(room)?;
        if buffer.readonly() || !buffer.is_c_contiguous() || buffer.len_bytes() < READ_BYTES_MIN {
            return Err(PyValueError::new_err(format!("at least {READ_BYTES_MIN} bytes to write to are needed")));
        }
        // SAFETY: the buffer is writable, whole and held until the end of this call, and by the contract of a read nobody
        // else touches it meanwhile.
        let out = unsafe { std::slice::from_raw_parts_mut(buffer.buf_ptr().cast::<u8>(), buffer.len_bytes()) };
        loop {
            match py.detach(|| self.inner.read(out)) {
                Err(ReadError::Io(error)) if error.kind() == ErrorKind::Interrupted => py.check_signals()?,
                read => return read.map_err(read_error),
            }
        }
    }

    #[getter]
    fn form(&self) -> String {
        self.inner.form().name()
    }

    #[getter]
    fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    fn writer(&self) -> PyResult<FileWriter> {
        let form = self.inner.form();
        let plain = form == Form { compression: Compression::None, encoding: Encoding::Bytes };
        let inner = match plain {
            true => None,
            false => Some(headrig_query::writer::FileWriter::new(form).map_err(os_error)?),
        };
        Ok(FileWriter { inner, plain })
    }

    #[getter]
    fn rest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.inner.rest())
    }
}

#[pyclass(module = "headrig._core")]
pub struct FileWriter {
    inner: Option<headrig_query::writer::FileWriter>,
    #[pyo3(get)]
    plain: bool,
}

#[pymethods]
impl FileWriter {
    fn write<'py>(&mut self, text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let py = text.py();
        let text = bytes_of(text)?;
        match &mut self.inner {
            Some(inner) => Ok(PyBytes::new(py, &py.detach(|| inner.write(&text)).map_err(os_error)?)),
            None => Ok(PyBytes::new(py, &text)),
        }
    }

    fn finish<'py>(&mut self, py: Python<'py>, rest: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        match self.inner.take() {
            Some(inner) => Ok(PyBytes::new(py, &py.detach(|| inner.finish(rest)).map_err(os_error)?)),
            None => Ok(PyBytes::new(py, rest)),
        }
    }
}

fn read_error(error: ReadError) -> PyErr {
    match error {
        ReadError::Io(error) => os_error(error),
        other => DecodeError::new_err(other.to_string()),
    }
}

/// With its number, by which Python chooses the class.
fn os_error(error: io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(number) => {
            let text = error.to_string();
            let words = text.split(" (os error").next().unwrap_or_default().to_owned();
            PyOSError::new_err((number, words))
        }
        None => PyOSError::new_err(error.to_string()),
    }
}
