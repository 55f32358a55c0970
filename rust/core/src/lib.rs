//! headrig-core: bytes in, bytes and numbers out. No Python, no I/O, no clock.

pub mod edit;
pub mod escape;
pub mod event;
pub mod limits;
pub mod spec;
pub mod walk;
