//! Sine and cosine of a fraction of a turn, for normal deviates.
//!
//! `q = round(4 t)` is the quadrant and `f = 4 t - q`, `|f| <= 1/2`, is exact, so no precision is lost to pi.
//! `sin(pi/2 f) = f (pi/2 + f^2 s(f^2))` and `cos(pi/2 f) = 1 + f^2 c(f^2)` with polynomials of degree 3 from
//! Sollya's `fpminimax` over `f^2` in `[0;0.25]`; relative errors 0.005 and 0.03 * 2^-24.

use super::{polynomial, round};
use crate::simd::Simd;

/// Largest error in units in the last place of 1: the deviates need absolute accuracy.
pub const MAX_ULP: f32 = 1.48;
/// Where it holds: one turn.
pub const DOMAIN: [f32; 2] = [0.0, 1.0];

const S: [f32; 5] = [core::f32::consts::FRAC_PI_2, -0.645_964_1, 7.969_225e-2, -4.678_601_4e-3, 1.520_947_4e-4];
const C: [f32; 5] = [1.0, -1.233_700_5, 0.253_668_28, -2.085_249_1e-2, 8.861_07e-4];

/// `(sin 2 pi t, cos 2 pi t)` for `0 <= t <= 1`.
#[inline(always)]
pub fn sin_cos_turn<T: Simd>(s: T, turn: T::F32) -> (T::F32, T::F32) {
    let quarter = s.mul(turn, s.splat(4.0));
    let quadrant = round(s, quarter);
    let f = s.sub(quarter, quadrant);
    let f2 = s.mul(f, f);
    let sin = s.mul(f, polynomial(s, f2, &S));
    let cos = polynomial(s, f2, &C);
    let is = |q: f32| s.eq(quadrant, s.splat(q));
    // Quadrants 0 and 4 are the same; 1 and 3 exchange the two, 2 and 3 (or 1 and 2) change the sign.
    let (a, b) = (s.select(is(1.0), cos, sin), s.select(is(1.0), s.neg(sin), cos));
    let (a, b) = (s.select(is(2.0), s.neg(sin), a), s.select(is(2.0), s.neg(cos), b));
    (s.select(is(3.0), s.neg(cos), a), s.select(is(3.0), sin, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch;
    use crate::simd::Level;

    #[inline(always)]
    fn lanes<T: Simd>(s: T, turn: f32) -> (f32, f32) {
        let (sin, cos) = sin_cos_turn(s, s.splat(turn));
        (s.to_lanes(s.wide(sin))[0], s.to_lanes(s.wide(cos))[0])
    }

    #[test]
    fn within_its_bound() {
        // The bound is that of the worse arithmetic; it must hold on every level and be met within 0.05 by one.
        let mut found = 0.0f64;
        for level in Level::available() {
            let mut worst = 0.0f64;
            for i in 0..=1_000_000u32 {
                let turn = i as f32 / 1_000_000.0;
                let (sin, cos) = dispatch!(level, s => lanes(s, turn));
                let (sin64, cos64) = (f64::from(turn) * core::f64::consts::TAU).sin_cos();
                worst = worst.max((f64::from(sin) - sin64).abs()).max((f64::from(cos) - cos64).abs());
            }
            let worst = worst / f64::from(f32::EPSILON / 2.0);
            assert!(worst <= f64::from(MAX_ULP), "{level}: {worst}");
            found = found.max(worst);
        }
        assert!(found > f64::from(MAX_ULP) - 0.05, "the bound is loose: {found}");
    }
}
