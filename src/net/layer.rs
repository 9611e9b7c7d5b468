//! What a [`Sequential`](super::Sequential) net is made of.

use crate::activation::Activation;
use crate::dense::Dense;
use crate::error::Result;
use core::fmt;

/// A layer of a [`Sequential`] net.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// A dense layer with bias.
    Dense(Dense),
    /// An element-wise activation, fused into the dense layer before it.
    Activation(Activation),
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
            Self::Activation(_) => None,
        }
    }

    /// The width of the rows that it gives, where that does not follow from those that it takes.
    pub(super) const fn outputs(&self) -> Option<usize> {
        match self {
            Self::Dense(dense) => Some(dense.outputs),
            Self::Activation(_) => None,
        }
    }

    /// The width of the rows that it makes of rows of this width.
    pub(super) const fn outputs_of(&self, inputs: usize) -> usize {
        match self.outputs() {
            Some(outputs) => outputs,
            None => inputs,
        }
    }

    /// What it learns, in PyTorch's order.
    pub(super) const fn params(&self) -> [Part; 2] {
        match self {
            Self::Dense(dense) => {
                [Part::matrix("weight", dense.outputs, dense.inputs), Part::vector("bias", dense.outputs)]
            }
            Self::Activation(_) => [Part::NONE; 2],
        }
    }

    /// Floats of all that it learns.
    pub(super) const fn param_len(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.param_len(),
            Self::Activation(_) => 0,
        }
    }

    /// What it keeps from step to step without learning it.
    pub(super) const fn buffers(&self) -> [Part; 3] {
        match self {
            Self::Dense(_) | Self::Activation(_) => [Part::NONE; 3],
        }
    }

    /// Floats of all its buffers.
    pub(super) const fn buffer_len(&self) -> usize {
        match self {
            Self::Dense(_) | Self::Activation(_) => 0,
        }
    }

    /// *Writes* its buffers as they are before the first step.
    #[expect(clippy::needless_pass_by_ref_mut, clippy::unused_self, reason = "no layer has any yet")]
    pub(super) fn init_buffers(&self, _buffers: &mut [f32], _seed: u64) {}

    /// The numbers it is made of must be those of a layer.
    pub(super) const fn check(&self) -> Result<()> {
        match self {
            Self::Dense(_) => Ok(()),
            Self::Activation(activation) => activation.check(),
        }
    }
}

/// PyTorch's name.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense(_) => f.pad("Linear"),
            Self::Activation(activation) => activation.fmt(f),
        }
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
