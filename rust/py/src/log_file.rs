//! `LogFile` for Python: whole lines to a file that is rotated.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use headrig_handler::log_file::{self, reason_of, Compression, Rotation, Settings};
use headrig_handler::ring::drain::drain;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::shared_bytes::{bytes_of, Shared};

/// Settings of a rotation as Python names them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct GivenRotation {
    rotate_bytes: Option<u64>,
    rotate_seconds: Option<u64>,
    keep: Option<usize>,
    total_bytes_max: Option<u64>,
    compress: Option<String>,
    compress_delay: usize,
}

impl GivenRotation {
    /// None: nothing is rotated.
    ///
    /// # Errors
    /// An unknown compression.
    pub fn rotation(self) -> PyResult<Option<Rotation>> {
        let compression = match self.compress.as_deref() {
            None => None,
            Some("gzip") => Some(Compression::Gzip),
            Some("zstd") => Some(Compression::Zstd),
            Some(_) => return Err(PyValueError::new_err("unknown compression; known: gzip, zstd")),
        };
        Ok((self.rotate_bytes.is_some() || self.rotate_seconds.is_some()).then_some(Rotation {
            bytes_max: self.rotate_bytes,
            period_seconds: self.rotate_seconds,
            keep: self.keep,
            total_bytes_max: self.total_bytes_max,
            compression,
            compress_delay: self.compress_delay,
        }))
    }
}

#[pyclass(frozen, module = "headrig._core")]
pub struct LogFile {
    inner: Mutex<log_file::LogFile>,
}

impl LogFile {
    fn lock(&self) -> MutexGuard<'_, log_file::LogFile> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl LogFile {
    #[new]
    #[pyo3(signature = (path, *, mode, fsync = false, rotation = None))]
    fn new(py: Python<'_>, path: PathBuf, mode: u32, fsync: bool, rotation: Option<GivenRotation>) -> PyResult<Self> {
        let rotation = rotation.map_or(Ok(None), GivenRotation::rotation)?;
        // Lines that a service on this path could not write any more.
        let drained = py.detach(|| drain(&path, mode));
        let mut inner = log_file::LogFile::unopened(Settings { path, mode, fsync, rotation });
        if let Err(error) = drained {
            inner.note_ring(&error);
        }
        Ok(Self { inner: Mutex::new(inner) })
    }

    fn append(
        &self,
        py: Python<'_>,
        batches: Vec<Bound<'_, PyAny>>,
        written: usize,
        now_seconds: f64,
    ) -> PyResult<(usize, Option<String>)> {
        let batches = batches.iter().map(bytes_of).collect::<PyResult<Vec<Shared>>>()?;
        let now = SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(now_seconds).unwrap_or_default();
        Ok(py.detach(|| {
            let (mut log, mut before) = (self.lock(), 0);
            for batch in &batches {
                let mut written_of_batch = written.saturating_sub(before).min(batch.len());
                if let Err(error) = log.append(batch, &mut written_of_batch, now) {
                    return (before + written_of_batch, Some(reason_of(&error)));
                }
                before += batch.len();
            }
            (before, None)
        }))
    }

    fn changes(&self, py: Python<'_>) -> Vec<String> {
        py.detach(|| self.lock().changes().iter().map(ToString::to_string).collect())
    }

    /// Raises OSError.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.lock().sync()).map_err(|error| {
            // As `os.fsync` raises it: who calls looks at the number.
            PyOSError::new_err((error.raw_os_error(), reason_of(&error)))
        })
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.lock().close());
    }

    fn wait_until_tidy(&self, py: Python<'_>) {
        py.detach(|| self.lock().wait_until_tidy());
    }
}
