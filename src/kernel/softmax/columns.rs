//! Rows of at most 16 elements: as many as a register has lanes are transposed, so that a register holds a column and
//! each operation works on all of them. No lane is wasted on elements that are not there, and nothing is folded across
//! lanes; the sums of the columns are added in the order 8-4-2-1, which gives the bits of every other way.

use super::Rows;
use super::exponent::Exponent;
use super::group::{Sums, Then};
use super::row::add_part;
use crate::math::{exp, ln_1p};
use crate::shape::rows_mut;
use crate::simd::{Four, Lanes, Simd, VIRTUAL_LANES};

/// A register for each column.
type Columns<S> = [<S as Lanes>::F32; VIRTUAL_LANES];

/// *Writes* the columns of up to `LANES` rows to `registers`. What lies beyond the rows is unspecified.
#[inline(never)]
fn load<S: Simd>(s: S, x: &[f32], columns: usize, registers: &mut Columns<S>) {
    s.vectorize(
        #[inline(always)]
        || {
            for (i, part) in registers.chunks_exact_mut(S::LANES).enumerate() {
                if i * S::LANES < columns {
                    let from = x.get(i * S::LANES..).unwrap_or_default();
                    if let Some(mut block) = s.load_block(from, columns) {
                        s.transpose(&mut block);
                        for (to, &column) in part.iter_mut().zip(block.as_ref()) {
                            *to = column;
                        }
                    }
                }
            }
        },
    );
}

/// *Writes* the columns of up to `LANES` rows to `out`.
#[inline(never)]
fn store<S: Simd>(s: S, registers: &Columns<S>, out: &mut [f32], columns: usize) {
    s.vectorize(
        #[inline(always)]
        || {
            for (i, part) in registers.chunks_exact(S::LANES).enumerate() {
                if i * S::LANES < columns {
                    let mut block = s.square(
                        #[inline(always)]
                        |j| part[j],
                    );
                    s.transpose(&mut block);
                    for (row, &value) in rows_mut(out, columns).zip(block.as_ref()) {
                        s.store_partial(value, row.get_mut(i * S::LANES..).unwrap_or_default());
                    }
                }
            }
        },
    );
}

/// *Writes* the columns of the rows that begin `x`, whatever follows them.
#[inline(always)]
fn load_any<S: Simd>(s: S, x: &[f32], columns: usize, registers: &mut Columns<S>) {
    // The last row is read up to 16 elements, which may not be there.
    if x.len() >= (S::LANES - 1) * columns + VIRTUAL_LANES {
        return load(s, x, columns, registers);
    }
    let mut copy = [0.0; VIRTUAL_LANES * VIRTUAL_LANES];
    for (to, &from) in copy.iter_mut().zip(x) {
        *to = from;
    }
    load(s, &copy, columns, registers);
}

/// The largest key of each row; NaN only where all are.
#[inline(always)]
fn maxima<S: Simd>(s: S, e: Exponent, fours: &[[S::F32; 4]]) -> S::F32 {
    let mut max = [s.splat(f32::NEG_INFINITY); 4];
    for x in fours {
        for j in 0..4 {
            max[j] = s.max(if e.is_plain() { x[j] } else { e.key(s, x[j]) }, max[j]);
        }
    }
    let [a, b, c, d] = max;
    s.max(s.max(a, c), s.max(b, d))
}

/// How many exponentials of each row are 1, and the sum of all others. With `keep`, the columns become their
/// exponentials.
#[inline(always)]
fn exp_columns<S: Simd>(s: S, e: Exponent, fours: &mut [[S::F32; 4]], max: S::F32, keep: bool) -> [S::F32; 2] {
    let zero = s.splat(0.0);
    let mut ones = zero;
    let mut others = [zero; VIRTUAL_LANES];
    // Four exponentials side by side do not wait for each other.
    for (x, other) in fours.iter_mut().zip(others.as_chunks_mut::<4>().0) {
        let four = Four::new(s);
        let y = exp(four, if e.is_plain() { four.sub(*x, [max; 4]) } else { e.of(four, *x, [max; 4]) });
        for j in 0..4 {
            [ones, other[j]] = add_part(s, y[j], [ones, zero]);
        }
        if keep {
            *x = y;
        }
    }
    [ones, fold(s, others)]
}

/// The columns added in the order in which virtual lanes are: j and j + 8, then + 4, + 2, + 1.
#[inline(always)]
fn fold<S: Simd>(s: S, mut c: Columns<S>) -> S::F32 {
    // Four loops with constant bounds, which are unrolled.
    for j in 0..8 {
        c[j] = s.add(c[j], c[j + 8]);
    }
    for j in 0..4 {
        c[j] = s.add(c[j], c[j + 4]);
    }
    for j in 0..2 {
        c[j] = s.add(c[j], c[j + 2]);
    }
    s.add(c[0], c[1])
}

/// As [`each_row`](super::group::each_row). *Writes* the rows as `then` says.
#[inline(always)]
pub(super) fn each_row<S: Simd>(
    s: S,
    e: Exponent,
    mut rows: Rows,
    (count, columns): (usize, usize),
    then: Then<'_>,
    mut sums: Option<&mut Sums>,
) {
    let mut x = [s.splat(0.0); VIRTUAL_LANES];
    for (block, first) in (0..count).step_by(S::LANES).enumerate() {
        let len = (count - first).min(S::LANES) * columns;
        load_any(s, rows.x().get(first * columns..).unwrap_or_default(), columns, &mut x);
        // What fills the last four columns is never the maximum, and adds 0.
        for x in x.iter_mut().skip(columns).take(3) {
            *x = e.key(s, s.splat(f32::NEG_INFINITY));
        }
        let fours = x.as_chunks_mut::<4>().0.get_mut(..columns.div_ceil(4)).unwrap_or_default();
        let max = maxima(s, e, fours);
        let shift = match then {
            Then::SumFinite => s.select(s.lt(s.abs(max), s.splat(f32::INFINITY)), max, s.splat(0.0)),
            _ => max,
        };
        let [ones, others] = exp_columns(s, e, fours, shift, then.writes_shares());
        let rest = s.add(s.sub(ones, s.splat(1.0)), others);
        if let Some(sums) = sums.as_deref_mut()
            && let Some(max_to) = S::chunks_mut(&mut sums.max).0.get_mut(block)
            && let Some(rest_to) = S::chunks_mut(&mut sums.rest).0.get_mut(block)
        {
            s.store(max, max_to);
            s.store(rest, rest_to);
        }
        match then {
            Then::Share(_) | Then::Shares(..) => {
                let factor = s.div(then.shares(s, first), s.add(ones, others));
                for y in x.iter_mut().take(columns) {
                    *y = s.mul(*y, factor);
                }
            }
            Then::Log => {
                let ln_sum = ln_1p(s, rest);
                for x in x.iter_mut().take(columns) {
                    *x = s.sub(e.of(s, *x, max), ln_sum);
                }
            }
            Then::Sum | Then::SumFinite => continue,
        }
        store(s, &x, rows.part(first * columns, len).out(), columns);
    }
}
