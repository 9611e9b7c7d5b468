//! Negative log-likelihoods of numbers: Poisson's counts and normal distributions.

use super::logistic::times;
use super::pointwise::{Pass, Pointwise, check_elements};
use super::{Grads, Reduction};
use crate::error::{Error, Result};
use crate::math::{exp, ln};
use crate::simd::Lanes;

/// `ln(2 pi) / 2`
const HALF_LN_TAU: f32 = 0.918_938_5;

/// Options of [`poisson_nll`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoissonNll {
    /// Whether `x` is the logarithm of the rate (the default) or the rate.
    pub log_input: bool,
    /// Whether Stirling's approximation of `ln target!` is added for targets above 1; not by default.
    pub full: bool,
    /// Added to a rate before its logarithm is taken, 1e-8 by default.
    pub eps: f32,
}

impl PoissonNll {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { log_input: true, full: false, eps: 1e-8 }
    }
}

impl Default for PoissonNll {
    fn default() -> Self {
        Self::new()
    }
}

/// The negative log-likelihood of counts: `e^x - t x`, or `x - t ln(x + eps)` where `x` is the rate itself; reduced.
///
/// With `full`, `t ln t - t + ln(2 pi t) / 2` is added where `t` is above 1. *Writes* `grads.dx`, `e^x - t` or
/// `1 - t / (x + eps)`, and `grads.dtarget`, `-x` or `-ln(x + eps)`, plus `ln t + 1 / (2 t)` where that is added, where given, divided by the
/// number of elements for [`Reduction::Mean`].
///
/// As [`torch.nn.PoissonNLLLoss`](https://pytorch.org/docs/stable/generated/torch.nn.PoissonNLLLoss.html). Where `e^x` overflows, from
/// 88.8 on, value and gradient are infinite; at infinite `x` the value is the limit, where PyTorch gives NaN. A rate below
/// `-eps` is NaN. At a rate of `-eps` value and gradient are infinite, but with a target of 0 those of the rate alone, and with `full` a target
/// up to 0 has its gradient: PyTorch gives NaN for both.
///
/// # Errors
/// [`Error::Length`] where a slice is not as long as `x`, [`Error::Value`] where `eps` is negative or NaN; nothing is written.
///
/// ```
/// use flatgrad::loss::{Grads, PoissonNll, Reduction, poisson_nll};
///
/// let mut dx = [0.0; 2];
/// let loss = poisson_nll(&[0.0, 1.0], &[3.0, 2.0], PoissonNll::new(), Reduction::Sum, Grads::dx(&mut dx))?;
/// assert!((loss - (core::f32::consts::E - 1.0)).abs() < 1e-6);
/// assert!(dx[0] == -2.0 && (dx[1] - 0.718_281_8).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn poisson_nll(
    x: &[f32],
    target: &[f32],
    options: PoissonNll,
    reduction: Reduction<'_>,
    grads: Grads<'_>,
) -> Result<f32> {
    let PoissonNll { log_input, full, eps } = options;
    check_eps(eps)?;
    let pass =
        Pass::new(x, [("target", target)], reduction)?.gradients([("dx", grads.dx), ("dtarget", grads.dtarget)])?;
    Ok(if log_input { pass.run(OfLogRate { full }) } else { pass.run(OfRate { full, eps }) })
}

fn check_eps(eps: f32) -> Result<()> {
    if eps >= 0.0 { Ok(()) } else { Err(Error::Value { argument: "eps", expected: "at least 0" }) }
}

/// `rate - t ln(rate)`, and Stirling's approximation of `ln t!` where that is wanted; `rate` alone where that is infinite. And
/// the derivative for `t`.
#[inline(always)]
fn of_count<L: Lanes>(s: L, full: bool, t: L::F32, rate: L::F32, ln_rate: L::F32) -> [L::F32; 2] {
    let (mut factor, mut term, mut slope) = (s.neg(ln_rate), rate, s.neg(ln_rate));
    if full {
        // t ln t - t + ln(2 pi t) / 2, where t ln t is not yet multiplied: the two logarithms may be near.
        let (ln, is_more) = (ln(s, t), s.lt(s.splat(1.0), t));
        let stirling = s.mul_add(s.splat(0.5), ln, s.splat(HALF_LN_TAU));
        let ratio = s.sub(ln, ln_rate);
        factor = s.select(is_more, s.sub(ratio, s.splat(1.0)), factor);
        term = s.select(is_more, s.add(rate, stirling), term);
        slope = s.select(is_more, s.add(ratio, s.div(s.splat(0.5), t)), slope);
    }
    let is_infinite = s.eq(rate, s.splat(f32::INFINITY));
    [s.select(is_infinite, rate, s.add(times(s, t, factor), term)), slope]
}

#[derive(Clone, Copy)]
struct OfLogRate {
    full: bool,
}

impl Pointwise<2, 2> for OfLogRate {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, t]: [L::F32; 2]) -> (L::F32, [L::F32; 2]) {
        let e = exp(s, x);
        // loss = e^x - t x: dx = e^x - t
        let [loss, dtarget] = of_count(s, self.full, t, e, x);
        (loss, [s.sub(e, t), dtarget])
    }
}

