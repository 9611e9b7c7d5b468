//! The cosine of the angle between two vectors, as a loss.

use super::Reduction;
use super::vectors::{Ins, Outs, Vectors};
use crate::dispatch;
use crate::error::Result;
use crate::kernel::{map, map_reduce, total};
use crate::simd::{Simd, root_f64};

/// Added to squared norms.
const EPS: f64 = 1e-12;
/// Squares may add up to this, 2^110; vectors with more are multiplied by its inverse first.
const LARGE: f32 = 1.298_074_2e33;

/// Options of [`cosine_embedding`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineEmbedding {
    /// The length of a row.
    pub width: usize,
    /// The cosine up to which what is unlike costs nothing, 0 by default.
    pub margin: f32,
}

impl CosineEmbedding {
    /// PyTorch's defaults for rows of `width` elements.
    #[must_use]
    pub const fn new(width: usize) -> Self {
        Self { width, margin: 0.0 }
    }
}

/// Where the gradients of [`cosine_embedding`] go, each where it is wanted.
#[derive(Debug, Default)]
pub struct CosineEmbeddingGrads<'a> {
    /// For `x1`.
    pub dx1: Option<&'a mut [f32]>,
    /// For `x2`.
    pub dx2: Option<&'a mut [f32]>,
}

/// Of rows: `1 - cos(x1, x2)` where their target is 1 (alike), `max(0, cos(x1, x2) - margin)` where it is -1; reduced.
///
/// `cos(a, b) = a b / sqrt((a a + 1e-12) (b b + 1e-12))`. `x1` and `x2` hold a row of [`width`](CosineEmbedding::width) for each
/// target. *Writes* the gradients that are given, divided by the number of rows for [`Reduction::Mean`]: `-dcos`; or `dcos` where the
/// cosine is above `margin`, else 0 (where it is NaN too). The gradient of the cosine for `a` is
/// `b / (|a| |b|) - cos a / |a|^2`.
///
/// As [`torch.nn.CosineEmbeddingLoss`](https://pytorch.org/docs/stable/generated/torch.nn.CosineEmbeddingLoss.html): with any other
/// target a row has the loss 0 and the gradient 0; where the cosine just is `margin` the gradient is 0 (since 2.15). Unlike there, squares of
/// large elements do not overflow. The cosine of an infinite vector is NaN.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length) where a slice does not fit; nothing is written.
///
/// ```
/// use flatgrad::loss::{CosineEmbedding, CosineEmbeddingGrads, Reduction, cosine_embedding};
///
/// let (mut each, mut dx1) = ([0.0; 3], [7.0; 6]);
/// let grads = CosineEmbeddingGrads { dx1: Some(&mut dx1), dx2: None };
/// let (x1, x2) = ([3.0, 4.0, 1.0, 0.0, 1.0, 0.0], [3.0, 4.0, 0.0, 2.0, -1.0, 0.0]); // three rows of two columns
/// let options = CosineEmbedding::new(2);
/// cosine_embedding(&x1, &x2, &[1.0, 1.0, -1.0], options, Reduction::Each(&mut each), grads)?;
/// assert!(each[0].abs() < 1e-6);
/// assert_eq!(each[1..], [1.0, 0.0]);
/// assert_eq!(dx1[2..], [0.0, -1.0, 0.0, 0.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn cosine_embedding(
    x1: &[f32],
    x2: &[f32],
    target: &[f32],
    options: CosineEmbedding,
    reduction: Reduction<'_>,
    grads: CosineEmbeddingGrads<'_>,
) -> Result<f32> {
    let vectors = Vectors::new([target.len(), options.width], [("x1", x1), ("x2", x2)], reduction)?
        .gradients([("dx1", grads.dx1), ("dx2", grads.dx2)])?;
    Ok(vectors.run(&|level, i, factor, ins, outs| {
        let target = target.get(i).copied().unwrap_or_default();
        dispatch!(level, s => row(s, options.margin, target, factor, ins, outs))
    }))
}

