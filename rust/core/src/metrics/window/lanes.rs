//! Lanes and the watermark: the event time up to which windows are complete. No clock: `now` is always given.

use super::timing::{Times, Untimed};
use crate::limits::EVENT_SECONDS_MAX;
use crate::spec::WindowsSpec;

/// Which lane an event came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneId(pub u32);

/// In place of the name of a lane that was closed.
const CLOSED: &str = "";

#[derive(Clone, Debug)]
struct Lane {
    name: String,
    /// Arrival of the last batch that held an event with a time, in seconds.
    heard: f64,
    /// Newest event time; `None` before the first one.
    newest: Option<f64>,
}

#[derive(Clone, Debug, Default)]
pub struct Lanes {
    list: Vec<Lane>,
    watermark: Option<f64>,
    /// The newest time of the caller's clock seen, by `arrive` or `watermark`.
    clock: Option<f64>,
    /// `now` of the last call of `watermark`.
    asked: Option<f64>,
    /// Events whose time was ahead of their arrival by more than the skew allowed, and recorded values ahead of the clock.
    pub future: u64,
    /// Events without a time of their own, in the order of `Untimed::ALL`.
    pub untimed: [u64; Untimed::ALL.len()],
    /// Senders forgotten while they may still have sent.
    pub forgotten: u64,
}

impl Lanes {
    /// The lane of that name; the same one each time.
    pub fn lane(&mut self, name: &str) -> LaneId {
        let named = |name: &str| self.list.iter().position(|lane| lane.name == name);
        let index = named(name).or_else(|| named(CLOSED)).unwrap_or(self.list.len());
        if index == self.list.len() {
            self.list.push(Lane { name: String::new(), heard: 0.0, newest: None });
        }
        name.clone_into(&mut self.list[index].name);
        LaneId(index as u32)
    }

    /// Nothing more comes by the lane of that name: its number may be another's.
    pub fn close(&mut self, name: &str) {
        if let Some(lane) = self.list.iter_mut().find(|lane| lane.name == name) {
            *lane = Lane { name: CLOSED.to_owned(), heard: 0.0, newest: None };
        }
    }

    /// A batch of this lane was counted.
    pub fn arrive(&mut self, lane: LaneId, times: &Times, arrival: f64) {
        self.tick(arrival);
        self.future += times.future;
        self.untimed.iter_mut().zip(times.untimed).for_each(|(sum, count)| *sum += count);
        self.forgotten += times.forgotten;
        let open = self.list.get_mut(lane.0 as usize).filter(|lane| lane.name != CLOSED);
        if let (Some(lane), Some(time)) = (open, times.newest) {
            lane.heard = lane.heard.max(arrival);
            lane.newest = Some(lane.newest.map_or(time, |newest| newest.max(time)));
        }
    }

    /// The time a recorded value counts for: never far ahead of the clock, which would empty the windows.
    pub fn recorded(&mut self, seconds: f64, skew: f64) -> f64 {
        let latest = self.clock.map_or(EVENT_SECONDS_MAX, |clock| clock + skew);
        if seconds.abs() <= EVENT_SECONDS_MAX && seconds <= latest {
            return seconds;
        }
        self.future += u64::from(seconds > latest);
        self.clock.unwrap_or(0.0)
    }

    pub fn clock(&self) -> Option<f64> {
        self.clock
    }

    /// The caller's clock was seen at `now`.
    pub fn tick(&mut self, now: f64) {
        self.clock = Some(self.clock.map_or(now, |clock| clock.max(now)));
    }

    /// The last watermark given.
    pub fn known(&self) -> Option<f64> {
        self.watermark
    }

    /// The minimum over live lanes, capped by `now`, less the lateness allowed. Never moves back.
    ///
    /// A lane is live when an event with a time arrived within `silence_seconds` and its newest event is within
    /// `holdback_seconds_max` of the clock. With none live the watermark advances by the seconds since the last call.
    /// Before any lane had an event, values that were `recorded` tick by the clock.
    pub fn watermark(&mut self, now: f64, windows: &WindowsSpec, recorded: bool) -> Option<f64> {
        self.tick(now);
        let live = self.list.iter().filter_map(|lane| {
            let newest = lane.newest?;
            let live = now - lane.heard <= windows.silence_seconds && now - newest <= windows.holdback_seconds_max;
            live.then_some(newest)
        });
        let elapsed = self.asked.map_or(0.0, |asked| (now - asked).max(0.0));
        let next = match live.reduce(f64::min) {
            Some(oldest) => Some(now.min(oldest) - windows.lateness_seconds),
            None if recorded && self.list.iter().all(|lane| lane.newest.is_none()) => {
                Some(now - windows.lateness_seconds)
            }
            None => self.watermark.map(|watermark| watermark + elapsed),
        };
        self.asked = Some(self.asked.map_or(now, |asked| asked.max(now)));
        self.watermark = match (self.watermark, next) {
            (Some(before), Some(next)) => Some(before.max(next)),
            (before, next) => next.or(before),
        };
        self.watermark
    }

