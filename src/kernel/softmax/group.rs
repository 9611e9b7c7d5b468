//! A few rows at a time: by columns where they are narrow, row by row where they fit the first cache, unit by unit where
//! they do not. What changes bits is chosen by the width of a row alone, and rows share no arithmetic, so row i of many is
//! row i alone.

use super::exponent::Exponent;
use super::online::{self, UNIT};
use super::row::{exp_row, key_max, log_row, scale};
use super::{Rows, columns as narrow};
use crate::math::ln_1p;
use crate::simd::{Simd, VIRTUAL_LANES};

/// Most rows of a group: their sums and logarithms are taken together, so that no row waits for another's.
pub(crate) const GROUP: usize = VIRTUAL_LANES;

/// Elements of a group: with as many results they stay in the first cache.
const GROUP_LEN: usize = 2048;

/// One number for each row of a group.
pub(crate) type PerRow = [f32; GROUP];

/// What becomes of a row's exponentials.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Then<'a> {
    /// They are added up. `+inf` makes the sum NaN.
    Sum,
    /// They are added up; infinite elements count as they do in the logarithm of the sum.
    SumFinite,
    /// Their shares of the sum, times this, are *written*.
    Share(f32),
    /// As `Share`, times each row's own number and this.
    Shares(&'a [f32], f32),
    /// The logarithms of their shares are *written*.
    Log,
}

impl Then<'_> {
    #[inline(always)]
    pub(super) fn writes_shares(self) -> bool {
        matches!(self, Then::Share(_) | Then::Shares(..))
    }

    /// What is shared among the elements of a row.
    #[inline(always)]
    pub(super) fn share(self, row: usize) -> f32 {
        match self {
            Then::Share(share) => share,
            Then::Shares(each, factor) => each.get(row).copied().unwrap_or_default() * factor,
            Then::Sum | Then::SumFinite | Then::Log => 0.0,
        }
    }

    /// [`share`](Self::share) of the rows from `first` on, a lane each.
    #[inline(always)]
    pub(super) fn shares<S: Simd>(self, s: S, first: usize) -> S::F32 {
        match self {
            Then::Shares(each, factor) => s.mul(s.load_partial(each.get(first..).unwrap_or_default()), s.splat(factor)),
            _ => s.splat(self.share(first)),
        }
    }
}

/// What is known of the rows of a group.
pub(crate) struct Sums {
    /// The largest key.
    pub(crate) max: PerRow,
    /// The sum of the exponentials relative to that key, without a 1.
    pub(crate) rest: PerRow,
}

impl Sums {
    /// Of no rows.
    pub(crate) const NONE: Self = Self { max: [0.0; GROUP], rest: [0.0; GROUP] };

    /// The logarithms of the sums.
    #[inline(always)]
    pub(crate) fn ln<S: Simd>(&self, s: S) -> PerRow {
        let mut ln = self.rest;
        for x in S::chunks_mut(&mut ln).0 {
            s.store(ln_1p(s, s.load(x)), x);
        }
        ln
    }
}

/// The rows of a group, at least 1.
#[inline(always)]
pub(crate) fn group_rows(columns: usize) -> usize {
    (GROUP_LEN / columns.max(1)).clamp(1, GROUP)
}

/// The first `count` of `rows`. *Writes* them as `then` says, and the [`Sums`] of a group where those are asked for.
///
/// Out of line: softmax and the losses share it.
#[cfg_attr(not(target_os = "none"), inline(never))]
pub(crate) fn each_row<S: Simd>(
    s: S,
    e: Exponent,
    mut rows: Rows,
    (count, columns): (usize, usize),
    then: Then<'_>,
    sums: Option<&mut Sums>,
) {
    s.vectorize(
        #[inline(always)]
        move || {
            // The same bits either way; columns lose where a register is one lane, or one row fills one lane of them.
            if S::LANES > 1 && columns <= VIRTUAL_LANES && count > 1 {
                return narrow::each_row(s, e, rows, (count, columns), then, sums);
            }
            let (mut own, size) = (Sums::NONE, group_rows(columns));
            let sums = sums.unwrap_or(&mut own);
            for first in (0..count).step_by(size) {
                let group = rows.part(first * columns, size.min(count - first) * columns);
                if columns > UNIT {
                    online::row(s, e, group, first, then, sums);
                } else {
                    each_of_group(s, e, group, (first, columns), then, sums);
                }
            }
        },
    );
}

/// The longest row for [`share_row`].
pub(crate) const LONGEST_SHARED: usize = UNIT;

/// One row by itself: *writes* `share` times the exponentials' shares to `out`, and answers the largest element and the
/// logarithm of the sum relative to it.
#[inline(always)]
pub(crate) fn share_row<S: Simd>(s: S, x: &[f32], out: &mut [f32], share: f32) -> [f32; 2] {
    let e = Exponent::PLAIN;
    let max = key_max(s, e, x);
    let (parts, _) = exp_row(s, e, Rows::InTo(x, out), max, &[]);
    scale(s, out, share / parts.sum());
    [max, s.to_lanes(s.wide(ln_1p(s, s.splat(parts.rest()))))[0]]
}

#[inline(always)]
fn each_of_group<S: Simd>(
    s: S,
    e: Exponent,
    mut rows: Rows,
    (first, columns): (usize, usize),
    then: Then<'_>,
    sums: &mut Sums,
) {
    let count = (rows.x().len() / columns.max(1)).min(GROUP);
    let mut shares = [0.0; GROUP];
    let mut next_max = key_max(s, e, rows.part(0, columns).x());
    for i in 0..count {
        sums.max[i] = next_max;
        let next_len = if i + 1 < count { columns } else { 0 };
        let (row, next) = rows.part_and_next(i * columns, columns, next_len);
        let shift = if then == Then::SumFinite && sums.max[i].is_infinite() { 0.0 } else { sums.max[i] };
        let row = if then.writes_shares() { row } else { Rows::In(row.x()) };
        let parts;
        (parts, next_max) = exp_row(s, e, row, shift, next);
        sums.rest[i] = parts.rest();
        shares[i] = then.share(first + i) / parts.sum();
    }
    match then {
        Then::Share(_) | Then::Shares(..) => {
            for i in 0..count {
                scale(s, rows.part(i * columns, columns).out(), shares[i]);
            }
        }
        Then::Log => {
            let ln = sums.ln(s);
            for i in 0..count {
                log_row(s, e, rows.part(i * columns, columns), sums.max[i], ln[i]);
            }
        }
        Then::Sum | Then::SumFinite => {}
    }
}
