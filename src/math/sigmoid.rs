//! The logistic function `1 / (1 + e^-x)`.
//!
//! With `e = e^-|x|`, which never overflows: `1 / (1 + e)` for `x >= 0`, `e / (1 + e)` below, where the result keeps
//! its relative accuracy down to subnormal numbers. Both `e` and `1 + e` are sums of two floats, and the quotient is
//! corrected by what it lacks.

use super::double::{fast_two_sum, quotient};
use super::exp::{UNDERFLOW, exp_double};
use super::{TINY, size};
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.80;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

/// `1 / (1 + e^-x)`; 0 at -inf, 1 at inf.
#[inline(always)]
pub fn sigmoid<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let (e, e_low) = exp_double(s, s.max(s.splat(UNDERFLOW), s.neg(size(s, x))));
    let (d, d_low) = fast_two_sum(s, one, e);
    let negative = s.lt(x, zero);
    let numerator = (s.select(negative, e, one), s.select(negative, e_low, zero));
    // Where it cannot count it is 0: its product with the quotient would be subnormal, and slow.
    let d_low = s.select(s.lt(s.splat(TINY), e), s.add(d_low, e_low), zero);
    let (q, q_low) = quotient(s, numerator, (d, d_low));
    s.add(q, q_low)
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(sigmoid, |x: f64| 1.0 / (1.0 + (-x).exp()), increasing: true, near_0: |x| 0.5 + x / 4.0, far: [|_| 1.0, |_| 0.0]);
    }
}
