//! What went wrong, told to Python or to whoever reads standard error.

use std::io::Write;

pyo3::import_exception!(headrig.errors, DecodeError);
pyo3::import_exception!(headrig.errors, RuleError);

/// One line to standard error, in one write: other processes may write there, too.
pub fn complain(what: &str) {
    // Nobody is left to be told that it failed.
    let _ = std::io::stderr().write_all(format!("headrig: {what}\n").as_bytes());
}
