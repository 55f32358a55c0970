//! The thread that redacts and writes. It compiles the rules itself, so that whoever logs first does not wait for them.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headrig_core::engine::{Engine, Lane};
use headrig_core::lines::memchr_lines;
use memchr::{memchr_iter, memrchr};

use crate::buffer::{Buffer, Turn};
use crate::limits::{LINE_BYTES_MAX, PIECE_BYTES, RETRY};
use crate::line::{self, Clock};
use crate::text;

pub(crate) fn run(buffer: &Arc<Buffer>) {
    buffer.enlist();
    let mut lane = lane();
    let mut spare = Vec::new();
    loop {
        match buffer.turn(&mut spare) {
            Turn::Wait(None) => thread::park(),
            Turn::Wait(Some(left)) => thread::park_timeout(left),
            Turn::End => return,
            Turn::Report(dropped) => {
                let notice = notice(dropped, now_seconds());
                append(buffer, &notice, &mut lane);
            }
            Turn::Write(bytes) => {
                for piece in pieces(&bytes) {
                    let lines = memchr_iter(b'\n', piece).count() as u64;
                    let written = append(buffer, piece, &mut lane);
                    buffer.done(piece.len(), lines, !written);
                }
                spare = bytes;
            }
        }
    }
}

fn lane() -> Option<Arc<Lane>> {
    let spec = format!(r#"{{"metrics":{{"builtin":false}},"recent_bytes_max":0,"line_bytes_max":{LINE_BYTES_MAX}}}"#);
    Engine::new(spec.as_bytes(), None).ok().map(|engine| engine.lane("handler"))
}

fn now_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

/// Whole lines of about `PIECE_BYTES`.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let bound = bytes.len().min(PIECE_BYTES);
        let end = match memrchr(b'\n', &bytes[..bound]) {
            Some(at) => at + 1,
            None => memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1),
        };
        let (piece, rest) = bytes.split_at(end);
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Redact lines and write them, however long that takes; false when the core failed on them.
fn append(buffer: &Buffer, lines: &[u8], lane: &mut Option<Arc<Lane>>) -> bool {
    let redacted = catch_unwind(AssertUnwindSafe(|| {
        let processed = lane.as_ref()?.process(lines, now_seconds());
        if !buffer.settings.text {
            return Some(processed.lines.bytes().to_vec());
        }
        let mut out = Vec::new();
        for line in memchr_lines(processed.lines.bytes()) {
            text::render(line, &mut out);
        }
        Some(out)
    }));
    match redacted {
        Ok(Some(bytes)) => {
            write_all(buffer, &bytes);
            true
        }
        Ok(None) => false,
        Err(_) => {
            // What the lane held when it failed is not to be trusted.
            *lane = self::lane();
            false
        }
    }
}

/// Write everything, going on where a failed attempt stopped.
fn write_all(buffer: &Buffer, mut bytes: &[u8]) {
    let mut file: &File = &buffer.settings.file;
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => {
                buffer.failed();
                thread::sleep(RETRY);
            }
        }
    }
}

/// The line that tells of drops.
fn notice(dropped: u64, now_seconds: f64) -> Vec<u8> {
    let mut out = Vec::new();
    line::begin(&mut Clock::default(), now_seconds, "WARN", &mut out);
    line::key(b"message", &mut out);
    line::string(format!("{dropped} log records were dropped: more came than could be written").as_bytes(), &mut out);
    for (key, value) in [("logger", "headrig.handler"), ("event", "log_records_dropped")] {
        line::key(key.as_bytes(), &mut out);
        line::string(value.as_bytes(), &mut out);
    }
    line::key(b"dropped", &mut out);
    out.extend_from_slice(dropped.to_string().as_bytes());
    line::end(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines_and_all_of_them() {
        let long = vec![b'x'; PIECE_BYTES + 10];
        let bytes = [&b"a\nb\n"[..], &long, b"\nc\n"].concat();
        let found: Vec<&[u8]> = pieces(&bytes).collect();
        assert_eq!(found.concat(), bytes);
        assert!(found.iter().all(|piece| piece.ends_with(b"\n")));
        assert_eq!(found[0], b"a\nb\n");
    }

    #[test]
    fn a_notice_is_a_line_like_any_other() {
        let expected = r#"{"timestamp":"1970-01-01T00:00:00.000Z","level":"WARN","message":"3 log records were dropped: more came than could be written","logger":"headrig.handler","event":"log_records_dropped","dropped":3}"#;
        assert_eq!(String::from_utf8(notice(3, 0.0)).unwrap(), format!("{expected}\n"));
    }
}
