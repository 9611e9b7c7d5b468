//! The product where a register is one float: nothing is copied, memory being scarcer than time on a microcontroller.
//!
//! A tile of C is 4 x 4 sums, which with what a step loads fit the 32 registers of a Cortex-M4's FPU: 8 loads for 16
//! multiply-adds. A row times stored rows goes eight of them at a time. What is left at the edges is covered by a tile that reaches back over
//! elements that are done, which gives them the same bits again, or element by element.

use super::sums::Start;
use crate::simd::{Across, Along, Lines, Product, Rows, Simd, one_by_eight, unrolled};

/// A product whose operands are checked.
struct Job<'a> {
    product: Product<'a>,
    start: Start<'a>,
    alpha: f32,
}

/// *Writes* the product to `c`.
#[inline(always)]
pub(super) fn multiply<S: Simd>(s: S, product: super::Product, mut c: Rows) {
    let super::Product { a, b: (b, alpha), depth, start } = product;
    if c.shape()[0] == 1 && !a.transposed && b.transposed && alpha == 1.0 {
        return row(s, a.data.get(..depth).unwrap_or_default(), b.data, b.stride, start, c.row(0));
    }
    let [step, apart] = b.strides();
    let Some(product) = Product::new((a.data, a.strides()), (b.data, [apart, step]), depth, c) else { return };
    let job = &mut Job { product, start, alpha };
    match (a.transposed, b.transposed) {
        _ if alpha != 1.0 => elements(s, job, [0, 0]),
        (false, true) => tiles::<S, Along<4>, Along<4>, 4, 4>(s, job),
        (false, false) => tiles::<S, Along<4>, Across<4>, 4, 4>(s, job),
        (true, false) => tiles::<S, Across<4>, Across<4>, 4, 4>(s, job),
        (true, true) => elements(s, job, [0, 0]),
    }
}

/// A row times stored rows, `apart` from each other, eight of them side by side where there are instructions for that.
#[cfg_attr(not(target_os = "none"), inline(never))]
fn row<S: Simd>(s: S, a: &[f32], b: &[f32], apart: usize, start: Start, c: &mut [f32]) {
    match start {
        Start::Zero => c.fill(0.0),
        Start::Row(bias) => {
            for (to, x) in c.iter_mut().zip(bias) {
                *to = *x;
            }
        }
        Start::Out => {}
    }
    let mut rest = b;
    for sums in c.chunks_mut(8) {
        let done = one_by_eight(a, rest, apart, sums);
        let a = a.get(done..).unwrap_or_default();
        for sum in sums {
            for (x, y) in a.iter().zip(rest.get(done..).unwrap_or_default()) {
                *sum = s.mul_add_one(*x, *y, *sum);
            }
            rest = rest.get(apart..).unwrap_or_default();
        }
    }
}

/// How many of `len` rows or columns tiles of `size` cover, where the last one may reach back.
#[inline(always)]
fn covered(len: usize, size: usize, may_reach_back: bool) -> usize {
    let rest = len % size;
    if may_reach_back && len >= size && 2 * rest >= size { len } else { len - rest }
}

/// Tiles of `R x V`, and what they leave.
#[inline(always)]
fn tiles<S: Simd, A: Lines<R>, B: Lines<V>, const R: usize, const V: usize>(s: S, job: &mut Job) {
    let [m, n] = job.product.shape();
    // What is accumulated must not be accumulated twice.
    let may_reach_back = !matches!(job.start, Start::Out);
    let (rows, columns) = (covered(m, R, may_reach_back), covered(n, V, may_reach_back));
    let mut row = 0;
    while row < rows {
        let i = row.min(rows - R);
        let mut column = 0;
        while column < columns {
            tile::<S, A, B, R, V>(s, job, [i, column.min(columns - V)]);
            column += V;
        }
        row += R;
    }
    if rows < m || columns < n {
        elements(s, job, [rows, columns]);
    }
}

/// The elements that are not both above and left of a place.
#[inline(never)]
fn elements<S: Simd>(s: S, job: &mut Job, [rows, columns]: [usize; 2]) {
    let [m, n] = job.product.shape();
    for row in 0..m {
        for column in if row < rows { columns } else { 0 }..n {
            tile::<S, Across<1>, Across<1>, 1, 1>(s, job, [row, column]);
        }
    }
}

/// The tile at a place of C. A function of its own, so that its loop gets all registers.
#[inline(never)]
fn tile<S: Simd, A: Lines<R>, B: Lines<V>, const R: usize, const V: usize>(
    s: S,
    job: &mut Job,
    [row, column]: [usize; 2],
) {
    let alpha = job.alpha;
    let Some((steps, mut c)) = job.product.tile::<A, B, R, V>([row, column]) else { return };
    // A constant: an array of arrays that is made here is made by a loop.
    let mut sums = const { [[0.0; V]; R] };
    match job.start {
        Start::Zero => {}
        Start::Row(bias) => {
            let Some(bias) = bias.get(column..).and_then(<[f32]>::first_chunk::<V>) else { return };
            each::<R, V>(
                #[inline(always)]
                |i, v| sums[i][v] = bias[v],
            );
        }
        Start::Out => each::<R, V>(
            #[inline(always)]
            |i, v| sums[i][v] = c.get([i, v]),
        ),
    }
    let steps = if const { R * V == 1 } { steps } else { steps.begin(&mut sums) };
    steps.for_each(
        #[inline(always)]
        |a, mut b| {
            if const { R * V == 1 } {
                b[0] *= alpha;
            }
            each::<R, V>(
                #[inline(always)]
                |i, v| sums[i][v] = s.mul_add_one(a[i], b[v], sums[i][v]),
            );
        },
    );
    each::<R, V>(
        #[inline(always)]
        |i, v| c.set([i, v], sums[i][v]),
    );
}

/// `f(i, v)` for each of `R x V`, written out.
#[inline(always)]
fn each<const R: usize, const V: usize>(mut f: impl FnMut(usize, usize)) {
    unrolled::<R>(
        #[inline(always)]
        |i| {
            unrolled::<V>(
                #[inline(always)]
                |v| f(i, v),
            );
        },
    );
}
