//! Panes to one number.

use super::fixed::Fixed;
use super::pane::{Pane, Panes};
use super::sketch::{quantile, Bucket};
use crate::limits::PANE_SECONDS;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    Mean,
    Sum,
    Count,
    Min,
    Max,
    /// Sum per second.
    SumRate,
    /// Events per second.
    CountRate,
    /// 0 to 1, nearest rank.
    Quantile(f64),
    /// 100 * numerator / denominator.
    Percent,
}

impl Aggregate {
    /// `mean sum count min max` and `p50`, `p99`, `p999` or `p99.9`; `rate` is the caller's to choose.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "mean" => Self::Mean,
            "sum" => Self::Sum,
            "count" => Self::Count,
            "min" => Self::Min,
            "max" => Self::Max,
            _ => Self::Quantile(quantile_named(name)?),
        })
    }

    /// The value over panes [from, until) and the events behind it; `None` when there are none.
    pub fn over(self, panes: &Panes, from: i64, until: i64, scratch: &mut Vec<Bucket>) -> Option<(f64, u64)> {
        let range = panes.range(from, until);
        let count: u64 = range.iter().map(|pane| pane.count).sum();
        if count == 0 {
            return None;
        }
        let seconds = (until - from) as f64 * PANE_SECONDS;
        let value = match self {
            Self::Mean => mean(range, count),
            Self::Sum => sum(range),
            Self::Count => count as f64,
            Self::Min => min(range),
            Self::Max => max(range),
            Self::SumRate => sum(range) / seconds,
            Self::CountRate => count as f64 / seconds,
            Self::Percent => 100.0 * sum(range) / count as f64,
            Self::Quantile(p) => {
                scratch.clear();
                range.iter().for_each(|pane| scratch.extend_from_slice(pane.sketch.buckets()));
                quantile(scratch, p)?.max(min(range)).min(max(range))
            }
        };
        Some((value, count))
    }
}

/// `p95` is 0.95, `p5` 0.05, `p999` and `p99.9` 0.999, `p100` 1.
pub fn quantile_named(name: &str) -> Option<f64> {
    let percent = name.strip_prefix('p').filter(|percent| percent.len() <= 8 && percent.is_ascii())?;
    let (whole, rest) = match percent.split_once('.') {
        Some((whole, rest)) if !rest.is_empty() => (whole, rest),
        Some(_) => return None,
        None if percent == "100" => return Some(1.0),
        None => percent.split_at(percent.len().min(2)),
    };
    let digits = !whole.is_empty() && whole.len() <= 2 && [whole, rest].concat().bytes().all(|b| b.is_ascii_digit());
    // Read as a decimal: 99.9 / 100 is a digit off.
    digits.then(|| format!("0.{whole:0>2}{rest}").parse().ok())?
}

fn sum(range: &[Pane]) -> f64 {
    let mut sum = Fixed::default();
    range.iter().for_each(|pane| sum += pane.sum);
    sum.value()
}

fn min(range: &[Pane]) -> f64 {
    range.iter().map(|pane| pane.min).fold(f64::INFINITY, f64::min)
}

fn max(range: &[Pane]) -> f64 {
    range.iter().map(|pane| pane.max).fold(f64::NEG_INFINITY, f64::max)
}

/// Within the smallest and the largest value, whatever saturated.
fn mean(range: &[Pane], count: u64) -> f64 {
    (sum(range) / count as f64).max(min(range)).min(max(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_names_are_read() {
        for (name, expected) in
            [("p95", 0.95), ("p50", 0.5), ("p5", 0.05), ("p999", 0.999), ("p99.9", 0.999), ("p100", 1.0), ("p0", 0.0)]
        {
            assert_eq!(quantile_named(name), Some(expected), "{name}");
        }
        for name in ["", "p", "pé", "px€", "p.5", "p5.", "95", "p-5", "pxx", "p1e5", "p101.0", "p99999999999"] {
            assert_eq!(quantile_named(name), None, "{name}");
        }
    }
}
