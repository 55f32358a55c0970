//! `HandlerCore` for Python: encode attached and without a lock, then hand the bytes over without a call into Python.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use headrig_core::simd;
use headrig_handler::buffer::{Buffer, Settings};
use headrig_handler::fork;
use headrig_handler::log_file;
use headrig_handler::output::Output;
use headrig_handler::ring::drain::drain;
use headrig_handler::ship_queue::Shipping;
use headrig_handler::standard_stream::StandardStream;
use headrig_handler::terminate;
use headrig_handler::whole_lines::FILE_MODE;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::engine::Engine;
use crate::errors::{complain, RuleError};
use crate::lines::Lines;
use crate::log_file::GivenRotation;
use crate::record::{encode, Encoded, Interpreter};

/// Longest wait for one line once the interpreter goes down: for a disk, and for an answer from elsewhere.
const LAST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT_SHIPPING: Duration = Duration::from_secs(5);
/// Longest wait for one line that is written through: what a service can bear once from a disk that does not answer.
const SYNC_WAIT: Duration = Duration::from_secs(1);

#[pyclass(frozen, module = "headrig._core")]
pub struct HandlerCore {
    buffer: Arc<Buffer>,
    python: Interpreter,
    /// Gives the context's fields, a dictionary or None.
    context: Py<PyAny>,
    /// The handler's own list: while it is empty, nothing stands between a record and the buffer.
    filters: Py<PyList>,
    /// Gives what handles a record when something does; None once the handler is gone.
    careful: Py<PyAny>,
    /// `sys.is_finalizing`: no thread of Python's runs any more.
    finalizing: Py<PyAny>,
    /// Called with the first record of a forked child.
    forked: Py<PyAny>,
    generation: AtomicU32,
    /// Each line is waited for, as long as the disk answers.
    sync: bool,
    /// A wait for a line was in vain.
    stalled: AtomicBool,
    /// Each line is waited for: the interpreter is going down.
    last: AtomicBool,
    collisions: AtomicU64,
    unprintable: AtomicU64,
}

#[pymethods]
impl HandlerCore {
    #[new]
    #[pyo3(signature = (path, *, shipping, text, ring, sync, entries_max, wait_seconds, spec, rotation, context, filters, careful, stack, filled, mapped, finalizing, forked, record_type))]
    #[allow(clippy::too_many_arguments, reason = "keyword-only arguments of a Python class")]
    fn new(
        py: Python<'_>,
        path: Option<PathBuf>,
        shipping: &str,
        text: bool,
        ring: bool,
        sync: bool,
        entries_max: u64,
        wait_seconds: f64,
        spec: &[u8],
        rotation: GivenRotation,
        context: Py<PyAny>,
        filters: Py<PyList>,
        careful: Py<PyAny>,
        stack: Py<PyAny>,
        filled: Py<PyAny>,
        mapped: Py<PyAny>,
        finalizing: Py<PyAny>,
        forked: Py<PyAny>,
        record_type: Py<PyAny>,
    ) -> PyResult<Self> {
        // An engine is made with the first line, and without one no line is written: so it is said here.
        simd::Path::chosen().map_err(|reason| RuleError::new_err((simd::PATH_VARIABLE, reason)))?;
        let shipping = match shipping {
            "no" => Shipping::No,
            "beside" => Shipping::Beside,
            "only" => Shipping::Only,
            _ => return Err(PyValueError::new_err(format!("unknown shipping {shipping:?}; known: no, beside, only"))),
        };
        let rotation = rotation.rotation()?;
        let stream = standard_stream(py, path.as_deref(), text)?;
        let follows_name = stream.is_none();
        let output = py.detach(|| match (&path, stream) {
            _ if shipping == Shipping::Only => Ok(None),
            (_, Some(stream)) => Ok(Some(Output::stream(stream))),
            (Some(path), None) => open(path, rotation).map(Some),
            (None, None) => Ok(None),
        })?;
        let ring_beside = path
            .filter(|_| ring && !sync && follows_name && !text && shipping == Shipping::No)
            .and_then(|path| whole(&path));
        let wait = Duration::try_from_secs_f64(wait_seconds).unwrap_or(Duration::MAX);
        let settings = Settings { output, ring_beside, shipping, text, spec: spec.to_vec(), entries_max, wait };
        Ok(Self {
            buffer: Buffer::new(settings),
            python: Interpreter { record_type, stack, filled, mapped },
            context,
            filters,
            careful,
            finalizing,
            forked,
            generation: AtomicU32::new(fork::generation()),
            sync,
            stalled: AtomicBool::new(false),
            last: AtomicBool::new(false),
            collisions: AtomicU64::new(0),
            unprintable: AtomicU64::new(0),
        })
    }

