//! Batch norm of `(batch, channels)`: a register holds columns, and walks down the rows.
//!
//! Rows go in blocks, all of whose columns are done before the next block: `x` is read in order, and what belongs to a
//! column is read once for a block. Mean and variance of a block of eight rows are made in registers and merged with those
//! of the rows before (as in `kernel::moments`), so nothing is lost where the mean is large and the sums are many.
//!
//! What is known of the columns, `saved`, is three slices: mean, its rest, and `1 / √(variance + eps)`, which is the sum of
//! squares while it is being made.

use super::rows::given;
use super::{Affine, or, parts, parts_mut};
use crate::kernel::map;
use crate::shape::{rows, rows_mut};
use crate::simd::Simd;

/// *Writes* mean and sum of squares of each column of `x` to `saved`.
#[inline(never)]
pub(super) fn moments<S: Simd>(s: S, x: &[f32], channels: usize, saved: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let [near, mean, squares] = parts_mut(saved, channels);
            mean.fill(0.0);
            squares.fill(0.0);
            for (near, x) in near.iter_mut().zip(x) {
                *near = *x;
            }
            let (width, mut count) = (channels, 0.0);
            for x in rows(x, width.saturating_mul(8)) {
                if x.len() == width.saturating_mul(8) {
                    let [a, b, c, d, e, f, g, h] = parts(x, width);
                    let weights = Weights::of(s, count, 8.0);
                    map(
                        s,
                        [&mut *mean, &mut *squares],
                        [near, a, b, c, d, e, f, g, h],
                        #[inline(always)]
                        |[mean, squares], [near, rows @ ..]| weights.add_block(s, near, rows, mean, squares),
                    );
                    count += 8.0;
                    continue;
                }
                for row in rows(x, width) {
                    let (zero, weights) = (s.splat(0.0), Weights::of(s, count, 1.0));
                    map(
                        s,
                        [&mut *mean, &mut *squares],
                        [near, row],
                        #[inline(always)]
                        |[mean, squares], [near, x]| weights.merge(s, s.sub(x, near), zero, mean, squares),
                    );
                    count += 1.0;
                }
            }
            // The nearest float to the mean, and what it lacks.
            map(
                s,
                [near, mean],
                [],
                #[inline(always)]
                |[near, rest], []| {
                    let mean = s.add(near, rest);
                    [mean, s.add(s.sub(near, mean), rest)]
                },
            );
        },
    );
}

/// The weights of a block of rows that follows others.
#[derive(Clone, Copy)]
struct Weights<S: Simd> {
    /// Of the difference of the means, in the mean.
    mean: S::F32,
    /// Of its square.
    square: S::F32,
    /// 1 / rows of the block.
    of_row: S::F32,
}

impl<S: Simd> Weights<S> {
    #[inline(always)]
    fn of(s: S, before: f32, block: f32) -> Self {
        let share = block / (before + block);
        Self { mean: s.splat(share), square: s.splat(before * share), of_row: s.splat(1.0 / block) }
    }

    /// Mean and sum of squares with those of a block merged in.
    #[inline(always)]
    fn merge(self, s: S, block_mean: S::F32, block_squares: S::F32, mean: S::F32, squares: S::F32) -> [S::F32; 2] {
        let delta = s.sub(block_mean, mean);
        let block = s.mul_add(s.mul(delta, delta), self.square, block_squares);
        [s.mul_add(delta, self.mean, mean), s.add(squares, block)]
    }

    #[inline(always)]
    fn add_block(self, s: S, near: S::F32, mut x: [S::F32; 8], mean: S::F32, squares: S::F32) -> [S::F32; 2] {
        for i in 0..8 {
            x[i] = s.sub(x[i], near);
        }
        let sum = s.add(tree(s, [x[0], x[1], x[2], x[3]]), tree(s, [x[4], x[5], x[6], x[7]]));
        let block_mean = s.mul(sum, self.of_row);
        let mut sums = [s.splat(0.0); 4];
        for i in 0..4 {
            let (a, b) = (s.sub(x[i], block_mean), s.sub(x[i + 4], block_mean));
            sums[i] = s.mul_add(b, b, s.mul(a, a));
        }
        self.merge(s, block_mean, tree(s, sums), mean, squares)
    }
}

#[inline(always)]
fn tree<S: Simd>(s: S, [a, b, c, d]: [S::F32; 4]) -> S::F32 {
    s.add(s.add(a, b), s.add(c, d))
}

