//! GLU, the gated linear unit: the first half of a row times the sigmoid of the second.
//!
//! As [`torch.nn.GLU`](https://pytorch.org/docs/stable/generated/torch.nn.GLU.html) over the last dimension; Dauphin et
//! al., "Language Modeling with Gated Convolutional Networks", 2017, <https://arxiv.org/abs/1612.08083>.

use super::smooth::sigmoids;
use crate::error::Result;
use crate::kernel::map;
use crate::math::sigmoid;
use crate::shape::{check_len, check_rows, rows, rows_mut};
use crate::simd::Simd;
use crate::{dispatch, simd};

/// `y = a * sigmoid(b)` for each row `[a, b]` of `x[batch][2 * width]`. *Writes* `y[batch][width]`.
///
/// # Errors
/// [`Error`](crate::Error) where `y` is not whole rows of `width`, or `x` not twice as long; nothing is written.
///
/// ```
/// use flatgrad::activation::glu::forward;
///
/// let mut y = [0.0; 2];
/// forward(&[3.0, 4.0, 0.0, -200.0], &mut y, 2)?;
/// assert_eq!(y, [1.5, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn forward(x: &[f32], y: &mut [f32], width: usize) -> Result<()> {
    let batch = check_rows("y", y, width)?;
    check_len("x", x, batch, width.saturating_mul(2))?;
    dispatch!(simd::level(), s => forward_kernel(s, x, y, width.max(1)));
    Ok(())
}

#[inline(always)]
fn forward_kernel<S: Simd>(s: S, x: &[f32], y: &mut [f32], width: usize) {
    for (x, y) in rows(x, width.saturating_mul(2)).zip(rows_mut(y, width)) {
        let (a, b) = x.split_at_checked(width).unwrap_or_default();
        map(
            s,
            [y],
            [a, b],
            #[inline(always)]
            |_, [a, b]| [s.mul(a, sigmoid(s, b))],
        );
    }
}

/// The gradient of [`forward`] from its input `x[batch][2 * width]` and `dy[batch][width]`. *Writes*
/// `dx[batch][2 * width]`.
///
/// # Errors
/// [`Error`](crate::Error) where `dy` is not whole rows of `width`, or `x` or `dx` not twice as long; nothing is
/// written.
///
/// ```
/// use flatgrad::activation::glu::backward;
///
/// let mut dx = [0.0; 2];
/// backward(&[3.0, 0.0], &[1.0], &mut dx, 1)?;
/// assert_eq!(dx, [0.5, 0.75]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn backward(x: &[f32], dy: &[f32], dx: &mut [f32], width: usize) -> Result<()> {
    let batch = check_rows("dy", dy, width)?;
    check_len("x", x, batch, width.saturating_mul(2))?;
    check_len("dx", dx, batch, width.saturating_mul(2))?;
    dispatch!(simd::level(), s => backward_kernel(s, x, dy, dx, width.max(1)));
    Ok(())
}

#[inline(always)]
fn backward_kernel<S: Simd>(s: S, x: &[f32], dy: &[f32], dx: &mut [f32], width: usize) {
    let whole = width.saturating_mul(2);
    for ((x, dy), dx) in rows(x, whole).zip(rows(dy, width)).zip(rows_mut(dx, whole)) {
        let (a, b) = x.split_at_checked(width).unwrap_or_default();
        let (da, db) = dx.split_at_mut_checked(width).unwrap_or_default();
        map(
            s,
            [da, db],
            [a, b, dy],
            #[inline(always)]
            |_, [a, b, dy]| gradients(s, a, b, dy),
        );
    }
}

/// [`backward`] that turns `x` into its gradient. *Writes* `x`.
///
/// # Errors
/// As [`backward`].
///
/// ```
/// use flatgrad::activation::glu::backward_in_place;
///
/// let mut x = [3.0, 0.0];
/// backward_in_place(&mut x, &[1.0], 1)?;
/// assert_eq!(x, [0.5, 0.75]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn backward_in_place(x: &mut [f32], dy: &[f32], width: usize) -> Result<()> {
    let batch = check_rows("dy", dy, width)?;
    check_len("x", x, batch, width.saturating_mul(2))?;
    dispatch!(simd::level(), s => in_place_kernel(s, x, dy, width.max(1)));
    Ok(())
}

#[inline(always)]
fn in_place_kernel<S: Simd>(s: S, x: &mut [f32], dy: &[f32], width: usize) {
    for (x, dy) in rows_mut(x, width.saturating_mul(2)).zip(rows(dy, width)) {
        let (a, b) = x.split_at_mut_checked(width).unwrap_or_default();
        map(
            s,
            [a, b],
            [dy],
            #[inline(always)]
            |[a, b], [dy]| gradients(s, a, b, dy),
        );
    }
}

/// y = a sigmoid(b): da = dy sigmoid(b), db = dy a sigmoid(b) sigmoid(-b).
#[inline(always)]
fn gradients<S: Simd>(s: S, a: S::F32, b: S::F32, dy: S::F32) -> [S::F32; 2] {
    let (open, closed) = sigmoids(s, b);
    let da = s.mul(dy, open);
    [da, s.mul(s.mul(da, closed), a)]
}