/// The loss of a row. *Writes* `factor` times its gradients.
///
/// One number for each row is wide: a cosine near 1 keeps what it lacks to it, and equal vectors have exactly 1, but for `EPS`.
#[inline(always)]
fn row<S: Simd>(s: S, margin: f32, target: f32, factor: f32, [a, b, _]: Ins<'_>, [da, db, _]: Outs<'_>) -> f32 {
    let (scales, [ab, aa, bb]) = products(s, [a, b]);
    let (aa, bb) = (aa + EPS, bb + EPS);
    let norms = root_f64(aa * bb);
    let cos = ab / norms;
    let above = cos - f64::from(margin);
    let (loss, slope) = if target == 1.0 {
        (1.0 - cos, -1.0)
    } else if target == -1.0 {
        (if above <= 0.0 { 0.0 } else { above }, if above > 0.0 { 1.0 } else { 0.0 })
    } else {
        (0.0, 0.0)
    };
    // loss = slope cos + c: da = slope (b / (|a| |b|) - cos a / |a|^2)
    let slope = slope * f64::from(factor);
    if let ([a], [b]) = (a, b) {
        // Both terms are the same but for EPS: what is left is EPS / |a|^2 of the first.
        for (to, (other, squares)) in [(da, (b, aa)), (db, (a, bb))] {
            to.fill(if slope == 0.0 { 0.0 } else { (slope * f64::from(*other) / norms * (EPS / squares)) as f32 });
        }
        return loss as f32;
    }
    let [ka, kb] = scales.map(f64::from);
    let [across, of_a, of_b] = [slope / norms, -slope * cos / aa, -slope * cos / bb];
    for (to, [of_a, of_b]) in [(da, [of_a, across]), (db, [across, of_b])] {
        if slope == 0.0 {
            to.fill(0.0);
        } else if !to.is_empty() {
            combine(s, [a, b], scales, [(of_a / ka) as f32, (of_b / kb) as f32], to);
        }
    }
    loss as f32
}

/// `[a b, a a, b b]`, and by what the vectors are to be multiplied so that nothing overflows.
#[inline(always)]
fn products<S: Simd>(s: S, [a, b]: [&[f32]; 2]) -> ([f32; 2], [f64; 3]) {
    if let ([a], [b]) = (a, b) {
        // Exact: the cosine of two numbers is 1 or -1 but for EPS.
        let (a, b) = (f64::from(*a), f64::from(*b));
        return ([1.0; 2], [a * b, a * a, b * b]);
    }
    let mut scales = [1.0f32; 2];
    let mut all = scaled_products(s, [a, b], scales);
    if all[1] > LARGE || all[2] > LARGE {
        scales = [all[1], all[2]].map(|squares| if squares <= LARGE { 1.0 } else { 1.0 / LARGE });
        all = scaled_products(s, [a, b], scales);
    }
    let ([ka, kb], [ab, aa, bb]) = (scales.map(f64::from), all.map(f64::from));
    (scales, [ab / (ka * kb), aa / (ka * ka), bb / (kb * kb)])
}

/// `[a b, a a, b b]` of vectors times their scales.
#[inline(never)]
fn scaled_products<S: Simd>(s: S, [a, b]: [&[f32]; 2], [ka, kb]: [f32; 2]) -> [f32; 3] {
    s.vectorize(
        #[inline(always)]
        move || {
            let (ka, kb) = (s.splat(ka), s.splat(kb));
            let [ab, aa, bb] = map_reduce(
                s,
                [],
                [a, b],
                [s.wide(s.splat(0.0)); 3],
                #[inline(always)]
                |[], [a, b], [ab, aa, bb]| {
                    let (a, b) = (s.mul(a, ka), s.mul(b, kb));
                    ([], [s.mul_add(a, b, ab), s.mul_add(a, a, aa), s.mul_add(b, b, bb)])
                },
            );
            [total(s, ab), total(s, aa), total(s, bb)]
        },
    )
}

/// *Writes* the sum of the vectors times their scales and factors. Products are rounded before they are added: those of equal
/// vectors cancel.
#[inline(never)]
fn combine<S: Simd>(s: S, [a, b]: [&[f32]; 2], [ka, kb]: [f32; 2], [ca, cb]: [f32; 2], to: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let (ka, kb, ca, cb) = (s.splat(ka), s.splat(kb), s.splat(ca), s.splat(cb));
            map(
                s,
                [to],
                [a, b],
                #[inline(always)]
                |_, [a, b]| [s.add(s.mul(s.mul(a, ka), ca), s.mul(s.mul(b, kb), cb))],
            );
        },
    );
}