/// Running mean and variance move on by `momentum`, from the moments of `count` rows.
#[inline(never)]
pub(super) fn track<S: Simd>(s: S, saved: &[f32], [mean, var]: [&mut [f32]; 2], count: f32, momentum: f32) {
    let [new_mean, _, squares] = parts(saved, mean.len());
    s.vectorize(
        #[inline(always)]
        move || {
            let (keep, momentum, degrees) = (s.splat(1.0 - momentum), s.splat(momentum), s.splat(count - 1.0));
            map(
                s,
                [mean, var],
                [new_mean, squares],
                #[inline(always)]
                |[mean, var], [new_mean, squares]| {
                    let new_var = s.div(squares, degrees);
                    [s.mul_add(momentum, new_mean, s.mul(keep, mean)), s.mul_add(momentum, new_var, s.mul(keep, var))]
                },
            );
        },
    );
}

/// `squares` becomes `1 / √(squares / count + eps)`.
#[inline(never)]
pub(super) fn finish<S: Simd>(s: S, squares: &mut [f32], count: f32, eps: f32) {
    s.vectorize(
        #[inline(always)]
        move || {
            let (one, count, eps) = (s.splat(1.0), s.splat(count), s.splat(eps));
            map(
                s,
                [squares],
                [],
                #[inline(always)]
                |[squares], []| [s.div(one, s.sqrt(s.add(s.div(squares, count), eps)))],
            );
        },
    );
}

/// y = (x - mean) / std * weight + bias, from what is known of the columns.
#[inline(never)]
pub(super) fn write<S: Simd>(s: S, affine: Affine, params: &[f32], saved: &[f32], x: &[f32], y: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let width = affine.width;
            let ([mean, rest, inverse_std], [weight, bias]) = (parts(saved, affine.width), affine.split(params));
            let (weight, bias, masks) = (or(weight, mean), or(bias, mean), affine.masks(s));
            for (x, y) in rows(x, width.saturating_mul(4)).zip(rows_mut(y, width.saturating_mul(4))) {
                if x.len() == width.saturating_mul(4) {
                    let [a, b, c, d] = parts(x, width);
                    map(
                        s,
                        parts_mut::<4>(y, width),
                        [mean, rest, inverse_std, weight, bias, a, b, c, d],
                        #[inline(always)]
                        |_, [mean, rest, inverse_std, weight, bias, x @ ..]| {
                            Column::of(s, masks, [mean, rest, inverse_std, weight, bias]).values(s, x)
                        },
                    );
                    continue;
                }
                for (x, y) in rows(x, width).zip(rows_mut(y, width)) {
                    map(
                        s,
                        [y],
                        [mean, rest, inverse_std, weight, bias, x],
                        #[inline(always)]
                        |_, [mean, rest, inverse_std, weight, bias, x]| {
                            Column::of(s, masks, [mean, rest, inverse_std, weight, bias]).values(s, [x])
                        },
                    );
                }
            }
        },
    );
}

/// `y = (x - mean) * factor + offset`
struct Column<S: Simd> {
    mean: S::F32,
    factor: S::F32,
    offset: S::F32,
}

impl<S: Simd> Column<S> {
    #[inline(always)]
    fn of(s: S, masks: [S::Mask; 2], [mean, rest, inverse_std, weight, bias]: [S::F32; 5]) -> Self {
        let [weight, bias] = given(s, masks, [weight, bias]);
        let factor = s.mul(inverse_std, weight);
        Self { mean, factor, offset: s.mul_add(s.neg(rest), factor, bias) }
    }

    #[inline(always)]
    fn values<const R: usize>(&self, s: S, mut x: [S::F32; R]) -> [S::F32; R] {
        for x in &mut x {
            *x = s.mul_add(s.sub(*x, self.mean), self.factor, self.offset);
        }
        x
    }
}

