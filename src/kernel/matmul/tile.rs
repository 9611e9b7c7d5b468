//! The register tile: `R` rows by `V` registers of C, summed over the depth in order.
//!
//! The sums stay in registers for the whole depth; every step loads `V` registers of B, broadcasts `R` elements
//! of A and does `R * V` multiply-adds. A comes in chunks of one cache line a row, so that one pointer and constant
//! offsets reach all rows; B comes as a panel whose rows are aligned, so that no load crosses a cache line
//! (unaligned panels run at half speed on Skylake).

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

/// The part of C under one panel of B, from the tile's first row on: rows `stride` apart, `columns` in use.
pub(super) struct Out<'a> {
    pub data: &'a mut [f32],
    pub stride: usize,
    pub columns: usize,
}

/// A tile's rows of packed A and its panel of B, both one block deep.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    /// `[depth / CHUNK][R][CHUNK]`
    pub a: &'a [[f32; CHUNK]],
    /// `[depth][V * LANES]`
    pub b: &'a [f32],
}

/// Computes one tile of `rows` rows and `registers` registers. *Writes* `c`.
///
/// Out of line: the kernels are shared by every product of the crate, and a call costs little beside a tile.
#[inline(always)]
pub(super) fn tile<S: Simd>(s: S, rows: usize, registers: usize, operands: Operands, start: Start, c: Out) {
    macro_rules! pick {
        ($($rows:literal)*; $($registers:literal)*) => { pick!(@ [$($rows)*] $($registers)*) };
        (@ $rows:tt $($registers:literal)*) => {
            match registers { $($registers => pick!(# $rows $registers),)* _ => {} }
        };
        (# [$($rows:literal)*] $registers:literal) => {
            match rows {
                $($rows => if $rows <= S::TILE_ROWS && $registers <= S::TILE_REGISTERS {
                    fixed::<S, $rows, $registers>(s, operands, start, c);
                },)*
                _ => {}
            }
        };
    }
    pick!(1 2 3 4 5 6 7 8 9; 1 2 3);
}

#[inline(never)]
fn fixed<S: Simd, const R: usize, const V: usize>(s: S, operands: Operands, start: Start, mut c: Out) {
    s.vectorize(
        #[inline(always)]
        move || {
            let (a, _) = operands.a.as_chunks::<R>();
            let (b, _) = S::chunks(operands.b).0.as_chunks::<V>();
            // Passed by reference: an array that is moved goes through memory.
            let mut sums = [[s.splat(0.0); V]; R];
            begin(s, start, &c, &mut sums);
            sum(s, a, b, &mut sums);
            end(s, &mut c, &sums);
        },
    );
}

/// `R` rows of `V` registers.
type Sums<S, const R: usize, const V: usize> = [[<S as Simd>::F32; V]; R];

#[inline(always)]
fn begin<S: Simd, const R: usize, const V: usize>(s: S, start: Start, c: &Out, sums: &mut Sums<S, R, V>) {
    match start {
        Start::Zero => {}
        Start::Row(bias) => {
            let bias = load_row(s, bias.get(..c.columns).unwrap_or_default());
            for sum in sums {
                *sum = bias;
            }
        }
        Start::Out => {
            for (sum, row) in sums.iter_mut().zip(c.data.chunks(c.stride.max(1))) {
                *sum = load_row(s, row.get(..c.columns).unwrap_or_default());
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
fn end<S: Simd, const R: usize, const V: usize>(s: S, c: &mut Out, sums: &Sums<S, R, V>) {
    let mut rows = c.data.chunks_mut(c.stride.max(1));
    for i in 0..R {
        if let Some(row) = rows.next() {
            store_row(s, row.get_mut(..c.columns).unwrap_or_default(), &sums[i]);
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
    if let Some(whole) = whole.first_chunk_mut::<V>() {
        for v in 0..V {
            s.store(values[v], &mut whole[v]);
        }
        return;
    }
    for v in 0..V {
        if v == whole.len() {
            s.store_partial(values[v], rest);
        } else if let Some(to) = whole.get_mut(v) {
            s.store(values[v], to);
        }
    }
}
