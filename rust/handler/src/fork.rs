//! Forks, seen by `pthread_atfork`: also those that C code makes, of which Python's hooks hear nothing. Before a fork the
//! writers end, so that the child is made of a process in which nothing is half done; a child begins with empty buffers.

#![allow(unsafe_code, reason = "pthread_atfork has no safe form")]

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::thread::Thread;
use std::time::Instant;

use crate::limits::FORK_WAIT_MAX;
use crate::{gate, terminate};

static BUFFERS: Mutex<Vec<Weak<dyn OverForks>>> = Mutex::new(Vec::new());
static REGISTERED: Once = Once::new();
/// Forks that lie between the first process and this one, of those that were seen.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// What a buffer does about a fork.
pub(crate) trait OverForks: Send + Sync {
    /// Have the writer end as soon as nothing waits: a process that is forked should have one thread.
    fn prepare(&self);
    /// Wait for the writer, for so long, and let no thread in any more.
    fn shut(&self, deadline: Instant);
    /// Go on, in either process.
    fn open(self: Arc<Self>, child: bool);
}

/// All buffers of the process. Nobody may add one during a fork: the child would inherit the lock.
struct Forking {
    buffers: Vec<Arc<dyn OverForks>>,
    writers: MutexGuard<'static, Vec<Thread>>,
    _registry: MutexGuard<'static, Vec<Weak<dyn OverForks>>>,
}

thread_local! {
    static FORKING: RefCell<Option<Forking>> = const { RefCell::new(None) };
}

/// A number that is another one in a forked child than in its parent.
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Take care of a buffer over forks, for as long as it lives.
pub(crate) fn watch(buffer: Weak<dyn OverForks>) {
    // SAFETY: the three functions are never unloaded (Python unloads no extension), and no panic leaves them.
    REGISTERED.call_once(|| unsafe {
        // It fails when memory is out. Then forks are as if nobody saw them.
        let _ = libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child));
    });
    let mut buffers = BUFFERS.lock().unwrap_or_else(PoisonError::into_inner);
    buffers.retain(|each| each.strong_count() > 0);
    buffers.push(buffer);
}

extern "C" fn before() {
    let registry = BUFFERS.lock().unwrap_or_else(PoisonError::into_inner);
    let buffers: Vec<Arc<dyn OverForks>> = registry.iter().filter_map(Weak::upgrade).collect();
    if !buffers.is_empty() {
        headrig_core::prepare();
    }
    for buffer in &buffers {
        buffer.prepare();
    }
    let deadline = Instant::now() + FORK_WAIT_MAX;
    for buffer in &buffers {
        buffer.shut(deadline);
    }
    let held = Forking { buffers, writers: terminate::writers(), _registry: registry };
    let _ = FORKING.try_with(|forking| forking.replace(Some(held)));
}

extern "C" fn in_parent() {
    let Some(Forking { buffers, writers, .. }) = FORKING.try_with(RefCell::take).ok().flatten() else { return };
    drop(writers);
    for buffer in buffers {
        buffer.open(false);
    }
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    let Some(Forking { buffers, writers, .. }) = FORKING.try_with(RefCell::take).ok().flatten() else { return };
    terminate::begin_in_child(writers);
    gate::begin_in_child(buffers.len());
    for buffer in buffers {
        buffer.open(true);
    }
}
