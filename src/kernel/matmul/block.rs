//! The blocking: which part of A is packed when, and the walk of the tile over C.
//!
//! ```text
//! for a block of A's rows and depth        A packed once, in the second-level cache
//!   for a panel of B's columns             (a few registers wide)
//!     for a stretch of the depth           panel of B packed
//!       for a tile of the block's rows     sums in registers
//! ```
//!
//! A small product reads A where it is. The panel is packed just before its use: it needs little scratch, and C's columns under it stay in cache for the
//! whole depth.

use super::Operand;
use super::pack::{Range, pack_a, pack_b};
use super::sums::{Place, Start};
use super::tile::{CHUNK, Job, Left, panel};
use crate::simd::Simd;

/// Floats of packed A: 384 KiB, less than half of a server's second-level cache.
const A_FLOATS: usize = 96 * 1024;
/// Deepest block of A. A multiple of `CHUNK`.
const A_DEPTH: usize = 2048;
/// Deepest panel of B: tile and panel together pass through the first-level cache. A multiple of `CHUNK`.
const B_DEPTH: usize = 512;
/// Multiply-adds up to which packing A is not worth it.
const SMALL: usize = 120 * 1024;
/// Widest panel of any level of the target, in floats.
const PANEL: usize = if cfg!(target_arch = "x86_64") {
    48
} else if cfg!(any(target_feature = "neon", target_feature = "simd128", target_feature = "sse2")) {
    12
} else {
    2
};
/// Floats in a cache line, the alignment of the panel.
const LINE: usize = 16;

/// Floats of scratch for a product of these dimensions, on any level.
pub(crate) const fn scratch_len(m: usize, n: usize, k: usize) -> usize {
    if m == 0 || n == 0 {
        return 0;
    }
    let a = if is_small(m, n, k) { 0 } else { m.saturating_mul(min(k, A_DEPTH).next_multiple_of(CHUNK)) };
    min(a, A_FLOATS) + PANEL * min(k, B_DEPTH) + LINE
}

const fn is_small(m: usize, n: usize, k: usize) -> bool {
    m.saturating_mul(n).saturating_mul(k) <= SMALL
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

/// `total` in the fewest parts of at most `most`, as equal as multiples of `unit` allow: the length of a part.
fn even_part(total: usize, most: usize, unit: usize) -> usize {
    if total <= most {
        // A small product has no time for a division.
        return total.next_multiple_of(unit).max(1);
    }
    let parts = total.div_ceil(most.max(1)).max(1);
    total.div_ceil(parts).next_multiple_of(unit).max(1)
}

/// C = alpha A B from `start`, and then `ending` once for each finished stretch of a row of C, while it is in cache:
/// it gets the stretch and its place in `c`.
///
/// Dimensions `[m, n, k]` must fit the operands and `scratch` [`scratch_len`]; what does not is left out.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "BLAS's arguments")]
pub(crate) fn multiply<S: Simd>(
    s: S,
    [m, n, k]: [usize; 3],
    a: Operand,
    b: (Operand, f32),
    start: Start,
    c: &mut [f32],
    scratch: &mut [f32],
    ending: impl Fn(S, usize, &mut [f32]),
) {
    if m == 0 || n == 0 {
        return;
    }
    let in_place = is_small(m, n, k);
    let depth_part = even_part(k, A_DEPTH, CHUNK);
    let row_part = even_part(m, A_FLOATS / min(depth_part, A_DEPTH).max(CHUNK), 1);
    let aligned = scratch.as_ptr().align_offset(LINE * size_of::<f32>()).min(scratch.len());
    let (_, scratch) = scratch.split_at_mut(aligned);
    let panel_len = (PANEL * min(k, B_DEPTH)).min(scratch.len());
    let (panel_of_b, packed) = scratch.split_at_mut(panel_len);

    let mut row = 0;
    while row < m {
        let rows = Range { start: 0, len: m }.part(row, row_part);
        let mut depth = 0;
        loop {
            // Runs once also where the depth is 0: C is then what the sums start at.
            let depths = Range { start: 0, len: k }.part(depth, depth_part);
            let last = depth + depths.len >= k;
            let begin = if depth == 0 { start } else { Start::Out };
            let left = if in_place {
                Left::InPlace { a, first_row: rows.start, first_depth: depths.start }
            } else {
                let (block, _) = packed.as_chunks_mut();
                pack_a(s, a, rows, depths, block);
                Left::Packed { block, chunks: depths.len.div_ceil(CHUNK), first_chunk: 0 }
            };
            for column in (0..n).step_by(S::TILE_REGISTERS * S::LANES) {
                let columns = Range { start: 0, len: n }.part(column, S::TILE_REGISTERS * S::LANES);
                under_panel(s, left, b, rows, depths, columns, begin, c, n, panel_of_b);
                if last {
                    // Whole rows are one stretch.
                    let (count, len) = if columns.len == n { (1, rows.len * n) } else { (rows.len, columns.len) };
                    for i in 0..count {
                        let place = (rows.start + i) * n + column;
                        if let Some(part) = c.get_mut(place..).and_then(|c| c.get_mut(..len)) {
                            ending(s, place, part);
                        }
                    }
                }
            }
            if last {
                break;
            }
            depth += depths.len;
        }
        row += row_part;
    }
}

/// The block's product with one panel of B.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the innermost of the loops")]
fn under_panel<S: Simd>(
    s: S,
    left: Left,
    b: (Operand, f32),
    rows: Range,
    depths: Range,
    columns: Range,
    start: Start,
    c: &mut [f32],
    stride: usize,
    to: &mut [f32],
) {
    let registers = columns.len.div_ceil(S::LANES);
    let part = even_part(depths.len, B_DEPTH, CHUNK);
    let mut depth = 0;
    loop {
        let stretch = depths.part(depth, part);
        let packed = to.get_mut(..stretch.len * registers * S::LANES).unwrap_or_default();
        pack_b(s, b, stretch, columns, registers, packed);
        let start = if depth == 0 { start.from(columns.start) } else { Start::Out };
        let job = Job {
            a: left.from(depth),
            b: packed,
            rows: rows.len,
            place: Place { columns: columns.len, stride, start },
        };
        panel(s, job, c.get_mut(rows.start * stride + columns.start..).unwrap_or_default());
        depth += stretch.len;
        if depth >= depths.len {
            break;
        }
    }
}
