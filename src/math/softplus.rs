//! `softplus(x) = ln(1 + e^x)` and `log_sigmoid(x) = -softplus(-x)`.
//!
//! `ln(1 + e^x) = max(x, 0) + ln(1 + e)` with `e = e^-|x|`, which never overflows, and `ln(1 + e) = 2 atanh(q)` with
//! `q = e / (2 + e) <= 1/3`. With `e^|x| = 2^-n (1 + high + rest)` (`decay.rs`) and `u = 2^n` it is `q = u/2 / (1 + u/2 + high +
//! rest)`: a reciprocal `y` and what it lacks. So the logarithm is `u (y + y (lacking + q^2 p(q^2)))`, and what is rounded
//! before the end is small. `p` is of degree 3: half of Sollya's `fpminimax((2*atanh(sqrt(x))/sqrt(x)-2)/x, 3, [|SG...|],
//! [1b-40;0.0545], absolute)`, relative error 0.005 * 2^-24.
//!
//! For `|x| < 1/2`, where `x` moves the result so little that the noise of that would show as falls, it is
//! `ln 2 + x/2 + x^2 c(x^2)`, `c` of degree 2: Sollya's `fpminimax((log(2*cosh(sqrt(x)/2))-log(2))/x, 2, [|SG...|],
//! [1b-40;0.2501], absolute)`, absolute error 0.05 * 2^-24.

use super::decay::{parts, reciprocal};
use super::exp::UNDERFLOW;
use super::{TINY, polynomial, size};
use crate::simd::Lanes;

/// Largest error of both in units in the last place.
pub const MAX_ULP: f32 = 0.90;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

const LN2_HI: f32 = core::f32::consts::LN_2;
const LN2_LO: f32 = -1.904_654_2e-9;
const C: [f32; 3] = [0.124_999_985, -5.207_396e-3, 3.374_430_2e-4];
const P: [f32; 4] = [0.333_333_3, 0.200_005_96, 0.142_418_5, 0.122_436_51];

/// `ln(1 + e^x)`; 0 at -inf, inf at inf.
#[inline(always)]
pub fn softplus<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let (zero, half) = (s.splat(0.0), s.splat(0.5));
    let size = size(s, x);
    let a = s.max(s.splat(UNDERFLOW), s.neg(size));
    let e = parts::<S, false>(s, a, zero);
    // Half of the smallest number would be lost.
    let u = s.ldexp(s.splat(1.0), e.n);
    let half_u = s.mul(u, half);
    let (y, lacking) = reciprocal(s, s.splat(1.0), half_u, &e);
    // The square of what is smaller would be subnormal, and slow.
    let q = s.mul(y, s.max(s.splat(TINY), half_u));
    let q2 = s.mul(q, q);
    let small = s.mul_add(q2, polynomial(s, q2, &P), lacking);
    let far = s.mul_add(s.mul_add(y, small, y), u, s.max(zero, x));
    let x2 = s.mul(a, a);
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
