//! The register tile: `R` rows by `V` registers of C, summed over the depth in order.
//!
//! The sums stay in registers for the whole depth; every step loads `V` registers of B, broadcasts `R` elements
//! of A and does `R * V` multiply-adds. A comes in chunks of one cache line a row, so that one pointer and constant
//! offsets reach all rows; B comes as a panel whose rows are aligned, so that no load crosses a cache line.

use crate::simd::Simd;

/// Depth of a chunk of packed A: one cache line of each row.
pub(super) const CHUNK: usize = 16;

/// Where the sums begin.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// At 0: C is overwritten.
    Zero,
    /// At this row of `n`, the same for each row of C: a bias.
    Row(&'a [f32]),
    /// At what C holds: the product is accumulated.
    Out,
}

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

/// One panel of B and the block of packed A that it is multiplied with.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    /// Tile after tile, each `[chunks][R][CHUNK]`.
    pub a: &'a [[f32; CHUNK]],
    /// Chunks in the block's depth, and the one with which the panel begins.
    pub chunks: usize,
    pub first_chunk: usize,
    /// `[depth][V * LANES]`
    pub b: &'a [f32],
    /// Rows of the block.
    pub rows: usize,
    /// Columns of C under the panel.
    pub columns: usize,
    /// How far apart C's rows are.
    pub stride: usize,
    pub start: Start<'a>,
}

/// Computes the columns of `c` under one panel, from the block's first row on. *Writes* them.
#[inline(always)]
pub(super) fn panel<S: Simd>(s: S, job: Job, c: &mut [f32]) {
    match job.columns.div_ceil(S::LANES) {
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
            for height in Tiles::of::<S>(job.rows).iter() {
                let a = job.a.get(row * job.chunks + job.first_chunk * height..).unwrap_or_default();
                let c = c.get_mut(row * job.stride..).unwrap_or_default();
                macro_rules! pick {
                    ($($rows:literal)*) => {
                        match height {
                            $($rows if $rows <= S::TILE_ROWS => tile::<S, $rows, V>(s, a, job, c),)*
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
fn tile<S: Simd, const R: usize, const V: usize>(s: S, a: &[[f32; CHUNK]], job: Job, c: &mut [f32]) {
    let (a, _) = a.as_chunks::<R>();
    let (b, _) = S::chunks(job.b).0.as_chunks::<V>();
    // Passed by reference: an array that is moved goes through memory.
    let mut sums = [[s.splat(0.0); V]; R];
    begin(s, job, c, &mut sums);
    sum(s, a, b, &mut sums);
    end(s, job, c, &sums);
}

/// `R` rows of `V` registers.
type Sums<S, const R: usize, const V: usize> = [[<S as Simd>::F32; V]; R];

#[inline(always)]
fn begin<S: Simd, const R: usize, const V: usize>(s: S, job: Job, c: &[f32], sums: &mut Sums<S, R, V>) {
    match job.start {
        Start::Zero => {}
        Start::Row(bias) => {
            let bias = load_row(s, bias.get(..job.columns).unwrap_or_default());
            for sum in sums {
                *sum = bias;
            }
        }
        Start::Out => {
            for (i, sum) in sums.iter_mut().enumerate() {
                let row = c.get(i * job.stride..).unwrap_or_default();
                *sum = load_row(s, row.get(..job.columns).unwrap_or_default());
            }
        }
    }
}

/// `sums[i][v] += a[i][p] * b[p][v]` for each p in order.
#[inline(always)]
fn sum<S: Simd, const R: usize, const V: usize>(
    s: S,
    a: &[[[f32; CHUNK]; R]],
    b: &[[S::Array; V]],
    sums: &mut Sums<S, R, V>,
) {
    // A copy, so that the loop's sums are registers and not what a reference points to.
    let mut acc = *sums;
    for (a, b) in a.iter().zip(b.chunks(CHUNK)) {
        for (p, b) in b.iter().enumerate() {
            for i in 0..R {
                let x = s.splat(a[i][p % CHUNK]);
                for v in 0..V {
                    acc[i][v] = s.mul_add(x, s.load(&b[v]), acc[i][v]);
                }
            }
        }
    }
    *sums = acc;
}

#[inline(always)]
fn end<S: Simd, const R: usize, const V: usize>(s: S, job: Job, c: &mut [f32], sums: &Sums<S, R, V>) {
    if job.columns == V * S::LANES {
        for i in 0..R {
            let row = c.get_mut(i * job.stride..).unwrap_or_default();
            if let Some(row) = S::chunks_mut(row).0.first_chunk_mut::<V>() {
                for v in 0..V {
                    s.store(sums[i][v], &mut row[v]);
                }
            }
        }
    } else {
        for (i, sum) in sums.iter().enumerate() {
            let row = c.get_mut(i * job.stride..).unwrap_or_default();
            store_row(s, row.get_mut(..job.columns).unwrap_or_default(), sum);
        }
    }
}

/// `V` registers from a row that may end before they do; 0 beyond.
#[inline(always)]
pub(super) fn load_row<S: Simd, const V: usize>(s: S, row: &[f32]) -> [S::F32; V] {
    let (whole, rest) = S::chunks(row);
    if let Some(whole) = whole.first_chunk::<V>() {
        return core::array::from_fn(
            #[inline(always)]
            |v| s.load(&whole[v]),
        );
    }
    core::array::from_fn(
        #[inline(always)]
        |v| match whole.get(v) {
            Some(x) => s.load(x),
            None if v == whole.len() => s.load_partial(rest),
            None => s.splat(0.0),
        },
    )
}

/// `V` registers into a row that may end before they do.
#[inline(always)]
fn store_row<S: Simd, const V: usize>(s: S, row: &mut [f32], values: &[S::F32; V]) {
    let (whole, rest) = S::chunks_mut(row);
    let full = whole.len();
    for (to, value) in whole.iter_mut().zip(values) {
        s.store(*value, to);
    }
    if let Some(value) = values.get(full) {
        s.store_partial(*value, rest);
    }
}
