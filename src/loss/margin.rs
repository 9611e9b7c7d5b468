//! Losses that ask for a margin, element by element.
//!
//! At a tie, where a hinge just touches 0, its gradient is 0, as in PyTorch since 2.15 (before, it was that of the slope).

use super::Reduction;
use super::logistic::{logistic, times};
use super::pointwise::{Pass, Pointwise};
use crate::error::Result;
use crate::simd::Lanes;

/// Options of [`margin_ranking`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MarginRanking {
    /// By how much the right one must be above, 0 by default.
    pub margin: f32,
}

impl MarginRanking {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { margin: 0.0 }
    }
}

/// Where the gradients of [`margin_ranking`] go, each where it is wanted.
#[derive(Debug, Default)]
pub struct MarginRankingGrads<'a> {
    /// For `x1`.
    pub dx1: Option<&'a mut [f32]>,
    /// For `x2`: `-dx1`.
    pub dx2: Option<&'a mut [f32]>,
    /// For `target`.
    pub dtarget: Option<&'a mut [f32]>,
}

/// Asks `x1` to be above `x2` where `target` is 1, below where it is -1: `max(0, margin - target (x1 - x2))`, reduced.
///
/// *Writes* the gradients that are given, divided by the number of elements for [`Reduction::Mean`]: `dx1 = -target`,
/// `dx2 = target` and `dtarget = x2 - x1` where the loss is above 0, else 0 (where it is NaN too).
///
/// As [`torch.nn.MarginRankingLoss`](https://pytorch.org/docs/stable/generated/torch.nn.MarginRankingLoss.html); other targets are
/// factors. A difference above `f32::MAX` is infinite, whatever the factor, but for 0; that of equal infinities is NaN. Better than PyTorch,
/// which has NaN: 0 times an infinite difference is 0, and so is `dtarget` where the loss is 0.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where a slice is not as long as `x1`; nothing is written.
///
/// ```
/// use flatgrad::loss::{MarginRanking, MarginRankingGrads, Reduction, margin_ranking};
///
/// let (mut each, mut dx1) = ([0.0; 3], [0.0; 3]);
/// let grads = MarginRankingGrads { dx1: Some(&mut dx1), ..Default::default() };
/// let (x1, x2, target) = ([1.0; 3], [2.0; 3], [1.0, 1.0, -1.0]);
/// margin_ranking(&x1, &x2, &target, MarginRanking::new(), Reduction::Each(&mut each), grads)?;
/// assert_eq!((each, dx1), ([1.0, 1.0, 0.0], [-1.0, -1.0, 0.0]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn margin_ranking(
    x1: &[f32],
    x2: &[f32],
    target: &[f32],
    options: MarginRanking,
    reduction: Reduction<'_>,
    grads: MarginRankingGrads<'_>,
) -> Result<f32> {
    let pass = Pass::new(x1, [("x2", x2), ("target", target)], reduction)?.gradients([
        ("dx1", grads.dx1),
        ("dx2", grads.dx2),
        ("dtarget", grads.dtarget),
    ])?;
    Ok(pass.run(Ranking { margin: options.margin }))
}

#[derive(Clone, Copy)]
struct Ranking {
    margin: f32,
}

impl Pointwise<3, 3> for Ranking {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x1, x2, y]: [L::F32; 3]) -> (L::F32, [L::F32; 3]) {
        let zero = s.splat(0.0);
        let short = s.sub(s.splat(self.margin), times(s, y, s.sub(x1, x2)));
        // loss = max(0, margin - y (x1 - x2)): dx2 = y where it is above 0
        let is_above = s.lt(zero, short);
        let dx2 = s.select(is_above, y, zero);
        (s.max(zero, short), [s.neg(dx2), dx2, s.select(is_above, s.sub(x2, x1), zero)])
    }
}

/// Options of [`hinge_embedding`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HingeEmbedding {
    /// How far apart what is unlike must be, 1 by default.
    pub margin: f32,
}

impl HingeEmbedding {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { margin: 1.0 }
    }
}

impl Default for HingeEmbedding {
    fn default() -> Self {
        Self::new()
    }
}

