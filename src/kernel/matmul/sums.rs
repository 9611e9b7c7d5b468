//! The sums of a tile: where they begin and how they are stored.
//!
//! They are passed by reference, for an array that is moved goes through memory; and a loop over rows that is too
//! large to unroll works on a copy, for an array that is indexed by a variable is memory altogether.

use crate::simd::{Lanes, Rows, Simd};

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

impl Start<'_> {
    /// For the columns from `column` on.
    #[inline(always)]
    pub(super) fn from(self, column: usize) -> Self {
        match self {
            Start::Row(bias) => Start::Row(bias.get(column..).unwrap_or_default()),
            start => start,
        }
    }
}

/// `R` rows of `V` registers.
pub(super) type Sums<S, const R: usize, const V: usize> = [[<S as Lanes>::F32; V]; R];

/// The sums of the tile `c` before the first step. *Writes* `sums`, which hold 0.
#[inline(always)]
pub(super) fn begin<S: Simd, const R: usize, const V: usize>(
    s: S,
    start: Start,
    c: &mut Rows,
    sums: &mut Sums<S, R, V>,
) {
    let [_, columns] = c.shape();
    match start {
        Start::Zero => {}
        Start::Row(bias) => {
            let bias = load_row(s, bias.get(..columns).unwrap_or_default());
            for sum in sums {
                *sum = bias;
            }
        }
        Start::Out if columns == V * S::LANES => {
            for i in 0..R {
                if let Some(row) = S::chunks(c.row(i)).0.first_chunk::<V>() {
                    for v in 0..V {
                        sums[i][v] = s.load(&row[v]);
                    }
                }
            }
        }
        Start::Out => {
            let mut held = *sums;
            load_part(s, c, &mut held);
            *sums = held;
        }
    }
}

/// *Writes* the tile `c`.
#[inline(always)]
pub(super) fn end<S: Simd, const R: usize, const V: usize>(s: S, c: &mut Rows, sums: &Sums<S, R, V>) {
    if c.shape()[1] == V * S::LANES {
        for i in 0..R {
            if let Some(row) = S::chunks_mut(c.row(i)).0.first_chunk_mut::<V>() {
                for v in 0..V {
                    s.store(sums[i][v], &mut row[v]);
                }
            }
        }
    } else {
        let held = *sums;
        store_part(s, c, &held);
    }
}

/// Out of line, and for tiles of any height: the narrow ones at C's right edge are many kinds and little work.
#[inline(never)]
fn load_part<S: Simd, const V: usize>(s: S, c: &mut Rows, sums: &mut [[S::F32; V]]) {
    s.vectorize(
        #[inline(always)]
        move || {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = load_row(s, c.row(i));
            }
        },
    );
}

/// As [`load_part`].
#[inline(never)]
fn store_part<S: Simd, const V: usize>(s: S, c: &mut Rows, sums: &[[S::F32; V]]) {
    s.vectorize(
        #[inline(always)]
        move || {
            for (i, sum) in sums.iter().enumerate() {
                store_row(s, c.row(i), sum);
            }
        },
    );
}

/// `V` registers from a row that may end before they do; 0 beyond.
#[inline(always)]
pub(super) fn load_row<S: Simd, const V: usize>(s: S, row: &[f32]) -> [S::F32; V] {
    let (whole, rest) = S::chunks(row);
    let mut values = [s.splat(0.0); V];
    if let Some(whole) = whole.first_chunk::<V>() {
        for v in 0..V {
            values[v] = s.load(&whole[v]);
        }
        return values;
    }
    for v in 0..V {
        values[v] = match whole.get(v) {
            Some(x) => s.load(x),
            None if v == whole.len() => s.load_partial(rest),
            None => s.splat(0.0),
        };
    }
    values
}

/// `V` registers into a row that may end before they do.
#[inline(always)]
pub(super) fn store_row<S: Simd, const V: usize>(s: S, row: &mut [f32], values: &[S::F32; V]) {
    let (whole, rest) = S::chunks_mut(row);
    let full = whole.len();
    for (to, value) in whole.iter_mut().zip(values) {
        s.store(*value, to);
    }
    if let Some(value) = values.get(full) {
        s.store_partial(*value, rest);
    }
}
