//! Softmax and negative log-likelihood in one.
//!
//! A row's loss is `ln(sum of e^(x - max)) - (x[label] - max)`: no exponential overflows, and the probabilities are
//! never stored unless the gradient is asked for, whose buffer then holds them. The sum is kept without its largest
//! term, which is 1, so that a loss near 0 has all its digits.

use super::cross_entropy_rows::{Batch, Targets, check_smoothing};
use super::labels::{Labels, check_gradient, check_weight};
use super::losses::Losses;
use super::{Grads, Reduction};
use crate::error::Result;
use crate::shape::{check_len, check_rows};
use crate::{dispatch, simd};

/// Options of [`cross_entropy`] and [`cross_entropy_probabilities`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy<'a> {
    /// Number of classes: the length of a row of logits.
    pub classes: usize,
    /// A weight for each class; by default all count alike.
    pub weight: Option<&'a [f32]>,
    /// The label of rows that do not count, -100 by default. It may be a class. Probabilities ignore it.
    pub ignore_index: i32,
    /// How much of a row's target is spread evenly over all classes, from 0, the default, to 1.
    pub label_smoothing: f32,
}

impl<'a> CrossEntropy<'a> {
    /// PyTorch's defaults for rows of `classes` logits.
    #[must_use]
    pub const fn new(classes: usize) -> Self {
        Self { classes, weight: None, ignore_index: -100, label_smoothing: 0.0 }
    }

    fn labels(self, labels: &'a [i32]) -> Labels<'a> {
        let Self { classes, weight, ignore_index, .. } = self;
        Labels { rows: labels, classes, weight, ignored: Some(ignore_index) }
    }

    /// Whether rows whose labels are classes all count alike.
    fn is_plain(self) -> bool {
        let may_be_ignored = usize::try_from(self.ignore_index).is_ok_and(|index| index < self.classes);
        self.weight.is_none() && self.label_smoothing == 0.0 && !may_be_ignored
    }
}

/// Cross-entropy of rows of logits against class indices: `-weight[label] * ln softmax(x)[label]`, reduced.
///
/// `logits` holds a row of [`classes`](CrossEntropy::classes) for each label. The mean is divided by the sum of the
/// weights of the labels. Rows whose label is [`ignore_index`](CrossEntropy::ignore_index) have the loss 0 and are not
/// counted. With a label smoothing of `e`, a row's loss is `1 - e` times the above and, for *every* class,
/// `-e / classes * weight[class] * ln softmax(x)[class]`; the mean is divided by the same sum as without.
///
/// *Writes* the gradient for the logits to `dlogits` where given: `weight[label] * (softmax(x) - onehot(label))`,
/// divided as the loss is; with smoothing, `sum(q) * softmax(x) - q` for the weighted target
/// `q = weight * ((1 - e) * onehot(label) + e / classes)`. It is 0 in ignored rows.
///
/// As [`torch.nn.CrossEntropyLoss`](https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html):
///
/// - A `-inf` logit is a probability of 0: the loss is `inf` where its class has a part in the target, and not touched
///   elsewhere. (Better than PyTorch, which has NaN where that part is 0 because of its weight.)
/// - A row with NaN or `+inf`, or of `-inf` alone, gives NaN; if it is ignored, in its gradient alone.
/// - No rows, or ignored ones alone, give 0, or NaN for the mean. The mean is NaN, its gradient too, where weights add
///   up to 0.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where a slice does not fit, [`Error::Label`](crate::Error::Label) for a label outside
/// `0..classes` that is not ignored, [`Error::Value`](crate::Error::Value) for a smoothing outside `0..=1`; nothing is written.
///
/// ```
/// use flatgrad::loss::{CrossEntropy, Reduction, cross_entropy};
///
/// let logits = [1.0, 2.0, 1.0, 3.0, 1.0, 3.0];
/// let mut dlogits = [0.0; 6];
/// let loss = cross_entropy(&logits, &[0, 1, 1], CrossEntropy::new(2), Reduction::Mean, Some(&mut dlogits))?;
/// assert!((loss - 0.522_37).abs() < 1e-5);
///
/// let mut weighted = CrossEntropy::new(2);
/// weighted.weight = Some(&[1.0, 2.0]);
/// let loss = cross_entropy(&logits, &[0, 1, 1], weighted, Reduction::Mean, Some(&mut dlogits))?;
/// assert!((loss - 0.364_19).abs() < 1e-5);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn cross_entropy(
    logits: &[f32],
    labels: &[i32],
    options: CrossEntropy<'_>,
    reduction: Reduction<'_>,
    dlogits: Option<&mut [f32]>,
) -> Result<f32> {
    check_len("logits", logits, labels.len(), options.classes)?;
    check_gradient("dlogits", dlogits.as_deref(), logits.len())?;
    check_smoothing(options.label_smoothing)?;
    let all = Labels { ignored: None, ..options.labels(labels) };
    // Options that ask for nothing cost nothing: rows that all count alike need only their labels.
    if options.is_plain() && all.are_classes() {
        let losses = Losses::new(reduction.take_apart(labels.len())?);
        let batch = &mut Batch::new(logits, labels, options.classes, losses, dlogits);
        return Ok(dispatch!(simd::level(), s => batch.run(s)));
    }
    let labels = options.labels(labels);
    labels.check()?;
    let (labels, reduced) = labels.reduce(reduction)?;
    let targets = Targets::labels(labels, options.label_smoothing);
    Ok(run(logits, &targets, Losses::new(reduced), dlogits.into()))
}

