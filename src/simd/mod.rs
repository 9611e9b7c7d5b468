//! One trait for a register of `f32` lanes, its backends, detection and dispatch: **the only place with `unsafe`**.
//!
//! A backend is a zero-sized *token*. Having one proves that the CPU can execute its instructions, so every
//! kernel that takes a token is safe code, written once, generic over [`Simd`], or [`Lanes`] where it needs no more.
//!
//! # The numeric contract
//!
//! Two backends with the same [`Lanes::FUSED`] give the same bits for every operation and every input
//! (a NaN answers a NaN; its payload is the CPU's own). In detail:
//!
//! - `add`, `sub`, `mul`, `div`, `sqrt` round to nearest even; subnormals are kept, never flushed.
//! - `mul_add(a, b, c)` is `a*b + c` with one rounding where `FUSED`, with two elsewhere; never a mixture.
//! - `min(a, b)` is `if a < b { a } else { b }`, `max(a, b)` is `if a > b { a } else { b }`: with a NaN on
//!   either side, or two zeros, the answer is `b`.
//! - comparisons with NaN are false.
//! - [`Lanes::ldexp`] rounds once, also into the subnormal range, for what [`Lanes::frexp`] gives.
//!
//! Kernels choose nothing but the backend; users choose it with [`set_level`], if they care at all.

#![allow(unsafe_code, reason = "the one module that talks to the instruction set")]

mod four;
mod level;
mod lines;
mod prefetch;
mod root;
mod rows;
mod scalar;
mod tile;
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
mod vfp;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx512;
#[cfg(any(target_feature = "sse2", all(target_arch = "aarch64", target_feature = "neon"), target_feature = "simd128"))]
mod portable;
#[cfg(test)]
mod tests;

#[cfg(any(
    target_feature = "sse2",
    all(target_arch = "aarch64", target_feature = "neon"),
    target_feature = "simd128"
))]
pub use portable::Portable;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub use {avx2::Avx2, avx512::Avx512};

pub(crate) use lines::{Across, Along, Lines, Operands, unrolled};
pub(crate) use prefetch::{prefetch, prefetch_to_write};
pub(crate) use root::{root, root_f64};
pub(crate) use rows::{Rows, Tile};
pub(crate) use tile::{Column, Registers, RowOffsets, Steps};
#[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
pub(crate) use vfp::one_by_eight;

pub use four::Four;
pub use level::{Level, level, set_level};
pub use scalar::Scalar;

/// The most lanes that [`Simd::Long`] has.
pub const LONGEST: usize = 64;

/// Number of virtual lanes over which every reduction runs, whatever the width of a register.
pub const VIRTUAL_LANES: usize = 16;

/// There are no instructions for it: none of the floats.
#[cfg(not(all(target_arch = "arm", target_abi = "eabihf")))]
#[inline(always)]
pub(crate) fn one_by_eight(_: &[f32], _: &[f32], _: usize, _: &mut [f32]) -> usize {
    0
}

mod sealed {
    /// Backends live in this crate: the bits they give are a promise.
    pub trait Sealed {}
}

