//! The logistic function `1 / (1 + e^-x)`.
//!
//! With `e = e^-|x|`, which never overflows: `1 / (1 + e)` for `x >= 0`, `e / (1 + e)` below, where the result keeps
//! its relative accuracy down to subnormal numbers. The reciprocal is corrected by what it lacks, and `e` multiplies it
//! in parts (`decay.rs`).

use super::decay::decay;
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.95;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

/// `1 / (1 + e^-x)`; 0 at -inf, 1 at inf.
#[inline(always)]
pub fn sigmoid<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let e = decay(s, x);
    let (_, g, c) = e.reciprocal(s, e.scale);
    let negative = s.lt(x, s.splat(0.0));
    let sum = s.add(g, s.select(negative, e.times(s, g, c), c));
    s.mul(sum, s.select(negative, e.scale, s.splat(1.0)))
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(sigmoid, |x: f64| 1.0 / (1.0 + (-x).exp()), increasing: true, near_0: |x| 0.5 + x / 4.0, far: [|_| 1.0, |_| 0.0]);
    }
}
