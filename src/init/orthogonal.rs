//! Orthogonal matrices.

use super::fan::size;
use super::normal;
use crate::dispatch;
use crate::error::{Error, Result};
use crate::kernel::{map, map_reduce, total};
use crate::shape::{check_len, rows, rows_mut};
use crate::simd::{self, Simd, root_f64};
use rand_core::Rng;

/// A matrix whose rows, or columns if there are more rows, are orthogonal and of length `gain`, uniformly among all such.
/// *Writes* `w`, a weight of this shape; dimensions after the first are one.
///
/// As [`orthogonal_`](https://pytorch.org/docs/stable/nn.init.html#torch.nn.init.orthogonal_), whose default gain is 1; Saxe
/// et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2013,
/// <https://arxiv.org/abs/1312.6120>. It has the law of PyTorch's QR decomposition with corrected signs, for half of its
/// work and without scratch: each of its Householder reflections is that of fresh normal deviates. Stewart, "The
/// Efficient Generation of Random Orthogonal Matrices with an Application to Condition Estimators", 1980.
///
/// # Errors
/// [`Error`] where the shape has fewer than two dimensions or another size than `w`; nothing is written.
///
/// ```
/// use flatgrad::init::orthogonal;
/// use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
///
/// let mut w = [0.0; 15];
/// orthogonal(&mut w, &[3, 5], 2.0, &mut Xoshiro256PlusPlus::seed_from_u64(1))?;
/// let dot = |i: usize, j: usize| (0..5).map(|k| w[5 * i + k] * w[5 * j + k]).sum::<f32>();
/// assert!((dot(0, 0) - 4.0).abs() < 1e-5 && dot(0, 1).abs() < 1e-5);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn orthogonal(w: &mut [f32], shape: &[usize], gain: f32, rng: &mut (impl Rng + ?Sized)) -> Result<()> {
    let [rows, rest @ ..] = shape else { return Err(Error::Value { argument: "shape", expected: TWO }) };
    if rest.is_empty() {
        return Err(Error::Value { argument: "shape", expected: TWO });
    }
    let (rows, columns) = (*rows, size(rest));
    check_len("w", w, rows, columns)?;
    if w.is_empty() {
        return Ok(());
    }
    w.fill(0.0);
    // Each reflection acts on one row and column more than the one before it, and makes that one from gain * ±1.
    for i in (0..rows.min(columns)).rev() {
        let Some(rest) = w.get_mut(i * columns..) else { continue };
        if rows <= columns {
            if let Some(v) = rest.get_mut(i..columns) {
                normal(v, 0.0, 1.0, rng);
            }
            reflect_rows(rest, columns, i, gain);
        } else {
            normal_column(rest, columns, i, rng);
            reflect_columns(rest, columns, i, gain);
        }
    }
    Ok(())
}

const TWO: &str = "of at least two dimensions";

/// Deviates down a column.
fn normal_column(w: &mut [f32], columns: usize, column: usize, rng: &mut (impl Rng + ?Sized)) {
    const BLOCK: usize = 64;
    for rows in rows_mut(w, columns.saturating_mul(BLOCK)) {
        let mut block = [0.0; BLOCK];
        if let Some(block) = block.get_mut(..rows.len().checked_div(columns).unwrap_or_default()) {
            normal(block, 0.0, 1.0, rng);
        }
        for (row, deviate) in rows_mut(rows, columns).zip(block) {
            if let Some(x) = row.get_mut(column) {
                *x = deviate;
            }
        }
    }
}

/// A reflection `1 - factor v vᵀ`, that takes `x` to a multiple of the first axis.
struct Reflection {
    /// The first element of `v`; the others are those of `x`.
    first: f32,
    factor: f32,
    /// The sign of that multiple: with it the triangle of the decomposition has a positive diagonal.
    sign: f32,
}

