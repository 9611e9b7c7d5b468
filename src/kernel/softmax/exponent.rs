//! What a row's exponentials are taken of: `factor * (key - largest key)`, where an element's key is `x`, or `-x` in softmin.

use crate::simd::Lanes;

/// The way from an element to its exponent, which is never above 0 when the largest key is subtracted.
#[derive(Clone, Copy)]
pub(crate) struct Exponent {
    /// 1 or -1.
    pub(crate) sign: f32,
    /// One over the temperature.
    pub(crate) factor: f32,
}

impl Exponent {
    /// `x`, at temperature 1.
    pub(crate) const PLAIN: Self = Self { sign: 1.0, factor: 1.0 };

    /// Whether it is `x - max`.
    #[inline(always)]
    pub(super) fn is_plain(self) -> bool {
        self.sign * self.factor == 1.0
    }

    /// What is compared, exactly `x` or `-x`.
    #[inline(always)]
    pub(super) fn key<L: Lanes>(self, s: L, x: L::F32) -> L::F32 {
        s.mul(x, s.splat(self.sign))
    }

    /// `factor * (key - max)`: the difference is scaled, as it is the smaller number, so its rounding errs less.
    #[inline(always)]
    pub(super) fn of<L: Lanes>(self, s: L, x: L::F32, max: L::F32) -> L::F32 {
        s.mul(s.sub(x, self.key(s, max)), s.splat(self.sign * self.factor))
    }

    /// [`of`](Self::of) a key.
    #[inline(always)]
    pub(super) fn of_key<L: Lanes>(self, s: L, key: L::F32, max: L::F32) -> L::F32 {
        s.mul(s.sub(key, max), s.splat(self.factor))
    }
}
