//! Gains and fans: what the laws that keep the variance of a signal depend on.

use crate::error::{Error, Result};
use crate::shape::check_len;
use crate::simd::root_f64;

/// What follows a layer, as far as its initial weights care.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Nonlinearity {
    /// None, or a convolution: gain 1.
    Linear,
    /// Gain 1.
    Sigmoid,
    /// Gain 5/3.
    Tanh,
    /// Gain √2.
    Relu,
    /// Gain √(2 / (1 + slope²)); PyTorch's default slope is 0.01.
    LeakyRelu(f32),
    /// Gain 3/4.
    Selu,
}

impl Nonlinearity {
    /// That of PyTorch's name: `"linear"`, `"conv1d"` to `"conv3d"`, `"conv_transpose1d"` to `"conv_transpose3d"`,
    /// `"sigmoid"`, `"tanh"`, `"relu"`, `"leaky_relu"` (whose slope is `param`, or 0.01), `"selu"`.
    ///
    /// # Errors
    /// [`Error::Value`] for another name: PyTorch has no gain for it either.
    ///
    /// ```
    /// use flatgrad::init::{Nonlinearity, calculate_gain};
    ///
    /// let gain = calculate_gain(Nonlinearity::from_name("leaky_relu", Some(0.2))?);
    /// assert!((gain - 1.38675).abs() < 1e-5);
    /// assert!(Nonlinearity::from_name("gelu", None).is_err());
    /// # Ok::<(), flatgrad::Error>(())
    /// ```
    pub fn from_name(name: &str, param: Option<f32>) -> Result<Self> {
        Ok(match name {
            "linear" | "conv1d" | "conv2d" | "conv3d" | "conv_transpose1d" | "conv_transpose2d"
            | "conv_transpose3d" => Self::Linear,
            "sigmoid" => Self::Sigmoid,
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "leaky_relu" => Self::LeakyRelu(param.unwrap_or(0.01)),
            "selu" => Self::Selu,
            _ => return Err(Error::Value { argument: "name", expected: "a nonlinearity that has a gain" }),
        })
    }
}

/// The factor that keeps the variance of a signal through a nonlinearity.
///
/// As [`torch.nn.init.calculate_gain`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain).
#[must_use]
pub fn calculate_gain(nonlinearity: Nonlinearity) -> f32 {
    match nonlinearity {
        Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
        Nonlinearity::Tanh => 5.0 / 3.0,
        Nonlinearity::Relu => core::f32::consts::SQRT_2,
        Nonlinearity::LeakyRelu(slope) => root_f64(2.0 / (1.0 + f64::from(slope) * f64::from(slope))) as f32,
        Nonlinearity::Selu => 0.75,
    }
}

/// How many inputs an output of a weight has, and how many outputs an input has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fans {
    /// `shape[1] * shape[2..]`
    pub fan_in: usize,
    /// `shape[0] * shape[2..]`
    pub fan_out: usize,
}

/// The fans of a weight of this shape: `[outputs, inputs, kernel...]`.
///
/// # Errors
/// [`Error::Value`] for fewer than two dimensions.
///
/// ```
/// use flatgrad::init::{Fans, fans};
///
/// assert_eq!(fans(&[16, 3, 3, 3])?, Fans { fan_in: 27, fan_out: 144 });
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn fans(shape: &[usize]) -> Result<Fans> {
    let [outputs, inputs, kernel @ ..] = shape else {
        return Err(Error::Value { argument: "shape", expected: "of at least two dimensions" });
    };
    let field = size(kernel);
    Ok(Fans { fan_in: inputs.saturating_mul(field), fan_out: outputs.saturating_mul(field) })
}

/// Which fan [`kaiming_uniform`](super::kaiming_uniform) and [`kaiming_normal`](super::kaiming_normal) keep the variance for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FanMode {
    /// That of the forward pass.
    #[default]
    FanIn,
    /// That of the backward pass.
    FanOut,
}

/// The product of all dimensions.
pub(super) fn size(shape: &[usize]) -> usize {
    shape.iter().fold(1usize, |a, &b| a.saturating_mul(b))
}

/// The fans of `w`, a weight of this shape.
pub(super) fn checked_fans(w: &[f32], shape: &[usize]) -> Result<Fans> {
    let fans = fans(shape)?;
    check_len("w", w, size(shape), 1)?;
    Ok(fans)
}
