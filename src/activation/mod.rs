//! Activations: each is a value and a derivative, written once, from which every form is made.
//!
//! The derivative is computed from the *output*, so that a net keeps one buffer per layer and not two.

use crate::error::Result;
use crate::kernel::map;
use crate::math::{sigmoid, tanh};
use crate::shape::check_len;
use crate::simd::Simd;
use crate::{dispatch, simd};
use core::fmt;

/// An element-wise activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `max(x, 0)`; NaN passes; the gradient at 0 is 0.
    /// [`torch.nn.ReLU`](https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html)
    Relu,
    /// `1 / (1 + e^-x)`. [`torch.nn.Sigmoid`](https://pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html)
    Sigmoid,
    /// `tanh x`. [`torch.nn.Tanh`](https://pytorch.org/docs/stable/generated/torch.nn.Tanh.html)
    Tanh,
}

impl Activation {
    /// The value at `x`.
    #[inline(always)]
    pub(crate) fn value<S: Simd>(self, s: S, x: S::F32) -> S::F32 {
        match self {
            Self::Relu => s.max(s.splat(0.0), x),
            Self::Sigmoid => sigmoid(s, x),
            Self::Tanh => tanh(s, x),
        }
    }

    /// `dy` times the derivative where the value is `y`.
    #[inline(always)]
    pub(crate) fn gradient<S: Simd>(self, s: S, y: S::F32, dy: S::F32) -> S::F32 {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        match self {
            // y = max(x, 0): dx = dy where y is above 0 (or NaN).
            Self::Relu => s.select(s.le(y, zero), zero, dy),
            // y = 1 / (1 + e^-x): dx = dy y (1 - y).
            Self::Sigmoid => s.mul(dy, s.mul(y, s.sub(one, y))),
            // y = tanh x: dx = dy (1 - y^2).
            Self::Tanh => s.mul(dy, s.mul_add(s.neg(y), y, one)),
        }
    }

    /// `x = value(x)`
    #[inline(always)]
    pub(crate) fn apply<S: Simd>(self, s: S, x: &mut [f32]) {
        map(
            s,
            [x],
            [],
            #[inline(always)]
            |[x], []| [self.value(s, x)],
        );
    }

    /// `dy *= derivative`, from the outputs `y`.
    #[inline(always)]
    pub(crate) fn apply_gradient<S: Simd>(self, s: S, y: &[f32], dy: &mut [f32]) {
        map(
            s,
            [dy],
            [y],
            #[inline(always)]
            |[dy], [y]| [self.gradient(s, y, dy)],
        );
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Relu => "ReLU",
            Self::Sigmoid => "Sigmoid",
            Self::Tanh => "Tanh",
        })
    }
}

/// `y = activation(x)`. *Writes* `y`.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where the lengths differ; nothing is written.
///
/// ```
/// use flatgrad::activation::{Activation, forward};
///
/// let mut y = [0.0; 3];
/// forward(Activation::Relu, &[-1.0, 0.0, 2.0], &mut y)?;
/// assert_eq!(y, [0.0, 0.0, 2.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn forward(activation: Activation, x: &[f32], y: &mut [f32]) -> Result<()> {
    check_len("y", y, 1, x.len())?;
    dispatch!(simd::level(), s => forward_kernel(s, activation, x, y));
    Ok(())
}

#[inline(always)]
fn forward_kernel<S: Simd>(s: S, activation: Activation, x: &[f32], y: &mut [f32]) {
    map(
        s,
        [y],
        [x],
        #[inline(always)]
        |_, [x]| [activation.value(s, x)],
    );
}

/// `x = activation(x)`. *Writes* `x`.
pub fn forward_in_place(activation: Activation, x: &mut [f32]) {
    dispatch!(simd::level(), s => activation.apply(s, x));
}

/// `dx = dy * activation'`, from the output `y` of [`forward`]. *Writes* `dx`.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where the lengths differ; nothing is written.
///
/// ```
/// use flatgrad::activation::{Activation, backward};
///
/// let mut dx = [0.0; 3];
/// backward(Activation::Relu, &[0.0, 0.0, 2.0], &[1.0, 1.0, 0.5], &mut dx)?;
/// assert_eq!(dx, [0.0, 0.0, 0.5]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn backward(activation: Activation, y: &[f32], dy: &[f32], dx: &mut [f32]) -> Result<()> {
    check_len("dy", dy, 1, y.len())?;
    check_len("dx", dx, 1, y.len())?;
    dispatch!(simd::level(), s => backward_kernel(s, activation, y, dy, dx));
    Ok(())
}

#[inline(always)]
fn backward_kernel<S: Simd>(s: S, activation: Activation, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    map(
        s,
        [dx],
        [y, dy],
        #[inline(always)]
        |_, [y, dy]| [activation.gradient(s, y, dy)],
    );
}

/// `dy *= activation'`, from the output `y`. *Writes* `dy`.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where the lengths differ; nothing is written.
pub fn backward_in_place(activation: Activation, y: &[f32], dy: &mut [f32]) -> Result<()> {
    check_len("dy", dy, 1, y.len())?;
    dispatch!(simd::level(), s => activation.apply_gradient(s, y, dy));
    Ok(())
}
