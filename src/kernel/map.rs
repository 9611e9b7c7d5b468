//! The one loop for everything element by element.

use crate::simd::Simd;

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
    let outs = outs.map(S::chunks_mut);
    let ins = ins.map(S::chunks);
    let whole = outs.iter().map(|out| out.0.len()).chain(ins.iter().map(|x| x.0.len())).min().unwrap_or(0);
    for c in 0..whole {
        let (mut old, mut x) = ([s.splat(0.0); O], [s.splat(0.0); I]);
        for o in 0..O {
            if let Some(from) = outs[o].0.get(c) {
                old[o] = s.load(from);
            }
        }
        for i in 0..I {
            if let Some(from) = ins[i].0.get(c) {
                x[i] = s.load(from);
            }
        }
        let new = f(old, x);
        for o in 0..O {
            if let Some(to) = outs[o].0.get_mut(c) {
                s.store(new[o], to);
            }
        }
    }
    if S::LANES > 1 && outs.iter().any(|out| !out.1.is_empty()) {
        let old = core::array::from_fn(
            #[inline(always)]
            |o| s.load_partial(outs[o].1),
        );
        let x = core::array::from_fn(
            #[inline(always)]
            |i| s.load_partial(ins[i].1),
        );
        let new = f(old, x);
        for o in 0..O {
            s.store_partial(new[o], outs[o].1);
        }
    }
}
