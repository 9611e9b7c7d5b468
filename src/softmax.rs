//! Softmax, log-softmax, softmin and log-sum-exp over rows, and their gradients.
//!
//! A row is a run of [`Softmax::columns`] elements; each function takes a [`Softmax`] or, at temperature 1, just that
//! number. Results depend on no other row of the slice, and are the same in place.
//!
//! The forward functions are those of [`kernel`](crate::kernel). The gradients of the softmaxes are made of their
//! *output*, so that a net keeps one buffer and not two.
//!
//! Against exact arithmetic, in samples of up to a million columns: probabilities `p` have a relative error of at most
//! `1.5e-7 * (1 - ln p)`, as an `f32` exponent allows; log-softmax errs by at most 2.5e-7 and log-sum-exp by at most
//! 1.2e-7 times the larger of 1 and the result.

#[doc(inline)]
pub use crate::kernel::{
    Softmax, log_softmax, log_softmax_in_place, log_sum_exp, softmax, softmax_in_place, softmin, softmin_in_place,
};

use crate::error::Result;
use crate::kernel::{Exponent, Rows, Then, each_row, map, map_reduce, total};
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

/// Checks, then the gradient of rows from the upstream gradient `dy`.
fn backward(of: Of, y: &[f32], mut dy: Rows, dx_name: &'static str, (rows, sign): (Softmax, f32)) -> Result<()> {
    let Softmax { columns, .. } = rows;
    let factor = sign * rows.factor()?;
    check_rows("y", y, columns)?;
    check_len(if matches!(dy, Rows::InPlace(_)) { dx_name } else { "dy" }, dy.x(), 1, y.len())?;
    check_len(dx_name, dy.out(), 1, y.len())?;
    dispatch!(simd::level(), s => backward_rows(s, of, y, dy, columns, factor));
    Ok(())
}

#[inline(always)]
fn backward_rows<S: Simd>(s: S, of: Of, y: &[f32], mut dy: Rows, columns: usize, factor: f32) {
    let columns = columns.max(1);
    for (i, y) in y.chunks_exact(columns).enumerate() {
        let mut row = dy.part(i * columns, columns);
        match of {
            Of::Probabilities => softmax_row(s, y, &mut row, factor),
            Of::Logarithms => log_softmax_row(s, y, &mut row, factor),
        }
    }
}

/// y = e^(x f) / sum of e^(x f): dx = f y (dy - sum of y dy).
#[inline(always)]
fn softmax_row<S: Simd>(s: S, y: &[f32], row: &mut Rows, factor: f32) {
    let [lanes] = map_reduce(
        s,
        [],
        [y, row.x()],
        [s.wide(s.splat(0.0))],
        #[inline(always)]
        |[], [y, dy], [sum]| ([], [s.mul_add(y, dy, sum)]),
    );
    let (dot, factor) = (s.splat(total(s, lanes)), s.splat(factor));
    row.write(
        #[inline(always)]
        |place, dy, dx| {
            map(
                s,
                [dx],
                [y.get(place..).unwrap_or_default(), dy],
                #[inline(always)]
                |_, [y, dy]| [s.mul(s.mul(y, s.sub(dy, dot)), factor)],
            );
        },
    );
}

/// y = x f - ln(sum of e^(x f)): dx = f (dy - e^y sum of dy).
#[inline(always)]
fn log_softmax_row<S: Simd>(s: S, y: &[f32], row: &mut Rows, factor: f32) {
    let [lanes] = map_reduce(
        s,
        [],
        [row.x()],
        [s.wide(s.splat(0.0))],
        #[inline(always)]
        |[], [dy], [sum]| ([], [s.add(dy, sum)]),
    );
    let (minus_sum, factor) = (s.splat(-total(s, lanes)), s.splat(factor));
    row.write(
        #[inline(always)]
        |place, dy, dx| {
            map(
                s,
                [dx],
                [y.get(place..).unwrap_or_default(), dy],
                #[inline(always)]
                |_, [y, dy]| [s.mul(s.mul_add(exp(s, y), minus_sum, dy), factor)],
            );
        },
    );
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
    backward(Of::Probabilities, y, Rows::InTo(dy, dx), "dx", (rows.into(), 1.0))
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
    backward(Of::Probabilities, y, Rows::InPlace(dy), "dy", (rows.into(), 1.0))
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
    backward(Of::Probabilities, y, Rows::InTo(dy, dx), "dx", (rows.into(), -1.0))
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
    backward(Of::Probabilities, y, Rows::InPlace(dy), "dy", (rows.into(), -1.0))
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
    backward(Of::Logarithms, y, Rows::InTo(dy, dx), "dx", (rows.into(), 1.0))
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
    backward(Of::Logarithms, y, Rows::InPlace(dy), "dy", (rows.into(), 1.0))
}

/// The gradient of [`log_sum_exp`]: `dx[i] = dy * softmax(x)[i]`, divided by the temperature. *Writes* `dx`.
///
/// `y` is the output of [`log_sum_exp`] for the rows of `x`, `dy` the gradient for it; both have one element a row.
///
/// As [`torch.logsumexp`](https://pytorch.org/docs/stable/generated/torch.logsumexp.html) differentiates, also where
/// `y` is infinite: NaN at each `+inf` and in rows of `-inf` alone, 0 at what stands beside `+inf`. Better than PyTorch,
/// which takes `e^(x - y)`: here the weights are the softmax of `x`, so the gradient keeps its digits where `y` is so large
/// that its rounding is not small.
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
    log_sum_exp_gradient(Rows::InTo(x, dx), "dx", y, dy, rows.into())
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
    log_sum_exp_gradient(Rows::InPlace(x), "x", y, dy, rows.into())
}

/// Checks, then the gradient for the rows of `x`.
fn log_sum_exp_gradient(mut x: Rows, dx_name: &'static str, y: &[f32], dy: &[f32], rows: Softmax) -> Result<()> {
    let (columns, factor) = (rows.columns, rows.factor()?);
    check_len("x", x.x(), y.len(), columns)?;
    check_len("dy", dy, 1, y.len())?;
    check_len(dx_name, x.out(), y.len(), columns)?;
    dispatch!(simd::level(), s => log_sum_exp_rows(s, x, y, dy, columns, factor));
    Ok(())
}

/// y = ln(sum of e^(x f)): dx = f dy softmax(x f), but for rows whose sum is infinite because an element is.
#[inline(always)]
fn log_sum_exp_rows<S: Simd>(s: S, mut x: Rows, y: &[f32], dy: &[f32], columns: usize, factor: f32) {
    let exponent = Exponent { sign: 1.0, factor };
    let mut row = 0;
    while let (Some(y), Some(dy)) = (y.get(row..), dy.get(row..))
        && let (Some(&first), Some(&first_dy)) = (y.first(), dy.first())
    {
        // A quotient by the temperature may overflow too: then the elements are finite, and so are their shares.
        let mut is_infinite =
            |i: usize, y: f32| y.is_infinite() && x.part((row + i) * columns, columns).x().contains(&y);
        let finite = y.iter().enumerate().take_while(|(i, y)| !is_infinite(*i, **y)).count();
        if finite > 0 {
            let rows = x.part(row * columns, finite * columns);
            each_row(s, exponent, rows, (finite, columns), Then::Shares(dy, factor), None);
        } else {
            x.part(row * columns, columns).write(|_, x, dx| {
                for (dx, &x) in dx.iter_mut().zip(x) {
                    *dx = if x == first || x.is_nan() { f32::NAN } else { 0.0 * first_dy };
                }
            });
        }
        row += finite.max(1);
    }
}