#[derive(Clone, Copy)]
struct OfRate {
    full: bool,
    eps: f32,
}

impl Pointwise<2, 2> for OfRate {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, t]: [L::F32; 2]) -> (L::F32, [L::F32; 2]) {
        let rate = s.add(x, s.splat(self.eps));
        // loss = x - t ln rate: dx = 1 - t / rate
        // 0 of a target of 0, also of a rate of 0.
        let is_nothing = s.eq(s.add(s.abs(t), s.abs(rate)), s.splat(0.0));
        let divisor = s.select(is_nothing, s.splat(1.0), rate);
        let [loss, dtarget] = of_count(s, self.full, t, x, ln(s, rate));
        (loss, [s.sub(s.splat(1.0), s.div(t, divisor)), dtarget])
    }
}

/// Options of [`gaussian_nll`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianNll {
    /// Whether the constant `ln(2 pi) / 2` is added; not by default.
    pub full: bool,
    /// The least variance, 1e-6 by default.
    pub eps: f32,
}

impl GaussianNll {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { full: false, eps: 1e-6 }
    }
}

impl Default for GaussianNll {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the gradients of [`gaussian_nll`] go, each where it is wanted.
#[derive(Debug, Default)]
pub struct GaussianNllGrads<'a> {
    /// For `x`.
    pub dx: Option<&'a mut [f32]>,
    /// For `target`: `-dx`.
    pub dtarget: Option<&'a mut [f32]>,
    /// For `var`, as long as that.
    pub dvar: Option<&'a mut [f32]>,
}

/// The negative log-likelihood of a normal distribution: `(ln v + (x - target)^2 / v) / 2`, reduced, where `v` is `var`, but
/// at least `eps`.
///
/// `var` is as long as `x`, or has one variance for each row of `x`, or one for all. *Writes* the gradients that are given, divided by the
/// number of elements for [`Reduction::Mean`]: `dx = (x - target) / v`, `dtarget = -dx` and `dvar = (1 - (x - target)^2 / v) / (2 v)`,
/// which a variance below `eps` gets too; that of a row is summed over it.
///
/// As [`torch.nn.GaussianNLLLoss`](https://pytorch.org/docs/stable/generated/torch.nn.GaussianNLLLoss.html). A NaN in an argument
/// is NaN in the results. With an `eps` below 1e-38 so small a variance gives infinities or NaN. `var` is read twice, as all of it is
/// checked before anything is written.
///
/// # Errors
/// [`Error::Length`] where a slice does not fit, [`Error::Value`] where `eps` is negative or NaN, [`Error::Element`] for a negative
/// variance; nothing is written.
///
/// ```
/// use flatgrad::loss::{GaussianNll, GaussianNllGrads, Reduction, gaussian_nll};
///
/// let (mut dx, mut dvar) = ([0.0; 4], [0.0; 2]);
/// let grads = GaussianNllGrads { dx: Some(&mut dx), dvar: Some(&mut dvar), ..Default::default() };
/// let (x, target, var) = ([1.0, 2.0, 3.0, 4.0], [0.0, 2.0, 5.0, 4.0], [1.0, 4.0]); // two rows of two columns
/// let loss = gaussian_nll(&x, &target, &var, GaussianNll::new(), Reduction::Sum, grads)?;
/// assert!((loss - (1.0 + 4.0f32.ln())).abs() < 1e-6);
/// assert_eq!((dx, dvar), ([1.0, 0.0, -0.5, 0.0], [0.5, 0.125]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn gaussian_nll(
    x: &[f32],
    target: &[f32],
    var: &[f32],
    options: GaussianNll,
    reduction: Reduction<'_>,
    grads: GaussianNllGrads<'_>,
) -> Result<f32> {
    let GaussianNll { full, eps } = options;
    check_eps(eps)?;
    let pass = Pass::new(x, [("target", target)], reduction)?
        .gradients([("dx", grads.dx), ("dtarget", grads.dtarget)])?
        .third_or_column(("var", var), ("dvar", grads.dvar))?;
    check_elements("var", var, [0.0, f32::INFINITY], "at least 0", true)?;
    Ok(pass.run(OfNormal { eps, constant: if full { HALF_LN_TAU } else { 0.0 } }))
}

#[derive(Clone, Copy)]
struct OfNormal {
    eps: f32,
    constant: f32,
}

impl Pointwise<4, 3> for OfNormal {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, t, each, of_row]: [L::F32; 4]) -> (L::F32, [L::F32; 3]) {
        let (half, one) = (s.splat(0.5), s.splat(1.0));
        // One of the two is 1.
        let v = s.max(s.splat(self.eps), s.mul(each, of_row));
        let reciprocal = s.div(one, v);
        let d = s.sub(x, t);
        let dx = s.mul(d, reciprocal);
        // loss = (ln v + d^2 / v) / 2: dv = (1 / v - (d / v)^2) / 2
        let loss = s.mul_add(s.mul(half, d), dx, s.mul_add(half, ln(s, v), s.splat(self.constant)));
        let dvar = s.mul_add(s.mul(s.neg(half), dx), dx, s.mul(half, reciprocal));
        (loss, [dx, s.neg(dx), dvar])
    }
}
