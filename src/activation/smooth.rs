//! The activations with an exponential in them: value and gradient, register to register.
//!
//! Values in a tail are products of small factors, never differences of large numbers, and a factor that underflows
//! to 0 meets a finite one: no NaN where the limit is finite.

use super::piecewise::above_infinity;
use crate::math::{exp, expm1, normal_cdf, polynomial, sigmoid, softplus as unit_softplus, tanh};
use crate::simd::Lanes;

/// Beyond this `x` on either side every derivative here is 0 or 1, and the factor that makes it so is exactly 0.
const FAR: f32 = 128.0;

/// `x` within [`FAR`], so that it can be multiplied by 0.
#[inline(always)]
fn near<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    s.min(s.splat(FAR), s.max(s.splat(-FAR), x))
}

/// `sigmoid(x)` and `sigmoid(-x)`, both with all their places.
#[inline(always)]
pub(super) fn sigmoids<S: Lanes>(s: S, x: S::F32) -> (S::F32, S::F32) {
    let one = s.splat(1.0);
    let e = exp(s, s.neg(s.abs(x)));
    let (large, small) = (s.div(one, s.add(one, e)), s.div(e, s.add(one, e)));
    let negative = s.lt(x, s.splat(0.0));
    (s.select(negative, small, large), s.select(negative, large, small))
}

/// y = 1 / (1 + e^-x): dx = dy y (1 - y).
#[inline(always)]
pub(super) fn sigmoid_gradient<S: Lanes>(s: S, y: S::F32, dy: S::F32) -> S::F32 {
    s.mul(dy, s.mul(y, s.sub(s.splat(1.0), y)))
}

/// y = ln sigmoid(x): dx = dy sigmoid(-x) = -dy (e^y - 1).
#[inline(always)]
pub(super) fn log_sigmoid_gradient<S: Lanes>(s: S, y: S::F32, dy: S::F32) -> S::F32 {
    s.mul(dy, s.neg(expm1(s, y)))
}

/// y = tanh x: dx = dy (1 - y^2).
#[inline(always)]
pub(super) fn tanh_gradient<S: Lanes>(s: S, y: S::F32, dy: S::F32) -> S::F32 {
    s.mul(dy, s.mul_add(s.neg(y), y, s.splat(1.0)))
}

/// `(x - tanh x) / x^3` for `|x| <= 1`, as a polynomial in `x^2`: Sollya's
/// `fpminimax((sqrt(x)-tanh(sqrt(x)))/(x*sqrt(x)), 7, [|SG...|], [1b-40;1], relative)`, relative error 0.5 * 2^-24.
const TANHSHRINK: [f32; 8] = [
    0.333_333_34,
    -0.133_333_53,
    5.396_793_4e-2,
    -2.185_068_3e-2,
    8.748_728e-3,
    -3.272_560_7e-3,
    9.668_627e-4,
    -1.542_483e-4,
];

/// `x - tanh x` without cancellation near 0.
#[inline(always)]
pub(super) fn tanhshrink<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let x2 = s.mul(x, x);
    // Adding 0 makes -0 the 0 that the difference would be.
    let near = s.mul_add(s.mul(x, x2), polynomial(s, x2, &TANHSHRINK), s.splat(0.0));
    s.select(s.lt(s.abs(x), s.splat(1.0)), near, s.sub(x, tanh(s, x)))
}

/// y = x - tanh x: dx = dy tanh^2 x.
#[inline(always)]
pub(super) fn tanhshrink_gradient<S: Lanes>(s: S, x: S::F32, dy: S::F32) -> S::F32 {
    let t = tanh(s, x);
    s.mul(dy, s.mul(t, t))
}

/// `x / (1 + |x|)`; ±1 at ±inf.
#[inline(always)]
pub(super) fn softsign<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let x = s.min(s.splat(f32::MAX), above_infinity(s, x));
    s.div(x, s.add(s.splat(1.0), s.abs(x)))
}

/// y = x / (1 + |x|): dx = dy / (1 + |x|)^2 = dy (1 - |y|)^2.
#[inline(always)]
pub(super) fn softsign_gradient<S: Lanes>(s: S, y: S::F32, dy: S::F32) -> S::F32 {
    let rest = s.sub(s.splat(1.0), s.abs(y));
    s.mul(dy, s.mul(rest, rest))
}

/// `scale * x` above 0, `alpha * (e^(rate * x) - 1)` elsewhere: ELU, SELU and CELU.
#[inline(always)]
pub(super) fn elu<S: Lanes>(s: S, [scale, alpha, rate]: [f32; 3], x: S::F32) -> S::F32 {
    let low = s.mul(s.splat(alpha), expm1(s, s.mul(x, s.splat(rate))));
    s.select(s.lt(s.splat(0.0), x), s.mul(s.splat(scale), x), low)
}

/// y = scale x: dx = scale dy; y = alpha (e^(rate x) - 1): dx = dy rate (y + alpha). `rate * alpha` is not negative.
#[inline(always)]
pub(super) fn elu_gradient<S: Lanes>(s: S, [scale, alpha, rate]: [f32; 3], y: S::F32, dy: S::F32) -> S::F32 {
    let low = s.mul(s.add(y, s.splat(alpha)), s.splat(rate));
    s.mul(dy, s.select(s.le(y, s.splat(0.0)), low, s.splat(scale)))
}

