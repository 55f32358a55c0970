//! All windows of one engine: which are kept, what they hold, what they may hold.

use super::aggregate::Aggregate;
use super::budget::Budget;
use super::fixed::Fixed;
use super::pane::Panes;
use super::sketch::Bucket;
use super::{pane_of, panes_in};
use crate::metrics::interner::Interner;
use crate::metrics::label_sets::Links;
use crate::metrics::series::{Series, SeriesTable};
use crate::spec::WindowsSpec;

/// Bytes of a series without its panes and label values: key, tables, allocations.
const SERIES_BYTES: usize = 192;
/// Panes behind any that a tick of the present can ask for are kept so long when there is room, in seconds: a backlog
/// of some hours, sent at once after an outage, alerts as it would have. What is older is history.
const BACKLOG_SECONDS: f64 = 6.0 * 3600.0;

/// What one event adds to a pane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    Sample(f64),
    /// One event of a ratio's denominator.
    Base,
    /// One event of a ratio's numerator.
    Hit,
}

/// One amount for one series of one window.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub window: usize,
    pub pane: i64,
    pub amount: Amount,
    /// Number of the label set, for its links.
    pub series: u32,
}

/// The clock that a window ticks by: the watermark for events, the wall clock for recorded values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeDomain {
    Events,
    Recorded,
}

impl TimeDomain {
    pub fn named(name: &str) -> Option<Self> {
        [Self::Events, Self::Recorded].into_iter().find(|domain| domain.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Recorded => "recorded",
        }
    }
}

/// The windows of one metric by one set of group labels.
#[derive(Debug)]
pub struct Window {
    /// Definition as text: equal over a reload means that the window goes on.
    pub identity: String,
    pub metric: String,
    pub group_by: Vec<String>,
    pub sketch: bool,
    /// A recorded value replaces what events say, it never mixes.
    pub domain: TimeDomain,
    pub table: SeriesTable<Panes>,
}

/// Counts of what windows could not do as told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Events behind the watermark but inside kept panes: merged.
    pub late: u64,
    /// Events older than every kept pane: not in windows.
    pub late_dropped: u64,
    /// Values refused because of `bytes_max`.
    pub dropped: u64,
    /// Values that went to an overflow series.
    pub overflowed: u64,
    /// Events that gave way, for want of room or age, before every tick that asks for them: in how many windows.
    pub unjudged: u64,
    /// Series that left because all their panes were old.
    pub evicted: u64,
}

#[derive(Debug)]
pub struct Windows {
    pub list: Vec<Window>,
    budget: Budget,
    /// Panes that the longest window asks for.
    longest: i64,
    /// Panes kept behind the last tick.
    keep: i64,
    /// Panes kept behind the newest event: more than any tick still to come can ask for.
    keep_newest: i64,
    /// First pane kept, by time domain.
    floors: [i64; 2],
    /// First pane that a tick still to come can ask for, by time domain.
    ticked: [i64; 2],
    /// First pane that the tick after the last one asks for, by time domain: less than what is kept, which is for late events.
    asked: [i64; 2],
    /// Up to where panes were last thrown away.
    pruned: [i64; 2],
    pub losses: Losses,
    series_max: usize,
    scratch: Vec<Bucket>,
}

impl Windows {
    /// `longest_seconds`: the longest window of a threshold.
    pub fn new(list: Vec<Window>, spec: &WindowsSpec, series_max: usize, longest_seconds: f64) -> Self {
        let mut new = Self {
            list,
            budget: Budget::new(spec.bytes_max),
            longest: panes_in(longest_seconds),
            keep: 0,
            keep_newest: 0,
            floors: [i64::MIN; 2],
            ticked: [i64::MIN; 2],
            asked: [i64::MIN; 2],
            pruned: [i64::MIN; 2],
            losses: Losses::default(),
            series_max,
            scratch: Vec::new(),
        };
        let keep_seconds = spec.lateness_seconds + spec.holdback_seconds_max;
        new.keep = new.longest + panes_in(keep_seconds);
        // Two lanes can be a skew ahead and a holdback behind the clock; a silence adds its length once.
        let apart_seconds = spec.future_skew_seconds + spec.holdback_seconds_max + spec.silence_seconds;
        new.keep_newest = new.keep + panes_in(apart_seconds) + 1;
        new
    }

    /// Go on with the counters, floors and equal windows of `previous`; the label values of its others are released.
    pub fn adopt(&mut self, previous: &Self, interner: &mut Interner) {
        for old in &previous.list {
            let Some(window) = self.list.iter_mut().find(|window| window.identity == old.identity) else {
                old.table.release(interner);
                continue;
            };
            window.table = old.table.clone();
            window.domain = old.domain;
            let series = window.table.series().iter();
            self.budget.keep(series.map(|series| series.data.bytes() + series_bytes(&series.key, interner)).sum());
        }
        (self.floors, self.ticked, self.asked) = (previous.floors, previous.ticked, previous.asked);
        self.losses = previous.losses;
    }

    pub fn bytes(&self) -> usize {
        self.budget.used()
    }

    pub fn series(&self) -> usize {
        self.list.iter().map(|window| window.table.series().len()).sum()
    }

    /// The pane of an event, or `None` when it is too old for any window. `moves`: what is far behind it is too old from now.
    pub fn admit(&mut self, seconds: f64, moves: bool, watermark: Option<f64>) -> Option<i64> {
        if self.list.is_empty() {
            return None;
        }
        let pane = pane_of(seconds);
        let floor = &mut self.floors[TimeDomain::Events as usize];
        if moves {
            *floor = (*floor).max(pane.saturating_sub(self.keep_newest));
        }
        if pane < *floor {
            self.losses.late_dropped += 1;
            return None;
        }
        self.losses.late += u64::from(watermark.is_some_and(|watermark| seconds < watermark));
        Some(pane)
    }

