//! What sigmoid and softplus share: `e^x` for `x <= 0`, kept in parts until the last rounding.
//!
//! 1. `e^x = 2^n (1 + high + rest)`, with `n`, `r` and `q` as in `exp`.
//! 2. `g + c` is a reciprocal: `g` rounded, `c` what it lacks.
//! 3. `(1 + high + rest)(g + c) = g + (g high + (g rest + c + ...))`: all but the first product is small, so that its noise is.
//!
//! `g high` must not be rounded before it is added. Where a multiply-add rounds twice both factors have 12 bits, and `rest` and
//! `c` have the others.

use super::exp::{LN2_HI, LN2_LO, Q, UNDERFLOW};
use super::{TINY, polynomial, round_product};
use crate::simd::Lanes;

/// Their last places are 2^-11 and 2^-12: added to a small float they leave it that many bits after the point.
const ROUNDING_11: f32 = 6144.0;
const ROUNDING_12: f32 = 3072.0;

/// `e^-|x|`.
pub(super) struct Decay<S: Lanes> {
    /// A power of two; subnormal or 0 where the result is.
    pub(super) scale: S::F32,
    high: S::F32,
    rest: S::F32,
    /// `high + rest`, rounded.
    pub(super) t: S::F32,
}

/// `a` to a few bits after the point, as many as `rounding` leaves.
#[inline(always)]
fn short<S: Lanes>(s: S, a: S::F32, rounding: f32) -> S::F32 {
    let rounding = s.splat(rounding);
    s.sub(s.add(a, rounding), rounding)
}

/// `e^-|x|`, 0 far out.
#[inline(always)]
pub(super) fn decay<S: Lanes>(s: S, x: S::F32) -> Decay<S> {
    // What is too small would have a subnormal square, which is slow.
    let x = s.max(s.splat(UNDERFLOW), s.min(s.splat(-TINY), s.neg(s.abs(x))));
    let n = round_product(s, x, core::f32::consts::LOG2_E);
    let high = s.mul_add(n, s.splat(-LN2_HI), x);
    let low = s.mul(n, s.splat(-LN2_LO));
    let r = s.add(high, low);
    let rest = s.mul_add(s.mul(r, r), polynomial(s, r, &Q), low);
    let scale = s.ldexp(s.splat(1.0), n);
    let t = s.add(high, rest);
    if S::FUSED {
        return Decay { scale, high, rest, t };
    }
    let head = short(s, high, ROUNDING_12);
    Decay { scale, high: head, rest: s.add(s.sub(high, head), rest), t }
}

impl<S: Lanes> Decay<S> {
    /// `(y, g, c)` with `g + c = 1 / (1 + scale (1 + t))`, where `scale` is a power of two up to 1, and `y` the same rounded.
    #[inline(always)]
    pub(super) fn reciprocal(&self, s: S, scale: S::F32) -> (S::F32, S::F32, S::F32) {
        let one = s.splat(1.0);
        let d = s.mul_add(self.t, scale, s.add(one, scale));
        let d_low = s.mul_add(self.t, scale, s.sub(scale, s.sub(d, one)));
        let y = s.div(one, d);
        if S::FUSED {
            let rest = s.mul_add(s.neg(y), d_low, s.mul_add(s.neg(y), d, one));
            return (y, y, s.mul(y, rest));
        }
        // Each of these products is exact but the last.
        let (g, head) = (short(s, y, ROUNDING_12), short(s, d, ROUNDING_11));
        let rest = s.sub(s.sub(one, s.mul(g, head)), s.mul(g, s.sub(d, head)));
        let rest = s.sub(rest, s.mul(g, d_low));
        (y, g, s.mul(y, rest))
    }

    /// What `e^-|x| (g + c)` is more than `scale g`, divided by `scale`.
    #[inline(always)]
    pub(super) fn times(&self, s: S, g: S::F32, c: S::F32) -> S::F32 {
        let rest = s.mul_add(g, self.rest, s.mul_add(c, self.t, c));
        s.mul_add(g, self.high, rest)
    }
}
