//! `e^x`.
//!
//! 1. Clamp to where the result is not yet 0, -1 or infinite for good (NaN passes).
//! 2. `n = round(x / ln 2)`, `r = x - n ln 2` with `ln 2` in two parts; the first has so few bits that `n` times it
//!    is exact, fused or not. `|r| <= 0.3466`.
//! 3. `e^r = 1 + r + r^2 q(r)`, `q` of degree 5: Sollya's `fpminimax((exp(x)-1-x)/x^2, 5, [|SG...|],
//!    [-0.3466;0.3466], absolute)`, relative error of `e^r` 0.005 * 2^-24.
//! 4. Times `2^n`, rounded once.

use super::double::{fast_two_sum, two_product};
use super::{polynomial, round_product, size};
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 1.0;
/// Where it holds: everywhere, subnormal results included.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

pub(super) const LN2_HI: f32 = 0.693_145_75;
pub(super) const LN2_LO: f32 = 1.428_606_8e-6;
/// Far enough below the smallest number: CPUs take a hundred cycles for a result that just misses it, and none to speak
/// of where all of it is gone.
pub(super) const UNDERFLOW: f32 = -120.0;
pub(super) const Q: [f32; 6] = [0.5, 0.166_666_67, 4.166_651e-2, 8.333_177e-3, 1.393_050_3e-3, 1.997_232_5e-4];

/// `e^x`; `exp(-inf) = 0`, `exp(inf) = inf`.
#[inline(always)]
pub fn exp<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let x = s.min(s.splat(89.0), s.max(s.splat(UNDERFLOW), x));
    let n = round_product(s, x, core::f32::consts::LOG2_E);
    let r = s.mul_add(n, s.splat(-LN2_HI), x);
    let r = s.mul_add(n, s.splat(-LN2_LO), r);
    let q = polynomial(s, r, &Q);
    // Either way free of subnormal squares, which are slow; this one costs nothing, and 0.01 ULP, and only where fused.
    let t = if S::FUSED {
        s.mul_add(s.mul(q, r), r, r)
    } else {
        let size = size(s, r);
        s.mul_add(s.mul(size, size), q, r)
    };
    s.ldexp(s.add(t, s.splat(1.0)), n)
}

/// `(n, t, t_low)` with `e^(x + low) = 2^n (1 + t + t_low)`, for `|x| <= 120`, slow where `x^2` is subnormal, and a `low` in
/// its last place.
///
/// `t` alone is within 2^-26 of the truth; with `t_low` its relative error is 2^-26 also where `x` is small.
#[inline(always)]
pub(super) fn exp_parts<S: Lanes>(s: S, x: S::F32, low: S::F32) -> (S::F32, S::F32, S::F32) {
    let n = round_product(s, x, core::f32::consts::LOG2_E);
    let high = s.mul_add(n, s.splat(-LN2_HI), x);
    let low = s.mul_add(n, s.splat(-LN2_LO), low);
    let r = s.add(high, low);
    let rest = if S::FUSED {
        s.mul_add(s.mul(r, r), polynomial(s, r, &Q), low)
    } else {
        // r^2/2 is most of it: what its product lacks counts where there are more roundings.
        let (square, square_low) = two_product(s, r, r);
        let [_, q @ ..] = Q;
        let cubic = s.mul(s.mul(r, square), polynomial(s, r, &q));
        let low = s.add(cubic, s.add(s.mul(s.splat(0.5), square_low), low));
        s.add(s.mul(s.splat(0.5), square), low)
    };
    let (t, t_low) = fast_two_sum(s, high, rest);
    (n, t, t_low)
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(exp, f64::exp, increasing: true, near_0: |x| 1.0 + x + x * x / 2.0, far: [|_| f64::INFINITY, |_| 0.0]);
    }
}
