//! One row: its maximum, its exponentials, their sum. Each step is out of line: compiled once for each level.
//!
//! The ones that the row's maxima are get counted, not added: small terms are not lost beside them one by one, and
//! *the rest*, without one of the ones, has all its digits. `ln sum = ln_1p(rest)` stays accurate where one element has
//! nearly all of the probability.

use super::Rows;
use super::exponent::Exponent;
use crate::kernel::map::map;
use crate::kernel::reduce::{map_reduce, total};
use crate::math::exp;
use crate::simd::{Lanes, Simd, VIRTUAL_LANES, prefetch, prefetch_to_write};

/// Maxima that are taken side by side: no one waits for the one before.
const SIDE_BY_SIDE: usize = 4;

/// The largest key; NaN only where all are. `-inf` of an empty row. A maximum does not depend on the order.
#[cfg_attr(not(target_os = "none"), inline(never))]
pub(super) fn key_max<S: Simd>(s: S, e: Exponent, x: &[f32]) -> f32 {
    s.vectorize(
        #[inline(always)]
        move || key_max_inline(s, e, x),
    )
}

#[inline(always)]
fn key_max_inline<S: Simd>(s: S, e: Exponent, x: &[f32]) -> f32 {
    if const { S::LANES == 1 } {
        let mut max = s.splat(f32::NEG_INFINITY);
        for x in x {
            max = s.max(e.key(s, s.splat(*x)), max);
        }
        return s.to_lanes(s.wide(max))[0];
    }
    let quarter = x.len() / SIDE_BY_SIDE / VIRTUAL_LANES * VIRTUAL_LANES;
    let mut rest = x;
    let mut quarters: [&[f32]; SIDE_BY_SIDE] = [&[]; SIDE_BY_SIDE];
    for part in &mut quarters {
        (*part, rest) = rest.split_at_checked(quarter).unwrap_or_default();
    }
    let none = s.wide(s.splat(f32::NEG_INFINITY));
    let lanes = map_reduce(
        s,
        [],
        quarters,
        [none; SIDE_BY_SIDE],
        #[inline(always)]
        |[], x, max| {
            let mut larger = max;
            for i in 0..SIDE_BY_SIDE {
                larger[i] = s.max(e.key(s, x[i]), max[i]);
            }
            ([], larger)
        },
    );
    let [mut all] = map_reduce(
        s,
        [],
        [rest],
        [none],
        #[inline(always)]
        |[], [x], [max]| ([], [s.max(e.key(s, x), max)]),
    );
    for lanes in lanes {
        for (all, &lane) in all.as_mut().iter_mut().zip(lanes.as_ref()) {
            *all = s.max(lane, *all);
        }
    }
    fold_max(s, all)
}

#[inline(always)]
fn fold_max<S: Simd>(s: S, lanes: S::Wide) -> f32 {
    s.fold(
        lanes,
        #[inline(always)]
        |a, b| s.max(b, a),
    )
}

/// What exponentials add up to: how many are 1, and the sum of all others.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    pub(super) ones: f32,
    pub(super) others: f32,
}

impl Parts {
    /// The sum of the exponentials.
    #[inline(always)]
    pub(super) fn sum(self) -> f32 {
        self.ones + self.others
    }

    /// The sum of the exponentials without one of the ones.
    #[inline(always)]
    pub(super) fn rest(self) -> f32 {
        (self.ones - 1.0) + self.others
    }
}

/// The ones and others of a lane with one more exponential `y`.
#[inline(always)]
pub(super) fn add_part<S: Simd>(s: S, y: S::F32, [ones, others]: [S::F32; 2]) -> [S::F32; 2] {
    let one = s.splat(1.0);
    let is_one = s.eq(y, one);
    [s.select(is_one, s.add(ones, one), ones), s.select(is_one, others, s.add(others, y))]
}

/// The parts of `e^(factor * (key - max))` over a row, and the largest key of `next`, what follows it: that is read in the same
/// loop, as memory has nothing to do there. *Writes* the exponentials where the row has a place for them.
#[inline(always)]
pub(super) fn exp_row<S: Simd>(s: S, e: Exponent, row: Rows, max: f32, next: &[f32]) -> (Parts, f32) {
    match row {
        Rows::In(x) => exp_parts(s, e, [], [x], max, next),
        Rows::InTo(x, out) => exp_parts(s, e, [out], [x], max, next),
        Rows::InPlace(x) => exp_parts(s, e, [x], [], max, next),
    }
}

/// The row is `ins`, or `outs` where that is empty.
#[inline(never)]
fn exp_parts<S: Simd, const O: usize, const I: usize>(
    s: S,
    e: Exponent,
    outs: [&mut [f32]; O],
    ins: [&[f32]; I],
    max: f32,
    next: &[f32],
) -> (Parts, f32) {
    s.vectorize(
        #[inline(always)]
        move || {
            if const { S::LANES == 1 } {
                let next_max = if next.is_empty() { f32::NEG_INFINITY } else { key_max(s, e, next) };
                return (one_by_one(s, e, outs, ins, max), next_max);
            }
            let Taken { outs, ins, parts, next, next_max } = long_parts(s, e, outs, ins, max, next);
            let max = s.splat(max);
            let [ones, others] = map_reduce(
                s,
                outs,
                ins,
                parts,
                #[inline(always)]
                |old, x, parts| {
                    let x = x.first().or(old.first()).copied().unwrap_or(max);
                    let y = exp(s, e.of(s, x, max));
                    ([y; O], add_part(s, y, parts))
                },
            );
            let next_max = fold_max(s, next_max);
            let rest_max = if next.is_empty() { next_max } else { key_max(s, e, next) };
            let next_max = if rest_max > next_max { rest_max } else { next_max };
            (Parts { ones: total(s, ones), others: total(s, others) }, next_max)
        },
    )
}

