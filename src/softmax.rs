//! Softmax, log-softmax, softmin and log-sum-exp over rows, and their gradients.
//!
//! A row is a run of [`Softmax::columns`] elements; each function takes a [`Softmax`] or, at temperature 1, just that
//! number. Results depend on no other row of the slice, and are the same in place.
//!
//! The forward functions are those of [`kernel`](crate::kernel). The gradients of the softmaxes are made of their
//! *output*, so that a net keeps one buffer and not two.
//!
//! Against exact arithmetic, up to a million columns: probabilities `p` have a relative error of at most
//! `1.6e-7 * (1 - ln p)`, as an `f32` exponent allows; log-softmax errs by at most 2.5e-7 and log-sum-exp by at most
//! 1.0e-7 times the larger of 1 and the result.

#[doc(inline)]
pub use crate::kernel::{
    Softmax, log_softmax, log_softmax_in_place, log_sum_exp, softmax, softmax_in_place, softmin, softmin_in_place,
};

use crate::error::Result;
use crate::kernel::{map, map_reduce, scale, total};
use crate::math::exp;
use crate::shape::{check_len, check_rows};
use crate::simd::Simd;
use crate::{dispatch, simd};

/// Which of the two gradients that are made of the output.
#[derive(Clone, Copy)]
enum Of {
    /// Softmax or softmin.
    Probabilities,
    /// Log-softmax.
    Logarithms,
}

/// Checks, then the gradient of rows whose upstream gradient is `dy`, or `dx` where that is empty.
fn backward<const I: usize>(
    of: Of,
    y: &[f32],
    dy: [&[f32]; I],
    dx: &mut [f32],
    dx_name: &'static str,
    (rows, sign): (Softmax, f32),
) -> Result<()> {
    let Softmax { columns, .. } = rows;
    let factor = sign * rows.factor()?;
    check_rows("y", y, columns)?;
    for dy in dy {
        check_len("dy", dy, 1, y.len())?;
    }
    check_len(dx_name, dx, 1, y.len())?;
    dispatch!(simd::level(), s => backward_rows(s, of, y, dy, dx, columns, factor));
    Ok(())
}

#[inline(always)]
fn backward_rows<S: Simd, const I: usize>(
    s: S,
    of: Of,
    y: &[f32],
    dy: [&[f32]; I],
    dx: &mut [f32],
    columns: usize,
    factor: f32,
) {
    let columns = columns.max(1);
    for (i, (y, dx)) in y.chunks_exact(columns).zip(dx.chunks_exact_mut(columns)).enumerate() {
        let dy = dy.map(|dy| dy.get(i * columns..).and_then(|dy| dy.get(..columns)).unwrap_or_default());
        match of {
            Of::Probabilities => softmax_row(s, y, dy, dx, factor),
            Of::Logarithms => log_softmax_row(s, y, dy, dx, factor),
        }
    }
}

/// y = e^(x f) / sum of e^(x f): dx = f y (dy - sum of y dy).
#[inline(always)]
fn softmax_row<S: Simd, const I: usize>(s: S, y: &[f32], dy: [&[f32]; I], dx: &mut [f32], factor: f32) {
    let [lanes] = map_reduce(
        s,
        [],
        [y, dy.first().copied().unwrap_or(dx)],
        [0.0],
        #[inline(always)]
        |[], [y, dy], [sum]| ([], [s.mul_add(y, dy, sum)]),
    );
    let (dot, factor) = (s.splat(total(s, lanes)), s.splat(factor));
    gradient_of_row(
        s,
        y,
        dy,
        dx,
        #[inline(always)]
        |y, dy| s.mul(s.mul(y, s.sub(dy, dot)), factor),
    );
}

/// y = x f - ln(sum of e^(x f)): dx = f (dy - e^y sum of dy).
#[inline(always)]
fn log_softmax_row<S: Simd, const I: usize>(s: S, y: &[f32], dy: [&[f32]; I], dx: &mut [f32], factor: f32) {
    let [lanes] = map_reduce(
        s,
        [],
        [dy.first().copied().unwrap_or(dx)],
        [0.0],
        #[inline(always)]
        |[], [dy], [sum]| ([], [s.add(dy, sum)]),
    );
    let (minus_sum, factor) = (s.splat(-total(s, lanes)), s.splat(factor));
    gradient_of_row(
        s,
        y,
        dy,
        dx,
        #[inline(always)]
        |y, dy| s.mul(s.mul_add(exp(s, y), minus_sum, dy), factor),
    );
}

