//! Data sets as flat slices: permutations, splits and folds, batches of rows, standardisation, and the idx format of MNIST.
//!
//! ```
//! use flatgrad::data::{batches, gather, identity, shuffle_epoch};
//!
//! let (x, labels) = ([0.0, 0.1, 1.0, 1.1, 2.0, 2.1], [0, 1, 2]); // three rows of two
//! let (mut order, mut batch, mut batch_labels) = ([0; 3], [0.0; 4], [0; 2]);
//! for epoch in 0..4 {
//!     identity(&mut order);
//!     shuffle_epoch(&mut order, 1, epoch);
//!     for rows in batches(&order, 2, false)? {
//!         gather(&x, 2, rows, &mut batch[..rows.len() * 2])?; // the same order for both
//!         gather(&labels, 1, rows, &mut batch_labels[..rows.len()])?;
//!     }
//! }
//! # Ok::<(), flatgrad::Error>(())
//! ```

mod epoch;
mod fold;
pub mod idx;
mod standard;

pub use epoch::{batch_count, batches, shuffle_epoch};
pub use fold::{Fold, k_fold};
pub use standard::{fit_standard, standardize};

use crate::error::{Error, Result};
use crate::shape::{check_classes, check_len, rows_mut};
use rand_core::Rng;

/// `order[i] = i`. *Writes* `order`.
pub fn identity(order: &mut [u32]) {
    for (i, x) in order.iter_mut().enumerate() {
        *x = i as u32;
    }
}

/// Puts `order` into a uniformly random order (Fisher and Yates). *Writes* `order`.
///
/// The same generator state gives the same order on every machine.
pub fn shuffle<T>(order: &mut [T], rng: &mut (impl Rng + ?Sized)) {
    for last in (1..order.len()).rev() {
        let other = below(rng, last as u64 + 1);
        // `swap` could panic.
        if let Some((last, before)) = order.get_mut(..=last).and_then(<[T]>::split_last_mut)
            && let Some(other) = before.get_mut(usize::try_from(other).unwrap_or(usize::MAX))
        {
            core::mem::swap(last, other);
        }
    }
}

/// A uniform integer in `0..bound`, without bias.
///
/// Lemire, "Fast Random Integer Generation in an Interval", 2018, <https://arxiv.org/abs/1805.10941>.
fn below(rng: &mut (impl Rng + ?Sized), bound: u64) -> u64 {
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        let low = product as u64;
        // The first `2^64 mod bound` low halves would come up once too often.
        if low >= bound || low >= bound.wrapping_neg().checked_rem(bound).unwrap_or_default() {
            return (product >> 64) as u64;
        }
    }
}

/// Copies rows of `width` elements: row `i` of `out` is row `indices[i]` of `x`. *Writes* `out`.
///
/// # Errors
/// [`Error::Length`] where `out` does not hold a row for each index, [`Error::Index`] for an index beyond the rows of
/// `x`; nothing is written.
pub fn gather<T: Copy>(x: &[T], width: usize, indices: &[u32], out: &mut [T]) -> Result<()> {
    check_len("out", out, indices.len(), width)?;
    let Some(rows) = x.len().checked_div(width) else { return Ok(()) };
    if let Some(index) = indices.iter().position(|&row| row as usize >= rows) {
        let found = indices.get(index).map_or(0, |&row| row as usize);
        return Err(Error::Index { argument: "indices", index, len: rows, found });
    }
    for (out, &row) in rows_mut(out, width).zip(indices) {
        let start = row as usize * width;
        if let Some(from) = x.get(start..).and_then(|x| x.get(..width)) {
            // `copy_from_slice` could panic; this becomes the same memcpy.
            for (to, x) in out.iter_mut().zip(from) {
                *to = *x;
            }
        }
    }
    Ok(())
}

