//! The last linear layer and cross-entropy in one, a chunk of classes at a time.
//!
//! First pass: the logits of a chunk, `x Wᵀ + b`, its part of each row's maximum and sum, and the logits of the labels. Then the
//! losses. Second pass, where a gradient is asked for: the logits of the chunk again, which become
//! `(softmax - onehot) * share`, and with them the chunk of `dW`, that of `db`, and its term of `dx`.
//!
//! The logits of the first pass are not computed again where there is room for them: a chunk of `dW`, which is written later,
//! holds the logits of as many rows as there are inputs; and of a single chunk they are still there. So of `r` rows, `n` inputs and `c` classes,
//!
//! - a loss with both gradients takes `3 r n c` multiply-adds, what layer and loss take apart, and up to `4 r n c` where rows are
//!   many more than inputs; one with `dx` alone takes `3 r n c` for `2 r n c`.
//! - scratch is a chunk of logits, three numbers a row and what a product needs: of 512 rows, 1024 inputs and 32000 classes
//!   1.2 MB beside 66 MB of logits. `W` is read twice, `dW` written once as logits and once as itself.
//! - an exponential is taken twice of each logit.

use super::Reduction;
use super::cross_entropy_rows::check_smoothing;
use super::labels::{Labels, check_gradient};
use super::linear_head::{CHUNK, Head, both_passes};
use super::losses::Losses;
use crate::error::Result;
use crate::kernel::Matmul;
use crate::shape::{check_at_least, check_len};
use crate::{dispatch, simd};

/// Options of [`linear_cross_entropy`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearCrossEntropy<'a> {
    /// Width of a row of `x`.
    pub inputs: usize,
    /// Number of classes.
    pub classes: usize,
    /// A weight for each class; by default all count alike.
    pub class_weight: Option<&'a [f32]>,
    /// The label of rows that do not count, -100 by default. It may be a class.
    pub ignore_index: i32,
    /// How much of a row's target is spread evenly over all classes, from 0, the default, to 1.
    pub label_smoothing: f32,
}

impl<'a> LinearCrossEntropy<'a> {
    /// PyTorch's defaults for rows of `inputs` and so many classes.
    #[must_use]
    pub const fn new(inputs: usize, classes: usize) -> Self {
        Self { inputs, classes, class_weight: None, ignore_index: -100, label_smoothing: 0.0 }
    }

    /// Floats of scratch that [`linear_cross_entropy`] needs for so many rows.
    #[must_use]
    pub const fn scratch_len(self, rows: usize) -> usize {
        let Self { inputs, classes, label_smoothing, .. } = self;
        let of_row = if label_smoothing == 0.0 { 3 } else { 5 };
        let width = if classes < CHUNK { classes } else { CHUNK };
        let of_whole = products_scratch_len(rows, inputs, width);
        let of_last = products_scratch_len(rows, inputs, classes % CHUNK);
        rows.saturating_mul(of_row).saturating_add(rows.saturating_mul(width)).saturating_add(max(of_whole, of_last))
    }

    fn labels(self, labels: &'a [i32]) -> Labels<'a> {
        let Self { classes, class_weight, ignore_index, .. } = self;
        Labels { rows: labels, classes, weight: class_weight, ignored: Some(ignore_index) }
    }
}

/// Where the gradients of [`linear_cross_entropy`] go, each where it is wanted.
#[derive(Debug, Default)]
pub struct LinearCrossEntropyGrads<'a> {
    /// For `x`.
    pub dx: Option<&'a mut [f32]>,
    /// For `weight`.
    pub dweight: Option<&'a mut [f32]>,
    /// For `bias`, which need not be given.
    pub dbias: Option<&'a mut [f32]>,
}

impl LinearCrossEntropyGrads<'_> {
    /// No gradient is wanted.
    pub const NONE: Self = Self { dx: None, dweight: None, dbias: None };

    fn check(&self, rows: usize, LinearCrossEntropy { inputs, classes, .. }: LinearCrossEntropy<'_>) -> Result<()> {
        check_gradient("dx", self.dx.as_deref(), rows.saturating_mul(inputs))?;
        check_gradient("dweight", self.dweight.as_deref(), classes.saturating_mul(inputs))?;
        check_gradient("dbias", self.dbias.as_deref(), classes)
    }
}

