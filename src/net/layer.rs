//! What a [`Sequential`](super::Sequential) net is made of.

use crate::activation::Activation;
use crate::dense::Dense;
use crate::dropout::{Dropout, Stream};
use crate::error::Result;
use crate::init::Init;
use crate::norm::batch_norm::BatchNorm;
use crate::norm::layer_norm::LayerNorm;
use crate::norm::rms_norm::RmsNorm;
use crate::shape::rows_mut;
use core::fmt;
use rand_core::Rng;

/// A layer of a [`Sequential`](super::Sequential) net.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// A dense layer with bias.
    Dense(Dense),
    /// An element-wise activation, fused into the layer before it.
    Activation(Activation),
    /// Each channel to mean 0 and variance 1 over the batch, in inference by running statistics.
    BatchNorm(BatchNorm),
    /// Each row to mean 0 and variance 1.
    LayerNorm(LayerNorm),
    /// Each row to mean square 1.
    RmsNorm(RmsNorm),
    /// In training, elements dropped at random, the others scaled; in inference nothing.
    Dropout(Dropout),
}

impl Layer {
    /// `y = x Wᵀ + b`
    #[must_use]
    pub const fn dense(inputs: usize, outputs: usize) -> Self {
        Self::Dense(Dense { inputs, outputs })
    }

    /// Any activation, such as `Layer::activation(Activation::Gelu)` or `Layer::activation(Activation::elu())`.
    #[must_use]
    pub const fn activation(activation: Activation) -> Self {
        Self::Activation(activation)
    }

    /// A batch norm with PyTorch's defaults; others by `Layer::BatchNorm(BatchNorm { .. })`.
    #[must_use]
    pub const fn batch_norm(features: usize) -> Self {
        Self::BatchNorm(BatchNorm::new(features))
    }

    /// A layer norm with PyTorch's defaults.
    #[must_use]
    pub const fn layer_norm(features: usize) -> Self {
        Self::LayerNorm(LayerNorm::new(features))
    }

    /// An RMS norm with PyTorch's defaults.
    #[must_use]
    pub const fn rms_norm(features: usize) -> Self {
        Self::RmsNorm(RmsNorm::new(features))
    }

    /// Each element dropped with probability `p`.
    #[must_use]
    pub const fn dropout(p: f32) -> Self {
        Self::Dropout(Dropout::new(p))
    }

    /// Each element dropped with probability `p` in the way that belongs to SELU.
    #[must_use]
    pub const fn alpha_dropout(p: f32) -> Self {
        Self::Dropout(Dropout::alpha(p))
    }

    /// `max(x, 0)`
    #[must_use]
    pub const fn relu() -> Self {
        Self::Activation(Activation::Relu)
    }

    /// `1 / (1 + e^-x)`
    #[must_use]
    pub const fn sigmoid() -> Self {
        Self::Activation(Activation::Sigmoid)
    }

    /// `tanh x`
    #[must_use]
    pub const fn tanh() -> Self {
        Self::Activation(Activation::Tanh)
    }

    /// `x / 2 * (1 + erf(x / √2))`
    #[must_use]
    pub const fn gelu() -> Self {
        Self::Activation(Activation::Gelu)
    }

    /// `x / (1 + e^-x)`
    #[must_use]
    pub const fn silu() -> Self {
        Self::Activation(Activation::Silu)
    }

    /// `x` above 0, `0.01 * x` elsewhere
    #[must_use]
    pub const fn leaky_relu() -> Self {
        Self::Activation(Activation::leaky_relu())
    }

    /// The width of the rows that it takes, where it takes only one.
    pub(super) const fn inputs(&self) -> Option<usize> {
        match self {
            Self::Dense(dense) => Some(dense.inputs),
            _ => self.outputs(),
        }
    }

    /// The width of the rows that it gives, where that does not follow from those that it takes.
    #[inline]
    pub(super) const fn outputs(&self) -> Option<usize> {
        match self {
            Self::Dense(dense) => Some(dense.outputs),
            Self::BatchNorm(norm) => Some(norm.columns()),
            Self::LayerNorm(norm) => Some(norm.columns),
            Self::RmsNorm(norm) => Some(norm.columns),
            Self::Activation(_) | Self::Dropout(_) => None,
        }
    }

    /// The width of the rows that it makes of rows of this width.
    #[inline]
    pub(super) const fn outputs_of(&self, inputs: usize) -> usize {
        match self.outputs() {
            Some(outputs) => outputs,
            None => inputs,
        }
    }

