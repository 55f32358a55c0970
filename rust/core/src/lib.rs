//! headrig-core: bytes in, bytes and numbers out. No Python, no I/O, no clock.

pub mod array;
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
pub mod pattern;
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
pub mod view;
pub mod walk;
pub mod window;

/// Do now what is otherwise done once per process, at its first use: the packs are parsed, the path is chosen. A fork in the
/// middle of that would leave the child waiting for a thread it does not have.
pub fn prepare() {
    // What is wrong with either is told to whoever makes an engine.
    let _ = redact::rules::built_in();
    let _ = simd::Path::chosen();
}
