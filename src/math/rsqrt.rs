//! `1 / sqrt(x)`. (The square root itself is an operation of every register, correctly rounded.)
//!
//! `h = sqrt(x)` and `y = 1 / h` are rounded twice; both residuals correct `y` before it is rounded again:
//! `1/sqrt(x) = y (1 + (1 - y h) - (x - h^2) y^2 / 2)` up to their squares. Small `x` are lifted, so that the residuals are not lost.

use super::double::residual;
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.75;
/// Where it holds: from 0 on; NaN below.
pub const DOMAIN: [f32; 2] = [0.0, f32::INFINITY];

const SMALL: f32 = 1.0e-30;
const TWO_32: f32 = 4_294_967_296.0;
const TWO_16: f32 = 65_536.0;

/// `1 / sqrt(x)`; `rsqrt(±0) = ±inf`, `rsqrt(inf) = 0`, NaN below 0.
#[inline(always)]
pub fn rsqrt<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let small = s.lt(x, s.splat(SMALL));
    let x = s.select(small, s.mul(x, s.splat(TWO_32)), x);
    let h = s.sqrt(x);
    let y = s.div(one, h);
    let low = residual(s, one, y, h);
    let low = s.mul_add(s.mul(residual(s, x, h, h), s.splat(-0.5)), s.mul(y, y), low);
    let corrected = s.mul_add(y, low, y);
    // 0 and infinity have no residual.
    let finite = s.lt(s.abs(low), one);
    let y = s.select(finite, corrected, y);
    s.select(small, s.mul(y, s.splat(TWO_16)), y)
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(rsqrt, |x: f64| 1.0 / x.sqrt(), increasing: false);
    }
}
