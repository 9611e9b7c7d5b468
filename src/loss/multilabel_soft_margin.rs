//! A yes or no for each class of a row, by its logit.
//!
//! `-ln sigmoid(x) = max(-x, 0) + ln(1 + e^-|x|)`, and `-ln(1 - sigmoid(x))` the same with `max(x, 0)`: one exponential
//! and one logarithm for both, nothing overflows, and each keeps its digits where it is small.

use super::Reduction;
use super::labels::{Losses, check_gradient, check_weight, mean};
use crate::error::Result;
use crate::kernel::{map_reduce, total};
use crate::math::{exp, ln_1p};
use crate::shape::{check_len, check_rows};
use crate::simd::Simd;
use crate::{dispatch, simd};

/// Options of [`multilabel_soft_margin`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultilabelSoftMargin<'a> {
    /// Number of classes: the length of a row of logits, and of one of targets.
    pub classes: usize,
    /// A weight for each class; by default all count alike.
    pub weight: Option<&'a [f32]>,
}

impl MultilabelSoftMargin<'_> {
    /// PyTorch's defaults for rows of `classes` logits.
    #[must_use]
    pub const fn new(classes: usize) -> Self {
        Self { classes, weight: None }
    }
}

/// Binary cross-entropy with logits of each class, the mean over the classes of a row:
/// `-1 / classes * sum of weight[c] * (y[c] * ln sigmoid(x[c]) + (1 - y[c]) * ln sigmoid(-x[c]))`, reduced over the rows.
///
/// `logits` and `targets` hold rows of [`classes`](MultilabelSoftMargin::classes); a target is 1 for yes, 0 for no, or
/// anything else. The mean is divided by the number of rows, whatever the weights. *Writes* the gradient for the logits
/// to `dlogits` where given: `weight[c] / classes * (sigmoid(x[c]) - y[c])`, divided as the loss is.
///
/// As [`torch.nn.MultiLabelSoftMarginLoss`](https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelSoftMarginLoss.html):
/// an infinite logit on the wrong side gives `inf`, NaN gives NaN, no rows give 0, or NaN for the mean. Better than PyTorch
/// at an infinite logit on the right side, which is 0 and not NaN.
///
/// # Errors
/// [`Error`](crate::Error) where `logits` are not whole rows or another slice does not fit; nothing is written.
///
/// ```
/// use flatgrad::loss::{MultilabelSoftMargin, Reduction, multilabel_soft_margin};
///
/// let (x, y, mut dx) = ([0.0, 0.0, f32::INFINITY, -1.0], [1.0, 0.0, 1.0, 0.0], [7.0; 4]);
/// let loss = multilabel_soft_margin(&x, &y, MultilabelSoftMargin::new(4), Reduction::Mean, Some(&mut dx))?;
/// assert!((loss - (2.0 * 0.693_147 + 0.313_262) / 4.0).abs() < 1e-6);
/// assert_eq!(dx[..3], [-0.125, 0.125, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn multilabel_soft_margin(
    logits: &[f32],
    targets: &[f32],
    options: MultilabelSoftMargin<'_>,
    reduction: Reduction<'_>,
    dlogits: Option<&mut [f32]>,
) -> Result<f32> {
    let rows = check_rows("logits", logits, options.classes)?;
    check_len("targets", targets, rows, options.classes)?;
    check_gradient("dlogits", dlogits.as_deref(), logits.len())?;
    check_weight(options.weight, options.classes)?;
    let (divisor, each) = reduction.check(rows)?;
    let sum = dispatch!(simd::level(), s => logistic_rows(s, logits, targets, options, divisor, each, dlogits));
    Ok(mean(sum, divisor))
}

/// The sum of the rows' losses. *Writes* them to `each` and their gradient divided by `divisor` to `dlogits`.
#[inline(always)]
fn logistic_rows<S: Simd>(
    s: S,
    logits: &[f32],
    targets: &[f32],
    options: MultilabelSoftMargin,
    divisor: f32,
    each: Option<&mut [f32]>,
    mut dlogits: Option<&mut [f32]>,
) -> f32 {
    let columns = options.classes.max(1);
    let (mut losses, mut unseen) = (Losses::new(each), [0.0; BLOCK]);
    for (row, (x, y)) in logits.chunks(columns).zip(targets.chunks(columns)).enumerate() {
        let factor = 1.0 / columns as f32 / divisor;
        let dx = dlogits.as_deref_mut().and_then(|dx| dx.chunks_mut(columns).nth(row));
        let sum = logistic_row(s, x, y, options.weight, dx, factor, &mut unseen);
        losses.add(sum / columns as f32);
    }
    losses.sum()
}

/// Classes that take part at once: where no gradient is asked for, theirs has its place on the stack.
const BLOCK: usize = 256;

/// The sum of a row's losses. *Writes* `factor` times their gradient to `dx`, or that of a block after the other to
/// `unseen`.
#[inline(never)]
fn logistic_row<S: Simd>(
    s: S,
    x: &[f32],
    y: &[f32],
    weight: Option<&[f32]>,
    mut dx: Option<&mut [f32]>,
    factor: f32,
    unseen: &mut [f32],
) -> f32 {
    s.vectorize(
        #[inline(always)]
        move || {
            let mut sum = [s.wide(s.splat(0.0))];
            let has_weight = s.lt(s.splat(0.0), s.splat(f32::from(u8::from(weight.is_some()))));
            for first in (0..x.len()).step_by(BLOCK) {
                let len = part(x, first).len();
                let to = match dx.as_deref_mut() {
                    Some(dx) => dx.get_mut(first..first + len),
                    None => unseen.get_mut(..len),
                };
                sum = map_reduce(
                    s,
                    [to.unwrap_or_default()],
                    [part(x, first), part(y, first), part(weight.unwrap_or(x), first)],
                    sum,
                    #[inline(always)]
                    |_, [x, y, w], [sum]| {
                        let w = s.select(has_weight, w, s.splat(1.0));
                        let [loss, slope] = logistic(s, x, y, w);
                        ([s.mul(slope, s.splat(factor))], [s.add(sum, loss)])
                    },
                );
            }
            let [sum] = sum;
            total(s, sum)
        },
    )
}

/// The block from `first` on.
fn part(x: &[f32], first: usize) -> &[f32] {
    x.get(first..).map(|x| x.get(..BLOCK).unwrap_or(x)).unwrap_or_default()
}

/// The loss of a class with that logit, target and weight, and its derivative.
#[inline(always)]
fn logistic<S: Simd>(s: S, x: S::F32, y: S::F32, w: S::F32) -> [S::F32; 2] {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let (yes, no) = (s.mul(w, y), s.mul(w, s.sub(one, y)));
    let e = exp(s, s.neg(s.abs(x)));
    // What infinity has no part in is not NaN: both parts count the logarithm, the one on the wrong side the distance too.
    let wrong = s.select(s.lt(x, zero), yes, no);
    let far = s.select(s.eq(wrong, zero), zero, s.mul(wrong, s.abs(x)));
    let loss = s.mul_add(w, ln_1p(s, e), far);
    let (large, small) = (s.div(one, s.add(one, e)), s.div(e, s.add(one, e)));
    let negative = s.lt(x, zero);
    let (up, down) = (s.select(negative, small, large), s.select(negative, large, small));
    [loss, s.sub(s.mul(no, up), s.mul(yes, down))]
}