    /// Add one amount to the series that `texts` name. Refused and counted where `bytes_max` has no room.
    pub fn add<'a, I: Iterator<Item = &'a str> + Clone>(
        &mut self,
        entry: Entry,
        links: &mut Links,
        texts: impl Fn() -> I,
        interner: &mut Interner,
    ) {
        let mut added = self.try_add(entry, links, &texts, interner);
        if !added && self.prune(self.floors, interner) {
            added = self.try_add(entry, links, &texts, interner);
        }
        self.losses.dropped += u64::from(!added);
    }

    fn try_add<'a, I: Iterator<Item = &'a str> + Clone>(
        &mut self,
        entry: Entry,
        links: &mut Links,
        texts: impl Fn() -> I,
        interner: &mut Interner,
    ) -> bool {
        let Self { list, budget, losses, series_max, .. } = self;
        let window = &mut list[entry.window];
        let admit = |bytes| budget.take(SERIES_BYTES + bytes);
        let located = links.locate(entry.series, &mut window.table, texts, interner, *series_max, admit);
        let Some((at, overflowed)) = located else { return false };
        let Some(pane) = window.table.at(at).data.pane(entry.pane, budget) else { return false };
        match entry.amount {
            Amount::Sample(value) => {
                if window.sketch && !pane.sketch.add(value, budget) {
                    return false;
                }
                pane.sample(value);
            }
            Amount::Base => pane.count += 1,
            Amount::Hit => pane.sum += Fixed::new(1.0),
        }
        losses.overflowed += u64::from(overflowed);
        true
    }

    /// From now on the windows of `metric` are filled by `record` alone.
    pub fn replace(&mut self, metric: &str, interner: &mut Interner) {
        for window in
            self.list.iter_mut().filter(|window| window.metric == metric && window.domain == TimeDomain::Events)
        {
            window.domain = TimeDomain::Recorded;
            clear(&mut window.table, Floor { kept: i64::MAX, asked: i64::MAX }, &mut self.budget, interner);
        }
    }

    /// Whether a recorded value is too old for any window.
    pub fn is_old(&self, pane: i64) -> bool {
        pane < self.floors[TimeDomain::Recorded as usize]
    }

    /// A tick was reached: panes that no later tick can ask for may go. Others stay while there is room, those of a
    /// backlog that is read faster than it is looked at, up to `BACKLOG_SECONDS`.
    pub fn tick(&mut self, domain: TimeDomain, until: i64, interner: &mut Interner) {
        let at = domain as usize;
        self.ticked[at] = self.ticked[at].max(until.saturating_sub(self.keep));
        self.asked[at] = self.asked[at].max(until.saturating_sub(self.longest).saturating_add(1));
        self.floors[at] = self.floors[at].max(self.ticked[at]);
        let backlog = panes_in(BACKLOG_SECONDS);
        let floors = [0, 1].map(|at| self.ticked[at].max(self.floors[at].saturating_sub(backlog)));
        self.prune(floors, interner);
    }

    /// Throw away panes before these floors; false when that was done already.
    fn prune(&mut self, floors: [i64; 2], interner: &mut Interner) -> bool {
        if self.pruned[0] >= floors[0] && self.pruned[1] >= floors[1] {
            return false;
        }
        self.pruned = [self.pruned[0].max(floors[0]), self.pruned[1].max(floors[1])];
        for window in &mut self.list {
            let at = window.domain as usize;
            let floor = Floor { kept: self.pruned[at], asked: self.asked[at] };
            let (evicted, unjudged) = clear(&mut window.table, floor, &mut self.budget, interner);
            self.losses.evicted += evicted as u64;
            self.losses.unjudged += unjudged;
        }
        true
    }

    /// Value and samples over panes [from, until) of each series of a window that has any, with its label ids.
    pub fn read(
        &mut self,
        target: usize,
        aggregate: Aggregate,
        from: i64,
        until: i64,
        mut found: impl FnMut(&[u32], f64, u64),
    ) {
        let Self { list, scratch, .. } = self;
        for series in list[target].table.series() {
            if let Some((value, samples)) = aggregate.over(&series.data, from, until, scratch) {
                found(&series.key, value, samples);
            }
        }
    }

    /// The oldest pane kept of a time domain: no tick up to its start has anything to say.
    pub fn oldest_pane(&self, domain: TimeDomain) -> Option<i64> {
        let all = self.list.iter().filter(|window| window.domain == domain).flat_map(|window| window.table.series());
        all.filter_map(|series| series.data.oldest()).min()
    }
}

/// Bytes of a series beside its panes.
fn series_bytes(key: &[u32], interner: &Interner) -> usize {
    SERIES_BYTES + key.iter().map(|id| interner.text(*id).len()).sum::<usize>()
}

/// The first pane kept, and the first one that a tick to come asks for.
#[derive(Clone, Copy)]
struct Floor {
    kept: i64,
    asked: i64,
}

/// Throw away panes before the floor, and series without panes: how many of these, and the events that were still asked for.
fn clear(table: &mut SeriesTable<Panes>, floor: Floor, budget: &mut Budget, interner: &mut Interner) -> (usize, u64) {
    let mut unjudged = 0;
    let keep = |series: &mut Series<Panes>, interner: &Interner| {
        unjudged += series.data.range(floor.asked, floor.kept).iter().map(|pane| pane.count).sum::<u64>();
        series.data.prune(floor.kept, budget);
        let kept = series.data.oldest().is_some();
        if !kept {
            budget.give(series_bytes(&series.key, interner));
        }
        kept
    };
    (table.retain(keep, interner), unjudged)
}