/// ELU with a negative alpha, whose value falls towards 0 from both sides: from x.
#[inline(always)]
pub(super) fn elu_gradient_from_input<S: Lanes>(s: S, [alpha]: [f32; 1], x: S::F32, dy: S::F32) -> S::F32 {
    let low = s.mul(s.splat(alpha), exp(s, x));
    s.mul(dy, s.select(s.le(x, s.splat(0.0)), low, s.splat(1.0)))
}

/// `x sigmoid(x)`
#[inline(always)]
pub(super) fn silu<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    s.mul(above_infinity(s, x), sigmoid(s, x))
}

/// y = x sigmoid(x): dx = dy sigmoid(x) (1 + x sigmoid(-x)).
#[inline(always)]
pub(super) fn silu_gradient<S: Lanes>(s: S, x: S::F32, dy: S::F32) -> S::F32 {
    let (sigmoid, rest) = sigmoids(s, x);
    s.mul(dy, s.mul(sigmoid, s.mul_add(near(s, x), rest, s.splat(1.0))))
}

/// y = x P(x): dx = dy (P(x) + x p(x)), p being the density e^(-x^2 / 2) / sqrt(2 pi).
#[inline(always)]
pub(super) fn gelu_gradient<S: Lanes>(s: S, x: S::F32, dy: S::F32) -> S::F32 {
    let x = near(s, x);
    let density = s.mul(exp(s, s.mul(s.mul(x, x), s.splat(-0.5))), s.splat(0.398_942_3));
    s.mul(dy, s.mul_add(x, density, normal_cdf(s, x)))
}

/// `2 sqrt(2 / pi)`, and that times 0.044715.
const GELU_TANH: [f32; 2] = [1.595_769_2, 7.135_481_4e-2];

/// `x (1 + tanh u) / 2 = x sigmoid(2 u)`, with `u = sqrt(2 / pi) (x + 0.044715 x^3)`.
#[inline(always)]
pub(super) fn gelu_tanh<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let (linear, cubic) = (s.splat(GELU_TANH[0]), s.splat(GELU_TANH[1]));
    let u2 = s.mul(x, s.mul_add(cubic, s.mul(x, x), linear));
    s.mul(above_infinity(s, x), sigmoid(s, u2))
}

/// y = x sigmoid(w), w = 2 u: dx = dy sigmoid(w) (1 + x sigmoid(-w) dw/dx).
#[inline(always)]
pub(super) fn gelu_tanh_gradient<S: Lanes>(s: S, x: S::F32, dy: S::F32) -> S::F32 {
    let (linear, cubic) = (s.splat(GELU_TANH[0]), s.splat(GELU_TANH[1]));
    let x = near(s, x);
    let x2 = s.mul(x, x);
    let (sigmoid, rest) = sigmoids(s, s.mul(x, s.mul_add(cubic, x2, linear)));
    let slope = s.mul_add(s.mul(s.splat(3.0), cubic), x2, linear);
    s.mul(dy, s.mul(sigmoid, s.mul_add(s.mul(x, slope), rest, s.splat(1.0))))
}

/// `tanh(ln(1 + e^x))` is `n / d`, with `e = e^-|x|`: for negative x `n = e (e + 2)`, `d = n + 2`; else `n = 1 + 2 e`,
/// `d = n + 2 e^2`. Gives `[n, d, e]`.
#[inline(always)]
fn mish_parts<S: Lanes>(s: S, x: S::F32) -> [S::F32; 3] {
    let (one, two) = (s.splat(1.0), s.splat(2.0));
    let e = exp(s, s.neg(s.abs(x)));
    let negative = s.lt(x, s.splat(0.0));
    let n = s.select(negative, s.mul(e, s.add(e, two)), s.mul_add(two, e, one));
    [n, s.add(n, s.select(negative, two, s.mul(two, s.mul(e, e)))), e]
}

/// `x tanh(ln(1 + e^x))`
#[inline(always)]
pub(super) fn mish<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let [n, d, _] = mish_parts(s, x);
    s.mul(above_infinity(s, x), s.div(n, d))
}

/// y = x n / d: dx = dy (n d + 4 x q) / d^2, with `q = e (1 + e)` for negative x, else `e^2 (1 + e)`.
#[inline(always)]
pub(super) fn mish_gradient<S: Lanes>(s: S, x: S::F32, dy: S::F32) -> S::F32 {
    let [n, d, e] = mish_parts(s, x);
    let one = s.splat(1.0);
    let factor = s.select(s.lt(x, s.splat(0.0)), one, e);
    let q = s.mul(s.mul(e, s.add(one, e)), factor);
    let numerator = s.mul_add(s.mul(near(s, x), s.splat(4.0)), q, s.mul(n, d));
    s.mul(dy, s.div(numerator, s.mul(d, d)))
}

/// `ln(1 + e^(beta x)) / beta`; `x` where `beta x` is above the threshold.
#[inline(always)]
pub(super) fn softplus<S: Lanes>(s: S, [beta, threshold]: [f32; 2], x: S::F32) -> S::F32 {
    let scaled = s.mul(x, s.splat(beta));
    let y = s.div(unit_softplus(s, scaled), s.splat(beta));
    s.select(s.lt(s.splat(threshold), scaled), x, y)
}

/// y = ln(1 + e^(beta x)) / beta: dx = dy sigmoid(beta x); dy above the threshold.
#[inline(always)]
pub(super) fn softplus_gradient<S: Lanes>(s: S, [beta, threshold]: [f32; 2], x: S::F32, dy: S::F32) -> S::F32 {
    let scaled = s.mul(x, s.splat(beta));
    s.select(s.lt(s.splat(threshold), scaled), dy, s.mul(dy, sigmoid(s, scaled)))
}
