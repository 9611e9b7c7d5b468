//! One lane: plain Rust for every target, and the definition that the other backends are tested against.
//!
//! `Scalar<false>` multiplies and adds (Cortex-M, soft float, wasm without SIMD): on a Cortex-M4 a fused
//! multiply-add takes three cycles and multiply-then-add two, so fusing would cost there.
//! `Scalar<true>` gives the bits of AVX2, AVX-512 and NEON, one float at a time.

use super::{Lanes, Simd, VIRTUAL_LANES, root::root, sealed::Sealed};

/// One `f32` at a time; `FUSED` chooses whether `mul_add` rounds once.
///
/// On x86-64 `Scalar<true>` needs the FMA instruction set, elsewhere it works everywhere (in software if need be).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar<const FUSED: bool> {
    _proof: (),
}

impl Scalar<false> {
    /// The token; every target has it.
    #[must_use]
    pub const fn new() -> Self {
        Self { _proof: () }
    }
}

impl Default for Scalar<false> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(feature = "all-levels", any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Scalar<true> {
    /// The token.
    ///
    /// # Safety
    /// - on x86-64 the CPU must have FMA.
    pub(super) const unsafe fn new_unchecked() -> Self {
        Self { _proof: () }
    }
}

impl<const FUSED: bool> Sealed for Scalar<FUSED> {}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[target_feature(enable = "fma,avx2")]
fn call_with_fma<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// One rounding, by the FMA instruction.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[target_feature(enable = "fma")]
#[inline]
fn fma(a: f32, b: f32, c: f32) -> f32 {
    use core::arch::x86_64::{_mm_cvtss_f32, _mm_fmadd_ss, _mm_set_ss};
    _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)))
}

impl<const FUSED: bool> Lanes for Scalar<FUSED> {
    const FUSED: bool = FUSED;
    const LANES: usize = 1;
    type F32 = f32;
    type Mask = bool;
    type Array = [f32; 1];
    const ZERO: f32 = 0.0;
    #[inline(always)]
    fn chunks(xs: &[f32]) -> (&[[f32; 1]], &[f32]) {
        xs.as_chunks()
    }
    #[inline(always)]
    fn chunks_mut(xs: &mut [f32]) -> (&mut [[f32; 1]], &mut [f32]) {
        xs.as_chunks_mut()
    }
    #[inline(always)]
    fn splat(self, x: f32) -> f32 {
        x
    }
    #[inline(always)]
    fn load(self, from: &[f32; 1]) -> f32 {
        from[0]
    }
    #[inline(always)]
    fn store(self, value: f32, to: &mut [f32; 1]) {
        to[0] = value;
    }
    #[inline(always)]
    fn add(self, a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32, b: f32) -> f32 {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: f32, b: f32) -> f32 {
        a * b
    }
    #[inline(always)]
    fn div(self, a: f32, b: f32) -> f32 {
        a / b
    }
    #[inline(always)]
    fn sqrt(self, a: f32) -> f32 {
        root(a)
    }
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        if !FUSED {
            return a * b + c;
        }
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        // SAFETY: a `Scalar<true>` exists on x86-64 only where FMA was detected.
        return unsafe { fma(a, b, c) };
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
        libm::fmaf(a, b, c)
    }
    #[inline(always)]
    fn neg(self, a: f32) -> f32 {
        -a
    }
    #[inline(always)]
    fn abs(self, a: f32) -> f32 {
        a.abs()
    }
    #[inline(always)]
    fn copysign(self, a: f32, sign: f32) -> f32 {
        a.copysign(sign)
    }
    #[inline(always)]
    fn min(self, a: f32, b: f32) -> f32 {
        if a < b { a } else { b }
    }
    #[inline(always)]
    fn max(self, a: f32, b: f32) -> f32 {
        if a > b { a } else { b }
    }
    #[inline(always)]
    fn larger_size(self, a: f32, b: f32) -> f32 {
        f32::from_bits(a.to_bits().max(b.abs().to_bits()))
    }
    #[inline(always)]
    fn lt(self, a: f32, b: f32) -> bool {
        a < b
    }
    #[inline(always)]
    fn le(self, a: f32, b: f32) -> bool {
        a <= b
    }
    #[inline(always)]
    fn eq(self, a: f32, b: f32) -> bool {
        a == b
    }
    #[inline(always)]
    fn select(self, mask: bool, yes: f32, no: f32) -> f32 {
        if mask { yes } else { no }
    }
    #[inline(always)]
    fn lookup(self, table: &[f32; 8], a: f32, bit: u32) -> f32 {
        table[(a.to_bits().wrapping_shr(bit) & 7) as usize]
    }
    #[inline(always)]
    fn ldexp(self, a: f32, n: f32) -> f32 {
        // Where the last place of a float is 1, its bits count integers; a cast would look for NaN and saturate.
        let n = (n + 12_582_912.0).to_bits().wrapping_sub(0x4b40_0000).cast_signed();
        // Two factors: the first product is exact, so the second rounds once.
        let half = n >> 1;
        a * pow2(half) * pow2(n.wrapping_sub(half))
    }
    #[inline(always)]
    fn frexp(self, a: f32) -> (f32, f32) {
        if a == 0.0 {
            return (1.0, f32::NEG_INFINITY);
        }
        if a.is_nan() || a < 0.0 {
            return (f32::NAN, 0.0);
        }
        if a == f32::INFINITY {
            return (1.0, a);
        }
        let subnormal = a < f32::MIN_POSITIVE;
        let bits = if subnormal { a * TWO_24 } else { a }.to_bits();
        let bias = if subnormal { 127 + 24 } else { 127 };
        let exponent = (bits >> 23).cast_signed() - bias;
        (f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000), exponent as f32)
    }
}

