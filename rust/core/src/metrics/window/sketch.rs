//! A mergeable log-linear sketch: buckets by exponent and top mantissa bits of the f64, so no logarithm is taken.
//! Relative error of a quantile at most 2^-7 (0.8 %) from 2^-40 to 2^60; smaller sizes count as 0, larger as the last.

use super::budget::Budget;

/// Top mantissa bits in the bucket number.
const MANTISSA_BITS: u32 = 6;
const SHIFT: u32 = 52 - MANTISSA_BITS;
/// Bucket number, before the offset, of 2^-40.
const FIRST: i32 = (1023 - 40) << MANTISSA_BITS;
const LAST: i32 = (100 << MANTISSA_BITS) - 1;

/// A bucket and how often it was hit. Buckets ascend with the value: negative, 0, positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    pub key: i16,
    pub count: u32,
}

/// Only buckets that were hit, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    buckets: Vec<Bucket>,
}

impl Sketch {
    /// What a bucket takes in memory, in bytes.
    pub const BUCKET_BYTES: usize = size_of::<Bucket>();

    /// Count one value; false when the budget has no room for a new bucket.
    pub fn add(&mut self, value: f64, budget: &mut Budget) -> bool {
        let key = key_of(value);
        match self.buckets.binary_search_by_key(&key, |bucket| bucket.key) {
            Ok(at) => self.buckets[at].count = self.buckets[at].count.saturating_add(1),
            Err(at) => {
                if !budget.grow(&mut self.buckets) {
                    return false;
                }
                self.buckets.insert(at, Bucket { key, count: 1 });
            }
        }
        true
    }

    pub fn bytes(&self) -> usize {
        self.buckets.capacity() * Self::BUCKET_BYTES
    }

    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }
}

/// The `ceil(p * n)`-th smallest value of merged buckets, which need no order. `None` when they are empty.
pub fn quantile(buckets: &mut [Bucket], p: f64) -> Option<f64> {
    buckets.sort_unstable();
    let total: u64 = buckets.iter().map(|bucket| u64::from(bucket.count)).sum();
    // 0.07 * 100 is a digit above 7: that is still the 7th.
    let rank = ((p * total as f64 - 1e-9).ceil() as u64).clamp(1, total.max(1));
    let mut seen = 0;
    buckets.iter().find_map(|bucket| {
        seen += u64::from(bucket.count);
        (seen >= rank).then(|| middle_of(bucket.key))
    })
}

fn key_of(value: f64) -> i16 {
    let index = (value.abs().to_bits() >> SHIFT) as i32 - FIRST;
    if index < 0 || value.is_nan() {
        return 0;
    }
    let key = (index.min(LAST) + 1) as i16;
    if value < 0.0 {
        -key
    } else {
        key
    }
}

fn middle_of(key: i16) -> f64 {
    if key == 0 {
        return 0.0;
    }
    let index = i64::from(key.unsigned_abs()) - 1 + i64::from(FIRST);
    let (low, high) = (f64::from_bits((index as u64) << SHIFT), f64::from_bits((index as u64 + 1) << SHIFT));
    (low + high) / 2.0 * f64::from(key.signum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sketch(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        let mut budget = Budget::new(usize::MAX);
        assert!(values.iter().all(|&value| sketch.add(value, &mut budget)));
        assert_eq!(budget.used(), sketch.bytes());
        sketch
    }

    #[test]
    fn nothing_has_no_quantile_and_zero_is_exact() {
        assert_eq!(quantile(&mut [], 0.5), None);
        assert_eq!(quantile(&mut sketch(&[0.0, -0.0, 1e-300]).buckets, 0.99), Some(0.0));
    }

    proptest! {
        #[test]
        fn quantiles_are_within_one_percent_of_the_exact_ones(
            mut values in prop::collection::vec(prop_oneof![1e-6..1e9, -1e5..-1e-3, 0.001..2.0, Just(0.0)], 1..400),
            p in 0.0..=1.0,
            cut in 0.0..1.0,
        ) {
            let (first, second) = values.split_at((values.len() as f64 * cut) as usize);
            let mut merged = [sketch(first).buckets, sketch(second).buckets].concat();
            let estimate = quantile(&mut merged, p).unwrap();
            values.sort_by(f64::total_cmp);
            let exact = values[((p * values.len() as f64).ceil() as usize).max(1) - 1];
            prop_assert!((estimate - exact).abs() <= 0.01 * exact.abs(), "{} {}", estimate, exact);
        }

        #[test]
        fn any_number_is_survived_and_order_does_not_matter(mut values: Vec<f64>) {
            let before = sketch(&values);
            values.reverse();
            prop_assert_eq!(&before, &sketch(&values));
            prop_assert!(quantile(&mut before.buckets.clone(), 0.5).is_none_or(f64::is_finite));
        }
    }
}
