//! What time it is for those who send. An event without a time of its own takes that of its sender: the newest one and what
//! has passed since. No clock here: moments are given, by a clock that nobody sets.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::limits::SENDERS_MAX;

/// How the clock of a sender, or of a whole source, goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pace {
    /// The newest time among the events of the last while, and the moment it came.
    newest: Option<(f64, f64)>,
    /// When the first event without a time came, of those since the last one with a time.
    untimed_since: Option<f64>,
    /// Moment of the last event.
    heard: f64,
}

impl Pace {
    /// Events with times came, the newest of them this.
    pub fn timed(&mut self, newest: f64, moment: f64, silence: f64) {
        if !self.newest.is_some_and(|(known, came)| known > newest && moment - came <= silence) {
            self.newest = Some((newest, moment));
        }
        self.untimed_since = None;
    }

    /// An event without a time came; whether there were only such for so long that the sender has no clock.
    pub fn untimed(&mut self, moment: f64, silence: f64) -> bool {
        moment - *self.untimed_since.get_or_insert(moment) >= silence
    }

    /// The time it is now; `None` where nothing is known of the last while.
    pub fn time(&self, moment: f64, silence: f64) -> Option<f64> {
        let (newest, came) = self.newest.filter(|(_, came)| moment - came <= silence)?;
        Some(newest + (moment - came).max(0.0))
    }
}

/// The senders of one source, and the source as a whole. Kept over a reload.
#[derive(Debug, Default)]
pub struct Senders {
    pub(super) source: Pace,
    known: HashMap<u64, Pace, RandomState>,
    /// When those were last thrown out that had been silent for long.
    swept: f64,
    before: Before,
}

/// What to go back to when a batch was not counted after all.
#[derive(Debug, Default)]
struct Before {
    source: Pace,
    /// In the order of the changes.
    senders: Vec<(u64, Option<Pace>)>,
}

impl Senders {
    /// A batch begins.
    pub(super) fn begin(&mut self, moment: f64, silence: f64) {
        self.before.source = self.source;
        self.before.senders.clear();
        // What is gone here would have been taken for new: it does not show when this is done.
        if (moment - self.swept).abs() > silence {
            self.known.retain(|_, pace| moment - pace.heard <= silence);
            self.known.shrink_to_fit();
            self.before.senders.shrink_to_fit();
            self.swept = moment;
        }
    }

    /// What is known of a sender, and whether another one that may still send had to be forgotten for it.
    pub(super) fn enter(&mut self, sender: u64, moment: f64, silence: f64) -> (Pace, bool) {
        let known = self.known.get(&sender).copied();
        let full = known.is_none() && self.known.len() >= SENDERS_MAX;
        let forgotten = full && self.forget_oldest(moment, silence);
        self.before.senders.push((sender, known));
        (known.filter(|pace| moment - pace.heard <= silence).unwrap_or_default(), forgotten)
    }

    pub(super) fn leave(&mut self, sender: u64, pace: Pace, moment: f64) {
        self.known.insert(sender, Pace { heard: moment, ..pace });
    }

    fn forget_oldest(&mut self, moment: f64, silence: f64) -> bool {
        let by_age = |a: &(&u64, &Pace), b: &(&u64, &Pace)| a.1.heard.total_cmp(&b.1.heard).then(a.0.cmp(b.0));
        let Some((&sender, &pace)) = self.known.iter().min_by(by_age) else { return false };
        self.known.remove(&sender);
        self.before.senders.push((sender, Some(pace)));
        moment - pace.heard <= silence
    }

    /// The batch that began last was counted nowhere: it comes again.
    pub(super) fn undo(&mut self) {
        self.source = self.before.source;
        for (sender, pace) in self.before.senders.drain(..).rev() {
            match pace {
                Some(pace) => self.known.insert(sender, pace),
                None => self.known.remove(&sender),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_forgets_who_was_silent_longest_and_silence_frees_it() {
        let mut senders = Senders::default();
        senders.begin(0.0, 30.0);
        for sender in 0..=SENDERS_MAX as u64 {
            let (pace, forgotten) = senders.enter(sender, sender as f64 / 1e3, 30.0);
            assert_eq!((pace, forgotten), (Pace::default(), sender == SENDERS_MAX as u64));
            senders.leave(sender, Pace { newest: Some((1.0, 0.0)), ..pace }, sender as f64 / 1e3);
        }
        assert_eq!(senders.known.len(), SENDERS_MAX);
        assert!(!senders.known.contains_key(&0) && senders.known.contains_key(&1));
        assert_eq!(senders.enter(1, 40.0, 30.0), (Pace::default(), false));
        senders.begin(80.0, 30.0);
        assert_eq!((senders.known.len(), senders.known.capacity()), (0, 0));
    }

    #[test]
    fn what_was_not_counted_leaves_no_trace() {
        let mut senders = Senders::default();
        senders.begin(0.0, 30.0);
        for sender in 1..=SENDERS_MAX as u64 {
            let (mut pace, _) = senders.enter(sender, 0.0, 30.0);
            pace.timed(100.0, 0.0, 30.0);
            senders.leave(sender, pace, 0.0);
        }
        let (known, source) = (senders.known.clone(), senders.source);
        senders.begin(1.0, 30.0);
        for sender in [5, 5000, 5, 6000] {
            let (mut pace, _) = senders.enter(sender, 1.0, 30.0);
            pace.timed(200.0, 1.0, 30.0);
            senders.source.timed(200.0, 1.0, 30.0);
            senders.leave(sender, pace, 1.0);
        }
        senders.undo();
        assert_eq!((known, source), (senders.known, senders.source));
    }
}
