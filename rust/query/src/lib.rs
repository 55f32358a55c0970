//! Log files as text. Problem: yesterday's log is compressed and a Windows tool writes UTF-16, but secrets are looked for in
//! UTF-8. Idea: say by the first bytes what form a file has, read it as a stream of UTF-8, and write the same form back.
//!
//! ```text
//! file -> form (magic) -> reader: decompress -> utf: to UTF-8 -> lines -> ... -> writer: from UTF-8 -> compress -> file
//! ```
//!
//! A stream is never held whole: a block at a time, whatever it decompresses to.

pub mod form;
pub mod reader;
pub mod utf;
pub mod writer;
