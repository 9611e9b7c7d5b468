//! Binary cross-entropy, of probabilities and of logits.

use super::logistic::{logistic, times};
use super::pointwise::{Pass, Pointwise, check_elements};
use super::{Grads, Reduction};
use crate::error::Result;
use crate::math::{ln, ln_1p};
use crate::simd::Lanes;

/// Options of [`bce`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bce<'a> {
    /// A factor for each element's loss.
    pub weight: Option<&'a [f32]>,
}

impl Bce<'_> {
    /// PyTorch's defaults: no weight.
    #[must_use]
    pub const fn new() -> Self {
        Self { weight: None }
    }
}

/// Binary cross-entropy of probabilities: `-w (t ln x + (1 - t) ln(1 - x))`, where a logarithm is at least -100; reduced.
///
/// *Writes* `grads.dx`, `w (x - t) / (x (1 - x))`, where the denominator is at least 1e-12, and `grads.dtarget`,
/// `w (ln(1 - x) - ln x)` with the same logarithms, where given, divided by the number of elements for [`Reduction::Mean`]. Value and
/// gradients are finite where the weights are.
///
/// As [`torch.nn.BCELoss`](https://pytorch.org/docs/stable/generated/torch.nn.BCELoss.html), but for the gradient for a target whose `x` is
/// 0 or 1 (or below 4e-44): PyTorch takes that of logarithms without their bound, infinite or NaN. Where there are logits,
/// [`bce_with_logits`] is faster, more accurate and not clamped. `x` and `target` are read twice: all of them are checked before the
/// first result is written.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where a slice is not as long as `x`, [`Error::Element`](crate::Error::Element) for
/// an element of `x` or `target` that is not from 0 to 1; nothing is written.
///
/// ```
/// use flatgrad::loss::{Bce, Grads, Reduction, bce};
///
/// let mut dx = [0.0; 3];
/// let loss = bce(&[0.5, 0.75, 1.0], &[1.0, 0.5, 1.0], Bce::new(), Reduction::Sum, Grads::dx(&mut dx))?;
/// assert!((loss - (2.0f32.ln() + (16.0f32 / 3.0).ln() / 2.0)).abs() < 1e-6);
/// assert!((dx[0] + 2.0).abs() < 1e-6 && (dx[1] - 4.0 / 3.0).abs() < 1e-6 && dx[2] == 0.0);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn bce(x: &[f32], target: &[f32], options: Bce<'_>, reduction: Reduction<'_>, grads: Grads<'_>) -> Result<f32> {
    let pass = Pass::new(x, [("target", target)], reduction)?
        .gradients([("dx", grads.dx), ("dtarget", grads.dtarget)])?
        .third("weight", options.weight)?;
    check_elements("x", x, [0.0, 1.0], "from 0 to 1", false)?;
    check_elements("target", target, [0.0, 1.0], "from 0 to 1", false)?;
    Ok(pass.run(OfProbability))
}

#[derive(Clone, Copy)]
struct OfProbability;

impl Pointwise<3, 2> for OfProbability {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, t, w]: [L::F32; 3]) -> (L::F32, [L::F32; 2]) {
        let (one, least) = (s.splat(1.0), s.splat(-100.0));
        let (yes, no) = (s.max(least, ln(s, x)), s.max(least, ln_1p(s, s.neg(x))));
        let loss = s.mul_add(t, yes, s.mul(s.sub(one, t), no));
        // loss = -t ln x - (1 - t) ln(1 - x): dx = (x - t) / (x (1 - x))
        let slope = s.max(s.splat(1e-12), s.mul(x, s.sub(one, x)));
        let dx = s.div(s.mul(w, s.sub(x, t)), slope);
        (s.mul(s.neg(w), loss), [dx, s.mul(w, s.sub(no, yes))])
    }
}

/// Options of [`bce_with_logits`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BceWithLogits<'a> {
    /// A factor for each element's loss.
    pub weight: Option<&'a [f32]>,
    /// A factor for the part of the positive class, one for each column: rows are as long as this slice.
    pub pos_weight: Option<&'a [f32]>,
}

impl BceWithLogits<'_> {
    /// PyTorch's defaults: no weights.
    #[must_use]
    pub const fn new() -> Self {
        Self { weight: None, pos_weight: None }
    }
}

