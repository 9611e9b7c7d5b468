//! The logistic function `1 / (1 + e^-x)`.
//!
//! With `e = e^-|x|`, which never overflows: `1 / (1 + e)` for `x >= 0`, `e / (1 + e)` below, where the result keeps
//! its relative accuracy down to subnormal numbers.

use super::exp;
use crate::simd::Simd;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 2.27;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

/// `1 / (1 + e^-x)`; 0 at -inf, 1 at inf.
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let e = exp(s, s.neg(s.abs(x)));
    let numerator = s.select(s.lt(x, s.splat(0.0)), e, one);
    s.div(numerator, s.add(one, e))
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(super::sigmoid, |x: f64| 1.0 / (1.0 + (-x).exp()), super::MAX_ULP);
    }
}
