//! The blocking: what is packed when, and the walk of the tile over C.
//!
//! ```text
//! for a part of the depth
//!   for a block of A's rows                stays in the second-level cache; copied if it is transposed or lies awkwardly
//!     for a panel of B's columns           (a few registers wide)
//!       for a stretch of the depth         panel of B packed, if it is not near enough to be read where it is
//!         for a tile of the block's rows   sums in registers
//! ```
//!
//! The panel is packed just before its use. Where A has one block of rows, which is up to a few hundred, the next panel takes
//! its place, so it needs little scratch; else all panels of that part of the depth are kept for the other blocks.

use super::pack::{Range, pack_a, pack_b, pack_flat};
use super::row::row_times;
use super::single;
use super::sums::Start;
use super::tile::{Job, panel};
use super::{Operand, Product};
use crate::simd::{Rows, Simd};

/// Floats of a block of A: 384 KiB, less than half of a server's second-level cache.
const A_FLOATS: usize = 96 * 1024;
/// Rows of a block of A that make up for packing B's panels once for each: the block is the deeper the fewer there are.
const A_ROWS: usize = 192;
/// Deepest panel of B: tile and panel together pass through the first-level cache.
const B_DEPTH: usize = 512;
/// Floats of a B that is not copied: 16 KiB, half of a first-level cache.
const NEAR: usize = 4096;
/// Multiply-adds up to which A is read where it is, transposed or with rows that compete for the same places of a cache.
const SMALL: usize = 1 << 20;
/// Widest panel of any level of the target, in floats.
const PANEL: usize = if cfg!(target_arch = "x86_64") {
    48
} else if IS_SCALAR {
    2
} else {
    12
};
/// The target's only registers are single floats, and nothing is copied: each is loaded by itself from wherever it is, and
/// memory is scarcer than time.
const IS_SCALAR: bool =
    !cfg!(any(target_arch = "x86_64", target_feature = "neon", target_feature = "simd128", target_feature = "sse2"));
/// Floats in a cache line, the alignment of the panel.
const LINE: usize = 16;

// Panels are kept only under blocks of as many rows, each of them a single stretch of the depth.
const _: () = assert!(A_FLOATS / A_ROWS <= B_DEPTH);

/// How a product is cut and what is copied.
#[derive(Clone, Copy)]
struct Plan {
    /// Rows of a block of A.
    rows: usize,
    /// And its depth.
    depth: usize,
    /// A block of A is copied: its columns would be read again and again, a few floats of a cache line at a time, or its rows
    /// compete for the same few places of the first-level cache, being a multiple of 4 KiB apart.
    packs_a: bool,
    /// There are several blocks of A for a depth, and B's panels are kept for all of them.
    keeps_b: bool,
}

impl Plan {
    #[inline(always)]
    const fn new([m, n, k]: [usize; 3], (transpose_a, lda): (bool, usize)) -> Self {
        let (mut rows, mut depth) = (m, max(k.saturating_add(LINE - 1) / LINE * LINE, 1));
        // A small product has no time for divisions.
        if rows.saturating_mul(depth) > A_FLOATS {
            // A multiple of a line: what is rounded up to lines then fits, and up to `A_ROWS` rows stay one block.
            depth = even_part::<LINE>(k, A_FLOATS / max(min(rows, A_ROWS), 1) / LINE * LINE);
            rows = even_part::<1>(m, A_FLOATS / depth);
        }
        let is_large = m.saturating_mul(n).saturating_mul(k) > SMALL;
        let packs_a = is_large && (transpose_a || lda.is_multiple_of(1024));
        Self { rows, depth, packs_a, keeps_b: rows < m }
    }

    /// A block of A: copied, or where it is.
    #[inline(always)]
    fn block<'a, S: Simd>(self, s: S, a: Operand<'a>, rows: Range, depths: Range, to: &'a mut [f32]) -> Operand<'a> {
        if !self.packs_a {
            return a.skip(rows.start, depths.start);
        }
        let apart = row_stride(self.depth);
        pack_a(s, a, rows, depths, to, apart);
        Operand::rows(to, apart)
    }

    /// Floats of B's panels.
    const fn b_len(self, n: usize, k: usize) -> usize {
        if self.keeps_b {
            return n.saturating_add(LINE - 1).saturating_mul(self.depth);
        }
        PANEL * min(k, B_DEPTH)
    }
}

/// Floats of scratch for a product of these dimensions, on any level.
pub(super) const fn scratch_len([m, n, k]: [usize; 3], a: (bool, usize)) -> usize {
    if m == 0 || n == 0 || IS_SCALAR {
        return 0;
    }
    let plan = Plan::new([m, n, k], a);
    let b = plan.b_len(n, k).saturating_add(LINE);
    let a = if plan.packs_a { plan.rows.saturating_mul(row_stride(plan.depth)) } else { 0 };
    b.saturating_add(a)
}

