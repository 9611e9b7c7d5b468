//! `C = alpha * A * B (+ C)` for row-major slices, each operand transposed or not.
//!
//! Element (i, j) is **one chain** of multiply-adds over the depth, in order, that starts at 0, at a bias or at what
//! C holds. So its bits do not depend on the number of rows, the tile it falls in, the blocking or the level (among
//! fused, and among unfused), and accumulating the products of two halves of the depth gives the bits of the whole.
//!
//! How it is fast: B is packed a panel at a time, and the register tile ([`tile`]) walks down A's rows under the panel, a
//! block of them at a time so that it stays in the second-level cache. `pack.rs` copies and transposes, `block.rs`
//! chooses the blocks, `sums.rs` begins and ends a tile.

mod block;
mod pack;
mod sums;
mod tile;

#[cfg(test)]
mod tests;

pub(crate) use block::{multiply, scratch_len};
pub(crate) use sums::Start;

use crate::error::{Error, Result};
use crate::shape::check_len;
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

    /// A stretch of a stored row.
    #[inline(always)]
    fn stored(self, row: usize, columns: Range) -> &'a [f32] {
        let start = row * self.stride + columns.start;
        self.data.get(start..).and_then(|rest| rest.get(..columns.len)).unwrap_or_default()
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
    /// Factor of the product; 1 by default.
    pub alpha: f32,
    /// Add to what C holds instead of overwriting it; `false` by default.
    pub accumulate: bool,
}

impl Matmul {
    /// `A * B`
    #[must_use]
    pub const fn nn(m: usize, n: usize, k: usize) -> Self {
        Self { m, n, k, transpose_a: false, transpose_b: false, alpha: 1.0, accumulate: false }
    }

    /// `A * Bᵀ`: a linear layer's forward pass.
    #[must_use]
    pub const fn nt(m: usize, n: usize, k: usize) -> Self {
        Self { transpose_b: true, ..Self::nn(m, n, k) }
    }

    /// `Aᵀ * B`: a linear layer's weight gradient.
    #[must_use]
    pub const fn tn(m: usize, n: usize, k: usize) -> Self {
        Self { transpose_a: true, ..Self::nn(m, n, k) }
    }

    /// `Aᵀ * Bᵀ`
    #[must_use]
    pub const fn tt(m: usize, n: usize, k: usize) -> Self {
        Self { transpose_a: true, ..Self::nt(m, n, k) }
    }

    /// How many floats of scratch [`matmul`] needs.
    #[must_use]
    pub const fn scratch_len(self) -> usize {
        scratch_len([self.m, self.n, self.k], self.transpose_a)
    }
}

/// Multiplies matrices: *writes* `c`, or *accumulates* into it.
///
/// `a` holds `m * k` floats, `b` `k * n`, `c` `m * n`. *Scratch*: at least [`Matmul::scratch_len`] floats, whatever
/// they hold. As `torch.matmul` and BLAS's `sgemm`.
///
/// # Errors
/// [`Error::Length`] where a slice does not fit; nothing is written.
///
/// ```
/// use flatgrad::kernel::{Matmul, matmul};
///
/// const PRODUCT: Matmul = Matmul::nt(2, 2, 3); // rows of A times rows of B
/// let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
/// let mut c = [0.0; 4];
/// matmul(PRODUCT, &a, &b, &mut c, &mut [0.0; PRODUCT.scratch_len()])?;
/// assert_eq!(c, [4.0, 2.0, 10.0, 5.0]);
/// # Ok::<(), flatgrad::Error>(())
/// ```
pub fn matmul(product: Matmul, a: &[f32], b: &[f32], c: &mut [f32], scratch: &mut [f32]) -> Result<()> {
    let Matmul { m, n, k, transpose_a, transpose_b, alpha, accumulate } = product;
    check_len("a", a, m, k)?;
    check_len("b", b, k, n)?;
    check_len("c", c, m, n)?;
    let needed = product.scratch_len();
    if scratch.len() < needed {
        return Err(Error::Length { argument: "scratch", expected: needed, found: scratch.len() });
    }
    let a = if transpose_a { Operand::columns(a, m) } else { Operand::rows(a, k) };
    let b = if transpose_b { Operand::columns(b, k) } else { Operand::rows(b, n) };
    let start = if accumulate { Start::Out } else { Start::Zero };
    dispatch!(simd::level(), s => multiply(s, [m, n, k], a, (b, alpha), start, c, scratch, |_, _, _| ()));
    Ok(())
}
