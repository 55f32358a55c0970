//! Python values as JSON. Whatever a value does, something readable is written and nothing is raised.

use headrig_handler::limits::{DEPTH_MAX, RECORD_BYTES_MAX, STRING_BYTES_MAX};
use headrig_handler::line;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
};

/// Where values are written, and what went wrong on the way.
pub struct Values {
    pub out: Vec<u8>,
    /// Values that could not be shown: their place has a note.
    pub unprintable: u64,
    /// What is no error but an order to stop, such as KeyboardInterrupt.
    pub stop: Option<PyErr>,
    /// Containers being written, by address: a list may contain itself.
    open: Vec<usize>,
}

impl Values {
    pub fn new(out: Vec<u8>) -> Self {
        Self { out, unprintable: 0, stop: None, open: Vec::new() }
    }

    pub fn member(&mut self, key: &str, value: &Bound<'_, PyAny>) {
        line::key(key, &mut self.out);
        self.value(value);
    }

    pub fn value(&mut self, value: &Bound<'_, PyAny>) {
        if self.out.len() > RECORD_BYTES_MAX {
            self.note("[truncated]");
        } else if let Ok(text) = value.cast::<PyString>() {
            self.text(text);
        } else if value.is_none() {
            self.out.extend_from_slice(b"null");
        } else if let Ok(truth) = value.cast_exact::<PyBool>() {
            self.out.extend_from_slice(if truth.is_true() { b"true" } else { b"false" });
        } else if let Ok(number) = value.cast::<PyInt>() {
            self.integer(number);
        } else if let Ok(number) = value.cast::<PyFloat>() {
            line::number(number.value(), &mut self.out);
        } else if let Ok(members) = value.cast::<PyDict>() {
            self.container(value, |values| values.members(members));
        } else if let Ok(items) = value.cast::<PyList>() {
            self.container(value, |values| values.items(items.iter()));
        } else if let Ok(items) = value.cast::<PyTuple>() {
            self.container(value, |values| values.items(items.iter()));
        } else if let Ok(items) = value.cast::<PySet>() {
            // Copied first: writing an item may run code that changes the set.
            self.container(value, |values| values.items(items.iter().collect::<Vec<_>>().into_iter()));
        } else if let Ok(items) = value.cast::<PyFrozenSet>() {
            self.container(value, |values| values.items(items.iter()));
        } else if let Ok(raw) = value.cast::<PyBytes>() {
            self.bytes(raw.as_bytes());
        } else if let Ok(raw) = value.cast::<PyByteArray>() {
            self.bytes(&raw.to_vec());
        } else {
            self.shown(value);
        }
    }

    /// A value as the text that `str()` gives.
    pub fn shown(&mut self, value: &Bound<'_, PyAny>) {
        match value.str() {
            Ok(text) => self.text(&text),
            Err(error) => {
                self.failed(value.py(), error);
                let kind = value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
                self.note(&format!("[unprintable {kind}]"));
            }
        }
    }

    /// Count what a value raised; keep it when it is an order to stop.
    pub fn failed(&mut self, py: Python<'_>, error: PyErr) {
        self.unprintable += 1;
        if !error.is_instance_of::<PyException>(py) {
            self.stop = Some(error);
        }
    }

    pub fn text(&mut self, text: &Bound<'_, PyString>) {
        if let Ok(text) = text.to_str() {
            return self.str(text);
        }
        match text.call_method1("encode", ("utf-8", "surrogatepass")) {
            Ok(raw) => match raw.cast::<PyBytes>() {
                Ok(raw) => self.string(raw.as_bytes()),
                Err(_) => self.note("[unprintable str]"),
            },
            Err(error) => {
                self.failed(text.py(), error);
                self.note("[unprintable str]");
            }
        }
    }

    pub fn str(&mut self, text: &str) {
        if text.len() > STRING_BYTES_MAX {
            return self.note(&format!("[{} bytes of text]", text.len()));
        }
        line::text(text, &mut self.out);
    }

    fn string(&mut self, text: &[u8]) {
        if text.len() > STRING_BYTES_MAX {
            return self.note(&format!("[{} bytes of text]", text.len()));
        }
        line::string(text, &mut self.out);
    }

    fn bytes(&mut self, raw: &[u8]) {
        if raw.len() > STRING_BYTES_MAX {
            return self.note(&format!("[{} bytes]", raw.len()));
        }
        line::bytes(raw, &mut self.out);
    }

    fn note(&mut self, text: &str) {
        line::text(text, &mut self.out);
    }

    fn integer(&mut self, number: &Bound<'_, PyInt>) {
        if let Ok(small) = number.extract::<i64>() {
            return line::number(small, &mut self.out);
        }
        let digits = number.str().ok().map(|text| text.to_string_lossy().into_owned());
        match digits {
            Some(digits) if digits.trim_start_matches('-').bytes().all(|digit| digit.is_ascii_digit()) => {
                self.out.extend_from_slice(digits.as_bytes());
            }
            // Python refuses to write the longest in decimal.
            _ => match number.call_method1("__format__", ("#x",)) {
                Ok(hex) => self.value(&hex),
                Err(error) => {
                    self.failed(number.py(), error);
                    self.note("[unprintable int]");
                }
            },
        }
    }

    fn container(&mut self, value: &Bound<'_, PyAny>, write: impl FnOnce(&mut Self)) {
        let address = value.as_ptr() as usize;
        if self.open.contains(&address) {
            return self.note("[itself]");
        }
        if self.open.len() == DEPTH_MAX {
            return self.note("[too deep]");
        }
        self.open.push(address);
        write(self);
        self.open.pop();
    }

    fn items<'py>(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>) {
        self.out.push(b'[');
        for (number, item) in items.enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            if self.out.len() > RECORD_BYTES_MAX {
                self.note("[truncated]");
                break;
            }
            self.value(&item);
        }
        self.out.push(b']');
    }

    fn members(&mut self, members: &Bound<'_, PyDict>) {
        // Copied first: writing a value may run code that changes the dictionary.
        let members: Vec<_> = members.iter().collect();
        self.out.push(b'{');
        for (number, (key, value)) in members.iter().enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            if self.out.len() > RECORD_BYTES_MAX {
                self.out.extend_from_slice(b"\"[truncated]\":true");
                break;
            }
            self.shown(key);
            self.out.push(b':');
            self.value(value);
        }
        self.out.push(b'}');
    }
}
