//! The error function `2/sqrt(pi) * integral of e^(-t^2) from 0 to x`, piece by piece as `tanh` is.
//!
//! 1. `a = |x|`, at most 3.95: the result is 1 in `f32` from 3.92 on.
//! 2. The intervals, 0.46 wide or less but for the last, are eighths of the octave of `9.375 + 2.17 a`, or all beyond it.
//! 3. Below 0.75 it is `a + a p(a)`, beyond it `T + d p(d)` with `d = a - centre`, which is exact; `p` is of degree 5.
//!
//! `sollya tests/oracle/tables.sollya` prints the tables. The error of the result is 0.21 * 2^-24 of it up to 0.29, then
//! 0.16 * 2^-24, and beyond 1.2 at most 0.09 * 2^-24.

use super::{TINY, piece};
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.96;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

const ONE: f32 = 3.95;
/// Between the two forms: no less than 0.75, no more than the least of `T`.
const NEAR: f32 = 0.8;
const EIGHTH: u32 = 20;
const CENTRE: [f32; 8] = [3.832_507, 0.0, 0.0, 1.000_291_8, 1.460_713_4, 1.905_556_1, 2.360_603_6, 2.833_006_9];
const T: [f32; 8] = [0.999_999_94, 0.0, 0.0, 0.842_821_9, 0.961_148_9, 0.992_958_25, 0.999_157_37, 0.999_938_37];
#[rustfmt::skip]
const C: [[f32; 8]; 6] = [
    [5.310_926_7e-7, 0.128_379_18, 0.128_432_23, 0.414_865_4, 0.133_600_44, 2.988_603_9e-2, 4.289_149e-3, 3.688_475e-4],
    [-1.278_103_2e-6, -2.169_089_8e-6, -8.477_329_4e-4, -0.414_988_34, -0.195_151_76, -5.694_935e-2, -1.012_496_2e-2, -1.044_984e-3],
    [1.239_117_5e-6, -0.376_048_5, -0.370_482_68, 0.138_422_86, 0.145_514_65, 6.239_541e-2, 1.450_429_6e-2, 1.849_407_4e-3],
    [-4.081_546e-5, -1.099_575_5e-3, -2.023_820_6e-2, 6.924_333_4e-2, -4.123_962_7e-2, -4.047_873e-2, -1.374_652_1e-2, -2.268_700_2e-3],
    [-7.375_800_5e-5, 0.120_073_11, 0.154_747_4, -6.799_156e-2, -1.987_690_3e-2, 1.171_401_3e-2, 8.629_099e-3, 2.069_059_3e-3],
    [-8.956_394e-5, -2.242_842_3e-2, -4.895_593_6e-2, 1.733_586_5e-3, 2.068_915_2e-2, 3.527_707e-3, -3.057_537_4e-3, -1.379_412_8e-3],
];

/// `erf x`; `erf(-0) = -0`, `erf(±inf) = ±1`.
#[inline(always)]
pub fn erf<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let a = s.min(s.splat(ONE), s.abs(x));
    // No product within `p` is to be subnormal.
    let size = s.max(s.splat(TINY), a);
    let place = s.mul_add(size, s.splat(137.0 / 63.0), s.splat(9.375));
    let centre = s.lookup(&CENTRE, place, EIGHTH);
    let p = piece(s, s.sub(size, centre), place, EIGHTH, &C);
    let base = s.max(s.lookup(&T, place, EIGHTH), s.min(a, s.splat(NEAR)));
    s.copysign(s.mul_add(p, s.sub(a, centre), base), x)
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    /// For `|x| < 1/16`.
    fn near_0(x: f64) -> f64 {
        let x2 = x * x;
        let sum = 1.0 + x2 * (-1.0 / 3.0 + x2 * (1.0 / 10.0 + x2 * (-1.0 / 42.0 + x2 / 216.0)));
        x * core::f64::consts::FRAC_2_SQRT_PI * sum
    }

    #[test]
    fn within_its_bound() {
        check!(
            erf,
            libm::erf,
            increasing: true,
            small: 0.0625,
            large: 8.0,
            near_0: near_0,
            far: [|_| 1.0, |_| -1.0]
        );
    }
}
