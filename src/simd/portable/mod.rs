//! Four lanes, chosen at compile time: SSE2, NEON, wasm `simd128`.
//!
//! `Portable<false>` multiplies and adds, so it has the bits of a Cortex-M on every machine.
//! `Portable<true>` is NEON with its fused multiply-add.
//!
//! What differs between the instruction sets is in one file each, the same names in all; what follows from it is here.

#[cfg(not(target_arch = "aarch64"))]
use super::Scalar;
use super::{Lanes, Simd, VIRTUAL_LANES, scalar::TWO_24, sealed::Sealed};
use arch::{F32, I32, Mask, bits, floats};

/// The table of an instruction set: our name and what it is there. Only these functions touch pointers or intrinsics.
macro_rules! ops {
    ($(fn $name:ident($($x:ident: $t:ty),*) $(-> $result:ty)? = $e:expr;)*) => {
        $(#[inline(always)]
        pub(super) fn $name($($x: $t),*) $(-> $result)? {
            #[allow(unused_unsafe, reason = "those of wasm are safe")]
            // SAFETY: the table is compiled only where every CPU of the target has its instructions; `load` and
            // `store` are given four floats by reference, and ask for no alignment.
            unsafe {
                $e
            }
        })*
    };
}

#[cfg_attr(target_feature = "sse2", path = "sse2.rs")]
#[cfg_attr(target_arch = "aarch64", path = "neon.rs")]
#[cfg_attr(target_feature = "simd128", path = "simd128.rs")]
mod arch;

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

/// `2^n` by its bits, `-126 <= n <= 127`.
#[inline(always)]
fn pow2(n: I32) -> F32 {
    floats(arch::to_exponent(arch::add_int(n, arch::splat_int(127))))
}

/// [`Lanes::lookup`] lane by lane, where no instruction permutes by a register.
#[cfg(not(target_arch = "aarch64"))]
#[inline(always)]
fn lookup_each(table: &[f32; 8], a: F32, bit: u32) -> F32 {
    let mut lanes = [0.0; 4];
    arch::store(a, &mut lanes);
    for x in &mut lanes {
        *x = Scalar::<false>::new().lookup(table, *x, bit);
    }
    arch::load(&lanes)
}

impl<const FUSED: bool> Lanes for Portable<FUSED> {
    const FUSED: bool = FUSED;
    const LANES: usize = 4;
    type F32 = F32;
    type Mask = Mask;
    type Array = [f32; 4];
    // SAFETY: a register is so many floats.
    const ZERO: F32 = unsafe { core::mem::transmute([0.0_f32; 4]) };
    #[inline(always)]
    fn chunks(xs: &[f32]) -> (&[[f32; 4]], &[f32]) {
        xs.as_chunks()
    }
    #[inline(always)]
    fn chunks_mut(xs: &mut [f32]) -> (&mut [[f32; 4]], &mut [f32]) {
        xs.as_chunks_mut()
    }
    #[inline(always)]
    fn splat(self, x: f32) -> F32 {
        arch::splat(x)
    }
    #[inline(always)]
    fn load(self, from: &[f32; 4]) -> F32 {
        arch::load(from)
    }
    #[inline(always)]
    fn store(self, value: F32, to: &mut [f32; 4]) {
        arch::store(value, to);
    }
    #[inline(always)]
    fn add(self, a: F32, b: F32) -> F32 {
        arch::add(a, b)
    }
    #[inline(always)]
    fn sub(self, a: F32, b: F32) -> F32 {
        arch::sub(a, b)
    }
    #[inline(always)]
    fn mul(self, a: F32, b: F32) -> F32 {
        arch::mul(a, b)
    }
    #[inline(always)]
    fn div(self, a: F32, b: F32) -> F32 {
        arch::div(a, b)
    }
    #[inline(always)]
    fn sqrt(self, a: F32) -> F32 {
        arch::sqrt(a)
    }
    #[inline(always)]
    fn mul_add(self, a: F32, b: F32, c: F32) -> F32 {
        #[cfg(target_arch = "aarch64")]
        if FUSED {
            return arch::fused(a, b, c);
        }
        arch::add(arch::mul(a, b), c)
    }
    #[inline(always)]
    fn neg(self, a: F32) -> F32 {
        arch::neg(a)
    }
    #[inline(always)]
    fn abs(self, a: F32) -> F32 {
        arch::abs(a)
    }
    #[inline(always)]
    fn copysign(self, a: F32, sign: F32) -> F32 {
        floats(arch::or(bits(arch::abs(a)), arch::and(bits(sign), arch::splat_int(i32::MIN))))
    }
    #[inline(always)]
    fn min(self, a: F32, b: F32) -> F32 {
        arch::min(a, b)
    }
    #[inline(always)]
    fn max(self, a: F32, b: F32) -> F32 {
        arch::max(a, b)
    }
    #[inline(always)]
    fn larger_size(self, a: F32, b: F32) -> F32 {
        floats(arch::larger_int(bits(a), bits(arch::abs(b))))
    }
    #[inline(always)]
    fn lt(self, a: F32, b: F32) -> Mask {
        arch::lt(a, b)
    }
    #[inline(always)]
    fn le(self, a: F32, b: F32) -> Mask {
        arch::le(a, b)
    }
    #[inline(always)]
    fn eq(self, a: F32, b: F32) -> Mask {
        arch::eq(a, b)
    }
    #[inline(always)]
    fn select(self, mask: Mask, yes: F32, no: F32) -> F32 {
        arch::select(mask, yes, no)
    }
    #[inline(always)]
    fn lookup(self, table: &[f32; 8], a: F32, bit: u32) -> F32 {
        arch::lookup(table, a, bit)
    }
    #[inline(always)]
    fn ldexp(self, a: F32, n: F32) -> F32 {
        // Two factors: the first product is exact, so the second rounds once.
        let n = arch::to_int(n);
        let half = arch::half(n);
        arch::mul(arch::mul(a, pow2(half)), pow2(arch::sub_int(n, half)))
    }
    #[inline(always)]
    fn frexp(self, a: F32) -> (F32, F32) {
        let subnormal = self.lt(a, self.splat(f32::MIN_POSITIVE));
        let lifted = bits(self.select(subnormal, self.mul(a, self.splat(TWO_24)), a));
        let bias = self.select(subnormal, self.splat(127.0 + 24.0), self.splat(127.0));
        let exponent = self.sub(arch::from_int(arch::exponent(lifted)), bias);
        let mantissa = arch::and(lifted, arch::splat_int(0x007f_ffff));
        let mantissa = floats(arch::or(mantissa, arch::splat_int(0x3f80_0000)));
        let exponent = self.select(self.eq(a, self.splat(f32::INFINITY)), a, exponent);
        let exponent = self.select(self.eq(a, self.splat(0.0)), self.splat(f32::NEG_INFINITY), exponent);
        (self.select(self.le(self.splat(0.0), a), mantissa, self.splat(f32::NAN)), exponent)
    }
}

