//! Secrets known by what they look like. Problem: hundreds of patterns, and time must stay linear. Idea: each has a literal
//! that the prefilter finds; only there is it tried, anchored, within its longest match, and a check in code confirms it.
//!
//! ```text
//! candidate at "ghp_" -> rules: github_token -> pattern, anchored -> checks: entropy -> span of the secret
//! ```

pub(crate) mod address;
pub(crate) mod cards;
pub(crate) mod checks;
pub(crate) mod commands;
pub(crate) mod config_lines;
pub(crate) mod literals;

pub(crate) mod mail;
mod national_ids;
pub(crate) mod pattern;
mod phone;
pub(crate) mod pii;
pub mod rules;
pub(crate) mod search;
pub(crate) mod truncated;
