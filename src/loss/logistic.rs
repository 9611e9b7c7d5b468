//! What losses are made of in registers: the logistic function in all its forms from one exponential, and products with 0.

use crate::math::{exp, ln_1p};
use crate::simd::Lanes;

/// Below this `ln(1 + e)` is `e`; smaller arguments would cost products that are subnormal, and slow.
const TINY: f32 = 1.0e-12;

/// `ln(1 + e)`, `1 / (1 + e)` and `e / (1 + e)` of `e = e^-|x|`: of `softplus(x) = max(x, 0) + ln(1 + e)` what is added, of
/// `sigmoid(x)` and `sigmoid(-x)` the larger and the smaller.
#[inline(always)]
pub(super) fn logistic<L: Lanes>(s: L, x: L::F32) -> [L::F32; 3] {
    let (one, tiny) = (s.splat(1.0), s.splat(TINY));
    let e = exp(s, s.neg(s.abs(x)));
    let ln = s.select(s.lt(e, tiny), e, ln_1p(s, s.max(tiny, e)));
    let large = s.div(one, s.add(one, e));
    [ln, large, s.mul(e, large)]
}

/// `a * b`, and 0 where `a` is 0 though `b` is infinite. NaN stays.
#[inline(always)]
pub(super) fn times<L: Lanes>(s: L, a: L::F32, b: L::F32) -> L::F32 {
    let finite = s.min(s.splat(f32::MAX), s.max(s.splat(f32::MIN), b));
    s.mul(a, s.select(s.eq(a, s.splat(0.0)), finite, b))
}
