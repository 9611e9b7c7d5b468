//! What is asked of a short slice that was just written and is still in the first cache.
//!
//! A slice is read in four quarters at once: a sum of one register after the other would wait for each addition.

use super::reduce::{Sum, map_reduce, total};
use crate::health::Health;
use crate::shape::rows;
use crate::simd::{LONGEST, Level, Simd};
use crate::{dispatch, simd};

/// The length of a block: enough to make a call for each of no account, and little on a microcontroller's stack.
pub(crate) const BLOCK: usize = 256;

/// The sum of a block: `(quarter 0 + quarter 1) + (quarter 2 + quarter 3)`, over the 16 virtual lanes.
#[inline(always)]
pub(crate) fn block_sum<S: Simd>(s: S, x: &[f32; BLOCK]) -> f32 {
    let [sum] = map_reduce(
        s,
        [],
        quarters(x).0,
        [s.wide(s.splat(0.0))],
        #[inline(always)]
        |[], [a, b, c, d], [sum]| ([], [s.add(sum, s.add(s.add(a, b), s.add(c, d)))]),
    );
    total(s, sum)
}

/// Long enough that its calls cost nothing, short enough that rounding in a lane costs no digits.
const STRETCH: usize = 16 * BLOCK;

/// The sum of `x[i] * y[i]`, of slices of equal length, whatever it is.
#[inline(never)]
pub(crate) fn dot(x: &[f32], y: &[f32]) -> f64 {
    let mut sum = Sum::default();
    for (x, y) in rows(x, STRETCH).zip(rows(y, STRETCH)) {
        sum.add(dispatch!(simd::level(), s => short_dot(s, x, y)));
    }
    sum.value().into()
}

/// The sum of `|x[i]|`, whatever the length is.
#[inline(never)]
pub(crate) fn abs_sum(x: &[f32]) -> f64 {
    let mut sum = Sum::default();
    for x in x.chunks(STRETCH) {
        sum.add(dispatch!(simd::level(), s => short_abs_sum(s, x)));
    }
    sum.value().into()
}

#[inline(always)]
fn short_dot<S: Simd>(s: S, x: &[f32], y: &[f32]) -> f32 {
    let ([a, b, c, d], x) = quarters(x);
    let ([e, f, g, h], y) = quarters(y);
    let [sum] = map_reduce(
        s,
        [],
        [a, b, c, d, e, f, g, h],
        [s.wide(s.splat(0.0))],
        #[inline(always)]
        |[], [a, b, c, d, e, f, g, h], [sum]| {
            let (low, high) = (s.mul_add(b, f, s.mul(a, e)), s.mul_add(d, h, s.mul(c, g)));
            ([], [s.add(sum, s.add(low, high))])
        },
    );
    let [sum] = map_reduce(
        s,
        [],
        [x, y],
        [sum],
        #[inline(always)]
        |[], [x, y], [sum]| ([], [s.mul_add(x, y, sum)]),
    );
    total(s, sum)
}

#[inline(always)]
fn short_abs_sum<S: Simd>(s: S, x: &[f32]) -> f32 {
    let (whole, rest) = quarters(x);
    let [sum] = map_reduce(
        s,
        [],
        whole,
        [s.wide(s.splat(0.0))],
        #[inline(always)]
        |[], [a, b, c, d], [sum]| ([], [s.add(sum, s.add(s.add(s.abs(a), s.abs(b)), s.add(s.abs(c), s.abs(d))))]),
    );
    let [sum] = map_reduce(
        s,
        [],
        [rest],
        [sum],
        #[inline(always)]
        |[], [x], [sum]| ([], [s.add(sum, s.abs(x))]),
    );
    total(s, sum)
}

/// How far numbers reach.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// How many are infinite or NaN.
    pub(crate) non_finite: usize,
    /// The largest `|x|` of the others; 0 where there are none.
    pub(crate) max_abs: f32,
}

impl Extent {
    /// Takes the numbers of `x` too.
    pub(crate) fn add(&mut self, level: Level, x: &[f32]) {
        self.add_up_to(size(level, x), x);
    }

    /// Takes the numbers of `x` too, whose largest size is that, or is not finite where one of them is not.
    #[inline]
    pub(crate) fn add_up_to(&mut self, size: f32, x: &[f32]) {
        if size < f32::INFINITY {
            self.max_abs = self.max_abs.max(size);
        } else {
            self.add_one_by_one(x);
        }
    }

    /// Of values of this extent, and gradients of that one.
    pub(crate) fn health(self, gradients: Self) -> Health {
        let (bad_values, bad_gradients) = (self.non_finite, gradients.non_finite);
        Health { bad_values, bad_gradients, max_gradient: gradients.max_abs }
    }

    /// [`add`](Self::add) where some may not be finite.
    #[inline(never)]
    fn add_one_by_one(&mut self, x: &[f32]) {
        for x in x {
            if x.is_finite() {
                self.max_abs = self.max_abs.max(x.abs());
            } else {
                self.non_finite = self.non_finite.saturating_add(1);
            }
        }
    }
}

/// The largest `|x|`, 0 for no `x`; infinity or NaN where one of them is.
#[inline(never)]
fn size(level: Level, x: &[f32]) -> f32 {
    dispatch!(level, s => size_inline(s, x))
}

#[inline(always)]
fn size_inline<S: Simd>(s: S, x: &[f32]) -> f32 {
    let (whole, rest) = quarters(x);
    let mut lanes = [s.wide(s.splat(0.0))];
    for ins in [whole, [rest; 4]] {
        lanes = map_reduce(
            s,
            [],
            ins,
            lanes,
            #[inline(always)]
            |[], [a, b, c, d], [size]| {
                let size = s.larger_size(s.larger_size(size, a), b);
                ([], [s.larger_size(s.larger_size(size, c), d)])
            },
        );
    }
    let [size] = lanes;
    s.fold(
        size,
        #[inline(always)]
        |a, b| s.larger_size(a, b),
    )
}

/// Four quarters of whole rows of lanes, and the rest.
#[inline(always)]
fn quarters(x: &[f32]) -> ([&[f32]; 4], &[f32]) {
    let quarter = x.len() / (4 * LONGEST) * LONGEST;
    let (a, x) = x.split_at_checked(quarter).unwrap_or_default();
    let (b, x) = x.split_at_checked(quarter).unwrap_or_default();
    let (c, x) = x.split_at_checked(quarter).unwrap_or_default();
    let (d, x) = x.split_at_checked(quarter).unwrap_or_default();
    ([a, b, c, d], x)
}

/// Whether all of `x` are from `low` to `high`; NaN is not.
#[inline(always)]
pub(crate) fn all_within<S: Simd>(s: S, x: &[f32], [low, high]: [f32; 2]) -> bool {
    let (low, high, one) = (s.splat(low), s.splat(high), s.splat(1.0));
    let [out] = map_reduce(
        s,
        [],
        [x],
        [s.wide(s.splat(0.0))],
        #[inline(always)]
        |[], [x], [out]| ([], [s.select(s.le(low, x), s.select(s.le(x, high), out, one), one)]),
    );
    total(s, out) == 0.0
}
