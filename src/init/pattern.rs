//! Weights of zeros and ones, and of zeros and deviates.

use super::fan::size;
use super::normal;
use crate::error::{Error, Result};
use crate::shape::{check_len, rows_mut};
use rand_core::Rng;

/// The identity: 1 where row and column have the same number, 0 elsewhere. *Writes* `w[rows][columns]`.
///
/// As [`eye_`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.eye_).
///
/// # Errors
/// [`Error::Length`] where `w` does not fit; nothing is written.
///
/// ```
/// let mut w = [0.5; 6];
/// flatgrad::init::eye(&mut w, [2, 3])?;
/// assert_eq!(w, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn eye(w: &mut [f32], [rows, columns]: [usize; 2]) -> Result<()> {
    check_len("w", w, rows, columns)?;
    w.fill(0.0);
    for (i, row) in rows_mut(w, columns).enumerate() {
        if let Some(x) = row.get_mut(i) {
            *x = 1.0;
        }
    }
    Ok(())
}

/// A convolution that passes its input channels on: 1 at the centre of the kernel from channel `i` to output `i` of each group, 0
/// elsewhere. *Writes* `w`, of shape `[outputs, inputs, kernel...]`, where the outputs are those of all groups and the inputs
/// those of one.
///
/// As [`dirac_`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.dirac_), whose default is one group.
///
/// # Errors
/// [`Error::Value`] for another rank than 3, 4 or 5, or groups that do not divide the outputs, [`Error::Length`] where `w`
/// does not fit; nothing is written.
///
/// ```
/// let mut w = [0.5; 12];
/// flatgrad::init::dirac(&mut w, &[2, 2, 3], 1)?;
/// assert_eq!(w, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn dirac(w: &mut [f32], shape: &[usize], groups: usize) -> Result<()> {
    let [outputs, inputs, kernel @ ..] = shape else {
        return Err(Error::Value { argument: "shape", expected: "of 3, 4 or 5 dimensions" });
    };
    if !(1..=3).contains(&kernel.len()) {
        return Err(Error::Value { argument: "shape", expected: "of 3, 4 or 5 dimensions" });
    }
    if outputs.checked_rem(groups) != Some(0) {
        return Err(Error::Value { argument: "groups", expected: "a divisor of the outputs" });
    }
    check_len("w", w, size(shape), 1)?;
    if w.is_empty() {
        return Ok(());
    }
    w.fill(0.0);
    let field = size(kernel);
    let centre = kernel.iter().fold(0, |at, &side| at * side + side / 2);
    let group = outputs.checked_div(groups).unwrap_or_default().max(1);
    // A kernel for each pair of channels; those of an output lie together.
    for (output, kernels) in rows_mut(w, inputs.saturating_mul(field)).enumerate() {
        let input = output.checked_rem(group).unwrap_or_default();
        if let Some(x) = rows_mut(kernels, field).nth(input).and_then(|kernel| kernel.get_mut(centre)) {
            *x = 1.0;
        }
    }
    Ok(())
}

/// Normal deviates around 0, but a share of each column, rounded up to whole elements, is 0. *Writes* `w[rows][columns]`.
///
/// As [`sparse_`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.sparse_), whose default deviation is 0.01;
/// Martens, "Deep learning via Hessian-free optimization", 2010. The rows of the zeros are chosen by Knuth's algorithm S (The Art of
/// Computer Programming, volume 2, 3.4.2), without memory.
///
/// # Errors
/// [`Error::Value`] where `sparsity` is outside `[0, 1]`, [`Error::Length`] where `w` does not fit; nothing is written.
pub fn sparse(
    w: &mut [f32],
    [rows, columns]: [usize; 2],
    sparsity: f64,
    std: f32,
    rng: &mut (impl Rng + ?Sized),
) -> Result<()> {
    check_len("w", w, rows, columns)?;
    if !(0.0..=1.0).contains(&sparsity) {
        return Err(Error::Value { argument: "sparsity", expected: "in 0..=1" });
    }
    normal(w, 0.0, std, rng);
    let share = sparsity * rows as f64;
    let zeros = share as usize + usize::from(share > (share as usize) as f64);
    for column in 0..columns {
        let mut wanted = zeros;
        for (i, row) in rows_mut(w, columns).enumerate() {
            // Of the rows that are left, so many are still to be zeros.
            let is_zero =
                f64::from(rng.next_u32()) * (1.0 / 4_294_967_296.0) * (rows.saturating_sub(i) as f64) < wanted as f64;
            if let Some(x) = row.get_mut(column).filter(|_| is_zero) {
                *x = 0.0;
                wanted -= 1;
            }
        }
    }
    Ok(())
}
