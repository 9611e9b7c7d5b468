//! Loss functions: a free function each, options with PyTorch's defaults, the gradient from the same pass.

mod cross_entropy;
mod cross_entropy_rows;
mod ctc;
mod ctc_states;
mod labels;
mod multiclass_margin;
mod multilabel_soft_margin;
mod nll;

pub use cross_entropy::{CrossEntropy, cross_entropy, cross_entropy_probabilities};
pub(crate) use cross_entropy_rows::{Targets, cross_entropy_rows};
pub use ctc::{Ctc, CtcTargets, ctc};
pub(crate) use labels::{Labels, check_labels};
pub use multiclass_margin::{MultiMargin, MultilabelMargin, multi_margin, multilabel_margin};
pub use multilabel_soft_margin::{MultilabelSoftMargin, multilabel_soft_margin};
pub use nll::{Nll, nll};

use crate::error::Result;
use crate::shape::check_len;

/// How the losses of the rows become one number.
#[derive(Debug, Default)]
pub enum Reduction<'a> {
    /// Their mean; NaN for no rows, as in PyTorch.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// PyTorch's `none`: *writes* each row's loss to the slice, answers their sum, and the gradient is that of the sum.
    Each(&'a mut [f32]),
}

impl<'a> Reduction<'a> {
    /// Checks the slice of [`Each`](Self::Each) and takes the reduction apart: what the loss and the gradient of a
    /// row are divided by, and where its loss goes.
    fn check(self, rows: usize) -> Result<(f32, Option<&'a mut [f32]>)> {
        match self {
            Self::Mean => Ok((rows as f32, None)),
            Self::Sum => Ok((1.0, None)),
            Self::Each(each) => {
                check_len("each", each, rows, 1)?;
                Ok((1.0, Some(each)))
            }
        }
    }
}
