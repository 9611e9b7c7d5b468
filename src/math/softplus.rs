//! `softplus(x) = ln(1 + e^x)` and `log_sigmoid(x) = -softplus(-x)`.
//!
//! `ln(1 + e^x) = max(x, 0) + ln(1 + e)` with `e = e^-|x|`, which never overflows, and `ln(1 + e) = 2 atanh(q)` with
//! `q = e / (2 + e) <= 1/3`: with `g = 1 / (1 + e/2)` it is `e (g + g q^2 p(q^2))`, `p` of degree 4: half of Sollya's
//! `fpminimax((2*atanh(sqrt(x))/sqrt(x)-2)/x, 4, [|SG...|], [0;0.1112], absolute)`, relative error 0.005 * 2^-24. The
//! reciprocal is corrected by what it lacks, and `e` multiplies the bracket in parts (`decay.rs`).
//!
//! For `|x| < 1/2`, where `x` moves the result so little that the noise of that would show as falls, it is
//! `ln 2 + x/2 + x^2 c(x^2)`, `c` of degree 3: Sollya's `fpminimax((log(2*cosh(sqrt(x)/2))-log(2))/x, 3, [|SG...|], [0;1],
//! absolute)`, absolute error 0.23 * 2^-24 at 1.

use super::decay::decay;
use super::{TINY, polynomial, size};
use crate::simd::Lanes;

/// Largest error of both in units in the last place.
pub const MAX_ULP: f32 = 0.91;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

const LN2_HI: f32 = core::f32::consts::LN_2;
const LN2_LO: f32 = -1.904_654_2e-9;
const C: [f32; 4] = [0.124_999_985, -5.207_878e-3, 3.449_217e-4, -2.253_518e-5];
const P: [f32; 5] = [0.333_333_35, 0.199_997_71, 0.142_989_07, 0.108_199_87, 0.117_472_07];

/// `ln(1 + e^x)`; 0 at -inf, inf at inf.
#[inline(always)]
pub fn softplus<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let (zero, half) = (s.splat(0.0), s.splat(0.5));
    let e = decay(s, x);
    let half_scale = s.mul(e.scale, half);
    let (y, g, c) = e.reciprocal(s, half_scale);
    // The square of what is smaller would be subnormal, and slow.
    let q = s.mul(y, s.max(s.splat(TINY), s.mul_add(e.t, half_scale, half_scale)));
    let q2 = s.mul(q, q);
    let c = s.mul_add(s.mul(y, q2), polynomial(s, q2, &P), c);
    let far = s.mul_add(s.add(g, e.times(s, g, c)), e.scale, s.max(zero, x));
    let size = size(s, x);
    let x2 = s.mul(size, size);
    let near = s.mul_add(x2, polynomial(s, x2, &C), s.splat(LN2_LO));
    let near = s.add(s.splat(LN2_HI), s.mul_add(x, half, near));
    s.select(s.lt(size, half), near, far)
}

/// `ln(1 / (1 + e^-x))`; -inf at -inf, -0 at inf.
#[inline(always)]
pub fn log_sigmoid<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    s.neg(softplus(s, s.neg(x)))
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    fn oracle(x: f64) -> f64 {
        x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 }
    }

    /// Which is `softplus` but for two signs: its sweep stands for both.
    #[inline(always)]
    fn by_log_sigmoid<S: crate::simd::Simd>(s: S, x: f32) -> f32 {
        s.to_lanes(s.wide(super::log_sigmoid(s, s.splat(x))))[0]
    }

    #[test]
    fn log_sigmoid_is_minus_softplus_of_minus_x() {
        for x in [-200.0, -1.0, -0.0, 0.0, 0.3, 17.0, f32::INFINITY, f32::NEG_INFINITY] {
            let level = crate::simd::level();
            let y = crate::dispatch!(level, s => by_log_sigmoid(s, x));
            assert!(crate::math::sweep::ulps(y, -oracle(-f64::from(x))) <= f64::from(super::MAX_ULP), "{x}: {y}");
        }
    }

    #[test]
    fn within_its_bound() {
        check!(
            softplus,
            oracle,
            increasing: true,
            near_0: |x| core::f64::consts::LN_2 + x / 2.0 + x * x / 8.0,
            far: [|x| x, |_| 0.0]
        );
    }
}
