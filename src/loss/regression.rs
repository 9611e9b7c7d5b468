//! Losses of a number against a number: L1, squared, and what lies between them.
//!
//! All four are symmetric: the gradient for `target` is `-dx`.

use super::pointwise::{Pass, Pointwise};
use super::{Grads, Reduction};
use crate::error::{Error, Result};
use crate::simd::Lanes;

/// Mean absolute error: `|x - target|`, reduced.
///
/// *Writes* `grads.dx` and `grads.dtarget`, which is `-dx`, where given; `dx` is the sign of `x - target`, 0 where they are equal or one is NaN, divided by
/// the number of elements for [`Reduction::Mean`].
///
/// As [`torch.nn.L1Loss`](https://pytorch.org/docs/stable/generated/torch.nn.L1Loss.html): the difference of equal
/// infinities is NaN. A difference above `f32::MAX` is an infinite loss, with a gradient of 1 or -1 all the same.
///
/// # Errors
/// [`Error::Length`] where a slice is not as long as `x`; nothing is written.
///
/// ```
/// use flatgrad::loss::{Grads, Reduction, l1};
///
/// let mut dx = [0.0; 4];
/// let loss = l1(&[1.0, 2.0, 3.0, 4.0], &[0.0, 2.0, 5.0, 4.5], Reduction::Mean, Grads::dx(&mut dx))?;
/// assert_eq!((loss, dx), (0.875, [0.25, 0.0, -0.25, -0.25]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn l1(x: &[f32], target: &[f32], reduction: Reduction<'_>, grads: Grads<'_>) -> Result<f32> {
    Ok(Pass::new(x, [("target", target)], reduction)?
        .gradients([("dx", grads.dx), ("dtarget", grads.dtarget)])?
        .run(L1))
}

/// `|x - t|`
#[derive(Clone, Copy)]
struct L1;

impl Pointwise<2, 2> for L1 {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, t]: [L::F32; 2]) -> (L::F32, [L::F32; 2]) {
        let zero = s.splat(0.0);
        let d = s.sub(x, t);
        // loss = |d|: dx = sign(d)
        let below = s.select(s.lt(d, zero), s.splat(-1.0), zero);
        let sign = s.select(s.lt(zero, d), s.splat(1.0), below);
        (s.abs(d), [sign, s.sub(zero, sign)])
    }
}

/// Mean squared error: `(x - target)^2`, reduced.
///
/// *Writes* `grads.dx` and `grads.dtarget`, which is `-dx`, where given; `dx` is `2 (x - target)`, divided by the number of elements for
/// [`Reduction::Mean`].
///
/// As [`torch.nn.MSELoss`](https://pytorch.org/docs/stable/generated/torch.nn.MSELoss.html). A square above `f32::MAX`, of
/// differences from 1.8e19 on, is infinite.
///
/// # Errors
/// [`Error::Length`] where a slice is not as long as `x`; nothing is written.
///
/// ```
/// use flatgrad::loss::{Grads, Reduction, mse};
///
/// let mut dx = [0.0; 4];
/// let loss = mse(&[1.0, 2.0, 3.0, 4.0], &[0.0, 2.0, 5.0, 4.5], Reduction::Mean, Grads::dx(&mut dx))?;
/// assert_eq!((loss, dx), (1.3125, [0.5, 0.0, -1.0, -0.25]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn mse(x: &[f32], target: &[f32], reduction: Reduction<'_>, grads: Grads<'_>) -> Result<f32> {
    Ok(Pass::new(x, [("target", target)], reduction)?
        .gradients([("dx", grads.dx), ("dtarget", grads.dtarget)])?
        .run_times(2.0, Mse))
}

/// `(x - t)^2`, and half its gradients.
#[derive(Clone, Copy)]
struct Mse;

impl Pointwise<2, 2> for Mse {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, t]: [L::F32; 2]) -> (L::F32, [L::F32; 2]) {
        let d = s.sub(x, t);
        // loss = d^2: dx = 2 d, which the factor of the gradients has, so that what is large does not overflow
        (s.mul(d, d), [d, s.neg(d)])
    }
}

/// Options of [`smooth_l1`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothL1 {
    /// Where the parabola ends, 1 by default; 0 makes it [`l1`].
    pub beta: f32,
}

impl SmoothL1 {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { beta: 1.0 }
    }
}

impl Default for SmoothL1 {
    fn default() -> Self {
        Self::new()
    }
}

