//! The natural logarithm.
//!
//! 1. `x = m * 2^e` with `m` in `[sqrt(1/2), sqrt(2))`, subnormal `x` too; `f = m - 1` is exact.
//! 2. `ln(1 + f) = f - f^2/2 + f^3 q(f)`, `q` of degree 8: Sollya's `fpminimax((log(1+x)-x+x^2/2)/x^3, 8,
//!    [|SG...|], [-0.2929;0.4143], absolute)`, relative error of `ln` 0.08 * 2^-24.
//! 3. Plus `e ln 2` in two parts, the large one, exact in `f32`, last.

use super::polynomial;
use crate::simd::Simd;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.80;
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

/// `ln x`; `ln(0) = -inf`, `ln(inf) = inf`, NaN below 0.
#[inline(always)]
pub fn ln<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let (m, e) = s.frexp(x);
    let above = s.lt(s.splat(core::f32::consts::SQRT_2), m);
    let m = s.select(above, s.mul(m, s.splat(0.5)), m);
    let e = s.select(above, s.add(e, one), e);
    let f = s.sub(m, one);
    let f2 = s.mul(f, f);
    let q = polynomial(s, f, &Q);
    let small = s.mul_add(e, s.splat(LN2_LO), s.mul(s.mul(f, f2), q));
    let small = s.mul_add(f2, s.splat(-0.5), small);
    let y = s.mul_add(e, s.splat(LN2_HI), s.add(f, small));
    // frexp is for positive finite numbers; the ends are set here.
    let y = s.select(s.eq(x, s.splat(f32::INFINITY)), x, y);
    let y = s.select(s.eq(x, s.splat(0.0)), s.splat(f32::NEG_INFINITY), y);
    s.select(s.le(s.splat(0.0), x), y, s.splat(f32::NAN))
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(super::ln, f64::ln, super::MAX_ULP);
    }
}
