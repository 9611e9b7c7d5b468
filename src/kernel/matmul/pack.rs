//! Copies of A and B in the order in which a tile reads them.

use super::Operand;
use super::sums::load_row;
use crate::shape::rows_mut;
use crate::simd::Simd;

/// *Writes* rows `rows` of A, depths `depths`, as rows `stride` apart.
///
/// Out of line like the panels: every product of the crate shares it, and its loops get all registers.
#[inline(never)]
pub(super) fn pack_a<S: Simd>(s: S, a: Operand, rows: Range, depths: Range, to: &mut [f32], stride: usize) {
    s.vectorize(
        #[inline(always)]
        move || {
            if !a.transposed {
                return copy_rows(a, rows, depths, to, stride);
            }
            // Along A's stored rows first: each of them may be a page of its own.
            for depth in (0..depths.len).step_by(S::LANES) {
                let depths = depths.part(depth, S::LANES);
                for row in (0..rows.len).step_by(S::LANES) {
                    let to = to.get_mut(row * stride + depth..).unwrap_or_default();
                    transpose(s, a, depths, rows.part(row, S::LANES), to, stride);
                }
            }
        },
    );
}

/// *Writes* at most `len` floats as they are, and returns them and what lies behind.
#[inline(always)]
pub(super) fn pack_flat<'a>(from: &[f32], len: usize, to: &'a mut [f32]) -> &'a [f32] {
    let len = len.min(from.len()).min(to.len());
    if let (Some(to), Some(from)) = (to.get_mut(..len), from.get(..len)) {
        // `copy_from_slice` could panic; this becomes the same memcpy.
        for (to, x) in to.iter_mut().zip(from) {
            *to = *x;
        }
    }
    to
}

#[inline(always)]
fn copy_rows(a: Operand, rows: Range, depths: Range, to: &mut [f32], stride: usize) {
    for (i, to) in rows_mut(to, stride).enumerate().take(rows.len) {
        for (to, x) in to.iter_mut().zip(a.stored(rows.start + i, depths)) {
            *to = *x;
        }
    }
}

/// *Writes* columns `columns` of `alpha * B`, depths `depths`, as `[depth][registers * LANES]`; what lies
/// right of the last column is unspecified.
#[inline(never)]
pub(super) fn pack_b<S: Simd>(
    s: S,
    b: (Operand, f32),
    depths: Range,
    columns: Range,
    registers: usize,
    to: &mut [f32],
) {
    s.vectorize(
        #[inline(always)]
        move || pack_b_inline(s, b, depths, columns, registers, to),
    );
}

#[inline(always)]
fn pack_b_inline<S: Simd>(
    s: S,
    (b, alpha): (Operand, f32),
    depths: Range,
    columns: Range,
    registers: usize,
    to: &mut [f32],
) {
    if b.transposed {
        pack_b_transposed(s, b, depths, columns, registers, to);
    } else {
        match registers {
            1 => pack_b_rows::<S, 1>(s, b, depths, columns, to),
            2 => pack_b_rows::<S, 2>(s, b, depths, columns, to),
            _ => pack_b_rows::<S, 3>(s, b, depths, columns, to),
        }
    }
    if alpha != 1.0 {
        let factor = s.splat(alpha);
        for x in S::chunks_mut(to).0 {
            s.store(s.mul(s.load(x), factor), x);
        }
    }
}

#[inline(always)]
fn pack_b_rows<S: Simd, const V: usize>(s: S, b: Operand, depths: Range, columns: Range, to: &mut [f32]) {
    let (to, _) = S::chunks_mut(to).0.as_chunks_mut::<V>();
    for (p, to) in to.iter_mut().enumerate() {
        let values: [S::F32; V] = load_row(s, b.stored(depths.start + p, columns));
        for v in 0..V {
            s.store(values[v], &mut to[v]);
        }
    }
}

#[inline(always)]
fn pack_b_transposed<S: Simd>(s: S, b: Operand, depths: Range, columns: Range, registers: usize, to: &mut [f32]) {
    for v in 0..registers {
        let lanes = columns.part(v * S::LANES, S::LANES);
        for p in (0..depths.len).step_by(S::LANES) {
            let depths = depths.part(p, S::LANES);
            let to = to.get_mut((p * registers + v) * S::LANES..).unwrap_or_default();
            transpose(s, b, lanes, depths, to, registers * S::LANES);
        }
    }
}

/// A stretch of rows, columns or depths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub start: usize,
    pub len: usize,
}

impl Range {
    /// At most `len` from `offset` on.
    #[inline(always)]
    pub(super) fn part(self, offset: usize, len: usize) -> Self {
        Self { start: self.start + offset, len: self.len.saturating_sub(offset).min(len) }
    }
}

/// *Writes* at most `LANES` columns of at most `LANES` stored rows as registers `stride` floats apart; lanes beyond the
/// rows are unspecified.
#[inline(always)]
fn transpose<S: Simd>(s: S, from: Operand, rows: Range, columns: Range, to: &mut [f32], stride: usize) {
    let data = from.data.get(rows.start * from.stride + columns.start..).unwrap_or_default();
    if rows.len == S::LANES
        && columns.len == S::LANES
        && let Some(mut block) = s.load_block(data, from.stride)
    {
        s.transpose(&mut block);
        if s.store_block(&block, to, stride).is_some() {
            return;
        }
    }
    transpose_part(s, data, from.stride, [rows.len, columns.len], to, stride);
}

/// Out of line: an array that is indexed by a variable is memory, and the whole blocks of [`transpose`] are registers.
#[inline(never)]
fn transpose_part<S: Simd>(
    s: S,
    data: &[f32],
    data_stride: usize,
    [rows, columns]: [usize; 2],
    to: &mut [f32],
    stride: usize,
) {
    s.vectorize(
        #[inline(always)]
        move || {
            let mut block = s.square(
                #[inline(always)]
                |_| s.splat(0.0),
            );
            // Lanes beyond `columns` may be read too: they end up in registers that are not stored.
            for (i, register) in block.as_mut().iter_mut().enumerate().take(rows) {
                *register = s.load_partial(data.get(i * data_stride..).unwrap_or_default());
            }
            s.transpose(&mut block);
            for (register, to) in block.as_ref().iter().zip(rows_mut(to, stride)).take(columns) {
                if let Some(to) = S::chunks_mut(to).0.first_mut() {
                    s.store(*register, to);
                }
            }
        },
    );
}
