//! Four lanes by the `wide` crate, chosen at compile time: SSE2, NEON, wasm `simd128`.
//!
//! `Portable<false>` multiplies and adds, so it has the bits of a Cortex-M on every machine.
//! `Portable<true>` is NEON with its fused multiply-add.

use super::{Lanes, Simd, VIRTUAL_LANES, scalar::TWO_24, sealed::Sealed};
use wide::{f32x4, i32x4, u32x4};

/// Four `f32` at a time; `FUSED` chooses whether `mul_add` rounds once (aarch64 only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portable<const FUSED: bool> {
    _proof: (),
}

impl Portable<false> {
    /// The token; every target that has this type has its instructions.
    #[must_use]
    pub const fn new() -> Self {
        Self { _proof: () }
    }
}

impl Default for Portable<false> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(target_arch = "aarch64")]
impl Portable<true> {
    /// The token; NEON always fuses.
    #[must_use]
    pub const fn new() -> Self {
        Self { _proof: () }
    }
}

#[cfg(target_arch = "aarch64")]
impl Default for Portable<true> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const FUSED: bool> Sealed for Portable<FUSED> {}

#[inline(always)]
fn bits(a: f32x4) -> u32x4 {
    wide::bytemuck::cast(a)
}

#[inline(always)]
fn floats(a: u32x4) -> f32x4 {
    wide::bytemuck::cast(a)
}

/// `2^n` by its bits, `-126 <= n <= 127`.
#[inline(always)]
fn pow2(n: i32x4) -> f32x4 {
    let n: u32x4 = wide::bytemuck::cast(n + i32x4::splat(127));
    floats(n << 23u32)
}

impl<const FUSED: bool> Lanes for Portable<FUSED> {
    const FUSED: bool = FUSED;
    type F32 = f32x4;
    type Mask = f32x4;
    type Array = [f32; 4];
    #[inline(always)]
    fn chunks(xs: &[f32]) -> (&[[f32; 4]], &[f32]) {
        xs.as_chunks()
    }
    #[inline(always)]
    fn chunks_mut(xs: &mut [f32]) -> (&mut [[f32; 4]], &mut [f32]) {
        xs.as_chunks_mut()
    }
    #[inline(always)]
    fn splat(self, x: f32) -> f32x4 {
        f32x4::splat(x)
    }
    #[inline(always)]
    fn load(self, from: &[f32; 4]) -> f32x4 {
        f32x4::new(*from)
    }
    #[inline(always)]
    fn store(self, value: f32x4, to: &mut [f32; 4]) {
        *to = value.to_array();
    }
    #[inline(always)]
    fn add(self, a: f32x4, b: f32x4) -> f32x4 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32x4, b: f32x4) -> f32x4 {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: f32x4, b: f32x4) -> f32x4 {
        a * b
    }
    #[inline(always)]
    fn div(self, a: f32x4, b: f32x4) -> f32x4 {
        a / b
    }
    #[inline(always)]
    fn sqrt(self, a: f32x4) -> f32x4 {
        a.sqrt()
    }
    #[inline(always)]
    fn mul_add(self, a: f32x4, b: f32x4, c: f32x4) -> f32x4 {
        // `wide` fuses wherever the compile target can, so the unfused form must be spelt out.
        if FUSED { a.mul_add(b, c) } else { a * b + c }
    }
    #[inline(always)]
    fn neg(self, a: f32x4) -> f32x4 {
        -a
    }
    #[inline(always)]
    fn abs(self, a: f32x4) -> f32x4 {
        a.abs()
    }
    #[inline(always)]
    fn copysign(self, a: f32x4, sign: f32x4) -> f32x4 {
        floats(bits(a.abs()) | bits(sign) & u32x4::splat(1 << 31))
    }
    #[inline(always)]
    fn min(self, a: f32x4, b: f32x4) -> f32x4 {
        if cfg!(target_feature = "sse2") { a.fast_min(b) } else { self.select(a.simd_lt(b), a, b) }
    }
    #[inline(always)]
    fn max(self, a: f32x4, b: f32x4) -> f32x4 {
        if cfg!(target_feature = "sse2") { a.fast_max(b) } else { self.select(b.simd_lt(a), a, b) }
    }
    #[inline(always)]
    fn lt(self, a: f32x4, b: f32x4) -> f32x4 {
        a.simd_lt(b)
    }
    #[inline(always)]
    fn le(self, a: f32x4, b: f32x4) -> f32x4 {
        a.simd_le(b)
    }
    #[inline(always)]
    fn eq(self, a: f32x4, b: f32x4) -> f32x4 {
        a.simd_eq(b)
    }
    #[inline(always)]
    fn select(self, mask: f32x4, yes: f32x4, no: f32x4) -> f32x4 {
        mask.bitselect(yes, no)
    }
    #[inline(always)]
    fn ldexp(self, a: f32x4, n: f32x4) -> f32x4 {
        // Two factors: the first product is exact, so the second rounds once.
        let n = n.fast_trunc_int();
        let half: i32x4 = n >> 1u32;
        a * pow2(half) * pow2(n - half)
    }
    #[inline(always)]
    fn frexp(self, a: f32x4) -> (f32x4, f32x4) {
        let subnormal = a.simd_lt(f32x4::splat(f32::MIN_POSITIVE));
        let lifted = bits(self.select(subnormal, a * f32x4::splat(TWO_24), a));
        let bias = self.select(subnormal, f32x4::splat(127.0 + 24.0), f32x4::splat(127.0));
        let exponent = f32x4::from_i32x4(wide::bytemuck::cast(lifted >> 23u32));
        let mantissa = lifted & u32x4::splat(0x007f_ffff) | u32x4::splat(0x3f80_0000);
        let exponent = self.select(a.simd_eq(f32x4::splat(f32::INFINITY)), a, exponent - bias);
        let exponent = self.select(a.simd_eq(f32x4::splat(0.0)), f32x4::splat(f32::NEG_INFINITY), exponent);
        let positive = f32x4::splat(0.0).simd_le(a);
        (self.select(positive, floats(mantissa), f32x4::splat(f32::NAN)), exponent)
    }
}

