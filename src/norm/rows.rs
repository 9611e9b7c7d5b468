//! Rows that are normalised each for itself: layer norm, and RMS norm as a layer norm around 0.
//!
//! Forward takes four rows together, backward two: weight and bias are read once for them. A row has the bits that it
//! has alone.

use super::{Affine, inverse_std, or, parts, parts_mut};
use crate::kernel::{map, map_reduce, moments, total};
use crate::shape::{rows, rows_mut};
use crate::simd::Simd;

/// A layer.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub(super) affine: Affine,
    pub(super) eps: f32,
    /// Whether the mean is taken away.
    pub(super) is_centred: bool,
}

/// What is saved of a row: mean, its rest, `1 / √(variance + eps)`.
pub(super) const SAVED: usize = 3;

/// Forward; *writes* `y`, and `saved` as far as there is any.
#[inline(never)]
pub(super) fn forward<S: Simd>(s: S, layer: Rows, params: &[f32], x: &[f32], y: &mut [f32], saved: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let width = layer.affine.width;
            let [weight, bias] = layer.affine.split(params);
            let mut saved = saved.as_chunks_mut::<SAVED>().0.iter_mut();
            for (x, y) in rows(x, width.saturating_mul(4)).zip(rows_mut(y, width.saturating_mul(4))) {
                let all = statistics(s, layer, x);
                for ((row, _), saved) in all.into_iter().zip(rows(x, width)).zip(saved.by_ref()) {
                    *saved = row;
                }
                write(s, layer.affine, [weight, bias], all, (x, y));
            }
        },
    );
}

/// What is saved of up to four rows.
#[inline(always)]
fn statistics<S: Simd>(s: S, layer: Rows, x: &[f32]) -> [[f32; SAVED]; 4] {
    let width = layer.affine.width;
    let last = x.len().saturating_sub(width);
    let row = |i: usize| x.get((i.saturating_mul(width)).min(last)..).and_then(|x| x.get(..width)).unwrap_or_default();
    let moments = moments(s, [row(0), row(1), row(2), row(3)], layer.is_centred);
    let mut all = [[0.0; SAVED]; 4];
    for i in 0..4 {
        all[i] = [moments[i].mean, moments[i].rest, inverse_std(moments[i].squares, width as f32, layer.eps)];
    }
    all
}

/// y = (x - mean) / std * weight + bias, for up to four rows.
#[inline(always)]
fn write<S: Simd>(
    s: S,
    affine: Affine,
    [weight, bias]: [&[f32]; 2],
    known: [[f32; SAVED]; 4],
    (x, y): (&[f32], &mut [f32]),
) {
    let (masks, width) = (affine.masks(s), affine.width);
    if x.len() == width.saturating_mul(4) {
        let [x0, x1, x2, x3] = parts(x, width);
        let all = [Row::of(s, known[0]), Row::of(s, known[1]), Row::of(s, known[2]), Row::of(s, known[3])];
        map(
            s,
            parts_mut::<4>(y, width),
            [x0, x1, x2, x3, or(weight, x0), or(bias, x0)],
            #[inline(always)]
            |_, [x0, x1, x2, x3, weight, bias]| {
                let [weight, bias] = given(s, masks, [weight, bias]);
                [
                    s.mul_add(all[0].normal(s, x0), weight, bias),
                    s.mul_add(all[1].normal(s, x1), weight, bias),
                    s.mul_add(all[2].normal(s, x2), weight, bias),
                    s.mul_add(all[3].normal(s, x3), weight, bias),
                ]
            },
        );
        return;
    }
    for ((x, y), row) in rows(x, width).zip(rows_mut(y, width)).zip(known) {
        let row = Row::of(s, row);
        map(
            s,
            [y],
            [x, or(weight, x), or(bias, x)],
            #[inline(always)]
            |_, [x, weight, bias]| {
                let [weight, bias] = given(s, masks, [weight, bias]);
                [s.mul_add(row.normal(s, x), weight, bias)]
            },
        );
    }
}

