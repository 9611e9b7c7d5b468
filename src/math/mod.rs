//! Elementary functions, register to register. Each file opens with its method and the source of its coefficients.
//!
//! `MAX_ULP` is the largest error, over every `f32`, on fused and on unfused levels, in units in the last place of
//! the result; `DOMAIN` says where it holds. A sweep in each file's tests enforces it.
//!
//! ```
//! use flatgrad::{dispatch, math, simd::{self, Simd}};
//!
//! #[inline(always)]
//! fn exp_of_one<S: Simd>(s: S) -> f32 {
//!     s.to_lanes(s.wide(math::exp::exp(s, s.splat(1.0))))[0]
//! }
//! assert_eq!(dispatch!(simd::level(), s => exp_of_one(s)), core::f32::consts::E);
//! ```

mod decay;
mod double;
pub mod erf;
pub mod exp;
pub mod expm1;
pub mod gelu;
pub mod ln;
pub mod ln_1p;
pub mod normal_cdf;
pub mod pow;
pub mod rsqrt;
pub mod sigmoid;
pub mod sin_cos;
pub mod softplus;
pub mod tanh;

#[cfg(test)]
mod sweep;

pub(crate) use self::{
    erf::erf,
    exp::exp,
    expm1::expm1,
    gelu::gelu,
    ln::ln,
    ln_1p::ln_1p,
    normal_cdf::normal_cdf,
    pow::pow,
    rsqrt::rsqrt,
    sigmoid::sigmoid,
    sin_cos::sin_cos_turn,
    softplus::{log_sigmoid, softplus},
    tanh::tanh,
};

use crate::simd::Lanes;

/// `c[0] + c[1]*x + c[2]*x^2 + ...` by Horner's rule.
#[inline(always)]
pub(crate) fn polynomial<S: Lanes, const N: usize>(s: S, x: S::F32, c: &[f32; N]) -> S::F32 {
    let mut sum = s.splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = s.mul_add(sum, x, s.splat(c[i]));
    }
    sum
}

/// A [`polynomial`] whose coefficients are those of the interval where `place` is: number `i` by [`Lanes::lookup`].
#[inline(always)]
fn piece<S: Lanes, const N: usize>(s: S, x: S::F32, place: S::F32, bit: u32, c: &[[f32; 8]; N]) -> S::F32 {
    let mut sum = s.lookup(&c[N - 1], place, bit);
    for i in (0..N - 1).rev() {
        sum = s.mul_add(sum, x, s.lookup(&c[i], place, bit));
    }
    sum
}

/// Beside 1, nothing.
const TINY: f32 = 1.0e-12;

/// `|x|`, or [`TINY`] where it is less: its square is never subnormal, for which CPUs take a hundred cycles. Arguments fade
/// through such sizes in every decaying signal.
#[inline(always)]
fn size<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    s.max(s.splat(TINY), s.abs(x))
}

/// Added to a small float it rounds it to an integer: its last place is 1.
const ROUNDING: f32 = 12_582_912.0;

/// `x` rounded to the nearest integer, ties to even, for `|x| < 2^22`.
#[inline(always)]
fn round<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let shift = s.splat(ROUNDING);
    s.sub(s.add(x, shift), shift)
}

/// `x * c` rounded to a nearest integer, for products below 2^22; near a tie it may be either.
#[inline(always)]
fn round_product<S: Lanes>(s: S, x: S::F32, c: f32) -> S::F32 {
    let shift = s.splat(ROUNDING);
    s.sub(s.mul_add(x, s.splat(c), shift), shift)
}
