//! headrig-core: bytes in, bytes and numbers out. No Python, no I/O, no clock.

pub mod engine;
pub mod event;
pub mod findings;
pub mod io;
pub mod json;
pub mod limits;
pub mod metrics;
mod process;
pub mod processed;
mod reader;
pub mod redact;
mod shared;
pub mod simd;
pub mod spec;

/// Do now what is otherwise done once per process, at its first use: the packs are parsed, the path is chosen. A fork in the
/// middle of that would leave the child waiting for a thread it does not have.
pub fn prepare() {
    // What is wrong with either is told to whoever makes an engine.
    let _ = redact::patterns::rules::built_in();
    let _ = simd::Path::chosen();
}
