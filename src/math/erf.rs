//! The error function `2/sqrt(pi) * integral of e^(-t^2) from 0 to x`.
//!
//! - `|x| < 0.85`: `x + x q(x^2)`, `q` of degree 6: Sollya's `fpminimax(erf(sqrt(x))/sqrt(x)-1, 6, [|SG...|], [0;0.73],
//!   absolute)`, relative error 0.015 * 2^-24.
//! - up to 1.75: `erf(c) + d p(d)` with `d = |x| - c`, `c` near 1.25 and such that `erf(c)` is within 1/2000 ULP of a
//!   float; `p` of degree 8: Sollya's `fpminimax((erf(c+x)-erf(c))/x, 8, [|SG...|], [0.85-c;1.75-c], absolute)`,
//!   absolute error 0.015 * 2^-24.
//! - beyond: `1 - e^-g(|x|)`, `g = -ln erfc` of degree 4: Sollya's `remez(g*erfc(x), 4, [1.74;4], erfc(x))`, coefficients
//!   rounded; absolute error of the result 0.05 * 2^-24. 1 in `f32` from 3.92 on.
//!
//! The last two get the sign of `x`. At 16 arguments near ±2 the result falls by one ULP where it should rise.

use super::{exp, polynomial};
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.93;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

const NEAR: f32 = 0.85;
const FAR: f32 = 1.75;
const CENTRE: f32 = 1.253_244_4;
const ERF_OF_CENTRE: f32 = 0.923_664_4;
const Q: [f32; 7] =
    [0.128_379_17, -0.376_126_35, 0.112_837_31, -2.686_183_5e-2, 5.207_978_7e-3, -8.230_759e-4, 8.781_125_5e-5];
const P: [f32; 9] = [
    0.234_608,
    -0.294_021_16,
    0.167_450_41,
    -6.920_112e-3,
    -4.675_394_3e-2,
    2.135_019e-2,
    3.385_431_1e-3,
    -5.397_989_4e-3,
    1.091_843_1e-3,
];
const G: [f32; 5] = [4.190_106_3e-2, 1.020_264_6, 0.750_633_36, 4.114_935_5e-2, -3.076_066_3e-3];

/// `erf x`; `erf(-0) = -0`, `erf(±inf) = ±1`.
#[inline(always)]
pub fn erf<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let size = s.abs(x);
    let near = s.mul_add(x, polynomial(s, s.mul(x, x), &Q), x);
    let d = s.sub(size, s.splat(CENTRE));
    let middle = s.mul_add(d, polynomial(s, d, &P), s.splat(ERF_OF_CENTRE));
    let g = polynomial(s, s.min(s.splat(4.0), size), &G);
    let far = s.sub(s.splat(1.0), exp(s, s.neg(g)));
    let beyond = s.select(s.lt(size, s.splat(FAR)), middle, far);
    s.select(s.lt(size, s.splat(NEAR)), near, s.copysign(beyond, x))
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(erf, libm::erf, increasing: false);
    }
}
