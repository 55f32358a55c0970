//! The binding `headrig._core`: translates, decides nothing.

mod block;
mod engine;
mod errors;
mod file;
mod frame;
mod handler;
mod lines;
mod log_file;
mod parts;
mod record;
mod shared_bytes;
mod value;
mod write;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::engine::{Engine, Lane, Processed, Values};
    #[pymodule_export]
    use super::file::{FileReader, FileWriter};
    #[pymodule_export]
    use super::frame::{Framer, JsonSplitter, RawLines, ReadBuffer};
    #[pymodule_export]
    use super::handler::{end_on_terminate, flush_on_terminate, signal_is_default, HandlerCore};
    #[pymodule_export]
    use super::lines::Lines;
    #[pymodule_export]
    use super::log_file::LogFile;
    #[pymodule_export]
    use super::write::write_lines;
    /// A panic message may quote a line. Only its place is printed; the caller gets an exception.
    #[pymodule_init]
    fn init(_module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            super::errors::complain(&format!("the core panicked at {place}"));
        }));
        Ok(())
    }

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
    #[pymodule_export]
    const BATCH_BYTES_MAX: usize = headrig_core::limits::BATCH_BYTES_MAX;
    #[pymodule_export]
    const LINE_BYTES_MAX: usize = headrig_core::limits::LINE_BYTES_MAX;
    #[pymodule_export]
    const CUT_SLACK_BYTES: usize = headrig_core::limits::CUT_SLACK_BYTES;
    #[pymodule_export]
    const DEPTH_MAX: usize = headrig_core::limits::DEPTH_MAX;
    #[pymodule_export]
    const EVENT_SECONDS_MAX: f64 = headrig_core::limits::EVENT_SECONDS_MAX;
    #[pymodule_export]
    const LEARNED_BYTES_MAX: usize = headrig_core::limits::LEARNED_BYTES_MAX;
    #[pymodule_export]
    const LEARNED_BYTES_MIN: usize = headrig_core::limits::LEARNED_BYTES_MIN;
    #[pymodule_export]
    const HOLDBACK_SECONDS_MAX: f64 = headrig_core::limits::HOLDBACK_SECONDS_MAX;
    #[pymodule_export]
    const PANE_SECONDS: f64 = headrig_core::limits::PANE_SECONDS;
    #[pymodule_export]
    const RESERVED_PREFIXES: [&str; 5] = headrig_core::metrics::definition::RESERVED_PREFIXES;
    #[pymodule_export]
    const WINDOW_SECONDS_MAX: f64 = headrig_core::limits::WINDOW_SECONDS_MAX;
    #[pymodule_export]
    const RECORD_LINE_BYTES_MAX: usize = headrig_handler::limits::LINE_BYTES_MAX;
    #[pymodule_export]
    const RECORD_WAIT_SECONDS_MAX: f64 = headrig_handler::limits::WAIT_MAX.as_secs_f64();
}
