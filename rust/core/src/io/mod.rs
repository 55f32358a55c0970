//! Bytes on their way in and out. Problem: chunks end anywhere, and most lines leave as they came. Idea: cut whole lines,
//! describe a change as edits of the input, and copy runs of untouched lines at once.
//!
//! ```text
//! chunks -> frame, splitter -> batch -> (json, redact) -> edits -> output -> Lines, shared by all sinks; recent
//! ```

pub mod edit;
pub mod escape;
pub mod frame;
pub mod lines;
pub(crate) mod output;
pub mod percent;
pub(crate) mod recent;
pub mod splitter;
pub mod terminal;

#[cfg(test)]
mod splitter_tests;
