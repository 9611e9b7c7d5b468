//! The register tile: `R` rows by `V` registers of C, summed over the depth in order.
//!
//! The sums stay in registers for the whole depth; every step loads `V` registers of B, broadcasts `R` elements
//! of A and does `R * V` multiply-adds. A is read where it is, row by row or column by column; B comes as a panel whose
//! rows are aligned, so that no load crosses a cache line.

use super::Operand;
use super::pack::Range;
use super::sums::{Place, Sums};
use crate::simd::Simd;

/// Depth for which the rows of A are checked at once.
const CHUNK: usize = 16;

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
    /// `[depth][V * LANES]`
    pub b: &'a [f32],
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
    for (height, count) in heights::<S>(job.rows.len) {
        // `const`: a tile that this level does not have is not even compiled.
        macro_rules! pick {
            ($($rows:literal)*) => {
                match height {
                    $($rows if const { $rows <= S::TILE_ROWS } => tiles::<S, $rows, V>(s, job, row, count, c),)*
                    _ => {}
                }
            };
        }
        pick!(1 2 3 4 5 6 7 8 9);
        row += height * count;
        c = c.get_mut(height * count * job.place.stride..).unwrap_or_default();
    }
}

/// `count` tiles from row `first` of A and the start of `c` on.
///
/// A function of its own: every product of the crate shares these kernels, their loops get all registers, and LLVM's
/// work on tiles of several heights in one function would grow faster than their number.
#[inline(never)]
fn tiles<S: Simd, const R: usize, const V: usize>(s: S, job: Job, first: usize, count: usize, c: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let (b, _) = S::chunks(job.b).0.as_chunks::<V>();
            for (tile, c) in c.chunks_mut((R * job.place.stride).max(1)).enumerate().take(count) {
                let row = first + tile * R;
                let mut sums = [[s.splat(0.0); V]; R];
                job.place.begin(s, c, &mut sums);
                if job.a.transposed {
                    columns_times(s, job, row, b, &mut sums);
                } else {
                    rows_times(s, job, row, b, &mut sums);
                }
                job.place.end(s, c, &sums);
            }
        },
    );
}

#[inline(always)]
fn columns_times<S: Simd, const R: usize, const V: usize>(
    s: S,
    job: Job,
    row: usize,
    b: &[[S::Array; V]],
    sums: &mut Sums<S, R, V>,
) {
    // A copy, so that the loop's sums are registers and not what a reference points to.
    let mut acc = *sums;
    let mut rest = job.a.data.get(job.depth * job.a.stride + row..).unwrap_or_default();
    for b in b {
        if let Some(a) = rest.first_chunk::<R>() {
            step(s, a, b, &mut acc);
        }
        rest = rest.get(job.a.stride..).unwrap_or_default();
    }
    *sums = acc;
}

#[inline(always)]
fn rows_times<S: Simd, const R: usize, const V: usize>(
    s: S,
    job: Job,
    row: usize,
    b: &[[S::Array; V]],
    sums: &mut Sums<S, R, V>,
) {
    let mut acc = *sums;
    let mut rows: [&[f32]; R] = [&[]; R];
    for i in 0..R {
        rows[i] = job.a.data.get((row + i) * job.a.stride + job.depth..).unwrap_or_default();
    }
    let (chunks, last) = b.as_chunks::<CHUNK>();
    for (chunk, b) in chunks.iter().enumerate() {
        let lines = lines(&rows, chunk);
        for p in 0..CHUNK {
            step(s, &column(&lines, p), &b[p], &mut acc);
        }
    }
    if !last.is_empty() {
        let mut copies = [[0.0; CHUNK]; R];
        let mut lines = lines(&rows, chunks.len());
        // One check is enough here too: the rows go on beyond the depth, or what is left of them is copied.
        if rows.iter().any(|row| row.len() < (chunks.len() + 1) * CHUNK) {
            for i in 0..R {
                copy_start(s, rows[i].get(chunks.len() * CHUNK..).unwrap_or_default(), &mut copies[i]);
            }
            lines = copies.each_ref();
        }
        for (p, b) in last.iter().enumerate() {
            step(s, &column(&lines, p % CHUNK), b, &mut acc);
        }
    }
    *sums = acc;
}

/// The rows' chunks with that number; zeros where a row ends before.
#[inline(always)]
fn lines<'a, const R: usize>(rows: &[&'a [f32]; R], chunk: usize) -> [&'a [f32; CHUNK]; R] {
    let mut lines = [&[0.0; CHUNK]; R];
    for i in 0..R {
        lines[i] = rows[i].as_chunks::<CHUNK>().0.get(chunk).unwrap_or(&[0.0; CHUNK]);
    }
    lines
}

/// *Writes* the start of a row and zeros after it.
#[inline(always)]
fn copy_start<S: Simd>(s: S, row: &[f32], to: &mut [f32; CHUNK]) {
    for (i, to) in S::chunks_mut(to).0.iter_mut().enumerate() {
        s.store(s.load_partial(row.get(i * S::LANES..).unwrap_or_default()), to);
    }
}

#[inline(always)]
fn column<const R: usize>(lines: &[&[f32; CHUNK]; R], p: usize) -> [f32; R] {
    let mut a = [0.0; R];
    for i in 0..R {
        a[i] = lines[i][p];
    }
    a
}

/// `sums[i][v] += a[i] * b[v]`
#[inline(always)]
fn step<S: Simd, const R: usize, const V: usize>(s: S, a: &[f32; R], b: &[S::Array; V], sums: &mut Sums<S, R, V>) {
    for i in 0..R {
        let x = s.splat(a[i]);
        for v in 0..V {
            sums[i][v] = s.mul_add(x, s.load(&b[v]), sums[i][v]);
        }
    }
}
