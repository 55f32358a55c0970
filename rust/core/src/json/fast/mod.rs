//! The fast walker. Problem: a scanner that looks at each byte takes longer than all else together. Idea: leap from string
//! to string over the bitmaps of quotes and escapes, and expect the members that lines had lately, in their order. Of a
//! line it accepts, the tape is the reference's; of any other it says nothing, and the reference gives the verdict.
//!
//! ```text
//! {"time":"…","level":"…","message":"…\n","extra":{…}}
//!  members: keys as expected, one loop ---^ walker: escapes, containers, new keys
//! ```

mod context;
mod members;
mod walker;

use context::Context;
use members::Ground;
use walker::Walker;

use crate::json::dictionary::entry::UNKNOWN;
use crate::json::dictionary::Dictionary;
use crate::json::segment::{Line, Segment};
use crate::json::tape::{notable, Kind, Tape};
use crate::simd::bitmap::Bitmap;

/// Walk one object into `tape`; the line is valid UTF-8 and without control characters. `places`: what the prefilter of the
/// segment marked.
/// `None`: not done, and the tape then holds anything.
#[inline(always)]
pub fn walk(segment: &Segment<'_>, line: &Line, places: &Bitmap, keys: &mut Dictionary, tape: &mut Tape) -> Option<()> {
    let (before, version) = (tape.shape, keys.version());
    tape.clear();
    let context = Context {
        text: &segment.bytes[line.text.0..],
        start: line.text.0,
        end: line.text.1 - line.text.0,
        backslash: line.backslash,
        structure: segment.structure,
        places,
    };
    let first = context.space(0);
    if context.byte(first)? != b'{' {
        return None;
    }
    tape.begin(first);
    let escape = context.next_escape(first);
    let run = Ground::new(&context, escape, keys).run_first(first, &mut tape.room[1..]);
    run.note(tape);
    let whole = run.is_whole() && context.byte(run.at) == Some(b'}') && context.space(run.at + 1) == context.end;
    let (seen, flat) = if whole {
        tape.end(run.at);
        (run.seen, true)
    } else {
        tape.open.push(0);
        let (inside, previous) = (Kind::Object, run.last_key(tape).unwrap_or(UNKNOWN));
        let walker = Walker { context, keys, tape, inside, previous, escape, seen: run.seen, flat: true };
        walker.go_on(run.place(), first)?
    };
    if flat && version == keys.version() {
        tape.has_shape(version, before);
        if tape.same_shape {
            keys.expect(tape.len / 2 - 1);
        }
    }
    tape.notable = seen & notable::ANYTHING;
    tape.numbered = true;
    Some(())
}

#[cfg(test)]
mod fast_tests;
