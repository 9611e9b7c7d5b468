//! The one loop for everything element by element.

use super::reduce::map_reduce;
use crate::simd::{LONGEST, Lanes, Long, Simd};

/// `outs = f(outs, ins)`, register by register in one pass; a tail takes the same arithmetic.
///
/// `f` gets the old values of `outs` too: what it does not use is not read. All slices have the same length.
#[inline(always)]
pub(crate) fn map<S: Simd, const O: usize, const I: usize>(
    s: S,
    outs: [&mut [f32]; O],
    ins: [&[f32]; I],
    f: impl Fn([S::F32; O], [S::F32; I]) -> [S::F32; O],
) {
    map_reduce(
        s,
        outs,
        ins,
        [],
        #[inline(always)]
        |outs, ins, []| (f(outs, ins), []),
    );
}

/// `out = f(ins)` for a long `f`, which is compiled once, out of line, for [`Simd::Long`]: a tail takes the same loop in a
/// padded copy.
///
/// All slices have the same length.
#[inline(always)]
pub(crate) fn map_long<S: Simd, const I: usize>(
    s: S,
    out: &mut [f32],
    ins: [&[f32]; I],
    f: impl Fn(S::Long, [Long<S>; I]) -> Long<S>,
) {
    with_tail::<S::Long, I>(out, ins, &|out, ins| rows(s, out, ins, &f));
}

type LongArray<S> = <<S as Simd>::Long as Lanes>::Array;

/// `f` on the whole rows of lanes, and on a padded copy of the rest. Compiled once for all `f`.
#[inline(never)]
#[expect(clippy::type_complexity, reason = "the arguments of `rows`")]
fn with_tail<L: Lanes, const I: usize>(
    out: &mut [f32],
    ins: [&[f32]; I],
    f: &dyn Fn(&mut [L::Array], [&[L::Array]; I]),
) {
    let (whole, rest) = L::chunks_mut(out);
    let (mut starts, mut tails): ([&[L::Array]; I], [&[f32]; I]) = ([&[]; I], [&[]; I]);
    for i in 0..I {
        (starts[i], tails[i]) = L::chunks(ins[i]);
    }
    f(whole, starts);
    if rest.is_empty() {
        return;
    }
    let (mut y, mut x) = ([0.0; LONGEST], [[0.0; LONGEST]; I]);
    for i in 0..I {
        for (to, from) in x[i].iter_mut().zip(tails[i]) {
            *to = *from;
        }
    }
    let mut padded: [&[L::Array]; I] = [&[]; I];
    for i in 0..I {
        padded[i] = L::chunks(&x[i]).0.get(..1).unwrap_or_default();
    }
    f(L::chunks_mut(&mut y).0.get_mut(..1).unwrap_or_default(), padded);
    for (to, from) in rest.iter_mut().zip(&y) {
        *to = *from;
    }
}

#[inline(never)]
fn rows<S: Simd, const I: usize>(
    s: S,
    out: &mut [LongArray<S>],
    ins: [&[LongArray<S>]; I],
    f: &impl Fn(S::Long, [Long<S>; I]) -> Long<S>,
) {
    s.vectorize(
        #[inline(always)]
        move || {
            let s = s.long();
            for (c, to) in out.iter_mut().enumerate() {
                let mut x = [s.splat(0.0); I];
                for i in 0..I {
                    if let Some(from) = ins[i].get(c) {
                        x[i] = s.load(from);
                    }
                }
                s.store(f(s, x), to);
            }
        },
    );
}

/// `x = f(x)` by `f(from, to)` on copies of blocks, for an `f` whose code is not worth having twice; `f` also gets the
/// block's place.
#[inline(always)]
pub(crate) fn by_blocks(x: &mut [f32], f: impl Fn(usize, &[f32], &mut [f32])) {
    const BLOCK: usize = 128;
    let mut copy = [0.0; BLOCK];
    for (i, x) in x.chunks_mut(BLOCK).enumerate() {
        let copy = copy.get_mut(..x.len()).unwrap_or_default();
        for (to, x) in copy.iter_mut().zip(&*x) {
            *to = *x;
        }
        f(i * BLOCK, copy, x);
    }
}
