//! `C = alpha * A * B (+ C)` for row-major slices, each operand transposed or not.
//!
//! Element (i, j) is **one chain** of multiply-adds over the depth, in order, that starts at 0, at a bias or at what
//! C holds. So its bits do not depend on the number of rows, the tile it falls in, the blocking or the level (among
//! fused, and among unfused), and accumulating the products of two halves of the depth gives the bits of the whole.
//!
//! How it is fast: B is packed a panel at a time, and the register tile ([`tile`]) walks down A's rows under the panel, a
//! block of them at a time so that it stays in the second-level cache. `pack.rs` copies and transposes, `block.rs`
//! chooses the blocks, `sums.rs` begins and ends a tile, `row.rs` is the product of a single row, `threads.rs` shares C among
//! threads.

mod block;
mod pack;
mod row;
mod single;
mod sums;
#[cfg(feature = "rayon")]
mod threads;
mod tile;

#[cfg(test)]
mod tests;

pub(crate) use block::multiply;
pub(crate) use sums::Start;
#[cfg(feature = "rayon")]
pub use threads::par_matmul;

use crate::error::{Error, Result};
use crate::shape::{check_at_least, check_len};
use crate::simd::Rows;
use crate::{dispatch, simd};
use pack::Range;

/// An operand as it is stored: rows `stride` apart. `transposed` says that its rows are the other dimension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<'a> {
    pub data: &'a [f32],
    pub stride: usize,
    pub transposed: bool,
}

impl<'a> Operand<'a> {
    /// Stored rows of `stride` floats, used as they are.
    #[inline(always)]
    pub(crate) fn rows(data: &'a [f32], stride: usize) -> Self {
        Self { data, stride, transposed: false }
    }

    /// Stored rows of `stride` floats, used as columns.
    #[inline(always)]
    pub(crate) fn columns(data: &'a [f32], stride: usize) -> Self {
        Self { data, stride, transposed: true }
    }

    /// From a row to the next and from a column to the next, as they are used.
    #[inline(always)]
    fn strides(self) -> [usize; 2] {
        if self.transposed { [1, self.stride] } else { [self.stride, 1] }
    }

    /// From this row and this column on, as they are used.
    #[inline(always)]
    fn skip(self, row: usize, column: usize) -> Self {
        let [from_row, from_column] = self.strides();
        Self { data: self.data.get(row * from_row + column * from_column..).unwrap_or_default(), ..self }
    }

    /// A stretch of a stored row.
    #[inline(always)]
    fn stored(self, row: usize, columns: Range) -> &'a [f32] {
        let start = row * self.stride + columns.start;
        self.data.get(start..).and_then(|rest| rest.get(..columns.len)).unwrap_or_default()
    }
}

/// `alpha * A * B` from `start`: a product without its result.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub a: Operand<'a>,
    /// B and alpha.
    pub b: (Operand<'a>, f32),
    /// How many products make an element.
    pub depth: usize,
    pub start: Start<'a>,
}

#[cfg(feature = "rayon")]
impl Product<'_> {
    /// What gives C from this row and this column on.
    fn skip(self, row: usize, column: usize) -> Self {
        let (b, alpha) = self.b;
        Self { a: self.a.skip(row, 0), b: (b.skip(0, column), alpha), start: self.start.from(column), ..self }
    }
}

/// A product of row-major matrices: `C[m][n] = alpha * op(A)[m][k] * op(B)[k][n]`, where `op` may transpose.
///
/// `alpha` multiplies B's elements before the sum, so that the sum stays one chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matmul {
    /// Rows of C.
    pub m: usize,
    /// Columns of C.
    pub n: usize,
    /// The depth: how many products make an element.
    pub k: usize,
    /// A is stored as `[k][m]` instead of `[m][k]`.
    pub transpose_a: bool,
    /// B is stored as `[n][k]` instead of `[k][n]`: the layout of PyTorch's linear weights.
    pub transpose_b: bool,
    /// How far apart the stored rows of A are: as long as a row by default, more for a block of columns of a wider matrix.
    pub lda: usize,
    /// The same of B.
    pub ldb: usize,
    /// The same of C.
    pub ldc: usize,
    /// Factor of the product; 1 by default.
    pub alpha: f32,
    /// Add to what C holds instead of overwriting it; `false` by default.
    pub accumulate: bool,
}

impl Matmul {
    /// `A * B`
    #[must_use]
    pub const fn nn(m: usize, n: usize, k: usize) -> Self {
        let (lda, ldb, ldc) = (k, n, n);
        Self { m, n, k, transpose_a: false, transpose_b: false, lda, ldb, ldc, alpha: 1.0, accumulate: false }
    }

