//! What a lane gives back for a batch.

use crate::io::lines::{Lines, Normalized};
use crate::json::broken::Broken;

/// What became of one batch. `lines_in == lines_out + dropped_blank`.
///
/// # Example
///
/// ```
/// use headrig_core::engine::Engine;
///
/// let engine = Engine::new(br#"{"blank": "drop"}"#, None)?;
/// let processed = engine.lane("tcp").process(b"{}\n\nno JSON\n", 0.0);
/// assert_eq!((processed.lines_in, processed.lines_out, processed.dropped_blank), (3, 2, 1));
/// assert_eq!(processed.broken.iter().sum::<u64>(), 1);
/// # Ok::<(), headrig_core::spec::RuleError>(())
/// ```
#[derive(Debug)]
pub struct Processed {
    pub lines: Lines,
    pub lines_in: u64,
    pub lines_out: u64,
    /// The newest time that an event counts for.
    pub time_max_seconds: Option<f64>,
    /// In the order of `Broken::ALL`.
    pub broken: [u64; Broken::ALL.len()],
    pub dropped_blank: u64,
    /// Rule name and count, of rules that found something.
    pub redactions: Vec<(String, u64)>,
    pub normalized: Normalized,
}