/// Weight and bias, or 1 and 0 where the layer has none.
#[inline(always)]
pub(super) fn given<S: Simd>(s: S, masks: [S::Mask; 2], [weight, bias]: [S::F32; 2]) -> [S::F32; 2] {
    [s.select(masks[0], weight, s.splat(1.0)), s.select(masks[1], bias, s.splat(0.0))]
}

/// What is saved of a row, in registers.
struct Row<S: Simd> {
    mean: S::F32,
    inverse_std: S::F32,
    /// Of what the rest of the mean becomes.
    offset: S::F32,
}

impl<S: Simd> Row<S> {
    #[inline(always)]
    fn of(s: S, [mean, rest, inverse_std]: [f32; SAVED]) -> Self {
        Self { mean: s.splat(mean), inverse_std: s.splat(inverse_std), offset: s.splat(-(rest * inverse_std)) }
    }

    /// (x - mean) / std
    #[inline(always)]
    fn normal(&self, s: S, x: S::F32) -> S::F32 {
        s.mul_add(s.sub(x, self.mean), self.inverse_std, self.offset)
    }
}

/// Backward: the gradients of the parameters, written or added, and `dx` if there is any. *Scratch* takes those of
/// parameters that are not there.
#[inline(never)]
pub(super) fn backward<S: Simd>(
    s: S,
    layer: Rows,
    params: &[f32],
    [x, dy, saved]: [&[f32]; 3],
    (dparams, is_added): (&mut [f32], bool),
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) {
    s.vectorize(
        #[inline(always)]
        move || {
            if !is_added {
                dparams.fill(0.0);
            }
            let (affine, width) = (layer.affine, layer.affine.width);
            let [weight, _] = affine.split(params);
            let [dweight, dbias] = affine.split_mut(dparams);
            let [spare, other] = parts_mut(scratch, affine.width);
            let dweight = if affine.weight { dweight } else { spare };
            let dbias = if affine.bias { dbias } else { other };
            let mut dx = dx.map(|dx| rows_mut(dx, width.saturating_mul(2)));
            let pairs =
                rows(x, width.saturating_mul(2)).zip(rows(dy, width.saturating_mul(2))).zip(rows(saved, 2 * SAVED));
            for ((x, dy), saved) in pairs {
                let dx = dx.as_mut().and_then(Iterator::next);
                pair(s, layer, weight, [x, dy, saved], [&mut *dweight, &mut *dbias], dx);
            }
        },
    );
}

