//! The logistic function in all its forms from one exponential, and products with 0, in registers.
//!
//! With `e = e^-|x|`: `ln(1 + e) = 2 atanh(q)` for `q = e / (2 + e) <= 1/3`, which is `2 q + q^3 p(q^2)` with `p` of degree 4 as
//! in `math::softplus`. As `2 q = e - e q`, it is `e - q (e - q^2 p)`: what `q` lacks counts by a third. `math::softplus` is
//! rounded once, for more operations; here `e` is shared with the sigmoids.

use crate::math::{exp, polynomial};
use crate::simd::Lanes;

const P: [f32; 5] = [0.666_666_7, 0.399_995_42, 0.285_978_14, 0.216_399_75, 0.234_944_14];

/// `ln(1 + e)`, `1 / (1 + e)` and `e / (1 + e)` of `e = e^-|x|`: of `softplus(x) = max(x, 0) + ln(1 + e)` what is added, of
/// `sigmoid(x)` and `sigmoid(-x)` the larger and the smaller.
#[inline(always)]
pub(super) fn logistic<L: Lanes>(s: L, x: L::F32) -> [L::F32; 3] {
    let one = s.splat(1.0);
    let e = exp(s, s.neg(s.abs(x)));
    let q = s.div(e, s.add(s.splat(2.0), e));
    // Below 2^-26 it is e, and the products would be subnormal, and slow.
    let q = s.select(s.lt(q, s.splat(1.490_116_1e-8)), s.splat(0.0), q);
    let q2 = s.mul(q, q);
    let lack = s.mul_add(s.neg(q2), polynomial(s, q2, &P), e);
    let ln = s.mul_add(s.neg(q), lack, e);
    let large = s.div(one, s.add(one, e));
    [ln, large, s.mul(e, large)]
}

/// `a * b`, and 0 where `a` is 0 though `b` is infinite. NaN stays.
#[inline(always)]
pub(super) fn times<L: Lanes>(s: L, a: L::F32, b: L::F32) -> L::F32 {
    let finite = s.min(s.splat(f32::MAX), s.max(s.splat(f32::MIN), b));
    s.mul(a, s.select(s.eq(a, s.splat(0.0)), finite, b))
}
