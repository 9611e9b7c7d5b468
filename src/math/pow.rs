//! `x^y`.
//!
//! `|x|^y = e^(y ln |x|)`, where the logarithm, its product with `y` and the argument of the exponential are sums of two
//! floats:
//!
//! 1. `|x| = (1 + f) 2^e` as in `ln`; `ln(1 + f) = 2 atanh(q) = q (2 + w)` with `q = f / (2 + f)`,
//!    `w = q^2 (2/3 + q^2 p(q^2))`, `|q| <= 0.172`; `2/3` in two parts, `p` of degree 3: Sollya's
//!    `fpminimax((2*atanh(sqrt(x))/sqrt(x)-2-2/3*x)/x^2, 3, [|SG...|], [0;0.03], absolute)`, relative error of the logarithm
//!    2^-40.
//! 2. Plus `e ln 2` in two parts, times `y`, `exp_parts`.

use super::double::{fast_two_sum, quotient, two_product};
use super::exp::exp_parts;
use super::ln::reduce;
use super::polynomial;
use crate::simd::Lanes;

/// Largest error in units in the last place, over samples of both arguments.
pub const MAX_ULP: f32 = 0.8;
/// Where it holds, for both arguments: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

const LN2_HI: f32 = 0.693_145_75;
const LN2_LO: f32 = 1.428_606_8e-6;
const THIRDS: f32 = 0.666_666_7;
const THIRDS_LOW: f32 = -1.986_821_5e-8;
const P: [f32; 4] = [0.4, 0.285_713_52, 0.222_164_2, 0.189_041_58];
/// From here on floats are integers.
const TWO_23: f32 = 8_388_608.0;
/// Beyond this exponent everything but 1 is 0 or infinite.
const FAR: f32 = 1.0e12;

/// `ln x` as a sum of two floats, for positive finite `x`.
#[inline(always)]
fn ln_double<S: Lanes>(s: S, x: S::F32) -> (S::F32, S::F32) {
    let two = s.splat(2.0);
    let (f, e) = reduce(s, x);
    let (d, d_low) = fast_two_sum(s, two, f);
    let (q, q_low) = quotient(s, (f, s.splat(0.0)), (d, d_low));
    let (z, z_low) = two_product(s, q, q);
    let z_low = s.mul_add(s.mul(two, q), q_low, z_low);
    let (c, c_low) = fast_two_sum(s, s.splat(THIRDS), s.mul(z, polynomial(s, z, &P)));
    let c_low = s.add(c_low, s.splat(THIRDS_LOW));
    let (w, w_low) = two_product(s, z, c);
    let w_low = s.add(w_low, s.mul_add(z, c_low, s.mul(z_low, c)));
    let (v, v_low) = two_product(s, q, w);
    let v_low = s.add(v_low, s.mul_add(q, w_low, s.mul(q_low, w)));
    let (ln, low) = fast_two_sum(s, s.mul(two, q), v);
    let low = s.add(low, s.mul_add(two, q_low, v_low));
    // The first part of ln 2 has so few bits that e times it is exact.
    let (ln, high_low) = fast_two_sum(s, s.mul(e, s.splat(LN2_HI)), ln);
    let (small, small_low) = two_product(s, e, s.splat(LN2_LO));
    let (ln, sum_low) = fast_two_sum(s, ln, small);
    fast_two_sum(s, ln, s.add(s.add(high_low, low), s.add(sum_low, small_low)))
}

/// Whether `a >= 0` is an integer.
#[inline(always)]
fn is_integer<S: Lanes>(s: S, a: S::F32) -> S::Mask {
    let shift = s.splat(TWO_23);
    let rounded = s.sub(s.add(a, shift), shift);
    s.eq(s.select(s.lt(a, shift), rounded, a), a)
}