/// The gradients of one row or two.
#[inline(always)]
fn pair<S: Simd>(
    s: S,
    layer: Rows,
    weight: &[f32],
    [x, dy, saved]: [&[f32]; 3],
    [dweight, dbias]: [&mut [f32]; 2],
    dx: Option<&mut [f32]>,
) {
    let ([mask, _], width) = (layer.affine.masks(s), layer.affine.width);
    let zero = s.wide(s.splat(0.0));
    let mut saved = saved.as_chunks::<SAVED>().0.iter();
    let mut row = || Row::of(s, saved.next().copied().unwrap_or_default());
    let ([x0, x1], [dy0, dy1]) = (parts(x, width), parts(dy, width));
    // y = n w + b with n = (x - mean) / std, g = dy w: dw = the sum of dy n, db = the sum of dy,
    // dx = (g - mean of g - n * mean of g n) / std.
    if x1.is_empty() {
        let (row, [x, dy]) = (row(), [x0, dy0]);
        let sums = map_reduce(
            s,
            [dweight, dbias],
            [x, dy, or(weight, x)],
            [zero; 2],
            #[inline(always)]
            |[dweight, dbias], [x, dy, weight], sums| {
                let (dweight, dbias, sums) =
                    row.sums(s, x, dy, s.select(mask, weight, s.splat(1.0)), dweight, dbias, sums);
                ([dweight, dbias], sums)
            },
        );
        let Some(dx) = dx else { return };
        let row = row.with_means(s, layer, sums);
        map(
            s,
            [dx],
            [x, dy, or(weight, x)],
            #[inline(always)]
            |_, [x, dy, weight]| [row.gradient(s, x, dy, s.select(mask, weight, s.splat(1.0)))],
        );
        return;
    }
    let rows = [row(), row()];
    let sums = map_reduce(
        s,
        [dweight, dbias],
        [x0, x1, dy0, dy1, or(weight, x0)],
        [zero; 4],
        #[inline(always)]
        |[dweight, dbias], [x0, x1, dy0, dy1, weight], [g0, gn0, g1, gn1]| {
            let weight = s.select(mask, weight, s.splat(1.0));
            let (dweight, dbias, [g0, gn0]) = rows[0].sums(s, x0, dy0, weight, dweight, dbias, [g0, gn0]);
            let (dweight, dbias, [g1, gn1]) = rows[1].sums(s, x1, dy1, weight, dweight, dbias, [g1, gn1]);
            ([dweight, dbias], [g0, gn0, g1, gn1])
        },
    );
    let Some(dx) = dx else { return };
    let [row0, row1] = rows;
    let rows = [row0.with_means(s, layer, [sums[0], sums[1]]), row1.with_means(s, layer, [sums[2], sums[3]])];
    map(
        s,
        parts_mut::<2>(dx, width),
        [x0, x1, dy0, dy1, or(weight, x0)],
        #[inline(always)]
        |_, [x0, x1, dy0, dy1, weight]| {
            let weight = s.select(mask, weight, s.splat(1.0));
            [rows[0].gradient(s, x0, dy0, weight), rows[1].gradient(s, x1, dy1, weight)]
        },
    );
}

/// A row, and the means of its gradients `g` and of `g n`.
struct WithMeans<S: Simd> {
    row: Row<S>,
    mean: S::F32,
    minus_product: S::F32,
}

impl<S: Simd> Row<S> {
    /// What the row adds to the sums for the parameters, and to its own, of `g` and `g n`.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "a register of each slice")]
    fn sums(
        &self,
        s: S,
        x: S::F32,
        dy: S::F32,
        weight: S::F32,
        dweight: S::F32,
        dbias: S::F32,
        [g_sum, product_sum]: [S::F32; 2],
    ) -> (S::F32, S::F32, [S::F32; 2]) {
        let (normal, g) = (self.normal(s, x), s.mul(dy, weight));
        let sums = [s.add(g_sum, g), s.mul_add(g, normal, product_sum)];
        (s.mul_add(dy, normal, dweight), s.add(dbias, dy), sums)
    }

    #[inline(always)]
    fn with_means(mut self, s: S, layer: Rows, [g, product]: [S::Wide; 2]) -> WithMeans<S> {
        let count = layer.affine.width as f32;
        let mean = if layer.is_centred { total(s, g) / count } else { 0.0 };
        if count == if layer.is_centred { 2.0 } else { 1.0 } {
            // n is 1 or -1 but for eps, and of g - mean of g is left 1 - n^2, that is eps / (variance + eps), which has its digits.
            let inverse_variance = s.mul(self.inverse_std, self.inverse_std);
            self.inverse_std = s.mul(self.inverse_std, s.mul(inverse_variance, s.splat(layer.eps)));
            return WithMeans { row: self, mean: s.splat(mean), minus_product: s.splat(0.0) };
        }
        WithMeans { row: self, mean: s.splat(mean), minus_product: s.splat(-(total(s, product) / count)) }
    }
}

impl<S: Simd> WithMeans<S> {
    #[inline(always)]
    fn gradient(&self, s: S, x: S::F32, dy: S::F32, weight: S::F32) -> S::F32 {
        let g = s.sub(s.mul(dy, weight), self.mean);
        s.mul(s.mul_add(self.row.normal(s, x), self.minus_product, g), self.row.inverse_std)
    }
}
