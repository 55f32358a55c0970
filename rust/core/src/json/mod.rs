//! JSON. Problem: say of every line whether it is RFC 8259 JSON in valid UTF-8, and where its values stand, faster than
//! lines arrive. Idea: a plain scanner, the reference, defines the answer; fast paths take only lines they are sure of.
//!
//! ```text
//! batch -> segment (128 KiB, bitmaps of quotes and escapes) -> fast/ --sure--> tape
//!                                  dictionary/ guesses keys ----^   '--else--> reference -> tape, or why it is broken
//! ```
//!
//! More: `docs/internals/parsing.md`.

pub mod broken;
pub mod dictionary;
pub(crate) mod fast;
pub mod path;
pub mod reference;
pub(crate) mod segment;
pub mod tape;
