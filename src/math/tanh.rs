//! The hyperbolic tangent, piece by piece, with the sign of `x`. One instruction looks a coefficient up for all lanes.
//!
//! 1. `a = |x|`, at most 9.05: the result is 1 in `f32` from 9.02 on.
//! 2. The eight half octaves of `3 + 4.97 a` are the intervals, from 0.2 wide, where the curve bends, to 3.2.
//! 3. Below 0.6 it is `a + a p(a)`, beyond it `T + d p(d)` with `d = a - centre`, which is exact. `T` is the tangent of the
//!    centre to within 2^-36. What is added is small, so that its noise is; `p` is of degree 6.
//!
//! `sollya tests/oracle/tables.sollya` prints the tables: each `p` by `fpminimax`. The error of the result is
//! 0.24 * 2^-24 from 2.6 to 4.2, 0.09 * 2^-24 of it from 0.2 to 0.6, and elsewhere at most 0.05 * 2^-24.

use super::{piece, size};
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.84;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

const ONE: f32 = 9.05;
/// Between the two forms: no less than 0.6, no more than the least of `T`.
const NEAR: f32 = 0.65;
const HALF_OCTAVE: u32 = 22;
const CENTRE: [f32; 8] = [8.66434, 0.0, 0.0, 0.830_306_1, 1.505_193_7, 2.303_061_2, 3.602_275_4, 5.203_989];
const T: [f32; 8] = [0.999_999_94, 0.0, 0.0, 0.680_640_34, 0.906_082_4, 0.980_216_7, 0.998_514_7, 0.999_939_6];
#[rustfmt::skip]
const C: [[f32; 8]; 7] = [
    [1.115_915_04e-7, 2.736_088e-11, 2.733_345_7e-5, 0.536_728_74, 0.179_014_76, 3.917_527_2e-2, 2.968_255_4e-3, 1.207_485_26e-4],
    [-1.541_016_8e-7, -1.276_818_2e-8, -5.535_006e-4, -0.365_319_37, -0.162_202_03, -3.840_030_4e-2, -2.963_798_4e-3, -1.207_388_4e-4],
    [1.196_813_5e-7, -0.333_332_36, -0.328_654_56, 6.97408e-2, 8.729_252e-2, 2.458_088_3e-2, 1.972_251_3e-3, 8.061_343_4e-5],
    [1.869_288_2e-7, -2.762_408_8e-5, -2.136_379_9e-2, 7.432_324_4e-2, -2.503_582_3e-2, -1.129_418_6e-2, -9.800_092e-4, -4.028_104_4e-5],
    [2.734_387_6e-7, 0.133_699_2, 0.189_924_02, -6.191_504_7e-2, -2.359_095_7e-3, 3.773_284e-3, 3.768_128_5e-4, 1.550_972e-5],
    [1.156_825_8e-7, -2.366_517_2e-3, -8.519_128e-2, 8.464_124e-3, 7.091_138_5e-3, -7.603_013e-4, -1.277_538_8e-4, -5.446_451_3e-6],
    [2.378_076_2e-8, -4.753_751e-2, 7.028_463e-3, 1.568_035_6e-2, -4.357_427e-3, -1.833_015_4e-4, 4.884_680_7e-5, 2.340_968_9e-6],
];

/// `tanh x`; `tanh(-0) = -0`, `tanh(±inf) = ±1`.
#[inline(always)]
pub fn tanh<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let a = s.min(s.splat(ONE), size(s, x));
    let place = s.mul_add(a, s.splat(159.0 / 32.0), s.splat(3.0));
    let d = s.sub(a, s.lookup(&CENTRE, place, HALF_OCTAVE));
    let p = piece(s, d, place, HALF_OCTAVE, &C);
    let base = s.max(s.lookup(&T, place, HALF_OCTAVE), s.min(a, s.splat(NEAR)));
    // What was too small is its own tangent.
    s.copysign(s.min(s.mul_add(p, d, base), s.abs(x)), x)
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(tanh, f64::tanh, increasing: true, near_0: |x| x * (1.0 - x * x / 3.0), far: [|_| 1.0, |_| -1.0]);
    }
}
