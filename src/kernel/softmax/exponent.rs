//! What a row's exponentials are taken of: `factor * (key(x) - largest key)`.

use crate::simd::Simd;

/// The way from an element to its exponent; never above 0 when the largest key is subtracted.
pub(crate) trait Exponent: Copy {
    /// What is compared: `x` or `-x`, exactly.
    fn key<S: Simd>(self, s: S, x: S::F32) -> S::F32;
    /// A difference of keys, divided by the temperature.
    fn scale<S: Simd>(self, s: S, difference: S::F32) -> S::F32;
}

/// `x`, at temperature 1.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

impl Exponent for Plain {
    #[inline(always)]
    fn key<S: Simd>(self, _: S, x: S::F32) -> S::F32 {
        x
    }
    #[inline(always)]
    fn scale<S: Simd>(self, _: S, difference: S::F32) -> S::F32 {
        difference
    }
}

/// `sign * x`, at temperature `1 / factor`.
///
/// The difference is scaled, not the elements: it is the smaller number, so its rounding errs less.
#[derive(Clone, Copy)]
pub(crate) struct Scaled {
    /// 1 or -1.
    pub(crate) sign: f32,
    /// One over the temperature.
    pub(crate) factor: f32,
}

impl Exponent for Scaled {
    #[inline(always)]
    fn key<S: Simd>(self, s: S, x: S::F32) -> S::F32 {
        s.mul(x, s.splat(self.sign))
    }
    #[inline(always)]
    fn scale<S: Simd>(self, s: S, difference: S::F32) -> S::F32 {
        s.mul(difference, s.splat(self.factor))
    }
}
