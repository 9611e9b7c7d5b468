//! Softmax over rows: the maximum, the exponentials and their sum in a second pass, the scaling in a third.

use super::map::map;
use super::reduce::map_reduce;
use crate::error::Result;
use crate::math::exp;
use crate::shape::{check_len, check_rows};
use crate::simd::Simd;
use crate::{dispatch, simd};

/// The largest element; NaN only where all are. `-inf` of an empty row.
#[inline(always)]
pub(crate) fn row_max<S: Simd>(s: S, x: &[f32]) -> f32 {
    let [lanes] = map_reduce(
        s,
        [],
        [x],
        [f32::NEG_INFINITY],
        #[inline(always)]
        |[], [x], [max]| ([], [s.max(x, max)]),
    );
    s.fold(
        lanes,
        #[inline(always)]
        |a, b| s.max(b, a),
    )
}

/// `sum of e^(x - max)`; *writes* the exponentials to `out`.
#[inline(always)]
pub(crate) fn row_exp<S: Simd>(s: S, x: &[f32], max: f32, out: &mut [f32]) -> f32 {
    let max = s.splat(max);
    let [lanes] = map_reduce(
        s,
        [out],
        [x],
        [0.0],
        #[inline(always)]
        |_, [x], [sum]| {
            let e = exp(s, s.sub(x, max));
            ([e], [s.add(sum, e)])
        },
    );
    s.fold(
        lanes,
        #[inline(always)]
        |a, b| s.add(a, b),
    )
}

/// `sum of e^(x - max)`, in the bits of [`row_exp`].
#[inline(always)]
pub(crate) fn row_exp_sum<S: Simd>(s: S, x: &[f32], max: f32) -> f32 {
    let max = s.splat(max);
    let [lanes] = map_reduce(
        s,
        [],
        [x],
        [0.0],
        #[inline(always)]
        |[], [x], [sum]| ([], [s.add(sum, exp(s, s.sub(x, max)))]),
    );
    s.fold(
        lanes,
        #[inline(always)]
        |a, b| s.add(a, b),
    )
}

/// `out *= factor`
#[inline(always)]
pub(crate) fn scale<S: Simd>(s: S, out: &mut [f32], factor: f32) {
    let factor = s.splat(factor);
    map(
        s,
        [out],
        [],
        #[inline(always)]
        |[x], []| [s.mul(x, factor)],
    );
}

/// Softmax of each row of `columns` elements: `out = e^x / sum of e^x`. *Writes* `out`.
///
/// As [`torch.softmax`](https://pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html) over the last
/// dimension: a row with NaN or `+inf`, or of `-inf` alone, gives NaN; a single `-inf` gives 0.
///
/// # Errors
/// [`Error`](crate::Error) where `x` is not whole rows or `out` has another length; nothing is written.
///
/// ```
/// let mut p = [0.0; 2];
/// flatgrad::kernel::softmax(&[0.0, 0.0], &mut p, 2)?;
/// assert_eq!(p, [0.5, 0.5]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn softmax(x: &[f32], out: &mut [f32], columns: usize) -> Result<()> {
    let rows = check_rows("x", x, columns)?;
    check_len("out", out, rows, columns)?;
    dispatch!(simd::level(), s => softmax_rows(s, x, out, columns));
    Ok(())
}

#[inline(always)]
fn softmax_rows<S: Simd>(s: S, x: &[f32], out: &mut [f32], columns: usize) {
    let columns = columns.max(1);
    for (x, out) in x.chunks_exact(columns).zip(out.chunks_exact_mut(columns)) {
        let sum = row_exp(s, x, row_max(s, x), out);
        scale(s, out, 1.0 / sum);
    }
}
