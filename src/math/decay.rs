//! What sigmoid, softplus and gelu share: `e^-x` in parts, and a reciprocal that keeps what it lacks.
//!
//! `e^-(x - low) = 2^-n (1 + high + rest)`, with `n` and `r = high + low` as in `exp` but for the sign, and
//! `rest = low + r^2 q(r)`, `q` of degree 4: Sollya's `fpminimax(exp(x)-1-x, [|2,3,4,5,6|], [|SG...|], [-0.3466;0.3466],
//! absolute)`, relative error 0.08 * 2^-24. `high` is exact, so only what is small is rounded.

use super::double::residual;
use super::exp::{LN2_HI, LN2_LO};
use super::round_product;
use crate::simd::Lanes;

const Q: [f32; 5] = [0.499_999_8, 0.166_665_18, 4.167_145_5e-2, 8.368_953e-3, 1.365_703_1e-3];

/// `2^-n (1 + high + rest)`.
pub(super) struct Parts<S: Lanes> {
    pub(super) n: S::F32,
    pub(super) high: S::F32,
    pub(super) rest: S::F32,
}

/// `e^-(x - low)` for `|x| <= 120`. Where `low` and a small `x` are not both 0 their difference should have a square that is
/// not subnormal, which is slow. Without fused steps there are more roundings, and `CAREFUL` mends one.
#[inline(always)]
pub(super) fn parts<S: Lanes, const CAREFUL: bool>(s: S, x: S::F32, low: S::F32) -> Parts<S> {
    let n = round_product(s, x, core::f32::consts::LOG2_E);
    let high = s.mul_add(n, s.splat(LN2_HI), s.neg(x));
    let low = s.mul_add(n, s.splat(LN2_LO), low);
    let r = s.add(high, low);
    let low = if CAREFUL && !S::FUSED { s.mul_add(s.sub(low, s.sub(r, high)), r, low) } else { low };
    // In pairs: five steps in a row would be waited for.
    let r2 = s.mul(r, r);
    let end = s.mul_add(r2, s.splat(Q[4]), s.mul_add(r, s.splat(Q[3]), s.splat(Q[2])));
    let q = s.mul_add(r2, end, s.mul_add(r, s.splat(Q[1]), s.splat(Q[0])));
    let rest = s.mul_add(r2, q, low);
    Parts { n, high, rest }
}

/// `1 / (more + less + high + rest)` as `y (1 + lacking)`; `more` is 1 or greater, `less` no greater than 1, both powers of
/// two, and the others are those of [`Parts`].
#[inline(always)]
pub(super) fn reciprocal<S: Lanes>(s: S, more: S::F32, less: S::F32, e: &Parts<S>) -> (S::F32, S::F32) {
    let one = s.splat(1.0);
    let d = s.add(s.add(more, s.add(less, e.high)), e.rest);
    let d_low = s.add(s.add(s.sub(less, s.sub(d, more)), e.high), e.rest);
    let y = s.div(one, d);
    (y, s.mul_add(s.neg(y), d_low, residual(s, one, y, d)))
}
