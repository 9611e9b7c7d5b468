//! Hinge losses over the classes of a row: each class that should not win against each that should.

use super::Reduction;
use super::labels::{Labels, check_gradient, weighted};
use super::losses::Losses;
use crate::error::{Error, Result};
use crate::kernel::{Sum, map_reduce, total};
use crate::shape::{check_len, check_rows, rows};
use crate::simd::{Level, Simd};
use crate::{dispatch, simd};

/// Options of [`multi_margin`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MultiMargin<'a> {
    /// Number of classes: the length of a row of scores.
    pub classes: usize,
    /// The power of what is missing to the margin: 1, the default, or 2.
    pub p: u32,
    /// How far the label's score should be above all others: 1 by default.
    pub margin: f32,
    /// A weight for each class, which counts for the rows with that label; by default all count alike.
    pub weight: Option<&'a [f32]>,
}

impl MultiMargin<'_> {
    /// PyTorch's defaults for rows of `classes` scores.
    #[must_use]
    pub const fn new(classes: usize) -> Self {
        Self { classes, p: 1, margin: 1.0, weight: None }
    }
}

/// Options of [`multilabel_margin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultilabelMargin {
    /// Number of classes: the length of a row of scores, and of one of labels.
    pub classes: usize,
}

impl MultilabelMargin {
    /// Rows of `classes` scores.
    #[must_use]
    pub const fn new(classes: usize) -> Self {
        Self { classes }
    }
}

/// Multi-class hinge loss of rows of scores against class indices:
/// `weight[label] / classes * sum over c != label of max(0, margin - x[label] + x[c])^p`, reduced.
///
/// `scores` holds a row of [`classes`](MultiMargin::classes) for each label. The mean is divided by the number of rows,
/// whatever the weights. *Writes* the gradient for the scores to `dscores` where given.
///
/// As [`torch.nn.MultiMarginLoss`](https://pytorch.org/docs/stable/generated/torch.nn.MultiMarginLoss.html): at the
/// margin itself the gradient is 0; what is NaN (a NaN score, or infinite ones of the same sign) is not above 0, and
/// counts for nothing; no rows give 0, or NaN for the mean. A weight of 0 makes 0 of anything, also of an infinite sum, where PyTorch
/// gives NaN.
///
/// # Errors
/// [`Error`] where a slice does not fit, a label is outside `0..classes` or `p` is not 1 or 2; nothing is written.
///
/// ```
/// use flatgrad::loss::{MultiMargin, Reduction, multi_margin};
///
/// let mut options = MultiMargin::new(3);
/// options.margin = 10.0;
/// let mut dx = [0.0; 3];
/// let loss = multi_margin(&[13.0, -7.0, 11.0], &[0], options, Reduction::Mean, Some(&mut dx))?;
/// assert_eq!((loss, dx), (8.0 / 3.0, [-1.0 / 3.0, 0.0, 1.0 / 3.0]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn multi_margin(
    scores: &[f32],
    labels: &[i32],
    options: MultiMargin<'_>,
    reduction: Reduction<'_>,
    dscores: Option<&mut [f32]>,
) -> Result<f32> {
    let MultiMargin { classes, p, margin, weight } = options;
    check_len("scores", scores, labels.len(), classes)?;
    check_gradient("dscores", dscores.as_deref(), scores.len())?;
    if p != 1 && p != 2 {
        return Err(Error::Value { argument: "p", expected: "1 or 2" });
    }
    let targets = Labels { weight, ..Labels::plain(labels, classes) };
    targets.check()?;
    let reduced = reduction.take_apart(labels.len())?;
    let hinge = Hinge { targets, width: 1, margin, squares: p == 2, divisor: reduced.divisor };
    Ok(hinge_rows(scores, hinge, Losses::new(reduced), dscores))
}

/// Multi-label hinge loss of rows of scores against lists of classes:
/// `1 / classes * sum over labels j, and classes i that are no label, of max(0, 1 - x[j] + x[i])`, reduced.
///
/// `scores` and `labels` hold rows of [`classes`](MultilabelMargin::classes). A row's labels end at the first -1,
/// whatever follows; one that stands there twice counts twice. The mean is divided by the number of rows. *Writes* the
/// gradient for the scores to `dscores` where given.
///
/// As [`torch.nn.MultiLabelMarginLoss`](https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelMarginLoss.html): at
/// the margin itself the gradient is 0; what is NaN (a NaN score, or infinite ones of the same sign) is not above 0, and
/// counts for nothing; rows without labels have the loss 0; no rows give 0, or NaN for the mean.
///
/// # Errors
/// [`Error`] where a slice does not fit or a label before the first -1 is outside `0..classes`; nothing is written.
///
/// ```
/// use flatgrad::loss::{MultilabelMargin, Reduction, multilabel_margin};
///
/// let (x, labels, mut dx) = ([0.1, 0.2, 0.4, 0.8], [0, 3, -1, -1], [7.0; 4]);
/// let loss = multilabel_margin(&x, &labels, MultilabelMargin::new(4), Reduction::Mean, Some(&mut dx))?;
/// assert!((loss - 0.85).abs() < 1e-6);
/// assert_eq!(dx, [-0.5, 0.5, 0.5, -0.5]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn multilabel_margin(
    scores: &[f32],
    labels: &[i32],
    options: MultilabelMargin,
    reduction: Reduction<'_>,
    dscores: Option<&mut [f32]>,
) -> Result<f32> {
    let classes = options.classes;
    let rows = check_rows("scores", scores, classes)?;
    check_len("labels", labels, rows, classes)?;
    check_gradient("dscores", dscores.as_deref(), scores.len())?;
    let targets = Labels::plain(labels, classes);
    for (row, list) in labels.chunks(classes.max(1)).enumerate() {
        Labels::plain(listed(list), classes).check().map_err(|error| match error {
            Error::Label { argument, index, classes, found } => {
                Error::Label { argument, index: row * classes + index, classes, found }
            }
            other => other,
        })?;
    }
    let reduced = reduction.take_apart(rows)?;
    let hinge = Hinge { targets, width: classes, margin: 1.0, squares: false, divisor: reduced.divisor };
    Ok(hinge_rows(scores, hinge, Losses::new(reduced), dscores))
}

