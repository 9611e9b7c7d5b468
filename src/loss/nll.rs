//! Negative log-likelihood of log-probabilities: one element of each row.

use super::Reduction;
use super::labels::{Labels, check_gradient};
use super::losses::Losses;
use crate::error::Result;
use crate::shape::check_len;

/// Options of [`nll`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nll<'a> {
    /// Number of classes: the length of a row of log-probabilities.
    pub classes: usize,
    /// A weight for each class; by default all count alike.
    pub weight: Option<&'a [f32]>,
    /// The label of rows that do not count, -100 by default. It may be a class.
    pub ignore_index: i32,
}

impl Nll<'_> {
    /// PyTorch's defaults for rows of `classes` log-probabilities.
    #[must_use]
    pub const fn new(classes: usize) -> Self {
        Self { classes, weight: None, ignore_index: -100 }
    }
}

/// Negative log-likelihood of rows of log-probabilities against class indices: `-weight[label] * x[label]`, reduced.
///
/// `log_probs` holds a row of [`classes`](Nll::classes) for each label, such as
/// [`log_softmax`](crate::kernel::log_softmax) writes; [`cross_entropy`](super::cross_entropy) does both at once. The
/// mean is divided by the sum of the weights of the labels. Rows whose label is [`ignore_index`](Nll::ignore_index)
/// have the loss 0 and are not counted.
///
/// *Writes* the gradient for the log-probabilities to `dlog_probs` where given: `-weight[label]` at the label, divided as
/// the loss is, and 0 elsewhere.
///
/// As [`torch.nn.NLLLoss`](https://pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html): only the elements at labels
/// are looked at, whatever they are; no rows, or ignored ones alone, give 0, or NaN for the mean, which is NaN, its
/// gradient at the labels too, where weights add up to 0. Better than PyTorch in one case: `-inf` times a weight of 0
/// is 0, not NaN.
///
/// # Errors
/// [`Error`](crate::Error) where a slice does not fit, or a label is outside `0..classes` and not ignored; nothing is
/// written.
///
/// ```
/// use flatgrad::loss::{Nll, Reduction, nll};
///
/// let (x, labels) = ([1.0, 2.0, 1.0, 3.0, 1.0, 3.0], [0, 1, 1]);
/// let (mut each, mut dx) = ([0.0; 3], [7.0; 6]);
/// assert_eq!(nll(&x, &labels, Nll::new(2), Reduction::Each(&mut each), Some(&mut dx))?, -7.0);
/// assert_eq!((each, dx), ([-1.0, -3.0, -3.0], [-1.0, 0.0, 0.0, -1.0, 0.0, -1.0]));
///
/// let mut weighted = Nll::new(2);
/// weighted.weight = Some(&[1.0, 2.0]);
/// assert_eq!(nll(&x, &labels, weighted, Reduction::Mean, None)?, -2.6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn nll(
    log_probs: &[f32],
    labels: &[i32],
    options: Nll<'_>,
    reduction: Reduction<'_>,
    mut dlog_probs: Option<&mut [f32]>,
) -> Result<f32> {
    let Nll { classes, weight, ignore_index } = options;
    check_len("log_probs", log_probs, labels.len(), classes)?;
    check_gradient("dlog_probs", dlog_probs.as_deref(), log_probs.len())?;
    let labels = Labels { rows: labels, classes, weight, ignored: Some(ignore_index) };
    labels.check()?;
    let (labels, reduced) = labels.reduce(reduction)?;
    let divisor = reduced.divisor;
    if let Some(dx) = &mut dlog_probs {
        dx.fill(0.0);
    }
    let mut losses = Losses::new(reduced);
    for (row, &label) in labels.rows.iter().enumerate() {
        let class = labels.class(label).unwrap_or_default();
        let at = row * classes + class;
        losses.add(&[labels.weighted(label, -log_probs.get(at).copied().unwrap_or_default())]);
        if let Some(dx) = dlog_probs.as_deref_mut().and_then(|dx| dx.get_mut(at..=at)) {
            dx.fill(labels.class(label).map_or(0.0, |class| -labels.weight(class) / divisor));
            losses.watch(dx);
        }
    }
    Ok(losses.reduce())
}
