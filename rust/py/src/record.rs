//! A `logging.LogRecord` as one line. The record is shared with other handlers: it is only read.

use std::cell::{Cell, RefCell};
use std::ptr;

use headrig_handler::level;
use headrig_handler::line::{self, Clock};
use pyo3::exceptions::PyBaseException;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::parts::Parts;
use crate::value::Values;

/// A larger scratch buffer is given back after the record that wanted it.
const SCRATCH_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::default();
    /// Taken while a record is written: one that is logged meanwhile gets a fresh one.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What became of a record.
pub struct Encoded {
    pub line: Vec<u8>,
    pub level: i64,
    pub collisions: u64,
    pub unprintable: u64,
    pub stop: Option<PyErr>,
}

impl Drop for Encoded {
    fn drop(&mut self) {
        if self.line.capacity() <= SCRATCH_BYTES_MAX {
            self.line.clear();
            let line = std::mem::take(&mut self.line);
            // A thread that ends has no scratch any more.
            let _ = SCRATCH.try_with(|scratch| scratch.set(line));
        }
    }
}

/// Python's own part in encoding.
pub struct Interpreter {
    /// `logging.LogRecord`
    pub record_type: Py<PyAny>,
    /// Gives the text of an exception with its stack.
    pub stack: Py<PyAny>,
    /// Gives as much of a message as fits its arguments, and the arguments it has no place for.
    pub filled: Py<PyAny>,
    /// Gives a message with arguments by name, of which those under secret keys are redacted.
    pub mapped: Py<PyAny>,
}

/// Write a record. `message`: what a formatter made of it. `bound`: fields of the context.
pub fn encode<'py>(
    python: &Interpreter,
    record: &Bound<'py, PyAny>,
    message: Option<&Bound<'py, PyString>>,
    bound: Option<&Bound<'py, PyDict>>,
) -> PyResult<Encoded> {
    let mut parts = Parts::of(&members(record)?);
    let mut values = Values::new(SCRATCH.try_with(Cell::take).unwrap_or_default());
    values.out.clear();
    begin(&parts, &mut values.out);
    line::key("message", &mut values.out);
    let note = match message {
        Some(text) => {
            values.text(text);
            None
        }
        None => own_message(python, record, &parts, &mut values),
    };
    line::key("logger", &mut values.out);
    match &parts.name {
        Some(name) => values.shown(name),
        None => values.out.extend_from_slice(b"\"root\""),
    }
    add_bound(&mut parts.extras, bound);
    let error = exception(parts.exc_info.as_ref());
    let has_error = error.is_some() || parts.exc_text.is_some();
    let collisions = extras(&parts.extras, has_error, note.is_some(), &mut values);
    if let Some(stack) = &parts.stack_info {
        values.member("stack_info", stack);
    }
    if let Some(note) = note {
        values.member("headrig", &note);
    }
    if let Some(error) = error {
        write_error(python, &error, &mut values);
    } else if let Some(text) = &parts.exc_text {
        write_error_text(text, &mut values);
    }
    line::end(&mut values.out);
    let Values { out, unprintable, stop, .. } = values;
    Ok(Encoded { line: out, level: parts.level, collisions, unprintable, stop })
}

/// The record's `__dict__`, without the search for that name, which costs 0.4 thousand instructions (2026-12-01).
fn members<'py>(record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    // SAFETY: it takes any object, and gives a new reference or raises.
    let found = unsafe {
        let found = ffi::PyObject_GenericGetDict(record.as_ptr(), ptr::null_mut());
        Bound::from_owned_ptr_or_err(record.py(), found)
    };
    Ok(found?.cast_into()?)
}

fn begin(parts: &Parts<'_>, out: &mut Vec<u8>) {
    let name = parts.levelname.as_ref().and_then(|name| name.cast::<PyString>().ok());
    let name = name.and_then(|name| name.to_str().ok()).unwrap_or_default();
    let level = level::word(name, parts.level);
    CLOCK.with(|clock| match clock.try_borrow_mut() {
        Ok(mut clock) => line::begin(&mut clock, parts.created_seconds, level, out),
        Err(_) => line::begin(&mut Clock::default(), parts.created_seconds, level, out),
    });
}