/// For each column: the sum of `dy`, and the sum of `dy * (x - mean) / std`. *Writes* two thirds of `sums`.
#[inline(never)]
pub(super) fn sums<S: Simd>(s: S, [x, dy, saved]: [&[f32]; 3], channels: usize, sums: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let width = channels;
            let ([mean, rest, inverse_std], [sum, product, _]) = (parts(saved, channels), parts_mut(sums, channels));
            sum.fill(0.0);
            product.fill(0.0);
            for (x, dy) in rows(x, width.saturating_mul(4)).zip(rows(dy, width.saturating_mul(4))) {
                if x.len() == width.saturating_mul(4) {
                    let ([x0, x1, x2, x3], [dy0, dy1, dy2, dy3]) = (parts(x, width), parts(dy, width));
                    map(
                        s,
                        [&mut *sum, &mut *product],
                        [mean, x0, x1, x2, x3, dy0, dy1, dy2, dy3],
                        #[inline(always)]
                        |[sum, product], [mean, x0, x1, x2, x3, dy @ ..]| {
                            let [a, b] = [s.mul(s.sub(x0, mean), dy[0]), s.mul(s.sub(x1, mean), dy[1])];
                            let a = s.mul_add(s.sub(x2, mean), dy[2], a);
                            let b = s.mul_add(s.sub(x3, mean), dy[3], b);
                            [s.add(sum, tree(s, dy)), s.add(product, s.add(a, b))]
                        },
                    );
                    continue;
                }
                for (x, dy) in rows(x, width).zip(rows(dy, width)) {
                    map(
                        s,
                        [&mut *sum, &mut *product],
                        [mean, x, dy],
                        #[inline(always)]
                        |[sum, product], [mean, x, dy]| [s.add(sum, dy), s.mul_add(s.sub(x, mean), dy, product)],
                    );
                }
            }
            map(
                s,
                [product],
                [sum, rest, inverse_std],
                #[inline(always)]
                |[product], [sum, rest, inverse_std]| [s.mul(s.mul_add(s.neg(rest), sum, product), inverse_std)],
            );
        },
    );
}

/// The sums become the numbers of `dx = dy factor + (x - mean) slope + offset`. `count` values are behind the
/// statistics of a column.
#[inline(never)]
pub(super) fn coefficients<S: Simd>(
    s: S,
    affine: Affine,
    params: &[f32],
    saved: &[f32],
    sums: &mut [f32],
    [count, eps]: [f32; 2],
) {
    s.vectorize(
        #[inline(always)]
        move || {
            let ([_, rest, inverse_std], [weight, _]) = (parts(saved, affine.width), affine.split(params));
            let ([mask, _], minus_share) = (affine.masks(s), s.splat(-1.0 / count));
            // y = n w + b, n = (x - mean) / std: dx = w / std * (dy - mean of dy - n * mean of dy n). Of two values n is 1 and
            // -1 but for eps, and of dy - mean of dy is left 1 - n^2, that is eps / (variance + eps), which has its digits.
            let (is_pair, eps) = (count == 2.0, s.splat(eps));
            map(
                s,
                parts_mut(sums, affine.width),
                [rest, inverse_std, or(weight, rest)],
                #[inline(always)]
                |[sum, product, _], [rest, inverse_std, weight]| {
                    let factor = s.mul(inverse_std, s.select(mask, weight, s.splat(1.0)));
                    if is_pair {
                        let factor = s.mul(factor, s.mul(s.mul(inverse_std, inverse_std), eps));
                        return [s.mul(s.mul(factor, minus_share), sum), s.splat(0.0), factor];
                    }
                    let scaled = s.mul(factor, minus_share);
                    let slope = s.mul(s.mul(scaled, product), inverse_std);
                    [s.mul_add(scaled, sum, s.neg(s.mul(rest, slope))), slope, factor]
                },
            );
        },
    );
}

/// `dx` of what [`coefficients`] says.
#[inline(never)]
pub(super) fn write_gradient<S: Simd>(
    s: S,
    [x, dy, saved]: [&[f32]; 3],
    coefficients: &[f32],
    channels: usize,
    dx: &mut [f32],
) {
    s.vectorize(
        #[inline(always)]
        move || {
            let width = channels;
            let ([mean], [offset, slope, factor]) = (parts(saved, channels), parts(coefficients, channels));
            for ((x, dy), dx) in rows(x, width.saturating_mul(2))
                .zip(rows(dy, width.saturating_mul(2)))
                .zip(rows_mut(dx, width.saturating_mul(2)))
            {
                if x.len() == width.saturating_mul(2) {
                    let ([x0, x1], [dy0, dy1]) = (parts(x, width), parts(dy, width));
                    map(
                        s,
                        parts_mut::<2>(dx, width),
                        [mean, offset, slope, factor, x0, x1, dy0, dy1],
                        #[inline(always)]
                        |_, [mean, offset, slope, factor, x0, x1, dy0, dy1]| {
                            let from_x =
                                [s.mul_add(s.sub(x0, mean), slope, offset), s.mul_add(s.sub(x1, mean), slope, offset)];
                            [s.mul_add(dy0, factor, from_x[0]), s.mul_add(dy1, factor, from_x[1])]
                        },
                    );
                    continue;
                }
                map(
                    s,
                    [dx],
                    [mean, offset, slope, factor, x, dy],
                    #[inline(always)]
                    |_, [mean, offset, slope, factor, x, dy]| {
                        [s.mul_add(dy, factor, s.mul_add(s.sub(x, mean), slope, offset))]
                    },
                );
            }
        },
    );
}