/// `dx = f(y, dy)`, with `dy` in `dx` where none is given. *Writes* `dx`.
#[inline(always)]
fn gradient_of_row<S: Simd, const I: usize>(
    s: S,
    y: &[f32],
    dy: [&[f32]; I],
    dx: &mut [f32],
    f: impl Fn(S::F32, S::F32) -> S::F32,
) {
    match dy.first() {
        Some(dy) => map(
            s,
            [dx],
            [y, dy],
            #[inline(always)]
            |_, [y, dy]| [f(y, dy)],
        ),
        None => map(
            s,
            [dx],
            [y],
            #[inline(always)]
            |[dy], [y]| [f(y, dy)],
        ),
    }
}

/// The gradient of [`softmax`]: `dx[i] = y[i] * (dy[i] - sum over j of y[j] * dy[j])`, divided by the temperature.
/// *Writes* `dx`.
///
/// `y` is the output of [`softmax`], `dy` the gradient for it; all slices hold the same rows. As
/// [`torch.softmax`](https://pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html) differentiates: a row
/// of NaN gives NaN, a masked element (`y` of 0) gives 0.
///
/// # Errors
/// [`Error`](crate::Error) where `y` is not whole rows, `dy` or `dx` has another length or the temperature is not
/// positive; nothing is written.
///
/// ```
/// let mut dx = [0.0; 2];
/// flatgrad::softmax::softmax_backward(&[0.5, 0.5], &[1.0, 0.0], &mut dx, 2)?;
/// assert_eq!(dx, [0.25, -0.25]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn softmax_backward(y: &[f32], dy: &[f32], dx: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    backward(Of::Probabilities, y, [dy], dx, "dx", (rows.into(), 1.0))
}

/// [`softmax_backward`], in the same bits, of a gradient that becomes that of the input. *Writes* `dy`.
///
/// # Errors
/// As [`softmax_backward`].
///
/// ```
/// let mut dy = [1.0, 0.0];
/// flatgrad::softmax::softmax_backward_in_place(&[0.5, 0.5], &mut dy, 2)?;
/// assert_eq!(dy, [0.25, -0.25]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn softmax_backward_in_place(y: &[f32], dy: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    backward(Of::Probabilities, y, [], dy, "dy", (rows.into(), 1.0))
}

/// The gradient of [`softmin`]: that of [`softmax`] with its sign turned. *Writes* `dx`.
///
/// `y` is the output of [`softmin`], `dy` the gradient for it.
/// [`torch.nn.Softmin`](https://pytorch.org/docs/stable/generated/torch.nn.Softmin.html)
///
/// # Errors
/// As [`softmax_backward`].
///
/// ```
/// let mut dx = [0.0; 2];
/// flatgrad::softmax::softmin_backward(&[0.5, 0.5], &[1.0, 0.0], &mut dx, 2)?;
/// assert_eq!(dx, [-0.25, 0.25]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn softmin_backward(y: &[f32], dy: &[f32], dx: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    backward(Of::Probabilities, y, [dy], dx, "dx", (rows.into(), -1.0))
}

/// [`softmin_backward`], in the same bits, of a gradient that becomes that of the input. *Writes* `dy`.
///
/// # Errors
/// As [`softmax_backward`].
///
/// ```
/// let mut dy = [1.0, 0.0];
/// flatgrad::softmax::softmin_backward_in_place(&[0.5, 0.5], &mut dy, 2)?;
/// assert_eq!(dy, [-0.25, 0.25]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn softmin_backward_in_place(y: &[f32], dy: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    backward(Of::Probabilities, y, [], dy, "dy", (rows.into(), -1.0))
}

/// The gradient of [`log_softmax`]: `dx[i] = dy[i] - e^y[i] * sum over j of dy[j]`, divided by the temperature.
/// *Writes* `dx`.
///
/// `y` is the output of [`log_softmax`], `dy` the gradient for it; all slices hold the same rows. As
/// [`torch.log_softmax`](https://pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html)
/// differentiates: a row of NaN gives NaN; a masked element (`y` of `-inf`) has the gradient of its `dy` alone.
///
/// # Errors
/// As [`softmax_backward`].
///
/// ```
/// use core::f32::consts::LN_2;
///
/// let mut dx = [0.0; 2];
/// flatgrad::softmax::log_softmax_backward(&[-LN_2, -LN_2], &[1.0, 0.0], &mut dx, 2)?;
/// assert_eq!(dx, [0.5, -0.5]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn log_softmax_backward(y: &[f32], dy: &[f32], dx: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    backward(Of::Logarithms, y, [dy], dx, "dx", (rows.into(), 1.0))
}

