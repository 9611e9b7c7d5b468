//! `ln(1 + x)`, accurate also where `x` is small.
//!
//! The logarithm of the rounded sum, `(1 + f) 2^e`, plus `c / (1 + f)` for the `c` that `f` lacks, the quotient as a series
//! of four terms; where `e` is 0, `f` is `x` itself.

use super::double::two_sum;
use super::ln::{ends, reduce, sum};
use super::polynomial;
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.89;
/// Where it holds: from -1 on; NaN below.
pub const DOMAIN: [f32; 2] = [-1.0, f32::INFINITY];

/// `ln(1 + x)`; -inf at -1, inf at inf, NaN below -1.
#[inline(always)]
pub fn ln_1p<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let (u, low) = two_sum(s, one, x);
    let (f, e) = reduce(s, u);
    // 1 / (1 + f) = 1 - f + f^2 - f^3
    let series = polynomial(s, f, &[1.0, -1.0, 1.0, -1.0]);
    let low = s.mul(s.mul(low, s.ldexp(one, s.neg(e))), series);
    let unit = s.eq(e, zero);
    let (f, low) = (s.select(unit, x, f), s.select(unit, zero, low));
    // Far out, nothing is lost that counts.
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
