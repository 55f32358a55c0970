//! What must hold of the core for every input, as functions that panic with what does not. The targets call them.

pub mod input;
pub mod verdict;
pub mod whole;