/// Cross-entropy of a linear layer's outputs, `x Wᵀ + b`, against class indices, without a place for those logits.
///
/// `x[rows][inputs]` has a row for each label, `weight[classes][inputs]` and, where given, `bias[classes]` are the layer's.
/// Loss and gradients are, but for rounding, those of [`dense::forward`](crate::dense::forward),
/// [`cross_entropy`](super::cross_entropy) and [`dense::backward`](crate::dense::backward), with all that is said there of
/// weights, smoothing, ignored rows, NaN and infinities: an impossible class has a bias of `-inf`. Row i's loss and `dx` are those of
/// row i alone.
///
/// *Writes* the gradients that are given. *Scratch*: [`LinearCrossEntropy::scratch_len`], a hundredth or so of the logits
/// where classes are many. With `dweight` and no more rows than inputs this takes about the time of the three functions;
/// otherwise most logits are computed twice, unless there is a single chunk of up to 192 classes.
///
/// As PyTorch 2.15's `torch.nn.LinearCrossEntropyLoss`, whose bias is off by default; and
/// [`torch.nn.CrossEntropyLoss`](https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html).
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where a slice does not fit, [`Error::Label`](crate::Error::Label) for a label outside
/// `0..classes` that is not ignored, [`Error::Value`](crate::Error::Value) for a smoothing outside `0..=1`; nothing is written.
///
/// ```
/// use flatgrad::loss::{LinearCrossEntropy, LinearCrossEntropyGrads, Reduction, linear_cross_entropy};
///
/// const HEAD: LinearCrossEntropy = LinearCrossEntropy::new(2, 3);
/// let (x, weight, labels) = ([1.0, 2.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0, -1.0, 1.0], [1, 0]);
/// let (mut dx, mut dweight, mut scratch) = ([0.0; 4], [0.0; 6], [0.0; HEAD.scratch_len(2)]);
/// let grads = LinearCrossEntropyGrads { dx: Some(&mut dx), dweight: Some(&mut dweight), dbias: None };
/// let loss = linear_cross_entropy(&x, &weight, None, &labels, HEAD, Reduction::Mean, grads, &mut scratch)?;
/// assert!((loss - 1.206_72).abs() < 1e-5);
/// assert!((dweight[0] - 0.105_971).abs() < 1e-5 && (dx[1] + 0.105_971).abs() < 1e-5);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[expect(clippy::too_many_arguments, reason = "a layer, a loss and their gradients")]
pub fn linear_cross_entropy(
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    labels: &[i32],
    options: LinearCrossEntropy<'_>,
    reduction: Reduction<'_>,
    grads: LinearCrossEntropyGrads<'_>,
    scratch: &mut [f32],
) -> Result<f32> {
    let LinearCrossEntropy { inputs, classes, class_weight, label_smoothing, .. } = options;
    check_len("x", x, labels.len(), inputs)?;
    check_len("weight", weight, classes, inputs)?;
    check_gradient("bias", bias, classes)?;
    check_gradient("class_weight", class_weight, classes)?;
    grads.check(labels.len(), options)?;
    check_smoothing(label_smoothing)?;
    check_at_least("scratch", scratch, options.scratch_len(labels.len()))?;
    let labels = options.labels(labels);
    labels.check()?;
    let (labels, reduced) = labels.reduce(reduction)?;
    let head = &Head { x, weight, bias, labels, inputs, smoothing: label_smoothing };
    let mut losses = Losses::new(reduced);
    let of_rows = &mut losses;
    dispatch!(simd::level(), s => both_passes(s, head, of_rows, grads, scratch));
    Ok(losses.reduce())
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The scratch of the products over a chunk of `width` classes.
const fn products_scratch_len(rows: usize, inputs: usize, width: usize) -> usize {
    let logits = Matmul::nt(rows, width, inputs).scratch_len();
    let not_kept = Matmul::nt(rows.saturating_sub(inputs), width, inputs).scratch_len();
    let dweight = Matmul::tn(width, inputs, rows).scratch_len();
    let dx = Matmul::nn(rows, inputs, width).scratch_len();
    max(max(logits, not_kept), max(dweight, dx))
}
