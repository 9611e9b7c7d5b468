//! The distribution function of the standard normal distribution, `(1 + erf(x / sqrt(2))) / 2`.
//!
//! The tail `Q(a) = e^(-a^2/2) r(a)` for `a = |x|` keeps its relative accuracy down to subnormal numbers: `a^2/2` is a sum of
//! two floats, and `r(a) = t p(t)` with `t = 1/(1 + a/4)`, `p` of degree 8: Sollya's
//! `fpminimax(exp(a^2/2)*erfc(a/sqrt(2))/2/x, 8, [|SG...|], [1/4.6;1/1.1725], relative)` with `a = 4/x-4`, relative
//! error 0.26 * 2^-24. What `t` lacks corrects `r`, whose logarithm grows by `1 + 1.7 t` with that of `t`.
//! Above 0 it is `1 - Q(x)`.
//!
//! For `|x| < 0.7` it is `1/2 + x c(x^2)`, `c` of degree 4: Sollya's `fpminimax(erf(sqrt(x/2))/2/sqrt(x), 4, [|SG...|],
//! [0;0.5], absolute)`, absolute error 0.02 * 2^-24.

use super::double::{residual, two_product, two_sum};
use super::exp::exp_parts;
use super::polynomial;
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 3.25;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

const C: [f32; 5] = [0.398_942_3, -6.649_064e-2, 9.974_978e-3, -1.188_586e-3, 1.096_550_4e-4];
const P: [f32; 9] = [
    9.976_373e-2,
    9.914_569e-2,
    9.879_219e-2,
    5.449_111_4e-2,
    0.145_016_52,
    -0.113_232_97,
    0.204_604_93,
    -0.102_561_526,
    1.397_314_5e-2,
];

/// `P(X <= x)` for a standard normal `X`; 0 at -inf, 1 at inf.
#[inline(always)]
pub fn normal_cdf<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let a = s.min(s.splat(14.4), s.abs(x));
    let (square, low) = two_product(s, a, s.mul(a, s.splat(-0.5)));
    let (n, e, e_low) = exp_parts(s, square, low);
    let (d, d_low) = two_sum(s, one, s.mul(a, s.splat(0.25)));
    let t = s.div(one, d);
    let t_low = s.mul_add(s.neg(t), d_low, residual(s, one, t, d));
    let r = s.mul(t, polynomial(s, t, &P));
    let rest = s.mul_add(t_low, s.mul_add(t, s.splat(1.7), one), e_low);
    let tail = s.mul_add(r, s.add(e, rest), r);
    // In two steps, for the factor alone may be subnormal while `ldexp` wants a number near 1.
    let half = s.mul(n, s.splat(0.5));
    let first = super::round(s, half);
    let tail = s.mul(s.mul(tail, s.ldexp(one, first)), s.ldexp(one, s.sub(n, first)));
    let far = s.select(s.lt(x, s.splat(0.0)), tail, s.sub(one, tail));
    let near = s.mul_add(x, polynomial(s, s.mul(x, x), &C), s.splat(0.5));
    s.select(s.lt(a, s.splat(0.7)), near, far)
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(normal_cdf, |x: f64| 0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2), increasing: false);
    }
}
