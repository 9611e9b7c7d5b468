//! NEON, which every 64-bit ARM has.

#[allow(clippy::wildcard_imports, reason = "the instruction set is the vocabulary here")]
use core::arch::aarch64::*;

pub(super) type F32 = float32x4_t;
pub(super) type Mask = uint32x4_t;
pub(super) type I32 = int32x4_t;

ops! {
    fn load(from: &[f32; 4]) -> F32 = vld1q_f32(from.as_ptr());
    fn store(value: F32, to: &mut [f32; 4]) = vst1q_f32(to.as_mut_ptr(), value);
    fn splat(x: f32) -> F32 = vdupq_n_f32(x);
    fn add(a: F32, b: F32) -> F32 = vaddq_f32(a, b);
    fn sub(a: F32, b: F32) -> F32 = vsubq_f32(a, b);
    fn mul(a: F32, b: F32) -> F32 = vmulq_f32(a, b);
    fn div(a: F32, b: F32) -> F32 = vdivq_f32(a, b);
    fn sqrt(a: F32) -> F32 = vsqrtq_f32(a);
    fn fused(a: F32, b: F32, c: F32) -> F32 = vfmaq_f32(c, a, b);
    fn neg(a: F32) -> F32 = vnegq_f32(a);
    fn abs(a: F32) -> F32 = vabsq_f32(a);
    // FMIN and FMAX answer NaN for NaN; the contract is a comparison and a choice.
    fn min(a: F32, b: F32) -> F32 = select(lt(a, b), a, b);
    fn max(a: F32, b: F32) -> F32 = select(lt(b, a), a, b);
    fn lt(a: F32, b: F32) -> Mask = vcltq_f32(a, b);
    fn le(a: F32, b: F32) -> Mask = vcleq_f32(a, b);
    fn eq(a: F32, b: F32) -> Mask = vceqq_f32(a, b);
    fn select(mask: Mask, yes: F32, no: F32) -> F32 = vbslq_f32(mask, yes, no);
    // Bytes are looked up: those of lane i begin at 4 i.
    fn lookup(table: &[f32; 8], a: F32, bit: u32) -> F32 = {
        let bytes = table.as_ptr().cast();
        let index = vshlq_u32(vreinterpretq_u32_f32(a), vdupq_n_s32(bit.cast_signed().wrapping_neg()));
        let index = vmlaq_n_u32(vdupq_n_u32(0x0302_0100), vandq_u32(index, vdupq_n_u32(7)), 0x0404_0404);
        let table = uint8x16x2_t(vld1q_u8(bytes), vld1q_u8(bytes.add(16)));
        vreinterpretq_f32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(index)))
    };

    fn splat_int(n: i32) -> I32 = vdupq_n_s32(n);
    fn bits(a: F32) -> I32 = vreinterpretq_s32_f32(a);
    fn floats(a: I32) -> F32 = vreinterpretq_f32_s32(a);
    fn to_int(a: F32) -> I32 = vcvtq_s32_f32(a);
    fn from_int(a: I32) -> F32 = vcvtq_f32_s32(a);
    fn add_int(a: I32, b: I32) -> I32 = vaddq_s32(a, b);
    fn sub_int(a: I32, b: I32) -> I32 = vsubq_s32(a, b);
    fn larger_int(a: I32, b: I32) -> I32 = vmaxq_s32(a, b);
    fn and(a: I32, b: I32) -> I32 = vandq_s32(a, b);
    fn or(a: I32, b: I32) -> I32 = vorrq_s32(a, b);
    fn half(a: I32) -> I32 = vshrq_n_s32::<1>(a);
    fn to_exponent(a: I32) -> I32 = vshlq_n_s32::<23>(a);
    fn exponent(a: I32) -> I32 = vreinterpretq_s32_u32(vshrq_n_u32::<23>(vreinterpretq_u32_s32(a)));

    fn swap_halves(a: F32) -> F32 = vextq_f32::<2>(a, a);
    fn swap_pairs(a: F32) -> F32 = vrev64q_f32(a);
    fn first_lane(a: F32) -> f32 = vgetq_lane_f32::<0>(a);
    fn zip_low(a: F32, b: F32) -> F32 = vzip1q_f32(a, b);
    fn zip_high(a: F32, b: F32) -> F32 = vzip2q_f32(a, b);
}