/// A token for a row of `f32` lanes, a register or several, and the arithmetic that can be done with it: all that the
/// functions of [`math`](crate::math) need.
///
/// Operations are methods of the token, so `s.add(a, b)` cannot be written without the proof that it may run.
/// The module's head has the numeric contract.
pub trait Lanes: Copy + Send + Sync + core::fmt::Debug + sealed::Sealed + 'static {
    /// Whether [`mul_add`](Lanes::mul_add) rounds once (`true`) or twice.
    const FUSED: bool;
    /// How many lanes: 1, 4, 8 or 16 in a register.
    const LANES: usize;

    /// A row of lanes.
    type F32: Copy;
    /// A truth value for each lane.
    type Mask: Copy;
    /// Its memory image.
    type Array: Copy;

    /// 0 in every lane: a constant, of which arrays are made without a loop.
    const ZERO: Self::F32;

    /// `xs` as whole rows of lanes and the rest.
    fn chunks(xs: &[f32]) -> (&[Self::Array], &[f32]);
    /// `xs` as whole rows of lanes and the rest, writable.
    fn chunks_mut(xs: &mut [f32]) -> (&mut [Self::Array], &mut [f32]);

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::F32;
    /// Reads all lanes.
    fn load(self, from: &Self::Array) -> Self::F32;
    /// *Writes* all lanes.
    fn store(self, value: Self::F32, to: &mut Self::Array);

    /// `a + b`
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a - b`
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b`
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a / b`
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// Square root; NaN below zero.
    fn sqrt(self, a: Self::F32) -> Self::F32;
    /// `a * b + c`, rounded once where [`FUSED`](Lanes::FUSED), twice elsewhere.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `-a`: the sign bit flipped, of NaN and zero too.
    fn neg(self, a: Self::F32) -> Self::F32;
    /// `|a|`: the sign bit cleared.
    fn abs(self, a: Self::F32) -> Self::F32;
    /// `a` with the sign bit of `sign`.
    fn copysign(self, a: Self::F32, sign: Self::F32) -> Self::F32;
    /// `if a < b { a } else { b }`
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `if a > b { a } else { b }`
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a` or `|b|`, whichever has the larger bits, for an `a` without a sign: NaN is above infinity, and stays.
    fn larger_size(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// `a < b`
    fn lt(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    /// `a <= b`
    fn le(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    /// `a == b`; `eq(a, a)` is "not NaN".
    fn eq(self, a: Self::F32, b: Self::F32) -> Self::Mask;
    /// `if mask { yes } else { no }`, bit for bit.
    fn select(self, mask: Self::Mask, yes: Self::F32, no: Self::F32) -> Self::F32;

    /// `table[i]`, where `i` is the three bits of `a` from number `bit <= 29` on, which should be a constant: the mantissa's
    /// last is number 0, the exponent's 23, so with 22 `i` counts half octaves. NaN has bits like any other.
    fn lookup(self, table: &[f32; 8], a: Self::F32, bit: u32) -> Self::F32;
    /// `a * 2^n`, rounded once, for `2^-24 <= |a| <= 2` (or NaN) and integers `n` in `-160..=252`; 0 for positive `a` and
    /// `n` from -252 on, without the time that CPUs take to round to 0; else unspecified.
    fn ldexp(self, a: Self::F32, n: Self::F32) -> Self::F32;
    /// `(m, e)` with `a == m * 2^e` and `1 <= m < 2`, for finite `a > 0`, subnormal ones too. As a logarithm needs it, `e`
    /// is `-inf` for 0 and `inf` for infinity, with an `m` of size 1, and `m` is NaN for NaN and below 0.
    fn frexp(self, a: Self::F32) -> (Self::F32, Self::F32);
}

/// A token for one instruction set: a register of [`LANES`](Lanes::LANES) `f32` and what can be done with it.
pub trait Simd: Lanes {
    /// Rows of the matmul tile whose sums stay in the register file: 1 to 9.
    const TILE_ROWS: usize;
    /// Registers in a row of that tile: 1 to 3.
    const TILE_REGISTERS: usize;

    /// `[F32; LANES]`, a square block.
    type Square: Copy + AsRef<[Self::F32]> + AsMut<[Self::F32]>;
    /// `[F32; 16 / LANES]`, the 16 virtual lanes of a reduction.
    type Wide: Copy + AsRef<[Self::F32]> + AsMut<[Self::F32]>;
    /// The lanes over which a long chain of operations should be done at once, at most [`LONGEST`]: [`Four`] registers, or
    /// the register itself where the CPU takes one operation after the other anyway.
    type Long: Lanes;

    /// The token of [`Long`](Simd::Long).
    fn long(self) -> Self::Long;
    /// The registers of a value of [`Long`](Simd::Long).
    fn registers(self, value: &<Self::Long as Lanes>::F32) -> &[Self::F32];
    /// Runs `f` compiled with this backend's instructions; `f` must be `#[inline(always)]` down to the operations.
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R;

    /// [`mul_add`](Lanes::mul_add) of single floats.
    #[inline(always)]
    fn mul_add_one(self, a: f32, b: f32, c: f32) -> f32 {
        self.to_lanes(self.wide(self.mul_add(self.splat(a), self.splat(b), self.splat(c))))[0]
    }
    /// Reads the first `min(from.len(), LANES)` lanes; the others are `0`.
    fn load_partial(self, from: &[f32]) -> Self::F32;
    /// *Writes* the first `min(to.len(), LANES)` lanes.
    fn store_partial(self, value: Self::F32, to: &mut [f32]);
    /// True in the first `n` lanes.
    fn first(self, n: usize) -> Self::Mask;

    /// Reads a square block: `LANES` rows of `LANES` floats, `stride` apart. `None` where `from` ends before it does.
    #[inline(always)]
    fn load_block(self, from: &[f32], stride: usize) -> Option<Self::Square> {
        if from.len() < block_len::<Self>(stride)? {
            return None;
        }
        Some(self.square(
            #[inline(always)]
            |i| {
                // SAFETY: `square` counts i up to LANES - 1; row i ends at i * stride + LANES, at most the block's length,
                // which `from` was checked to have; `Array` is `[f32; LANES]` in every backend (the trait is sealed).
                self.load(unsafe { &*from.as_ptr().add(i * stride).cast::<Self::Array>() })
            },
        ))
    }
    /// *Writes* a square block: `LANES` rows of `LANES` floats, `stride` apart. `None`, and nothing is written, where
    /// `to` ends before it does.
    #[inline(always)]
    fn store_block(self, block: &Self::Square, to: &mut [f32], stride: usize) -> Option<()> {
        if to.len() < block_len::<Self>(stride)? {
            return None;
        }
        for i in 0..Self::LANES {
            // SAFETY: as in `load_block`; one row at a time is borrowed.
            let row = unsafe { &mut *to.as_mut_ptr().add(i * stride).cast::<Self::Array>() };
            self.store(block.as_ref()[i], row);
        }
        Some(())
    }
    /// Lane `j` of register `i` and lane `i` of register `j` change places.
    fn transpose(self, block: &mut Self::Square);
    /// `f(i)` in register i of a block.
    fn square(self, f: impl FnMut(usize) -> Self::F32) -> Self::Square;
    /// `value` in each register of the virtual lanes.
    fn wide(self, value: Self::F32) -> Self::Wide;
    /// The 16 virtual lanes in order.
    fn to_lanes(self, wide: Self::Wide) -> [f32; VIRTUAL_LANES];
    /// The virtual lanes folded by `f`: lane j with lane j + 8, then + 4, + 2, + 1.
    fn fold(self, wide: Self::Wide, f: impl Fn(Self::F32, Self::F32) -> Self::F32) -> f32;
}

/// A value of [`Simd::Long`].
pub(crate) type Long<S> = <<S as Simd>::Long as Lanes>::F32;

/// Floats from the first of a square block to the last, where its rows are `stride` apart; `None` on overflow.
#[inline(always)]
fn block_len<S: Simd>(stride: usize) -> Option<usize> {
    stride.checked_mul(S::LANES - 1)?.checked_add(S::LANES)
}
