//! Softmax and its family over rows.
//!
//! Narrow rows go through registers column by column (`columns`), rows that fit the first cache in three passes
//! through it, in groups (`rows`), longer ones unit by unit with a maximum that grows (`online`). Memory is read once
//! and written once wherever a row with its result stays in the second cache.

mod columns;
mod exponent;
mod online;
mod row;
mod rows;

pub(crate) use row::{row_exp, row_exp_rest, row_max, scale};

use crate::error::{Error, Result};
use crate::shape::{check_len, check_rows};
use crate::{dispatch, simd};
use exponent::{Plain, Scaled};

/// The rows of a softmax: their length, and the temperature that divides their elements.
///
/// Every function of the family takes one, or just the number of columns:
///
/// ```
/// use flatgrad::softmax::{Softmax, softmax};
///
/// let (x, mut p) = ([0.0, 2.0, 0.0, 4.0], [0.0; 4]);
/// softmax(&x, &mut p, 2)?;
/// let first = p[1];
/// softmax(&x, &mut p, Softmax { temperature: 2.0, ..Softmax::new(2) })?;
/// assert!(first == p[3] && p[1] < p[3]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    /// The length of a row.
    pub columns: usize,
    /// What elements are divided by before anything else: 1 by default. High temperatures make all probabilities
    /// alike, low ones leave only the largest. Positive, finite and not subnormal.
    pub temperature: f32,
}

impl Softmax {
    /// Rows of `columns` elements at temperature 1.
    #[must_use]
    pub const fn new(columns: usize) -> Self {
        Self { columns, temperature: 1.0 }
    }

    /// The temperature must be usable; with it, the number to multiply by.
    pub(crate) fn factor(self) -> Result<f32> {
        if self.temperature.is_normal() && self.temperature > 0.0 {
            Ok(1.0 / self.temperature)
        } else {
            Err(Error::Value { argument: "temperature", expected: "positive, finite and not subnormal" })
        }
    }
}

impl From<usize> for Softmax {
    fn from(columns: usize) -> Self {
        Self::new(columns)
    }
}

/// The input of a function that may work in place: one slice, or none where the output is the input.
trait Source {
    /// The input, given the output.
    fn or<'a>(&'a self, out: &'a [f32]) -> &'a [f32];
}

impl<const I: usize> Source for [&[f32]; I] {
    #[inline(always)]
    fn or<'a>(&'a self, out: &'a [f32]) -> &'a [f32] {
        self.first().copied().unwrap_or(out)
    }
}

/// Each slice's first `at` elements, and the others.
#[inline(always)]
fn split<const I: usize>(ins: [&[f32]; I], at: usize) -> ([&[f32]; I], [&[f32]; I]) {
    let (mut first, mut others): ([&[f32]; I], [&[f32]; I]) = ([&[]; I], [&[]; I]);
    for i in 0..I {
        (first[i], others[i]) = ins[i].split_at_checked(at).unwrap_or_default();
    }
    (first, others)
}

/// Checks, then softmax of `sign * x`.
fn softmax_of<const I: usize>(ins: [&[f32]; I], out: &mut [f32], rows: Softmax, sign: f32) -> Result<()> {
    let Softmax { columns, .. } = rows;
    let factor = rows.factor()?;
    check_rows("x", ins.or(out), columns)?;
    check_len("out", out, 1, ins.or(out).len())?;
    if sign == 1.0 && factor == 1.0 {
        dispatch!(simd::level(), s => rows::softmax(s, Plain, ins, out, columns));
    } else {
        let exponent = Scaled { sign, factor };
        dispatch!(simd::level(), s => rows::softmax(s, exponent, ins, out, columns));
    }
    Ok(())
}

/// Checks, then log-softmax.
fn log_softmax_of<const I: usize>(ins: [&[f32]; I], out: &mut [f32], rows: Softmax) -> Result<()> {
    let Softmax { columns, .. } = rows;
    let factor = rows.factor()?;
    check_rows("x", ins.or(out), columns)?;
    check_len("out", out, 1, ins.or(out).len())?;
    if factor == 1.0 {
        dispatch!(simd::level(), s => rows::log_softmax(s, Plain, ins, out, columns));
    } else {
        let exponent = Scaled { sign: 1.0, factor };
        dispatch!(simd::level(), s => rows::log_softmax(s, exponent, ins, out, columns));
    }
    Ok(())
}