/// Cross-entropy of rows of logits against probabilities: `-sum of weight[c] * p[c] * ln softmax(x)[c]`, reduced.
///
/// `logits` and `probabilities` hold rows of [`classes`](CrossEntropy::classes). The mean is divided by the number of
/// rows, whatever the weights. Label smoothing makes `(1 - e) * p + e / classes` of `p`. Probabilities are taken as they
/// are: nothing asks that they be positive or add up to 1.
///
/// *Writes* what is given of `grads`, divided as the loss is: `dx`, for the logits, is `sum(q) * softmax(x) - q` for the weighted
/// target `q`, and `dtarget`, for the probabilities, `-(1 - e) * weight * ln softmax(x)`, 0 where the weight is.
///
/// As [`torch.nn.CrossEntropyLoss`](https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html): a `-inf`
/// logit with a part in the target gives `inf`; a row with NaN or `+inf`, or of `-inf` alone, gives NaN; no rows give 0,
/// or NaN for the mean. Better than PyTorch where that part is 0: it counts for nothing, and is not NaN.
///
/// # Errors
/// [`Error`](crate::Error) where `probabilities` are not whole rows or another slice does not fit,
/// [`Error::Value`](crate::Error::Value) for a smoothing outside `0..=1`; nothing is written.
///
/// ```
/// use flatgrad::loss::{CrossEntropy, Grads, Reduction, cross_entropy_probabilities};
///
/// let (x, p) = ([0.0, 0.0, 0.0, f32::NEG_INFINITY], [0.25, 0.75, 1.0, 0.0]);
/// let mut dx = [7.0; 4];
/// let loss = cross_entropy_probabilities(&x, &p, CrossEntropy::new(2), Reduction::Sum, Grads::dx(&mut dx))?;
/// assert_eq!((loss, dx), (core::f32::consts::LN_2, [0.25, -0.25, 0.0, 0.0]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn cross_entropy_probabilities(
    logits: &[f32],
    probabilities: &[f32],
    options: CrossEntropy<'_>,
    reduction: Reduction<'_>,
    grads: Grads<'_>,
) -> Result<f32> {
    let CrossEntropy { classes, weight, label_smoothing, .. } = options;
    let rows = check_rows("probabilities", probabilities, classes)?;
    check_len("logits", logits, rows, classes)?;
    check_gradient("dx", grads.dx.as_deref(), logits.len())?;
    check_gradient("dtarget", grads.dtarget.as_deref(), logits.len())?;
    check_smoothing(options.label_smoothing)?;
    check_weight(weight, classes)?;
    let losses = Losses::new(reduction.take_apart(rows)?);
    let targets = Targets::probabilities(probabilities, rows, classes, weight, label_smoothing);
    Ok(run(logits, &targets, losses, grads))
}

/// The loss of rows that are more than their labels.
fn run(logits: &[f32], targets: &Targets<'_>, losses: Losses<'_>, grads: Grads<'_>) -> f32 {
    let batch = &mut Batch::of_targets(logits, targets, losses, grads);
    dispatch!(simd::level(), s => batch.run(s))
}
