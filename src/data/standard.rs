//! Columns of mean 0 and variance 1.

use crate::error::{Error, Result};
use crate::shape::{check_len, check_rows, rows, rows_mut};
use crate::simd::root_f64;

/// The mean and the standard deviation of each column of `x[rows][width]`. *Writes* `mean` and `std`, each of `width`.
///
/// Fit it on the training part only, and give both slices to [`standardize`] for all parts. Of the variance, that of the
/// rows themselves (divided by their number), the squares are those of differences from the mean, summed in `f64`, so
/// that it survives any offset. A column without variance gets the deviation 1, as in scikit-learn's `StandardScaler`.
///
/// # Errors
/// [`Error::Length`] where `mean` and `std` are not of the same length, [`Error::Rows`] where `x` does not hold whole rows,
/// [`Error::Value`] where it holds none; nothing is written.
///
/// ```
/// use flatgrad::data::{fit_standard, standardize};
///
/// let (mut train, mut test) = ([10_001.0, 10_003.0, 10_005.0], [10_007.0]);
/// let (mut mean, mut std) = ([0.0], [0.0]);
/// fit_standard(&train, &mut mean, &mut std)?;
/// standardize(&mut train, &mean, &std)?;
/// standardize(&mut test, &mean, &std)?;
/// assert_eq!((mean, train[1], test[0]), ([10_003.0], 0.0, 2.0 * train[2]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn fit_standard(x: &[f32], mean: &mut [f32], std: &mut [f32]) -> Result<()> {
    let width = mean.len();
    check_len("std", std, 1, width)?;
    let rows = check_rows("x", x, width)?;
    if rows == 0 {
        return Err(Error::Value { argument: "x", expected: "of at least one row" });
    }
    for (i, (mean, std)) in rows_mut(mean, BLOCK).zip(rows_mut(std, BLOCK)).enumerate() {
        let (start, n) = (i * BLOCK, rows as f64);
        let means = column_sums(x, width, start, [0.0; BLOCK], |x| x).map(|sum| sum / n);
        let squares = column_sums(x, width, start, means, |x| x * x);
        for ((mean, std), (exact, square)) in mean.iter_mut().zip(std).zip(means.into_iter().zip(squares)) {
            let deviation = root_f64(square / n);
            *mean = exact as f32;
            *std = if deviation == 0.0 { 1.0 } else { deviation as f32 };
        }
    }
    Ok(())
}

/// Columns that are summed together: a cache line of each row.
const BLOCK: usize = 16;

/// The sums of `power(x - shift)` over the rows, of the columns from `start` on.
#[inline(always)]
fn column_sums(x: &[f32], width: usize, start: usize, shift: [f64; BLOCK], power: impl Fn(f64) -> f64) -> [f64; BLOCK] {
    let mut sums = [0.0; BLOCK];
    for row in rows(x, width) {
        let columns = row.get(start..).unwrap_or_default();
        for ((sum, shift), x) in sums.iter_mut().zip(shift).zip(columns) {
            *sum += power(f64::from(*x) - shift);
        }
    }
    sums
}

/// `(x - mean) / std` in each column. *Writes* `x[rows][width]`, where the width is that of `mean` and `std`.
///
/// # Errors
/// [`Error::Length`] where `mean` and `std` are not of the same length, [`Error::Rows`] where `x` does not hold whole rows;
/// nothing is written.
pub fn standardize(x: &mut [f32], mean: &[f32], std: &[f32]) -> Result<()> {
    check_len("std", std, 1, mean.len())?;
    check_rows("x", x, mean.len())?;
    for row in rows_mut(x, mean.len()) {
        for (x, (mean, std)) in row.iter_mut().zip(mean.iter().zip(std)) {
            *x = (*x - mean) / std;
        }
    }
    Ok(())
}
