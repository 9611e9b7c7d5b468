//! Numbers to look at: which class a net chose, and how often it is right.
//!
//! [`Accuracy`], [`Mean`] and [`Confusion`] go on from batch to batch; what they hold is plain numbers, so that an
//! evaluation can be cut anywhere.

mod confusion;
mod running;

pub use confusion::{Average, Confusion, Scores};
pub use running::{Accuracy, Mean};

use crate::error::{Error, Result};
use crate::shape::{check_len, rows};

/// The index of the largest element of a row: the first of equals; NaN counts as the largest. 0 of an empty row.
///
/// ```
/// assert_eq!(flatgrad::metrics::argmax_row(&[0.1, 0.7, 0.7]), 1);
/// ```
#[must_use]
pub fn argmax_row(row: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, &x) in row.iter().enumerate() {
        if x.is_nan() {
            return i;
        }
        if x > best.1 {
            best = (i, x);
        }
    }
    best.0
}

/// The class with the largest logit of each row of `classes`. *Writes* `out`.
///
/// As [`torch.argmax`](https://pytorch.org/docs/stable/generated/torch.argmax.html) over the last dimension.
///
/// # Errors
/// [`Error::Length`] where `logits` does not hold a row for each element of `out`, [`Error::Value`] where `classes` is
/// 0 or no `i32`; nothing is written.
pub fn argmax(logits: &[f32], classes: usize, out: &mut [i32]) -> Result<()> {
    check_len("logits", logits, out.len(), classes)?;
    if classes == 0 || i32::try_from(classes).is_err() {
        return Err(Error::Value { argument: "classes", expected: "in 1..=i32::MAX" });
    }
    for (row, out) in rows(logits, classes).zip(out) {
        *out = i32::try_from(argmax_row(row)).unwrap_or_default();
    }
    Ok(())
}

/// In how many rows of `classes` logits the largest is the label's.
///
/// # Errors
/// [`Error::Length`] where `logits` does not hold a row for each label.
pub fn correct(logits: &[f32], labels: &[i32], classes: usize) -> Result<usize> {
    check_len("logits", logits, labels.len(), classes)?;
    let rows = rows(logits, classes).zip(labels);
    Ok(rows.filter(|(row, label)| usize::try_from(**label) == Ok(argmax_row(row))).count())
}

/// [`correct`] as a fraction of the rows; NaN for none.
///
/// # Errors
/// [`Error::Length`] where `logits` does not hold a row for each label.
///
/// ```
/// let accuracy = flatgrad::metrics::accuracy(&[0.1, 0.9, 0.8, 0.2], &[1, 1], 2)?;
/// assert_eq!(accuracy, 0.5);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn accuracy(logits: &[f32], labels: &[i32], classes: usize) -> Result<f32> {
    Ok(correct(logits, labels, classes)? as f32 / labels.len() as f32)
}

/// In how many rows of `classes` logits the label's is among the `k` largest. With `k = 1` it is [`correct`].
///
/// As in [`argmax_row`], of equals the first is larger, and NaN is larger than all; PyTorch's
/// [`topk`](https://pytorch.org/docs/stable/generated/torch.topk.html) leaves the order of equals open.
///
/// # Errors
/// [`Error::Length`] where `logits` does not hold a row for each label.
///
/// ```
/// let right = flatgrad::metrics::correct_in_top(2, &[0.1, 0.7, 0.2, 0.5, 0.3, 0.2], &[2, 2], 3)?;
/// assert_eq!(right, 1);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn correct_in_top(k: usize, logits: &[f32], labels: &[i32], classes: usize) -> Result<usize> {
    check_len("logits", logits, labels.len(), classes)?;
    let rows = rows(logits, classes).zip(labels);
    Ok(rows.filter(|(row, label)| usize::try_from(**label).is_ok_and(|label| is_in_top(k, row, label))).count())
}

fn is_in_top(k: usize, row: &[f32], label: usize) -> bool {
    let Some(own) = row.get(label) else { return false };
    let is_before = |(i, x): (usize, &f32)| {
        let is_equal = x == own || x.is_nan() && own.is_nan();
        x > own || x.is_nan() && !own.is_nan() || is_equal && i < label
    };
    row.iter().enumerate().filter(|item| is_before(*item)).count() < k
}