/// Write the record's own message; what was wrong with its arguments, if anything.
fn own_message<'py>(
    python: &Interpreter,
    record: &Bound<'py, PyAny>,
    parts: &Parts<'py>,
    values: &mut Values,
) -> Option<Bound<'py, PyAny>> {
    let py = record.py();
    let plain = record.get_type().is(python.record_type.bind(py))
        && parts.args.as_ref().is_none_or(|args| args.cast::<PyTuple>().is_ok_and(|args| args.is_empty()));
    if plain {
        match &parts.msg {
            Some(msg) => match before_traceback(parts, msg) {
                Some(text) => values.text(&text),
                None => values.shown(msg),
            },
            None => values.out.extend_from_slice(b"\"None\""),
        }
        return None;
    }
    let given = match parts.args.as_ref().filter(|args| !args.is_instance_of::<PyTuple>()) {
        Some(args) if is_plain(python, record) => python.mapped.bind(py).call1((&parts.msg, args)),
        _ => record.call_method0(intern!(py, "getMessage")),
    };
    match given {
        Ok(text) => {
            values.shown(&text);
            None
        }
        Err(error) => {
            let note = PyDict::new(py);
            let reason = format!("{}: {}", error.get_type(py).name().ok()?, error.value(py).str().ok()?);
            values.failed(py, error);
            // A value in its place is redacted like any other text; one without a place has no word beside it by which
            // a secret is known, so only its type is told.
            match python.filled.bind(py).call1((&parts.msg, &parts.args)).and_then(|found| found.extract()) {
                Ok((text, rest)) => {
                    let (text, rest): (Bound<'py, PyString>, Vec<Bound<'py, PyAny>>) = (text, rest);
                    values.text(&text);
                    if !rest.is_empty() {
                        note.set_item("args", kinds(&rest)).ok()?;
                    }
                }
                Err(error) => {
                    values.failed(py, error);
                    values.out.extend_from_slice(b"\"[unprintable message]\"");
                }
            }
            note.set_item("message_error", reason).ok()?;
            Some(note.into_any())
        }
    }
}

/// The record puts its message together as `logging` does.
fn is_plain(python: &Interpreter, record: &Bound<'_, PyAny>) -> bool {
    let name = intern!(record.py(), "getMessage");
    let own = record.get_type().getattr(name);
    own.is_ok_and(|own| python.record_type.bind(record.py()).getattr(name).is_ok_and(|logging| own.is(&logging)))
}

/// The message of a record of loguru's, which ends in the traceback that `error` has as well: marked by a newline as the text
/// of its exception (`loguru/_simple_sinks.py`, 0.7).
fn before_traceback<'py>(parts: &Parts<'py>, msg: &Bound<'py, PyAny>) -> Option<Bound<'py, PyString>> {
    let marked = parts.exc_text.as_ref()?.cast::<PyString>().ok()?.to_str().ok()? == "\n";
    parts.exc_info.as_ref().filter(|_| marked)?;
    let text = msg.cast::<PyString>().ok()?.to_str().ok()?;
    let message = &text[..text.find("Traceback (most recent call last):")?];
    let message = message.strip_suffix("+ Exception Group ").unwrap_or(message);
    Some(PyString::new(msg.py(), message.trim_end()))
}

fn kinds(values: &[Bound<'_, PyAny>]) -> Vec<String> {
    let kind = |value: &Bound<'_, PyAny>| value.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    values.iter().map(kind).collect()
}

/// Put the context's fields before the record's own, which win.
fn add_bound<'py>(extras: &mut Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>, bound: Option<&Bound<'py, PyDict>>) {
    let Some(bound) = bound else { return };
    let own = std::mem::take(extras);
    for (key, value) in bound.iter() {
        let Ok(key) = key.cast_into::<PyString>() else { continue };
        if !own.iter().any(|(name, _)| name.to_str().ok() == key.to_str().ok()) {
            extras.push((key, value));
        }
    }
    extras.extend(own);
}