/// [`log_softmax_backward`], in the same bits, of a gradient that becomes that of the input. *Writes* `dy`.
///
/// # Errors
/// As [`softmax_backward`].
///
/// ```
/// use core::f32::consts::LN_2;
///
/// let mut dy = [1.0, 0.0];
/// flatgrad::softmax::log_softmax_backward_in_place(&[-LN_2, -LN_2], &mut dy, 2)?;
/// assert_eq!(dy, [0.5, -0.5]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn log_softmax_backward_in_place(y: &[f32], dy: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    backward(Of::Logarithms, y, [], dy, "dy", (rows.into(), 1.0))
}

/// The gradient of [`log_sum_exp`]: `dx[i] = dy * softmax(x)[i]`, divided by the temperature. *Writes* `dx`.
///
/// `y` is the output of [`log_sum_exp`] for the rows of `x`, `dy` the gradient for it; both have one element a row.
///
/// As [`torch.logsumexp`](https://pytorch.org/docs/stable/generated/torch.logsumexp.html) differentiates, also where
/// `y` is infinite: NaN at each `+inf` and in rows of `-inf` alone, 0 at what stands beside `+inf`. Better than PyTorch,
/// which takes `e^(x - y)` as it is: here the row's weights are made to add up to 1, so the gradient keeps its digits
/// where `y` is so large that its rounding is not small.
///
/// # Errors
/// [`Error`](crate::Error) where `x` or `dx` does not hold a row for each element of `y`, `dy` has not the length of
/// `y`, or the temperature is not positive; nothing is written.
///
/// ```
/// use core::f32::consts::LN_2;
///
/// let mut dx = [0.0; 2];
/// flatgrad::softmax::log_sum_exp_backward(&[1e8, 1e8], &[1e8 + LN_2], &[3.0], &mut dx, 2)?;
/// assert_eq!(dx, [1.5, 1.5]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn log_sum_exp_backward(x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    let rows = rows.into();
    let (columns, factor) = (rows.columns, rows.factor()?);
    check_len("x", x, y.len(), columns)?;
    check_len("dy", dy, 1, y.len())?;
    check_len("dx", dx, y.len(), columns)?;
    dispatch!(simd::level(), s => log_sum_exp_rows(s, [x], y, dy, dx, columns, factor));
    Ok(())
}

/// [`log_sum_exp_backward`], in the same bits, of an input that becomes its gradient. *Writes* `x`.
///
/// # Errors
/// As [`log_sum_exp_backward`].
///
/// ```
/// use core::f32::consts::LN_2;
///
/// let mut x = [0.0, 0.0];
/// flatgrad::softmax::log_sum_exp_backward_in_place(&mut x, &[LN_2], &[3.0], 2)?;
/// assert_eq!(x, [1.5, 1.5]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn log_sum_exp_backward_in_place(x: &mut [f32], y: &[f32], dy: &[f32], rows: impl Into<Softmax>) -> Result<()> {
    let rows = rows.into();
    let (columns, factor) = (rows.columns, rows.factor()?);
    check_len("x", x, y.len(), columns)?;
    check_len("dy", dy, 1, y.len())?;
    dispatch!(simd::level(), s => log_sum_exp_rows(s, [], y, dy, x, columns, factor));
    Ok(())
}

/// y = ln(sum of e^(x f)): dx = f dy e^(x f - y) / (sum of e^(x f - y)), as rounding leaves not quite 1 in the sum.
#[inline(always)]
fn log_sum_exp_rows<S: Simd, const I: usize>(
    s: S,
    x: [&[f32]; I],
    y: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    columns: usize,
    factor: f32,
) {
    let columns = columns.max(1);
    let f = s.splat(factor);
    for (i, (dx, (&y, &dy))) in dx.chunks_exact_mut(columns).zip(y.iter().zip(dy)).enumerate() {
        let x = x.map(|x| x.get(i * columns..).and_then(|x| x.get(..columns)).unwrap_or_default());
        let shift = s.splat(y);
        let [lanes] = map_reduce(
            s,
            [&mut *dx],
            x,
            [0.0],
            #[inline(always)]
            |[old], x, [sum]| {
                let x = x.first().copied().unwrap_or(old);
                let e = exp(s, s.sub(s.mul(x, f), shift));
                ([e], [s.add(e, sum)])
            },
        );
        let sum = if y.is_infinite() { 1.0 } else { total(s, lanes) };
        scale(s, dx, dy * factor / sum);
    }
}