/// [`exp_parts`] of single floats, with little memory: the ones of all lanes are counted together, which is exact.
#[inline(always)]
fn one_by_one<S: Simd, const O: usize, const I: usize>(
    s: S,
    e: Exponent,
    mut outs: [&mut [f32]; O],
    ins: [&[f32]; I],
    max: f32,
) -> Parts {
    let (mut ones, mut others) = (s.splat(0.0), s.wide(s.splat(0.0)));
    let len = ins.first().map_or_else(|| outs.first().map_or(0, |out| out.len()), |x| x.len());
    for i in 0..len {
        let x = ins.first().map_or_else(|| outs.first().and_then(|out| out.get(i)), |x| x.get(i));
        let y = exp(s, e.of(s, s.splat(x.copied().unwrap_or(max)), s.splat(max)));
        if let Some(lane) = others.as_mut().get_mut(i % VIRTUAL_LANES) {
            [ones, *lane] = add_part(s, y, [ones, *lane]);
        }
        if let Some(to) = outs.first_mut().and_then(|out| out.get_mut(i..)) {
            s.store_partial(y, to);
        }
    }
    Parts { ones: s.to_lanes(s.wide(ones))[0], others: total(s, others) }
}

/// How far ahead, in floats, memory is asked for what a long loop will read and write: its own guesses end at each page.
const AHEAD: usize = 512;

/// A row of which a part was taken.
struct Taken<'a, S: Simd, const O: usize, const I: usize> {
    /// Where the rest goes and where it comes from.
    outs: [&'a mut [f32]; O],
    ins: [&'a [f32]; I],
    parts: [S::Wide; 2],
    /// The rest of what follows the row, and the largest keys of the part that was read.
    next: &'a [f32],
    next_max: S::Wide,
}

/// The part of a row that is whole [`Simd::Long`] rows of lanes, where those are more than a register.
#[inline(always)]
fn long_parts<'a, S: Simd, const O: usize, const I: usize>(
    s: S,
    e: Exponent,
    mut outs: [&'a mut [f32]; O],
    mut ins: [&'a [f32]; I],
    max: f32,
    mut next: &'a [f32],
) -> Taken<'a, S, O, I> {
    let [mut ones, mut others] = [s.wide(s.splat(0.0)); 2];
    let mut next_max = s.wide(s.splat(f32::NEG_INFINITY));
    if const { S::Long::LANES > S::LANES } {
        let long = s.long();
        let max = long.splat(max);
        let len = ins.first().map_or_else(|| outs.first().map_or(0, |out| out.len()), |x| x.len());
        let following = S::Long::chunks(next.get(..len).unwrap_or(next)).0;
        for c in 0..len / S::Long::LANES {
            let mut x = max;
            if let Some(from) = ins.first().and_then(|x| S::Long::chunks(x).0.get(c)) {
                x = long.load(from);
            } else if let Some(from) = outs.first().and_then(|x| S::Long::chunks(x).0.get(c)) {
                x = long.load(from);
            }
            // A branch, as two products in the busiest port cost more.
            let y = exp(long, if e.is_plain() { long.sub(x, max) } else { e.of(long, x, max) });
            if let Some(to) = outs.first_mut().and_then(|y| S::Long::chunks_mut(y).0.get_mut(c)) {
                prefetch_to_write(to, AHEAD);
                long.store(y, to);
            }
            if let Some(from) = following.get(c) {
                prefetch(from, AHEAD);
                let x = long.load(from);
                let keys = if e.is_plain() { x } else { e.key(long, x) };
                for (i, &key) in s.registers(&keys).iter().enumerate() {
                    let j = i % (VIRTUAL_LANES / S::LANES);
                    next_max.as_mut()[j] = s.max(key, next_max.as_ref()[j]);
                }
            }
            for (i, &y) in s.registers(&y).iter().enumerate() {
                let j = i % (VIRTUAL_LANES / S::LANES);
                if let (Some(ones), Some(others)) = (ones.as_mut().get_mut(j), others.as_mut().get_mut(j)) {
                    [*ones, *others] = add_part(s, y, [*ones, *others]);
                }
            }
        }
        next = next.get(following.len() * S::Long::LANES..).unwrap_or_default();
        outs = outs.map(|out| S::Long::chunks_mut(out).1);
        ins = ins.map(|x| S::Long::chunks(x).1);
    }
    Taken { outs, ins, parts: [ones, others], next, next_max }
}

/// `out *= factor`
#[cfg_attr(not(target_os = "none"), inline(never))]
pub(super) fn scale<S: Simd>(s: S, out: &mut [f32], factor: f32) {
    s.vectorize(
        #[inline(always)]
        move || {
            let factor = s.splat(factor);
            map(
                s,
                [out],
                [],
                #[inline(always)]
                |[x], []| [s.mul(x, factor)],
            );
        },
    );
}

/// `factor * (key - max) - ln_sum`; *writes* the row.
#[inline(always)]
pub(super) fn log_row<S: Simd>(s: S, e: Exponent, mut row: Rows, max: f32, ln_sum: f32) {
    row.write(|_, x, y| log_to(s, e, [max, ln_sum], x, y));
}

#[cfg_attr(not(target_os = "none"), inline(never))]
fn log_to<S: Simd>(s: S, e: Exponent, [max, ln_sum]: [f32; 2], x: &[f32], y: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let (max, ln_sum) = (s.splat(max), s.splat(ln_sum));
            map(
                s,
                [y],
                [x],
                #[inline(always)]
                |_, [x]| [s.sub(e.of(s, x, max), ln_sum)],
            );
        },
    );
}
