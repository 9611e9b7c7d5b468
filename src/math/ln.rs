//! The natural logarithm.
//!
//! 1. `x = m * 2^e` with `m` in `[sqrt(1/2), sqrt(2))`, subnormal `x` too; `f = m - 1` is exact.
//! 2. `ln(1 + f) = f - f^2/2 + f^3 q(f)`, `q` of degree 8: Sollya's `fpminimax((log(1+x)-x+x^2/2)/x^3, 8,
//!    [|SG...|], [-0.2929;0.4143], absolute)`, relative error of `ln` 0.08 * 2^-24.
//! 3. Plus `e ln 2` in two parts, the large one, exact in `f32`, last. What [`Lanes::frexp`] gives for 0, infinity and below 0
//!    leads to the right answer by itself.

use super::polynomial;
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.86;
/// Where it holds: from 0 on, subnormal numbers included; NaN below.
pub const DOMAIN: [f32; 2] = [0.0, f32::INFINITY];

const LN2_HI: f32 = 0.693_145_75;
const LN2_LO: f32 = 1.428_606_8e-6;
const Q: [f32; 9] = [
    0.333_333_3,
    -0.249_999_8,
    0.200_006_8,
    -0.166_691_82,
    0.142_513_68,
    -0.123_962_14,
    0.116_325_35,
    -0.116_621_57,
    7.340_084e-2,
];

/// `(f, e)` with `x = (1 + f) * 2^e` and `sqrt(1/2) <= 1 + f < sqrt(2)`.
#[inline(always)]
pub(super) fn reduce<S: Lanes>(s: S, x: S::F32) -> (S::F32, S::F32) {
    let one = s.splat(1.0);
    let (m, e) = s.frexp(x);
    let above = s.lt(s.splat(core::f32::consts::SQRT_2), m);
    let m = s.select(above, s.mul(m, s.splat(0.5)), m);
    (s.sub(m, one), s.select(above, s.add(e, one), e))
}

/// `ln(1 + f + low) + e ln 2`, where `low` is what `ln(1 + f)` lacks.
#[inline(always)]
pub(super) fn sum<S: Lanes>(s: S, f: S::F32, low: S::F32, e: S::F32) -> S::F32 {
    let f2 = s.mul(f, f);
    let small = s.mul_add(s.mul(f, f2), polynomial(s, f, &Q), low);
    let small = s.mul_add(f2, s.splat(-0.5), s.mul_add(e, s.splat(LN2_LO), small));
    s.mul_add(e, s.splat(LN2_HI), s.add(f, small))
}

/// `ln x`; `ln(0) = -inf`, `ln(inf) = inf`, NaN below 0.
#[inline(always)]
pub fn ln<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let (f, e) = reduce(s, x);
    sum(s, f, s.splat(0.0), e)
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(ln, f64::ln, increasing: true, near_0: f64::ln, far: [f64::ln, |_| f64::NAN]);
    }
}
