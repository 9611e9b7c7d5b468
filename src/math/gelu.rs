//! `x P(x)`, where `P` is the distribution function of the standard normal distribution: the activation GELU.
//!
//! 1. It is `max(x, 0) - a Q(a)` with `a = |x|` and `Q(a) = P(-a)`, and `2 a Q(a) = e^(-a^2/2) (t + p(d))`: piece by piece, as `tanh`
//!    is, `t` a float and `d = a - centre` exact, `p` of degree 7.
//! 2. `e^(-a^2/2) = 2^-n (1 + high + rest)` (`decay.rs`). `t high` is added exactly, so that what is rounded is small, and the
//!    relative accuracy is kept down to subnormal results.
//! 3. The first of the eight intervals (half octaves of `2 + a / 0.4807`) is without the exponential: `2 a Q(a) = a + p(a)`,
//!    where `a/2` is taken from `max(x, 0)` exactly, before `p`, which has no terms below `a^2`.
//!
//! `sollya tests/oracle/gelu.sollya` prints the table. The error of `2 a Q(a)` is at most 0.14 * 2^-24 of it.

use super::decay::{Parts, parts};
use super::double::{split, two_product};
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.98;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

/// `a Q(a)` is less than half of the smallest number.
const GONE: f32 = 14.4;
/// Of what is smaller the square could be subnormal, which is slow; its product with `p` is nothing beside `a`.
const SMALL: f32 = 1.0e-9;
const HALF_OCTAVE: u32 = 22;
const CENTRE: [f32; 8] = [0.0, 0.720_947_27, 1.441_894_5, 2.403_320_3, 3.845_703_1, 5.767_578, 8.652_344, 12.496_094];
const T: [f32; 8] = [0.0, 0.440_287_56, 0.622, 0.701_156_2, 0.752_299_6, 0.775_791_17, 0.787_627_6, 0.792_870_04];
#[rustfmt::skip]
const C: [[f32; 8]; 8] = [
    [0.0, -1.597_745_3e-9, -0.013_095_929, -1.095_012_35e-8, -1.624_961_9e-9, 2.897_560_8e-8, 2.216_314_2e-8, 1.867_940_8e-8],
    [0.0, 0.352_898_45, 0.149_804_46, 0.059_275_53, 0.020_314_582, 0.007_083_802_5, 0.002_283_772_5, 7.878_020_4e-4],
    [-0.797_885_2, -0.230_386_47, -0.080_979_854, -0.025_499_381, -0.006_523_222_7, -0.001_665_180_5, -3.769_834e-4, -9.227_369_4e-5],
    [1.747_920_6e-5, 0.121_083_09, 0.035_981_484, 0.009_210_067, 0.001_795_542_4, 3.405_730_2e-4, 5.469_569e-5, 9.550_782e-6],
    [0.132_795_17, -0.054_967_742, -0.014_013_08, -0.002_965_015, -4.470_687_7e-4, -6.393_914_4e-5, -7.327_557_3e-6, -9.204_048_3e-7],
    [9.747_095e-4, 0.022_362_877, 0.004_945_649, 8.767_159e-4, 1.037_877_74e-4, 1.130_878_8e-5, 9.343_765_4e-7, 8.470_057e-8],
    [-0.022_675_201, -0.008_418_3, -0.001_682_029_5, -2.493_587_4e-4, -2.474_378_7e-5, -2.006_426_3e-6, -1.283_014_4e-7, -7.982_083e-9],
    [0.003_940_908_2, 0.002_727_196, 5.181_241_4e-4, 6.452_183e-5, 5.250_935e-6, 3.297_461_7e-7, 1.561_092_4e-8, 7.016_011e-10],
];

/// `p(d)`. Where `d` is larger than it should be, so that its square is not subnormal, `to` is not.
#[inline(always)]
fn piece<S: Lanes>(s: S, d: S::F32, to: S::F32, place: S::F32) -> S::F32 {
    let mut c = [place; 8];
    for i in 0..8 {
        c[i] = s.lookup(&C[i], place, HALF_OCTAVE);
    }
    let d2 = s.mul(d, to);
    let q = s.mul_add(d2, c[7], s.mul_add(d, c[6], c[5]));
    let q = s.mul_add(d2, q, s.mul_add(d, c[4], c[3]));
    let end = s.mul_add(to, c[1], s.mul_add(s.mul(d2, d), q, c[0]));
    if S::FUSED {
        return s.mul_add(d2, c[2], end);
    }
    let (square, low) = two_product(s, d2, c[2]);
    s.add(square, s.add(low, end))
}

/// `(t + p) (1 + high + rest)`
#[inline(always)]
fn grown<S: Lanes>(s: S, t: S::F32, p: S::F32, e: &Parts<S>) -> S::F32 {
    let growth = s.add(e.high, e.rest);
    if S::FUSED {
        let sum = s.mul_add(t, e.high, t);
        let low = s.mul_add(t, e.high, s.sub(t, sum));
        let small = s.mul_add(p, s.add(growth, s.splat(1.0)), s.mul_add(t, e.rest, low));
        return s.add(sum, small);
    }
    // Halves of twelve bits have an exact product.
    let ((t_high, t_low), (high, high_low)) = (split(s, t), split(s, e.high));
    let sum = s.mul_add(t_high, high, t);
    let low = s.mul_add(t_high, high, s.sub(t, sum));
    let low = s.mul_add(t_low, high, low);
    let small = s.mul_add(t, s.add(high_low, e.rest), low);
    s.add(sum, s.add(p, s.mul_add(p, growth, small)))
}

/// `x P(x)`; -0 at -inf, inf at inf.
#[inline(always)]
pub fn gelu<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let zero = s.splat(0.0);
    let a = s.min(s.splat(GONE), s.abs(x));
    let place = s.mul_add(a, s.splat(30.0 / 14.42), s.splat(2.0));
    let centre = s.lookup(&CENTRE, place, HALF_OCTAVE);
    let (d, to) = (s.sub(s.max(s.splat(SMALL), a), centre), s.sub(a, centre));

    let first = s.lt(place, s.splat(3.0));
    let far = s.select(first, zero, a);
    let (square, low) = two_product(s, far, s.mul(far, s.splat(0.5)));
    let e = parts::<S, true>(s, square, s.neg(low));

    let p = piece(s, d, to, place);
    let tail = grown(s, s.lookup(&T, place, HALF_OCTAVE), p, &e);
    let from = s.mul_add(s.select(first, a, zero), s.splat(-0.5), s.max(s.splat(-0.0), x));
    s.mul_add(s.neg(s.ldexp(s.splat(0.5), s.neg(e.n))), tail, from)
}

#[cfg(test)]
mod tests {
    use crate::math::normal_cdf::tests as normal_cdf;
    use crate::math::sweep::check;

    /// Below -40 it is far less than the smallest number, and at -inf the limit.
    fn oracle(x: f64) -> f64 {
        let x = if x < -40.0 { -40.0 } else { x };
        x * normal_cdf::oracle(x)
    }

    #[test]
    fn within_its_bound() {
        check!(
            gelu,
            oracle,
            increasing: false,
            small: 0.0625,
            large: 16.0,
            near_0: |x| x * normal_cdf::near_0(x),
            far: [|x| x, |_| -0.0]
        );
    }
}
