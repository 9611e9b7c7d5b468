//! Rows whose columns come a part at a time and are never there together.
//!
//! Two parts with their maxima are one: the sum below the lower maximum goes over to the higher one. Of the sum, a 1 is left
//! out throughout, that of the largest element, so that its logarithm keeps its digits as it does in [`row`](super::row).

use super::Rows;
use super::exponent::Exponent;
use super::group::{GROUP, Sums, Then, each_row, group_rows};
use super::row::{exp_row, scale};
use crate::kernel::map::map;
use crate::math::exp;
use crate::shape::{rows, rows_mut};
use crate::simd::Simd;

/// What is known of each row so far: as in [`Sums`], for any number of rows.
pub(crate) struct PartSums<'a> {
    pub(crate) max: &'a mut [f32],
    pub(crate) rest: &'a mut [f32],
}

impl<'a> PartSums<'a> {
    /// Of rows of which nothing was seen.
    pub(crate) fn new(max: &'a mut [f32], rest: &'a mut [f32]) -> Self {
        max.fill(f32::NEG_INFINITY);
        rest.fill(-1.0);
        Self { max, rest }
    }

    /// The next columns of all rows.
    #[inline(never)]
    pub(crate) fn add<S: Simd>(&mut self, s: S, part: &[f32], columns: usize) {
        let count = group_rows(columns);
        let state = rows_mut(self.max, count).zip(rows_mut(self.rest, count));
        for ((max, rest), x) in state.zip(rows(part, count.saturating_mul(columns))) {
            let mut sums = Sums::NONE;
            each_row(s, Exponent::PLAIN, Rows::In(x), (max.len(), columns), Then::SumFinite, Some(&mut sums));
            s.vectorize(
                #[inline(always)]
                || merge(s, max, rest, &sums),
            );
        }
    }

    /// The rows from `first` on, at most a group of them. A row with `+inf`, or of `-inf` alone, has a sum of NaN.
    pub(crate) fn group(&self, first: usize) -> Sums {
        let mut sums = Sums::NONE;
        let state = self.max.iter().zip(self.rest.iter()).skip(first);
        for ((to_max, to_rest), (max, rest)) in sums.max.iter_mut().zip(&mut sums.rest).zip(state) {
            *to_max = *max;
            *to_rest = if max.is_infinite() { f32::NAN } else { *rest };
        }
        sums
    }
}

/// Sums so far and those of the next part, which become one.
#[inline(always)]
fn merge<S: Simd>(s: S, max: &mut [f32], rest: &mut [f32], next: &Sums) {
    let len = max.len().min(GROUP);
    let next_max = next.max.get(..len).unwrap_or_default();
    let next_rest = next.rest.get(..len).unwrap_or_default();
    map(
        s,
        [max, rest],
        [next_max, next_rest],
        #[inline(always)]
        |[max, rest], [next_max, next_rest]| {
            let is_more = s.lt(max, next_max);
            let (high, low) = (s.select(is_more, next_max, max), s.select(is_more, max, next_max));
            let (rest, other) = (s.select(is_more, next_rest, rest), s.select(is_more, rest, next_rest));
            // Of `-inf` alone nothing is left, whatever the other maximum.
            let is_none = s.eq(low, s.splat(f32::NEG_INFINITY));
            let factor = s.select(is_none, s.splat(0.0), exp(s, s.sub(low, high)));
            [high, s.add(rest, s.mul(s.add(other, s.splat(1.0)), factor))]
        },
    );
}

/// `x = e^(x - max) * share` for columns of rows, each with its own maximum and share. *Writes* `x`.
#[inline(never)]
pub(crate) fn exp_shares<S: Simd>(s: S, x: &mut [f32], columns: usize, max: &[f32], shares: &[f32]) {
    for ((x, max), share) in rows_mut(x, columns).zip(max).zip(shares) {
        exp_row(s, Exponent::PLAIN, Rows::InPlace(&mut *x), *max, &[]);
        scale(s, x, *share);
    }
}