/// Cuts a permutation into parts of the given shares of its length, in order; the last part takes what is left.
///
/// ```
/// let order: [u32; 20] = core::array::from_fn(|i| i as u32);
/// let [train, validation, test] = flatgrad::data::split(&order, [0.70, 0.15, 0.15])?;
/// assert_eq!([train.len(), validation.len(), test.len()], [14, 3, 3]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
///
/// # Errors
/// [`Error::Value`] where a share is negative or NaN, or they add up to something else than 1 (within 1e-6).
pub fn split<T, const N: usize>(order: &[T], shares: [f64; N]) -> Result<[&[T]; N]> {
    let total: f64 = shares.iter().sum();
    let (least, most) = (1.0 - 1e-6, 1.0 + 1e-6);
    if shares.iter().any(|share| !(0.0..=most).contains(share)) || !(least..=most).contains(&total) {
        return Err(Error::Value { argument: "shares", expected: "at least 0 and 1 in all" });
    }
    let mut parts = [&order[..0]; N];
    let (mut start, mut share_end) = (0, 0.0);
    for (i, (part, share)) in parts.iter_mut().zip(shares).enumerate() {
        share_end += share;
        // The half added rounds; the product is never negative.
        let end = if i + 1 == N { order.len() } else { (share_end * order.len() as f64 + 0.5) as usize };
        *part = order.get(start..end.min(order.len())).unwrap_or_default();
        start = start.max(end);
    }
    Ok(parts)
}

/// The one-hot form of class indices: 1 at the label of each row, 0 elsewhere. *Writes* `out[labels][classes]`.
///
/// As [`one_hot`](https://pytorch.org/docs/stable/generated/torch.nn.functional.one_hot.html).
///
/// # Errors
/// [`Error::Length`] where `out` does not hold a row for each label, [`Error::Label`] for a label outside `0..classes`; nothing
/// is written.
///
/// ```
/// let mut out = [0.5; 6];
/// flatgrad::data::one_hot(&[2, 0], 3, &mut out)?;
/// assert_eq!(out, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn one_hot(labels: &[i32], classes: usize, out: &mut [f32]) -> Result<()> {
    check_len("out", out, labels.len(), classes)?;
    check_classes("labels", labels, classes)?;
    out.fill(0.0);
    for (row, label) in rows_mut(out, classes).zip(labels) {
        if let Some(x) = usize::try_from(*label).ok().and_then(|label| row.get_mut(label)) {
            *x = 1.0;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
    use std::vec::Vec;

    #[test]
    fn shuffles_are_permutations_and_uniform() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        let mut counts = [[0u32; 5]; 5];
        for _ in 0..20_000 {
            let mut order = [0, 1, 2, 3, 4];
            shuffle(&mut order, &mut rng);
            for (place, &x) in order.iter().enumerate() {
                counts[place][x] += 1;
            }
        }
        // 16 degrees of freedom: 39.3 is exceeded once in a thousand; the seed is fixed.
        let chi2: f64 = counts.iter().flatten().map(|&n| (f64::from(n) - 4000.0).powi(2) / 4000.0).sum();
        assert!(chi2 < 39.3, "{chi2}");
    }

    #[test]
    fn gather_checks_before_it_writes() {
        let mut out = [9.0; 2];
        assert_eq!(
            gather(&[1.0, 2.0, 3.0], 1, &[0, 3], &mut out),
            Err(Error::Index { argument: "indices", index: 1, len: 3, found: 3 })
        );
        assert_eq!(out, [9.0; 2]);
        assert!(gather(&[1.0, 2.0, 3.0], 1, &[0, 2, 1], &mut out).is_err());
        gather(&[1.0, 2.0, 3.0], 1, &[2, 0], &mut out).unwrap();
        assert_eq!(out, [3.0, 1.0]);
    }

    #[test]
    fn splits_cover_everything_once() {
        for n in [0usize, 1, 7, 15, 16, 17, 31, 33, 1000] {
            let order: Vec<usize> = (0..n).collect();
            let [a, b, c] = split(&order, [0.7, 0.15, 0.15]).unwrap();
            let all: Vec<usize> = a.iter().chain(b).chain(c).copied().collect();
            assert_eq!(all, order);
        }
        assert!(split(&[0], [0.5, 0.4]).is_err() && split(&[0], [f64::NAN, 1.0]).is_err());
    }
}
