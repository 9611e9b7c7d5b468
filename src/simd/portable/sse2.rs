//! SSE2, which every x86-64 has.

#[cfg(target_arch = "x86")]
#[allow(clippy::wildcard_imports, reason = "the instruction set is the vocabulary here")]
use core::arch::x86::*;
#[cfg(target_arch = "x86_64")]
#[allow(clippy::wildcard_imports, reason = "the instruction set is the vocabulary here")]
use core::arch::x86_64::*;

pub(super) type F32 = __m128;
pub(super) type Mask = __m128;
pub(super) type I32 = __m128i;

ops! {
    fn load(from: &[f32; 4]) -> F32 = _mm_loadu_ps(from.as_ptr());
    fn store(value: F32, to: &mut [f32; 4]) = _mm_storeu_ps(to.as_mut_ptr(), value);
    fn splat(x: f32) -> F32 = _mm_set1_ps(x);
    fn add(a: F32, b: F32) -> F32 = _mm_add_ps(a, b);
    fn sub(a: F32, b: F32) -> F32 = _mm_sub_ps(a, b);
    fn mul(a: F32, b: F32) -> F32 = _mm_mul_ps(a, b);
    fn div(a: F32, b: F32) -> F32 = _mm_div_ps(a, b);
    fn sqrt(a: F32) -> F32 = _mm_sqrt_ps(a);
    fn neg(a: F32) -> F32 = _mm_xor_ps(a, splat(-0.0));
    fn abs(a: F32) -> F32 = _mm_andnot_ps(splat(-0.0), a);
    fn min(a: F32, b: F32) -> F32 = _mm_min_ps(a, b);
    fn max(a: F32, b: F32) -> F32 = _mm_max_ps(a, b);
    fn lt(a: F32, b: F32) -> Mask = _mm_cmplt_ps(a, b);
    fn le(a: F32, b: F32) -> Mask = _mm_cmple_ps(a, b);
    fn eq(a: F32, b: F32) -> Mask = _mm_cmpeq_ps(a, b);
    fn select(mask: Mask, yes: F32, no: F32) -> F32 = _mm_or_ps(_mm_and_ps(mask, yes), _mm_andnot_ps(mask, no));
    fn lookup(table: &[f32; 8], a: F32, bit: u32) -> F32 = super::lookup_each(table, a, bit);

    fn splat_int(n: i32) -> I32 = _mm_set1_epi32(n);
    fn bits(a: F32) -> I32 = _mm_castps_si128(a);
    fn floats(a: I32) -> F32 = _mm_castsi128_ps(a);
    fn to_int(a: F32) -> I32 = _mm_cvtps_epi32(a);
    fn from_int(a: I32) -> F32 = _mm_cvtepi32_ps(a);
    fn add_int(a: I32, b: I32) -> I32 = _mm_add_epi32(a, b);
    fn sub_int(a: I32, b: I32) -> I32 = _mm_sub_epi32(a, b);
    fn larger_int(a: I32, b: I32) -> I32 = {
        let is_more = _mm_cmpgt_epi32(a, b);
        _mm_or_si128(_mm_and_si128(is_more, a), _mm_andnot_si128(is_more, b))
    };
    fn and(a: I32, b: I32) -> I32 = _mm_and_si128(a, b);
    fn or(a: I32, b: I32) -> I32 = _mm_or_si128(a, b);
    fn half(a: I32) -> I32 = _mm_srai_epi32::<1>(a);
    fn to_exponent(a: I32) -> I32 = _mm_slli_epi32::<23>(a);
    fn exponent(a: I32) -> I32 = _mm_srli_epi32::<23>(a);

    fn swap_halves(a: F32) -> F32 = _mm_shuffle_ps::<0b01_00_11_10>(a, a);
    fn swap_pairs(a: F32) -> F32 = _mm_shuffle_ps::<0b10_11_00_01>(a, a);
    fn first_lane(a: F32) -> f32 = _mm_cvtss_f32(a);
    fn zip_low(a: F32, b: F32) -> F32 = _mm_unpacklo_ps(a, b);
    fn zip_high(a: F32, b: F32) -> F32 = _mm_unpackhi_ps(a, b);
}
