//! Reductions in one fixed order: element i goes to virtual lane i mod 16; [`Simd::fold`] folds the lanes 8, 4, 2, 1.

use crate::simd::{Simd, VIRTUAL_LANES, unrolled};
use core::ops::Deref;

/// One pass that writes and reduces: `(outs, lanes) = f(outs, ins, lanes)`, where `lanes` are `A` accumulators for
/// each virtual lane. Elements that are not there touch no accumulator.
#[inline(always)]
pub(crate) fn map_reduce<S: Simd, const O: usize, const I: usize, const A: usize>(
    s: S,
    outs: [&mut [f32]; O],
    ins: [&[f32]; I],
    mut lanes: [S::Wide; A],
    f: impl Fn([S::F32; O], [S::F32; I], [S::F32; A]) -> ([S::F32; O], [S::F32; A]),
) -> [S::Wide; A] {
    if const { S::LANES == 1 } {
        return one_by_one(s, outs, ins, lanes, f);
    }
    // Without accumulators there is no lane to choose, and the loop need not be unrolled over them.
    let registers = if A == 0 { 1 } else { VIRTUAL_LANES / S::LANES };
    let len = shortest(&ins).min(shortest(&outs));
    let (whole, rest) = (len / S::LANES, len % S::LANES);
    let mut c = 0;
    while c < whole {
        for j in 0..registers {
            if c == whole {
                break;
            }
            let before = registers_at::<S, A>(s, &lanes, j);
            let (new, sums) = f(load_at(s, &outs, c), load_at(s, &ins, c), before);
            for a in 0..A {
                if let Some(lane) = lanes[a].as_mut().get_mut(j) {
                    *lane = sums[a];
                }
            }
            for o in 0..O {
                if let Some(to) = S::chunks_mut(outs[o]).0.get_mut(c) {
                    s.store(new[o], to);
                }
            }
            c += 1;
        }
    }
    if rest > 0 {
        let (old, x) = (load_rest(s, &outs), load_rest(s, &ins));
        // A loop over constants: an index known only at run time would keep the lanes in memory.
        for j in 0..registers {
            if j == whole % registers {
                let before = registers_at::<S, A>(s, &lanes, j);
                let (new, sums) = f(old, x, before);
                for a in 0..A {
                    if let Some(lane) = lanes[a].as_mut().get_mut(j) {
                        *lane = s.select(s.first(rest), sums[a], before[a]);
                    }
                }
                for o in 0..O {
                    s.store_partial(new[o], S::chunks_mut(outs[o]).1);
                }
            }
        }
    }
    lanes
}

/// [`map_reduce`] of single floats. The accumulators stay in memory, as 16 of each kind are more than there are registers; and
/// all else is written out, so that code that is compiled to be small needs no memory for it.
#[inline(always)]
fn one_by_one<S: Simd, const O: usize, const I: usize, const A: usize>(
    s: S,
    mut outs: [&mut [f32]; O],
    mut ins: [&[f32]; I],
    mut lanes: [S::Wide; A],
    f: impl Fn([S::F32; O], [S::F32; I], [S::F32; A]) -> ([S::F32; O], [S::F32; A]),
) -> [S::Wide; A] {
    let len = shortest(&ins).min(shortest(&outs));
    // Cut to one length, slices need no check of an index below it.
    unrolled::<O>(
        #[inline(always)]
        |o| outs[o] = core::mem::take(&mut outs[o]).get_mut(..len).unwrap_or_default(),
    );
    unrolled::<I>(
        #[inline(always)]
        |i| ins[i] = ins[i].get(..len).unwrap_or_default(),
    );
    // Several at once go four at a time, as moving so many pointers on takes as long as a short `f`.
    let fours = if const { A == 0 && O > 1 } { len / 4 } else { 0 };
    for c in 0..fours {
        unrolled::<4>(
            #[inline(always)]
            |i| one::<S, O, I, A, 4>(s, &mut outs, &ins, &mut lanes, [c, i], &f),
        );
    }
    for c in 4 * fours..len {
        one::<S, O, I, A, 1>(s, &mut outs, &ins, &mut lanes, [c, 0], &f);
    }
    lanes
}

/// Element `i` of the chunk `c` of `K` elements.
#[inline(always)]
fn one<S: Simd, const O: usize, const I: usize, const A: usize, const K: usize>(
    s: S,
    outs: &mut [&mut [f32]; O],
    ins: &[&[f32]; I],
    lanes: &mut [S::Wide; A],
    [c, i]: [usize; 2],
    f: &impl Fn([S::F32; O], [S::F32; I], [S::F32; A]) -> ([S::F32; O], [S::F32; A]),
) {
    let (mut old, mut x, mut sums) = const { ([S::ZERO; O], [S::ZERO; I], [S::ZERO; A]) };
    unrolled::<O>(
        #[inline(always)]
        |o| old[o] = s.splat(element::<K>(outs[o], [c, i])),
    );
    unrolled::<I>(
        #[inline(always)]
        |a| x[a] = s.splat(element::<K>(ins[a], [c, i])),
    );
    unrolled::<A>(
        #[inline(always)]
        |a| sums[a] = lanes[a].as_ref()[c % VIRTUAL_LANES],
    );
    let (new, sums) = f(old, x, sums);
    unrolled::<A>(
        #[inline(always)]
        |a| lanes[a].as_mut()[c % VIRTUAL_LANES] = sums[a],
    );
    unrolled::<O>(
        #[inline(always)]
        |o| {
            if let Some(chunk) = outs[o].as_chunks_mut::<K>().0.get_mut(c) {
                s.store_partial(new[o], chunk.get_mut(i..=i).unwrap_or_default());
            }
        },
    );
}

