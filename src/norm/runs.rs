//! Batch norm of `(batch, channels, length)`: a channel is a run of `length` elements in each row of the batch.
//!
//! Sums within a run are those of a row, what they give for the runs of a channel is added in `f64`, in order.

use super::{Affine, parts, parts_mut};
use crate::kernel::{Merged, map, map_reduce, moments, total};
use crate::simd::Simd;

/// The runs of all channels.
#[derive(Clone, Copy)]
pub(super) struct Runs {
    pub(super) channels: usize,
    pub(super) length: usize,
}

impl Runs {
    fn columns(self) -> usize {
        self.channels.saturating_mul(self.length).max(1)
    }

    /// The run of a channel in a row of the batch.
    fn of(self, x: &[f32], row: usize, channel: usize) -> &[f32] {
        let start = row.saturating_mul(self.columns()).saturating_add(channel.saturating_mul(self.length));
        x.get(start..).and_then(|x| x.get(..self.length)).unwrap_or_default()
    }

    fn rows(self, x: &[f32]) -> usize {
        x.len() / self.columns()
    }
}

/// *Writes* mean and sum of squares of each channel to `saved`.
#[inline(never)]
pub(super) fn channel_moments<S: Simd>(s: S, runs: Runs, x: &[f32], saved: &mut [f32]) {
    let [mean, rest, squares] = parts_mut(saved, runs.channels);
    let rows = runs.rows(x);
    for (channel, ((mean, rest), squares)) in mean.iter_mut().zip(rest).zip(squares).enumerate() {
        let mut merged = Merged::default();
        for row in (0..rows).step_by(4) {
            let run = |i: usize| runs.of(x, (row + i).min(rows.saturating_sub(1)), channel);
            for part in moments(s, [run(0), run(1), run(2), run(3)], true).iter().take(rows - row) {
                merged.add(runs.length, *part);
            }
        }
        let all = merged.moments();
        (*mean, *rest, *squares) = (all.mean, all.rest, all.squares as f32);
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
    let columns = length.saturating_mul(affine.width).max(1);
    s.vectorize(
        #[inline(always)]
        move || {
            for (x, y) in x.chunks(columns).zip(y.chunks_mut(columns)) {
                let runs = x.chunks(length.max(1)).zip(y.chunks_mut(length.max(1)));
                let known = mean.iter().zip(rest).zip(inverse_std);
                for (channel, ((x, y), ((&mean, rest), inverse_std))) in runs.zip(known).enumerate() {
                    let factor = inverse_std * weight.get(channel).unwrap_or(&1.0);
                    let offset = bias.get(channel).unwrap_or(&0.0) - rest * factor;
                    let [mean, factor, offset] = [mean, factor, offset].map(|x| s.splat(x));
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
    let ([mean, rest, inverse_std], [sum, product, _]) = (parts(saved, runs.channels), parts_mut(sums, runs.channels));
    let (known, sums) = (mean.iter().zip(rest).zip(inverse_std), sum.iter_mut().zip(product));
    for (channel, (((&mean, &rest), &inverse_std), (sum, product))) in known.zip(sums).enumerate() {
        let (mut all, mut products) = (0.0, 0.0);
        for row in 0..runs.rows(x) {
            let [run, products_of_run] = run_sums(s, runs.of(x, row, channel), runs.of(dy, row, channel), mean);
            all += f64::from(run);
            products += f64::from(products_of_run);
        }
        *sum = all as f32;
        *product = ((products - f64::from(rest) * all) * f64::from(inverse_std)) as f32;
    }
}

/// The sums of `dy` and of `dy * (x - mean)`.
#[inline(never)]
fn run_sums<S: Simd>(s: S, x: &[f32], dy: &[f32], mean: f32) -> [f32; 2] {
    s.vectorize(
        #[inline(always)]
        move || {
            let mean = s.splat(mean);
            let [sum, product] = map_reduce(
                s,
                [],
                [x, dy],
                [s.wide(s.splat(0.0)); 2],
                #[inline(always)]
                |[], [x, dy], [sum, product]| ([], [s.add(sum, dy), s.mul_add(s.sub(x, mean), dy, product)]),
            );
            [total(s, sum), total(s, product)]
        },
    )
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
    let (columns, length) = (runs.columns(), runs.length.max(1));
    s.vectorize(
        #[inline(always)]
        move || {
            for ((x, dy), dx) in x.chunks(columns).zip(dy.chunks(columns)).zip(dx.chunks_mut(columns)) {
                let known = mean.iter().zip(offset).zip(slope).zip(factor);
                let parts = x.chunks(length).zip(dy.chunks(length)).zip(dx.chunks_mut(length));
                for (((x, dy), dx), (((&mean, &offset), &slope), &factor)) in parts.zip(known) {
                    let [mean, offset, slope, factor] = [mean, offset, slope, factor].map(|x| s.splat(x));
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
