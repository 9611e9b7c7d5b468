//! Batch norm: each channel to mean 0 and variance 1 over the batch, then a weight and a bias.
//!
//! As [`torch.nn.BatchNorm1d`](https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html); Ioffe and Szegedy,
//! "Batch Normalization", 2015, <https://arxiv.org/abs/1502.03167>.

use super::{Affine, columns, parts, parts_mut, runs};
use crate::error::{Error, Result};
use crate::shape::{check_at_least, check_len, check_rows};
use crate::simd::Simd;
use crate::{dispatch, simd};
use runs::Runs;

/// The options of a batch norm.
///
/// ```
/// use flatgrad::norm::batch_norm::{BatchNorm, forward, forward_train};
///
/// const LAYER: BatchNorm = BatchNorm { eps: 0.0, ..BatchNorm::new(1) };
/// let (mut params, mut state) = ([0.0; LAYER.param_len()], [0.0; LAYER.state_len()]);
/// LAYER.init(&mut params)?;
/// LAYER.reset(&mut state)?;
///
/// let (x, mut y, mut saved) = ([1.0, 3.0], [0.0; 2], [0.0; LAYER.saved_len()]);
/// forward_train(LAYER, &params, &x, &mut y, Some(&mut state), &mut saved)?;
/// assert_eq!(y, [-1.0, 1.0]);
/// assert_eq!(LAYER.running(&state)?, (&[0.2][..], &[1.1][..])); // a tenth of the way to 2 and to the unbiased 2
///
/// let mut scratch = [0.0; LAYER.scratch_len()];
/// forward(LAYER, &params, &state, &[0.2], &mut y[..1], &mut scratch)?;
/// assert_eq!(y[0], 0.0);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Number of channels.
    pub channels: usize,
    /// Elements of a channel in a row of `x[batch][channels][length]`; 1 by default.
    pub length: usize,
    /// Added to the variance; 1e-5 by default.
    pub eps: f32,
    /// How far the running statistics move to those of a batch; 0.1 by default. `None` makes them the mean over all batches.
    pub momentum: Option<f32>,
    /// Whether there is a weight; `true` by default.
    pub weight: bool,
    /// Whether there is a bias; `true` by default.
    pub bias: bool,
}

impl BatchNorm {
    /// PyTorch's defaults.
    #[must_use]
    pub const fn new(channels: usize) -> Self {
        Self { channels, length: 1, eps: 1e-5, momentum: Some(0.1), weight: true, bias: true }
    }

    /// Width of a row of the batch: `channels * length`.
    #[must_use]
    pub const fn columns(self) -> usize {
        self.channels.saturating_mul(self.length)
    }

    /// Floats of weight and bias, as far as there are any.
    #[must_use]
    pub const fn param_len(self) -> usize {
        self.affine().param_len()
    }

    /// Floats of running statistics: the number of batches, as the bits of a `u32`, the mean of each channel, and the
    /// variance of each.
    #[must_use]
    pub const fn state_len(self) -> usize {
        self.channels.saturating_mul(2).saturating_add(1)
    }

    /// Floats that [`forward_train`] saves for [`backward`]: the means of the channels, what rounding left of them, and
    /// `1 / √(variance + eps)`.
    #[must_use]
    pub const fn saved_len(self) -> usize {
        self.channels.saturating_mul(3)
    }

    /// Floats of scratch of [`forward`], [`backward`] and [`backward_eval`].
    #[must_use]
    pub const fn scratch_len(self) -> usize {
        self.channels.saturating_mul(6)
    }

    /// *Writes* the parameters that training starts from: weight 1, bias 0.
    ///
    /// # Errors
    /// [`Error::Length`] where `params` has not [`param_len`](Self::param_len) elements.
    pub fn init(self, params: &mut [f32]) -> Result<()> {
        self.affine().init(params)
    }

    /// *Writes* the state that training starts from: no batches, means 0, variances 1.
    ///
    /// # Errors
    /// [`Error::Length`] where `state` has not [`state_len`](Self::state_len) elements.
    pub fn reset(self, state: &mut [f32]) -> Result<()> {
        check_len("state", state, self.state_len(), 1)?;
        state.fill(0.0);
        if let Some(variances) = state.get_mut(1 + self.channels..) {
            variances.fill(1.0);
        }
        Ok(())
    }

    /// The running means and variances in a state.
    ///
    /// # Errors
    /// [`Error::Length`] where `state` has not [`state_len`](Self::state_len) elements.
    pub fn running(self, state: &[f32]) -> Result<(&[f32], &[f32])> {
        check_len("state", state, self.state_len(), 1)?;
        Ok(state.get(1..).unwrap_or_default().split_at_checked(self.channels).unwrap_or_default())
    }

    /// A batch needs more than one value for each channel to train on.
    pub(crate) const fn check_batch(self, values: usize) -> Result<()> {
        if values == 1 && self.channels > 0 {
            return Err(Error::Value { argument: "x", expected: "more than one value of each channel in training" });
        }
        Ok(())
    }

    const fn affine(self) -> Affine {
        Affine { width: self.channels, weight: self.weight, bias: self.bias }
    }

