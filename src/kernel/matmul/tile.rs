//! The register tile: `R` rows by `V` registers of C, summed over the depth in order.
//!
//! The sums stay in registers for the whole depth; every step loads `V` registers of B, broadcasts `R` elements
//! of A and does `R * V` multiply-adds. A is read where it is, row by row or column by column; B comes as a panel whose
//! rows are aligned, so that no load crosses a cache line.

use super::Operand;
use super::pack::Range;
use super::sums::{Place, Sums};
use crate::simd::{Column, RowOffsets, Rows, Simd, Steps};

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
    pub rows: Range,
    /// Where in A's depth the panel begins.
    pub depth: usize,
    /// Registers of B, those of the next step of the depth `b_step` floats after them.
    pub b: &'a [f32],
    pub b_step: usize,
    pub steps: usize,
    pub place: Place<'a>,
}

/// Computes the columns of `c` under one panel, from the job's first row on. *Writes* them.
#[inline(always)]
pub(super) fn panel<S: Simd>(s: S, job: Job, c: &mut [f32]) {
    match job.place.columns.div_ceil(S::LANES) {
        1 => fixed_panel::<S, 1>(s, job, c),
        2 if const { S::TILE_REGISTERS >= 2 } => fixed_panel::<S, 2>(s, job, c),
        3 if const { S::TILE_REGISTERS >= 3 } => fixed_panel::<S, 3>(s, job, c),
        _ => {}
    }
}

#[inline(never)]
fn fixed_panel<S: Simd, const V: usize>(s: S, job: Job, c: &mut [f32]) {
    let (mut row, mut c) = (job.rows.start, c);
    let [apart, a_step] = job.a.strides();
    let Some(rows) = RowOffsets::new(apart) else { return };
    for (height, count) in heights::<S>(job.rows.len) {
        for _ in 0..count {
            let a = job.a.data.get(job.depth * a_step + row * apart..).unwrap_or_default();
            let a = ((a, rows), a_step);
            // `const`: a tile that this level does not have is not even compiled.
            macro_rules! pick {
                ($($rows:literal)*) => {
                    match height {
                        $($rows if const { $rows <= S::TILE_ROWS } => tile::<S, $rows, V>(s, &job, a, c),)*
                        _ => {}
                    }
                };
            }
            pick!(1 2 3 4 5 6 7 8 9);
            row += height;
            c = c.get_mut(height * job.place.stride..).unwrap_or_default();
        }
    }
}

/// One tile: `a` begins with its first row, `c` with its corner.
///
/// A function of its own: every product of the crate shares these kernels, their loops get all registers, and LLVM's
/// work on tiles of several heights in one function would grow faster than their number.
#[inline(never)]
fn tile<S: Simd, const R: usize, const V: usize>(s: S, job: &Job, a: ((&[f32], RowOffsets), usize), c: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let Some(mut c) = Rows::new(c, R, job.place.stride, job.place.columns) else { return };
            let mut sums = [[s.splat(0.0); V]; R];
            job.place.begin(s, &mut c, &mut sums);
            let (rows, a_step) = a;
            if let Some(steps) = Steps::<S, R, V>::new(rows, a_step, (job.b, job.b_step), job.steps) {
                // A copy, so that the loop's sums are registers and not what a reference points to.
                let mut acc = sums;
                for (a, b) in steps {
                    step(s, &a, b, &mut acc);
                }
                sums = acc;
            }
            job.place.end(s, &mut c, &sums);
        },
    );
}

/// `sums[i][v] += a[i] * b[v]`
#[inline(always)]
fn step<S: Simd, const R: usize, const V: usize>(s: S, a: &Column<R>, b: &[S::Array; V], sums: &mut Sums<S, R, V>) {
    for i in 0..R {
        let x = s.splat(a.get(i));
        for v in 0..V {
            sums[i][v] = s.mul_add(x, s.load(&b[v]), sums[i][v]);
        }
    }
}
