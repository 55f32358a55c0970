//! Bytes on their way in and out: framing, escapes, edits and whole lines.

pub mod edit;
pub mod escape;
pub mod frame;
pub mod lines;
pub mod output;
pub mod recent;
pub mod splitter;

#[cfg(test)]
mod splitter_tests;