    /// Seconds each lane's newest event is behind the clock; lanes with events only.
    pub fn behind(&self, now: f64) -> Vec<(String, f64)> {
        let behind = |lane: &Lane| Some((lane.name.clone(), (now - lane.newest?).max(0.0)));
        self.list.iter().filter_map(behind).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One event of `lane` at `time`, arriving at `now`.
    fn event(lanes: &mut Lanes, lane: LaneId, time: f64, now: f64) {
        lanes.arrive(lane, &Times { newest: Some(time), ..Times::default() }, now);
    }

    fn watermark(lanes: &mut Lanes, now: f64) -> Option<f64> {
        lanes.watermark(now, &WindowsSpec::default(), false)
    }

    #[test]
    fn there_is_none_before_the_first_event_and_then_the_slowest_live_lane_rules() {
        let mut lanes = Lanes::default();
        let (a, b) = (lanes.lane("a"), lanes.lane("b"));
        assert_eq!(lanes.lane("a"), a);
        assert_eq!(watermark(&mut lanes, 990.0), None);
        event(&mut lanes, a, 1000.0, 1000.0);
        assert_eq!(watermark(&mut lanes, 1000.0), Some(985.0));
        event(&mut lanes, a, 1020.0, 1020.0);
        event(&mut lanes, b, 1005.0, 1020.0);
        assert_eq!(watermark(&mut lanes, 1020.0), Some(990.0));
        assert_eq!(lanes.behind(1020.0), [("a".to_owned(), 0.0), ("b".to_owned(), 15.0)]);
    }

    #[test]
    fn a_closed_lane_holds_nobody_back_and_its_number_is_given_again() {
        let mut lanes = Lanes::default();
        let (a, b) = (lanes.lane("in/a"), lanes.lane("in/b"));
        event(&mut lanes, a, 1000.0, 1020.0);
        event(&mut lanes, b, 1020.0, 1020.0);
        assert_eq!(watermark(&mut lanes, 1020.0), Some(985.0));
        lanes.close("in/a");
        lanes.close("in/none");
        event(&mut lanes, a, 1000.0, 1020.0);
        assert_eq!(watermark(&mut lanes, 1020.0), Some(1005.0));
        assert_eq!(lanes.behind(1020.0), [("in/b".to_owned(), 0.0)]);
        assert_eq!((lanes.lane("in/c"), lanes.lane("in/b"), lanes.lane("in/d")), (a, b, LaneId(2)));
        assert_eq!(lanes.behind(1020.0), [("in/b".to_owned(), 0.0)]);
    }

    #[test]
    fn silence_and_lagging_take_a_lane_out_of_the_minimum() {
        let mut lanes = Lanes::default();
        let (a, b) = (lanes.lane("a"), lanes.lane("b"));
        event(&mut lanes, a, 1000.0, 1000.0);
        event(&mut lanes, b, 1000.0, 1000.0);
        event(&mut lanes, b, 1030.0, 1030.0);
        assert_eq!(watermark(&mut lanes, 1030.0), Some(985.0));
        event(&mut lanes, b, 1031.0, 1031.0);
        assert_eq!(watermark(&mut lanes, 1031.0), Some(1016.0));
        event(&mut lanes, a, 970.0, 1032.0);
        event(&mut lanes, b, 1062.0, 1062.0);
        assert_eq!(watermark(&mut lanes, 1062.0), Some(1047.0));
    }

    #[test]
    fn with_all_lanes_silent_it_advances_by_the_seconds_elapsed() {
        let mut lanes = Lanes::default();
        let a = lanes.lane("a");
        event(&mut lanes, a, 1000.0, 1000.0);
        assert_eq!(watermark(&mut lanes, 1030.0), Some(985.0));
        assert_eq!(watermark(&mut lanes, 1031.0), Some(986.0));
        assert_eq!(watermark(&mut lanes, 1041.0), Some(996.0));
        assert_eq!(watermark(&mut lanes, 1040.0), Some(996.0));
        event(&mut lanes, a, 1005.0, 1042.0);
        assert_eq!(watermark(&mut lanes, 1042.0), Some(996.0));
    }

    #[test]
    fn a_lane_of_old_events_alone_gives_none() {
        let mut lanes = Lanes::default();
        let a = lanes.lane("a");
        event(&mut lanes, a, 1000.0, 90_000.0);
        assert_eq!(watermark(&mut lanes, 90_000.0), None);
    }

    #[test]
    fn times_ahead_of_arrival_never_push_past_the_clock() {
        let mut lanes = Lanes::default();
        let a = lanes.lane("a");
        event(&mut lanes, a, 1060.0, 1000.0);
        assert_eq!(watermark(&mut lanes, 1000.0), Some(985.0));
    }

    #[test]
    fn recorded_values_alone_tick_by_the_clock() {
        let mut lanes = Lanes::default();
        let a = lanes.lane("a");
        assert_eq!(lanes.watermark(1000.0, &WindowsSpec::default(), true), Some(985.0));
        event(&mut lanes, a, 1001.0, 1001.0);
        assert_eq!(lanes.watermark(1030.0, &WindowsSpec::default(), true), Some(986.0));
    }
}
