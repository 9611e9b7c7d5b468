//! A bound on the weights of each unit.

use super::check_size;
use crate::error::Result;
use crate::kernel::{map, moments};
use crate::shape::{check_rows, rows, rows_mut};
use crate::simd::{Simd, root_f64};
use crate::{dispatch, simd};

/// Scales each row of `weight[outputs][inputs]` whose Euclidean norm is above `max` by `max / (norm + 1e-7)`; other rows keep
/// their bits. *Writes* `weight`.
///
/// A row is what goes into one output of a dense layer. As
/// [`torch.renorm`](https://pytorch.org/docs/stable/generated/torch.renorm.html) with `p` 2 and `dim` 0; Keras's `max_norm`
/// also shrinks rows below the bound by 1e-7. Srivastava et al., 2014, use it with dropout. A row with a NaN is left
/// alone; one whose squares overflow is scaled all the same, where PyTorch gives 0.
///
/// # Errors
/// [`Error`](crate::Error) where `weight` is not whole rows, or `max` is negative or not finite; nothing is written.
///
/// ```
/// let mut weight = [3.0, 4.0, 0.3, 0.4];
/// flatgrad::regularize::max_norm(&mut weight, 2, 1.0)?;
/// assert_eq!(weight[2..], [0.3, 0.4]);
/// assert!((weight[0] - 0.6).abs() < 1e-6 && (weight[1] - 0.8).abs() < 1e-6);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn max_norm(weight: &mut [f32], inputs: usize, max: f32) -> Result<()> {
    check_rows("weight", weight, inputs)?;
    check_size("max", max)?;
    dispatch!(simd::level(), s => each_row(s, weight, inputs, max));
    Ok(())
}

#[inline(always)]
fn each_row<S: Simd>(s: S, weight: &mut [f32], inputs: usize, max: f32) {
    for four in rows_mut(weight, inputs.saturating_mul(4)) {
        let row = |i: usize| rows(four, inputs).nth(i).or(four.get(..inputs)).unwrap_or_default();
        let moments = moments(s, [row(0), row(1), row(2), row(3)], false);
        for (row, moments) in rows_mut(four, inputs).zip(moments) {
            let norm = root_f64(moments.squares);
            if norm > f64::from(max) {
                let scale = s.splat((f64::from(max) / (norm + 1e-7)) as f32);
                map(
                    s,
                    [row],
                    [],
                    #[inline(always)]
                    |[w], []| [s.mul(w, scale)],
                );
            }
        }
    }
}
