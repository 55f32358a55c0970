//! What all lanes of one engine share, and the flag that another engine took over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::extract::Extractor;
use crate::io::recent::Recent;
use crate::metrics::window::senders::Senders;
use crate::metrics::Metrics;
use crate::redact::carried::Carried;
use crate::redact::Redactor;
use crate::simd::Path;
use crate::spec::Spec;

pub(crate) struct Shared {
    pub spec: Arc<Spec>,
    pub path: Path,
    /// Compiling it takes some milliseconds: engines with the same spec may share it.
    pub redactor: Arc<Redactor>,
    pub extractor: Extractor,
    pub metrics: Mutex<Metrics>,
    pub recent: Mutex<Recent>,
    /// Raised under the lock of `metrics`: from then on nothing is counted here, and a batch that was already on its way
    /// goes to the engine that took over.
    pub superseded: AtomicBool,
}

/// What is known of a lane's senders. Shared with the lane of that name in the engine that was before, and in the one that
/// takes over.
#[derive(Default)]
pub(crate) struct Memory {
    pub senders: Mutex<Senders>,
    pub carried: Mutex<Carried>,
}

/// Another engine took over totals and windows: a batch goes there.
#[derive(Debug)]
pub(crate) struct Superseded;

impl Shared {
    pub fn is_superseded(&self) -> bool {
        self.superseded.load(Ordering::Acquire)
    }
}

/// The lock's content, also after a panic elsewhere: every update leaves it usable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The source that a lane belongs to: itself, or what stands before the slash of `source/lane`. The spec's options are its.
pub(crate) fn source(lane: &str) -> &str {
    lane.split_once('/').map_or(lane, |(source, _)| source)
}
