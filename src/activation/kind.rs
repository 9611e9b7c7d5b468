//! What an [`Activation`] is: its variants, defaults, names, and what its derivative needs.

use crate::error::{Error, Result};
use core::fmt;

/// An element-wise activation.
///
/// Values, gradients at kinks, NaN and ±inf are PyTorch's, with its defaults in the functions of lower case. Better
/// than PyTorch: where the limit at ±inf is finite, so are value and derivative, while PyTorch gives NaN. That is
/// [`Gelu`](Self::Gelu), [`GeluTanh`](Self::GeluTanh), [`Silu`](Self::Silu), [`Mish`](Self::Mish) and
/// [`Hardswish`](Self::Hardswish), which are -0 at -inf with the derivative 0, and 1 at inf; [`Softsign`](Self::Softsign),
/// ±1 at ±inf with the derivative 0; [`LeakyRelu`](Self::LeakyRelu) with slope 0, -0 at -inf. At NaN the derivatives of PyTorch's vectors
/// differ from those of the elements beside them; here they are the latter, wherever the NaN is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// `max(x, 0)`; NaN passes; the gradient at 0 is 0.
    /// [`torch.nn.ReLU`](https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html)
    Relu,
    /// `min(max(x, 0), 6)`; the gradient at 0 and at 6 is 0.
    /// [`torch.nn.ReLU6`](https://pytorch.org/docs/stable/generated/torch.nn.ReLU6.html)
    Relu6,
    /// `x` above 0, `negative_slope * x` elsewhere; the gradient at 0 is the slope.
    /// [`torch.nn.LeakyReLU`](https://pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html)
    LeakyRelu {
        /// PyTorch's default is 0.01.
        negative_slope: f32,
    },
    /// `x` above 0, `alpha * (e^x - 1)` elsewhere; the gradient at 0 is `alpha`.
    /// [`torch.nn.ELU`](https://pytorch.org/docs/stable/generated/torch.nn.ELU.html)
    Elu {
        /// PyTorch's default is 1.
        alpha: f32,
    },
    /// `1.0507009873554805 * x` above 0, `1.7580993408473766 * (e^x - 1)` elsewhere; the gradient at 0 is the latter
    /// factor. [`torch.nn.SELU`](https://pytorch.org/docs/stable/generated/torch.nn.SELU.html)
    Selu,
    /// `x` above 0, `alpha * (e^(x / alpha) - 1)` elsewhere; the gradient at 0 is 1.
    /// [`torch.nn.CELU`](https://pytorch.org/docs/stable/generated/torch.nn.CELU.html)
    Celu {
        /// Finite, and its reciprocal too; PyTorch's default is 1.
        alpha: f32,
    },
    /// `x / 2 * (1 + erf(x / √2))`.
    /// [`torch.nn.GELU`](https://pytorch.org/docs/stable/generated/torch.nn.GELU.html)
    Gelu,
    /// `x / 2 * (1 + tanh(√(2 / π) * (x + 0.044715 x³)))`, GELU with `approximate="tanh"`.
    /// [`torch.nn.GELU`](https://pytorch.org/docs/stable/generated/torch.nn.GELU.html)
    GeluTanh,
    /// `x / (1 + e^-x)`, also known as swish.
    /// [`torch.nn.SiLU`](https://pytorch.org/docs/stable/generated/torch.nn.SiLU.html)
    Silu,
    /// `x * tanh(ln(1 + e^x))`. [`torch.nn.Mish`](https://pytorch.org/docs/stable/generated/torch.nn.Mish.html)
    Mish,
    /// `ln(1 + e^(beta * x)) / beta`; `x`, with the derivative 1, where `beta * x` is above the threshold.
    /// [`torch.nn.Softplus`](https://pytorch.org/docs/stable/generated/torch.nn.Softplus.html)
    Softplus {
        /// PyTorch's default is 1.
        beta: f32,
        /// PyTorch's default is 20.
        threshold: f32,
    },
    /// `x / (1 + |x|)`. [`torch.nn.Softsign`](https://pytorch.org/docs/stable/generated/torch.nn.Softsign.html)
    Softsign,
    /// `x - lambda` above `lambda`, `x + lambda` below `-lambda`, 0 between; the gradient at both ends is 0.
    /// [`torch.nn.Softshrink`](https://pytorch.org/docs/stable/generated/torch.nn.Softshrink.html)
    Softshrink {
        /// At least 0; PyTorch's default is 0.5.
        lambda: f32,
    },
    /// `x` above `lambda` and below `-lambda`, 0 between; the gradient at both ends is 0.
    /// [`torch.nn.Hardshrink`](https://pytorch.org/docs/stable/generated/torch.nn.Hardshrink.html)
    Hardshrink {
        /// PyTorch's default is 0.5.
        lambda: f32,
    },
    /// `(x + 3) / 6` between 0 and 1; the gradient at -3, at 3 and at NaN is 0.
    /// [`torch.nn.Hardsigmoid`](https://pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html)
    Hardsigmoid,
    /// `x` between `min` and `max`; the gradient at both is 0.
    /// [`torch.nn.Hardtanh`](https://pytorch.org/docs/stable/generated/torch.nn.Hardtanh.html)
    Hardtanh {
        /// At most `max`; PyTorch's default is -1.
        min: f32,
        /// PyTorch's default is 1.
        max: f32,
    },
    /// `x` times hardsigmoid; the gradient at -3 is 0, at 3 it is 1.
    /// [`torch.nn.Hardswish`](https://pytorch.org/docs/stable/generated/torch.nn.Hardswish.html)
    Hardswish,
    /// `1 / (1 + e^-x)`. [`torch.nn.Sigmoid`](https://pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html)
    Sigmoid,
    /// `ln(1 / (1 + e^-x))`.
    /// [`torch.nn.LogSigmoid`](https://pytorch.org/docs/stable/generated/torch.nn.LogSigmoid.html)
    LogSigmoid,
    /// `tanh x`. [`torch.nn.Tanh`](https://pytorch.org/docs/stable/generated/torch.nn.Tanh.html)
    Tanh,
    /// `x - tanh x`, without cancellation near 0.
    /// [`torch.nn.Tanhshrink`](https://pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html)
    Tanhshrink,
    /// `x` above `threshold`, `value` elsewhere; the gradient at the threshold is 0.
    /// [`torch.nn.Threshold`](https://pytorch.org/docs/stable/generated/torch.nn.Threshold.html)
    Threshold {
        /// What `x` must exceed.
        threshold: f32,
        /// What stands for `x` where it does not.
        value: f32,
    },
}