/// Of distances: `x` where `target` is 1 (alike), `max(0, margin - x)` where it is -1; reduced.
///
/// *Writes* the gradient for `x` to `dx` where given: 1; or -1 where `x` is below `margin`, else 0; divided by the number of
/// elements for [`Reduction::Mean`].
///
/// As [`torch.nn.HingeEmbeddingLoss`](https://pytorch.org/docs/stable/generated/torch.nn.HingeEmbeddingLoss.html): with any other
/// target it is the sum of the two.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where a slice is not as long as `x`; nothing is written.
///
/// ```
/// use flatgrad::loss::{HingeEmbedding, Reduction, hinge_embedding};
///
/// let mut dx = [0.0; 4];
/// let (x, target) = ([0.5, 0.25, 1.0, 3.0], [1.0, -1.0, -1.0, -1.0]);
/// let loss = hinge_embedding(&x, &target, HingeEmbedding::new(), Reduction::Sum, Some(&mut dx))?;
/// assert_eq!((loss, dx), (1.25, [1.0, -1.0, 0.0, 0.0]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn hinge_embedding(
    x: &[f32],
    target: &[f32],
    options: HingeEmbedding,
    reduction: Reduction<'_>,
    dx: Option<&mut [f32]>,
) -> Result<f32> {
    let pass = Pass::new(x, [("target", target)], reduction)?.gradients([("dx", dx)])?;
    Ok(pass.run(Hinge { margin: options.margin }))
}

#[derive(Clone, Copy)]
struct Hinge {
    margin: f32,
}

impl Pointwise<2, 1> for Hinge {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, y]: [L::F32; 2]) -> (L::F32, [L::F32; 1]) {
        let (zero, one, minus_one) = (s.splat(0.0), s.splat(1.0), s.splat(-1.0));
        let short = s.sub(s.splat(self.margin), x);
        let (is_like, is_unlike) = (s.eq(y, one), s.eq(y, minus_one));
        let apart = s.select(is_like, zero, s.max(zero, short));
        let dapart = s.select(is_like, zero, s.select(s.lt(zero, short), minus_one, zero));
        let loss = s.add(s.select(is_unlike, zero, x), apart);
        (loss, [s.add(s.select(is_unlike, zero, one), dapart)])
    }
}

/// The logistic loss of a class, 1 or -1: `ln(1 + e^(-target x))`, reduced.
///
/// *Writes* the gradient for `x` to `dx` where given: `-target sigmoid(-target x)`, divided by the number of elements for
/// [`Reduction::Mean`].
///
/// As [`torch.nn.SoftMarginLoss`](https://pytorch.org/docs/stable/generated/torch.nn.SoftMarginLoss.html), but without its overflow:
/// from `-target x = 88.8` on that gives an infinite loss and a gradient of NaN. It is accurate at every finite `x`, and at infinite ones
/// the limit.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where a slice is not as long as `x`; nothing is written.
///
/// ```
/// use flatgrad::loss::{Reduction, soft_margin};
///
/// let mut dx = [0.0; 2];
/// let loss = soft_margin(&[0.0, 1e4], &[1.0, -1.0], Reduction::Sum, Some(&mut dx))?;
/// assert_eq!((loss, dx), (10_000.693, [-0.5, 1.0]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn soft_margin(x: &[f32], target: &[f32], reduction: Reduction<'_>, dx: Option<&mut [f32]>) -> Result<f32> {
    Ok(Pass::new(x, [("target", target)], reduction)?.gradients([("dx", dx)])?.run(Soft))
}

#[derive(Clone, Copy)]
struct Soft;

impl Pointwise<2, 1> for Soft {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, y]: [L::F32; 2]) -> (L::F32, [L::F32; 1]) {
        let (zero, turned) = (s.splat(0.0), s.neg(y));
        let z = s.mul(turned, x);
        let [ln, large, small] = logistic(s, z);
        // loss = softplus(z), z = -y x: dx = -y sigmoid(z)
        (s.add(s.max(zero, z), ln), [s.mul(turned, s.select(s.lt(z, zero), small, large))])
    }
}
