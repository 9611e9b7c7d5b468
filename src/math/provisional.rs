//! Stand-ins of a few units in the last place for functions that `math` does not have yet; to be replaced one by one.
//!
//! Coefficients are Sollya's `fpminimax` in single precision.

use super::{exp, polynomial};
use crate::simd::Simd;

const EXPM1: [f32; 6] = [0.166_666_67, 4.166_666_8e-2, 8.333_15e-3, 1.388_854e-3, 1.999_802_2e-4, 2.504_533e-5];

/// `e^x - 1`; -1 at -inf, -0 at -0.
#[inline(always)]
pub(crate) fn expm1<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let x2 = s.mul(x, x);
    let q = s.mul_add(x, polynomial(s, x, &EXPM1), s.splat(0.5));
    let near = s.mul_add(x2, q, x);
    let far = s.sub(exp(s, x), s.splat(1.0));
    let y = s.select(s.lt(s.abs(x), s.splat(0.3466)), near, far);
    s.select(s.eq(x, s.splat(0.0)), x, y)
}

const LN_1P: [f32; 10] = [
    0.333_333_34,
    -0.249_999_97,
    0.199_985_16,
    -0.166_388_78,
    0.140_613_75,
    -0.114_874_87,
    8.247_81e-2,
    -4.548_007_6e-2,
    1.615_950_5e-2,
    -2.678_983_8e-3,
];

/// `ln(1 + e^x)`
#[inline(always)]
pub(crate) fn softplus<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let e = exp(s, s.neg(s.abs(x)));
    let e2 = s.mul(e, e);
    let small = s.mul(s.mul(e, e2), polynomial(s, e, &LN_1P));
    let ln_1p = s.add(e, s.mul_add(e2, s.splat(-0.5), small));
    s.add(s.max(s.splat(0.0), x), ln_1p)
}

/// `ln(1 / (1 + e^-x))`
#[inline(always)]
pub(crate) fn log_sigmoid<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.neg(softplus(s, s.neg(x)))
}

/// `exp(z^2) erfc(z) / (2 u)` with `u = 2 / (2 + z)`, as a polynomial in `u`.
const TAIL: [f32; 11] = [
    0.141_046_67,
    0.141_067_07,
    0.123_209_41,
    8.913_027_5e-2,
    4.103_535_4e-2,
    -1.540_523_7e-2,
    4.281_590_5e-2,
    -0.202_571_67,
    0.230_078_89,
    -0.110_929_71,
    2.052_304_7e-2,
];

/// The distribution function of the normal law, `(1 + erf(x / sqrt(2))) / 2`, with relative accuracy in the left tail.
#[inline(always)]
pub(crate) fn normal_cdf<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let (one, two) = (s.splat(1.0), s.splat(2.0));
    let size = s.min(s.splat(20.0), s.abs(x));
    let size = s.select(s.eq(x, x), size, x);
    let u = s.div(two, s.mul_add(size, s.splat(core::f32::consts::FRAC_1_SQRT_2), two));
    // e^(-x^2 / 2) in two factors: the square of the leading half of x is exact.
    let split = s.mul(size, s.splat(4097.0));
    let high = s.sub(split, s.sub(split, size));
    let rest = s.mul(s.mul(s.sub(size, high), s.add(size, high)), s.splat(-0.5));
    let correction = s.mul_add(rest, s.mul_add(rest, s.mul_add(rest, s.splat(1.0 / 6.0), s.splat(0.5)), one), one);
    let density = s.mul(exp(s, s.mul(s.mul(high, high), s.splat(-0.5))), correction);
    let tail = s.mul(s.mul(density, u), polynomial(s, u, &TAIL));
    s.select(s.lt(x, s.splat(0.0)), tail, s.sub(one, tail))
}
