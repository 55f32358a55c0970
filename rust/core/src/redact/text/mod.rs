//! Secrets in plain text, known by the key before them. Problem: people and programs write `key=value` in countless ways.
//! Idea: begin at the separator that the prefilter marked, look back for a key and forward for the end of its value.
//!
//! ```text
//! retry with password: "hunter2", user=bob
//!            key <---^ separator
//!                       ^-----^ value_end; placeholders and entropy say whether it is a value at all
//! ```

pub(crate) mod arguments;
pub(crate) mod assignments;
pub(crate) mod call_arguments;
pub(crate) mod entropy;
pub(crate) mod fallbacks;
pub(crate) mod inserted_rows;
pub(crate) mod logins;
pub(crate) mod password_end;
pub(crate) mod placeholders;
pub(crate) mod quoted_pairs;
pub(crate) mod quoted_values;
pub(crate) mod references;
pub(crate) mod separator;
pub(crate) mod states;
pub(crate) mod templates;
pub(crate) mod types;
pub(crate) mod urls;
pub(crate) mod value_end;
pub(crate) mod wrapping;
pub(crate) mod xml;