impl Reflection {
    /// From the first element and the sum of all squares.
    fn new(first: f32, squares: f64) -> Self {
        let (norm, size) = (root_f64(squares), f64::from(first.abs()));
        let sign = 1.0f32.copysign(first);
        // Of nothing but zeros it is the identity.
        let factor = if norm > 0.0 { (1.0 / (norm * (norm + size))) as f32 } else { 0.0 };
        Self { first: first + sign * norm as f32, factor, sign: -sign }
    }
}

/// Reflects rows of `columns`, whose first holds `x` from column `i` on, and becomes `gain` times its axis, reflected.
fn reflect_rows(w: &mut [f32], columns: usize, i: usize, gain: f32) {
    let (v, rows) = w.split_at_mut_checked(columns).unwrap_or_default();
    let Some(v) = v.get_mut(i..) else { return };
    let squares = v.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let Some(first) = v.first_mut() else { return };
    let Reflection { first: v0, factor, sign } = Reflection::new(*first, squares);
    *first = v0;
    let v = &*v;
    for row in rows_mut(rows, columns) {
        if let Some(row) = row.get_mut(i..) {
            dispatch!(simd::level(), s => {
                let along = dot(s, row, v);
                add_multiple(s, row, -(factor * along), v);
            });
        }
    }
    let Some(v) = w.get_mut(i..columns) else { return };
    let scale = -(factor * v0) * sign * gain;
    scale_by(v, scale);
    if let Some(first) = v.first_mut() {
        *first += sign * gain;
    }
}

/// The same with rows and columns exchanged: `x` is in column `i`.
fn reflect_columns(w: &mut [f32], columns: usize, i: usize, gain: f32) {
    let column = rows(w, columns).filter_map(|row| row.get(i));
    let squares = column.map(|x| f64::from(*x) * f64::from(*x)).sum();
    let (top, rows) = w.split_at_mut_checked(columns).unwrap_or_default();
    let Some((first, along)) = top.get_mut(i..).and_then(<[f32]>::split_first_mut) else { return };
    let Reflection { first: v0, factor, sign } = Reflection::new(*first, squares);
    // The other columns have nothing in the first row, so that there is room for their products with v.
    for (v, row) in rows_mut(rows, columns).filter_map(|row| split(row, i)) {
        let (along, row) = (&mut *along, &*row);
        dispatch!(simd::level(), s => add_multiple(s, along, v, row));
    }
    let along = &mut *along;
    scale_by(along, -factor);
    let along = &*along;
    for (v, row) in rows_mut(rows, columns).filter_map(|row| split(row, i)) {
        dispatch!(simd::level(), s => add_multiple(s, row, v, along));
    }
    let scale = -(factor * v0) * sign * gain;
    for x in rows_mut(rows, columns).filter_map(|row| row.get_mut(i)) {
        *x *= scale;
    }
    if let Some((first, along)) = w.get_mut(i..columns).and_then(<[f32]>::split_first_mut) {
        *first = sign * gain + scale * v0;
        scale_by(along, v0);
    }
}

fn scale_by(xs: &mut [f32], factor: f32) {
    for x in xs {
        *x *= factor;
    }
}

/// An element and what follows it.
fn split(row: &mut [f32], i: usize) -> Option<(f32, &mut [f32])> {
    let (x, rest) = row.get_mut(i..)?.split_first_mut()?;
    Some((*x, rest))
}

#[inline(always)]
fn dot<S: Simd>(s: S, x: &[f32], y: &[f32]) -> f32 {
    let zero = s.wide(s.splat(0.0));
    let [sum] = map_reduce(
        s,
        [],
        [x, y],
        [zero],
        #[inline(always)]
        |[], [x, y], [sum]| ([], [s.add(sum, s.mul(x, y))]),
    );
    total(s, sum)
}

/// `y += factor * x`
#[inline(always)]
fn add_multiple<S: Simd>(s: S, y: &mut [f32], factor: f32, x: &[f32]) {
    let factor = s.splat(factor);
    map(
        s,
        [y],
        [x],
        #[inline(always)]
        |[y], [x]| [s.add(y, s.mul(factor, x))],
    );
}
