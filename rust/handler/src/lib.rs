//! headrig-handler: a log record's fields become one JSON line, wait in a bounded buffer and are written by a thread
//! that never attaches to the interpreter. No Python here.

pub mod buffer;
mod buffer_forks;
pub mod fork;
mod gate;
pub mod level;
pub mod limits;
pub mod line;
pub mod log_file;
pub mod output;
mod quiet_thread;
mod recorded;
pub mod ring;
pub mod ship_queue;
pub mod standard_stream;
mod state;
pub mod terminate;
mod text;
pub mod whole_lines;
mod writer;