/// Softmax of each row: `out[i] = e^x[i] / sum over j of e^x[j]`, elements divided by the temperature. *Writes* `out`.
///
/// As [`torch.softmax`](https://pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html) over the last
/// dimension: `x` and `out` hold rows of [`Softmax::columns`]; a row with NaN or `+inf`, or of `-inf` alone, gives NaN;
/// any other `-inf` (a mask) gives 0. Differences to the largest element that overflow count as `-inf`.
///
/// # Errors
/// [`Error`](crate::Error) where `x` is not whole rows, `out` has another length or the temperature is not positive;
/// nothing is written.
///
/// ```
/// use flatgrad::softmax::softmax;
///
/// let mut p = [0.0; 3];
/// softmax(&[1.0, 1.0, f32::NEG_INFINITY], &mut p, 3)?;
/// assert_eq!(p, [0.5, 0.5, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn softmax(x: &[f32], out: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    softmax_of([x], out, rows.into(), 1.0)
}

/// [`softmax`] of `x`, in the same bits. *Writes* `x`.
///
/// # Errors
/// As [`softmax`].
///
/// ```
/// let mut x = [3.0, 3.0];
/// flatgrad::softmax::softmax_in_place(&mut x, 2)?;
/// assert_eq!(x, [0.5, 0.5]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn softmax_in_place(x: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    softmax_of([], x, rows.into(), 1.0)
}

/// [`softmax`] of `-x`: the smallest element has the largest share. *Writes* `out`.
///
/// As [`torch.nn.Softmin`](https://pytorch.org/docs/stable/generated/torch.nn.Softmin.html) over the last dimension.
/// With the signs of its infinities turned, all that is said of [`softmax`] holds.
///
/// # Errors
/// As [`softmax`].
///
/// ```
/// let mut p = [0.0; 3];
/// flatgrad::softmax::softmin(&[1.0, 1.0, f32::INFINITY], &mut p, 3)?;
/// assert_eq!(p, [0.5, 0.5, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn softmin(x: &[f32], out: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    softmax_of([x], out, rows.into(), -1.0)
}

/// [`softmin`] of `x`, in the same bits. *Writes* `x`.
///
/// # Errors
/// As [`softmax`].
///
/// ```
/// let mut x = [3.0, 3.0];
/// flatgrad::softmax::softmin_in_place(&mut x, 2)?;
/// assert_eq!(x, [0.5, 0.5]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn softmin_in_place(x: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    softmax_of([], x, rows.into(), -1.0)
}

/// The logarithm of [`softmax`]: `out[i] = x[i] - ln(sum over j of e^x[j])`, elements divided by the temperature.
/// *Writes* `out`.
///
/// As [`torch.log_softmax`](https://pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html) over the
/// last dimension, `-inf` where softmax is 0 by a mask, NaN where it is. Better than PyTorch where one element has
/// nearly all of the probability: its logarithm keeps its digits instead of becoming 0.
///
/// # Errors
/// As [`softmax`].
///
/// ```
/// use flatgrad::softmax::log_softmax;
///
/// let mut y = [0.0; 2];
/// log_softmax(&[20.0, 0.0], &mut y, 2)?;
/// assert!(y[1] == -20.0 && (y[0] + 2.061_153_6e-9).abs() < 1e-15);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn log_softmax(x: &[f32], out: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    log_softmax_of([x], out, rows.into())
}

/// [`log_softmax`] of `x`, in the same bits. *Writes* `x`.
///
/// # Errors
/// As [`softmax`].
///
/// ```
/// let mut x = [3.0, f32::NEG_INFINITY];
/// flatgrad::softmax::log_softmax_in_place(&mut x, 2)?;
/// assert_eq!(x, [0.0, f32::NEG_INFINITY]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn log_softmax_in_place(x: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    log_softmax_of([], x, rows.into())
}

/// `out[row] = ln(sum over j of e^x[row][j])`, elements divided by the temperature. *Writes* `out`.
///
/// As [`torch.logsumexp`](https://pytorch.org/docs/stable/generated/torch.logsumexp.html) over the last dimension:
/// nothing overflows on the way; a row with NaN gives NaN, else one with `+inf` gives `+inf`, and a row that is empty
/// or of `-inf` alone gives `-inf`.
///
/// # Errors
/// [`Error`](crate::Error) where `x` does not hold a row for each element of `out` or the temperature is not positive;
/// nothing is written.
///
/// ```
/// let mut sums = [0.0; 2];
/// flatgrad::softmax::log_sum_exp(&[1000.0, 1000.0, 0.0, f32::NEG_INFINITY], &mut sums, 2)?;
/// assert_eq!(sums, [1000.0 + core::f32::consts::LN_2, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn log_sum_exp(x: &[f32], out: &mut [f32], rows: impl Into<Softmax>) -> Result<()> {
    let rows = rows.into();
    let Softmax { columns, .. } = rows;
    let factor = rows.factor()?;
    check_len("x", x, out.len(), columns)?;
    if factor == 1.0 {
        dispatch!(simd::level(), s => rows::log_sum_exp(s, Plain, x, out, columns));
    } else {
        let exponent = Scaled { sign: 1.0, factor };
        dispatch!(simd::level(), s => rows::log_sum_exp(s, exponent, x, out, columns));
    }
    Ok(())
}
