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

/// How rows fall into tiles, as evenly as can be: the first `extra` have one row more than `rows`.
#[derive(Clone, Copy)]
struct Tiles {
    count: usize,
    rows: usize,
    extra: usize,
}

impl Tiles {
    #[inline(always)]
    fn of<S: Simd>(rows: usize) -> Self {
        if rows <= S::TILE_ROWS {
            return Self { count: 1, rows, extra: 0 };
        }
        let count = rows.div_ceil(S::TILE_ROWS);
        Self { count, rows: rows / count, extra: rows % count }
    }
    /// The heights.
    #[inline(always)]
    fn iter(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(
            #[inline(always)]
            move |i| self.rows + usize::from(i < self.extra),
        )
    }
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
        2 if S::TILE_REGISTERS >= 2 => fixed_panel::<S, 2>(s, job, c),
        3 if S::TILE_REGISTERS >= 3 => fixed_panel::<S, 3>(s, job, c),
        _ => {}
    }
}

/// Out of line: every product of the crate shares these kernels, and their loops get all registers.
#[inline(never)]
fn fixed_panel<S: Simd, const V: usize>(s: S, job: Job, c: &mut [f32]) {
    s.vectorize(
        #[inline(always)]
        move || {
            let mut row = 0;
            for height in Tiles::of::<S>(job.rows.len).iter() {
                let (c, row_of_a) = (c.get_mut(row * job.place.stride..).unwrap_or_default(), job.rows.start + row);
                macro_rules! pick {
                    ($($rows:literal)*) => {
                        match height {
                            $($rows if $rows <= S::TILE_ROWS => tile::<S, $rows, V>(s, job, row_of_a, c),)*
                            _ => {}
                        }
                    };
                }
                pick!(1 2 3 4 5 6 7 8 9);
                row += height;
            }
        },
    );
}

#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(s: S, job: Job, row: usize, c: &mut [f32]) {
    let (b, _) = S::chunks(job.b).0.as_chunks::<V>();
    let mut sums = [[s.splat(0.0); V]; R];
    job.place.begin(s, c, &mut sums);
    if job.a.transposed {
        columns_times(s, job, row, b, &mut sums);
    } else {
        rows_times(s, job, row, b, &mut sums);
    }
    job.place.end(s, c, &sums);
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
            step(
                s,
                #[inline(always)]
                |i| a[i],
                b,
                &mut acc,
            );
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
    let rows: [&[f32]; R] = core::array::from_fn(
        #[inline(always)]
        |i| job.a.data.get((row + i) * job.a.stride + job.depth..).unwrap_or_default(),
    );
    let (chunks, last) = b.as_chunks::<CHUNK>();
    for (chunk, b) in chunks.iter().enumerate() {
        let lines = rows.map(
            #[inline(always)]
            |row| row.as_chunks::<CHUNK>().0.get(chunk).unwrap_or(&[0.0; CHUNK]),
        );
        for p in 0..CHUNK {
            step(
                s,
                #[inline(always)]
                |i| lines[i][p],
                &b[p],
                &mut acc,
            );
        }
    }
    let lines = rows.map(
        #[inline(always)]
        |row| row.as_chunks::<CHUNK>().0.get(chunks.len()),
    );
    if lines.iter().all(Option::is_some) {
        // The rows go on beyond the depth: one check is enough here too.
        let lines = lines.map(
            #[inline(always)]
            |line| line.unwrap_or(&[0.0; CHUNK]),
        );
        for (p, b) in last.iter().enumerate() {
            step(
                s,
                #[inline(always)]
                |i| lines[i][p % CHUNK],
                b,
                &mut acc,
            );
        }
    } else {
        for (p, b) in (chunks.len() * CHUNK..).zip(last) {
            step(
                s,
                #[inline(always)]
                |i| rows[i].get(p).copied().unwrap_or_default(),
                b,
                &mut acc,
            );
        }
    }
    *sums = acc;
}

/// `sums[i][v] += a(i) * b[v]`
#[inline(always)]
fn step<S: Simd, const R: usize, const V: usize>(
    s: S,
    a: impl Fn(usize) -> f32,
    b: &[S::Array; V],
    sums: &mut Sums<S, R, V>,
) {
    for i in 0..R {
        let x = s.splat(a(i));
        for v in 0..V {
            sums[i][v] = s.mul_add(x, s.load(&b[v]), sums[i][v]);
        }
    }
}
