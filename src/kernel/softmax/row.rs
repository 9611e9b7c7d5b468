//! One row: its maximum, its exponentials, their sum.
//!
//! The ones that the row's maxima are get counted, not added: small terms are not lost beside them one by one, and
//! *the rest*, without one of the ones, has all its digits. `ln sum = ln_1p(rest)` stays accurate where one element has
//! nearly all of the probability.

use super::exponent::{Exponent, Plain};
use crate::kernel::map::map;
use crate::kernel::reduce::{map_reduce, total};
use crate::math::exp;
use crate::simd::{Simd, VIRTUAL_LANES};

/// Maxima that are taken side by side: no one waits for the one before.
const SIDE_BY_SIDE: usize = 4;

/// The largest key; NaN only where all are. `-inf` of an empty row. A maximum does not depend on the order.
#[inline(always)]
pub(crate) fn key_max<S: Simd, E: Exponent>(s: S, e: E, x: &[f32]) -> f32 {
    let quarter = x.len() / SIDE_BY_SIDE / VIRTUAL_LANES * VIRTUAL_LANES;
    let mut rest = x;
    let mut quarters: [&[f32]; SIDE_BY_SIDE] = [&[]; SIDE_BY_SIDE];
    for part in &mut quarters {
        (*part, rest) = rest.split_at_checked(quarter).unwrap_or_default();
    }
    let lanes = map_reduce(
        s,
        [],
        quarters,
        [f32::NEG_INFINITY; SIDE_BY_SIDE],
        #[inline(always)]
        |[], x, max| {
            let mut larger = max;
            for i in 0..SIDE_BY_SIDE {
                larger[i] = s.max(e.key(s, x[i]), max[i]);
            }
            ([], larger)
        },
    );
    let [last] = map_reduce(
        s,
        [],
        [rest],
        [f32::NEG_INFINITY],
        #[inline(always)]
        |[], [x], [max]| ([], [s.max(e.key(s, x), max)]),
    );
    let mut all = last;
    for lanes in lanes {
        for (all, &lane) in all.as_mut().iter_mut().zip(lanes.as_ref()) {
            *all = s.max(lane, *all);
        }
    }
    s.fold(
        all,
        #[inline(always)]
        |a, b| s.max(b, a),
    )
}

/// What exponentials add up to: how many are 1, being of the maximum, and the sum of all others.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) ones: f32,
    pub(crate) others: f32,
}

impl Parts {
    /// The sum of the exponentials.
    #[inline(always)]
    pub(crate) fn sum(self) -> f32 {
        self.ones + self.others
    }

    /// The sum of the exponentials without one of the ones.
    #[inline(always)]
    pub(crate) fn rest(self) -> f32 {
        (self.ones - 1.0) + self.others
    }
}

/// The [`Parts`] of a lane with one more exponential `e`.
#[inline(always)]
pub(super) fn add_part<S: Simd>(s: S, exponent: S::F32, e: S::F32, [ones, others]: [S::F32; 2]) -> [S::F32; 2] {
    let zero = s.splat(0.0);
    let largest = s.eq(exponent, zero);
    let one_more = s.add(ones, s.splat(1.0));
    [s.select(largest, one_more, ones), s.add(others, s.select(largest, zero, e))]
}

/// The parts of `e^scale(key - max)` over a row that is `ins`, or `outs` where that is empty. *Writes* the exponentials
/// to `outs`, if any.
#[inline(always)]
pub(super) fn exp_parts<S: Simd, E: Exponent, const O: usize, const I: usize>(
    s: S,
    e: E,
    outs: [&mut [f32]; O],
    ins: [&[f32]; I],
    max: f32,
) -> Parts {
    let max = s.splat(max);
    let [ones, others] = map_reduce(
        s,
        outs,
        ins,
        [0.0; 2],
        #[inline(always)]
        |old, x, parts| {
            let x = x.first().or(old.first()).copied().unwrap_or(max);
            let exponent = e.scale(s, s.sub(e.key(s, x), max));
            let y = exp(s, exponent);
            ([y; O], add_part(s, exponent, y, parts))
        },
    );
    Parts { ones: total(s, ones), others: total(s, others) }
}

/// The largest element; NaN only where all are. `-inf` of an empty row.
#[inline(always)]
pub(crate) fn row_max<S: Simd>(s: S, x: &[f32]) -> f32 {
    key_max(s, Plain, x)
}

/// The rest of the sum of `e^(x - max)`; *writes* the exponentials to `out`.
#[inline(always)]
pub(crate) fn row_exp<S: Simd>(s: S, x: &[f32], max: f32, out: &mut [f32]) -> f32 {
    exp_parts(s, Plain, [out], [x], max).rest()
}

/// The rest of the sum of `e^(x - max)`, in the bits of [`row_exp`].
#[inline(always)]
pub(crate) fn row_exp_rest<S: Simd>(s: S, x: &[f32], max: f32) -> f32 {
    exp_parts(s, Plain, [], [x], max).rest()
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

/// `y = scale(key - max) - ln_sum` of a row that is `ins`, or `out` where that is empty. *Writes* `out`.
#[inline(always)]
pub(super) fn log_row<S: Simd, E: Exponent, const I: usize>(
    s: S,
    e: E,
    ins: [&[f32]; I],
    out: &mut [f32],
    max: f32,
    ln_sum: f32,
) {
    let (max, ln_sum) = (s.splat(max), s.splat(ln_sum));
    map(
        s,
        [out],
        ins,
        #[inline(always)]
        |[old], x| {
            let x = x.first().copied().unwrap_or(old);
            [s.sub(e.scale(s, s.sub(e.key(s, x), max)), ln_sum)]
        },
    );
}