impl<const FUSED: bool> Simd for Portable<FUSED> {
    // NEON has 32 registers, SSE2 (and most wasm hosts) 16.
    const TILE_ROWS: usize = if cfg!(target_arch = "aarch64") { 8 } else { 3 };
    const TILE_REGISTERS: usize = 3;
    type Square = [F32; 4];
    type Wide = [F32; 4];
    type Long = Self;
    #[inline(always)]
    fn long(self) -> Self {
        self
    }
    #[inline(always)]
    fn registers(self, value: &F32) -> &[F32] {
        core::slice::from_ref(value)
    }
    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> F32 {
        let mut lanes = [0.0; 4];
        for (to, x) in lanes.iter_mut().zip(from) {
            *to = *x;
        }
        self.load(&lanes)
    }
    #[inline(always)]
    fn store_partial(self, value: F32, to: &mut [f32]) {
        let mut lanes = [0.0; 4];
        self.store(value, &mut lanes);
        for (to, x) in to.iter_mut().zip(lanes) {
            *to = x;
        }
    }
    #[inline(always)]
    fn first(self, n: usize) -> Mask {
        self.lt(self.load(&[0.0, 1.0, 2.0, 3.0]), self.splat(n.min(4) as f32))
    }
    #[inline(always)]
    fn transpose(self, block: &mut [F32; 4]) {
        let [a, b, c, d] = *block;
        let (ac, bd) = (arch::zip_low(a, c), arch::zip_low(b, d));
        let (ac2, bd2) = (arch::zip_high(a, c), arch::zip_high(b, d));
        *block = [arch::zip_low(ac, bd), arch::zip_high(ac, bd), arch::zip_low(ac2, bd2), arch::zip_high(ac2, bd2)];
    }
    #[inline(always)]
    fn square(self, mut f: impl FnMut(usize) -> F32) -> [F32; 4] {
        [f(0), f(1), f(2), f(3)]
    }
    #[inline(always)]
    fn wide(self, value: F32) -> [F32; 4] {
        [value; 4]
    }
    #[inline(always)]
    fn fold(self, [a, b, c, d]: [F32; 4], f: impl Fn(F32, F32) -> F32) -> f32 {
        let v = f(f(a, c), f(b, d));
        let v = f(v, arch::swap_halves(v));
        arch::first_lane(f(v, arch::swap_pairs(v)))
    }
    #[inline(always)]
    fn to_lanes(self, wide: [F32; 4]) -> [f32; VIRTUAL_LANES] {
        let mut lanes = [0.0; VIRTUAL_LANES];
        for (value, to) in wide.into_iter().zip(lanes.as_chunks_mut().0) {
            self.store(value, to);
        }
        lanes
    }
}
