//! The activations made of straight lines: value and gradient, register to register.
//!
//! A gradient takes `y`, the value, where that is enough to tell the pieces apart, else `x`; `v` stands for either.

use crate::simd::Lanes;

/// `x` where it is above `-inf`; the lowest number there, so that a factor of 0 gives 0 and not NaN.
#[inline(always)]
pub(super) fn above_infinity<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    s.max(s.splat(f32::MIN), x)
}

/// `max(x, 0)`, -0 stays.
#[inline(always)]
pub(super) fn relu<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    s.max(s.splat(0.0), x)
}

/// y = max(x, 0): dx = dy where y is above 0 (or NaN).
#[inline(always)]
pub(super) fn relu_gradient<S: Lanes>(s: S, y: S::F32, dy: S::F32) -> S::F32 {
    let zero = s.splat(0.0);
    s.select(s.le(y, zero), zero, dy)
}

/// `x` above 0, `slope * x` elsewhere; also for the activations whose slopes differ from element to element.
#[inline(always)]
pub(super) fn leaky<S: Lanes>(s: S, x: S::F32, slope: S::F32) -> S::F32 {
    let zero = s.splat(0.0);
    let flat = s.select(s.eq(slope, zero), above_infinity(s, x), x);
    s.select(s.lt(zero, x), x, s.mul(flat, slope))
}

/// y = x or slope x: dx = dy or slope dy; `v` has the sign of x, or is NaN.
#[inline(always)]
pub(super) fn leaky_gradient<S: Lanes>(s: S, v: S::F32, slope: S::F32, dy: S::F32) -> S::F32 {
    s.select(s.lt(s.splat(0.0), v), dy, s.mul(dy, slope))
}

/// [`leaky`] with one slope.
#[inline(always)]
pub(super) fn leaky_relu<S: Lanes>(s: S, [slope]: [f32; 1], x: S::F32) -> S::F32 {
    leaky(s, x, s.splat(slope))
}

/// [`leaky_gradient`] with one slope.
#[inline(always)]
pub(super) fn leaky_relu_gradient<S: Lanes>(s: S, [slope]: [f32; 1], v: S::F32, dy: S::F32) -> S::F32 {
    leaky_gradient(s, v, s.splat(slope), dy)
}

/// `x`, but at least `min` and at most `max`.
#[inline(always)]
pub(super) fn hardtanh<S: Lanes>(s: S, [min, max]: [f32; 2], x: S::F32) -> S::F32 {
    s.min(s.splat(max), s.max(s.splat(min), x))
}

/// y = x between the bounds: dx = dy strictly between them (or at NaN), else 0.
#[inline(always)]
pub(super) fn hardtanh_gradient<S: Lanes>(s: S, [min, max]: [f32; 2], y: S::F32, dy: S::F32) -> S::F32 {
    let zero = s.splat(0.0);
    s.select(s.le(y, s.splat(min)), zero, s.select(s.le(s.splat(max), y), zero, dy))
}

/// `(x + 3) / 6` between 0 and 1. From the nearer end, so that only at -3 and 3 it reaches them.
#[inline(always)]
pub(super) fn hardsigmoid<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let distance = s.max(s.splat(0.0), s.sub(s.splat(3.0), s.abs(x)));
    let part = s.div(distance, s.splat(6.0));
    s.select(s.lt(x, s.splat(0.0)), part, s.sub(s.splat(1.0), part))
}

/// y = (x + 3) / 6 between 0 and 1: dx = dy / 6 strictly between them, else 0, also at NaN.
#[inline(always)]
pub(super) fn hardsigmoid_gradient<S: Lanes>(s: S, y: S::F32, dy: S::F32) -> S::F32 {
    let zero = s.splat(0.0);
    let below_one = s.select(s.lt(y, s.splat(1.0)), s.div(dy, s.splat(6.0)), zero);
    s.select(s.lt(zero, y), below_one, zero)
}

/// `x hardsigmoid(x)`
#[inline(always)]
pub(super) fn hardswish<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    s.mul(above_infinity(s, x), hardsigmoid(s, x))
}

/// y = x (x + 3) / 6 between -3 and 3: dx = dy (x / 3 + 1/2) there, 0 from -3 down, dy from 3 on (or at NaN).
#[inline(always)]
pub(super) fn hardswish_gradient<S: Lanes>(s: S, x: S::F32, dy: S::F32) -> S::F32 {
    let three = s.splat(3.0);
    let within = s.mul(dy, s.add(s.div(x, three), s.splat(0.5)));
    s.select(s.le(x, s.splat(-3.0)), s.splat(0.0), s.select(s.lt(x, three), within, dy))
}

/// `x` moved towards 0 by `lambda`, 0 within it.
#[inline(always)]
pub(super) fn softshrink<S: Lanes>(s: S, [lambda]: [f32; 1], x: S::F32) -> S::F32 {
    let (up, down) = (s.splat(lambda), s.splat(-lambda));
    let below = s.select(s.lt(x, down), s.add(x, up), s.splat(0.0));
    let y = s.select(s.lt(up, x), s.sub(x, up), below);
    s.select(s.eq(x, x), y, x)
}

/// y is 0 within lambda alone: dx = 0 there, else dy.
#[inline(always)]
pub(super) fn softshrink_gradient<S: Lanes>(s: S, y: S::F32, dy: S::F32) -> S::F32 {
    let zero = s.splat(0.0);
    s.select(s.eq(y, zero), zero, dy)
}

/// `x` beyond `lambda` on either side (or NaN), 0 within. For a negative `lambda` it is `x`.
#[inline(always)]
pub(super) fn hardshrink<S: Lanes>(s: S, [lambda]: [f32; 1], x: S::F32) -> S::F32 {
    s.select(s.le(s.abs(x), s.splat(lambda)), s.splat(0.0), x)
}

/// y = x beyond lambda, 0 within, which is within lambda too: dx = 0 there, else dy.
#[inline(always)]
pub(super) fn hardshrink_gradient<S: Lanes>(s: S, [lambda]: [f32; 1], y: S::F32, dy: S::F32) -> S::F32 {
    s.select(s.le(s.abs(y), s.splat(lambda)), s.splat(0.0), dy)
}

/// `x` above the threshold (or NaN), `value` elsewhere.
#[inline(always)]
pub(super) fn threshold<S: Lanes>(s: S, [threshold, value]: [f32; 2], x: S::F32) -> S::F32 {
    s.select(s.le(x, s.splat(threshold)), s.splat(value), x)
}

/// y = x above the threshold: dx = dy there (or at NaN), else 0. `v` may be y where `value` is not above it.
#[inline(always)]
pub(super) fn threshold_gradient<S: Lanes>(s: S, [threshold]: [f32; 1], v: S::F32, dy: S::F32) -> S::F32 {
    s.select(s.le(v, s.splat(threshold)), s.splat(0.0), dy)
}
