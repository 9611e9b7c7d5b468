//! PReLU: leaky ReLU with slopes that are learned, one for all or one for each column.
//!
//! As [`torch.nn.PReLU`](https://pytorch.org/docs/stable/generated/torch.nn.PReLU.html); He et al., "Delving Deep into
//! Rectifiers", 2015, <https://arxiv.org/abs/1502.01852>.
//!
//! `x[batch][columns]` is read in rows of as many elements as there are slopes, so one slope fits every `x`. All
//! functions take the input `x`, whose sign a slope may turn.

use super::piecewise::{leaky, leaky_gradient};
use crate::error::Result;
use crate::kernel::{map, map_reduce, total};
use crate::shape::{check_len, check_rows, rows, rows_mut};
use crate::simd::Simd;
use crate::{dispatch, simd};

/// The slope that PyTorch starts from.
pub const INITIAL_SLOPE: f32 = 0.25;

/// `y = x` above 0, `slope * x` elsewhere. *Writes* `y`.
///
/// A slope of 0 gives -0 at -inf, where PyTorch gives NaN.
///
/// # Errors
/// [`Error`](crate::Error) where `x` is not whole rows of `slopes`, or `y` not as long; nothing is written.
///
/// ```
/// use flatgrad::activation::prelu::forward;
///
/// let mut y = [0.0; 4];
/// forward(&[-1.0, -1.0, 3.0, -2.0], &[0.25, 0.5], &mut y)?; // two rows of two columns
/// assert_eq!(y, [-0.25, -0.5, 3.0, -1.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn forward(x: &[f32], slopes: &[f32], y: &mut [f32]) -> Result<()> {
    check_rows("x", x, slopes.len())?;
    check_len("y", y, x.len(), 1)?;
    dispatch!(simd::level(), s => forward_kernel(s, x, slopes, y));
    Ok(())
}

#[inline(always)]
fn forward_kernel<S: Simd>(s: S, x: &[f32], slopes: &[f32], y: &mut [f32]) {
    if let [slope] = *slopes {
        let slope = s.splat(slope);
        return map(
            s,
            [y],
            [x],
            #[inline(always)]
            |_, [x]| [leaky(s, x, slope)],
        );
    }
    for (x, y) in rows(x, slopes.len()).zip(rows_mut(y, slopes.len())) {
        map(
            s,
            [y],
            [x, slopes],
            #[inline(always)]
            |_, [x, slope]| [leaky(s, x, slope)],
        );
    }
}

/// The gradients of [`forward`] from `dy`, which has the length of `x`. *Writes* `dx` and `dslopes`.
///
/// `dslopes` sums `x * dy` over the rows where `x` is not above 0: each of several slopes over the rows in order, one
/// slope over 16 virtual lanes.
///
/// # Errors
/// [`Error`](crate::Error) where `x` is not whole rows of `slopes` or another slice does not fit; nothing is written.
///
/// ```
/// use flatgrad::activation::prelu::backward;
///
/// let (mut dx, mut dslopes) = ([0.0; 4], [0.0; 2]);
/// backward(&[-1.0, -1.0, 3.0, -2.0], &[0.25, 0.5], &[1.0, 1.0, 1.0, 10.0], &mut dx, &mut dslopes)?;
/// assert_eq!((dx, dslopes), ([0.25, 0.5, 1.0, 5.0], [-1.0, -21.0]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn backward(x: &[f32], slopes: &[f32], dy: &[f32], dx: &mut [f32], dslopes: &mut [f32]) -> Result<()> {
    check_rows("x", x, slopes.len())?;
    check_len("dy", dy, x.len(), 1)?;
    check_len("dx", dx, x.len(), 1)?;
    check_len("dslopes", dslopes, slopes.len(), 1)?;
    dispatch!(simd::level(), s => backward_kernel(s, x, slopes, dy, dx, dslopes));
    Ok(())
}

#[inline(always)]
fn backward_kernel<S: Simd>(s: S, x: &[f32], slopes: &[f32], dy: &[f32], dx: &mut [f32], dslopes: &mut [f32]) {
    if let ([slope], [dslope]) = (slopes, &mut *dslopes) {
        let slope = s.splat(*slope);
        let [sums] = map_reduce(
            s,
            [dx],
            [x, dy],
            [s.wide(s.splat(0.0))],
            #[inline(always)]
            |_, [x, dy], [sum]| ([leaky_gradient(s, x, slope, dy)], [s.add(sum, slope_gradient(s, x, dy))]),
        );
        *dslope = total(s, sums);
        return;
    }
    dslopes.fill(0.0);
    let width = slopes.len();
    for ((x, dy), dx) in rows(x, width).zip(rows(dy, width)).zip(rows_mut(dx, width)) {
        map(
            s,
            [dx, &mut *dslopes],
            [x, slopes, dy],
            #[inline(always)]
            |[_, sum], [x, slope, dy]| [leaky_gradient(s, x, slope, dy), s.add(sum, slope_gradient(s, x, dy))],
        );
    }
}

/// y = x or slope x: dslope = 0 or x dy.
#[inline(always)]
fn slope_gradient<S: Simd>(s: S, x: S::F32, dy: S::F32) -> S::F32 {
    let zero = s.splat(0.0);
    s.select(s.lt(zero, x), zero, s.mul(x, dy))
}
