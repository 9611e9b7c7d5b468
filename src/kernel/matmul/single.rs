//! The product where a register is one float: nothing is copied, memory being scarcer than time on a microcontroller.
//!
//! A tile of C is 4 x 4 sums, which with what a step loads fit the 32 registers of a Cortex-M4's FPU: 8 loads for 16
//! multiply-adds. A row times stored rows is 1 x 8. What is left at the edges is covered by a tile that reaches back over
//! elements that are done, which gives them the same bits again, or element by element.

use super::sums::Start;
use core::array::from_fn;
use crate::simd::{Across, Along, Lines, Product, Rows, Simd, unrolled};

/// A product whose operands are checked.
struct Job<'a> {
    product: Product<'a>,
    start: Start<'a>,
    alpha: f32,
}

/// *Writes* the product to `c`.
#[inline(always)]
pub(super) fn multiply<S: Simd>(s: S, product: super::Product, c: Rows) {
    let [m, _] = c.shape();
    let super::Product { a, b: (b, alpha), depth, start } = product;
    let [step, apart] = b.strides();
    let Some(product) = Product::new((a.data, a.strides()), (b.data, [apart, step]), depth, c) else { return };
    let job = &mut Job { product, start, alpha };
    match (a.transposed, b.transposed) {
        _ if alpha != 1.0 => elements(s, job, [0, 0]),
        (false, true) if m == 1 => row(s, job),
        (false, true) => tiles::<S, Along<4>, Along<4>, 4, 4>(s, job),
        (false, false) => tiles::<S, Along<4>, Across<4>, 4, 4>(s, job),
        (true, false) => tiles::<S, Across<4>, Across<4>, 4, 4>(s, job),
        (true, true) => elements(s, job, [0, 0]),
    }
}

/// A row times stored rows, eight of them side by side.
#[cfg_attr(not(target_os = "none"), inline(never))]
fn row<S: Simd>(s: S, job: &mut Job) {
    let mut column = 0;
    while let Some((steps, c)) = job.product.row::<8>(column) {
        let start = match job.start {
            Start::Zero => &[],
            Start::Row(bias) => bias.get(column..).unwrap_or_default(),
            Start::Out => &*c,
        };
        let mut sums = [from_fn(|v| start.get(v).copied().unwrap_or_default())];
        steps.begin(&mut sums).for_each(
            #[inline(always)]
            |[a], b| {
                unrolled::<8>(
                    #[inline(always)]
                    |v| sums[0][v] = s.mul_add_one(a, b[v], sums[0][v]),
                );
            },
        );
        for (to, sum) in c.iter_mut().zip(&sums[0]) {
            *to = *sum;
        }
        column += 8;
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
