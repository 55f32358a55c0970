//! Secrets known by what they look like: the rules, how a text is searched for them, and the checks of what is found.

pub(crate) mod address;
pub(crate) mod checks;
pub(crate) mod mail;
pub mod rules;
pub(crate) mod search;
pub(crate) mod truncated;
