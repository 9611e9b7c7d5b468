//! Rows of at most 16 elements: as many as a register has lanes are transposed, so that a register holds a column and
//! each operation works on all of them. No lane is wasted on elements that are not there, and nothing is folded across
//! lanes; the sums of the columns are added in the order 8-4-2-1, which gives the bits of every other way.

use super::exponent::Exponent;
use super::row::add_part;
use super::{Source, split};
use crate::math::{exp, ln_1p};
use crate::simd::{Four, Lanes, Simd, VIRTUAL_LANES};

/// A register for each column.
type Columns<S> = [<S as Lanes>::F32; VIRTUAL_LANES];

/// *Writes* the columns of up to `LANES` rows to `registers`. What lies beyond the rows is unspecified.
///
/// With [`store`] the one place where rows are transposed: all functions of the family share one copy of them per level.
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
                    for (row, &value) in out.chunks_exact_mut(columns).zip(block.as_ref()) {
                        s.store_partial(value, row.get_mut(i * S::LANES..).unwrap_or_default());
                    }
                }
            }
        },
    );
}

/// `f(columns, out)` for each block of rows that are `ins`, or `out` where that is empty. A row has `width` results.
#[inline(always)]
fn each_block<S: Simd, const I: usize>(
    s: S,
    ins: [&[f32]; I],
    out: &mut [f32],
    columns: usize,
    width: usize,
    f: impl Fn(&mut Columns<S>, &mut [f32]),
) {
    let mut rest = ins;
    let mut out = out;
    let mut registers = [s.splat(0.0); VIRTUAL_LANES];
    while !out.is_empty() {
        let x = rest.or(out);
        // The last row of a block is read up to 16 elements, which the last block may not have.
        if x.len() >= (S::LANES - 1) * columns + VIRTUAL_LANES {
            load(s, x, columns, &mut registers);
        } else {
            let mut copy = [0.0; VIRTUAL_LANES * VIRTUAL_LANES];
            for (to, &from) in copy.iter_mut().zip(x) {
                *to = from;
            }
            load(s, &copy, columns, &mut registers);
        }
        let (block, others) = out.split_at_mut(out.len().min(S::LANES * width));
        f(&mut registers, block);
        out = others;
        rest = split(rest, S::LANES * columns).1;
    }
}

/// The largest key of each row; NaN only where all are.
#[inline(always)]
fn maxima<S: Simd, E: Exponent>(s: S, e: E, registers: &Columns<S>, columns: usize) -> S::F32 {
    let mut max = s.splat(f32::NEG_INFINITY);
    for &x in registers.iter().take(columns) {
        max = s.max(e.key(s, x), max);
    }
    max
}

/// The [`Parts`](super::row::Parts) of each row; a column becomes `y(exponents, exponentials)`.
#[inline(always)]
fn exp_parts<S: Simd, E: Exponent>(
    s: S,
    e: E,
    registers: &mut Columns<S>,
    columns: usize,
    max: S::F32,
    y: impl Fn(S::F32, S::F32) -> S::F32,
) -> [S::F32; 2] {
    let zero = s.splat(0.0);
    let mut ones = zero;
    let mut others = [zero; VIRTUAL_LANES];
    // Four exponentials side by side do not wait for each other; those right of the last column are not used.
    for first in (0..columns).step_by(4) {
        let (Some(x), Some(other)) = (four_from(registers, first), four_from(&mut others, first)) else { break };
        let mut exponents = [zero; 4];
        for j in 0..4 {
            exponents[j] = e.scale(s, s.sub(e.key(s, x[j]), max));
        }
        let exps = exp(Four::new(s), exponents);
        for j in 0..4 {
            if first + j < columns {
                [ones, other[j]] = add_part(s, exponents[j], exps[j], [ones, zero]);
                x[j] = y(exponents[j], exps[j]);
            }
        }
    }
    [ones, fold(s, others)]
}

#[inline(always)]
fn four_from<T>(registers: &mut [T; VIRTUAL_LANES], first: usize) -> Option<&mut [T; 4]> {
    registers.get_mut(first..)?.first_chunk_mut()
}

/// The sum of each row's exponentials without one of the ones.
#[inline(always)]
fn rest<S: Simd>(s: S, [ones, others]: [S::F32; 2]) -> S::F32 {
    s.add(s.sub(ones, s.splat(1.0)), others)
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

/// Softmax of rows that are `ins`, or `out` where that is empty; *writes* `out`.
#[inline(always)]
pub(super) fn softmax<S: Simd, E: Exponent, const I: usize>(
    s: S,
    e: E,
    ins: [&[f32]; I],
    out: &mut [f32],
    columns: usize,
) {
    each_block(
        s,
        ins,
        out,
        columns,
        columns,
        #[inline(always)]
        |registers, out| {
            let max = maxima(s, e, registers, columns);
            let [ones, others] = exp_parts(
                s,
                e,
                registers,
                columns,
                max,
                #[inline(always)]
                |_, exp| exp,
            );
            let factor = s.div(s.splat(1.0), s.add(ones, others));
            for y in registers.iter_mut().take(columns) {
                *y = s.mul(*y, factor);
            }
            store(s, registers, out, columns);
        },
    );
}

/// Log-softmax of rows that are `ins`, or `out` where that is empty; *writes* `out`.
#[inline(always)]
pub(super) fn log_softmax<S: Simd, E: Exponent, const I: usize>(
    s: S,
    e: E,
    ins: [&[f32]; I],
    out: &mut [f32],
    columns: usize,
) {
    each_block(
        s,
        ins,
        out,
        columns,
        columns,
        #[inline(always)]
        |registers, out| {
            let max = maxima(s, e, registers, columns);
            let parts = exp_parts(
                s,
                e,
                registers,
                columns,
                max,
                #[inline(always)]
                |exponent, _| exponent,
            );
            let ln_sum = ln_1p(s, rest(s, parts));
            for y in registers.iter_mut().take(columns) {
                *y = s.sub(*y, ln_sum);
            }
            store(s, registers, out, columns);
        },
    );
}

/// The logarithm of the sum of each row's exponentials; *writes* `out`.
#[inline(always)]
pub(super) fn log_sum_exp<S: Simd, E: Exponent>(s: S, e: E, x: &[f32], out: &mut [f32], columns: usize) {
    each_block(
        s,
        [x],
        out,
        columns,
        1,
        #[inline(always)]
        |registers, out| {
            let max = maxima(s, e, registers, columns);
            // Infinite elements count as they do in the sum itself: relative to 0.
            let shift = s.select(s.lt(s.abs(max), s.splat(f32::INFINITY)), max, s.splat(0.0));
            let parts = exp_parts(
                s,
                e,
                registers,
                columns,
                shift,
                #[inline(always)]
                |exponent, _| exponent,
            );
            s.store_partial(s.add(e.scale(s, max), ln_1p(s, rest(s, parts))), out);
        },
    );
}
