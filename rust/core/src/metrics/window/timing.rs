//! The times that the events of one batch count for, and what they say of the clocks of those who sent them.

use super::senders::{Pace, Senders};
use crate::limits::EVENT_SECONDS_MAX;
use crate::spec::WindowsSpec;

/// When a batch arrived, and who sent what of it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Since the epoch.
    pub seconds: f64,
    /// The same moment by a clock that nobody sets. When the batch was opened will do for all of it.
    pub monotonic_seconds: f64,
    /// In order. Lines before the first one are the source's own, as all are where there is none.
    pub runs: &'a [Run],
}

impl From<f64> for Arrival<'_> {
    fn from(seconds: f64) -> Self {
        Self { seconds, monotonic_seconds: seconds, runs: &[] }
    }
}

/// Lines of one sender that lie side by side in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// A number of its own for each connection of a source; 0 is for those that have none.
    pub sender: u64,
    /// Where they begin in the batch.
    pub first_byte: usize,
}

/// Why an event has no time of its own. The set is closed: it is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untimed {
    /// No field of a time's name.
    Missing,
    Null,
    /// Something that cannot be read as a time after the epoch.
    Unreadable,
    /// The line is no valid JSON, or was not and came wrapped from where nothing told its time.
    Broken,
}

impl Untimed {
    pub const ALL: [Self; 4] = [Self::Missing, Self::Null, Self::Unreadable, Self::Broken];

    /// Its name in `Engine::state`: the reason after `untimed_`.
    pub fn state(self) -> &'static str {
        match self {
            Self::Missing => "untimed_missing",
            Self::Null => "untimed_null",
            Self::Unreadable => "untimed_unreadable",
            Self::Broken => "untimed_broken",
        }
    }
}

/// The time an event counts for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct When {
    pub seconds: f64,
    /// It may move the watermark and the floor of the windows.
    pub moves: bool,
    /// It is more than the moment of an arrival that may be long after.
    pub known: bool,
}

/// What the times of a batch come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times {
    /// The newest that may move the watermark.
    pub newest: Option<f64>,
    /// The newest of all.
    pub max: Option<f64>,
    /// Events whose own time was ahead of their arrival by more than the skew allowed.
    pub future: u64,
    /// In the order of `Untimed::ALL`.
    pub untimed: [u64; Untimed::ALL.len()],
    /// Senders that were forgotten while they may still have sent.
    pub forgotten: u64,
}

/// Goes over a batch beside its lines.
#[derive(Debug)]
pub struct Timing<'a> {
    senders: &'a mut Senders,
    arrival: Arrival<'a>,
    /// Times are not looked at.
    arrival_only: bool,
    /// No own time is later.
    latest: f64,
    silence: f64,
    /// Who sends the lines from here on; `None`: the source.
    sender: Option<(u64, Pace)>,
    /// First byte of the next run.
    until: usize,
    /// The newest own time that no clock has heard of.
    newest: f64,
    times: Times,
}

impl<'a> Timing<'a> {
    pub fn new(senders: &'a mut Senders, arrival: Arrival<'a>, windows: &WindowsSpec, arrival_only: bool) -> Self {
        senders.begin(arrival.monotonic_seconds, windows.silence_seconds);
        Self {
            senders,
            arrival,
            arrival_only,
            latest: if arrival_only { f64::NEG_INFINITY } else { arrival.seconds + windows.future_skew_seconds },
            silence: windows.silence_seconds,
            sender: None,
            until: arrival.runs.first().map_or(usize::MAX, |run| run.first_byte),
            newest: f64::NEG_INFINITY,
            times: Times::default(),
        }
    }

    /// A line begins at this byte of the batch.
    #[inline(always)]
    pub fn reach(&mut self, byte: usize) {
        if byte >= self.until {
            self.turn(byte);
        }
    }

