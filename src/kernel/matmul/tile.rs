//! The register tile: `R` rows by `V` registers of C, summed over the depth in order.
//!
//! The sums stay in registers for the whole depth; every step loads `V` registers of B, broadcasts `R` elements
//! of A and does `R * V` multiply-adds. A is read where it is, row by row or column by column; B comes as a panel whose
//! rows are aligned, so that no load crosses a cache line.

use super::Operand;
use super::sums::{Start, Sums, begin, end};
use crate::simd::{Column, Registers, RowOffsets, Rows, Simd, Steps};

/// How rows fall into tiles, as evenly as can be: heights and how many tiles have them.
#[inline(always)]
fn heights<S: Simd>(rows: usize) -> [(usize, usize); 2] {
    if rows <= S::TILE_ROWS {
        return [(rows, 1), (0, 0)];
    }
    let count = rows.div_ceil(S::TILE_ROWS);
    let (height, higher) = (rows / count, rows % count);
    [(height + 1, higher), (height, count - higher)]
}

/// One panel of B and the rows of A that it is multiplied with.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub a: Operand<'a>,
    /// Registers of B, from a step of the depth to the next and from a register to the next as far apart as `b_strides` say.
    pub b: &'a [f32],
    pub b_strides: [usize; 2],
    pub steps: usize,
    pub start: Start<'a>,
}

/// Computes `c`, the columns under one panel. *Writes* them.
#[inline(always)]
pub(super) fn panel<S: Simd>(s: S, job: Job, c: Rows) {
    match c.shape()[1].div_ceil(S::LANES) {
        1 => fixed_panel::<S, 1>(s, job, c),
        2 if const { S::TILE_REGISTERS >= 2 } => fixed_panel::<S, 2>(s, job, c),
        3 if const { S::TILE_REGISTERS >= 3 } => fixed_panel::<S, 3>(s, job, c),
        _ => {}
    }
}

#[inline(never)]
fn fixed_panel<S: Simd, const V: usize>(s: S, job: Job, mut c: Rows) {
    let [rows, columns] = c.shape();
    let [apart, _] = job.a.strides();
    let Some(offsets) = RowOffsets::new(apart) else { return };
    let mut row = 0;
    for (height, count) in heights::<S>(rows) {
        let Some(c) = c.part([row, 0], [height * count, columns]) else { return };
        let job = Job { a: job.a.skip(row, 0), ..job };
        // `const`: a tile that this level does not have is not even compiled.
        macro_rules! pick {
            ($($rows:literal)*) => {
                match height {
                    $($rows if const { $rows <= S::TILE_ROWS } => tiles::<S, $rows, V>(s, &job, offsets, c),)*
                    _ => {}
                }
            };
        }
        pick!(1 2 3 4 5 6 7 8 9);
        row += height * count;
    }
}

/// Tiles of `R` rows, one below the other.
///
/// A function of its own: every product of the crate shares these kernels, their loops get all registers, and LLVM's
/// work on tiles of several heights in one function would grow faster than their number.
#[inline(never)]
fn tiles<S: Simd, const R: usize, const V: usize>(s: S, job: &Job, offsets: RowOffsets, mut c: Rows) {
    s.vectorize(
        #[inline(always)]
        move || {
            let ([rows, columns], [apart, a_step]) = (c.shape(), job.a.strides());
            let mut row = 0;
            while row < rows {
                let Some(mut c) = c.part([row, 0], [R, columns]) else { return };
                let mut sums = [[s.splat(0.0); V]; R];
                begin(s, job.start, &mut c, &mut sums);
                let a = job.a.data.get(row * apart..).unwrap_or_default();
                if let Some(steps) = Steps::<S, R, V>::new((a, offsets), a_step, (job.b, job.b_strides), job.steps) {
                    // A copy, so that the loop's sums are registers and not what a reference points to.
                    let mut acc = sums;
                    for (a, b) in steps {
                        step(s, &a, &b, &mut acc);
                    }
                    sums = acc;
                }
                end(s, &mut c, &sums);
                row += R;
            }
        },
    );
}

/// `sums[i][v] += a[i] * b[v]`
#[inline(always)]
fn step<S: Simd, const R: usize, const V: usize>(s: S, a: &Column<R>, b: &Registers<S, V>, sums: &mut Sums<S, R, V>) {
    for i in 0..R {
        let x = s.splat(a.get(i));
        for v in 0..V {
            sums[i][v] = s.mul_add(x, s.load(b.get(v)), sums[i][v]);
        }
    }
}
