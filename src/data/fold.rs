//! Cross-validation.

use crate::error::{Error, Result};

/// One fold of a permutation, and what is around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold<'a, T> {
    /// The fold: what the training does not see.
    pub validation: &'a [T],
    /// The training part: what is before the fold, and what is after it.
    pub train: [&'a [T]; 2],
}

/// Fold number `fold` of `folds`, of nearly the same length: the first ones have one row more.
///
/// As scikit-learn's `KFold`: shuffle `order` before.
///
/// # Errors
/// [`Error::Value`] where `folds` is less than 2 or more than there are rows, or `fold` is not less than `folds`.
///
/// ```
/// use flatgrad::data::k_fold;
///
/// let fold = k_fold(&[0, 1, 2, 3, 4], 2, 0)?;
/// assert_eq!((fold.validation, fold.train.concat()), (&[0, 1, 2][..], vec![3, 4]));
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn k_fold<T>(order: &[T], folds: usize, fold: usize) -> Result<Fold<'_, T>> {
    let (Some(least), Some(longer)) = (order.len().checked_div(folds), order.len().checked_rem(folds)) else {
        return Err(Error::Value { argument: "folds", expected: "in 2..=rows" });
    };
    if folds < 2 || least == 0 {
        return Err(Error::Value { argument: "folds", expected: "in 2..=rows" });
    }
    if fold >= folds {
        return Err(Error::Value { argument: "fold", expected: "less than `folds`" });
    }
    let start = fold * least + fold.min(longer);
    let len = least + usize::from(fold < longer);
    let (before, rest) = order.split_at_checked(start).unwrap_or_default();
    let (validation, after) = rest.split_at_checked(len).unwrap_or_default();
    Ok(Fold { validation, train: [before, after] })
}
