//! What a `logging.LogRecord` holds, read from its `__dict__`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

/// The parts of a record, as its `__dict__` has them.
#[derive(Default)]
pub struct Parts<'py> {
    pub name: Option<Bound<'py, PyAny>>,
    pub levelname: Option<Bound<'py, PyAny>>,
    pub level: i64,
    pub created_seconds: f64,
    pub msg: Option<Bound<'py, PyAny>>,
    pub args: Option<Bound<'py, PyAny>>,
    pub exc_info: Option<Bound<'py, PyAny>>,
    pub exc_text: Option<Bound<'py, PyAny>>,
    pub stack_info: Option<Bound<'py, PyAny>>,
    pub extras: Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>,
}

impl<'py> Parts<'py> {
    pub fn of(dict: &Bound<'py, PyDict>) -> Self {
        let mut parts = Self { extras: Vec::with_capacity(8), ..Self::default() };
        let mut next = interned(dict.py());
        for (key, value) in dict.iter() {
            let at = next.iter().position(|(name, _)| key.is(name));
            let member = match at {
                Some(at) => next[at].1,
                None => key
                    .cast::<PyString>()
                    .map_or(Member::Unused, |name| Member::named(name.to_str().unwrap_or_default())),
            };
            next = &next[at.map_or(0, |at| at + 1)..];
            let given = (!value.is_none()).then_some(value);
            match member {
                Member::Name => parts.name = given,
                Member::LevelName => parts.levelname = given,
                Member::Level => parts.level = given.and_then(|level| level.extract().ok()).unwrap_or_default(),
                Member::Created => {
                    parts.created_seconds = given.and_then(|time| time.extract().ok()).unwrap_or_default()
                }
                Member::Message => parts.msg = given,
                Member::Arguments => parts.args = given,
                Member::ExcInfo => parts.exc_info = given,
                Member::ExcText => parts.exc_text = given,
                Member::StackInfo => parts.stack_info = given,
                Member::Unused => {}
                Member::Extra => {
                    let Ok(name) = key.cast_into::<PyString>() else { continue };
                    parts.extras.push((name, given.unwrap_or_else(|| dict.py().None().into_bound(dict.py()))));
                }
            }
        }
        parts
    }
}

/// What becomes of a member of a record's `__dict__`.
#[derive(Clone, Copy)]
enum Member {
    Name,
    LevelName,
    Level,
    Created,
    Message,
    Arguments,
    ExcInfo,
    ExcText,
    StackInfo,
    /// No line has it.
    Unused,
    /// The service added it.
    Extra,
}

/// Members of every record, in the order in which `LogRecord.__init__` sets them.
const ORDER: [&str; 21] = [
    "name",
    "msg",
    "args",
    "levelname",
    "levelno",
    "pathname",
    "filename",
    "module",
    "exc_info",
    "exc_text",
    "stack_info",
    "lineno",
    "funcName",
    "created",
    "msecs",
    "relativeCreated",
    "thread",
    "threadName",
    "processName",
    "process",
    "taskName",
];

impl Member {
    fn named(name: &str) -> Self {
        // As bytes: the compiler makes a tree of it, where it would compare strings one by one.
        match name.as_bytes() {
            b"name" => Self::Name,
            b"levelname" => Self::LevelName,
            b"levelno" => Self::Level,
            b"created" => Self::Created,
            b"msg" => Self::Message,
            b"args" => Self::Arguments,
            b"exc_info" => Self::ExcInfo,
            b"exc_text" => Self::ExcText,
            b"stack_info" => Self::StackInfo,
            b"pathname" | b"filename" | b"module" | b"lineno" | b"funcName" | b"msecs" | b"relativeCreated"
            | b"thread" | b"threadName" | b"processName" | b"process" | b"taskName" | b"message" | b"asctime" => {
                Self::Unused
            }
            _ => Self::Extra,
        }
    }
}

/// The members in their order, as the interpreter's own strings: known by their address alone, which costs a record 2.6 of
/// 13.5 thousand instructions less than reading their names (2026-12-01).
fn interned(py: Python<'_>) -> &[(Py<PyString>, Member)] {
    static INTERNED: PyOnceLock<Vec<(Py<PyString>, Member)>> = PyOnceLock::new();
    INTERNED.get_or_init(py, || {
        ORDER.iter().map(|name| (PyString::intern(py, name).unbind(), Member::named(name))).collect()
    })
}
