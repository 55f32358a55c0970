//! JSON: whether a line is valid, and a tape of where its values stand. Nothing is copied, no tree is built.

pub mod broken;
pub mod dictionary;
pub(crate) mod fast;
pub mod reference;
pub(crate) mod segment;
pub mod tape;
