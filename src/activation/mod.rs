//! Activations: each is a value and a derivative, written once, from which every form is made.
//!
//! [`Activation`] is the list of those that work element by element and have nothing to learn or draw: [`forward`],
//! [`backward`], the layers of a [`net`](crate::net). The others are functions of their own: [`prelu`], whose slopes
//! are learned, [`rrelu`], whose slopes are drawn, and [`glu`], which halves a row.
//!
//! A derivative is computed from the *output* where that is enough, so that a net keeps one buffer per layer and not
//! two; [`Activation::needs_input`] says where it is not.

pub mod glu;
mod kind;
mod loops;
mod piecewise;
pub mod prelu;
pub mod rrelu;
mod smooth;

pub use kind::Activation;

use crate::error::Result;
use crate::shape::check_len;
use crate::{dispatch, simd};

/// `y = activation(x)`. *Writes* `y`.
///
/// An element's result depends on that element alone.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where the lengths differ, [`Error::Value`](crate::Error::Value) where a
/// parameter of the activation is outside its range; nothing is written.
///
/// ```
/// use flatgrad::activation::{Activation, forward};
///
/// let mut y = [0.0; 3];
/// forward(Activation::Relu, &[-1.0, 0.0, 2.0], &mut y)?;
/// assert_eq!(y, [0.0, 0.0, 2.0]);
/// forward(Activation::Hardtanh { min: -0.5, max: 1.0 }, &[-1.0, 0.0, 2.0], &mut y)?;
/// assert_eq!(y, [-0.5, 0.0, 1.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn forward(activation: Activation, x: &[f32], y: &mut [f32]) -> Result<()> {
    activation.check()?;
    check_len("y", y, 1, x.len())?;
    dispatch!(simd::level(), s => activation.apply_to(s, x, y));
    Ok(())
}

/// `x = activation(x)`. *Writes* `x`.
///
/// # Errors
/// [`Error::Value`](crate::Error::Value) where a parameter of the activation is outside its range; nothing is written.
///
/// ```
/// use flatgrad::activation::{Activation, forward_in_place};
///
/// let mut x = [-1.0, 0.0, 2.0];
/// forward_in_place(Activation::leaky_relu(), &mut x)?;
/// assert_eq!(x, [-0.01, 0.0, 2.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn forward_in_place(activation: Activation, x: &mut [f32]) -> Result<()> {
    activation.check()?;
    dispatch!(simd::level(), s => activation.apply(s, x));
    Ok(())
}

/// `dx = dy * activation'`. *Writes* `dx`.
///
/// `saved` is what [`Activation::needs_input`] says: the input `x` of [`forward`], or its output `y`.
///
/// # Errors
/// As [`forward`].
///
/// ```
/// use flatgrad::activation::{Activation, backward};
///
/// let (x, y, dy, mut dx) = ([-1.0, 0.0, 2.0], [0.0, 0.0, 2.0], [1.0, 1.0, 0.5], [0.0; 3]);
/// backward(Activation::Relu, &y, &dy, &mut dx)?;
/// assert_eq!(dx, [0.0, 0.0, 0.5]);
/// assert!(Activation::Silu.needs_input());
/// backward(Activation::Silu, &x, &dy, &mut dx)?;
/// assert_eq!(dx[1], 0.5);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn backward(activation: Activation, saved: &[f32], dy: &[f32], dx: &mut [f32]) -> Result<()> {
    activation.check()?;
    check_len("dy", dy, 1, saved.len())?;
    check_len("dx", dx, 1, saved.len())?;
    dispatch!(simd::level(), s => activation.gradient_to(s, saved, dy, dx));
    Ok(())
}

/// `dy *= activation'`: [`backward`] with one slice for both gradients. *Writes* `dy`.
///
/// # Errors
/// As [`forward`].
///
/// ```
/// use flatgrad::activation::{Activation, backward_in_place};
///
/// let mut dy = [1.0, 1.0, 0.5];
/// backward_in_place(Activation::Relu, &[0.0, 0.0, 2.0], &mut dy)?;
/// assert_eq!(dy, [0.0, 0.0, 0.5]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn backward_in_place(activation: Activation, saved: &[f32], dy: &mut [f32]) -> Result<()> {
    activation.check()?;
    check_len("dy", dy, 1, saved.len())?;
    dispatch!(simd::level(), s => activation.apply_gradient(s, saved, dy));
    Ok(())
}