impl<const FUSED: bool> Simd for Scalar<FUSED> {
    const TILE_ROWS: usize = 4;
    const TILE_REGISTERS: usize = 2;
    type Square = [f32; 1];
    type Wide = [f32; VIRTUAL_LANES];
    type Long = Self;
    #[inline(always)]
    fn long(self) -> Self {
        self
    }
    #[inline(always)]
    fn registers(self, value: &f32) -> &[f32] {
        core::slice::from_ref(value)
    }
    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        if FUSED {
            // SAFETY: a `Scalar<true>` exists on x86-64 only where FMA was detected (`Level::available`, with AVX2).
            return unsafe { call_with_fma(f) };
        }
        f()
    }
    #[inline(always)]
    fn mul_add_one(self, a: f32, b: f32, c: f32) -> f32 {
        self.mul_add(a, b, c)
    }
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> f32 {
        from.first().copied().unwrap_or(0.0)
    }
    #[inline(always)]
    fn store_partial(self, value: f32, to: &mut [f32]) {
        if let Some(x) = to.first_mut() {
            *x = value;
        }
    }
    #[inline(always)]
    fn first(self, n: usize) -> bool {
        n > 0
    }
    #[inline(always)]
    fn transpose(self, _: &mut [f32; 1]) {}
    #[inline(always)]
    fn square(self, mut f: impl FnMut(usize) -> f32) -> [f32; 1] {
        [f(0)]
    }
    #[inline(always)]
    fn wide(self, value: f32) -> [f32; VIRTUAL_LANES] {
        [value; VIRTUAL_LANES]
    }
    #[inline(always)]
    fn fold(self, mut lanes: [f32; VIRTUAL_LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
        for half in [8, 4, 2, 1] {
            // Where this loop is not unrolled, the index of a pair would be checked.
            if let Some((low, high)) = lanes.split_at_mut_checked(half) {
                for (a, b) in low.iter_mut().zip(high) {
                    *a = f(*a, *b);
                }
            }
        }
        lanes[0]
    }
    #[inline(always)]
    fn to_lanes(self, wide: [f32; VIRTUAL_LANES]) -> [f32; VIRTUAL_LANES] {
        wide
    }
}

/// Lifts every subnormal into the normal range.
pub(super) const TWO_24: f32 = 16_777_216.0;

/// `2^n` by its bits, `-126 <= n <= 127`.
#[inline(always)]
fn pow2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}
