//! The logistic function `1 / (1 + e^-x)`.
//!
//! With `e^-x = 2^-n (1 + high + rest)` (`decay.rs`) and `u = 2^n` it is `u / (1 + u + high + rest)`: one form for all `x`, with
//! its relative accuracy down to subnormal numbers. The sum is rounded, and so is its reciprocal `y`; what both lack corrects
//! `y` by something small, so that its noise is, and it never falls.

use super::TINY;
use super::decay::{parts, reciprocal};
use super::exp::UNDERFLOW;
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.88;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

/// From here on the result is 1.
const ONE: f32 = 17.4;

/// `1 / (1 + e^-x)`; 0 at -inf, 1 at inf.
#[inline(always)]
pub fn sigmoid<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let x = s.min(s.splat(ONE), s.max(s.splat(UNDERFLOW), x));
    let e = parts::<S, false>(s, x, s.splat(TINY));
    let u = s.ldexp(one, e.n);
    let (y, lacking) = reciprocal(s, s.max(u, one), s.min(u, one), &e);
    s.mul(u, s.mul_add(y, lacking, y))
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(sigmoid, |x: f64| 1.0 / (1.0 + (-x).exp()), increasing: true, near_0: |x| 0.5 + x / 4.0, far: [|_| 1.0, |_| 0.0]);
    }
}
