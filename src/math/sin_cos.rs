//! Sine and cosine of a fraction of a turn, for normal deviates.
//!
//! `q = round(4 t)` is the quadrant and `f = 4 t - q`, `|f| <= 1/2`, is exact, so no precision is lost to pi.
//! `sin(pi/2 f) = f pi/2 + f^3 s(f^2)`, where `f` times the first float of `pi/2` is a sum of two, and
//! `cos(pi/2 f) = 1 + f^2 c(f^2)`, with polynomials of degree 3 from Sollya's `fpminimax` over `f^2` in `[0;0.25]`;
//! relative errors 0.005 and 0.03 * 2^-24.

use super::double::{fast_two_sum, two_product};
use super::{polynomial, round};
use crate::simd::Lanes;

/// Largest error of the sine in units in the last place; the cosine's is 0.90.
pub const MAX_ULP: f32 = 0.98;
/// Where it holds: one turn.
pub const DOMAIN: [f32; 2] = [0.0, 1.0];

const HALF_PI: f32 = core::f32::consts::FRAC_PI_2;
const HALF_PI_LOW: f32 = -4.371_139e-8;
const S: [f32; 4] = [-0.645_964_1, 7.969_225e-2, -4.678_601_4e-3, 1.520_947_4e-4];
const C: [f32; 4] = [-1.233_700_5, 0.253_668_28, -2.085_249_1e-2, 8.861_07e-4];

/// `(sin 2 pi t, cos 2 pi t)` for `0 <= t <= 1`.
#[inline(always)]
pub fn sin_cos_turn<T: Lanes>(s: T, turn: T::F32) -> (T::F32, T::F32) {
    let quarter = s.mul(turn, s.splat(4.0));
    let quadrant = round(s, quarter);
    let f = s.sub(quarter, quadrant);
    // Powers of what is this small cannot count; as subnormal numbers they would be slow.
    let base = s.select(s.lt(s.abs(f), s.splat(1e-8)), s.splat(0.0), f);
    let f2 = s.mul(base, base);
    let (sin, low) = two_product(s, f, s.splat(HALF_PI));
    let low = s.mul_add(f, s.splat(HALF_PI_LOW), low);
    let rest = s.mul_add(s.mul(base, f2), polynomial(s, f2, &S), low);
    // What a subnormal product lacks cannot be told.
    let sin = s.add(sin, s.select(s.lt(s.abs(f), s.splat(1e-20)), s.splat(0.0), rest));
    let (square, square_low) = two_product(s, f2, polynomial(s, f2, &C));
    let (cos, low) = fast_two_sum(s, s.splat(1.0), square);
    let cos = s.add(cos, s.add(low, square_low));
    let is = |q: f32| s.eq(quadrant, s.splat(q));
    // Quadrants 0 and 4 are the same; 1 and 3 exchange the two, 2 and 3 (or 1 and 2) change the sign.
    let (a, b) = (s.select(is(1.0), cos, sin), s.select(is(1.0), s.neg(sin), cos));
    let (a, b) = (s.select(is(2.0), s.neg(sin), a), s.select(is(2.0), s.neg(cos), b));
    (s.select(is(3.0), s.neg(cos), a), s.select(is(3.0), sin, b))
}

#[cfg(test)]
mod tests {
    use super::{DOMAIN, MAX_ULP, sin_cos_turn};
    use crate::math::sweep::{Claim, Ends, on_level, sweep};
    use core::f64::consts::TAU;

    /// Quarter by quarter, so that the zeros are exact.
    fn oracle(turn: f64, shift: f64) -> f64 {
        let quarter = turn * 4.0;
        let quadrant = quarter.round();
        let angle = (quarter - quadrant) * core::f64::consts::FRAC_PI_2;
        match (quadrant + shift).rem_euclid(4.0) as u8 {
            0 => angle.sin(),
            1 => angle.cos(),
            2 => -angle.sin(),
            _ => -angle.cos(),
        }
    }

    #[test]
    fn within_its_bound() {
        let claim = |name, max_ulp, near_0| Claim {
            name,
            max_ulp,
            domain: DOMAIN,
            increasing: false,
            sampled: false,
            // Nothing that is far is in the domain.
            ends: Some(Ends { near_0, far: [f64::sin; 2], small: Ends::SMALL, large: Ends::LARGE }),
        };
        // The sine of -0 is 0.
        let sin = claim("sin", MAX_ULP, |x| (TAU * x) * (1.0 - (TAU * x).powi(2) / 6.0) + 0.0);
        let cos = claim("cos", 0.90, |x| 1.0 - (TAU * x).powi(2) / 2.0);
        sweep(&sin, on_level!(|s, turn| sin_cos_turn(s, turn).0), |x| oracle(x, 0.0));
        sweep(&cos, on_level!(|s, turn| sin_cos_turn(s, turn).1), |x| oracle(x, 1.0));
    }
}
