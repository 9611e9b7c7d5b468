//! The hyperbolic tangent.
//!
//! - `|x| < 0.6`: `x + x^3 q(x^2)`, `q` of degree 5: Sollya's `fpminimax((tanh(sqrt(x))/sqrt(x)-1)/x, 5, [|SG...|],
//!   [0;0.4], absolute)`, relative error 0.02 * 2^-24.
//! - beyond: `1 - 2 / (e^(2|x|) + 1)` with the sign of `x`; 1 in `f32` from 9.02 on.

use super::{exp, polynomial};
use crate::simd::Simd;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 1.3;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

const Q: [f32; 6] = [-0.333_333_34, 0.133_333_6, -5.396_711_5e-2, 2.181_255_8e-2, -8.449_458e-3, 2.385_092e-3];

/// `tanh x`; `tanh(-0) = -0`, `tanh(±inf) = ±1`.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let (one, two) = (s.splat(1.0), s.splat(2.0));
    let size = s.abs(x);
    let x2 = s.mul(x, x);
    let near = s.mul_add(s.mul(x, x2), polynomial(s, x2, &Q), x);
    let far = s.sub(one, s.div(two, s.add(exp(s, s.mul(size, two)), one)));
    let far = s.select(s.lt(x, s.splat(0.0)), s.neg(far), far);
    s.select(s.lt(size, s.splat(0.6)), near, far)
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(super::tanh, f64::tanh, super::MAX_ULP);
    }
}
