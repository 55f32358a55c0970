//! What keeps a log file from its work, told once when it begins and once when it ends.

use std::fmt;
use std::io;
use std::mem;

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Lines wait, and are written once it ends.
    Write,
    /// The path cannot be opened; lines go on into the file that had this name before, as long as that has a name.
    Open,
    /// The file grows on.
    Rotate,
    /// Rotated files are not compressed or removed.
    Tidy,
    /// Lines are lost: whoever read them has gone. No file fails like that, but a stream does.
    Reach,
}

const STAGES: usize = 5;

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Failed {
        stage: Stage,
        reason: String,
    },
    Recovered(Stage),
    /// A crash had left an unfinished line, which was ended.
    TornLineEnded,
    /// Lines of a dead process cannot be taken out of its ring.
    RingKept {
        reason: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { stage: Stage::Write, reason } => {
                write!(to, "cannot be written: {reason}; lines wait until it can")
            }
            Self::Failed { stage: Stage::Open, reason } => {
                write!(to, "cannot be opened: {reason}; tried again each second")
            }
            Self::Failed { stage: Stage::Rotate, reason } => {
                write!(to, "cannot be rotated: {reason}; it grows on, tried again each second")
            }
            Self::Failed { stage: Stage::Tidy, reason } => {
                write!(to, "rotated files cannot be compressed or removed: {reason}; tried again at the next rotation")
            }
            Self::Failed { stage: Stage::Reach, reason } => {
                write!(to, "cannot be written: {reason}; lines are dropped")
            }
            Self::Recovered(Stage::Write | Stage::Reach) => write!(to, "is written again"),
            Self::Recovered(Stage::Open) => write!(to, "is open again"),
            Self::Recovered(Stage::Rotate) => write!(to, "is rotated again"),
            Self::Recovered(Stage::Tidy) => write!(to, "rotated files are compressed and removed again"),
            Self::RingKept { reason } => write!(to, "lines of a dead process are still in its ring: {reason}"),
            Self::TornLineEnded => write!(to, "ended within a line, which was ended first"),
        }
    }
}

#[derive(Default)]
pub(super) struct Troubles {
    /// The reason by stage, while it lasts.
    now: [Option<String>; STAGES],
    changes: Vec<Change>,
}

impl Troubles {
    /// Note how an attempt went. The same trouble again is no change, and neither is another reason after it began: a disk
    /// that is full and read-only in turn would else be told of at every attempt.
    pub(super) fn note(&mut self, stage: Stage, error: Option<&io::Error>) {
        let now = &mut self.now[stage as usize];
        match (error, now.is_some()) {
            (Some(error), false) => {
                let reason = reason_of(error);
                *now = Some(reason.clone());
                self.tell(Change::Failed { stage, reason });
            }
            (None, true) => {
                *now = None;
                self.tell(Change::Recovered(stage));
            }
            _ => {}
        }
    }

    pub(super) fn tell(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub(super) fn take(&mut self) -> Vec<Change> {
        mem::take(&mut self.changes)
    }
}

/// The text without the number.
pub fn reason_of(error: &io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}
