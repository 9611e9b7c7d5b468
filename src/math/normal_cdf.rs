//! The distribution function of the standard normal distribution, `(1 + erf(x / sqrt(2))) / 2`.
//!
//! The tail `Q(a) = e^(-a^2/2) r(a)`, for `a = |x|`, keeps its relative accuracy down to subnormal numbers: each factor is
//! a sum of two floats, and only the last product is rounded.
//!
//! - `-a^2/2 = n ln 2 + high + low`, `e^(high + low) = 1 + high + rest`, `rest = r^2 q(r) + low` with `r = high + low`,
//!   `q` of degree 4: Sollya's `fpminimax(exp(x)-1-x, [|2,3,4,5,6|], [|SG...|], [-0.3466;0.3466], absolute)`, relative
//!   error 0.08 * 2^-24.
//! - `r(a) = t p(t)` with `t = 1/(a + 2.75)`, which is where a `p` of degree 8 is best. About a centre `m`, `u = t - m`,
//!   it is a line and a small curve, `p = P0 + SLOPE u + u c(u)`; `m` is such that `p(m)` is a float to within 1/300 ULP.
//!   Sollya's `fpminimax(f-SLOPE*x, 8, [|SG...|], [1/(2.75+13.1)-m;1/(2.75+0.5)-m], relative)`, where
//!   `f = exp(b^2/2)*erfc(b/sqrt(2))/2/(x+m)` and `b = 1/(x+m)-2.75`, relative error 0.18 * 2^-24.
//! - What `t` lacks changes the logarithm of `r` by `1 + 3.55 t` times that (within a tenth), so it goes to `low`.
//!
//! Above 0 it is `1 - Q(x)`.
//!
//! For `|x| < 1/2` it is `1/2 + (x/2 + x c(-x^2/2))`, `c` of degree 3: Sollya's
//! `fpminimax(erf(sqrt(-x))/(2*sqrt(-2*x))-1/2, 3, [|SG...|], [-0.1301;-1b-30], absolute)`, absolute error 0.07 * 2^-24.
//! `x/2` is exact and `c` small, so the noise is less than a step, and the result never falls.

use super::double::{fast_two_sum, mul_add_double, residual, rounded_product, two_product};
use super::exp::{LN2_HI, LN2_LO};
use super::{polynomial, round_product, size};
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.99;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

const NEAR: f32 = 0.5;
const C: [f32; 4] = [-0.101_057_72, 0.132_979_81, 3.985_702e-2, 9.033_654e-3];
const K: f32 = 2.75;
const CENTRE: f32 = 0.160_888_67;
const SLOPE: f32 = 2.34375;
const GROWTH: f32 = 3.55;
const P0: f32 = 0.666_770_04;
const P: [f32; 8] = [3.847_639e-2, 5.30468, 3.932_681_3, -12.919_404, -24.189_959, 57.287_384, 106.3774, -339.39035];
const Q: [f32; 5] = [0.499_999_8, 0.166_665_18, 4.167_145_5e-2, 8.368_953e-3, 1.365_703_1e-3];

/// `P(X <= x)` for a standard normal `X`; 0 at -inf, 1 at inf.
#[inline(always)]
pub fn normal_cdf<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let a = s.min(s.splat(14.4), size(s, x));

    // t = 1 / (a + K) and what it lacks of that, relatively
    let d = s.add(a, s.splat(K));
    let d_low = s.sub(a, s.sub(d, s.splat(K)));
    let t = s.div(one, d);
    let t_low = s.mul_add(s.neg(t), d_low, residual(s, one, t, d));

    // -a^2/2 = n ln 2 + high + low, e^(high + low) = 1 + high + rest
    let (square, low) = two_product(s, a, s.mul(a, s.splat(-0.5)));
    let n = round_product(s, square, core::f32::consts::LOG2_E);
    let high = s.mul_add(n, s.splat(-LN2_HI), square);
    let low = s.mul_add(n, s.splat(-LN2_LO), low);
    let low = s.mul_add(t_low, s.mul_add(t, s.splat(GROWTH), one), low);
    let r = s.add(high, low);
    let rest = s.mul_add(s.mul(r, r), polynomial(s, r, &Q), low);

    let u = s.sub(t, s.splat(CENTRE));
    let (p, p_low) = mul_add_double(s, u, s.splat(SLOPE), s.splat(P0));
    let curve = polynomial(s, u, &P);
    // Without fused steps each rounding of the bend would count three times.
    let (p, p_low) = if S::FUSED {
        (p, s.mul_add(u, curve, p_low))
    } else {
        let (bend, bend_low) = two_product(s, u, curve);
        let (p, error) = fast_two_sum(s, p, bend);
        (p, s.add(s.add(bend_low, p_low), error))
    };

    // (p + p_low) (1 + high + rest), times t
    let (b, b_low) = mul_add_double(s, p, high, p);
    let e = s.add(one, s.add(high, rest));
    let b_low = s.mul_add(p, rest, s.mul_add(p_low, e, b_low));
    let tail = s.ldexp(rounded_product(s, t, (b, b_low)), n);
    let far = s.select(s.lt(x, s.splat(0.0)), tail, s.sub(one, tail));

    let near = s.mul_add(x, s.splat(0.5), s.mul(x, polynomial(s, square, &C)));
    s.select(s.lt(a, s.splat(NEAR)), s.add(s.splat(0.5), near), far)
}

#[cfg(test)]
pub(super) mod tests {
    use crate::math::sweep::check;

    pub(in crate::math) fn oracle(x: f64) -> f64 {
        0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2)
    }

    /// For `|x| < 1/16`.
    pub(in crate::math) fn near_0(x: f64) -> f64 {
        let x2 = x * x;
        let sum = 1.0 + x2 * (-1.0 / 6.0 + x2 * (1.0 / 40.0 + x2 * (-1.0 / 336.0 + x2 / 3456.0)));
        0.5 + x * 0.398_942_280_401_432_7 * sum
    }

    #[test]
    fn within_its_bound() {
        check!(
            normal_cdf,
            oracle,
            increasing: true,
            small: 0.0625,
            large: 16.0,
            near_0: near_0,
            far: [|_| 1.0, |_| 0.0]
        );
    }
}