    /// What it learns, in PyTorch's order.
    pub(super) const fn params(&self) -> [Part; 2] {
        let (columns, weight, bias) = match self {
            Self::Dense(Dense { inputs, outputs }) => {
                return [Part::matrix("weight", *outputs, *inputs), Part::vector("bias", *outputs)];
            }
            Self::BatchNorm(norm) => (norm.channels, norm.weight, norm.bias),
            Self::LayerNorm(norm) => (norm.columns, norm.weight, norm.bias),
            Self::RmsNorm(norm) => (norm.columns, norm.weight, false),
            Self::Activation(_) | Self::Dropout(_) => (0, false, false),
        };
        [
            if weight { Part::vector("weight", columns) } else { Part::NONE },
            if bias { Part::vector("bias", columns) } else { Part::NONE },
        ]
    }

    /// What it keeps from step to step without learning it.
    pub(super) const fn buffers(&self) -> [Part; 3] {
        match self {
            Self::BatchNorm(norm) => [
                Part::vector("num_batches_tracked", 1),
                Part::vector("running_mean", norm.channels),
                Part::vector("running_var", norm.channels),
            ],
            Self::Dropout(_) => [Part::vector("seed", DIGITS), Part::vector("step", DIGITS), Part::NONE],
            _ => [Part::NONE; 3],
        }
    }

    /// Floats of all that it learns and keeps, and that a training pass saves of it beside its output.
    #[inline]
    pub(super) const fn extent(&self) -> Extent {
        let none = Extent::NONE;
        match self {
            Self::Dense(dense) => Extent { params: dense.param_len(), ..none },
            Self::Activation(_) => none,
            Self::BatchNorm(norm) => {
                Extent { params: norm.param_len(), buffers: norm.state_len(), moments: norm.saved_len(), ..none }
            }
            Self::LayerNorm(norm) => Extent { params: norm.param_len(), row_moments: norm.saved_len(1), ..none },
            Self::RmsNorm(norm) => Extent { params: norm.param_len(), row_moments: norm.saved_len(1), ..none },
            Self::Dropout(_) => Extent { buffers: 2 * DIGITS, ..none },
        }
    }

    /// Floats of scratch that it needs for `batch` rows in inference.
    pub(super) const fn forward_scratch_len(&self, batch: usize) -> usize {
        match self {
            Self::Dense(dense) => dense.forward_scratch_len(batch),
            Self::BatchNorm(norm) => norm.scratch_len(),
            _ => 0,
        }
    }

    /// Floats of scratch that it needs for `batch` rows in training, there and back.
    pub(super) const fn train_scratch_len(&self, batch: usize) -> usize {
        match self {
            Self::Dense(dense) => dense.scratch_len(batch),
            Self::BatchNorm(norm) => norm.scratch_len(),
            Self::LayerNorm(norm) => norm.scratch_len(),
            Self::RmsNorm(norm) => norm.scratch_len(),
            Self::Activation(_) | Self::Dropout(_) => 0,
        }
    }

    /// *Writes* what it learns, if it does, as it is before the first step.
    pub(super) fn init(&self, law: Init, params: &mut [f32], rng: &mut (impl Rng + ?Sized)) -> Result<()> {
        match self {
            Self::Dense(dense) => {
                let (weight, bias) = params.split_at_mut_checked(dense.weight_len()).unwrap_or_default();
                law.fill(weight, bias, [dense.outputs, dense.inputs], rng)
            }
            Self::BatchNorm(norm) => norm.init(params),
            Self::LayerNorm(norm) => norm.init(params),
            Self::RmsNorm(norm) => norm.init(params),
            Self::Activation(_) | Self::Dropout(_) => Ok(()),
        }
    }