    const fn runs(self) -> Runs {
        Runs { channels: self.channels, length: self.length }
    }

    /// Values of each channel in `x`.
    fn values(self, x: &[f32]) -> usize {
        x.len().checked_div(self.channels).unwrap_or_default()
    }

    fn check(self, params: &[f32], x: &[f32], (name, y): (&'static str, &[f32])) -> Result<()> {
        check_rows("x", x, self.columns())?;
        check_len("params", params, self.param_len(), 1)?;
        check_len(name, y, 1, x.len())
    }
}

/// In training: `y = (x - mean) / √(variance + eps) * weight + bias` with mean and biased variance of each channel over the
/// batch `x[batch][channels][length]`. *Writes* `y` and `saved`, [`BatchNorm::saved_len`], for [`backward`], and *updates*
/// the running statistics, if given, with the mean and the unbiased variance.
///
/// A batch of nothing writes nothing. A channel with an infinity or NaN becomes NaN, and so do its running statistics.
///
/// # Errors
/// [`Error`] where a slice does not fit or there is only one value of each channel; nothing is written.
pub fn forward_train(
    layer: BatchNorm,
    params: &[f32],
    x: &[f32],
    y: &mut [f32],
    state: Option<&mut [f32]>,
    saved: &mut [f32],
) -> Result<()> {
    layer.check(params, x, ("y", y))?;
    layer.check_batch(layer.values(x))?;
    if let Some(state) = &state {
        check_len("state", state, layer.state_len(), 1)?;
    }
    check_len("saved", saved, layer.saved_len(), 1)?;
    let state = state.unwrap_or_default();
    dispatch!(simd::level(), s => forward_train_kernel(s, layer, params, x, y, state, saved));
    Ok(())
}

/// In evaluation: `y = (x - running mean) / √(running variance + eps) * weight + bias`. *Writes* `y`.
///
/// *Scratch*: [`BatchNorm::scratch_len`].
///
/// # Errors
/// [`Error`] where a slice does not fit; nothing is written.
pub fn forward(
    layer: BatchNorm,
    params: &[f32],
    state: &[f32],
    x: &[f32],
    y: &mut [f32],
    scratch: &mut [f32],
) -> Result<()> {
    layer.check(params, x, ("y", y))?;
    check_len("state", state, layer.state_len(), 1)?;
    check_at_least("scratch", scratch, layer.scratch_len())?;
    dispatch!(simd::level(), s => forward_kernel(s, layer, params, state, x, y, scratch));
    Ok(())
}

/// The gradients of [`forward_train`] from `dy`: *writes* `dparams` and, where given, `dx`.
///
/// *Scratch*: [`BatchNorm::scratch_len`].
///
/// # Errors
/// [`Error`] where a slice does not fit; nothing is written.
#[expect(clippy::too_many_arguments, reason = "what forward took and wrote, and the gradients")]
pub fn backward(
    layer: BatchNorm,
    params: &[f32],
    x: &[f32],
    dy: &[f32],
    saved: &[f32],
    dparams: &mut [f32],
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<()> {
    check_len("saved", saved, layer.saved_len(), 1)?;
    checked_backward(layer, params, [x, dy], Known::Saved(saved), (dparams, false), dx, scratch)
}

/// [`backward`] that adds to what `dparams` holds: *accumulates* into `dparams`, *writes* `dx`.
///
/// # Errors
/// As [`backward`].
#[expect(clippy::too_many_arguments, reason = "those of `backward`")]
pub fn backward_accumulate(
    layer: BatchNorm,
    params: &[f32],
    x: &[f32],
    dy: &[f32],
    saved: &[f32],
    dparams: &mut [f32],
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<()> {
    check_len("saved", saved, layer.saved_len(), 1)?;
    checked_backward(layer, params, [x, dy], Known::Saved(saved), (dparams, true), dx, scratch)
}

/// The gradients of [`forward`], whose statistics are constants: *writes* `dparams` and, where given, `dx`.
///
/// *Scratch*: [`BatchNorm::scratch_len`].
///
/// # Errors
/// [`Error`] where a slice does not fit; nothing is written.
#[expect(clippy::too_many_arguments, reason = "what forward took, and the gradients")]
pub fn backward_eval(
    layer: BatchNorm,
    params: &[f32],
    state: &[f32],
    x: &[f32],
    dy: &[f32],
    dparams: &mut [f32],
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<()> {
    check_len("state", state, layer.state_len(), 1)?;
    checked_backward(layer, params, [x, dy], Known::Running(state), (dparams, false), dx, scratch)
}

/// Where the statistics are.
#[derive(Clone, Copy)]
enum Known<'a> {
    Saved(&'a [f32]),
    Running(&'a [f32]),
}

fn checked_backward(
    layer: BatchNorm,
    params: &[f32],
    [x, dy]: [&[f32]; 2],
    known: Known,
    (dparams, is_added): (&mut [f32], bool),
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) -> Result<()> {
    layer.check(params, x, ("dy", dy))?;
    check_len("dparams", dparams, layer.param_len(), 1)?;
    if let Some(dx) = &dx {
        check_len("dx", dx, 1, x.len())?;
    }
    check_at_least("scratch", scratch, layer.scratch_len())?;
    dispatch!(simd::level(), s => {
        gradients(s, layer, params, [x, dy], known, (dparams, is_added), dx, scratch);
    });
    Ok(())
}

/// [`forward_train`] without its checks; an empty `state` is none.
#[inline(always)]
pub(crate) fn forward_train_kernel<S: Simd>(
    s: S,
    layer: BatchNorm,
    params: &[f32],
    x: &[f32],
    y: &mut [f32],
    state: &mut [f32],
    saved: &mut [f32],
) {
    let count = layer.values(x) as f32;
    if x.is_empty() {
        return;
    }
    if layer.length == 1 {
        columns::moments(s, x, layer.channels, saved);
    } else {
        runs::channel_moments(s, layer.runs(), x, saved);
    }
    if let Some((batches, running)) = state.split_first_mut() {
        let number = batches.to_bits().saturating_add(1);
        *batches = f32::from_bits(number);
        let momentum = layer.momentum.unwrap_or(1.0 / number as f32);
        let (mean, var) = running.split_at_mut_checked(layer.channels).unwrap_or_default();
        columns::track(s, saved, [mean, var], count, momentum);
    }
    let [_, _, squares] = parts_mut(saved, layer.channels);
    columns::finish(s, squares, count, layer.eps);
    write(s, layer, params, saved, x, y);
}

#[inline(always)]
fn write<S: Simd>(s: S, layer: BatchNorm, params: &[f32], saved: &[f32], x: &[f32], y: &mut [f32]) {
    if layer.length == 1 {
        columns::write(s, layer.affine(), params, saved, x, y);
    } else {
        runs::write(s, layer.length, layer.affine(), params, saved, (x, y));
    }
}

/// [`forward`] without its checks.
#[inline(always)]
pub(crate) fn forward_kernel<S: Simd>(
    s: S,
    layer: BatchNorm,
    params: &[f32],
    state: &[f32],
    x: &[f32],
    y: &mut [f32],
    scratch: &mut [f32],
) {
    let (saved, _) = scratch.split_at_mut_checked(layer.saved_len()).unwrap_or_default();
    save_running(s, layer, state, saved);
    write(s, layer, params, saved, x, y);
}

/// *Writes* what forward would save, from the running statistics.
#[inline(always)]
fn save_running<S: Simd>(s: S, layer: BatchNorm, state: &[f32], saved: &mut [f32]) {
    let [mean, rest, var] = parts_mut(saved, layer.channels);
    let (running_mean, running_var) =
        state.get(1..).unwrap_or_default().split_at_checked(layer.channels).unwrap_or_default();
    rest.fill(0.0);
    for ((mean, var), (running_mean, running_var)) in
        mean.iter_mut().zip(&mut *var).zip(running_mean.iter().zip(running_var))
    {
        (*mean, *var) = (*running_mean, *running_var);
    }
    columns::finish(s, var, 1.0, layer.eps);
}

/// [`backward`] without its checks, or [`backward_accumulate`].
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "those of `backward`")]
pub(crate) fn backward_kernel<S: Simd>(
    s: S,
    layer: BatchNorm,
    params: &[f32],
    x: &[f32],
    dy: &[f32],
    saved: &[f32],
    dparams: (&mut [f32], bool),
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) {
    gradients(s, layer, params, [x, dy], Known::Saved(saved), dparams, dx, scratch);
}

#[inline(never)]
#[expect(clippy::too_many_arguments, reason = "those of `backward`")]
fn gradients<S: Simd>(
    s: S,
    layer: BatchNorm,
    params: &[f32],
    [x, dy]: [&[f32]; 2],
    known: Known,
    (dparams, is_added): (&mut [f32], bool),
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) {
    let (own, sums) = scratch.split_at_mut_checked(layer.saved_len()).unwrap_or_default();
    let saved = match known {
        Known::Saved(saved) => saved,
        Known::Running(state) => {
            save_running(s, layer, state, own);
            &*own
        }
    };
    if layer.length == 1 {
        columns::sums(s, [x, dy, saved], layer.channels, sums);
    } else {
        runs::sums(s, layer.runs(), [x, dy, saved], sums);
    }
    let [dbias, dweight, _] = parts(sums, layer.channels);
    for (to, from) in layer.affine().split_mut(dparams).into_iter().zip([dweight, dbias]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = if is_added { *to + from } else { *from };
        }
    }
    let Some(dx) = dx else { return };
    if let Known::Running(_) = known {
        // y = (x - mean) factor + bias, all of it constant but x: dx = (dy - 0) factor.
        let [mean] = parts_mut(own, layer.channels);
        mean.fill(0.0);
        write(s, BatchNorm { bias: false, ..layer }, params, own, dy, dx);
        return;
    }
    columns::coefficients(s, layer.affine(), params, saved, sums, [layer.values(x) as f32, layer.eps]);
    if layer.length == 1 {
        columns::write_gradient(s, [x, dy, saved], sums, layer.channels, dx);
    } else {
        runs::write_gradient(s, layer.runs(), [x, dy, saved], sums, dx);
    }
}
