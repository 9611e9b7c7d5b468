//! `e^x - 1`, accurate also where `x` is small.
//!
//! `2^n - 1`, a sum of two floats, and `2^n (e^r - 1)` are put together and rounded once, both halved so that nothing
//! overflows too early; `n` and `r` are those of `exp`.

use super::double::fast_two_sum;
use super::exp::exp_parts;
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.90;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

/// `e^x - 1`; -1 at -inf, inf at inf.
#[inline(always)]
pub fn expm1<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let (zero, tiny) = (s.splat(0.0), s.lt(s.abs(x), s.splat(1.5e-8)));
    let clamped = s.min(s.splat(89.0), s.max(s.splat(-20.0), s.select(tiny, zero, x)));
    let (n, t, t_low) = exp_parts(s, clamped, zero);
    let half = s.ldexp(s.splat(0.5), n);
    let (whole, whole_low) = fast_two_sum(s, half, s.splat(-0.5));
    let (sum, low) = fast_two_sum(s, whole, s.mul(half, t));
    let sum = s.add(sum, s.add(whole_low, s.mul_add(half, t_low, low)));
    // Below 2^-25 it is x; halving could lose a bit of a subnormal number, adding loses the sign of 0.
    s.select(tiny, x, s.add(sum, sum))
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(expm1, f64::exp_m1, increasing: true, near_0: |x| x * (1.0 + x / 2.0), far: [|_| f64::INFINITY, |_| -1.0]);
    }
}
