//! All rows: by columns where they are narrow, in groups where they fit the first cache, unit by unit where they do
//! not. The choice looks at the width of a row alone, and groups share no arithmetic, so row i of many is row i alone.

use super::exponent::Exponent;
use super::online::{self, UNIT};
use super::row::{exp_parts, key_max, log_row, scale};
use super::{Source, columns as narrow, split};
use crate::math::ln_1p;
use crate::simd::{Simd, VIRTUAL_LANES};

/// Most rows of a group: their maxima, sums and logarithms are taken together, so that no row waits for another's.
const GROUP: usize = VIRTUAL_LANES;

/// Elements of a group: with as many results they stay in the first cache.
const GROUP_LEN: usize = 2048;

/// One number for each row of a group.
type PerRow = [f32; GROUP];

/// Elements of a whole group of rows of `columns`.
#[inline(always)]
fn group_len(columns: usize) -> usize {
    columns * (GROUP_LEN / columns.max(1)).clamp(1, GROUP)
}

/// Whether rows go through registers as columns. Where a register is one lane nothing would be gained.
#[inline(always)]
fn is_narrow<S: Simd>(columns: usize) -> bool {
    S::LANES > 1 && columns <= VIRTUAL_LANES
}

/// `f` of each register of `values`.
#[inline(always)]
fn update<S: Simd>(s: S, values: &mut PerRow, f: impl Fn(S::F32) -> S::F32) {
    for value in S::chunks_mut(values).0 {
        s.store(f(s.load(value)), value);
    }
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
    if is_narrow::<S>(columns) {
        return narrow::softmax(s, e, ins, out, columns);
    }
    let mut rest = ins;
    for out in out.chunks_mut(group_len(columns).max(1)) {
        let (x, others) = split(rest, out.len());
        rest = others;
        if columns > UNIT {
            online::softmax(s, e, x, out);
            continue;
        }
        let maxima = group_maxima(s, e, x.or(out), columns);
        let (mut factors, mut x) = ([0.0; GROUP], x);
        for ((out, factor), max) in out.chunks_exact_mut(columns).zip(&mut factors).zip(maxima) {
            let (row, others) = split(x, columns);
            x = others;
            *factor = exp_parts(s, e, [out], row, max).sum();
        }
        let one = s.splat(1.0);
        update(
            s,
            &mut factors,
            #[inline(always)]
            |sum| s.div(one, sum),
        );
        for (out, factor) in out.chunks_exact_mut(columns).zip(factors) {
            scale(s, out, factor);
        }
    }
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
    if is_narrow::<S>(columns) {
        return narrow::log_softmax(s, e, ins, out, columns);
    }
    let mut rest = ins;
    for out in out.chunks_mut(group_len(columns).max(1)) {
        let (mut x, others) = split(rest, out.len());
        rest = others;
        if columns > UNIT {
            online::log_softmax(s, e, x, out);
            continue;
        }
        let maxima = group_maxima(s, e, x.or(out), columns);
        let ln_sums = group_ln_sums(s, e, x.or(out), columns, &maxima);
        for ((out, max), ln_sum) in out.chunks_exact_mut(columns).zip(maxima).zip(ln_sums) {
            let (row, others) = split(x, columns);
            x = others;
            log_row(s, e, row, out, max, ln_sum);
        }
    }
}

/// The logarithm of the sum of each row's exponentials; *writes* `out`.
#[inline(always)]
pub(super) fn log_sum_exp<S: Simd, E: Exponent>(s: S, e: E, x: &[f32], out: &mut [f32], columns: usize) {
    if columns == 0 {
        out.fill(f32::NEG_INFINITY);
        return;
    }
    if is_narrow::<S>(columns) {
        return narrow::log_sum_exp(s, e, x, out, columns);
    }
    let len = group_len(columns);
    for (x, out) in x.chunks(len).zip(out.chunks_mut(len / columns)) {
        let (mut maxima, ln_sums);
        if columns > UNIT {
            let row = online::sum(s, e, x, true);
            (maxima, ln_sums) = ([row.max; GROUP], [online::ln_of(s, row.parts.rest()); GROUP]);
        } else {
            maxima = group_maxima(s, e, x, columns);
            // Infinite elements count as they do in the sum itself: relative to 0.
            ln_sums = group_ln_sums(s, e, x, columns, &maxima.map(|max| if max.is_infinite() { 0.0 } else { max }));
        }
        update(
            s,
            &mut maxima,
            #[inline(always)]
            |max| e.scale(s, max),
        );
        for ((out, max), ln_sum) in out.iter_mut().zip(maxima).zip(ln_sums) {
            *out = max + ln_sum;
        }
    }
}

/// The largest key of each row of a group.
#[inline(always)]
fn group_maxima<S: Simd, E: Exponent>(s: S, e: E, x: &[f32], columns: usize) -> PerRow {
    let mut maxima = [0.0; GROUP];
    for (x, max) in x.chunks_exact(columns).zip(&mut maxima) {
        *max = key_max(s, e, x);
    }
    maxima
}

/// The logarithm of the sum of each row's exponentials, relative to `maxima`.
#[inline(always)]
fn group_ln_sums<S: Simd, E: Exponent>(s: S, e: E, x: &[f32], columns: usize, maxima: &PerRow) -> PerRow {
    let mut sums = [0.0; GROUP];
    for ((x, &max), sum) in x.chunks_exact(columns).zip(maxima).zip(&mut sums) {
        *sum = exp_parts(s, e, [], [x], max).rest();
    }
    update(
        s,
        &mut sums,
        #[inline(always)]
        |rest| ln_1p(s, rest),
    );
    sums
}