/// PyTorch's defaults.
impl Activation {
    /// [`LeakyRelu`](Self::LeakyRelu) with slope 0.01.
    #[must_use]
    pub const fn leaky_relu() -> Self {
        Self::LeakyRelu { negative_slope: 0.01 }
    }

    /// [`Elu`](Self::Elu) with alpha 1.
    #[must_use]
    pub const fn elu() -> Self {
        Self::Elu { alpha: 1.0 }
    }

    /// [`Celu`](Self::Celu) with alpha 1.
    #[must_use]
    pub const fn celu() -> Self {
        Self::Celu { alpha: 1.0 }
    }

    /// [`Softplus`](Self::Softplus) with beta 1 and threshold 20.
    #[must_use]
    pub const fn softplus() -> Self {
        Self::Softplus { beta: 1.0, threshold: 20.0 }
    }

    /// [`Softshrink`](Self::Softshrink) with lambda 0.5.
    #[must_use]
    pub const fn softshrink() -> Self {
        Self::Softshrink { lambda: 0.5 }
    }

    /// [`Hardshrink`](Self::Hardshrink) with lambda 0.5.
    #[must_use]
    pub const fn hardshrink() -> Self {
        Self::Hardshrink { lambda: 0.5 }
    }

    /// [`Hardtanh`](Self::Hardtanh) from -1 to 1.
    #[must_use]
    pub const fn hardtanh() -> Self {
        Self::Hardtanh { min: -1.0, max: 1.0 }
    }
}

impl Activation {
    /// Whether [`backward`](super::backward) takes the input of [`forward`](super::forward), and not its output.
    ///
    /// The output is enough where it tells the pieces apart and gives the derivative with an absolute error of at most
    /// 2^-24 of the largest derivative, as in PyTorch for sigmoid and tanh: then a net keeps one buffer and not two,
    /// and `forward` may run in place. The input is needed by GELU, SiLU, Mish, softplus, hardswish and tanhshrink;
    /// and for unusual parameters by leaky ReLU (a negative slope), ELU (a negative alpha) and threshold (a value
    /// above the threshold).
    #[must_use]
    #[inline(always)]
    pub const fn needs_input(self) -> bool {
        match self {
            Self::Gelu
            | Self::GeluTanh
            | Self::Silu
            | Self::Mish
            | Self::Softplus { .. }
            | Self::Hardswish
            | Self::Tanhshrink => true,
            // Written so that a NaN needs the input.
            Self::LeakyRelu { negative_slope: least } | Self::Elu { alpha: least } => !is_ordered(0.0, least),
            Self::Threshold { threshold, value } => !is_ordered(value, threshold),
            Self::Relu
            | Self::Relu6
            | Self::Selu
            | Self::Celu { .. }
            | Self::Softsign
            | Self::Softshrink { .. }
            | Self::Hardshrink { .. }
            | Self::Hardsigmoid
            | Self::Hardtanh { .. }
            | Self::Sigmoid
            | Self::LogSigmoid
            | Self::Tanh => false,
        }
    }

    /// The parameters must be those of a function; PyTorch refuses the same ones.
    pub(crate) const fn check(self) -> Result<()> {
        let (argument, expected, holds) = match self {
            Self::Softshrink { lambda } => ("lambda", "at least 0", is_ordered(0.0, lambda)),
            Self::Hardtanh { min, max } => ("min", "at most `max`", is_ordered(min, max)),
            Self::Celu { alpha } => {
                ("alpha", "finite, and its reciprocal too", alpha.is_finite() && (1.0 / alpha).is_finite())
            }
            _ => return Ok(()),
        };
        if holds { Ok(()) } else { Err(Error::Value { argument, expected }) }
    }
}

/// `a <= b`, false for NaN.
const fn is_ordered(a: f32, b: f32) -> bool {
    a <= b
}

/// The name that PyTorch prints.
impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Relu => "ReLU",
            Self::Relu6 => "ReLU6",
            Self::LeakyRelu { .. } => "LeakyReLU",
            Self::Elu { .. } => "ELU",
            Self::Selu => "SELU",
            Self::Celu { .. } => "CELU",
            Self::Gelu | Self::GeluTanh => "GELU",
            Self::Silu => "SiLU",
            Self::Mish => "Mish",
            Self::Softplus { .. } => "Softplus",
            Self::Softsign => "Softsign",
            Self::Softshrink { .. } => "Softshrink",
            Self::Hardshrink { .. } => "Hardshrink",
            Self::Hardsigmoid => "Hardsigmoid",
            Self::Hardtanh { .. } => "Hardtanh",
            Self::Hardswish => "Hardswish",
            Self::Sigmoid => "Sigmoid",
            Self::LogSigmoid => "LogSigmoid",
            Self::Tanh => "Tanh",
            Self::Tanhshrink => "Tanhshrink",
            Self::Threshold { .. } => "Threshold",
        })
    }
}