    /// What `logging` calls: straight to the buffer unless the handler has filters.
    fn handle<'py>(&self, record: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = record.py();
        if !self.filters.bind(py).is_empty() {
            let careful = self.careful.bind(py).call0()?;
            if !careful.is_none() {
                return careful.call1((record,));
            }
        }
        self.emit(record, None)
    }

    #[pyo3(signature = (record, message = None, /))]
    fn emit<'py>(
        &self,
        record: Bound<'py, PyAny>,
        message: Option<Bound<'py, PyString>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = record.py();
        if self.generation.load(Ordering::Relaxed) != fork::generation() {
            self.begin_in_child(py);
        }
        match catch_unwind(AssertUnwindSafe(|| self.encode(&record, message.as_ref()))) {
            Ok(Ok(mut encoded)) => {
                self.take_line(py, &encoded.line, encoded.level);
                if encoded.collisions + encoded.unprintable > 0 {
                    self.collisions.fetch_add(encoded.collisions, Ordering::Relaxed);
                    self.unprintable.fetch_add(encoded.unprintable, Ordering::Relaxed);
                }
                if let Some(stop) = encoded.stop.take() {
                    return Err(stop);
                }
            }
            // No record, or a bug of ours.
            Ok(Err(_)) | Err(_) => py.detach(|| self.buffer.lose()),
        }
        Ok(record)
    }

    fn flush(&self, py: Python<'_>, timeout_seconds: f64) -> bool {
        let timeout = Duration::try_from_secs_f64(timeout_seconds).unwrap_or_default().min(Duration::from_secs(86_400));
        py.detach(|| self.buffer.flush(timeout))
    }

    fn close(&self) {
        self.buffer.close();
    }

    fn number(&self) -> Option<i32> {
        self.buffer.settings.output.as_ref().and_then(Output::number)
    }

    /// Raises OSError when no descriptor is left.
    fn open_ship_queue(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(py.detach(|| self.buffer.open_ship_queue())?)
    }

    fn take(&self, py: Python<'_>) -> Option<Lines> {
        // Detached only where it has to wait: a thread that detaches while the interpreter goes down does not come back.
        let taken = self.buffer.try_take().unwrap_or_else(|| py.detach(|| self.buffer.take()));
        taken.map(|inner| Lines { inner })
    }

    fn settle(&self, py: Python<'_>, lost: u64) {
        if !self.buffer.try_settle(lost) {
            py.detach(|| self.buffer.settle(lost));
        }
    }

    fn abandon(&self, py: Python<'_>) {
        py.detach(|| self.buffer.abandon());
    }

    fn engine(&self, py: Python<'_>) -> PyResult<Engine> {
        let engine = py.detach(|| self.buffer.engine());
        engine.map(|inner| Engine { inner }).ok_or_else(|| PyValueError::new_err("the spec cannot be used"))
    }

    fn set_engine(&self, py: Python<'_>, engine: &Bound<'_, Engine>) {
        let engine = engine.get().inner.clone();
        py.detach(|| self.buffer.set_engine(engine));
    }

    /// The process ends: no ring is left if everything is written.
    fn remove_ring(&self) {
        self.buffer.remove_ring(false);
    }

    fn wait_for_each(&self) {
        self.last.store(true, Ordering::Relaxed);
    }

    fn ship_counters(&self, py: Python<'_>) -> BTreeMap<&'static str, u64> {
        let counters = py.detach(|| self.buffer.ship_counters());
        BTreeMap::from([
            ("offered", counters.offered),
            ("delivered", counters.delivered),
            ("dropped", counters.dropped),
            ("waiting", counters.waiting),
        ])
    }

    fn tally(&self, py: Python<'_>) -> Vec<(&'static str, String, u64)> {
        let tally = py.detach(|| self.buffer.tally());
        tally.into_iter().map(|((kind, name), count)| (kind, name, count)).collect()
    }

    fn counts(&self, py: Python<'_>) -> BTreeMap<&'static str, u64> {
        let counts = py.detach(|| self.buffer.counts());
        BTreeMap::from([
            ("received", counts.received),
            ("written", counts.written),
            ("dropped", counts.dropped()),
            ("dropped_full", counts.dropped_full),
            ("waiting", counts.waiting),
            ("write_errors", counts.write_errors),
            ("collisions", self.collisions.load(Ordering::Relaxed)),
            ("unprintable", self.unprintable.load(Ordering::Relaxed)),
        ])
    }
}

impl HandlerCore {
    fn encode(&self, record: &Bound<'_, PyAny>, message: Option<&Bound<'_, PyString>>) -> PyResult<Encoded> {
        let bound = self.context.bind(record.py()).call0()?;
        encode(&self.python, record, message, bound.cast::<PyDict>().ok())
    }

    /// The first record of a forked child. What fails there does not concern who logs.
    fn begin_in_child(&self, py: Python<'_>) {
        self.generation.store(fork::generation(), Ordering::Relaxed);
        self.collisions.store(0, Ordering::Relaxed);
        self.unprintable.store(0, Ordering::Relaxed);
        let _ = self.forked.bind(py).call0();
    }

    /// Have the line written before the process is gone.
    fn wait_at_exit(&self, py: Python<'_>) -> bool {
        if self.buffer.settings.shipping != Shipping::Only {
            // The writer never wants the interpreter, so it may be waited for while attached.
            return self.buffer.flush(LAST_WAIT);
        }
        let alone = self.finalizing.bind(py).call0().and_then(|ending| ending.is_truthy()).unwrap_or(true);
        !alone && py.detach(|| self.buffer.flush(LAST_WAIT_SHIPPING))
    }

    fn take_line(&self, py: Python<'_>, line: &[u8], level: i64) {
        // Others go on meanwhile.
        if self.buffer.is_undecided() {
            py.detach(|| self.buffer.prepare());
        }
        if !self.buffer.takes_redacted() {
            return self.push(py, line, level);
        }
        match self.buffer.redacted(line) {
            Some(redacted) => self.push(py, redacted.bytes(), level),
            None => self.buffer.lose(),
        }
    }

    /// Wait for the line; after a wait in vain not again before everything is written.
    fn write_through(&self) {
        if !self.stalled.load(Ordering::Relaxed) || self.buffer.counts().waiting <= 1 {
            self.stalled.store(!self.buffer.flush(SYNC_WAIT), Ordering::Relaxed);
        }
    }

    fn push(&self, py: Python<'_>, line: &[u8], level: i64) {
        if !self.buffer.try_push(line, level) {
            // Whoever is inside may be a thread that forks and wants the interpreter for its hooks.
            py.detach(|| self.buffer.push(line, level));
        }
        if self.sync {
            py.detach(|| self.write_through());
        }
        if self.last.load(Ordering::Relaxed) && !self.wait_at_exit(py) {
            self.last.store(false, Ordering::Relaxed);
            // Nobody is left to tell it: not a thread that ships, nor one that prints.
            complain(&format!("gave up at exit: lines not written: {}", self.buffer.counts().waiting));
        }
    }
}

/// Whether neither Python nor C code takes a signal.
#[pyfunction]
pub fn signal_is_default(number: i32) -> bool {
    terminate::is_default(number)
}

/// Write what waits when SIGTERM ends the process, unless somebody takes that signal.
#[pyfunction]
pub fn flush_on_terminate() {
    terminate::flush_on_terminate();
}

/// Have SIGTERM end the process at once again, unless somebody else takes it.
#[pyfunction]
pub fn end_on_terminate() {
    terminate::end_on_terminate();
}

/// Standard output or error, if lines go there.
fn standard_stream(py: Python<'_>, path: Option<&Path>, text: bool) -> PyResult<Option<StandardStream>> {
    let Some(error) = path.map_or(Some(text), StandardStream::named) else { return Ok(None) };
    let name = if error { "__stderr__" } else { "__stdout__" };
    Ok(Some(StandardStream::new(error, py.import("sys")?.getattr(name)?.is_none())))
}

/// The path of a regular file, whatever the working directory will be.
fn whole(path: &Path) -> Option<PathBuf> {
    path.metadata().ok().filter(Metadata::is_file)?;
    std::path::absolute(path).ok()
}

/// The log file.
fn open(path: &Path, rotation: Option<log_file::Rotation>) -> PyResult<Output> {
    // Before it is opened: a line that its writer left unfinished is taken back by who has it whole.
    let drained = drain(path, FILE_MODE);
    let settings = log_file::Settings { path: path.to_path_buf(), mode: FILE_MODE, fsync: false, rotation };
    let output = Output::log_file(settings).map_err(|error| named(&error, path))?;
    if let Err(error) = drained {
        output.note_ring(&error);
    }
    Ok(output)
}

/// The error as `open()` raises it: with its number and the file's name.
fn named(error: &io::Error, path: &Path) -> PyErr {
    let Some(number) = error.raw_os_error() else { return PyOSError::new_err(format!("{}: {error}", path.display())) };
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_owned();
    PyOSError::new_err((number, text, path.to_path_buf().into_os_string()))
}

impl Drop for HandlerCore {
    fn drop(&mut self) {
        self.buffer.close();
    }
}
