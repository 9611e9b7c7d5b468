//! `ln x` and `ln(1 + x)`.
//!
//! 1. `x = m * 2^e` with `m` in `[sqrt(1/2), sqrt(2))`, subnormal `x` too; `f = m - 1` is exact.
//! 2. `ln(1 + f) = f - f^2/2 + f^3 q(f)`, `q` of degree 8: Sollya's `fpminimax((log(1+x)-x+x^2/2)/x^3, 8,
//!    [|SG...|], [-0.2929;0.4143], absolute)`, relative error of `ln` 0.08 * 2^-24.
//! 3. Plus `e ln 2` in two parts, the large one, exact in `f32`, last.
//!
//! `ln(1 + x)` does that for the rounded sum, and adds `c / (1 + f)` for the `c` that `f` lacks, the quotient as a series of
//! four terms; where `e` is 0, `f` is `x` itself.

use super::double::two_sum;
use super::polynomial;
use crate::simd::Simd;

/// Largest error of [`ln`] in units in the last place.
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

/// `(f, e)` with `x = (1 + f) * 2^e` and `sqrt(1/2) <= 1 + f < sqrt(2)`.
#[inline(always)]
fn reduce<S: Simd>(s: S, x: S::F32) -> (S::F32, S::F32) {
    let one = s.splat(1.0);
    let (m, e) = s.frexp(x);
    let above = s.lt(s.splat(core::f32::consts::SQRT_2), m);
    let m = s.select(above, s.mul(m, s.splat(0.5)), m);
    (s.sub(m, one), s.select(above, s.add(e, one), e))
}

/// `ln(1 + f + low) + e ln 2`, where `low` is what `ln(1 + f)` lacks.
#[inline(always)]
fn sum<S: Simd>(s: S, f: S::F32, low: S::F32, e: S::F32) -> S::F32 {
    let f2 = s.mul(f, f);
    let small = s.mul_add(s.mul(f, f2), polynomial(s, f, &Q), low);
    let small = s.mul_add(f2, s.splat(-0.5), s.mul_add(e, s.splat(LN2_LO), small));
    s.mul_add(e, s.splat(LN2_HI), s.add(f, small))
}

/// `y`, but for an `x` that is not positive and finite.
#[inline(always)]
fn ends<S: Simd>(s: S, x: S::F32, y: S::F32) -> S::F32 {
    let y = s.select(s.eq(x, s.splat(f32::INFINITY)), x, y);
    let y = s.select(s.eq(x, s.splat(0.0)), s.splat(f32::NEG_INFINITY), y);
    s.select(s.le(s.splat(0.0), x), y, s.splat(f32::NAN))
}

/// `ln x`; `ln(0) = -inf`, `ln(inf) = inf`, NaN below 0.
#[inline(always)]
pub fn ln<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let (f, e) = reduce(s, x);
    ends(s, x, sum(s, f, s.splat(0.0), e))
}

/// `ln(1 + x)`, accurate also where `x` is small; -inf at -1.
pub mod ln_1p {
    use super::{ends, polynomial, reduce, sum, two_sum};
    use crate::simd::Simd;

    /// Largest error in units in the last place.
    pub const MAX_ULP: f32 = 0.79;
    /// Where it holds: from -1 on; NaN below.
    pub const DOMAIN: [f32; 2] = [-1.0, f32::INFINITY];

    /// `ln(1 + x)`.
    #[inline(always)]
    pub fn ln_1p<S: Simd>(s: S, x: S::F32) -> S::F32 {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        let (u, low) = two_sum(s, one, x);
        let (f, e) = reduce(s, u);
        // 1 / (1 + f) = 1 - f + f^2 - f^3
        let series = polynomial(s, f, &[1.0, -1.0, 1.0, -1.0]);
        let low = s.mul(s.mul(low, s.ldexp(one, s.neg(e))), series);
        // Where the sum has the exponent of 1, `x` is what it would be without rounding; far out, nothing is lost that counts.
        let unit = s.eq(e, zero);
        let (f, low) = (s.select(unit, x, f), s.select(unit, zero, low));
        let low = s.select(s.lt(x, s.splat(1e10)), low, zero);
        let y = ends(s, u, sum(s, f, low, e));
        // Below 2^-25 it is x; adding loses the sign of 0.
        s.select(s.lt(s.abs(x), s.splat(2.9e-8)), x, y)
    }

    #[cfg(test)]
    mod tests {
        use crate::math::sweep::check;

        #[test]
        fn within_its_bound() {
            check!(ln_1p, f64::ln_1p, increasing: true);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(ln, f64::ln, increasing: true);
    }
}
