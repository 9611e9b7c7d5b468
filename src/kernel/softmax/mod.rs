//! Softmax and its family over rows.
//!
//! Narrow rows go through registers column by column (`columns`), rows that fit the first cache in three passes
//! through it, in groups (`group`), longer ones unit by unit with a maximum that grows (`online`). Memory is read once
//! and written once wherever a row with its result stays in the second cache. Rows of which there is only ever a part at a
//! time are `parts`.

mod columns;
mod exponent;
mod group;
mod online;
mod parts;
mod row;

pub(crate) use exponent::Exponent;
pub(crate) use group::{GROUP, LONGEST_SHARED, PerRow, Sums, Then, each_row, group_rows, share_row};
pub(crate) use parts::{PartSums, exp_shares};

use super::map::by_blocks;
use crate::error::{Error, Result};
use crate::shape::{check_len, check_rows, rows_mut};
use crate::simd::Simd;
use crate::{dispatch, simd};

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

/// Rows, and where their results go.
pub(crate) enum Rows<'a> {
    /// Nowhere.
    In(&'a [f32]),
    /// To a slice of the same length.
    InTo(&'a [f32], &'a mut [f32]),
    /// To where they are.
    InPlace(&'a mut [f32]),
}

impl Rows<'_> {
    /// The elements; those of the results once they are written in place.
    #[inline(always)]
    pub(crate) fn x(&self) -> &[f32] {
        match self {
            Rows::In(x) | Rows::InTo(x, _) => x,
            Rows::InPlace(x) => x,
        }
    }

    /// Where the results go, empty where nowhere.
    #[inline(always)]
    pub(crate) fn out(&mut self) -> &mut [f32] {
        match self {
            Rows::In(_) => &mut [],
            Rows::InTo(_, out) | Rows::InPlace(out) => out,
        }
    }

    /// `len` elements from `start` on, or none where there are not so many.
    #[inline(always)]
    pub(crate) fn part(&mut self, start: usize, len: usize) -> Rows<'_> {
        let range = start..start.saturating_add(len);
        match self {
            Rows::In(x) => Rows::In(x.get(range).unwrap_or_default()),
            Rows::InTo(x, out) => {
                Rows::InTo(x.get(range.clone()).unwrap_or_default(), out.get_mut(range).unwrap_or_default())
            }
            Rows::InPlace(x) => Rows::InPlace(x.get_mut(range).unwrap_or_default()),
        }
    }

    /// [`part`](Self::part), and up to `next` elements that follow it.
    #[inline(always)]
    pub(crate) fn part_and_next(&mut self, start: usize, len: usize, next: usize) -> (Rows<'_>, &[f32]) {
        let end = start.saturating_add(len);
        let range = start..end;
        let following = |x: &[f32]| end..end.saturating_add(next).min(x.len());
        match self {
            Rows::In(x) => (Rows::In(x.get(range).unwrap_or_default()), x.get(following(x)).unwrap_or_default()),
            Rows::InTo(x, out) => {
                let part = Rows::InTo(x.get(range.clone()).unwrap_or_default(), out.get_mut(range).unwrap_or_default());
                (part, x.get(following(x)).unwrap_or_default())
            }
            Rows::InPlace(x) => {
                let (before, after) = x.split_at_mut_checked(end).unwrap_or_default();
                let next = after.len().min(next);
                (Rows::InPlace(before.get_mut(start..).unwrap_or_default()), after.get(..next).unwrap_or_default())
            }
        }
    }

    /// `f(place, elements, results)`, where `place` is that of the first element.
    #[inline(always)]
    pub(crate) fn write(&mut self, f: impl Fn(usize, &[f32], &mut [f32])) {
        match self {
            Rows::In(_) => {}
            Rows::InTo(x, out) => f(0, x, out),
            Rows::InPlace(x) => by_blocks(x, f),
        }
    }
}

/// Checks, then all rows. *Writes* them as `then` says.
fn all(mut rows: Rows, options: Softmax, sign: f32, then: Then<'_>) -> Result<()> {
    let Softmax { columns, .. } = options;
    let exponent = Exponent { sign, factor: options.factor()? };
    check_rows("x", rows.x(), columns)?;
    let len = rows.x().len();
    check_len("out", rows.out(), 1, len)?;
    let count = len.checked_div(columns).unwrap_or_default();
    dispatch!(simd::level(), s => each_row(s, exponent, rows, (count, columns), then, None));
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
    all(Rows::InTo(x, out), rows.into(), 1.0, Then::Share(1.0))
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
    all(Rows::InPlace(x), rows.into(), 1.0, Then::Share(1.0))
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
    all(Rows::InTo(x, out), rows.into(), -1.0, Then::Share(1.0))
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
    all(Rows::InPlace(x), rows.into(), -1.0, Then::Share(1.0))
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
    all(Rows::InTo(x, out), rows.into(), 1.0, Then::Log)
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
    all(Rows::InPlace(x), rows.into(), 1.0, Then::Log)
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
    log_sum_exp_of(x, out, rows.into())
}

fn log_sum_exp_of(x: &[f32], out: &mut [f32], options: Softmax) -> Result<()> {
    let Softmax { columns, .. } = options;
    let exponent = Exponent { sign: 1.0, factor: options.factor()? };
    check_len("x", x, out.len(), columns)?;
    if columns == 0 {
        out.fill(f32::NEG_INFINITY);
        return Ok(());
    }
    dispatch!(simd::level(), s => log_sum_exp_rows(s, exponent, x, out, columns));
    Ok(())
}

#[inline(always)]
fn log_sum_exp_rows<S: Simd>(s: S, e: Exponent, x: &[f32], out: &mut [f32], columns: usize) {
    let count = group_rows(columns);
    for (i, out) in rows_mut(out, count).enumerate() {
        let x = x.get(i * count * columns..).unwrap_or_default();
        let mut sums = Sums::NONE;
        each_row(s, e, Rows::In(x), (out.len(), columns), Then::SumFinite, Some(&mut sums));
        for ((out, max), ln) in out.iter_mut().zip(sums.max).zip(sums.ln(s)) {
            *out = max * e.factor + ln;
        }
    }
}
