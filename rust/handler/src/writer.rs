//! The thread that redacts and writes. It compiles the rules itself, so that whoever logs first does not wait for them.

use std::io::{self, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use headrig_core::io::lines::memchr_lines;
use headrig_core::io::lines::Normalized;
use headrig_core::json::broken::Broken;
use headrig_core::processed::Processed;
use memchr::{memchr_iter, memrchr};

use crate::buffer::{Buffer, Tally};
use crate::limits::{CHUNK_BYTES, CROWD_PAUSE, PATH_CHECK, RETRY};
use crate::line::{self, Clock};
use crate::log_file::{Change, Witness, WrittenTo};
use crate::output::Output;
use crate::ship_queue::{Chunk, Shipping};
use crate::state::{Turn, WITHOUT};
use crate::terminate;
use crate::text;

/// Name of the handler's lane in the engine.
pub(crate) const LANE: &str = "handler";

pub(crate) fn run(buffer: &Arc<Buffer>) {
    terminate::enlist();
    buffer.enlist();
    let mut spare = Vec::new();
    let (mut looked, mut failing) = (Instant::now(), false);
    loop {
        // Also where nothing waits: the signal may have come inside a call that asked how much does.
        terminate::is_due();
        match buffer.turn(&mut spare) {
            Turn::Wait(None) => thread::park(),
            Turn::Wait(Some(left)) => thread::park_timeout(left),
            Turn::Pause => thread::park_timeout(CROWD_PAUSE),
            Turn::End(closed) => {
                if closed {
                    buffer.remove_ring(true);
                }
                return terminate::retire();
            }
            Turn::Report(dropped) => pass(buffer, &notice(dropped, now_seconds()), None),
            Turn::Write(bytes) => {
                for chunk in chunks(&bytes) {
                    if buffer.mode.load(Ordering::Acquire) != WITHOUT {
                        pass_redacted(buffer, chunk);
                        continue;
                    }
                    pass(buffer, chunk, Some(memchr_iter(b'\n', chunk).count() as u64));
                }
                spare = bytes;
                if looked.elapsed() >= PATH_CHECK {
                    buffer.follow_log(&mut failing);
                    looked = Instant::now();
                }
            }
        }
    }
}

pub(crate) fn now_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

/// Whole lines of about `CHUNK_BYTES`.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let bound = bytes.len().min(CHUNK_BYTES);
        let end = match memrchr(b'\n', &bytes[..bound]) {
            Some(at) => at + 1,
            None => memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1),
        };
        let (chunk, rest) = bytes.split_at(end);
        bytes = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Lines that lie in the ring until they are written, which may go to several files.
struct InRing<'a> {
    buffer: &'a Buffer,
    lines: &'a [u8],
    done: usize,
}

impl Witness for InRing<'_> {
    fn begin(&mut self, file: WrittenTo, end: usize) -> io::Result<()> {
        self.buffer.begin_piece(end.saturating_sub(self.done), file);
        Ok(())
    }

    fn end(&mut self, written: usize) {
        // Less: a line that did not fit was taken back.
        if written > self.done {
            let piece = &self.lines[self.done..written];
            self.buffer.done(piece.len(), memchr_iter(b'\n', piece).count() as u64, false);
            self.done = written;
        }
    }
}

/// Write lines that lie in the ring.
fn pass_redacted(buffer: &Buffer, lines: &[u8]) {
    let mut in_ring = InRing { buffer, lines, done: 0 };
    if let Some(output) = &buffer.settings.output {
        write(buffer, output, lines, &mut in_ring);
    }
    let lost = &lines[in_ring.done..];
    if !lost.is_empty() {
        buffer.done(lost.len(), memchr_iter(b'\n', lost).count() as u64, true);
    }
    if terminate::is_due() {
        buffer.remove_ring(false);
    }
}

/// Redact lines and pass them on, however long that takes. `records`: as many records of the service; None: a notice.
fn pass(buffer: &Buffer, lines: &[u8], records: Option<u64>) {
    let redacted = catch_unwind(AssertUnwindSafe(|| {
        let processed = buffer.engine()?.lane(LANE).process(lines, now_seconds());
        let text = buffer.settings.text.then(|| {
            let mut out = Vec::new();
            for line in memchr_lines(processed.lines.bytes()) {
                text::render(line, &mut out);
            }
            out
        });
        Some((processed, text))
    }));
    // What the core failed on is lost, never shown unredacted.
    let Ok(Some((processed, text))) = redacted else {
        if let Some(records) = records {
            buffer.done(lines.len(), records, true);
        }
        return;
    };
    buffer.tell(tally(&processed));
    let chunk = Chunk { lines: processed.lines, records: records.unwrap_or(0) };
    if buffer.settings.shipping == Shipping::Beside {
        // Before the file: what a flush has seen written has been offered, too.
        buffer.offer(chunk.clone());
    }
    if let Some(output) = &buffer.settings.output {
        let out = text.as_deref().unwrap_or(chunk.lines.bytes());
        let written = write(buffer, output, out, &mut ());
        if let Some(records) = records {
            // A record is a line, unless it is text for people: then all of it counts as lost with a part.
            let before = if text.is_some() { 0 } else { memchr_iter(b'\n', &out[..written]).count() as u64 };
            let done = if written == out.len() { records } else { before.min(records) };
            buffer.done(0, done, false);
            buffer.done(lines.len(), records - done, true);
        }
    }
    if buffer.settings.shipping == Shipping::Only {
        buffer.hand_on(&chunk, if records.is_some() { lines.len() } else { 0 });
    }
}

