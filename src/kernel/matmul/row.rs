//! A row times a transposed B, a matrix-vector product: what a net does with one input.
//!
//! An element is a chain over B's row, and the lanes of a register are the elements of a stretch of C. So square blocks of B
//! are transposed in registers, and used there: each is needed once, a copy would cost as much as the product.
//!
//! What bounds it: 64 shuffles for 16 by 16 floats, one a cycle on most CPUs, so 4 floats of B a cycle. Loads of quarter rows
//! that do half of the shuffles' work were slower (13 instead of 19 GFLOP/s at 1x128x784).

use super::Operand;
use super::pack::Range;
use super::sums::{Start, load_row, store_row};
use crate::simd::Simd;

/// C = alpha A B from `start`, for one row of `a` and as many floats of `c` as `b` has stored rows. *Writes* `c`.
#[inline(never)]
pub(super) fn row_times<S: Simd>(s: S, a: &[f32], b: (Operand, f32), start: Start, c: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let mut column = 0;
            // Two registers of C: one would wait for its own multiply-adds.
            for c in c.chunks_mut(2 * S::LANES) {
                let columns = Range { start: column, len: c.len() };
                let mut sums = match start {
                    Start::Zero => [s.splat(0.0); 2],
                    Start::Row(bias) => load_row(s, bias.get(column..).unwrap_or_default()),
                    Start::Out => load_row(s, c),
                };
                stretch(s, a, b, columns, &mut sums);
                store_row(s, c, &sums);
                column += c.len();
            }
        },
    );
}

/// The whole depth for two registers of C.
#[inline(always)]
fn stretch<S: Simd>(s: S, a: &[f32], b: (Operand, f32), columns: Range, sums: &mut [S::F32; 2]) {
    let mut depth = 0;
    if columns.len == 2 * S::LANES {
        let mut acc = *sums;
        for x in a.chunks_exact(S::LANES) {
            for v in 0..2 {
                let start = (columns.start + v * S::LANES) * b.0.stride + depth;
                let data = b.0.data.get(start..).unwrap_or_default();
                let Some(mut block) = s.load_block(data, b.0.stride) else { return };
                s.transpose(&mut block);
                for i in 0..S::LANES {
                    acc[v] = s.mul_add(s.splat(x[i]), scaled(s, block.as_ref()[i], b.1), acc[v]);
                }
            }
            depth += S::LANES;
        }
        *sums = acc;
    }
    for x in a.get(depth..).unwrap_or_default().chunks(S::LANES) {
        let depths = Range { start: depth, len: x.len() };
        for v in 0..2 {
            part(s, x, b, columns.part(v * S::LANES, S::LANES), depths, &mut sums[v]);
        }
        depth += S::LANES;
    }
}

#[inline(always)]
fn scaled<S: Simd>(s: S, b: S::F32, alpha: f32) -> S::F32 {
    if alpha == 1.0 { b } else { s.mul(b, s.splat(alpha)) }
}

/// A block with fewer rows or columns than lanes, out of line: an array that is indexed by a variable is memory.
#[inline(never)]
fn part<S: Simd>(s: S, x: &[f32], (b, alpha): (Operand, f32), rows: Range, columns: Range, sum: &mut S::F32) {
    s.vectorize(
        #[inline(always)]
        move || {
            let mut block = s.square(
                #[inline(always)]
                |i| s.load_partial(if i < rows.len { b.stored(rows.start + i, columns) } else { &[] }),
            );
            s.transpose(&mut block);
            for (x, b) in x.iter().zip(block.as_ref()) {
                *sum = s.mul_add(s.splat(*x), scaled(s, *b, alpha), *sum);
            }
        },
    );
}
