//! The hyperbolic tangent: `(1 - f) / (1 + f)` with `f = e^(-2|x|)` and the sign of `x`.
//!
//! `1 - f` is made as `e^x - 1` is, accurate also where `x` is small; numerator and denominator are sums of two floats,
//! and the quotient is corrected by what it lacks. 1 in `f32` from 9.02 on.

use super::double::{fast_two_sum, quotient};
use super::exp::exp_parts;
use super::size;
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.78;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

/// `tanh x`; `tanh(-0) = -0`, `tanh(±inf) = ±1`.
#[inline(always)]
pub fn tanh<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let (one, two) = (s.splat(1.0), s.splat(2.0));
    let double = s.mul(size(s, x), s.splat(-2.0));
    let (n, t, t_low) = exp_parts(s, s.max(s.splat(-20.0), double), s.splat(0.0));
    // 1 - f = (1 - 2^n) - 2^n t
    let scale = s.ldexp(one, n);
    let whole = s.sub(one, scale);
    let whole_low = s.sub(s.sub(one, whole), scale);
    let (num, low) = fast_two_sum(s, whole, s.neg(s.mul(scale, t)));
    let num_low = s.add(whole_low, s.sub(low, s.mul(scale, t_low)));
    // 1 + f = 2 - (1 - f)
    let (den, low) = fast_two_sum(s, two, s.neg(num));
    let (q, q_low) = quotient(s, (num, num_low), (den, s.sub(low, num_low)));
    // What was too small is its own tangent.
    s.copysign(s.min(s.add(q, q_low), s.abs(x)), x)
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(tanh, f64::tanh, increasing: true, near_0: |x| x * (1.0 - x * x / 3.0), far: [|_| 1.0, |_| -1.0]);
    }
}