pub(crate) fn tally(processed: &Processed) -> Tally {
    let mut seen: Tally = processed.redactions.iter().map(|(rule, n)| (("redactions", rule.clone()), *n)).collect();
    for (reason, count) in Broken::ALL.iter().zip(processed.broken) {
        if count > 0 {
            seen.insert(("broken", reason.as_str().to_owned()), count);
        }
    }
    let Normalized { non_finite, lone_surrogates, .. } = processed.normalized;
    for (kind, count) in [("non_finite", non_finite), ("lone_surrogates", lone_surrogates)] {
        if count > 0 {
            seen.insert(("normalized", kind.to_owned()), count);
        }
    }
    seen
}

/// Write everything, going on where a failed attempt stopped. Gives the bytes written: fewer where nobody reads any more.
fn write(buffer: &Buffer, output: &Output, lines: &[u8], witness: &mut dyn Witness) -> usize {
    let mut written = 0;
    while let Err(error) = output.append(witness, lines, &mut written, SystemTime::now(), tell) {
        buffer.failed();
        if output.is_lost(&error) {
            break;
        }
        terminate::is_due();
        thread::sleep(RETRY);
    }
    written
}

/// Say on standard error what keeps lines from the file, or no longer does. Nobody is left to be told that this failed.
fn tell(path: &Path, change: &Change) {
    let _ = io::stderr().write_all(format!("headrig: {}: {change}\n", path.display()).as_bytes());
}

/// The line that tells of drops.
fn notice(dropped: u64, now_seconds: f64) -> Vec<u8> {
    let mut out = Vec::new();
    line::begin(&mut Clock::default(), now_seconds, "WARN", &mut out);
    line::key("message", &mut out);
    line::text(&format!("{dropped} log records were dropped: more came than could be written"), &mut out);
    for (key, value) in [("logger", "headrig.handler"), ("event", "log_records_dropped")] {
        line::key(key, &mut out);
        line::text(value, &mut out);
    }
    line::key("dropped", &mut out);
    line::number(dropped, &mut out);
    line::end(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Gate;
    use crate::level;
    use crate::state::Wake;
    use std::sync::atomic::{AtomicBool, AtomicU8};
    use std::sync::Mutex;

    use crate::buffer::Settings;

    #[test]
    fn pieces_are_whole_lines_and_all_of_them() {
        let long = vec![b'x'; CHUNK_BYTES + 10];
        let bytes = [&b"a\nb\n"[..], &long, b"\nc\n"].concat();
        let found: Vec<&[u8]> = chunks(&bytes).collect();
        assert_eq!(found.concat(), bytes);
        assert!(found.iter().all(|chunk| chunk.ends_with(b"\n")));
        assert_eq!(found[0], b"a\nb\n");
    }

    #[test]
    fn a_notice_is_a_line_like_any_other() {
        let expected = r#"{"timestamp":"1970-01-01T00:00:00.000Z","level":"WARN","message":"3 log records were dropped: more came than could be written","logger":"headrig.handler","event":"log_records_dropped","dropped":3}"#;
        assert_eq!(String::from_utf8(notice(3, 0.0)).unwrap(), format!("{expected}\n"));
    }

    fn full(entries_max: u64) -> Buffer {
        let settings = Settings {
            output: None,
            shipping: Shipping::No,
            ring_beside: None,
            text: false,
            spec: Vec::new(),
            entries_max,
            wait: Duration::from_secs(3600),
        };
        let (gate, state, started) = (Gate::default(), Mutex::default(), AtomicBool::new(true));
        let buffer = Buffer { settings, gate, state, started, mode: AtomicU8::new(WITHOUT) };
        buffer.enlist();
        buffer
    }

    fn pushed(buffer: &Buffer, level: i64) -> bool {
        buffer.with(|state| !matches!(state.push(b"{}\n", level, buffer.settings.entries_max), Wake::No))
    }

    #[test]
    fn a_crowd_wakes_the_writer_unless_it_pauses_and_an_error_always_does() {
        let buffer = full(100);
        let woken: Vec<usize> = (1..=150).filter(|_| pushed(&buffer, 20)).collect();
        assert_eq!(woken, [100]);
        assert!(matches!(buffer.turn(&mut Vec::new()), Turn::Write(_)));
        assert!(matches!(buffer.turn(&mut Vec::new()), Turn::Pause));
        assert!((0..150).all(|_| !pushed(&buffer, 20)));
        assert!(pushed(&buffer, level::ERROR));
        assert!(matches!(buffer.turn(&mut Vec::new()), Turn::Write(_)));
        assert!(matches!(buffer.turn(&mut Vec::new()), Turn::Pause));
        // The pause is over, and nothing more has come.
        assert!(matches!(buffer.turn(&mut Vec::new()), Turn::Wait(None)));
        assert!(pushed(&buffer, 20), "it sleeps");
    }

    #[test]
    fn the_writer_pauses_neither_after_few_lines_nor_when_somebody_waits() {
        let buffer = full(1);
        assert!(pushed(&buffer, 20));
        assert!(matches!(buffer.turn(&mut Vec::new()), Turn::Write(_)));
        assert!(matches!(buffer.turn(&mut Vec::new()), Turn::Wait(None)));
        for _ in 0..150 {
            pushed(&buffer, 20);
        }
        assert!(matches!(buffer.turn(&mut Vec::new()), Turn::Write(_)));
        buffer.close();
        assert!(matches!(buffer.turn(&mut Vec::new()), Turn::End(true)));
    }
}
