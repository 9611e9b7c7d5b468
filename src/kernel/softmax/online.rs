//! A row too long for the first cache, unit by unit: the sum so far moves to a new maximum when one turns up, so each
//! element is read from memory once for its exponential.

use super::exponent::Exponent;
use super::row::{Parts, exp_parts, key_max, log_row, scale};
use super::{Source, split};
use crate::math::exp;
use crate::math::ln_1p;
use crate::simd::{Simd, VIRTUAL_LANES};

/// Elements that pass twice through the first cache, for their maximum and for their exponentials. Rows of up to so
/// many are never rescaled.
pub(super) const UNIT: usize = 4096;

/// Most units of a row: their maxima are remembered.
const MOST_UNITS: usize = 64;

/// The length of a unit of a row: a function of the row's length alone, as the bits of the result depend on it.
#[inline(always)]
fn unit_len(columns: usize) -> usize {
    // The quotient is far from overflow.
    (columns / MOST_UNITS + 1).next_multiple_of(VIRTUAL_LANES).max(UNIT)
}

/// The state of a row of which a part has been read.
#[derive(Clone, Copy)]
pub(super) struct Online {
    pub(super) max: f32,
    pub(super) parts: Parts,
}

impl Online {
    const EMPTY: Self = Self { max: f32::NEG_INFINITY, parts: Parts { ones: 0.0, others: 0.0 } };

    /// Goes over to `max` where it is larger.
    #[inline(always)]
    fn raise<S: Simd, E: Exponent>(&mut self, s: S, e: E, max: f32) {
        if max > self.max {
            let factor = exp_of(s, e, self.max, max);
            self.parts = Parts { ones: 0.0, others: self.parts.sum() * factor };
            self.max = max;
        }
    }

    /// What the unit's exponents are relative to: nothing is infinite, but where `+inf` must make NaN of the row.
    #[inline(always)]
    fn shift(&self, finite: bool) -> f32 {
        if self.max == f32::NEG_INFINITY || finite && self.max == f32::INFINITY { 0.0 } else { self.max }
    }

    #[inline(always)]
    fn add(&mut self, parts: Parts) {
        self.parts.ones += parts.ones;
        self.parts.others += parts.others;
    }
}

/// `e^scale(key - max)` of one number.
#[inline(always)]
fn exp_of<S: Simd, E: Exponent>(s: S, e: E, key: f32, max: f32) -> f32 {
    let y = exp(s, e.scale(s, s.sub(s.splat(key), s.splat(max))));
    s.to_lanes(s.wide(y))[0]
}

/// The maximum and the sum of a row of any length. With `finite`, infinite elements count as they do in a logarithm of
/// the sum; without, `+inf` makes the sum NaN.
#[inline(always)]
pub(super) fn sum<S: Simd, E: Exponent>(s: S, e: E, x: &[f32], finite: bool) -> Online {
    let mut row = Online::EMPTY;
    for x in x.chunks(unit_len(x.len())) {
        row.raise(s, e, key_max(s, e, x));
        let parts = exp_parts(s, e, [], [x], row.shift(finite));
        row.add(parts);
    }
    row
}

/// Softmax of a long row; *writes* `out`.
#[inline(always)]
pub(super) fn softmax<S: Simd, E: Exponent, const I: usize>(s: S, e: E, ins: [&[f32]; I], out: &mut [f32]) {
    let unit = unit_len(out.len());
    let mut maxima = [0.0; MOST_UNITS];
    let mut row = Online::EMPTY;
    let mut rest = ins;
    for (out, unit_max) in out.chunks_mut(unit).zip(&mut maxima) {
        let (x, others) = split(rest, out.len());
        rest = others;
        row.raise(s, e, key_max(s, e, x.or(out)));
        *unit_max = row.max;
        let parts = exp_parts(s, e, [out], x, row.shift(false));
        row.add(parts);
    }
    let over_sum = 1.0 / row.parts.sum();
    for (out, unit_max) in out.chunks_mut(unit).zip(maxima) {
        scale(s, out, exp_of(s, e, unit_max, row.max) * over_sum);
    }
}

/// Log-softmax of a long row, from its [`sum`] and the logarithm of that; *writes* `out`.
#[inline(always)]
pub(super) fn log_softmax<S: Simd, E: Exponent, const I: usize>(s: S, e: E, ins: [&[f32]; I], out: &mut [f32]) {
    let row = sum(s, e, ins.or(out), false);
    log_row(s, e, ins, out, row.max, ln_of(s, row.parts.rest()));
}

/// `ln_1p` of one number.
#[inline(always)]
pub(super) fn ln_of<S: Simd>(s: S, rest: f32) -> f32 {
    s.to_lanes(s.wide(ln_1p(s, s.splat(rest))))[0]
}
