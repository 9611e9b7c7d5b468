//! Loss functions: a free function each, options with PyTorch's defaults, the gradient from the same pass.

mod binary;
mod cosine;
mod cross_entropy;
mod cross_entropy_rows;
mod ctc;
mod ctc_states;
mod distance;
mod kl_div;
mod labels;
mod likelihood;
mod linear_cross_entropy;
mod linear_head;
mod logistic;
mod losses;
mod margin;
mod multiclass_margin;
mod multilabel_soft_margin;
mod nll;
mod pointwise;
mod regression;
mod shared;
mod spread;
mod triplet;
mod vectors;

pub use binary::{Bce, BceWithLogits, bce, bce_with_logits};
pub use cosine::{CosineEmbedding, CosineEmbeddingGrads, cosine_embedding};
pub use cross_entropy::{CrossEntropy, cross_entropy, cross_entropy_probabilities};
pub use ctc::{Ctc, CtcTargets, ctc};
pub use kl_div::{KlDiv, kl_div};
pub use likelihood::{GaussianNll, GaussianNllGrads, PoissonNll, gaussian_nll, poisson_nll};
pub use linear_cross_entropy::{LinearCrossEntropy, LinearCrossEntropyGrads, linear_cross_entropy};
pub use margin::{HingeEmbedding, MarginRanking, MarginRankingGrads, hinge_embedding, margin_ranking, soft_margin};
pub use multiclass_margin::{MultiMargin, MultilabelMargin, multi_margin, multilabel_margin};
pub use multilabel_soft_margin::{MultilabelSoftMargin, multilabel_soft_margin};
pub use nll::{Nll, nll};
pub use regression::{Huber, SmoothL1, huber, l1, mse, smooth_l1};
pub use triplet::{
    TripletMargin, TripletMarginGrads, TripletMarginWithDistance, TripletMarginWithDistanceGrads, triplet_margin,
    triplet_margin_with_distance,
};

pub(crate) use cross_entropy_rows::mean_of_classes;
pub(crate) use labels::check_labels;

use crate::error::Result;
use crate::health::Health;
use crate::shape::check_len;

/// How the losses of the rows, or of the elements, become one number.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Reduction<'a> {
    /// Their mean; NaN for no rows, and infinite where their sum is above `f32::MAX`, as in PyTorch.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// PyTorch's `none`: *writes* each row's loss to the slice, answers their sum, and the gradient is that of the sum.
    Each(&'a mut [f32]),
    /// Their sum divided by this number, whatever a loss's mean is divided by: PyTorch's `batchmean` with the number of rows, or the mean over all batches whose
    /// gradients are accumulated. 0 gives NaN and infinities.
    MeanOver(usize),
    /// What [`watch`](Self::watch) gives.
    Watched(Watched<'a>),
}

/// A [`Reduction`] whose pass also takes the health of the step.
#[derive(Debug)]
pub struct Watched<'a> {
    /// What the sum is divided by; `None` for the number of losses.
    over: Option<usize>,
    each: Option<&'a mut [f32]>,
    health: &'a mut Health,
}

/// Where the gradients of a loss of `x` and `target` go, each where it is wanted.
#[derive(Debug, Default)]
pub struct Grads<'a> {
    /// For `x`.
    pub dx: Option<&'a mut [f32]>,
    /// For `target`.
    pub dtarget: Option<&'a mut [f32]>,
}

impl<'a> Grads<'a> {
    /// No gradient is wanted.
    pub const NONE: Self = Self { dx: None, dtarget: None };

    /// The gradient for `x` alone.
    #[must_use]
    pub const fn dx(dx: &'a mut [f32]) -> Self {
        Self { dx: Some(dx), dtarget: None }
    }
}

impl<'a> From<Option<&'a mut [f32]>> for Grads<'a> {
    /// The gradient for `x`, if that is wanted.
    fn from(dx: Option<&'a mut [f32]>) -> Self {
        Self { dx, dtarget: None }
    }
}

/// A reduction taken apart and checked.
struct Reduced<'a> {
    /// What the sum and its gradient are divided by.
    divisor: f32,
    /// Whether that is the number of losses, and not a number that was given.
    is_mean: bool,
    /// Where each loss goes.
    each: Option<&'a mut [f32]>,
    /// Where the health goes.
    health: Option<&'a mut Health>,
}

impl<'a> Reduction<'a> {
    /// The same, and *writes* to `health` how the losses and the gradients of this call are, from the same pass.
    ///
    /// ```
    /// use flatgrad::Health;
    /// use flatgrad::loss::{Grads, Reduction, mse};
    ///
    /// let (mut health, mut dx) = (Health::default(), [0.0; 3]);
    /// mse(&[1.0, f32::NAN, -4.0], &[0.0; 3], Reduction::Sum.watch(&mut health), Grads::dx(&mut dx))?;
    /// assert_eq!((health.bad_values, health.bad_gradients, health.max_gradient), (1, 1, 8.0));
    /// # Ok::<(), flatgrad::Error>(())
    /// ```
    #[must_use]
    pub fn watch(self, health: &'a mut Health) -> Self {
        let (over, each) = match self {
            Self::Mean => (None, None),
            Self::Sum => (Some(1), None),
            Self::Each(each) => (Some(1), Some(each)),
            Self::MeanOver(rows) => (Some(rows), None),
            Self::Watched(watched) => (watched.over, watched.each),
        };
        Self::Watched(Watched { over, each, health })
    }

    /// Takes the reduction of `rows` losses apart, and checks that there is room for each of them.
    fn take_apart(self, rows: usize) -> Result<Reduced<'a>> {
        let (over, each, health) = match self {
            Self::Mean => (None, None, None),
            Self::Sum => (Some(1), None, None),
            Self::Each(each) => (Some(1), Some(each), None),
            Self::MeanOver(rows) => (Some(rows), None, None),
            Self::Watched(Watched { over, each, health }) => (over, each, Some(health)),
        };
        if let Some(each) = &each {
            check_len("each", each, rows, 1)?;
        }
        let divisor = over.unwrap_or(rows);
        Ok(Reduced { divisor: divisor as f32, is_mean: over.is_none(), each, health })
    }
}
