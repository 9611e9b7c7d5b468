//! The one loop for everything element by element.

use super::reduce::map_reduce;
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
    map_reduce(
        s,
        outs,
        ins,
        [],
        #[inline(always)]
        |outs, ins, []| (f(outs, ins), []),
    );
}
