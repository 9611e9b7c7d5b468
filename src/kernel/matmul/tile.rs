//! The register tile: `R` rows by `V` registers of C, summed over the depth in order.
//!
//! The sums stay in registers for the whole depth; every step loads `V` registers of B, broadcasts `R` elements
//! of A and does `R * V` multiply-adds. A comes in chunks of one cache line a row, so that one pointer and constant
//! offsets reach all rows, or, in products too small to be worth it, from where it is; B comes as a panel whose rows
//! are aligned, so that no load crosses a cache line.

use super::Operand;
use super::pack::Range;
use super::sums::{Place, Sums};
use crate::simd::Simd;

/// Depth of a chunk of packed A: one cache line of each row.
pub(super) const CHUNK: usize = 16;

/// How the rows of a block fall into tiles, as evenly as can be: the first `extra` have one row more than `rows`.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    count: usize,
    rows: usize,
    extra: usize,
}

impl Tiles {
    #[inline(always)]
    pub(super) fn of<S: Simd>(rows: usize) -> Self {
        if rows <= S::TILE_ROWS {
            return Self { count: 1, rows, extra: 0 };
        }
        let count = rows.div_ceil(S::TILE_ROWS);
        Self { count, rows: rows / count, extra: rows % count }
    }
    /// The heights.
    #[inline(always)]
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(
            #[inline(always)]
            move |i| self.rows + usize::from(i < self.extra),
        )
    }
}

/// A, as a tile reads it.
#[derive(Clone, Copy)]
pub(super) enum Left<'a> {
    /// Tile after tile, each `[chunks][R][CHUNK]`; the panel begins with chunk `first_chunk`.
    Packed { block: &'a [[f32; CHUNK]], chunks: usize, first_chunk: usize },
    /// Where it is.
    InPlace { a: Operand<'a>, first_row: usize, first_depth: usize },
}

impl Left<'_> {
    /// The same rows from `depth` on, a multiple of `CHUNK`.
    #[inline(always)]
    pub(super) fn from(self, depth: usize) -> Self {
        match self {
            Left::Packed { block, chunks, .. } => Left::Packed { block, chunks, first_chunk: depth / CHUNK },
            Left::InPlace { a, first_row, first_depth } => {
                Left::InPlace { a, first_row, first_depth: first_depth + depth }
            }
        }
    }
}

/// One panel of B and the rows of A that it is multiplied with.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub a: Left<'a>,
    /// `[depth][V * LANES]`
    pub b: &'a [f32],
    /// Rows of the block.
    pub rows: usize,
    pub place: Place<'a>,
}

/// Computes the columns of `c` under one panel, from the block's first row on. *Writes* them.
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
        move || match job.a {
            Left::Packed { block, chunks, first_chunk } => {
                let mut row = 0;
                for height in Tiles::of::<S>(job.rows).iter() {
                    let a = block.get(row * chunks + first_chunk * height..).unwrap_or_default();
                    packed_tile::<S, V>(s, height, a, job, c.get_mut(row * job.place.stride..).unwrap_or_default());
                    row += height;
                }
            }
            Left::InPlace { a, first_row, first_depth } => {
                let mut row = 0;
                while row < job.rows {
                    let (from, depth) = (first_row + row, first_depth);
                    let c = c.get_mut(row * job.place.stride..).unwrap_or_default();
                    row += match job.rows - row {
                        8.. if S::TILE_ROWS >= 8 => in_place::<S, 8, V>(s, a, from, depth, job, c),
                        4.. => in_place::<S, 4, V>(s, a, from, depth, job, c),
                        _ => in_place::<S, 1, V>(s, a, from, depth, job, c),
                    };
                }
            }
        },
    );
}

#[inline(always)]
fn packed_tile<S: Simd, const V: usize>(s: S, height: usize, a: &[[f32; CHUNK]], job: Job, c: &mut [f32]) {
    macro_rules! pick {
        ($($rows:literal)*) => {
            match height {
                $($rows if $rows <= S::TILE_ROWS => packed::<S, $rows, V>(s, a, job, c),)*
                _ => {}
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8 9);
}

#[inline(always)]
fn packed<S: Simd, const R: usize, const V: usize>(s: S, a: &[[f32; CHUNK]], job: Job, c: &mut [f32]) {
    let (a, _) = a.as_chunks::<R>();
    let (b, _) = S::chunks(job.b).0.as_chunks::<V>();
    let mut sums = [[s.splat(0.0); V]; R];
    job.place.begin(s, c, &mut sums);
    // A copy, so that the loop's sums are registers and not what a reference points to.
    let mut acc = sums;
    for (a, b) in a.iter().zip(b.chunks(CHUNK)) {
        for (p, b) in b.iter().enumerate() {
            step(
                s,
                #[inline(always)]
                |i| a[i][p % CHUNK],
                b,
                &mut acc,
            );
        }
    }
    sums = acc;
    job.place.end(s, c, &sums);
}

/// `R` rows of A from row `row` and depth `depth` on, where they are. Returns `R`.
#[inline(always)]
fn in_place<S: Simd, const R: usize, const V: usize>(
    s: S,
    a: Operand,
    row: usize,
    depth: usize,
    job: Job,
    c: &mut [f32],
) -> usize {
    let (b, _) = S::chunks(job.b).0.as_chunks::<V>();
    let mut sums = [[s.splat(0.0); V]; R];
    job.place.begin(s, c, &mut sums);
    let mut acc = sums;
    if a.transposed {
        let mut rest = a.data.get(depth * a.stride + row..).unwrap_or_default();
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
            rest = rest.get(a.stride..).unwrap_or_default();
        }
    } else {
        let rows: [&[f32]; R] = core::array::from_fn(
            #[inline(always)]
            |i| a.stored(row + i, Range { start: depth, len: b.len() }),
        );
        // Rows are checked once for a chunk of the depth, and what is left float by float.
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
    sums = acc;
    job.place.end(s, c, &sums);
    R
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
