//! Batch norm of `(batch, channels, length)`: a channel is a run of `length` elements in each row of the batch.
//!
//! Sums within a run are those of a row; what they give is merged along the batch, as in `columns`. So `x` is read in order.

use super::{Affine, or, parts, parts_mut};
use crate::kernel::{map, map_reduce, moments, total};
use crate::shape::{rows, rows_mut};
use crate::simd::Simd;

/// The runs of all channels.
#[derive(Clone, Copy)]
pub(super) struct Runs {
    pub(super) channels: usize,
    pub(super) length: usize,
}

impl Runs {
    fn columns(self) -> usize {
        self.channels.saturating_mul(self.length)
    }
}

/// *Writes* mean and sum of squares of each channel to `saved`.
#[inline(never)]
pub(super) fn channel_moments<S: Simd>(s: S, runs: Runs, x: &[f32], saved: &mut [f32]) {
    let [near, mean, squares] = parts_mut(saved, runs.channels);
    mean.fill(0.0);
    squares.fill(0.0);
    let length = runs.length;
    for (row, x) in rows(x, runs.columns()).enumerate() {
        let share = 1.0 / (row + 1) as f32;
        let weight = row as f32 * length as f32 * share;
        let channels = rows_mut(near, 4).zip(rows_mut(mean, 4)).zip(rows_mut(squares, 4));
        for (x, ((near, mean), squares)) in rows(x, length.saturating_mul(4)).zip(channels) {
            let [a, b, c, d] = parts(x, length);
            let moments = moments(s, [a, or(b, a), or(c, a), or(d, a)], true);
            for (part, ((near, mean), squares)) in moments.iter().zip(near.iter_mut().zip(mean).zip(squares)) {
                // The mean of the first run is nearer to the mean of all than any element: what is added up is small.
                if row == 0 {
                    *near = part.mean;
                }
                let delta = (part.mean - *near) + part.rest - *mean;
                *mean += delta * share;
                *squares += part.squares as f32 + delta * delta * weight;
            }
        }
    }
    for (near, mean) in near.iter_mut().zip(mean) {
        let nearest = *near + *mean;
        (*near, *mean) = (nearest, (*near - nearest) + *mean);
    }
}

/// y = (x - mean) / std * weight + bias, from what is known of the channels.
#[inline(never)]
pub(super) fn write<S: Simd>(
    s: S,
    length: usize,
    affine: Affine,
    params: &[f32],
    saved: &[f32],
    (x, y): (&[f32], &mut [f32]),
) {
    let ([mean, rest, inverse_std], [weight, bias]) = (parts(saved, affine.width), affine.split(params));
    let columns = length.saturating_mul(affine.width);
    s.vectorize(
        #[inline(always)]
        move || {
            for (x, y) in rows(x, columns).zip(rows_mut(y, columns)) {
                let runs = rows(x, length).zip(rows_mut(y, length));
                let known = mean.iter().zip(rest).zip(inverse_std);
                for (channel, ((x, y), ((&mean, rest), inverse_std))) in runs.zip(known).enumerate() {
                    let factor = inverse_std * weight.get(channel).unwrap_or(&1.0);
                    let offset = bias.get(channel).unwrap_or(&0.0) - rest * factor;
                    let [mean, factor, offset] = [s.splat(mean), s.splat(factor), s.splat(offset)];
                    map(
                        s,
                        [y],
                        [x],
                        #[inline(always)]
                        |_, [x]| [s.mul_add(s.sub(x, mean), factor, offset)],
                    );
                }
            }
        },
    );
}

/// For each channel: the sum of `dy`, and the sum of `dy * (x - mean) / std`. *Writes* two thirds of `sums`.
#[inline(never)]
pub(super) fn sums<S: Simd>(s: S, runs: Runs, [x, dy, saved]: [&[f32]; 3], sums: &mut [f32]) {
    let ([mean, rest, inverse_std], [sum, product]) = (parts(saved, runs.channels), parts_mut(sums, runs.channels));
    let (columns, length) = (runs.columns(), runs.length);
    s.vectorize(
        #[inline(always)]
        move || {
            sum.fill(0.0);
            product.fill(0.0);
            for (x, dy) in rows(x, columns).zip(rows(dy, columns)) {
                let channels = mean.iter().zip(sum.iter_mut().zip(&mut *product));
                for ((x, dy), (&mean, (sum, product))) in rows(x, length).zip(rows(dy, length)).zip(channels) {
                    let mean = s.splat(mean);
                    let [run, run_product] = map_reduce(
                        s,
                        [],
                        [x, dy],
                        [s.wide(s.splat(0.0)); 2],
                        #[inline(always)]
                        |[], [x, dy], [sum, product]| ([], [s.add(sum, dy), s.mul_add(s.sub(x, mean), dy, product)]),
                    );
                    *sum += total(s, run);
                    *product += total(s, run_product);
                }
            }
            for ((sum, product), (rest, inverse_std)) in sum.iter().zip(product).zip(rest.iter().zip(inverse_std)) {
                *product = (*product - rest * sum) * inverse_std;
            }
        },
    );
}

/// `dx = dy factor + (x - mean) slope + offset`
#[inline(never)]
pub(super) fn write_gradient<S: Simd>(
    s: S,
    runs: Runs,
    [x, dy, saved]: [&[f32]; 3],
    coefficients: &[f32],
    dx: &mut [f32],
) {
    let ([mean], [offset, slope, factor]) = (parts(saved, runs.channels), parts(coefficients, runs.channels));
    let (columns, length) = (runs.columns(), runs.length);
    s.vectorize(
        #[inline(always)]
        move || {
            for ((x, dy), dx) in rows(x, columns).zip(rows(dy, columns)).zip(rows_mut(dx, columns)) {
                let known = mean.iter().zip(offset).zip(slope).zip(factor);
                let parts = rows(x, length).zip(rows(dy, length)).zip(rows_mut(dx, length));
                for (((x, dy), dx), (((&mean, &offset), &slope), &factor)) in parts.zip(known) {
                    let [mean, offset, slope, factor] =
                        [s.splat(mean), s.splat(offset), s.splat(slope), s.splat(factor)];
                    map(
                        s,
                        [dx],
                        [x, dy],
                        #[inline(always)]
                        |_, [x, dy]| [s.mul_add(dy, factor, s.mul_add(s.sub(x, mean), slope, offset))],
                    );
                }
            }
        },
    );
}