impl<const FUSED: bool> Simd for Portable<FUSED> {
    const LANES: usize = 4;
    // NEON has 32 registers, SSE2 (and most wasm hosts) 16.
    const TILE_ROWS: usize = if cfg!(target_arch = "aarch64") { 8 } else { 3 };
    const TILE_REGISTERS: usize = 3;
    type Square = [f32x4; 4];
    type Wide = [f32x4; 4];
    type Long = Self;
    #[inline(always)]
    fn long(self) -> Self {
        self
    }
    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> f32x4 {
        let mut lanes = [0.0; 4];
        for (to, x) in lanes.iter_mut().zip(from) {
            *to = *x;
        }
        f32x4::new(lanes)
    }
    #[inline(always)]
    fn store_partial(self, value: f32x4, to: &mut [f32]) {
        for (to, x) in to.iter_mut().zip(value.to_array()) {
            *to = x;
        }
    }
    #[inline(always)]
    fn first(self, n: usize) -> f32x4 {
        let lane = |i: usize| f32::from_bits(if i < n { u32::MAX } else { 0 });
        f32x4::new([lane(0), lane(1), lane(2), lane(3)])
    }
    #[inline(always)]
    fn transpose(self, block: &mut [f32x4; 4]) {
        *block = f32x4::transpose(*block);
    }
    #[inline(always)]
    fn square(self, mut f: impl FnMut(usize) -> f32x4) -> [f32x4; 4] {
        [f(0), f(1), f(2), f(3)]
    }
    #[inline(always)]
    fn wide(self, value: f32x4) -> [f32x4; 4] {
        [value; 4]
    }
    #[inline(always)]
    fn fold(self, [a, b, c, d]: [f32x4; 4], f: impl Fn(f32x4, f32x4) -> f32x4) -> f32 {
        let v = f(f(a, c), f(b, d));
        let [x0, x1, x2, x3] = v.to_array();
        let v = f(v, f32x4::new([x2, x3, x0, x1]));
        let [x0, x1, ..] = v.to_array();
        let [x0, ..] = f(f32x4::splat(x0), f32x4::splat(x1)).to_array();
        x0
    }
    #[inline(always)]
    fn to_lanes(self, wide: [f32x4; 4]) -> [f32; VIRTUAL_LANES] {
        let mut lanes = [0.0; VIRTUAL_LANES];
        for (value, to) in wide.into_iter().zip(lanes.as_chunks_mut().0) {
            self.store(value, to);
        }
        lanes
    }
}
