//! Every bound of the core, with its unit and its reason.
//! A bound that a user may change is a default here and a field of the spec.

/// Longest line parsed, in bytes. Longer ones are scanned, then cut: the cost of one hostile line stays bounded.
pub const LINE_BYTES_MAX: usize = 256 * 1024;
/// Bytes kept beyond `line_bytes_max` so that a secret that straddles the cut is still seen whole.
pub const CUT_SLACK_BYTES: usize = 8 * 1024;
/// Largest batch handed to `process`, in bytes. Holds at least one longest line.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Deepest nesting of a line's arrays and objects, in levels.
pub const DEPTH_MAX: usize = 128;
/// How often JSON is looked for inside a string inside JSON, in levels.
pub const NESTED_DEPTH_MAX: usize = 3;
/// Distinct raw keys remembered per lane. A miss costs one tokenisation, never a wrong answer.
pub const KEY_MEMO_ENTRIES_MAX: usize = 4096;
/// Verification work allowed per byte of a string, in bytes read. Beyond it the whole string is redacted.
pub const VERIFY_BYTES_PER_BYTE_MAX: usize = 4;
/// Shortest value that is masked wherever it appears, in bytes: shorter ones are words of others.
pub const LEARNED_BYTES_MIN: usize = 12;
/// Longest of these, in bytes: a private key fits.
pub const LEARNED_BYTES_MAX: usize = 16 * 1024;
/// Series kept per metric. More go to the `__overflow__` series.
pub const SERIES_MAX: usize = 2_000;
/// Senders of one source whose time is remembered: as many as it has connections by default. With more, the one that was
/// silent longest is forgotten.
pub const SENDERS_MAX: usize = 1024;
/// Most labels of one metric or group: a series keeps their numbers in place, in one cache line.
pub const LABELS_MAX: usize = 16;
/// Width of a pane, in seconds: every window is a whole number of them.
pub const PANE_SECONDS: f64 = 10.0;
/// Longest window of a threshold, in seconds (seven days): what is kept of a series stays bounded.
pub const WINDOW_SECONDS_MAX: f64 = 7.0 * 86_400.0;
/// A lane further behind the clock than this, in seconds, is judged at its own pace, unless the spec says otherwise.
pub const HOLDBACK_SECONDS_MAX: f64 = 60.0;
/// Largest time of an event, in seconds from the epoch and either way: beyond it arithmetic on times is no longer exact
/// to a thousandth.
pub const EVENT_SECONDS_MAX: f64 = 1e12;
/// Bytes of redacted lines kept for `recent`.
pub const RECENT_BYTES_MAX: usize = 4 * 1024 * 1024;

const _: () = assert!(BATCH_BYTES_MAX >= LINE_BYTES_MAX + CUT_SLACK_BYTES);