/// `x^y` with the answers of C's `pow` and of `torch.pow`: 1 for `x^0` and `1^y` whatever the other is; a negative `x` needs
/// an integer `y`, else the result is NaN.
#[inline(always)]
pub fn pow<S: Lanes>(s: S, x: S::F32, y: S::F32) -> S::F32 {
    let (zero, one, infinity) = (s.splat(0.0), s.splat(1.0), s.splat(f32::INFINITY));
    let size = s.abs(x);
    let (ln, ln_low) = ln_double(s, size);
    let bounded = s.min(s.splat(FAR), s.max(s.splat(-FAR), y));
    let (p, p_low) = two_product(s, bounded, ln);
    let p_low = s.mul_add(bounded, ln_low, p_low);
    let within = s.lt(s.abs(p), s.splat(104.0));
    let p = s.min(s.splat(89.0), s.max(s.splat(-104.0), p));
    let (n, t, t_low) = exp_parts(s, p, s.select(within, p_low, zero));
    let (e, low) = fast_two_sum(s, one, t);
    let power = s.ldexp(s.add(e, s.add(low, t_low)), n);
    // 0 and infinity have no logarithm here.
    let rises = s.lt(zero, y);
    let at_zero = s.select(rises, zero, infinity);
    let at_infinity = s.select(rises, infinity, zero);
    let power = s.select(s.eq(size, zero), at_zero, s.select(s.eq(size, infinity), at_infinity, power));
    let power = s.select(s.eq(y, y), s.select(s.eq(x, x), power, x), y);
    // The sign: odd integers keep it, even ones do not, others have no power of a negative number.
    let y_size = s.abs(y);
    let integer = is_integer(s, y_size);
    let even = is_integer(s, s.mul(y_size, s.splat(0.5)));
    let signed = s.select(integer, s.select(even, power, s.copysign(power, x)), power);
    let negative = s.select(s.eq(size, infinity), signed, s.select(integer, signed, s.splat(f32::NAN)));
    let power = s.select(s.lt(x, zero), negative, signed);
    s.select(s.eq(y, zero), one, s.select(s.eq(x, one), one, power))
}

#[cfg(test)]
mod tests {
    use super::{DOMAIN, MAX_ULP, pow};
    use crate::math::sweep::{Claim, on_level, sweep, ulps};
    use crate::simd::{Lanes, Level};
    use std::vec::Vec;

    #[test]
    fn within_its_bound() {
        for (exponent, max_ulp) in [(0.9f32, 0.75), (-1.5, MAX_ULP), (10.3, 0.79)] {
            sweep(
                &Claim { name: "pow", max_ulp, domain: DOMAIN, increasing: false, sampled: true, ends: None },
                on_level!(|s, x| pow(s, x, s.splat(exponent))),
                |x| x.powf(f64::from(exponent)),
            );
        }
    }

    fn call(f: impl Fn(Level, bool, &[f32], &mut [f32]), level: Level, x: &[f32], y: &mut [f32]) {
        f(level, false, x, y);
    }

    #[test]
    fn every_pair_of_specials_is_that_of_c() {
        let mut xs: Vec<f32> = [0.0, 1.0, 0.5, 2.0, 3.0, 1.5, 7.0, f32::MAX, f32::MIN_POSITIVE, f32::INFINITY].into();
        xs.extend([
            1e-45,
            0.999_999_94,
            1.000_000_1,
            8_388_607.0,
            8_388_609.0,
            16_777_215.0,
            16_777_216.0,
            4_194_304.5,
        ]);
        xs.extend(xs.clone().iter().map(|x| -x));
        xs.push(f32::NAN);
        for level in Level::available() {
            for exponent in xs.iter().copied() {
                let mut y = std::vec![0.0f32; xs.len()];
                call(on_level!(|s, x| pow(s, x, s.splat(exponent))), level, &xs, &mut y);
                for (x, y) in xs.iter().zip(&y) {
                    let exact = f64::from(*x).powf(f64::from(exponent));
                    assert!(ulps(*y, exact) <= 1.0, "{level}: {x:e} ^ {exponent:e} = {y:e}, not {exact:e}");
                }
            }
        }
    }
}
