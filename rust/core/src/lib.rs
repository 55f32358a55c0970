//! headrig-core: bytes in, bytes and numbers out. No Python, no I/O, no clock.

pub mod edit;
pub mod engine;
pub mod escape;
pub mod event;
pub mod extract;
pub mod frame;
pub mod limits;
pub mod lines;
pub mod process;
pub mod roles;
pub mod spec;
pub mod walk;