    /// *Writes* its buffers, if it has some, as they are before the first step.
    pub(super) fn init_buffers(&self, buffers: &mut [f32], seed: u64) -> Result<()> {
        match self {
            Self::BatchNorm(norm) => norm.reset(buffers),
            Self::Dropout(_) => {
                for (number, value) in rows_mut(buffers, DIGITS).zip([seed, 0]) {
                    write_number(number, value);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The numbers it is made of must be those of a layer.
    pub(super) const fn check(&self) -> Result<()> {
        match self {
            Self::Activation(activation) => activation.check(),
            Self::Dropout(dropout) => dropout.check(),
            _ => Ok(()),
        }
    }

    /// Whether it can train on this many rows.
    pub(super) const fn check_batch(&self, batch: usize) -> Result<()> {
        match self {
            Self::BatchNorm(norm) => norm.check_batch(batch.saturating_mul(norm.length)),
            _ => Ok(()),
        }
    }
}

/// PyTorch's name.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense(_) => f.pad("Linear"),
            Self::BatchNorm(_) => f.pad("BatchNorm1d"),
            Self::LayerNorm(_) => f.pad("LayerNorm"),
            Self::RmsNorm(_) => f.pad("RMSNorm"),
            Self::Dropout(dropout) => f.pad(if dropout.alpha { "AlphaDropout" } else { "Dropout" }),
            Self::Activation(activation) => activation.fmt(f),
        }
    }
}

/// Lengths in the flat slices, or places in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub params: usize,
    pub buffers: usize,
    /// For each row, its output.
    pub outputs: usize,
    /// For each row, what its activation takes, where that is kept.
    pub kept: usize,
    /// What a norm saves of each row.
    pub row_moments: usize,
    /// What a norm saves of a batch.
    pub moments: usize,
}

impl Extent {
    pub(super) const NONE: Self = Self { params: 0, buffers: 0, outputs: 0, kept: 0, row_moments: 0, moments: 0 };

    #[inline]
    pub(super) const fn after(self, other: Self) -> Self {
        Self {
            params: self.params.saturating_add(other.params),
            buffers: self.buffers.saturating_add(other.buffers),
            outputs: self.outputs.saturating_add(other.outputs),
            kept: self.kept.saturating_add(other.kept),
            row_moments: self.row_moments.saturating_add(other.row_moments),
            moments: self.moments.saturating_add(other.moments),
        }
    }

    #[inline]
    pub(super) const fn before(self, other: Self) -> Self {
        Self {
            params: self.params.wrapping_sub(other.params),
            buffers: self.buffers.wrapping_sub(other.buffers),
            outputs: self.outputs.wrapping_sub(other.outputs),
            kept: self.kept.wrapping_sub(other.kept),
            row_moments: self.row_moments.wrapping_sub(other.row_moments),
            moments: self.moments.wrapping_sub(other.moments),
        }
    }

    /// Floats of moments for a batch.
    pub(super) const fn moments_of(&self, batch: usize) -> usize {
        batch.saturating_mul(self.row_moments).saturating_add(self.moments)
    }
}

/// A tensor of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub name: &'static str,
    pub dims: [usize; 2],
    /// How many of `dims` there are; 0 for no tensor.
    pub rank: usize,
}

impl Part {
    pub(super) const NONE: Self = Self { name: "", dims: [0; 2], rank: 0 };

    const fn vector(name: &'static str, len: usize) -> Self {
        Self { name, dims: [len, 1], rank: 1 }
    }

    const fn matrix(name: &'static str, rows: usize, columns: usize) -> Self {
        Self { name, dims: [rows, columns], rank: 2 }
    }

    pub(super) const fn len(&self) -> usize {
        let [rows, columns] = self.dims;
        rows.saturating_mul(columns)
    }
}

/// Floats of a `u64` in the buffers: 16 bits each, so that no float is one that copying might change.
const DIGITS: usize = 4;

fn read_number(digits: &[f32]) -> u64 {
    digits.iter().rev().fold(0, |number, digit| number << 16 | u64::from(*digit as u16))
}

fn write_number(digits: &mut [f32], mut number: u64) {
    for digit in digits {
        *digit = f32::from(number as u16);
        number >>= 16;
    }
}

/// The mask of the last training pass by the buffers of a dropout; `layer` is its number.
pub(super) fn stream(buffers: &[f32], layer: usize) -> Stream {
    let (seed, step) = buffers.split_at_checked(DIGITS).unwrap_or_default();
    Stream { step: read_number(step), layer: layer as u32, ..Stream::new(read_number(seed)) }
}

/// The next mask. *Writes* its number to the buffers.
pub(super) fn next_stream(buffers: &mut [f32], layer: usize) -> Stream {
    let stream = stream(buffers, layer);
    let stream = Stream { step: stream.step.wrapping_add(1), ..stream };
    let (_, step) = buffers.split_at_mut_checked(DIGITS).unwrap_or_default();
    write_number(step, stream.step);
    stream
}
