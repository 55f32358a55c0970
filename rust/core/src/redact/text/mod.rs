//! Secrets in plain text: known by the key that stands before them.

pub(crate) mod assignments;
pub(crate) mod entropy;
pub(crate) mod placeholders;
pub(crate) mod quoted_pairs;
pub(crate) mod separator;
pub(crate) mod value_end;
pub(crate) mod wrapping;
pub(crate) mod xml;