/// Where an added field goes.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Before the others, in the order of `FIRST`.
    First(usize),
    /// A key that the line itself has.
    Taken,
    /// Taken if there is a note about the record.
    Note,
    /// Taken if there is an error, or if it is no object.
    Error,
    Free,
}

const FIRST: [&str; 3] = ["traceId", "spanId", "event"];

impl Place {
    fn of(name: &str) -> Self {
        match name.as_bytes() {
            b"traceId" => Self::First(0),
            b"spanId" => Self::First(1),
            b"event" => Self::First(2),
            b"headrig" => Self::Note,
            b"error" => Self::Error,
            _ if line::is_own(name) => Self::Taken,
            _ => Self::Free,
        }
    }
}

/// Write trace, span and event, then the rest; how many had to go to `fields`.
fn extras(
    extras: &[(Bound<'_, PyString>, Bound<'_, PyAny>)],
    has_error: bool,
    has_note: bool,
    values: &mut Values,
) -> u64 {
    let (mut first, mut moved) = ([None; FIRST.len()], Vec::new());
    let placed: Vec<(&str, Place)> = extras
        .iter()
        .map(|(key, value)| {
            let name = key.to_str().unwrap_or_default();
            let place = Place::of(name);
            if let Place::First(at) = place {
                first[at] = Some(value);
            }
            (name, place)
        })
        .collect();
    for (name, value) in FIRST.iter().zip(first).filter_map(|(name, value)| Some((name, value?))) {
        values.member(name, value);
    }
    for ((name, place), (key, value)) in placed.iter().zip(extras) {
        let taken = match place {
            Place::First(_) => continue,
            Place::Taken => true,
            Place::Note => has_note,
            Place::Error => has_error || value.cast::<PyDict>().is_err(),
            Place::Free => false,
        };
        if taken {
            moved.push((key, value));
            continue;
        }
        values.out.push(b',');
        if name.is_empty() {
            // Or it has lone surrogates.
            values.text(key);
        } else {
            values.str(name);
        }
        values.out.push(b':');
        values.value(value);
    }
    if !moved.is_empty() {
        line::key("fields", &mut values.out);
        values.out.push(b'{');
        for (number, (key, value)) in moved.iter().enumerate() {
            if number > 0 {
                values.out.push(b',');
            }
            values.text(key);
            values.out.push(b':');
            values.value(value);
        }
        values.out.push(b'}');
    }
    moved.len() as u64
}

/// The exception of an `exc_info`, in any of the forms that records come with.
fn exception<'py>(exc_info: Option<&Bound<'py, PyAny>>) -> Option<Bound<'py, PyAny>> {
    let given = exc_info?;
    let error = match given.cast::<PyTuple>() {
        Ok(tuple) => tuple.get_item(1).ok()?,
        Err(_) => given.clone(),
    };
    error.is_instance_of::<PyBaseException>().then_some(error)
}

fn write_error(python: &Interpreter, error: &Bound<'_, PyAny>, values: &mut Values) {
    let py = error.py();
    line::key("error", &mut values.out);
    values.out.push(b'{');
    match error.get_type().name() {
        Ok(name) => values.member("name", &name),
        Err(failure) => values.failed(py, failure),
    }
    line::key("message", &mut values.out);
    values.shown(error);
    match python.stack.bind(py).call1((error,)) {
        Ok(stack) => values.member("stack", &stack),
        Err(failure) => values.failed(py, failure),
    }
    values.out.push(b'}');
}

/// Write an exception of which only the text is left, as a queue leaves it.
fn write_error_text(text: &Bound<'_, PyAny>, values: &mut Values) {
    let shown = text.str().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let last = shown.trim_end().lines().last().unwrap_or_default();
    let (name, message) = last.split_once(": ").unwrap_or((last, ""));
    line::key("error", &mut values.out);
    values.out.push(b'{');
    for (key, part) in [("name", name.rsplit('.').next().unwrap_or(name)), ("message", message)] {
        line::key(key, &mut values.out);
        line::text(part, &mut values.out);
    }
    values.member("stack", text);
    values.out.push(b'}');
}
