//! headrig-core: bytes in, bytes and numbers out. No Python, no I/O, no clock.

pub mod broken;
pub mod dictionary;
pub mod edit;
pub mod engine;
pub mod escape;
pub mod event;
pub mod expr;
pub mod extract;
mod fast;
pub mod frame;
pub mod limits;
pub mod lines;
pub mod metric;
pub mod number;
pub mod output;
pub mod process;
pub mod recent;
pub mod redact;
pub mod roles;
mod segment;
mod shape;
pub mod simd;
pub mod spec;
pub mod tape;
pub mod time;
pub mod walk;
pub mod window;
