//! `ln(1 + x)`, accurate also where `x` is small.
//!
//! The logarithm of the rounded sum, `(1 + f) 2^e`, plus `c / (1 + f)` for the `c` that `f` lacks. That is at most 2^-24, so
//! 1 / (1 + f) need not be better than 1.3 %, but exact at 0: Sollya's `1 + x * remez(-x, 1, [-0.2929;0.4143], x*(1+x))`.

use super::double::two_sum;
use super::ln::{reduce, sum};
use super::polynomial;
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.87;
/// Where it holds: from -1 on; NaN below.
pub const DOMAIN: [f32; 2] = [-1.0, f32::INFINITY];

const RECIPROCAL: [f32; 2] = [-1.075_422_2, 0.942_615];

/// `ln(1 + x)`; -inf at -1, inf at inf, NaN below -1.
#[inline(always)]
pub fn ln_1p<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let (u, low) = two_sum(s, one, x);
    let (f, e) = reduce(s, u);
    // At -1 `e` is infinite, and nothing is lost.
    let scale = s.ldexp(one, s.min(s.splat(126.0), s.neg(e)));
    let low = s.mul(low, scale);
    let low = s.mul_add(s.mul(low, f), polynomial(s, f, &RECIPROCAL), low);
    // Far out, nothing is lost that counts.
    let low = s.select(s.lt(x, s.splat(1e10)), low, zero);
    let y = sum(s, f, low, e);
    // Below 2^-25 it is x; adding loses the sign of 0.
    s.select(s.lt(s.abs(x), s.splat(2.9e-8)), x, y)
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(ln_1p, f64::ln_1p, increasing: true, near_0: |x| x * (1.0 - x / 2.0), far: [f64::ln_1p, f64::ln_1p]);
    }
}
