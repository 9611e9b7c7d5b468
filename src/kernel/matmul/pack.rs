//! Copies of A and B in the order in which a tile reads them.

use super::Operand;
use super::tile::{CHUNK, load_row};
use crate::simd::Simd;

/// *Writes* rows `rows` of A, depths `depths`, as `[depth / CHUNK][row][CHUNK]`; the last chunk's rest is unspecified.
#[inline(always)]
pub(super) fn pack_a<S: Simd>(s: S, a: Operand, rows: Range, depths: Range, to: &mut [[f32; CHUNK]]) {
    if a.transposed {
        let mut first = 0;
        for chunk in to.chunks_exact_mut(rows.len.max(1)) {
            let depth = depths.part(first, CHUNK);
            for lane in (0..depth.len).step_by(S::LANES) {
                let block = depth.part(lane, S::LANES);
                for row in (0..rows.len).step_by(S::LANES) {
                    let lines = chunk.get_mut(row..).unwrap_or_default();
                    transposed(
                        s,
                        a,
                        block,
                        rows.part(row, S::LANES),
                        #[inline(always)]
                        |i, value| {
                            let line = lines.get_mut(i).and_then(|line| line.get_mut(lane..));
                            if let Some(to) = line.and_then(|line| S::chunks_mut(line).0.first_mut()) {
                                s.store(value, to);
                            }
                        },
                    );
                }
            }
            first += CHUNK;
        }
        return;
    }
    for i in 0..rows.len {
        let (whole, rest) = a.row(rows.start + i, depths).as_chunks();
        let mut lines = to.get_mut(i..).unwrap_or_default().iter_mut().step_by(rows.len.max(1));
        // `whole` first: a zip that ends must not have taken a line.
        for (from, line) in whole.iter().zip(lines.by_ref()) {
            *line = *from;
        }
        if let Some(line) = lines.next() {
            for (to, x) in line.iter_mut().zip(rest) {
                *to = *x;
            }
        }
    }
}

/// *Writes* columns `columns` of `alpha * B`, depths `depths`, as `[depth][registers * LANES]`, zeros to the right.
#[inline(always)]
pub(super) fn pack_b<S: Simd>(
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
        let values: [S::F32; V] = load_row(s, b.row(depths.start + p, columns));
        for v in 0..V {
            s.store(values[v], &mut to[v]);
        }
    }
}

#[inline(always)]
fn pack_b_transposed<S: Simd>(s: S, b: Operand, depths: Range, columns: Range, registers: usize, to: &mut [f32]) {
    let (to, _) = S::chunks_mut(to);
    for v in 0..registers {
        let lanes = columns.part(v * S::LANES, S::LANES);
        for p in (0..depths.len).step_by(S::LANES) {
            let rows = to.get_mut(p * registers + v..).unwrap_or_default();
            let mut rows = rows.iter_mut().step_by(registers.max(1));
            transposed(
                s,
                b,
                lanes,
                depths.part(p, S::LANES),
                #[inline(always)]
                |_, value| {
                    if let Some(to) = rows.next() {
                        s.store(value, to);
                    }
                },
            );
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

/// Reads at most `LANES` stored rows of at most `LANES` floats and gives `sink` the columns, numbered from 0.
#[inline(always)]
fn transposed<S: Simd>(s: S, from: Operand, rows: Range, columns: Range, mut sink: impl FnMut(usize, S::F32)) {
    let mut block = s.square(s.splat(0.0));
    for (i, register) in block.as_mut().iter_mut().enumerate() {
        if i < rows.len {
            let row = from.stored(rows.start + i, columns);
            *register = match S::chunks(row).0.first() {
                Some(whole) => s.load(whole),
                None => s.load_partial(row),
            };
        }
    }
    let block = s.transpose(block);
    for (i, register) in block.as_ref().iter().enumerate() {
        if i < columns.len {
            sink(i, *register);
        }
    }
}
