//! Exact sums: 128-bit fixed point with 70 fractional bits, so that a sum does not depend on the order of its terms.

use std::ops::AddAssign;

/// Fractional bits. Numbers of at least 2^-18 (4e-6) go in without rounding, sums reach 2^57 (1e17).
const FRACTION: i32 = 70;

/// A sum of numbers up to 2^56 in size; larger ones count as that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fixed(i128);

impl Fixed {
    /// NaN is 0.
    pub fn new(number: f64) -> Self {
        let bits = number.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i32;
        let mantissa = i128::from(bits & ((1 << 52) - 1) | 1 << 52);
        // The number is mantissa * 2^(exponent - 1075).
        let size = match exponent - 1075 + FRACTION {
            _ if number.is_nan() || exponent == 0 => 0,
            shift if shift > 126 - 53 => 1 << 126,
            shift if shift >= 0 => mantissa << shift,
            shift if shift > -64 => (mantissa + (1 << (-shift - 1))) >> -shift,
            _ => 0,
        };
        Self(if number.is_sign_negative() { -size } else { size })
    }

    pub fn value(self) -> f64 {
        self.0 as f64 / 2_f64.powi(FRACTION)
    }
}

impl AddAssign for Fixed {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_come_back_as_they_were_written() {
        for number in [0.0, 0.1, 7.5, -2.25, 104_857_600.0, 1e15, 0.001, 0.0001] {
            assert_eq!(Fixed::new(number).value(), number);
        }
        let mut sum = Fixed::new(0.1);
        sum += Fixed::new(0.3);
        assert_eq!(sum.value(), 0.4);
        assert_eq!(Fixed::new(f64::NAN).value(), 0.0);
        assert_eq!(Fixed::new(f64::NEG_INFINITY).value(), -(2_f64.powi(56)));
    }

    proptest! {
        #[test]
        fn a_sum_does_not_depend_on_order(mut numbers in prop::collection::vec(-1e12..1e12, 0..50)) {
            let sum = |numbers: &[f64]| {
                let mut sum = Fixed::default();
                numbers.iter().for_each(|&number| sum += Fixed::new(number));
                sum
            };
            let before = sum(&numbers);
            numbers.reverse();
            prop_assert_eq!(before, sum(&numbers));
            let naive: f64 = numbers.iter().sum();
            prop_assert!((before.value() - naive).abs() <= 1e-9 * numbers.iter().map(|n| n.abs()).sum::<f64>());
        }
    }
}