    /// Who sends the line; 0: the source.
    pub fn sender(&self) -> u64 {
        self.sender.map_or(0, |(sender, _)| sender)
    }

    /// When an event with this time was, if it may be trusted.
    #[inline(always)]
    pub fn own(&mut self, seconds: Option<f64>) -> Option<When> {
        let seconds = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= self.latest)?;
        if seconds > self.newest {
            self.newest = seconds;
        }
        Some(When { seconds, moves: true, known: true })
    }

    /// When an event was whose own time, if it has one, is not to be trusted. `None`: it is ahead of its arrival.
    ///
    /// It neither holds the watermark back nor moves it. Only where a source has sent nothing else for a silence's length
    /// it goes by arrival, watermark included: its events have no times, or its clock is wrong.
    #[inline(never)]
    pub fn other(&mut self, why: Option<Untimed>) -> When {
        self.settle();
        let Self { senders, arrival, silence, .. } = self;
        let (moment, silence) = (arrival.monotonic_seconds, *silence);
        let mut when = When { seconds: arrival.seconds, moves: self.arrival_only, known: self.arrival_only };
        if !self.arrival_only {
            match why {
                None => self.times.future += 1,
                Some(why) => self.times.untimed[why as usize] += 1,
            }
            when.moves = senders.source.untimed(moment, silence);
            when.known = when.moves;
            let alone = self.sender.as_mut().is_some_and(|(_, pace)| pace.untimed(moment, silence));
            if !when.moves && !alone {
                let own = self.sender.and_then(|(_, pace)| pace.time(moment, silence));
                let known = own.or_else(|| senders.source.time(moment, silence));
                when.seconds = known.unwrap_or(arrival.seconds);
                when.known = known.is_some();
            }
        }
        self.times.take(when);
        when
    }

    /// The batch was counted as a whole; gives what its times come to.
    pub fn finish(mut self) -> Times {
        self.leave();
        self.times
    }

    /// The batch was counted nowhere.
    pub fn undo(self) {
        self.senders.undo();
    }

    /// Why an event is without a time although a field of that name has one.
    pub fn distrusted(&self, own_seconds: f64) -> Option<Untimed> {
        (own_seconds <= self.latest || own_seconds > EVENT_SECONDS_MAX).then_some(Untimed::Unreadable)
    }

    #[inline(never)]
    fn turn(&mut self, byte: usize) {
        self.leave();
        let passed = self.arrival.runs.partition_point(|run| run.first_byte <= byte);
        let (passed, next) = self.arrival.runs.split_at(passed);
        self.arrival.runs = next;
        self.until = next.first().map_or(usize::MAX, |run| run.first_byte);
        if let Some(run) = passed.last().filter(|run| run.sender != 0) {
            let (pace, forgotten) = self.senders.enter(run.sender, self.arrival.monotonic_seconds, self.silence);
            self.times.forgotten += u64::from(forgotten);
            self.sender = Some((run.sender, pace));
        }
    }

    fn leave(&mut self) {
        self.settle();
        if let Some((sender, pace)) = self.sender.take() {
            self.senders.leave(sender, pace, self.arrival.monotonic_seconds);
        }
    }

    /// Tell the clocks of the times that came since.
    fn settle(&mut self) {
        let newest = std::mem::replace(&mut self.newest, f64::NEG_INFINITY);
        if newest == f64::NEG_INFINITY {
            return;
        }
        let moment = self.arrival.monotonic_seconds;
        self.senders.source.timed(newest, moment, self.silence);
        if let Some((_, pace)) = &mut self.sender {
            pace.timed(newest, moment, self.silence);
        }
        self.times.take(When { seconds: newest, moves: true, known: true });
    }
}

impl Times {
    fn take(&mut self, when: When) {
        let newer = |known: Option<f64>| Some(known.map_or(when.seconds, |known| known.max(when.seconds)));
        self.max = newer(self.max);
        if when.moves {
            self.newest = newer(self.newest);
        }
    }
}