    /// `A * Bᵀ`: a linear layer's forward pass.
    #[must_use]
    pub const fn nt(m: usize, n: usize, k: usize) -> Self {
        Self { transpose_b: true, ldb: k, ..Self::nn(m, n, k) }
    }

    /// `Aᵀ * B`: a linear layer's weight gradient.
    #[must_use]
    pub const fn tn(m: usize, n: usize, k: usize) -> Self {
        Self { transpose_a: true, lda: m, ..Self::nn(m, n, k) }
    }

    /// `Aᵀ * Bᵀ`
    #[must_use]
    pub const fn tt(m: usize, n: usize, k: usize) -> Self {
        Self { transpose_a: true, lda: m, ..Self::nt(m, n, k) }
    }

    /// How many floats of scratch [`matmul`] needs: none on targets without vector registers.
    #[must_use]
    pub const fn scratch_len(self) -> usize {
        block::scratch_len([self.m, self.n, self.k], (self.transpose_a, self.lda))
    }

    /// The slices must fit. Answers the product, and the rows of `c`.
    fn check<'a>(self, a: &'a [f32], b: &'a [f32], c: &'a mut [f32]) -> Result<(Product<'a>, Rows<'a>)> {
        let Self { m, n, k, transpose_a, transpose_b, lda, ldb, ldc, alpha, accumulate } = self;
        check_matrix(["a", "lda"], a, if transpose_a { [k, m] } else { [m, k] }, lda)?;
        check_matrix(["b", "ldb"], b, if transpose_b { [n, k] } else { [k, n] }, ldb)?;
        check_matrix(["c", "ldc"], c, [m, n], ldc)?;
        let found = c.len();
        let short = Error::Length { argument: "c", expected: m.saturating_mul(ldc), found };
        let rows = Rows::new(c, [m, n], ldc).ok_or(short)?;
        let product = Product {
            a: Operand { data: a, stride: lda, transposed: transpose_a },
            b: (Operand { data: b, stride: ldb, transposed: transpose_b }, alpha),
            depth: k,
            start: if accumulate { Start::Out } else { Start::Zero },
        };
        Ok((product, rows))
    }
}

/// Multiplies matrices: *writes* `c`, or *accumulates* into it.
///
/// `a` holds `m * k` floats, `b` `k * n`, `c` `m * n`. Where rows are further apart than they are long, a slice begins
/// with its first row, ends anywhere after its last, and what lies between rows is not touched. *Scratch*: at least
/// [`Matmul::scratch_len`] floats, whatever they hold. As `torch.matmul` and BLAS's `sgemm`.
///
/// # Errors
/// [`Error::Length`] where a slice does not fit, [`Error::Value`] where rows would overlap; nothing is written.
///
/// ```
/// use flatgrad::kernel::{Matmul, matmul};
///
/// const PRODUCT: Matmul = Matmul::nt(2, 2, 3); // rows of A times rows of B
/// let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
/// let (mut c, mut scratch) = ([0.0; 4], [0.0; PRODUCT.scratch_len()]);
/// matmul(PRODUCT, &a, &b, &mut c, &mut scratch)?;
/// assert_eq!(c, [4.0, 2.0, 10.0, 5.0]);
///
/// let mut wide = [7.0; 6]; // two rows of three, of which the last two columns become the product
/// matmul(Matmul { ldc: 3, ..PRODUCT }, &a, &b, &mut wide[1..], &mut scratch)?;
/// assert_eq!(wide, [7.0, 4.0, 2.0, 7.0, 10.0, 5.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn matmul(product: Matmul, a: &[f32], b: &[f32], c: &mut [f32], scratch: &mut [f32]) -> Result<()> {
    check_at_least("scratch", scratch, product.scratch_len())?;
    let (product, c) = product.check(a, b, c)?;
    dispatch!(simd::level(), s => multiply(s, product, c, scratch, |_, _, _| ()));
    Ok(())
}

/// `xs` must hold `rows` of `columns` floats that are `stride` apart: just them where no room is between them.
fn check_matrix(
    [argument, stride_argument]: [&'static str; 2],
    xs: &[f32],
    [rows, columns]: [usize; 2],
    stride: usize,
) -> Result<()> {
    if stride == columns {
        return check_len(argument, xs, rows, columns);
    }
    if stride < columns {
        return Err(Error::Value { argument: stride_argument, expected: "at least the length of a row" });
    }
    let before = rows.saturating_sub(1).saturating_mul(stride);
    check_at_least(argument, xs, if rows == 0 || columns == 0 { 0 } else { before.saturating_add(columns) })
}
