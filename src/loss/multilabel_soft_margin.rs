//! A yes or no for each class of a row, by its logit.
//!
//! An element's loss is that of [`bce_with_logits`](super::bce_with_logits); here they are summed row by row.

use super::binary::OfLogit;
use super::labels::{check_gradient, check_weight, weighted};
use super::losses::Losses;
use super::pointwise::Pointwise;
use super::{Grads, Reduction};
use crate::error::Result;
use crate::kernel::{map_reduce, total};
use crate::shape::{check_len, check_rows, rows, rows_mut};
use crate::simd::{Level, Simd};
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
/// anything else. The mean is divided by the number of rows, whatever the weights. *Writes* what is given of `grads`,
/// divided as the loss is: `dx`, for the logits, is `weight[c] / classes * (sigmoid(x[c]) - y[c])`, and `dtarget`
/// `-weight[c] / classes * x[c]`.
///
/// As [`torch.nn.MultiLabelSoftMarginLoss`](https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelSoftMarginLoss.html):
/// an infinite logit on the wrong side gives `inf`, NaN gives NaN, no rows give 0, or NaN for the mean. Better than PyTorch
/// at an infinite logit on the right side, which is 0 and not NaN.
///
/// # Errors
/// [`Error`](crate::Error) where `logits` are not whole rows or another slice does not fit; nothing is written.
///
/// ```
/// use flatgrad::loss::{Grads, MultilabelSoftMargin, Reduction, multilabel_soft_margin};
///
/// let (x, y, mut dx) = ([0.0, 0.0, f32::INFINITY, -1.0], [1.0, 0.0, 1.0, 0.0], [7.0; 4]);
/// let loss = multilabel_soft_margin(&x, &y, MultilabelSoftMargin::new(4), Reduction::Mean, Grads::dx(&mut dx))?;
/// assert!((loss - (2.0 * 0.693_147 + 0.313_262) / 4.0).abs() < 1e-6);
/// assert_eq!(dx[..3], [-0.125, 0.125, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn multilabel_soft_margin(
    logits: &[f32],
    targets: &[f32],
    options: MultilabelSoftMargin<'_>,
    reduction: Reduction<'_>,
    grads: Grads<'_>,
) -> Result<f32> {
    let rows = check_rows("logits", logits, options.classes)?;
    check_len("targets", targets, rows, options.classes)?;
    check_gradient("dx", grads.dx.as_deref(), logits.len())?;
    check_gradient("dtarget", grads.dtarget.as_deref(), logits.len())?;
    check_weight(options.weight, options.classes)?;
    let reduced = reduction.take_apart(rows)?;
    let factor = 1.0 / options.classes.max(1) as f32 / reduced.divisor;
    Ok(logistic_rows(logits, targets, options, factor, Losses::new(reduced), grads))
}

/// The rows' losses, reduced. *Writes* `factor` times their gradients.
fn logistic_rows(
    logits: &[f32],
    targets: &[f32],
    options: MultilabelSoftMargin,
    factor: f32,
    mut losses: Losses,
    grads: Grads,
) -> f32 {
    let (level, columns) = (simd::level(), options.classes.max(1));
    let (mut unseen, Grads { dx: mut dlogits, dtarget }) = ([0.0; BLOCK], grads);
    let count = logits.len() / columns;
    for (row, (x, y)) in rows(logits, columns).zip(rows(targets, columns)).enumerate() {
        let dx = dlogits.as_deref_mut().and_then(|dx| dx.get_mut(row * columns..)?.get_mut(..columns));
        let sum = logistic_row(level, [x, y], options.weight, dx, factor, &mut unseen);
        losses.add(&[sum / columns as f32]);
        losses.watch_rows([dlogits.as_deref().unwrap_or_default()], (row + 1) * columns, row + 1 == count);
    }
    // loss = w (softplus(x) - y x): dy = -w x
    for (dy, x) in rows_mut(dtarget.unwrap_or_default(), columns).zip(rows(logits, columns)) {
        for (i, (dy, x)) in dy.iter_mut().zip(x).enumerate() {
            let weight = options.weight.map_or(1.0, |weight| weight.get(i).copied().unwrap_or_default());
            *dy = weighted(weight * factor, -x);
        }
        losses.watch(dy);
    }
    losses.reduce()
}

/// Classes that take part at once: where no gradient is asked for, theirs has its place on the stack.
const BLOCK: usize = 256;

/// The sum of a row's losses. *Writes* `factor` times their gradient to `dx`, or that of a block after the other to
/// `unseen`.
fn logistic_row(
    level: Level,
    [x, y]: [&[f32]; 2],
    weight: Option<&[f32]>,
    dx: Option<&mut [f32]>,
    factor: f32,
    unseen: &mut [f32],
) -> f32 {
    dispatch!(level, s => logistic_row_inline(s, [x, y], weight, dx, factor, unseen))
}

#[inline(always)]
fn logistic_row_inline<S: Simd>(
    s: S,
    [x, y]: [&[f32]; 2],
    weight: Option<&[f32]>,
    mut dx: Option<&mut [f32]>,
    factor: f32,
    unseen: &mut [f32],
) -> f32 {
    let (one, factor) = (s.splat(1.0), s.splat(factor));
    let has_weight = s.lt(s.splat(0.0), s.splat(f32::from(u8::from(weight.is_some()))));
    let mut sum = [s.wide(s.splat(0.0))];
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
                let (loss, [slope, _]) = OfLogit.at(s, [x, y, s.select(has_weight, w, one), one]);
                ([s.mul(slope, factor)], [s.add(sum, loss)])
            },
        );
    }
    let [sum] = sum;
    total(s, sum)
}

/// The block from `first` on.
fn part(x: &[f32], first: usize) -> &[f32] {
    x.get(first..).map(|x| x.get(..BLOCK).unwrap_or(x)).unwrap_or_default()
}