/// Element `i` of the chunk `c` of `K` elements; 0 where there is none. Without closures: compiled to be as small as can be, one
/// is a function that knows nothing of `i`.
#[inline(always)]
fn element<const K: usize>(xs: &[f32], [c, i]: [usize; 2]) -> f32 {
    match xs.as_chunks::<K>().0.get(c) {
        Some(chunk) if i < K => chunk[i],
        _ => 0.0,
    }
}

/// The sum of the virtual lanes.
#[inline(always)]
pub(crate) fn total<S: Simd>(s: S, lanes: S::Wide) -> f32 {
    s.fold(
        lanes,
        #[inline(always)]
        |a, b| s.add(a, b),
    )
}

// Parts of `map_reduce` that do not know its `f`: that one has hundreds of instances. Loops and not `map` on arrays,
// each of which makes several more.

/// The length of the shortest; nothing is shorter than no slice.
#[inline(always)]
fn shortest<X: Deref<Target = [f32]>, const N: usize>(xs: &[X; N]) -> usize {
    let mut len = usize::MAX;
    unrolled::<N>(
        #[inline(always)]
        |i| len = len.min(xs[i].len()),
    );
    len
}

/// Register `c` of each.
#[inline(always)]
fn load_at<S: Simd, X: Deref<Target = [f32]>, const N: usize>(s: S, xs: &[X; N], c: usize) -> [S::F32; N] {
    let mut values = [s.splat(0.0); N];
    for i in 0..N {
        if let Some(from) = S::chunks(&xs[i]).0.get(c) {
            values[i] = s.load(from);
        }
    }
    values
}

/// What follows the whole registers of each.
#[inline(always)]
fn load_rest<S: Simd, X: Deref<Target = [f32]>, const N: usize>(s: S, xs: &[X; N]) -> [S::F32; N] {
    let mut values = [s.splat(0.0); N];
    for i in 0..N {
        values[i] = s.load_partial(S::chunks(&xs[i]).1);
    }
    values
}

/// Register `j` of each accumulator.
#[inline(always)]
fn registers_at<S: Simd, const A: usize>(s: S, lanes: &[S::Wide; A], j: usize) -> [S::F32; A] {
    let mut values = [s.splat(0.0); A];
    for a in 0..A {
        // Compiled for size, the length of `as_ref` may not be known here: an index could panic.
        if let Some(lane) = lanes[a].as_ref().get(j) {
            values[a] = *lane;
        }
    }
    values
}

/// `out[j] = start + sum over rows of x[row][j]`, rows in order; it starts at 0, or at what `out` holds. *Writes* `out`.
#[inline(always)]
pub(crate) fn column_sums<S: Simd>(s: S, x: &[f32], out: &mut [f32], is_added: bool) {
    let width = out.len().max(1);
    let (whole, rest) = S::chunks_mut(out);
    let done = whole.len() * S::LANES;
    for (c, to) in whole.iter_mut().enumerate() {
        let mut sum = if is_added { s.load(to) } else { s.splat(0.0) };
        for row in x.chunks(width) {
            if let Some(from) = S::chunks(row).0.get(c) {
                sum = s.add(sum, s.load(from));
            }
        }
        s.store(sum, to);
    }
    if !rest.is_empty() {
        let mut sum = if is_added { s.load_partial(rest) } else { s.splat(0.0) };
        for row in x.chunks(width) {
            sum = s.add(sum, s.load_partial(row.get(done..).unwrap_or_default()));
        }
        s.store_partial(sum, rest);
    }
}

/// A sum of many `f32` that carries its rounding errors along (Neumaier), with the same bits on every level.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    sum: f32,
    error: f32,
}

impl Sum {
    /// Adds `x`.
    #[inline]
    pub(crate) fn add(&mut self, x: f32) {
        let sum = self.sum + x;
        // Exact for finite numbers (Knuth's two-sum); an infinity must not become NaN by its error.
        let back = sum - self.sum;
        let error = (self.sum - (sum - back)) + (x - back);
        self.sum = sum;
        self.error += if error.is_nan() { 0.0 } else { error };
    }

    /// The sum.
    #[inline]
    pub(crate) fn value(self) -> f32 {
        self.sum + self.error
    }
}