/// Binary cross-entropy of logits: `w ((1 - t) softplus(x) + p t softplus(-x))`, with `softplus(x) = ln(1 + e^x)`; reduced.
///
/// *Writes* `grads.dx`, `w ((1 - t) sigmoid(x) - p t sigmoid(-x))`, and `grads.dtarget`, `w (p softplus(-x) - softplus(x))`, where
/// given, divided by the number of elements for [`Reduction::Mean`].
///
/// As [`torch.nn.BCEWithLogitsLoss`](https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html); targets may
/// be any numbers. The value is within 4 units
/// in the last place at every finite logit where `t` is from 0 to 1, as then nothing is subtracted, and so is `dx` where `t` is 0 or 1. Infinite
/// logits are the limit, 0 or infinity, where PyTorch gives NaN; what is multiplied by 0 (of `1 - t`, `t` or a weight)
/// is 0 there. Where `pos_weight` times a target or a logit overflows, the
/// loss is infinite whatever the weight, but 0 for a weight of 0.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where a slice is not as long as `x`, [`Error::Rows`](crate::Error::Rows) where `x` is not
/// whole rows of `pos_weight`; nothing is written.
///
/// ```
/// use flatgrad::loss::{BceWithLogits, Grads, Reduction, bce_with_logits};
///
/// let loss = bce_with_logits(&[1.0], &[1.0], BceWithLogits::new(), Reduction::Mean, Grads::NONE)?;
/// assert!((loss - 0.313_261_7).abs() < 1e-6);
///
/// let (mut dx, mut options) = ([0.0], BceWithLogits::new());
/// options.pos_weight = Some(&[3.0]);
/// let loss = bce_with_logits(&[1.0], &[1.0], options, Reduction::Mean, Grads::dx(&mut dx))?;
/// assert!((loss - 0.939_785).abs() < 1e-6 && (dx[0] + 0.806_824_3).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn bce_with_logits(
    x: &[f32],
    target: &[f32],
    options: BceWithLogits<'_>,
    reduction: Reduction<'_>,
    grads: Grads<'_>,
) -> Result<f32> {
    let pass = Pass::new(x, [("target", target)], reduction)?
        .gradients([("dx", grads.dx), ("dtarget", grads.dtarget)])?
        .third("weight", options.weight)?
        .row("pos_weight", options.pos_weight)?;
    Ok(pass.run(OfLogit))
}

/// The loss of a logit, a target, a weight and a weight of the target; the gradients of the first two.
#[derive(Clone, Copy)]
pub(super) struct OfLogit;

impl Pointwise<4, 2> for OfLogit {
    #[inline(always)]
    fn at<L: Lanes>(self, s: L, [x, t, w, p]: [L::F32; 4]) -> (L::F32, [L::F32; 2]) {
        let (zero, one, most) = (s.splat(0.0), s.splat(1.0), s.splat(f32::MAX));
        // An infinite logit counts as the largest, so that it may be multiplied by 0, until the end.
        let finite = s.min(most, s.max(s.splat(f32::MIN), x));
        let scale = s.select(s.eq(s.abs(x), s.splat(f32::INFINITY)), most, one);
        let [ln, large, small] = logistic(s, x);
        let is_negative = s.lt(x, zero);
        let (no, yes) = (s.sub(one, t), s.mul(p, t));
        // loss = w (no softplus(x) + yes softplus(-x)): dx = w (no sigmoid(x) - yes sigmoid(-x))
        let (up, down) = (s.add(s.max(zero, finite), ln), s.add(s.max(zero, s.neg(finite)), ln));
        let loss = times(s, w, s.mul(s.mul_add(yes, down, s.mul(no, up)), scale));
        let (sigmoid, rest) = (s.select(is_negative, small, large), s.select(is_negative, large, small));
        let dx = s.mul(w, s.mul_add(s.neg(yes), rest, s.mul(no, sigmoid)));
        // dtarget = w (p softplus(-x) - softplus(x)), where softplus(-x) = softplus(x) - x
        let far = s.mul(s.select(is_negative, p, one), finite);
        let dtarget = times(s, w, s.mul(s.mul_add(s.sub(p, one), ln, s.neg(far)), scale));
        (loss, [dx, dtarget])
    }
}
