//! The product where a register is one float: nothing is copied, memory being scarcer than time on a microcontroller.
//!
//! A tile of C is 4 x 4 sums, which with what a step loads fit the 32 registers of a Cortex-M4's FPU: 8 loads for 16
//! multiply-adds. A row times stored rows is 1 x 8. What is left at the edges is covered by a tile that reaches back over
//! elements that are done, which gives them the same bits again, or element by element.

use super::sums::Start;
use super::{Operand, Product};
use crate::simd::{Across, Along, Lines, Pairs, Rows, Simd, unrolled};

/// *Writes* the product to `c`.
#[inline(always)]
pub(super) fn multiply<S: Simd>(s: S, product: Product, c: &mut Rows) {
    let [m, _] = c.shape();
    let (a, (b, alpha)) = (product.a, product.b);
    match (a.transposed, b.transposed) {
        _ if alpha != 1.0 => elements(s, &product, c, [0, 0]),
        (false, true) if m == 1 => tiles::<S, Along<1>, Along<8>, 1, 8>(s, &product, c),
        (false, true) => tiles::<S, Along<4>, Along<4>, 4, 4>(s, &product, c),
        (false, false) => tiles::<S, Along<4>, Across<4>, 4, 4>(s, &product, c),
        (true, false) => tiles::<S, Across<4>, Across<4>, 4, 4>(s, &product, c),
        (true, true) => elements(s, &product, c, [0, 0]),
    }
}

/// How many of `len` rows or columns tiles of `size` cover, and whether the last one reaches back.
#[inline(always)]
fn covered(len: usize, size: usize, may_repeat: bool) -> usize {
    let rest = len % size;
    if may_repeat && len >= size && 2 * rest >= size { len } else { len - rest }
}

/// Tiles of `R x V`, and what they leave.
#[cfg_attr(not(target_os = "none"), inline(never))]
fn tiles<S: Simd, A: Lines<R>, B: Lines<V>, const R: usize, const V: usize>(s: S, product: &Product, c: &mut Rows) {
    let [m, n] = c.shape();
    // What is accumulated must not be accumulated twice.
    let may_repeat = !matches!(product.start, Start::Out);
    let (rows, columns) = (covered(m, R, may_repeat), covered(n, V, may_repeat));
    let mut row = 0;
    while row < rows {
        let i = row.min(rows - R);
        let mut column = 0;
        while column < columns {
            tile::<S, A, B, R, V>(s, product, c, [i, column.min(columns - V)]);
            column += V;
        }
        row += R;
    }
    if rows < m || columns < n {
        elements(s, product, c, [rows, columns]);
    }
}

/// The elements that are not both above and left of a place.
#[cfg_attr(not(target_os = "none"), inline(never))]
fn elements<S: Simd>(s: S, product: &Product, c: &mut Rows, [rows, columns]: [usize; 2]) {
    let [m, n] = c.shape();
    for row in 0..m {
        for column in if row < rows { columns } else { 0 }..n {
            tile::<S, Across<1>, Across<1>, 1, 1>(s, product, c, [row, column]);
        }
    }
}

/// The tile at a place of C.
#[inline(always)]
fn tile<S: Simd, A: Lines<R>, B: Lines<V>, const R: usize, const V: usize>(
    s: S,
    product: &Product,
    c: &mut Rows,
    [row, column]: [usize; 2],
) {
    let (a, (b, alpha)) = (product.a.skip(row, 0), product.b);
    let (b, [b_step, b_apart]) = (b.skip(0, column), b.strides());
    let Some(mut c) = c.tile::<R, V>([row, column]) else { return };
    let mut sums = [[s.splat(0.0); V]; R];
    match product.start {
        Start::Zero => {}
        Start::Row(bias) => {
            let Some(bias) = bias.get(column..).and_then(<[f32]>::first_chunk::<V>) else { return };
            each::<R, V>(|i, v| sums[i][v] = s.splat(bias[v]));
        }
        Start::Out => each::<R, V>(|i, v| sums[i][v] = s.splat(c[i][v])),
    }
    let steps = Pairs::<A, B, R, V>::new((a.data, a.strides()), (b.data, [b_apart, b_step]), product.depth);
    let Some(steps) = steps else { return };
    for (a, b) in steps {
        let mut b = b;
        if const { R * V == 1 } {
            b[0] *= alpha;
        }
        each::<R, V>(|i, v| sums[i][v] = s.mul_add(s.splat(a[i]), s.splat(b[v]), sums[i][v]));
    }
    each::<R, V>(|i, v| s.store_partial(sums[i][v], &mut c[i][v..=v]));
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
