//! RMS norm: each row by its root mean square, then a weight for each column.
//!
//! As [`torch.nn.RMSNorm`](https://pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html); Zhang and Sennrich, "Root
//! Mean Square Layer Normalization", 2019, <https://arxiv.org/abs/1910.07467>.

use super::Affine;
use super::layer_norm::{rows_backward, rows_forward};
use super::rows::{self, Rows, SAVED};
use crate::error::Result;
use crate::simd::Simd;

/// The options of an RMS norm.
///
/// ```
/// use flatgrad::norm::rms_norm::{RmsNorm, backward, forward};
///
/// const LAYER: RmsNorm = RmsNorm { eps: Some(0.0), ..RmsNorm::new(2) };
/// let (params, x) = ([1.0, 2.0], [1.0, -7.0]); // root mean square 5
/// let (mut y, mut saved) = ([0.0; 2], [0.0; LAYER.saved_len(1)]);
/// forward(LAYER, &params, &x, &mut y, &mut saved)?;
/// assert_eq!(y, [0.2, -2.8]);
///
/// let (mut dparams, mut dx, mut scratch) = ([0.0; 2], [0.0; 2], [0.0; LAYER.scratch_len()]);
/// backward(LAYER, &params, &x, &[1.0, 0.0], &saved, &mut dparams, Some(&mut dx), &mut scratch)?;
/// assert_eq!(dparams, [0.2, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsNorm {
    /// Width of a row.
    pub columns: usize,
    /// Added to the mean square; `None`, the default, is [`f32::EPSILON`].
    pub eps: Option<f32>,
    /// Whether there is a weight; `true` by default.
    pub weight: bool,
}

impl RmsNorm {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(columns: usize) -> Self {
        Self { columns, eps: None, weight: true }
    }

    /// Floats of the weight, if there is one.
    #[must_use]
    pub const fn param_len(self) -> usize {
        self.affine().param_len()
    }

    /// Floats that [`forward`] saves for [`backward`]: of each row two zeros, where a layer norm has its mean, and
    /// `1 / √(mean square + eps)`.
    #[must_use]
    pub const fn saved_len(self, batch: usize) -> usize {
        batch.saturating_mul(SAVED)
    }

    /// Floats of scratch of [`backward`].
    #[must_use]
    pub const fn scratch_len(self) -> usize {
        self.columns.saturating_mul(2)
    }

    /// *Writes* the weight that training starts from, 1.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where `params` has not [`param_len`](Self::param_len) elements.
    pub fn init(self, params: &mut [f32]) -> Result<()> {
        self.affine().init(params)
    }

    const fn affine(self) -> Affine {
        Affine { width: self.columns, weight: self.weight, bias: false }
    }

    const fn rows(self) -> Rows {
        let eps = match self.eps {
            Some(eps) => eps,
            None => f32::EPSILON,
        };
        Rows { affine: self.affine(), eps, is_centred: false }
    }
}

/// `y = x / √(mean of x² + eps) * weight` for each row of `x[batch][columns]`. *Writes* `y[batch][columns]`, and `saved`,
/// [`RmsNorm::saved_len`], for [`backward`]; an empty `saved` is not written.
///
/// Row i of `y` has the same bits whatever the batch. A NaN makes its row NaN. An infinity becomes NaN and the numbers beside
/// it 0; a row whose squares overflow is normalised all the same, where PyTorch gives 0.
///
/// # Errors
/// [`Error`](crate::Error) where a slice does not fit; nothing is written.
pub fn forward(layer: RmsNorm, params: &[f32], x: &[f32], y: &mut [f32], saved: &mut [f32]) -> Result<()> {
    rows_forward(layer.rows(), params, x, y, saved)
}

/// The gradients of [`forward`] from `dy[batch][columns]`: *writes* `dparams` and, where given, `dx[batch][columns]`.
///
/// *Scratch*: [`RmsNorm::scratch_len`].
///
/// # Errors
/// [`Error`](crate::Error) where a slice does not fit; nothing is written.
#[expect(clippy::too_many_arguments, reason = "what forward took and wrote, and the gradients")]
pub fn backward(
    layer: RmsNorm,
    params: &[f32],
    x: &[f32],
    dy: &[f32],
    saved: &[f32],
    dparams: &mut [f32],
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<()> {
    rows_backward(layer.rows(), params, [x, dy, saved], (dparams, false), dx, (scratch, layer.scratch_len()))
}

/// [`backward`] that adds to what `dparams` holds: *accumulates* into `dparams`, *writes* `dx`.
///
/// From gradients of 0, parts of a batch one after the other give the bits of the whole batch at once.
///
/// # Errors
/// As [`backward`].
#[expect(clippy::too_many_arguments, reason = "those of `backward`")]
pub fn backward_accumulate(
    layer: RmsNorm,
    params: &[f32],
    x: &[f32],
    dy: &[f32],
    saved: &[f32],
    dparams: &mut [f32],
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<()> {
    rows_backward(layer.rows(), params, [x, dy, saved], (dparams, true), dx, (scratch, layer.scratch_len()))
}

/// [`forward`] without its checks.
#[inline(always)]
pub(crate) fn forward_kernel<S: Simd>(
    s: S,
    layer: RmsNorm,
    params: &[f32],
    x: &[f32],
    y: &mut [f32],
    saved: &mut [f32],
) {
    rows::forward(s, layer.rows(), params, x, y, saved);
}

/// [`backward`] without its checks, or [`backward_accumulate`].
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "those of `backward`")]
pub(crate) fn backward_kernel<S: Simd>(
    s: S,
    layer: RmsNorm,
    params: &[f32],
    x: &[f32],
    dy: &[f32],
    saved: &[f32],
    (dparams, is_added): (&mut [f32], bool),
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) {
    rows::backward(s, layer.rows(), params, [x, dy, saved], (dparams, is_added), dx, scratch);
}
