//! What is called from outside for each line: edits of a JSON document or of plain text as received, secrets known by key or
//! looks first, then their repeats, then learned values.

use crate::io::edit::Edits;
use crate::json::tape::Tape;

use super::triage::Text;
use super::{document, learned, patterns, Exempt, Redactor, Scratch};

impl Redactor {
    /// Edits of one valid JSON text, given its tape. `at`: where it stands in the batch that `find_candidates` saw last, if in
    /// any. `edits` must be empty and is left settled.
    #[expect(clippy::too_many_arguments, reason = "per string or event: a struct would be filled each time")]
    pub fn document(
        &self,
        text: &[u8],
        at: Option<usize>,
        tape: &Tape,
        exempt: Exempt<'_>,
        scratch: &mut Scratch,
        edits: &mut Edits,
    ) {
        if !self.enabled {
            return;
        }
        self.of_document(text, at, tape, exempt, scratch, edits);
        if !edits.is_empty() {
            self.repeats_of_document(text, tape, exempt, scratch, edits);
        }
        let spared = at.is_some_and(|at| self.nothing_learned(scratch, at, at + text.len()));
        if self.learned.is_some() && !spared {
            self.learned_of_document(text, at, tape, scratch, edits);
        }
        scratch.count(edits);
    }

    #[expect(clippy::too_many_arguments, reason = "per string or event: a struct would be filled each time")]
    fn of_document(
        &self,
        text: &[u8],
        at: Option<usize>,
        tape: &Tape,
        exempt: Exempt<'_>,
        scratch: &mut Scratch,
        edits: &mut Edits,
    ) {
        match at {
            Some(at) if self.reads_marked_only(tape) => {
                let mut strings = tape.candidates.iter().map(|node| *node as usize).filter(|node| !exempt(*node));
                let Some(first) = strings.next() else { return };
                let batch = std::mem::take(&mut scratch.batch);
                let text = Text { bytes: text, view: batch.view().from(at) };
                document::strings(self, text, tape, std::iter::once(first).chain(strings), scratch, edits);
                edits.settle();
                scratch.batch = batch;
            }
            Some(at) => {
                let batch = std::mem::take(&mut scratch.batch);
                self.json(Text { bytes: text, view: batch.view().from(at) }, tape, exempt, 0, scratch, edits);
                scratch.batch = batch;
            }
            None => {
                self.with_candidates(text, scratch, |text, scratch| self.json(text, tape, exempt, 0, scratch, edits))
            }
        }
    }

    /// Learned values of a document, behind its other edits.
    #[inline(never)]
    fn learned_of_document(
        &self,
        text: &[u8],
        at: Option<usize>,
        tape: &Tape,
        scratch: &mut Scratch,
        edits: &mut Edits,
    ) {
        let Some(learned) = &self.learned else { return };
        let Scratch { learned: batch, learned_in_text: own, token, .. } = scratch;
        if at.is_none() {
            own.clear();
            learned.find(text, own);
        }
        let (spans, from) = at.map_or((&own[..], 0), |at| (&batch[..], at));
        let before = edits.list.len();
        learned::of_document(text, tape, learned::within(spans, from, from + text.len()), |span, quoted| {
            self.replace(text, span.start as usize, span.end as usize, learned.rule, None, quoted, token, edits);
        });
        if edits.list.len() > before {
            edits.settle();
        }
    }

    /// Learned values of plain text, behind its other edits.
    fn learned_of_text(&self, text: &[u8], at: Option<usize>, scratch: &mut Scratch, edits: &mut Edits) {
        let Some(learned) = &self.learned else { return };
        let Scratch { learned: batch, learned_in_text: own, token, .. } = scratch;
        if at.is_none() {
            own.clear();
            learned.find(text, own);
        }
        let (spans, from) = at.map_or((&own[..], 0), |at| (&batch[..], at));
        for span in learned::within(spans, from, from + text.len()) {
            self.replace(text, span.start as usize, span.end as usize, learned.rule, None, false, token, edits);
        }
        edits.settle();
    }

    /// The batch that `find_candidates` saw last holds no learned value between these places.
    #[inline(always)]
    pub fn nothing_learned(&self, scratch: &Scratch, start: usize, end: usize) -> bool {
        self.learned.is_none() || learned::within(&scratch.learned, start, end).next().is_none()
    }

    /// True if only strings that the prefilter marked need reading.
    #[inline(always)]
    pub fn reads_marked_only(&self, tape: &Tape) -> bool {
        tape.numbered && tape.notable == 0 && !self.rules.read_everything && self.paths.is_none()
    }

    /// Edits of text that is not valid JSON, whatever its bytes. `edits` must be empty and is left settled.
    pub fn text(&self, text: &[u8], scratch: &mut Scratch, edits: &mut Edits) {
        self.text_in_batch(text, None, scratch, edits);
    }

    /// The same of a text that stands in the batch that `find_candidates` saw last, `at` this place.
    pub fn text_in_batch(&self, text: &[u8], at: Option<usize>, scratch: &mut Scratch, edits: &mut Edits) {
        if self.enabled {
            scratch.cut = patterns::truncated::may_be_cut(text, &self.tokens);
            if let Some(at) = at {
                let batch = std::mem::take(&mut scratch.batch);
                self.plain(Text { bytes: text, view: batch.view().from(at) }, 0, scratch, edits);
                scratch.batch = batch;
            } else {
                self.with_candidates(text, scratch, |text, scratch| self.plain(text, 0, scratch, edits));
            }
            if !edits.is_empty() {
                self.repeats_of_text(text, scratch, edits);
            }
            scratch.cut = false;
            self.learned_of_text(text, at, scratch, edits);
            scratch.count(edits);
        }
    }
}
