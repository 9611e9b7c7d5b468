//! The product where a register is one float: nothing is copied, memory being scarcer than time on a microcontroller.
//!
//! A tile of C is 4 x 4 sums, which with what a step loads fit the 32 registers of a Cortex-M4's FPU: 8 loads for 16
//! multiply-adds. A row times stored rows goes eight of them at a time. What is left at the edges is covered by a tile that reaches back over
//! elements that are done, which gives them the same bits again, or element by element.

use super::sums::Start;
use crate::simd::{self, Across, Along, Lines, Operands, Rows, Simd, one_by_eight, unrolled};

/// A product whose operands are checked.
struct Job<'a> {
    operands: Operands<'a>,
    start: Start<'a>,
    alpha: f32,
}

/// The length of a tile's sides.
const SIDE: usize = 4;
/// Adds the products of the tile at a place of C to its sums.
type Tile<S> = fn(S, &Job, [usize; 2], &mut [[f32; SIDE]; SIDE]);

/// *Writes* the product to `c`.
#[inline(always)]
pub(super) fn multiply<S: Simd>(s: S, product: super::Product, mut c: Rows) {
    let super::Product { a, b: (b, alpha), depth, start } = product;
    if c.shape()[0] == 1 && !a.transposed && b.transposed && alpha == 1.0 {
        return row(s, a.data.get(..depth).unwrap_or_default(), b.data, b.stride, start, c.row(0));
    }
    let tile: Option<Tile<S>> = match (a.transposed, b.transposed) {
        _ if alpha != 1.0 => None,
        (false, true) => Some(add::<S, Along<SIDE>, Along<SIDE>, SIDE, SIDE>),
        (false, false) => Some(add::<S, Along<SIDE>, Across<SIDE>, SIDE, SIDE>),
        (true, false) => Some(add::<S, Across<SIDE>, Across<SIDE>, SIDE, SIDE>),
        (true, true) => None,
    };
    tiles(s, &product, c, tile);
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
        if let left @ [_, ..] = a.get(done..).unwrap_or_default() {
            let mut rows = rest;
            for to in &mut *sums {
                let mut sum = *to;
                for (x, y) in left.iter().zip(rows.get(done..).unwrap_or_default()) {
                    sum = s.mul_add_one(*x, *y, sum);
                }
                *to = sum;
                rows = rows.get(apart..).unwrap_or_default();
            }
        }
        rest = rest.get(sums.len() * apart..).unwrap_or_default();
    }
}

/// How many of `len` rows or columns tiles cover, where the last one may reach back.
#[inline(always)]
fn covered(len: usize, may_reach_back: bool) -> usize {
    let rest = len % SIDE;
    if may_reach_back && len >= SIDE && 2 * rest >= SIDE { len } else { len - rest }
}

/// Tiles, and the elements that they leave. One function for all kinds of tiles.
#[inline(never)]
fn tiles<S: Simd>(s: S, product: &super::Product, mut c: Rows, tile: Option<Tile<S>>) {
    let super::Product { a, b: (b, alpha), depth, start } = *product;
    let ([m, n], [step, apart]) = (c.shape(), b.strides());
    let operands = Operands::new((a.data, a.strides()), (b.data, [apart, step]), depth, [m, n]);
    let Some(operands) = operands else { return };
    let job = &Job { operands, start, alpha };
    // What is accumulated must not be accumulated twice.
    let may_reach_back = !matches!(start, Start::Out);
    let (mut rows, mut columns) = (0, 0);
    if let Some(tile) = tile {
        (rows, columns) = (covered(m, may_reach_back), covered(n, may_reach_back));
        let mut row = 0;
        while row < rows {
            let i = row.min(rows - SIDE);
            let mut column = 0;
            while column < columns {
                write(s, job, &mut c, [i, column.min(columns - SIDE)], tile);
                column += SIDE;
            }
            row += SIDE;
        }
    }
    if rows < m || columns < n {
        elements(s, job, &mut c, [rows, columns]);
    }
}

/// The elements that are not both above and left of a place.
#[inline(never)]
fn elements<S: Simd>(s: S, job: &Job, c: &mut Rows, [rows, columns]: [usize; 2]) {
    let [m, n] = c.shape();
    for row in 0..m {
        for column in if row < rows { columns } else { 0 }..n {
            write(s, job, c, [row, column], add::<S, Across<1>, Across<1>, 1, 1>);
        }
    }
}

/// *Writes* the tile at a place of C, by `add`.
#[inline(always)]
fn write<S: Simd, const R: usize, const V: usize>(
    s: S,
    job: &Job,
    c: &mut Rows,
    place: [usize; 2],
    add: impl Fn(S, &Job, [usize; 2], &mut [[f32; V]; R]),
) {
    let Some(mut c) = c.tile::<R, V>(place) else { return };
    let mut sums = [[0.0; V]; R];
    begin(job.start, place[1], &c, &mut sums);
    add(s, job, place, &mut sums);
    c.store(&sums);
}

/// A function of its own, so that its loop gets all registers.
#[inline(never)]
fn add<S: Simd, A: Lines<R>, B: Lines<V>, const R: usize, const V: usize>(
    s: S,
    job: &Job,
    place: [usize; 2],
    sums: &mut [[f32; V]; R],
) {
    let alpha = job.alpha;
    let Some(steps) = job.operands.steps::<A, B, R, V>(place) else { return };
    if steps.add_to(sums) {
        return;
    }
    steps.for_each(
        #[inline(always)]
        |a, mut b| {
            if const { R * V == 1 } {
                b[0] *= alpha;
            }
            for i in 0..R {
                for v in 0..V {
                    sums[i][v] = s.mul_add_one(a[i], b[v], sums[i][v]);
                }
            }
        },
    );
}

/// What the sums of a tile start at, which hold 0.
#[inline(always)]
fn begin<const R: usize, const V: usize>(
    start: Start,
    column: usize,
    c: &simd::Tile<'_, R, V>,
    sums: &mut [[f32; V]; R],
) {
    match start {
        Start::Zero => {}
        Start::Row(bias) => {
            let Some(bias) = bias.get(column..).and_then(<[f32]>::first_chunk::<V>) else { return };
            for row in sums {
                unrolled::<V>(
                    #[inline(always)]
                    |v| row[v] = bias[v],
                );
            }
        }
        Start::Out => c.load(sums),
    }
}
