//! Mean and variance of rows, whatever their offset: sums run relative to a row's first element, and squares are those
//! of distances from the mean, in a second pass over what is in the first cache.
//!
//! Four rows go together, so that no addition waits for the one before. Long rows are merged of units, in `f64`: Chan,
//! Golub and `LeVeque`, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.

use super::reduce::{map_reduce, total};
use crate::simd::Simd;

/// The most elements that are taken in `f32`; four such units stay in the first cache.
const UNIT: usize = 1024;

/// A mean and the sum of the squares of the distances from it, or from 0 where no mean was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) mean: f32,
    /// What rounding left of the mean.
    pub(crate) rest: f32,
    pub(crate) squares: f64,
}

/// [`Moments`] that grow by parts.
#[derive(Clone, Copy, Debug, Default)]
struct Merged {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Merged {
    /// Takes `count` more numbers of these moments.
    fn add(&mut self, count: usize, part: Moments) {
        let (before, count) = (self.count, count as f64);
        let delta = f64::from(part.mean) + f64::from(part.rest) - self.mean;
        self.count += count;
        self.mean += delta * (count / self.count);
        self.squares += part.squares + delta * delta * (before * count / self.count);
    }

    fn moments(self) -> Moments {
        let mean = self.mean as f32;
        Moments { mean, rest: (self.mean - f64::from(mean)) as f32, squares: self.squares }
    }

    /// The moments of `x` by plain arithmetic in `f64`, whose squares do not overflow.
    fn plain(x: &[f32], is_centred: bool) -> Self {
        let (mut sum, mut squares, count) = (0.0, 0.0, x.len() as f64);
        if is_centred {
            for x in x {
                sum += f64::from(*x);
            }
        }
        let mean = sum / count;
        for x in x {
            let distance = f64::from(*x) - mean;
            squares += distance * distance;
        }
        Self { count, mean, squares }
    }
}

/// The moments of four rows of the same length; around 0 if not `is_centred`. A row may stand there several times.
#[inline(never)]
pub(crate) fn moments<S: Simd>(s: S, rows: [&[f32]; 4], is_centred: bool) -> [Moments; 4] {
    let mut all = if rows[0].len() <= UNIT {
        units(s, rows, is_centred)
    } else {
        let mut all = [Moments::default(); 4];
        for i in 0..4 {
            all[i] =
                if i > 0 && core::ptr::eq(rows[i], rows[i - 1]) { all[i - 1] } else { long(s, rows[i], is_centred) };
        }
        all
    };
    for (moments, row) in all.iter_mut().zip(rows) {
        if !moments.squares.is_finite() {
            *moments = Merged::plain(row, is_centred).moments();
        }
    }
    all
}

/// The moments of a row of several units.
fn long<S: Simd>(s: S, x: &[f32], is_centred: bool) -> Moments {
    let mut all = Merged::default();
    let (whole, rest) = x.as_chunks::<UNIT>();
    for units_ in whole.chunks(4) {
        let at = |i: usize| units_.get(i).or(units_.last()).map_or(&[][..], |unit| &unit[..]);
        for (unit, _) in units(s, [at(0), at(1), at(2), at(3)], is_centred).into_iter().zip(units_) {
            all.add(UNIT, unit);
        }
    }
    if !rest.is_empty() {
        let [unit, ..] = units(s, [rest; 4], is_centred);
        all.add(rest.len(), unit);
    }
    all.moments()
}

/// The moments of four rows that are not long. Rounding spoils neither mean nor squares of a row far from 0: its elements'
/// distances from the first one are exact.
#[inline(never)]
fn units<S: Simd>(s: S, rows: [&[f32]; 4], is_centred: bool) -> [Moments; 4] {
    s.vectorize(
        #[inline(always)]
        move || {
            let (zero, count) = (s.wide(s.splat(0.0)), rows[0].len() as f32);
            let (mut near, mut mean) = ([s.splat(0.0); 4], [s.splat(0.0); 4]);
            let mut all = [Moments::default(); 4];
            if is_centred {
                for i in 0..4 {
                    all[i].mean = rows[i].first().copied().unwrap_or_default();
                    near[i] = s.splat(all[i].mean);
                }
                let sums = map_reduce(
                    s,
                    [],
                    rows,
                    [zero; 4],
                    #[inline(always)]
                    |[], x, mut sums| {
                        for i in 0..4 {
                            sums[i] = s.add(sums[i], s.sub(x[i], near[i]));
                        }
                        ([], sums)
                    },
                );
                for i in 0..4 {
                    all[i].rest = total(s, sums[i]) / count;
                    mean[i] = s.splat(all[i].rest);
                }
            }
            let squares = map_reduce(
                s,
                [],
                rows,
                [zero; 4],
                #[inline(always)]
                |[], x, mut sums| {
                    for i in 0..4 {
                        let distance = s.sub(s.sub(x[i], near[i]), mean[i]);
                        sums[i] = s.mul_add(distance, distance, sums[i]);
                    }
                    ([], sums)
                },
            );
            for i in 0..4 {
                all[i] = all[i].normalised(total(s, squares[i]));
            }
            all
        },
    )
}

impl Moments {
    /// Mean and rest as the nearest float and what it lacks.
    #[inline(always)]
    fn normalised(self, squares: f32) -> Self {
        let mean = self.mean + self.rest;
        Self { mean, rest: (self.mean - mean) + self.rest, squares: f64::from(squares) }
    }
}
