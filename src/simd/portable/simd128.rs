//! The `simd128` of WebAssembly.

#[allow(clippy::wildcard_imports, reason = "the instruction set is the vocabulary here")]
use core::arch::wasm32::*;

pub(super) type F32 = v128;
pub(super) type Mask = v128;
pub(super) type I32 = v128;

ops! {
    fn load(from: &[f32; 4]) -> F32 = v128_load(from.as_ptr().cast());
    fn store(value: F32, to: &mut [f32; 4]) = v128_store(to.as_mut_ptr().cast(), value);
    fn splat(x: f32) -> F32 = f32x4_splat(x);
    fn add(a: F32, b: F32) -> F32 = f32x4_add(a, b);
    fn sub(a: F32, b: F32) -> F32 = f32x4_sub(a, b);
    fn mul(a: F32, b: F32) -> F32 = f32x4_mul(a, b);
    fn div(a: F32, b: F32) -> F32 = f32x4_div(a, b);
    fn sqrt(a: F32) -> F32 = f32x4_sqrt(a);
    fn neg(a: F32) -> F32 = f32x4_neg(a);
    fn abs(a: F32) -> F32 = f32x4_abs(a);
    // `pmin(b, a)` is `if a < b { a } else { b }`.
    fn min(a: F32, b: F32) -> F32 = f32x4_pmin(b, a);
    fn max(a: F32, b: F32) -> F32 = f32x4_pmax(b, a);
    fn lt(a: F32, b: F32) -> Mask = f32x4_lt(a, b);
    fn le(a: F32, b: F32) -> Mask = f32x4_le(a, b);
    fn eq(a: F32, b: F32) -> Mask = f32x4_eq(a, b);
    fn select(mask: Mask, yes: F32, no: F32) -> F32 = v128_bitselect(yes, no, mask);
    fn lookup(table: &[f32; 8], a: F32, bit: u32) -> F32 = super::lookup_each(table, a, bit);

    fn splat_int(n: i32) -> I32 = i32x4_splat(n);
    fn bits(a: F32) -> I32 = a;
    fn floats(a: I32) -> F32 = a;
    fn to_int(a: F32) -> I32 = i32x4_trunc_sat_f32x4(a);
    fn from_int(a: I32) -> F32 = f32x4_convert_i32x4(a);
    fn add_int(a: I32, b: I32) -> I32 = i32x4_add(a, b);
    fn sub_int(a: I32, b: I32) -> I32 = i32x4_sub(a, b);
    fn larger_int(a: I32, b: I32) -> I32 = i32x4_max(a, b);
    fn and(a: I32, b: I32) -> I32 = v128_and(a, b);
    fn or(a: I32, b: I32) -> I32 = v128_or(a, b);
    fn half(a: I32) -> I32 = i32x4_shr(a, 1);
    fn to_exponent(a: I32) -> I32 = i32x4_shl(a, 23);
    fn exponent(a: I32) -> I32 = u32x4_shr(a, 23);

    fn swap_halves(a: F32) -> F32 = i32x4_shuffle::<2, 3, 0, 1>(a, a);
    fn swap_pairs(a: F32) -> F32 = i32x4_shuffle::<1, 0, 3, 2>(a, a);
    fn first_lane(a: F32) -> f32 = f32x4_extract_lane::<0>(a);
    fn zip_low(a: F32, b: F32) -> F32 = i32x4_shuffle::<0, 4, 1, 5>(a, b);
    fn zip_high(a: F32, b: F32) -> F32 = i32x4_shuffle::<2, 6, 3, 7>(a, b);
}
