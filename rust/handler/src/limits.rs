//! Every bound of the handler, with its unit and its reason.

use std::time::Duration;

/// Bytes of records that wait for the writer, those it is writing included. What does not fit is dropped and counted.
pub const BUFFER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of the buffer that are kept for WARN and above, so that a flood of lesser lines never displaces them.
pub const RESERVED_BYTES: usize = BUFFER_BYTES_MAX / 4;
/// Longest line kept whole, in bytes; longer ones are scanned, cut and wrapped by the core.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A record this long, in bytes, gets marks in place of the values that are still to come.
pub const RECORD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest string of a record, in bytes. A longer one is named, not cut: half a secret is no longer known as one.
pub const STRING_BYTES_MAX: usize = 1024 * 1024;
/// Deepest nesting of a record's values, in levels; what lies deeper is marked. The core takes 128.
pub const DEPTH_MAX: usize = 32;
/// Waiting bytes that wake the writer before its time.
pub const WAKE_BYTES: usize = 64 * 1024;
/// Pause of the writer after a write of as many lines as wake it: who logs that fast need not wake it again, which costs its
/// thread 1 % of each call (2026-12-01).
pub const CROWD_PAUSE: Duration = Duration::from_millis(1);
/// Fewest lines of a write after which the writer pauses. Who has each line written at once waits for none.
pub const CROWD_ENTRIES: u64 = 100;
/// Longest wait of a line for its write: what a crash may take with it.
pub const WAIT_MAX: Duration = Duration::from_millis(100);
/// Bytes given to the core at a time, whole lines: stays in cache, and room is given back chunk by chunk.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// Longest wait of a fork for the writers to end: for lines on their way, never for a disk that does not answer.
pub const FORK_WAIT_MAX: Duration = Duration::from_millis(20);
/// Wait of a fork between two looks at a writer that ends: about what its end takes.
pub const FORK_CHECK: Duration = Duration::from_micros(50);
/// Longest wait of SIGTERM for the writers: who sent it expects the end of the process.
pub const TERMINATE_WAIT_MAX: Duration = Duration::from_millis(500);
/// Wait of SIGTERM between two looks at what is still to be written.
pub const TERMINATE_CHECK: Duration = Duration::from_micros(200);
/// Bytes of a ring: as many as may wait, so that it takes what the buffer takes.
pub const RING_BYTES: usize = BUFFER_BYTES_MAX;
/// Bytes before a ring's lines: one page.
pub const RING_HEADER_BYTES: usize = 4096;
/// Age of an empty ring whose owner must have died before it was made: it takes some milliseconds.
pub const RING_UNFINISHED_MAX: Duration = Duration::from_secs(60);
/// Bytes of a log that are searched for what a dead process was writing: what others may have written since.
pub const RING_SEARCH_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Wait before a write that failed is tried again.
pub const RETRY: Duration = Duration::from_millis(500);
/// A buffer larger than this is given back once it is empty.
pub const SPARE_BYTES_MAX: usize = 1024 * 1024;
/// Redacted bytes that wait to be shipped or were not acknowledged yet: some requests' worth, so that shipping never idles.
pub const SHIP_QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of one write to a pipe that the kernel never mixes with what others write to it (POSIX `PIPE_BUF`).
pub const PIPE_BUF: usize = 4096;
/// Wait before a path that could not be opened, or a file that could not be rotated, is tried again, and between two looks at
/// where a ring lies.
pub const PATH_CHECK: Duration = Duration::from_secs(1);
/// Wait before a lock or a path is tried again: some writes' worth.
pub const NAP: Duration = Duration::from_millis(1);
/// Naps until a file is made in place of one that was renamed: many times what logrotate takes from one to the other.
pub const NAMELESS_NAPS_MAX: usize = 50;
/// Times that a lock is tried before it counts as left by a process that was stopped: longer than a disk with much to write
/// makes one write wait.
pub const LOCK_TRIES: usize = 500;
/// Times that one write opens its file anew before it counts as failed: as often as that, nobody rotates.
pub const REOPENINGS_MAX: usize = 8;
/// Bytes that are read at a time for compression: what costs no more per byte than larger ones.
pub const COMPRESSION_BUFFER_BYTES: usize = 64 * 1024;
