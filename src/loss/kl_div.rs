//! The Kullback-Leibler divergence.

use super::logistic::times;
use super::pointwise::{Pass, Pointwise};
use super::{Grads, Reduction};
use crate::error::Result;
use crate::math::{exp, ln};
use crate::simd::Lanes;

/// Options of [`kl_div`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KlDiv {
    /// Whether targets are logarithms of probabilities too; not by default.
    pub log_target: bool,
}

impl KlDiv {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { log_target: false }
    }
}

/// The Kullback-Leibler divergence of `x`, logarithms of probabilities, from `target`: `t (ln t - x)`, reduced.
///
/// [`Reduction::Mean`] divides by the number of elements, which is PyTorch's `mean`; the divergence of distributions is
/// [`Reduction::MeanOver`] the number of rows, its `batchmean`. *Writes* what is given of `grads`, divided by the same:
/// `dx = -t` and `dtarget = ln t - x + 1`; with `log_target`, where `t` stands for `e^target`, `dx = -t` and
/// `dtarget = t (target - x + 1)`.
///
/// As [`torch.nn.KLDivLoss`](https://pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html). A target probability of 0 adds
/// 0, also where `x` is `-inf` or the target its logarithm, `-inf`; PyTorch gives NaN there. Its `dtarget` is the limit: `-inf`, or 0
/// with `log_target`. A probability of 0 in `x` alone is an infinite loss, a negative target is NaN; `e^target` is at most `f32::MAX`.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where a slice is not as long as `x`; nothing is written.
///
/// ```
/// use flatgrad::loss::{Grads, KlDiv, Reduction, kl_div};
///
/// let x = [0.5f32.ln(), 0.5f32.ln(), 0.25f32.ln(), 0.75f32.ln()]; // two rows of two columns
/// let loss = kl_div(&x, &[1.0, 0.0, 0.25, 0.75], KlDiv::new(), Reduction::MeanOver(2), Grads::NONE)?;
/// assert!((loss - 2.0f32.ln() / 2.0).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn kl_div(x: &[f32], target: &[f32], options: KlDiv, reduction: Reduction<'_>, grads: Grads<'_>) -> Result<f32> {
    let pass =
        Pass::new(x, [("target", target)], reduction)?.gradients([("dx", grads.dx), ("dtarget", grads.dtarget)])?;
    Ok(if options.log_target { pass.run(FromLogarithm) } else { pass.run(FromProbability) })
}

#[derive(Clone, Copy)]
struct FromProbability;

impl Pointwise<2, 2> for FromProbability {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, t]: [L::F32; 2]) -> (L::F32, [L::F32; 2]) {
        let zero = s.splat(0.0);
        let ln = ln(s, t);
        // loss = t (ln t - x): dtarget = ln t - x + 1
        let loss = times(s, t, s.sub(s.select(s.eq(t, zero), zero, ln), x));
        (loss, [s.neg(t), s.add(s.sub(ln, x), s.splat(1.0))])
    }
}

#[derive(Clone, Copy)]
struct FromLogarithm;

impl Pointwise<2, 2> for FromLogarithm {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, t]: [L::F32; 2]) -> (L::F32, [L::F32; 2]) {
        let p = s.min(s.splat(f32::MAX), exp(s, t));
        // Above -inf, so that two of them have no difference of NaN.
        let d = s.sub(s.max(s.splat(f32::MIN), t), x);
        // loss = e^t (t - x): dtarget = e^t (t - x + 1)
        (times(s, p, d), [s.neg(p), times(s, p, s.add(d, s.splat(1.0)))])
    }
}
