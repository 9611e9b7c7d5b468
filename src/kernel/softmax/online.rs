//! A row too long for the first cache, unit by unit: the sum so far moves to a new maximum when one turns up, so each
//! element is read from memory once for its exponential.

use super::Rows;
use super::exponent::Exponent;
use super::group::{Sums, Then};
use super::row::{Parts, exp_row, key_max, log_row, scale};
use crate::math::exp;
use crate::simd::{Simd, VIRTUAL_LANES};

/// Elements that pass twice through the first cache, for their maximum and for their exponentials: two units and the results of
/// one fit. Rows of up to so many are never rescaled.
pub(super) const UNIT: usize = 2048;

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
struct Online {
    max: f32,
    parts: Parts,
}

impl Online {
    const EMPTY: Self = Self { max: f32::NEG_INFINITY, parts: Parts { ones: 0.0, others: 0.0 } };

    /// Goes over to `max` where it is larger.
    #[inline(always)]
    fn raise<S: Simd>(&mut self, s: S, e: Exponent, max: f32) {
        if max > self.max {
            let factor = exp_of_key(s, e, self.max, max);
            self.parts = Parts { ones: 0.0, others: self.parts.sum() * factor };
            self.max = max;
        }
    }

    /// What the unit's exponents are relative to: nothing is infinite, but where `+inf` must make NaN of the row.
    #[inline(always)]
    fn shift(&self, then: Then) -> f32 {
        let counts_as_is = then == Then::SumFinite && self.max == f32::INFINITY;
        if self.max == f32::NEG_INFINITY || counts_as_is { 0.0 } else { self.max }
    }

    #[inline(always)]
    fn add(&mut self, parts: Parts) {
        self.parts.ones += parts.ones;
        self.parts.others += parts.others;
    }
}

/// `e^(factor * (key - max))` of one number.
#[inline(always)]
fn exp_of_key<S: Simd>(s: S, e: Exponent, key: f32, max: f32) -> f32 {
    let y = exp(s, e.of_key(s, s.splat(key), s.splat(max)));
    s.to_lanes(s.wide(y))[0]
}

/// The row with that index, as [`each_row`](super::group::each_row) has it. *Writes* it as `then` says.
#[inline(always)]
pub(super) fn row<S: Simd>(s: S, e: Exponent, mut whole: Rows, index: usize, then: Then<'_>, sums: &mut Sums) {
    let columns = whole.x().len();
    let unit = unit_len(columns);
    let mut maxima = [0.0; MOST_UNITS];
    let mut row = Online::EMPTY;
    let mut next_max = key_max(s, e, whole.part(0, unit.min(columns)).x());
    for (i, unit_max) in maxima.iter_mut().enumerate() {
        let start = (i * unit).min(columns);
        let (part, next) = whole.part_and_next(start, unit.min(columns - start), unit);
        if part.x().is_empty() {
            break;
        }
        row.raise(s, e, next_max);
        *unit_max = row.max;
        let part = if then.writes_shares() { part } else { Rows::In(part.x()) };
        let parts;
        (parts, next_max) = exp_row(s, e, part, row.shift(then), next);
        row.add(parts);
    }
    (sums.max[0], sums.rest[0]) = (row.max, row.parts.rest());
    match then {
        Then::Share(_) | Then::Shares(..) => {
            let factor = then.share(index) / row.parts.sum();
            for (out, unit_max) in whole.out().chunks_mut(unit).zip(maxima) {
                scale(s, out, exp_of_key(s, e, unit_max, row.max) * factor);
            }
        }
        Then::Log => log_row(s, e, whole, row.max, sums.ln(s)[0]),
        Then::Sum | Then::SumFinite => {}
    }
}
