//! The error function `2/sqrt(pi) * integral of e^(-t^2) from 0 to x`.
//!
//! - `a = |x| < 0.84`: `x + x q(x^2)`, `q` of degree 5: Sollya's `fpminimax(erf(sqrt(x))/sqrt(x)-1, 5, [|SG...|],
//!   [1b-40;0.7057], absolute)`, relative error 0.11 * 2^-24.
//! - beyond: `1 - e^-(a^2 + h(a)) / 2`, where `h = -ln(2 erfc(a)) - a^2 = a + H0 + a c(a)`, `c` of degree 5: Sollya's
//!   `remez((h-x)*erfc(x), 6, [0.84;3.93], erfc(x))`, the coefficients rounded one by one from the highest, the others
//!   fitted again each time; error of the result 0.05 * 2^-24. 1 in `f32` from 3.92 on.
//!
//!   With `a^2 + h = n ln 2 + r` it is `(1 - 2^-n/2) - 2^-n/2 (e^-r - 1)`: what stands first is exact, and what is rounded
//!   in `h` and `e^-r` is small beside a step of `a`, so the result never falls. `e^-r - 1 = r^2 e(r) - r`, `e` of degree 4:
//!   Sollya's `fpminimax(exp(-x)-1+x, [|2,3,4,5,6|], [|SG...|], [-0.3466;0.3466], absolute)`, relative error of `e^-r`
//!   0.08 * 2^-24.
//!
//! The latter gets the sign of `x`.

use super::exp::{LN2_HI, LN2_LO};
use super::{polynomial, round_product, size};
use crate::simd::Lanes;

/// Largest error in units in the last place.
pub const MAX_ULP: f32 = 0.96;
/// Where it holds: everywhere.
pub const DOMAIN: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

const NEAR: f32 = 0.84;
const N: [f32; 6] = [0.128_379_17, -0.376_125_96, 0.112_829_6, -2.681_184_2e-2, 5.066_104_2e-3, -6.401_269e-4];
const H0: f32 = -0.693_043_3;
const H: [f32; 6] = [0.128_062_17, -0.363_480_42, 0.104_522_96, -2.251_643_3e-2, 3.116_897e-3, -2.035_490_9e-4];
const E: [f32; 5] = [0.499_999_8, -0.166_665_18, 4.167_145_5e-2, -8.368_953e-3, 1.365_703_1e-3];

/// `erf x`; `erf(-0) = -0`, `erf(±inf) = ±1`.
#[inline(always)]
pub fn erf<S: Lanes>(s: S, x: S::F32) -> S::F32 {
    let a = s.min(s.splat(4.0), size(s, x));
    let square = s.mul(a, a);
    let near = s.mul_add(x, polynomial(s, square, &N), x);
    let h = s.mul_add(a, polynomial(s, a, &H), s.add(a, s.splat(H0)));
    let n = round_product(s, s.add(square, h), core::f32::consts::LOG2_E);
    let r = s.add(s.mul_add(n, s.splat(-LN2_HI), square), s.mul_add(n, s.splat(-LN2_LO), h));
    let e = s.mul_add(s.mul(r, r), polynomial(s, r, &E), s.neg(r));
    let scale = s.ldexp(s.splat(-0.5), s.neg(n));
    let far = s.mul_add(scale, e, s.add(s.splat(1.0), scale));
    s.select(s.lt(a, s.splat(NEAR)), near, s.copysign(far, x))
}

#[cfg(test)]
mod tests {
    use crate::math::sweep::check;

    #[test]
    fn within_its_bound() {
        check!(erf, libm::erf, increasing: true, near_0: |x| x * core::f64::consts::FRAC_2_SQRT_PI, far: [|_| 1.0, |_| -1.0]);
    }
}