/// An odd number of cache lines, so that rows do not compete for the same few places of the cache.
const fn row_stride(depth: usize) -> usize {
    (depth.div_ceil(LINE) | 1) * LINE
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// `total` in the fewest parts of at most `most`, as equal as multiples of `UNIT` allow: the length of a part, at least 1.
const fn even_part<const UNIT: usize>(total: usize, most: usize) -> usize {
    if total <= most {
        // A small product has no time for a division.
        return max(total.next_multiple_of(UNIT), 1);
    }
    let parts = total.div_ceil(max(most, 1));
    max(total.div_ceil(max(parts, 1)).next_multiple_of(UNIT), 1)
}

/// *Writes* the product to `c`, and then calls `ending` once for each finished stretch of a row of C, while it is in cache: it
/// gets the stretch and its place in the slice that C's rows were made of.
///
/// The operands must fit the dimensions and `scratch` [`scratch_len`]; what does not is left out.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    s: S,
    product: Product,
    mut c: Rows,
    scratch: &mut [f32],
    ending: impl Fn(S, usize, &mut [f32]),
) {
    let Product { a, b, depth: k, start } = product;
    let [m, n] = c.shape();
    if m == 0 || n == 0 {
        return;
    }
    if const { S::LANES == 1 } {
        let shape = c.shape();
        if let Some(c) = c.part([0, 0], shape) {
            single::multiply(s, product, c);
        }
        return c.for_each(
            #[inline(always)]
            |place, c| ending(s, place, c),
        );
    }
    if m == 1 && b.0.transposed && !a.transposed {
        row_times(s, a.data.get(..k).unwrap_or_default(), b, start, c.row(0));
        return c.for_each(
            #[inline(always)]
            |place, c| ending(s, place, c),
        );
    }
    let plan = Plan::new([m, n, k], (a.transposed, a.stride));
    let aligned = scratch.as_ptr().align_offset(LINE * size_of::<f32>()).min(scratch.len());
    let scratch = scratch.get_mut(aligned..).unwrap_or_default();
    let panels_len = plan.b_len(n, k).min(scratch.len());
    let (panels, block) = scratch.split_at_mut_checked(panels_len).unwrap_or_default();

    let mut depth = 0;
    loop {
        // Runs once also where the depth is 0: C is then what the sums start at.
        let depths = Range { start: 0, len: k }.part(depth, plan.depth);
        let last = depth + depths.len >= k;
        let begin = if depth == 0 { start } else { Start::Out };
        let mut row = 0;
        while row < m {
            let rows = Range { start: 0, len: m }.part(row, plan.rows);
            let a = plan.block(s, a, rows, depths, block);
            let mut column = 0;
            while column < n {
                let columns = Range { start: 0, len: n }.part(column, panel_width::<S>(n - column));
                let Some(mut c) = c.part([row, column], [rows.len, columns.len]) else { return };
                let place = if plan.keeps_b { column * plan.depth } else { 0 };
                let panel = Panel { b, depths, columns, is_packed: plan.keeps_b && row > 0 };
                panel.times(s, a, begin.from(column), &mut c, panels.get_mut(place..).unwrap_or_default());
                if last {
                    c.for_each(
                        #[inline(always)]
                        |place, c| ending(s, place, c),
                    );
                }
                column += columns.len;
            }
            row += rows.len;
        }
        if last {
            break;
        }
        depth += depths.len;
    }
}

/// Columns of the next panel, where so many are left: what is one register more than a panel makes two narrower ones, as a
/// tile of one register has to load for every multiply-add.
#[inline(always)]
fn panel_width<S: Simd>(left: usize) -> usize {
    let full = S::TILE_REGISTERS * S::LANES;
    let is_one_more = S::TILE_REGISTERS > 2 && left > full && left <= full + S::LANES;
    if is_one_more { full - S::LANES } else { full }
}

/// A panel of B.
struct Panel<'a> {
    b: (Operand<'a>, f32),
    depths: Range,
    columns: Range,
    /// It was, for the block of rows above.
    is_packed: bool,
}

impl Panel<'_> {
    /// *Writes* the product of a block of A with the panel to `c`, by way of `to` where the panel is copied.
    #[inline(always)]
    fn times<S: Simd>(&self, s: S, a: Operand, start: Start, c: &mut Rows, to: &mut [f32]) {
        let ((b, alpha), depths, shape) = (self.b, self.depths, c.shape());
        let registers = shape[1].div_ceil(S::LANES);
        // Whole registers of rows that are read a few times, or stay in the first-level cache, need no copy, and narrower
        // ones only that something follows the last.
        let is_near = depths.len * b.stride <= NEAR;
        let is_as_stored = !b.transposed && alpha == 1.0;
        let is_whole = shape[1] == registers * S::LANES;
        let is_in_place = is_as_stored && is_whole && (is_near || shape[0] <= 2 * S::TILE_ROWS);
        let is_flat = is_as_stored && is_near && !is_whole && depths.len * b.stride + registers * S::LANES <= to.len();
        let part = even_part::<LINE>(depths.len, B_DEPTH);
        let mut depth = 0;
        loop {
            let stretch = depths.part(depth, part);
            let (right, b_strides) = if is_in_place || is_flat {
                let stored = b.skip(stretch.start, self.columns.start).data;
                (if is_flat { pack_flat(stored, stretch.len * b.stride, to) } else { stored }, b.strides())
            } else {
                let packed = to.get_mut(..stretch.len * registers * S::LANES).unwrap_or_default();
                if !self.is_packed {
                    pack_b(s, self.b, stretch, self.columns, registers, packed);
                }
                (&*packed, [registers * S::LANES, S::LANES])
            };
            let start = if depth == 0 { start } else { Start::Out };
            let job = Job { a: a.skip(0, depth), b: right, b_strides, steps: stretch.len, start };
            let Some(c) = c.part([0, 0], shape) else { return };
            panel(s, job, c);
            depth += stretch.len;
            if depth >= depths.len {
                break;
            }
        }
    }
}
