//! What optimizers do with whole vectors.

use crate::kernel::{Extent, map};
use crate::simd::Simd;
use crate::{dispatch, simd};

/// `x = a x + b y`, for slices of equal length; exact where a factor is 1 or -1, but for the rounding of the sum.
pub(super) fn combine(x: &mut [f32], a: f32, y: &[f32], b: f32) {
    #[inline(always)]
    fn pass<S: Simd>(s: S, x: &mut [f32], a: f32, y: &[f32], b: f32) {
        map(
            s,
            [x],
            [y],
            #[inline(always)]
            |[x], [y]| [s.mul_add(s.splat(b), y, s.mul(s.splat(a), x))],
        );
    }
    dispatch!(simd::level(), s => pass(s, x, a, y, b));
}

/// `x = factor x`, also where the factor is less than `f32` has.
pub(super) fn scale(x: &mut [f32], factor: f64) {
    /// Exact in `f32`.
    const SMALL: f64 = 1.0 / (1u128 << 100) as f64;
    if factor.abs() < SMALL && factor != 0.0 {
        scale_once(x, (factor / SMALL) as f32);
        scale_once(x, SMALL as f32);
    } else {
        scale_once(x, factor as f32);
    }
}

fn scale_once(x: &mut [f32], factor: f32) {
    #[inline(always)]
    fn pass<S: Simd>(s: S, x: &mut [f32], factor: f32) {
        map(
            s,
            [x],
            [],
            #[inline(always)]
            |[x], []| [s.mul(x, s.splat(factor))],
        );
    }
    dispatch!(simd::level(), s => pass(s, x, factor));
}

/// *Writes* `to`, as long as `from`.
pub(super) fn copy(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// The largest `|x|`; NaN where one is infinite or NaN, so that no comparison with it holds.
pub(super) fn max_abs(x: &[f32]) -> f64 {
    let mut extent = Extent::default();
    extent.add(simd::level(), x);
    if extent.non_finite == 0 { extent.max_abs.into() } else { f64::NAN }
}