/// With `d = x - target`: `d^2 / (2 beta)` where `|d|` is below `beta`, else `|d| - beta / 2`; reduced.
///
/// *Writes* `grads.dx` and `grads.dtarget`, which is `-dx`, where given; `dx` is `d / beta`, but at least -1 and at most 1, divided by the number of
/// elements for [`Reduction::Mean`].
///
/// As [`torch.nn.SmoothL1Loss`](https://pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html). A `beta` below
/// `f32::MIN_POSITIVE` counts as 0.
///
/// # Errors
/// [`Error::Length`] where a slice is not as long as `x`, [`Error::Value`] where `beta` is negative or NaN; nothing is written.
///
/// ```
/// use flatgrad::loss::{Grads, Reduction, SmoothL1, smooth_l1};
///
/// let mut dx = [0.0; 4];
/// let options = SmoothL1::new();
/// let loss = smooth_l1(&[1.0, 2.0, 3.0, 4.0], &[0.0, 2.0, 5.0, 4.5], options, Reduction::Sum, Grads::dx(&mut dx))?;
/// assert_eq!((loss, dx), (2.125, [1.0, 0.0, -1.0, -0.5]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn smooth_l1(
    x: &[f32],
    target: &[f32],
    options: SmoothL1,
    reduction: Reduction<'_>,
    grads: Grads<'_>,
) -> Result<f32> {
    let beta = options.beta.min(f32::MAX);
    if options.beta.is_nan() || beta < 0.0 {
        return Err(Error::Value { argument: "beta", expected: "at least 0" });
    }
    let pass =
        Pass::new(x, [("target", target)], reduction)?.gradients([("dx", grads.dx), ("dtarget", grads.dtarget)])?;
    if beta < f32::MIN_POSITIVE {
        return Ok(pass.run(L1));
    }
    Ok(pass.run(Bounded { slope: 1.0 / beta, bound: 1.0, share: beta / 2.0 }))
}

/// Options of [`huber`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    /// The largest gradient, 1 by default.
    pub delta: f32,
}

impl Huber {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { delta: 1.0 }
    }
}

impl Default for Huber {
    fn default() -> Self {
        Self::new()
    }
}

/// With `d = x - target`: `d^2 / 2` where `|d|` is below `delta`, else `delta (|d| - delta / 2)`; reduced.
///
/// *Writes* `grads.dx` and `grads.dtarget`, which is `-dx`, where given; `dx` is `d`, but at least `-delta` and at most `delta`, divided by the number of
/// elements for [`Reduction::Mean`].
///
/// As [`torch.nn.HuberLoss`](https://pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html).
///
/// # Errors
/// [`Error::Length`] where a slice is not as long as `x`, [`Error::Value`] where `delta` is not above 0; nothing is written.
///
/// ```
/// use flatgrad::loss::{Grads, Huber, Reduction, huber};
///
/// let mut dx = [0.0; 4];
/// let mut options = Huber::new();
/// options.delta = 1.5;
/// let loss = huber(&[1.0, 2.0, 3.0, 4.0], &[0.0, 2.0, 5.0, 4.5], options, Reduction::Sum, Grads::dx(&mut dx))?;
/// assert_eq!((loss, dx), (2.5, [1.0, 0.0, -1.5, -0.5]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn huber(x: &[f32], target: &[f32], options: Huber, reduction: Reduction<'_>, grads: Grads<'_>) -> Result<f32> {
    let delta = options.delta.min(f32::MAX);
    if options.delta.is_nan() || delta <= 0.0 {
        return Err(Error::Value { argument: "delta", expected: "above 0" });
    }
    let pass =
        Pass::new(x, [("target", target)], reduction)?.gradients([("dx", grads.dx), ("dtarget", grads.dtarget)])?;
    Ok(pass.run(Bounded { slope: 1.0, bound: delta, share: 0.5 }))
}

/// With `g = slope (x - t)` kept within `bound`: `g (x - t - share g)`. A parabola that goes on as its tangents.
#[derive(Clone, Copy)]
struct Bounded {
    slope: f32,
    bound: f32,
    share: f32,
}

impl Pointwise<2, 2> for Bounded {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, t]: [L::F32; 2]) -> (L::F32, [L::F32; 2]) {
        let d = s.sub(x, t);
        let bounded = s.max(s.splat(-self.bound), s.mul(d, s.splat(self.slope)));
        let g = s.min(s.splat(self.bound), bounded);
        let loss = s.mul(g, s.mul_add(s.splat(-self.share), g, d));
        // The difference may be too large where its product with a small bound is not.
        let far = s.sub(s.mul(g, x), s.mul(g, t));
        let is_far = s.eq(s.abs(d), s.splat(f32::INFINITY));
        (s.select(is_far, far, loss), [g, s.neg(g)])
    }
}
