//! Windows: what happened in the last W seconds of event time, per threshold metric and label set. Problem: lines arrive
//! late, out of order and from several clocks. Idea: keep panes of ten seconds; judge when the watermark has passed.
//!
//! ```text
//! panes  |..|..|..|..|..|   aligned to the epoch, half-open; the value at tick T over window W covers [T-W, T)
//!                  T-W   T <- watermark: the least of the lanes' newest times, minus the lateness allowed
//! ```

pub(crate) mod aggregate;
pub(crate) mod budget;
pub(crate) mod fixed;
pub(crate) mod lanes;
pub(crate) mod pane;
pub(crate) mod senders;
pub(crate) mod sketch;
pub mod store;
pub mod timing;

use crate::limits::PANE_SECONDS;

/// The pane that holds an instant, counted from the epoch. Total: what is not finite is in pane 0.
pub fn pane_of(seconds: f64) -> i64 {
    (seconds / PANE_SECONDS).floor() as i64
}

/// How many panes cover a span; a started pane is a whole one.
pub fn panes_in(seconds: f64) -> i64 {
    (seconds / PANE_SECONDS).ceil().max(0.0) as i64
}