/// The labels before the first -1.
fn listed(labels: &[i32]) -> &[i32] {
    labels.split(|label| *label == -1).next().unwrap_or_default()
}

/// What both losses are.
#[derive(Clone, Copy)]
struct Hinge<'a> {
    targets: Labels<'a>,
    /// How many labels a row has place for.
    width: usize,
    margin: f32,
    squares: bool,
    divisor: f32,
}

/// Classes that take part at once: where no gradient is asked for, theirs has its place on the stack.
const BLOCK: usize = 256;

/// The gradient of a label before anything is subtracted from it: so small that it is lost in what is.
const LABEL: f32 = -f32::MIN_POSITIVE;

/// The rows' losses, reduced. *Writes* their gradient, divided as the sum will be, to `dscores`.
///
/// Only [`hinge_part`] is compiled for each level; the rest is compiled once for both losses.
fn hinge_rows(scores: &[f32], hinge: Hinge, mut losses: Losses, mut dscores: Option<&mut [f32]>) -> f32 {
    let Hinge { targets, width, divisor, .. } = hinge;
    let level = simd::level();
    let (columns, mut unseen) = (targets.classes.max(1), [0.0; BLOCK]);
    let count = scores.len() / columns;
    for (row, (x, labels)) in rows(scores, columns).zip(rows(targets.rows, width)).enumerate() {
        let labels = listed(labels);
        let mut dx = dscores.as_deref_mut().and_then(|dx| dx.chunks_mut(columns).nth(row));
        // Where lists are long, weights are one.
        let weight = labels.first().and_then(|&label| targets.class(label)).map_or(1.0, |class| targets.weight(class));
        let sum = hinge_row(level, x, labels, hinge, dx.as_deref_mut(), &mut unseen);
        losses.add(&[weighted(weight, sum) / columns as f32]);
        let twice = if hinge.squares { 2.0 } else { 1.0 };
        let factor = weight * twice / columns as f32 / divisor;
        if let Some(dx) = dx {
            for dx in &mut *dx {
                *dx = if *dx == LABEL { 0.0 } else { weighted(factor, *dx) };
            }
        }
        losses.watch_rows([dscores.as_deref().unwrap_or_default()], (row + 1) * columns, row + 1 == count);
    }
    losses.reduce()
}

/// The sum of a row's hinges. *Writes* their derivatives to `dx`, but [`LABEL`] where a label's is 0; or else those of a
/// block after the other to `unseen`.
fn hinge_row(
    level: Level,
    x: &[f32],
    labels: &[i32],
    hinge: Hinge,
    mut dx: Option<&mut [f32]>,
    unseen: &mut [f32],
) -> f32 {
    let index = |label: i32| usize::try_from(label).unwrap_or(usize::MAX);
    let mut sum = Sum::default();
    if let Some(dx) = dx.as_deref_mut() {
        mark(dx, labels, 0);
    }
    for first in (0..x.len()).step_by(BLOCK) {
        let part = x.get(first..x.len().min(first + BLOCK)).unwrap_or_default();
        let unseen = unseen.get_mut(..part.len()).unwrap_or_default();
        if dx.is_none() {
            mark(unseen, labels, first);
        }
        for &label in labels {
            let Some(&score) = x.get(index(label)) else { continue };
            let to = dx.as_deref_mut().and_then(|dx| dx.get_mut(first..first + part.len())).unwrap_or(&mut *unseen);
            let lift = hinge.margin - score;
            let [loss, slope] = dispatch!(level, s => hinge_part(s, part, to, lift, hinge.squares));
            sum.add(loss);
            if let Some(dx) = dx.as_deref_mut().and_then(|dx| dx.get_mut(index(label))) {
                *dx -= slope;
            }
        }
    }
    sum.value()
}

/// *Writes* 0 to each class from `first` on, and [`LABEL`] to the labels.
fn mark(dx: &mut [f32], labels: &[i32], first: usize) {
    dx.fill(0.0);
    for &label in labels {
        let class = usize::try_from(label).ok().and_then(|label| label.checked_sub(first));
        if let Some(dx) = class.and_then(|class| dx.get_mut(class)) {
            *dx = LABEL;
        }
    }
}

/// The sums of the hinges `z = x + lift` above 0 and of their slopes, half of those of squares. *Adds* the slopes to `dx`. Labels,
/// whose `dx` is below 0, take no part.
#[inline(always)]
fn hinge_part<S: Simd>(s: S, x: &[f32], dx: &mut [f32], lift: f32, squares: bool) -> [f32; 2] {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let (lift, squares) = (s.splat(lift), s.lt(zero, s.splat(f32::from(u8::from(squares)))));
    let [hinges, slopes] = map_reduce(
        s,
        [dx],
        [x],
        [s.wide(zero); 2],
        #[inline(always)]
        |[dx], [x], [hinges, slopes]| {
            let z = s.select(s.le(zero, dx), s.add(x, lift), zero);
            let z = s.select(s.lt(zero, z), z, zero);
            let hinge = s.select(squares, s.mul(z, z), z);
            let slope = s.select(s.lt(zero, z), s.select(squares, z, one), zero);
            ([s.add(dx, slope)], [s.add(hinges, hinge), s.add(slopes, slope)])
        },
    );
    [total(s, hinges), total(s, slopes)]
}
