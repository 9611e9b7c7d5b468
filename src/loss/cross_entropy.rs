//! Softmax and negative log-likelihood in one.
//!
//! A row's loss is `ln(sum of e^(x - max)) - (x[label] - max)`: no exponential overflows, and the probabilities are
//! never stored unless the gradient is asked for, whose buffer then holds them. The sum is kept without its largest
//! term, which is 1, so that a loss near 0 has all its digits.

use super::Reduction;
use crate::error::{Error, Result};
use crate::kernel::{Exponent, Rows, Sum, Sums, Then, each_row, group_rows};
use crate::shape::check_len;
use crate::simd::Simd;
use crate::{dispatch, simd};

/// Options of [`cross_entropy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrossEntropy {
    /// Number of classes: the length of a row of logits.
    pub classes: usize,
}

impl CrossEntropy {
    /// PyTorch's defaults for rows of `classes` logits.
    #[must_use]
    pub const fn new(classes: usize) -> Self {
        Self { classes }
    }
}

/// Cross-entropy of rows of logits against class indices: `-ln softmax(x)[label]`, reduced.
///
/// `logits` holds a row of `classes` for each label. *Writes* the gradient for the logits to `dlogits` where given:
/// `softmax(x) - onehot(label)`, divided by the number of rows for [`Reduction::Mean`].
///
/// As [`torch.nn.CrossEntropyLoss`](https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html): a
/// `-inf` logit that is not the label's is a probability of 0; a row with NaN or `+inf` gives NaN; no rows give 0, or
/// NaN for the mean.
///
/// # Errors
/// [`Error::Length`] where a slice does not fit, [`Error::Label`] for a label outside `0..classes`; nothing is written.
///
/// ```
/// use flatgrad::loss::{CrossEntropy, Reduction, cross_entropy};
///
/// let logits = [1.0, 2.0, 1.0, 3.0, 1.0, 3.0];
/// let mut dlogits = [0.0; 6];
/// let loss = cross_entropy(&logits, &[0, 1, 1], CrossEntropy::new(2), Reduction::Mean, Some(&mut dlogits))?;
/// assert!((loss - 0.522_37).abs() < 1e-5);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn cross_entropy(
    logits: &[f32],
    labels: &[i32],
    options: CrossEntropy,
    reduction: Reduction<'_>,
    mut dlogits: Option<&mut [f32]>,
) -> Result<f32> {
    let classes = options.classes;
    check_len("logits", logits, labels.len(), classes)?;
    if let Some(dlogits) = &mut dlogits {
        check_len("dlogits", dlogits, labels.len(), classes)?;
    }
    check_labels(labels, classes)?;
    let (divisor, each) = reduction.check(labels.len())?;
    let sum =
        dispatch!(simd::level(), s => cross_entropy_rows(s, logits, labels, classes, 1.0 / divisor, each, dlogits));
    Ok(sum / divisor)
}

/// Every label must be in `0..classes`.
pub(crate) fn check_labels(labels: &[i32], classes: usize) -> Result<()> {
    match labels.iter().position(|&label| usize::try_from(label).map_or(true, |label| label >= classes)) {
        None => Ok(()),
        Some(index) => {
            let found = labels.get(index).copied().unwrap_or_default();
            Err(Error::Label { argument: "labels", index, classes, found })
        }
    }
}

/// The sum of the rows' losses. *Writes* them to `each` and `factor` times their gradient to `dlogits`.
///
/// Out of line: this loss and the nets share it.
#[inline(never)]
pub(crate) fn cross_entropy_rows<S: Simd>(
    s: S,
    logits: &[f32],
    labels: &[i32],
    classes: usize,
    factor: f32,
    each: Option<&mut [f32]>,
    dlogits: Option<&mut [f32]>,
) -> f32 {
    s.vectorize(
        #[inline(always)]
        move || rows_inline(s, logits, labels, classes, factor, each, dlogits),
    )
}

#[inline(always)]
fn rows_inline<S: Simd>(
    s: S,
    logits: &[f32],
    labels: &[i32],
    classes: usize,
    factor: f32,
    mut each: Option<&mut [f32]>,
    mut dlogits: Option<&mut [f32]>,
) -> f32 {
    let mut total = Sum::default();
    let count = group_rows(classes);
    for (i, labels) in labels.chunks(count).enumerate() {
        let (first, start) = (i * count, i * count * classes);
        let x = logits.get(start..).unwrap_or_default();
        let mut dx = dlogits.as_deref_mut().and_then(|dx| dx.get_mut(start..));
        // loss = ln(sum) - (x[label] - max): dx = e^(x - max) / sum - onehot
        let (rows, then) = match dx.as_deref_mut() {
            Some(dx) => (Rows::InTo(x, dx), Then::Share(factor)),
            None => (Rows::In(x), Then::Sum),
        };
        let mut sums = Sums::NONE;
        each_row(s, Exponent::PLAIN, rows, (labels.len(), classes), then, Some(&mut sums));
        let ln = sums.ln(s);
        for (i, &label) in labels.iter().enumerate() {
            let label = i * classes + usize::try_from(label).unwrap_or_default();
            let loss = ln[i] - (x.get(label).copied().unwrap_or_default() - sums.max[i]);
            if let Some(dx) = dx.as_deref_mut().and_then(|dx| dx.get_mut(label)) {
                *dx -= factor;
            }
            if let Some(each) = each.as_deref_mut().and_then(|each| each.get_mut(first + i)) {
                *each = loss;
            }
            total.add(loss);
        }
    }
    total.value()
}
