//! Bytes on their way in and out: framing, escapes, edits and whole lines.

pub mod array;
pub mod edit;
pub mod escape;
pub mod frame;
pub mod lines;
pub mod output;
pub mod recent;
