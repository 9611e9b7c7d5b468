//! Layer norm: each row to mean 0 and variance 1, then a weight and a bias for each column.
//!
//! As [`torch.nn.LayerNorm`](https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html); Ba, Kiros and Hinton,
//! "Layer Normalization", 2016, <https://arxiv.org/abs/1607.06450>.

use super::Affine;
use super::rows::{self, Rows, SAVED};
use crate::error::Result;
use crate::shape::{check_at_least, check_len, check_rows};
use crate::simd::Simd;
use crate::{dispatch, simd};

/// The options of a layer norm.
///
/// ```
/// use flatgrad::norm::layer_norm::{LayerNorm, backward, forward};
///
/// const LAYER: LayerNorm = LayerNorm { eps: 0.0, ..LayerNorm::new(2) };
/// let (mut params, x) = ([0.0; LAYER.param_len()], [10_001.0, 10_003.0, -1.0, 5.0]);
/// LAYER.init(&mut params)?;
/// let (mut y, mut saved) = ([0.0; 4], [0.0; LAYER.saved_len(2)]);
/// forward(LAYER, &params, &x, &mut y, &mut saved)?;
/// assert_eq!(y, [-1.0, 1.0, -1.0, 1.0]);
///
/// let (mut dparams, mut dx, mut scratch) = ([0.0; 4], [0.0; 4], [0.0; LAYER.scratch_len()]);
/// backward(LAYER, &params, &x, &[1.0, 1.0, 0.0, 2.0], &saved, &mut dparams, Some(&mut dx), &mut scratch)?;
/// assert_eq!(dparams, [-1.0, 3.0, 1.0, 3.0]); // of the weight, then of the bias
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// Width of a row.
    pub columns: usize,
    /// Added to the variance; 1e-5 by default.
    pub eps: f32,
    /// Whether there is a weight; `true` by default.
    pub weight: bool,
    /// Whether there is a bias; `true` by default.
    pub bias: bool,
}

impl LayerNorm {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(columns: usize) -> Self {
        Self { columns, eps: 1e-5, weight: true, bias: true }
    }

    /// Floats of weight and bias, as far as there are any.
    #[must_use]
    pub const fn param_len(self) -> usize {
        self.affine().param_len()
    }

    /// Floats that [`forward`] saves for [`backward`]: of each row its mean, what rounding left of the mean, and
    /// `1 / √(variance + eps)`.
    #[must_use]
    pub const fn saved_len(self, batch: usize) -> usize {
        batch.saturating_mul(SAVED)
    }

    /// Floats of scratch of [`backward`].
    #[must_use]
    pub const fn scratch_len(self) -> usize {
        if self.weight && self.bias { 0 } else { self.columns.saturating_mul(2) }
    }

    /// *Writes* the parameters that training starts from: weight 1, bias 0.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) where `params` has not [`param_len`](Self::param_len) elements.
    pub fn init(self, params: &mut [f32]) -> Result<()> {
        self.affine().init(params)
    }

    const fn affine(self) -> Affine {
        Affine { width: self.columns, weight: self.weight, bias: self.bias }
    }

    const fn rows(self) -> Rows {
        Rows { affine: self.affine(), eps: self.eps, is_centred: true }
    }
}

/// `y = (x - mean) / √(variance + eps) * weight + bias`, mean and (biased) variance being those of a row of
/// `x[batch][columns]`. *Writes* `y[batch][columns]`, and `saved`, [`LayerNorm::saved_len`], for [`backward`]; an empty
/// `saved` is not written.
///
/// Row i of `y` has the same bits whatever the batch. A row with an infinity or NaN becomes NaN; one whose squares
/// overflow is normalised all the same, where PyTorch gives 0.
///
/// # Errors
/// [`Error`](crate::Error) where a slice does not fit; nothing is written.
pub fn forward(layer: LayerNorm, params: &[f32], x: &[f32], y: &mut [f32], saved: &mut [f32]) -> Result<()> {
    rows_forward(layer.rows(), params, x, y, saved)
}

/// The gradients of [`forward`] from `dy[batch][columns]`: *writes* `dparams` and, where given, `dx[batch][columns]`.
///
/// *Scratch*: [`LayerNorm::scratch_len`].
///
/// # Errors
/// [`Error`](crate::Error) where a slice does not fit; nothing is written.
#[expect(clippy::too_many_arguments, reason = "what forward took and wrote, and the gradients")]
pub fn backward(
    layer: LayerNorm,
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
    layer: LayerNorm,
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
    layer: LayerNorm,
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
    layer: LayerNorm,
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

/// Checks, then [`rows::forward`].
pub(super) fn rows_forward(layer: Rows, params: &[f32], x: &[f32], y: &mut [f32], saved: &mut [f32]) -> Result<()> {
    let batch = check_rows("x", x, layer.affine.width)?;
    check_len("params", params, layer.affine.param_len(), 1)?;
    check_len("y", y, 1, x.len())?;
    if !saved.is_empty() {
        check_len("saved", saved, batch, SAVED)?;
    }
    dispatch!(simd::level(), s => rows::forward(s, layer, params, x, y, saved));
    Ok(())
}

/// Checks, then [`rows::backward`].
pub(super) fn rows_backward(
    layer: Rows,
    params: &[f32],
    [x, dy, saved]: [&[f32]; 3],
    dparams: (&mut [f32], bool),
    dx: Option<&mut [f32]>,
    (scratch, scratch_len): (&mut [f32], usize),
) -> Result<()> {
    let batch = check_rows("x", x, layer.affine.width)?;
    check_len("params", params, layer.affine.param_len(), 1)?;
    check_len("dy", dy, 1, x.len())?;
    check_len("saved", saved, batch, SAVED)?;
    check_len("dparams", dparams.0, layer.affine.param_len(), 1)?;
    if let Some(dx) = &dx {
        check_len("dx", dx, 1, x.len())?;
    }
    check_at_least("scratch", scratch, scratch_len)?;
    dispatch!(simd::level(), s => rows::backward(s, layer, params, [x, dy, saved], dparams, dx, scratch));
    Ok(())
}
